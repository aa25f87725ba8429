//! The vision transformer that is measured: ViT-B/16 at 224, with random weights.

use refcon_encoders::Execution;
use refcon_encoders::model::Architecture;
use refcon_kernels::{Tier, peak};

/// Its sizes.
pub(crate) fn architecture() -> Architecture {
    Architecture::vit([224, 16], 3, 768, 12)
}

/// Operations (a product and a sum are two) of the matrix products of one image's way forward, and of them those of the patch
/// embedding.
pub(crate) fn operations() -> [f64; 2] {
    let Architecture { width, layers, perceptron_width, patch_size, channels, .. } = architecture();
    let patches = architecture().patches();
    let tokens = patches + architecture().leading_tokens();
    let embedding = 2 * patches * channels * patch_size * patch_size * width;
    let block = 2 * tokens * width * (4 * width + 2 * perceptron_width + 2 * tokens);
    [(embedding + layers * block) as f64, embedding as f64]
}

/// What computes in f32, and what computes in bf16 fastest here, if anything does.
pub(crate) fn executions() -> Vec<(&'static str, Tier, Execution)> {
    let tiers = Tier::here();
    let bf16 = tiers.iter().copied().find(|tier| tier.rounds_to_bf16());
    let named = |name, tier| (name, tier, Execution::in_tier(tier));
    bf16.map(|tier| named("bf16", tier)).into_iter().chain([named("f32", Tier::F32)]).collect()
}

/// Seconds that no program can beat for so many operations, in a tier.
pub(crate) fn least_seconds(tier: Tier, operations: f64) -> f64 {
    operations / peak(tier)
}
