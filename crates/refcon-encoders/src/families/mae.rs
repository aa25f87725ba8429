//! ViT-MAE: the masked autoencoder's encoder, which embeds with nothing masked, and its decoder, which rebuilds what is masked.
//!
//! He et al., Masked Autoencoders Are Scalable Vision Learners, CVPR 2022 (arXiv 2111.06377).
//!
//! ```sh
//! refcon predict --encoder vit-mae-large/ --query MY_TILES --corpus ALL_TILES -o results.json
//! ```
//!
//! Files: Transformers' `ViTMAEModel` and `ViTMAEForPreTraining`, and those of Meta's own code and of the seismic foundation
//! models ([`super::timm`]).

use super::names::{BlockNames, Naming, Source};
use super::{timm, vit};
use crate::checkpoint::{Checkpoint, CheckpointError, Expected};
use crate::execution::Execution;
use crate::model::layers::{self, LayerNorm, Linear};
use crate::model::{Architecture, Block, Loader, Named, Part, Parts, VisionTransformer, Weights};
use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor};

/// A library's names for the decoder's tensors, after what stands before the whole model's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DecoderNames {
    embedding: &'static str,
    mask_token: &'static str,
    positions: &'static str,
    blocks: &'static str,
    block: BlockNames,
    norm: &'static str,
    prediction: &'static str,
}

/// Transformers' names.
pub(crate) const TRANSFORMERS: DecoderNames = DecoderNames {
    embedding: "decoder.decoder_embed",
    mask_token: "decoder.mask_token",
    positions: "decoder.decoder_pos_embed",
    blocks: "decoder.decoder_layers.",
    block: vit::BLOCK,
    norm: "decoder.decoder_norm",
    prediction: "decoder.decoder_pred",
};

/// Names of Meta's own code.
const META: DecoderNames = DecoderNames {
    embedding: "decoder_embed",
    mask_token: "mask_token",
    positions: "decoder_pos_embed",
    blocks: "decoder_blocks.",
    block: timm::BLOCK,
    norm: "decoder_norm",
    prediction: "decoder_pred",
};

/// Begins the names of every decoder, whichever library's.
pub(crate) const DECODER_MARKS: [&str; 2] = [TRANSFORMERS.embedding, META.embedding];

/// A masked autoencoder.
#[derive(Module, Debug)]
pub struct MaskedAutoencoder {
    /// Embeds the patches that the mask leaves.
    pub encoder: VisionTransformer,
    /// Rebuilds all of them.
    pub decoder: Decoder,
}

/// The decoder: a narrower transformer over the encoder's tokens and a mask token for each patch that is missing.
#[derive(Module, Debug)]
pub struct Decoder {
    #[module(skip)]
    execution: Execution,
    embedding: Linear,
    mask_token: Param<Tensor<3>>,
    positions: Param<Tensor<3>>,
    blocks: Vec<Block>,
    norm: LayerNorm,
    prediction: Linear,
}

/// What a masked autoencoder makes of images.
#[derive(Debug)]
pub struct Reconstruction {
    /// The patches, each as its pixels `[row, column, channel]`: `[batch, patches, patch_size² · channels]`.
    pub patches: Tensor<3>,
    /// 1 where a patch was masked, 0 where the encoder saw it: `[batch, patches]`.
    pub mask: Tensor<2>,
}

impl MaskedAutoencoder {
    /// The same with positions that training does not change.
    pub(crate) fn with_fixed_positions(self) -> Self {
        let Self { encoder, mut decoder } = self;
        decoder.positions = decoder.positions.set_require_grad(false);
        Self { encoder: encoder.with_fixed_positions(), decoder }
    }

    /// Masks patches, embeds the others and rebuilds all.
    ///
    /// # Shapes
    /// - `images`: `[batch, channels, image_size, image_size]`
    /// - `noise`: `[batch, patches]`; the `seen` patches with the least noise are seen, the others masked
    ///
    /// # Panics
    /// If `seen` is more than there are patches, or a shape is another.
    #[must_use]
    pub fn reconstruct(&self, images: Tensor<4>, noise: Tensor<2>, seen: usize) -> Reconstruction {
        let [batch, count] = noise.dims();
        let shuffled: Tensor<2, Int> = noise.argsort(1);
        let restored: Tensor<2, Int> = shuffled.clone().argsort(1);
        let tokens =
            self.encoder.encode(self.encoder.some_positioned_patches(images, shuffled.narrow(1, 0, seen)));
        let device = tokens.device();
        let mask = Tensor::cat(
            vec![Tensor::zeros([batch, seen], &device), Tensor::ones([batch, count - seen], &device)],
            1,
        );
        Reconstruction {
            patches: self.decoder.forward(tokens, restored.clone()),
            mask: mask.gather(1, restored),
        }
    }
}

