//! One library's names for a vision transformer's tensors, and what follows from them: which file is of which library, which
//! architecture its tensors have, and where each of this crate's parts lies in it.

use crate::checkpoint::{Checkpoint, CheckpointError, Expected};
use crate::model::{Activation, Architecture, Part, PositionResize, Projection};

/// A library's names. Where a field is empty, the library has no such tensor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names {
    /// The library and its model, for people.
    pub(crate) library: &'static str,
    pub(crate) patch: &'static str,
    pub(crate) class_token: &'static str,
    pub(crate) distillation_token: &'static str,
    pub(crate) registers: &'static str,
    pub(crate) positions: &'static str,
    /// Whether class token and positions come without the axes of length 1.
    pub(crate) flat_tokens: bool,
    pub(crate) norm_before_blocks: &'static str,
    /// What stands before a block's number; after it comes a dot.
    pub(crate) blocks: &'static str,
    pub(crate) block: BlockNames,
    pub(crate) norm: &'static str,
    /// The last normalisation where it comes after pooling.
    pub(crate) norm_after_pooling: &'static str,
    /// The part of the names that a model around the encoder adds, and what lies beside it.
    pub(crate) inner: &'static [&'static str],
    pub(crate) pooler: &'static str,
    /// Beside the encoder, not in it.
    pub(crate) projection: &'static str,
    /// Beginnings of names that embedding an image does not need.
    pub(crate) unneeded: &'static [&'static str],
    pub(crate) layer_norm_eps: f64,
    pub(crate) gelu: Activation,
    pub(crate) position_resize: PositionResize,
    pub(crate) position_resize_with_registers: PositionResize,
}

/// A library's names within a block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockNames {
    pub(crate) norm_before_attention: &'static str,
    pub(crate) qkv: Qkv,
    pub(crate) attention_output: &'static str,
    pub(crate) attention_scale: &'static str,
    pub(crate) norm_before_perceptron: &'static str,
    pub(crate) up: &'static str,
    pub(crate) down: &'static str,
    pub(crate) gated_up: &'static str,
    pub(crate) gated_down: &'static str,
    pub(crate) perceptron_scale: &'static str,
}

