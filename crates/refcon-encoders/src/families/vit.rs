//! ViT as Transformers has it: `ViTModel`, and the encoder of a `ViTForImageClassification`.
//!
//! Dosovitskiy et al., An Image is Worth 16x16 Words, ICLR 2021 (arXiv 2010.11929).
//!
//! ```sh
//! refcon predict --encoder vit-base-patch16-224-in21k/ --query MY_TILES --corpus ALL_TILES -o results.json
//! ```

use super::names::{BlockNames, Names, Qkv};
use crate::model::{Activation, PositionResize};

/// A block's names in Transformers' ViT and ViT-MAE.
pub(crate) const BLOCK: BlockNames = BlockNames {
    norm_before_attention: "layernorm_before",
    qkv: Qkv::Apart(["attention.attention.query", "attention.attention.key", "attention.attention.value"]),
    attention_output: "attention.output.dense",
    attention_scale: "",
    norm_before_perceptron: "layernorm_after",
    up: "intermediate.dense",
    down: "output.dense",
    gated_up: "",
    gated_down: "",
    perceptron_scale: "",
};

/// Names of Transformers' ViT, ViT-MAE and DeiT.
pub(crate) const NAMES: Names = Names {
    library: "Transformers' ViT",
    patch: "embeddings.patch_embeddings.projection",
    class_token: "embeddings.cls_token",
    distillation_token: "embeddings.distillation_token",
    registers: "",
    positions: "embeddings.position_embeddings",
    flat_tokens: false,
    norm_before_blocks: "",
    blocks: "encoder.layer.",
    block: BLOCK,
    norm: "layernorm",
    norm_after_pooling: "",
    inner: &["vit.", "deit."],
    pooler: "pooler.dense",
    projection: "classifier",
    unneeded: &["embeddings.mask_token", "decoder.", "cls_classifier.", "distillation_classifier."],
    layer_norm_eps: 1e-12,
    gelu: Activation::Gelu,
    position_resize: PositionResize::Bicubic,
    position_resize_with_registers: PositionResize::Bicubic,
};