impl Decoder {
    /// Rebuilds patches.
    ///
    /// # Shapes
    /// - `tokens`: the encoder's, class token first, `[batch, 1 + seen, width]`
    /// - `restored`: where each patch stands among the seen ones, then the masked ones, `[batch, patches]`
    /// - returns `[batch, patches, patch_size² · channels]`
    #[must_use]
    pub fn forward(&self, tokens: Tensor<3>, restored: Tensor<2, Int>) -> Tensor<3> {
        let how = self.execution;
        let tokens = layers::linear(&self.embedding, tokens, how);
        let [batch, count, width] = tokens.dims();
        let [_, patches] = restored.dims();
        let device = tokens.device();
        // Rows of all images' tokens, with the mask token after them: the class token's, then where each patch's token stands.
        let masked = (batch * count) as i64;
        let first =
            Tensor::<1, Int>::arange(0..batch as i64, (&device, restored.dtype())).mul_scalar(count as i64);
        let first = first.reshape([batch, 1]);
        let is_masked = restored.clone().greater_equal_elem(count as i64 - 1);
        let of_patches = (restored.add_scalar(1) + first.clone()).mask_fill(is_masked, masked);
        let rows = Tensor::cat(vec![first, of_patches], 1).reshape([batch * (1 + patches)]);
        let table = Tensor::cat(
            vec![tokens.reshape([batch * count, width]), self.mask_token.val().reshape([1, width])],
            0,
        );
        let in_order = table.select(0, rows).reshape([batch, 1 + patches, width]);
        let mut tokens = in_order + self.positions.val();
        for block in &self.blocks {
            tokens = block.forward(tokens, how);
        }
        let rebuilt = layers::linear(&self.prediction, layers::layer_norm(&self.norm, tokens, how), how);
        rebuilt.narrow(1, 1, patches)
    }

    pub(crate) fn load<W: Weights>(
        sizes: &DecoderArchitecture,
        weights: &mut W,
        device: &Device,
        execution: Execution,
    ) -> Result<Self, W::Error> {
        let mut loader = Loader { weights, device, execution };
        let (width, eps) = (sizes.blocks.width, sizes.blocks.layer_norm_eps);
        Ok(Self {
            execution,
            embedding: loader.linear("decoder.embedding", sizes.encoder_width, width, true)?,
            mask_token: loader.param("decoder.mask_token", [1, 1, width])?,
            positions: loader.param("decoder.positions", [1, 1 + sizes.blocks.patches(), width])?,
            blocks: (0..sizes.blocks.layers)
                .map(|layer| loader.block(&format!("decoder.blocks.{layer}."), &sizes.blocks))
                .collect::<Result<_, _>>()?,
            norm: loader.norm("decoder.norm", width, eps)?,
            prediction: loader.linear("decoder.prediction", width, sizes.patch_values(), true)?,
        })
    }

    /// Every tensor by this crate's name, for writing.
    pub(crate) fn weights(&self) -> Named {
        let mut named = Named::default();
        named.linear("decoder.embedding", &self.embedding);
        named.add("decoder.mask_token", self.mask_token.val());
        named.add("decoder.positions", self.positions.val());
        for (layer, block) in self.blocks.iter().enumerate() {
            named.block(&format!("decoder.blocks.{layer}."), block);
        }
        named.norm("decoder.norm", &self.norm);
        named.linear("decoder.prediction", &self.prediction);
        named
    }
}

/// The decoder's sizes: those of its blocks and of what it is between.
#[derive(Debug, Clone, PartialEq)]
pub struct DecoderArchitecture {
    /// The blocks, and image and patch size, as those of an encoder of the decoder's width.
    pub blocks: Architecture,
    /// Components of the encoder's tokens.
    pub encoder_width: usize,
    /// Whether patches are rebuilt with their mean taken out and divided by their standard deviation.
    pub normalised_patches: bool,
}