/// How queries, keys and values are kept.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Qkv {
    /// Three linear layers.
    Apart([&'static str; 3]),
    /// One linear layer; the name ends in what separates it from `weight` and `bias`.
    Fused(&'static str),
}

/// Where one of this crate's parts lies in a file: pieces one after another along the first axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) part: Part,
    pub(crate) pieces: Vec<Expected>,
}

/// A library's names, and where in a file they begin.
#[derive(Debug, Clone)]
pub(crate) struct Naming {
    pub(crate) names: &'static Names,
    /// What stands before the encoder's names.
    pub(crate) prefix: String,
    /// What stands before the names of the layers beside it.
    pub(crate) root: String,
}

impl Naming {
    /// Names at the beginning of a file of their own.
    pub(crate) fn bare(names: &'static Names) -> Self {
        Self { names, prefix: String::new(), root: String::new() }
    }

    /// Where every part lies.
    pub(crate) fn sources(&self, sizes: &Architecture) -> Vec<Source> {
        sizes.parts().into_iter().map(|part| self.source(part, sizes)).collect()
    }

    fn source(&self, part: Part, sizes: &Architecture) -> Source {
        let names = self.names;
        let flat = |shape: &[usize]| match names.flat_tokens {
            true => shape.iter().copied().skip_while(|&length| length == 1).collect(),
            false => shape.to_vec(),
        };
        let own =
            |name: String, shape: Vec<usize>| Expected { name: format!("{}{name}", self.prefix), shape };
        let shape = part.shape.clone();
        let pieces = match part.name.split_once('.') {
            Some(("blocks", rest)) => self.block_pieces(rest, &shape, sizes),
            None => {
                let name = match part.name.as_str() {
                    "class_token" => names.class_token,
                    "distillation_token" => names.distillation_token,
                    "registers" => names.registers,
                    _ => names.positions,
                };
                vec![own(name.into(), flat(&shape))]
            }
            Some(("projection", end)) => {
                vec![Expected { name: format!("{}{}.{end}", self.root, names.projection), shape }]
            }
            Some((layer, end)) => {
                let name = match layer {
                    "patch" => names.patch,
                    "norm_before_blocks" => names.norm_before_blocks,
                    "norm" if sizes.norm_after_pooling => names.norm_after_pooling,
                    "norm" => names.norm,
                    _ => names.pooler,
                };
                vec![own(format!("{name}.{end}"), shape)]
            }
        };
        Source { part, pieces }
    }

    /// `rest` is such as `3.qkv.weight`.
    fn block_pieces(&self, rest: &str, shape: &[usize], sizes: &Architecture) -> Vec<Expected> {
        let (layer, name) = rest.split_once('.').unwrap_or((rest, ""));
        let prefix = format!("{}{}{layer}.", self.prefix, self.names.blocks);
        self.names.block.pieces(&prefix, name, shape, sizes.activation)
    }

    /// Every tensor that a file of this architecture holds.
    pub(crate) fn expected(&self, sizes: &Architecture) -> Vec<Expected> {
        self.sources(sizes).into_iter().flat_map(|source| source.pieces).collect()
    }

    /// Whether embedding an image does without a tensor of this name.
    pub(crate) fn unneeded(&self, name: &str) -> bool {
        let Some(own) = name.strip_prefix(&self.prefix) else { return true };
        let beside = name.strip_prefix(&self.root).unwrap_or(own);
        self.names.unneeded.iter().any(|start| own.starts_with(start) || beside.starts_with(start))
    }

    /// The architecture that a file's tensors have; `heads` cannot be told from them.
    ///
    /// # Errors
    /// When a tensor that tells a size is missing or has another number of axes than it must.
    pub(crate) fn architecture(
        &self,
        checkpoint: &Checkpoint,
        heads: usize,
    ) -> Result<Architecture, CheckpointError> {
        let names = self.names;
        let inside = |name: &str| {
            (!name.is_empty()).then(|| checkpoint.shape(&format!("{}{name}", self.prefix))).flatten()
        };
        let has = |name: &str| inside(name).is_some();
        let axes = |name: &str, axes: usize| match inside(name) {
            Some(shape) if shape.len() == axes => Ok(shape.to_vec()),
            found => Err(CheckpointError::Tensors {
                path: checkpoint.path().into(),
                problems: format!("{}{name} found {}, expected {axes} axes", self.prefix, described(found)),
            }),
        };
        let patch = axes(&format!("{}.weight", names.patch), 4)?;
        let positions = axes(names.positions, if names.flat_tokens { 2 } else { 3 })?;
        let positions = positions[positions.len() - 2];
        let block = |part: &str| format!("{}0.{part}", names.blocks);
        let gated =
            !names.block.gated_up.is_empty() && has(&block(&format!("{}.weight", names.block.gated_up)));
        let up = if gated { names.block.gated_up } else { names.block.up };
        let up = axes(&block(&format!("{up}.weight")), 2)?;
        let distillation_token = has(names.distillation_token);
        let registers =
            inside(names.registers).map_or(0, |shape| shape.iter().rev().nth(1).copied().unwrap_or(0));
        let with_class = 1 + usize::from(distillation_token);
        let is_square = |count: usize| count.isqrt().pow(2) == count;
        let positioned_tokens = match positions {
            count if count > with_class && is_square(count - with_class) => with_class,
            count if is_square(count) => 0,
            count => {
                return Err(CheckpointError::Tensors {
                    path: checkpoint.path().into(),
                    problems: format!(
                        "{}{} found {count} positions, expected those of a square of patches and {with_class} more",
                        self.prefix, names.positions
                    ),
                });
            }
        };
        let qkv_bias = has(&block(&match names.block.qkv {
            Qkv::Apart([query, ..]) => format!("{query}.bias"),
            Qkv::Fused(fused) => format!("{fused}bias"),
        }));
        let activation = if gated { Activation::SwiGlu } else { names.gelu };
        let layer_scale = !names.block.attention_scale.is_empty() && has(&block(names.block.attention_scale));
        Ok(Architecture {
            image_size: (positions - positioned_tokens).isqrt() * patch[2],
            patch_size: patch[2],
            channels: patch[1],
            width: patch[0],
            layers: self.layers(checkpoint),
            heads,
            perceptron_width: up[0] / activation.widening(),
            activation,
            layer_norm_eps: names.layer_norm_eps,
            qkv_bias,
            patch_bias: has(&format!("{}.bias", names.patch)),
            distillation_token,
            registers,
            positioned_tokens,
            layer_scale,
            norm_before_blocks: has(&format!("{}.weight", names.norm_before_blocks)),
            norm_after_pooling: !has(&format!("{}.weight", names.norm))
                && has(&format!("{}.weight", names.norm_after_pooling)),
            pooler: has(&format!("{}.weight", names.pooler)),
            projection: self.projection(checkpoint),
            position_resize: if registers > 0 {
                names.position_resize_with_registers
            } else {
                names.position_resize
            },
        })
    }

    fn projection(&self, checkpoint: &Checkpoint) -> Option<Projection> {
        let name = format!("{}{}", self.root, self.names.projection);
        let [width, _] = checkpoint.shape(&format!("{name}.weight"))? else { return None };
        Some(Projection { width: *width, bias: checkpoint.shape(&format!("{name}.bias")).is_some() })
    }

    /// One more than the highest number of a block, so that a block missing in between is found missing.
    fn layers(&self, checkpoint: &Checkpoint) -> usize {
        let start = format!("{}{}", self.prefix, self.names.blocks);
        let number = |name: &String| name.strip_prefix(&start)?.split('.').next()?.parse::<usize>().ok();
        checkpoint.tensors().keys().filter_map(number).max().map_or(0, |highest| highest.saturating_add(1))
    }
}

impl BlockNames {
    /// Where a part of a block lies; `name` is such as `qkv.weight`.
    pub(crate) fn pieces(
        &self,
        prefix: &str,
        name: &str,
        shape: &[usize],
        activation: Activation,
    ) -> Vec<Expected> {
        let (layer, end) = name.split_once('.').unwrap_or((name, ""));
        let one = |name: String| vec![Expected { name: format!("{prefix}{name}"), shape: shape.to_vec() }];
        let gated = activation == Activation::SwiGlu;
        let theirs = match layer {
            "qkv" => match self.qkv {
                Qkv::Fused(fused) => return one(format!("{fused}{end}")),
                Qkv::Apart(names) => {
                    let mut third = shape.to_vec();
                    third[0] /= 3;
                    let piece =
                        |name| Expected { name: format!("{prefix}{name}.{end}"), shape: third.clone() };
                    return names.map(piece).to_vec();
                }
            },
            "attention_scale" => return one(self.attention_scale.into()),
            "perceptron_scale" => return one(self.perceptron_scale.into()),
            "norm_before_attention" => self.norm_before_attention,
            "attention_output" => self.attention_output,
            "norm_before_perceptron" => self.norm_before_perceptron,
            "up" if gated => self.gated_up,
            "up" => self.up,
            _ if gated => self.gated_down,
            _ => self.down,
        };
        one(format!("{theirs}.{end}"))
    }
}

fn described(shape: Option<&[usize]>) -> String {
    shape.map_or("no such tensor".into(), |shape| format!("{shape:?}"))
}
