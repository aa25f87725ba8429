//! The published encoders whose checkpoints are accepted, with their sizes.

use super::Family;
use crate::model::{Activation, Architecture, PositionResize, Projection};

/// A published encoder.
#[derive(Debug, Clone)]
pub struct Published {
    /// This crate's short name, such as `clip-l14`.
    pub name: String,
    /// Its family.
    pub family: Family,
    /// Where it was published, for people.
    pub checkpoints: &'static str,
    /// Its sizes.
    pub architecture: Architecture,
}

impl Published {
    /// Components of the embedding that the checkpoint gives where nothing else is asked for.
    #[must_use]
    pub fn dimension(&self) -> usize {
        let sizes = &self.architecture;
        sizes.projection.map_or(sizes.width, |projection| projection.width)
    }
}

/// Width, layers, heads and the perceptron's width.
type Size = (usize, usize, usize, usize);

const S: Size = (384, 12, 6, 1536);
const B: Size = (768, 12, 12, 3072);
const L: Size = (1024, 24, 16, 4096);
/// DINOv2's, with a gated perceptron.
const G: Size = (1536, 40, 24, 4096);

/// Every published encoder that was in mind when the families were written. Others of the same families open just as well.
#[must_use]
pub fn published() -> Vec<Published> {
    let logits = Some(Projection { width: 1000, bias: true });
    let clip = |size, patch_size, width| Architecture {
        patch_bias: false,
        norm_before_blocks: true,
        activation: Activation::QuickGelu,
        projection: Some(Projection { width, bias: false }),
        ..sizes(size, 224, patch_size)
    };
    let dinov2 = |size: Size, registers| Architecture {
        layer_scale: true,
        registers,
        activation: if size == G { Activation::SwiGlu } else { Activation::Gelu },
        ..sizes(size, 518, 14)
    };
    let grey = |size| Architecture { channels: 1, ..sizes(size, 224, 16) };
    let entries = [
        (
            Family::Vit,
            "google/vit-base-patch16-224-in21k",
            Architecture { pooler: true, ..sizes(B, 224, 16) },
        ),
        (
            Family::Vit,
            "google/vit-large-patch16-224-in21k",
            Architecture { pooler: true, ..sizes(L, 224, 16) },
        ),
        (Family::Vit, "torchvision vit_b_16", Architecture { projection: logits, ..sizes(B, 224, 16) }),
        (Family::Vit, "torchvision vit_l_16", Architecture { projection: logits, ..sizes(L, 224, 16) }),
        (Family::Vit, "timm vit_base_patch16_224", sizes(B, 224, 16)),
        (Family::Clip, "openai/clip-vit-base-patch32", clip(B, 32, 512)),
        (Family::Clip, "openai/clip-vit-base-patch16", clip(B, 16, 512)),
        (Family::Clip, "openai/clip-vit-large-patch14", clip(L, 14, 768)),
        (Family::Dinov2, "facebook/dinov2-small, dinov2_vits14", dinov2(S, 0)),
        (Family::Dinov2, "facebook/dinov2-base, dinov2_vitb14", dinov2(B, 0)),
        (Family::Dinov2, "facebook/dinov2-large, dinov2_vitl14", dinov2(L, 0)),
        (Family::Dinov2, "facebook/dinov2-giant, dinov2_vitg14", dinov2(G, 0)),
        (Family::Dinov2, "facebook/dinov2-with-registers-base", dinov2(B, 4)),
        (Family::Dinov2, "facebook/dinov2-with-registers-large", dinov2(L, 4)),
        (Family::Mae, "facebook/vit-mae-base, mae_pretrain_vit_base", sizes(B, 224, 16)),
        (Family::Mae, "facebook/vit-mae-large, mae_pretrain_vit_large", sizes(L, 224, 16)),
        (Family::Mae, "SFM ViT-B (one channel)", grey(B)),
        (Family::Mae, "SFM ViT-L (one channel)", grey(L)),
    ];
    let published = |(family, checkpoints, architecture): (Family, _, Architecture)| Published {
        name: super::short_name(family, &architecture),
        family,
        checkpoints,
        architecture,
    };
    entries.into_iter().map(published).collect()
}

fn sizes(
    (width, layers, heads, perceptron_width): Size,
    image_size: usize,
    patch_size: usize,
) -> Architecture {
    Architecture {
        image_size,
        patch_size,
        channels: 3,
        width,
        layers,
        heads,
        perceptron_width,
        activation: Activation::Gelu,
        layer_norm_eps: 1e-6,
        qkv_bias: true,
        patch_bias: true,
        distillation_token: false,
        registers: 0,
        positioned_tokens: 1,
        layer_scale: false,
        norm_before_blocks: false,
        norm_after_pooling: false,
        pooler: false,
        projection: None,
        position_resize: PositionResize::Bicubic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counted by PyTorch, from the same sizes in Transformers 4.57 and torchvision 0.22.
    #[test]
    fn parameter_counts_are_those_of_the_original_models() {
        let count = |checkpoint: &str| {
            let all = published();
            all.iter().find(|entry| entry.checkpoints.contains(checkpoint)).unwrap().architecture.parameters()
        };
        assert_eq!(count("vit-base-patch16-224-in21k"), 86_389_248);
        assert_eq!(count("vit_b_16"), 86_567_656);
        assert_eq!(count("vit_l_16"), 304_326_632);
        assert_eq!(count("clip-vit-base-patch32"), 87_849_216);
        assert_eq!(count("clip-vit-large-patch14"), 303_966_208);
        // DINOv2's mask token, a row of the width, is not part of the encoder.
        assert_eq!(count("dinov2-giant"), 1_136_479_232);
        assert_eq!(count("with-registers-base"), 86_456_064);
        assert_eq!(count("vit-mae-large"), 303_301_632);
    }
}
