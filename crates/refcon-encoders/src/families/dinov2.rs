//! DINOv2 as Transformers has it, S, B, L and g, with registers or without.
//!
//! Oquab et al., DINOv2: Learning Robust Visual Features without Supervision, TMLR 2024 (arXiv 2304.07193); Darcet et al.,
//! Vision Transformers Need Registers, ICLR 2024 (arXiv 2309.16588).
//!
//! ```sh
//! refcon predict --encoder dinov2-base/ --query MY_TILES --corpus ALL_TILES -o results.json
//! ```
//!
//! Meta's own files, under timm's names, are in [`super::timm`]; their positions are resampled as Transformers does it, so that
//! a model embeds alike whichever file it comes from (Meta's own code shifts the grid by a tenth of a patch).

use super::names::{BlockNames, Names, Qkv};
use crate::model::{Activation, PositionResize};

/// Names of `Dinov2Model` and `Dinov2WithRegistersModel`.
pub(crate) const NAMES: Names = Names {
    library: "Transformers' DINOv2",
    patch: "embeddings.patch_embeddings.projection",
    class_token: "embeddings.cls_token",
    distillation_token: "",
    registers: "embeddings.register_tokens",
    positions: "embeddings.position_embeddings",
    flat_tokens: false,
    norm_before_blocks: "",
    blocks: "encoder.layer.",
    block: BlockNames {
        norm_before_attention: "norm1",
        qkv: Qkv::Apart([
            "attention.attention.query",
            "attention.attention.key",
            "attention.attention.value",
        ]),
        attention_output: "attention.output.dense",
        attention_scale: "layer_scale1.lambda1",
        norm_before_perceptron: "norm2",
        up: "mlp.fc1",
        down: "mlp.fc2",
        gated_up: "mlp.weights_in",
        gated_down: "mlp.weights_out",
        perceptron_scale: "layer_scale2.lambda1",
    },
    norm: "layernorm",
    norm_after_pooling: "",
    inner: &["dinov2.", "dinov2_with_registers."],
    pooler: "",
    projection: "",
    unneeded: &["embeddings.mask_token", "classifier."],
    layer_norm_eps: 1e-6,
    gelu: Activation::Gelu,
    position_resize: PositionResize::Bicubic,
    position_resize_with_registers: PositionResize::Antialiased,
};
