//! Losses over all pairs of a batch.

use super::{ClassMasks, NEVER, log_sum_exp, unit};
use burn::tensor::Tensor;

/// Multi-similarity loss, `1/m · Σᵢ [1/α · ln(1 + Σ₊ e^(−α(s − λ))) + 1/β · ln(1 + Σ₋ e^(β(s − λ)))]` (Wang et al., arXiv 1904.06627).
///
/// `embeddings` `[batch, components]` → `[1]`
#[must_use]
pub fn multi_similarity(
    embeddings: Tensor<2>,
    masks: &ClassMasks,
    alpha: f64,
    beta: f64,
    base: f64,
) -> Tensor<1> {
    let unit = unit(embeddings);
    let cosines = unit.clone().matmul(unit.transpose());
    let positives = log_sum_exp(cosines.clone().sub_scalar(base).mul_scalar(-alpha), &masks.positive, true);
    let negatives = log_sum_exp(cosines.sub_scalar(base).mul_scalar(beta), &masks.negative, true);
    (positives.div_scalar(alpha) + negatives.div_scalar(beta)).mean()
}

/// Supervised contrastive loss, `−1/|P(i)| · Σ₊ ln(e^(s/τ) / Σ_{a ≠ i} e^(s/τ))`, its mean over the tiles that have another of their class
/// in the batch (Khosla et al., arXiv 2004.11362).
///
/// `embeddings` `[batch, components]` → `[1]`; nothing where no tile has another of its class
#[must_use]
pub fn supervised_contrastive(
    embeddings: Tensor<2>,
    masks: &ClassMasks,
    temperature: f64,
) -> Option<Tensor<1>> {
    if masks.with_positive == 0 {
        return None;
    }
    let unit = unit(embeddings);
    let scaled = unit.clone().matmul(unit.transpose()).div_scalar(temperature);
    let others = masks.positive.clone() + masks.negative.clone();
    // A batch of one class has positives alone, and others all the same.
    let log_shares = scaled.clone() - log_sum_exp(scaled, &others, false).clamp_min(NEVER);
    let positives = masks.positive.clone().sum_dim(1);
    let of_tile = (log_shares * masks.positive.clone()).sum_dim(1) / positives.clamp_min(1.0);
    Some(of_tile.sum().neg().div_scalar(masks.with_positive as f64))
}