impl DecoderArchitecture {
    fn patch_values(&self) -> usize {
        self.blocks.patch_size.pow(2) * self.blocks.channels
    }

    /// Every tensor of the decoder, by this crate's names, in PyTorch's layout.
    #[must_use]
    pub fn parts(&self) -> Vec<Part> {
        let width = self.blocks.width;
        let mut parts = Parts::default();
        parts.linear("decoder.embedding", self.encoder_width, width, true);
        parts.add("decoder.mask_token", &[1, 1, width]);
        parts.add("decoder.positions", &[1, 1 + self.blocks.patches(), width]);
        for layer in 0..self.blocks.layers {
            parts.block(&format!("decoder.blocks.{layer}."), &self.blocks);
        }
        parts.norm("decoder.norm", width);
        parts.linear("decoder.prediction", width, self.patch_values(), true);
        parts.0
    }
}

/// The decoder's names in a file whose encoder has those of `naming`; none where such a file has no decoder.
pub(crate) fn decoder_names(naming: &Naming) -> Option<&'static DecoderNames> {
    match naming.names.library {
        library if library == vit::NAMES.library => Some(&TRANSFORMERS),
        library if library == timm::MAE.library => Some(&META),
        _ => None,
    }
}

impl DecoderNames {
    /// The architecture that the decoder's tensors have; `heads` cannot be told from them.
    ///
    /// # Errors
    /// When a tensor that tells a size is missing.
    pub(crate) fn architecture(
        &self,
        root: &str,
        checkpoint: &Checkpoint,
        encoder: &Architecture,
        heads: usize,
    ) -> Result<DecoderArchitecture, CheckpointError> {
        let first = |name: &str| match checkpoint.shape(&format!("{root}{name}")) {
            Some([length, ..]) => Ok(*length),
            _ => Err(CheckpointError::Tensors {
                path: checkpoint.path().into(),
                problems: format!("missing: {root}{name}, expected the decoder of a masked autoencoder"),
            }),
        };
        let start = format!("{root}{}", self.blocks);
        let number = |name: &String| name.strip_prefix(&start)?.split('.').next()?.parse::<usize>().ok();
        let layers = checkpoint.tensors().keys().filter_map(number).max();
        let blocks = Architecture {
            width: first(&format!("{}.weight", self.embedding))?,
            layers: layers.map_or(0, |highest| highest.saturating_add(1)),
            heads,
            perceptron_width: first(&format!("{}0.{}.weight", self.blocks, self.block.up))?,
            layer_scale: false,
            ..encoder.clone()
        };
        match blocks.problem() {
            None => {
                Ok(DecoderArchitecture { blocks, encoder_width: encoder.width, normalised_patches: false })
            }
            Some(problem) => Err(CheckpointError::Tensors {
                path: checkpoint.path().into(),
                problems: format!("its decoder: {problem}"),
            }),
        }
    }

    /// Where every part of the decoder lies.
    pub(crate) fn sources(&self, root: &str, sizes: &DecoderArchitecture) -> Vec<Source> {
        sizes.parts().into_iter().map(|part| self.source(root, part, sizes)).collect()
    }

    fn source(&self, root: &str, part: Part, sizes: &DecoderArchitecture) -> Source {
        let name = part.name.strip_prefix("decoder.").unwrap_or(&part.name);
        let (layer, end) = name.split_once('.').unwrap_or((name, ""));
        let one = |name: String| vec![Expected { name: format!("{root}{name}"), shape: part.shape.clone() }];
        let pieces = match layer {
            "mask_token" => one(self.mask_token.into()),
            "positions" => one(self.positions.into()),
            "embedding" => one(format!("{}.{end}", self.embedding)),
            "norm" => one(format!("{}.{end}", self.norm)),
            "prediction" => one(format!("{}.{end}", self.prediction)),
            _ => {
                let (number, rest) = end.split_once('.').unwrap_or((end, ""));
                let prefix = format!("{root}{}{number}.", self.blocks);
                self.block.pieces(&prefix, rest, &part.shape, sizes.blocks.activation)
            }
        };
        Source { part, pieces }
    }
}
