//! The encoder families: whose names a checkpoint's tensors have, and which model they make.
//!
//! A family's file holds its paper, a command, and the names of its tensors; the model is [`crate::model`] for all of them.

pub(crate) mod clip;
pub(crate) mod config;
pub(crate) mod dinov2;
pub(crate) mod mae;
pub(crate) mod names;
pub(crate) mod published;
pub(crate) mod timm;
pub(crate) mod torchvision;
pub(crate) mod vit;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::model::Architecture;
use names::{Names, Naming, Qkv};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A family of encoders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Vision transformers trained on labels: Transformers, torchvision, timm.
    Vit,
    /// CLIP's image encoder.
    Clip,
    /// DINOv2, with registers or without.
    Dinov2,
    /// Masked autoencoders, ViT-MAE and the seismic foundation models.
    Mae,
}

impl Family {
    /// All families.
    pub const ALL: [Self; 4] = [Self::Vit, Self::Clip, Self::Dinov2, Self::Mae];

    /// The name for people and the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Vit => "vit",
            Self::Clip => "clip",
            Self::Dinov2 => "dinov2",
            Self::Mae => "mae",
        }
    }

    /// The family of a `model_type` of Transformers' `config.json`.
    pub(crate) fn of_model_type(model_type: &str) -> Option<Self> {
        match model_type {
            "vit" | "deit" => Some(Self::Vit),
            "clip" | "clip_vision_model" => Some(Self::Clip),
            "dinov2" | "dinov2_with_registers" => Some(Self::Dinov2),
            "vit_mae" => Some(Self::Mae),
            _ => None,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Every library's names that are known.
const LIBRARIES: [&Names; 6] =
    [&vit::NAMES, &dinov2::NAMES, &clip::NAMES, &torchvision::NAMES, &torchvision::PUBLISHED, &timm::NAMES];

/// Whose names a checkpoint's tensors have, and which family they are.
#[derive(Debug, Clone)]
pub(crate) struct Detected {
    pub(crate) family: Family,
    pub(crate) naming: Naming,
}

/// Recognises a checkpoint by its tensors' names. A model inside another one, such as a Lightning module's or a training run's
/// teacher, is found whatever stands before its names.
///
/// # Errors
/// When the names are of no known library, or several models are in the file and none of them is a teacher or a moving average.
pub(crate) fn detect(checkpoint: &Checkpoint) -> Result<Detected, CheckpointError> {
    let found: Vec<Naming> = LIBRARIES
        .iter()
        .flat_map(|names| prefixes(checkpoint, names).into_iter().map(|prefix| within(names, prefix)))
        .collect();
    let path = checkpoint.path();
    let naming = match found.as_slice() {
        [] if is_head(checkpoint) => {
            return Err(CheckpointError::family(
                path,
                "its tensors are those of a head, which `refcon train` puts on another encoder: there is no model in it to look \
                 at or to write; commands that embed take its folder as it is",
            ));
        }
        [] => {
            let first: Vec<&str> = checkpoint.tensors().keys().take(3).map(String::as_str).collect();
            return Err(CheckpointError::family(
                path,
                format!(
                    "its {} tensors have the names of no known encoder, such as {}; expected those of Transformers' ViT, \
                     ViT-MAE, DINOv2 or CLIP, torchvision's ViT, or timm's, MAE's and DINOv2's own (`blocks.0.attn.qkv`)",
                    checkpoint.tensors().len(),
                    if first.is_empty() { "(there are none)".into() } else { first.join(", ") }
                ),
            ));
        }
        [only] => only.clone(),
        several => {
            // Of a student and its teacher, or a model and its moving average, the latter is what is used afterwards.
            let preferred = several
                .iter()
                .find(|naming| ["teacher", "ema"].iter().any(|mark| naming.prefix.contains(mark)));
            match preferred {
                Some(naming) => naming.clone(),
                None => {
                    let prefixes: Vec<&str> = several.iter().map(|naming| naming.prefix.as_str()).collect();
                    return Err(CheckpointError::family(
                        path,
                        format!(
                            "it holds {} encoders ({}), expected one",
                            several.len(),
                            prefixes.join(", ")
                        ),
                    ));
                }
            }
        }
    };
    Ok(family_of(checkpoint, naming))
}

/// What stands before a library's names, for each model of that library in the file.
fn prefixes(checkpoint: &Checkpoint, names: &Names) -> Vec<String> {
    let mark = format!("{}.weight", names.patch);
    let candidates = checkpoint.tensors().keys().filter_map(|name| name.strip_suffix(&mark));
    let whole = |prefix: &&str| {
        let block = |part: &str| format!("{prefix}{}0.{part}", names.blocks);
        let has = |part: &str| !part.is_empty() && checkpoint.shape(&block(part)).is_some();
        let qkv = match names.block.qkv {
            Qkv::Apart([query, ..]) => format!("{query}.weight"),
            Qkv::Fused(fused) => format!("{fused}weight"),
        };
        let up = [names.block.up, names.block.gated_up].iter().any(|up| has(&format!("{up}.weight")));
        let begins = prefix.is_empty() || prefix.ends_with('.');
        begins && up && has(&qkv) && has(&format!("{}.weight", names.block.norm_before_attention))
    };
    candidates.filter(whole).map(str::to_owned).collect()
}

fn within(names: &'static Names, prefix: String) -> Naming {
    let root = names.inner.iter().find_map(|inner| prefix.strip_suffix(inner));
    Naming { names, root: root.unwrap_or(&prefix).to_owned(), prefix }
}

/// Tells apart the families that share a library's names.
fn family_of(checkpoint: &Checkpoint, naming: Naming) -> Detected {
    let has = |name: &str| checkpoint.shape(&format!("{}{name}", naming.prefix)).is_some();
    let decoder = mae::DECODER_MARKS
        .iter()
        .any(|mark| checkpoint.shape(&format!("{}{mark}.weight", naming.root)).is_some());
    let names = naming.names.library;
    let (family, names) = match () {
        () if names == clip::NAMES.library => (Family::Clip, naming.names),
        () if names == dinov2::NAMES.library => (Family::Dinov2, naming.names),
        () if decoder => (Family::Mae, if names == timm::NAMES.library { &timm::MAE } else { naming.names }),
        () if names == timm::NAMES.library && has(&format!("blocks.0.{}", timm::BLOCK.attention_scale)) => {
            let meta = has("mask_token") || has("register_tokens");
            (Family::Dinov2, if meta { &timm::META } else { naming.names })
        }
        () => (Family::Vit, naming.names),
    };
    Detected { family, naming: Naming { names, ..naming } }
}

impl Detected {
    /// The same checkpoint taken as of another family, if its tensors allow it.
    pub(crate) fn taken_as(self, family: Family) -> Option<Self> {
        let library = self.naming.names.library;
        let shared = match family {
            Family::Vit | Family::Mae => {
                self.family != Family::Dinov2
                    && [vit::NAMES.library, timm::NAMES.library, timm::MAE.library].contains(&library)
            }
            Family::Clip | Family::Dinov2 => false,
        };
        if family != self.family && !shared {
            return None;
        }
        let mut naming = self.naming;
        if family == Family::Mae && library == timm::NAMES.library {
            naming.names = &timm::MAE;
        }
        Some(Self { family, naming })
    }
}

/// Whether there is nothing but a few layers, `layers.0.weight` and so on.
fn is_head(checkpoint: &Checkpoint) -> bool {
    let mut names = checkpoint.tensors().keys().peekable();
    let is_layer =
        |name: &String| name.strip_prefix("layers.").is_some_and(|rest| rest.matches('.').count() == 1);
    names.peek().is_some() && names.all(is_layer)
}

/// Such as `clip-l14`, or `vit-32x2-p8` where the sizes have no letter.
pub(crate) fn short_name(family: Family, sizes: &Architecture) -> String {
    let letter = match (sizes.width, sizes.layers) {
        (192, 12) => "ti",
        (384, 12) => "s",
        (768, 12) => "b",
        (1024, 24) => "l",
        (1280, 32) => "h",
        (1408 | 1536, 40) => "g",
        (width, layers) => return format!("{family}-{width}x{layers}-p{}", sizes.patch_size),
    };
    let registers = if sizes.registers > 0 { "-reg" } else { "" };
    format!("{family}-{letter}{}{registers}", sizes.patch_size)
}
