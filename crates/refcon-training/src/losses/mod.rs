//! What training makes small.
//!
//! | loss | formula | source |
//! |---|---|---|
//! | [`triplet`](triplet::triplet) | mean of `max(0, d(a, p) − d(a, n) + margin)` | Weinberger & Saul 2009; swap: Balntas et al., BMVC 2016 |
//! | [`multi_similarity`] | `1/α · ln(1 + Σ₊ e^(−α(s − λ))) + 1/β · ln(1 + Σ₋ e^(β(s − λ)))` | Wang et al., arXiv 1904.06627 |
//! | [`supervised_contrastive`] | `−1/p · Σ₊ ln(e^(s/τ) / Σ e^(s/τ))` | Khosla et al., arXiv 2004.11362 |
//! | [`proxy_anchor`] | `1/c₊ · Σ ln(1 + Σ₊ e^(−α(s − δ))) + 1/c · Σ ln(1 + Σ₋ e^(α(s + δ)))` | Kim et al., arXiv 2003.13911 |
//! | [`sub_centre_arcface`] | cross-entropy of `scale · cos(θ + margin)`, θ to the nearest of a class's centres | Deng et al., ECCV 2020 |
//!
//! `s` is the cosine of two embeddings, `+` runs over tiles of the anchor's class, `−` over those of others; `p` counts the
//! former, `c` the classes, `c₊` those of them that are in the batch. Values are checked
//! against pytorch-metric-learning (`tests/golden/make_losses.py`).

mod classes;
pub mod pairs;
mod proxies;
pub mod triplet;

pub use classes::ClassMasks;
pub use pairs::{multi_similarity, supervised_contrastive};
pub use proxies::{proxy_anchor, sub_centre_arcface};

pub use refcon_encoders::operations::unit;

use burn::tensor::Tensor;
use refcon_encoders::operations::SHORTEST;

/// Stands for minus infinity in an exponent, without its NaN.
const NEVER: f32 = -1e9;

/// `ln Σ e^x` of each row over the places where `mask` is 1, with a 1 added to the sum where `add_one`; 0 for a row of zeros then.
///
/// `[rows, columns]` twice → `[rows, 1]`
fn log_sum_exp(values: Tensor<2>, mask: &Tensor<2>, add_one: bool) -> Tensor<2> {
    let masked = values * mask.clone() + mask.clone().neg().add_scalar(1.0).mul_scalar(NEVER);
    let greatest = masked.clone().detach().max_dim(1);
    let greatest = if add_one { greatest.clamp_min(0.0) } else { greatest };
    let sum = (masked - greatest.clone()).exp().sum_dim(1);
    let sum = if add_one { sum + greatest.clone().neg().exp() } else { sum };
    sum.log() + greatest
}
