//! CLIP's image encoder as Transformers has it: `CLIPModel`, `CLIPVisionModel`, `CLIPVisionModelWithProjection`.
//!
//! Radford et al., Learning Transferable Visual Models From Natural Language Supervision, ICML 2021 (arXiv 2103.00020).
//!
//! ```sh
//! refcon predict --encoder clip-vit-large-patch14/ --query MY_TILES --corpus ALL_TILES -o results.json
//! ```

use super::names::{BlockNames, Names, Qkv};
use crate::model::{Activation, PositionResize};

/// Names of the vision tower, after `vision_model.`.
pub(crate) const NAMES: Names = Names {
    library: "Transformers' CLIP",
    patch: "embeddings.patch_embedding",
    class_token: "embeddings.class_embedding",
    distillation_token: "",
    registers: "",
    positions: "embeddings.position_embedding.weight",
    flat_tokens: true,
    // The misspelling is the library's.
    norm_before_blocks: "pre_layrnorm",
    blocks: "encoder.layers.",
    block: BlockNames {
        norm_before_attention: "layer_norm1",
        qkv: Qkv::Apart(["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]),
        attention_output: "self_attn.out_proj",
        attention_scale: "",
        norm_before_perceptron: "layer_norm2",
        up: "mlp.fc1",
        down: "mlp.fc2",
        gated_up: "",
        gated_down: "",
        perceptron_scale: "",
    },
    norm: "post_layernorm",
    norm_after_pooling: "",
    inner: &["vision_model."],
    pooler: "",
    projection: "visual_projection",
    unneeded: &["embeddings.position_ids", "text_model.", "text_projection.", "logit_scale", "classifier."],
    layer_norm_eps: 1e-5,
    gelu: Activation::QuickGelu,
    position_resize: PositionResize::Bicubic,
    position_resize_with_registers: PositionResize::Bicubic,
};
