//! The names of timm, which Meta's masked autoencoder and DINOv2 and the seismic foundation models (SFM) share.
//!
//! Wightman, PyTorch Image Models, doi 10.5281/zenodo.4414861; He et al., Masked Autoencoders Are Scalable Vision Learners,
//! CVPR 2022 (arXiv 2111.06377); Sheng et al., Seismic Foundation Model (SFM), 2023 (arXiv 2309.02791).
//!
//! ```sh
//! refcon predict --encoder SFM-Base.pth --query MY_TILES --corpus ALL_TILES -o results.json
//! ```

use super::names::{BlockNames, Names, Qkv};
use crate::model::{Activation, PositionResize};

/// A block's names.
pub(crate) const BLOCK: BlockNames = BlockNames {
    norm_before_attention: "norm1",
    qkv: Qkv::Fused("attn.qkv."),
    attention_output: "attn.proj",
    attention_scale: "ls1.gamma",
    norm_before_perceptron: "norm2",
    up: "mlp.fc1",
    down: "mlp.fc2",
    gated_up: "mlp.w12",
    gated_down: "mlp.w3",
    perceptron_scale: "ls2.gamma",
};

/// timm's names.
pub(crate) const NAMES: Names = Names {
    library: "timm's ViT",
    patch: "patch_embed.proj",
    class_token: "cls_token",
    distillation_token: "dist_token",
    registers: "reg_token",
    positions: "pos_embed",
    flat_tokens: false,
    norm_before_blocks: "norm_pre",
    blocks: "blocks.",
    block: BLOCK,
    norm: "norm",
    norm_after_pooling: "fc_norm",
    inner: &[],
    pooler: "",
    projection: "head",
    unneeded: &["mask_token", "decoder_", "head.", "head_dist."],
    layer_norm_eps: 1e-6,
    gelu: Activation::Gelu,
    position_resize: PositionResize::Antialiased,
    position_resize_with_registers: PositionResize::Antialiased,
};

/// The names of Meta's DINOv2, which has registers under another name and a mask token in every file.
pub(crate) const META: Names = Names {
    library: "Meta's DINOv2",
    registers: "register_tokens",
    position_resize: PositionResize::Bicubic,
    ..NAMES
};

/// The names of Meta's masked autoencoder, decoder included; the positions are resampled without antialiasing.
pub(crate) const MAE: Names =
    Names { library: "Meta's MAE", position_resize: PositionResize::Bicubic, ..NAMES };
