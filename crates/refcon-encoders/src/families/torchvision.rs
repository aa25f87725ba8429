//! ViT as torchvision has it: `vit_b_16`, `vit_l_16` and their kin, with the 1000 logits of the head or without it.
//!
//! Dosovitskiy et al., An Image is Worth 16x16 Words, ICLR 2021 (arXiv 2010.11929).
//!
//! ```sh
//! refcon predict --encoder vit_b_16-c867db91.pth --query MY_TILES --corpus ALL_TILES -o results.json
//! ```

use super::names::{BlockNames, Names, Qkv};
use crate::model::{Activation, PositionResize};

/// Names since torchvision 0.12.
pub(crate) const NAMES: Names = Names {
    library: "torchvision's ViT",
    patch: "conv_proj",
    class_token: "class_token",
    distillation_token: "",
    registers: "",
    positions: "encoder.pos_embedding",
    flat_tokens: false,
    norm_before_blocks: "",
    blocks: "encoder.layers.encoder_layer_",
    block: BlockNames {
        norm_before_attention: "ln_1",
        qkv: Qkv::Fused("self_attention.in_proj_"),
        attention_output: "self_attention.out_proj",
        attention_scale: "",
        norm_before_perceptron: "ln_2",
        up: "mlp.0",
        down: "mlp.3",
        gated_up: "",
        gated_down: "",
        perceptron_scale: "",
    },
    norm: "encoder.ln",
    norm_after_pooling: "",
    inner: &[],
    pooler: "",
    projection: "heads.head",
    unneeded: &["heads."],
    layer_norm_eps: 1e-6,
    gelu: Activation::Gelu,
    position_resize: PositionResize::CornersAligned,
    position_resize_with_registers: PositionResize::CornersAligned,
};

/// Names in the published files, which are older.
pub(crate) const PUBLISHED: Names =
    Names { block: BlockNames { up: "mlp.linear_1", down: "mlp.linear_2", ..NAMES.block }, ..NAMES };
