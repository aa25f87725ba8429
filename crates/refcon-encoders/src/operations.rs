//! Operations of losses and projectors: on the processor through the kernels, forward and backward, elsewhere by Burn's own.

use crate::execution::Execution;
use crate::model::kernels;
use crate::model::layers::{self, Linear};
use burn::tensor::Tensor;
use burn::tensor::activation::log_softmax;

/// Lengths below this count as this, where vectors are scaled to length 1.
pub const SHORTEST: f32 = 1e-12;

/// Each row scaled to length 1.
///
/// `[rows, components]` → the same
#[must_use]
pub fn unit(vectors: Tensor<2>) -> Tensor<2> {
    kernels::unit(&vectors, SHORTEST).unwrap_or_else(|| {
        let lengths = vectors.clone().square().sum_dim(1).sqrt().clamp_min(SHORTEST);
        vectors / lengths
    })
}

/// The matrix product, with gradients for both factors: `[m, k]` and `[k, n]` → `[m, n]`.
#[must_use]
pub fn product(left: Tensor<2>, right: Tensor<2>, how: Execution) -> Tensor<2> {
    layers::linear(&Linear::computed(right), left, how)
}

/// The cross-entropy of each row, `−Σ target · ln softmax(logits / temperature)`: `[rows, classes]` twice → `[rows, 1]`. The targets get no
/// gradient.
#[must_use]
pub fn cross_entropy(logits: Tensor<2>, targets: Tensor<2>, temperature: f64) -> Tensor<2> {
    kernels::cross_entropy(&logits, &targets, temperature).unwrap_or_else(|| {
        (targets.detach() * log_softmax(logits.div_scalar(temperature), 1)).sum_dim(1).neg()
    })
}

/// `e^(logits / temperature)`, spread over the columns so that each has the same share of the whole, each row a distribution
/// (Sinkhorn-Knopp; Caron et al., arXiv 2006.09882). For logits without gradients.
///
/// `[rows, columns]` → the same
#[must_use]
pub fn sinkhorn_knopp(logits: Tensor<2>, temperature: f64, rounds: usize) -> Tensor<2> {
    if let Some(spread) = kernels::sinkhorn_knopp(&logits, temperature, rounds) {
        return spread;
    }
    let [rows, columns] = logits.dims().map(|count| (count as f64).ln());
    // Of shares their logarithms: at low temperatures a whole row can be too small for a number.
    let mut logarithms = logits.div_scalar(temperature);
    for _ in 0..rounds {
        let of_columns = log_sum_exp(logarithms.clone(), 0);
        logarithms = logarithms - of_columns.add_scalar(columns);
        let of_rows = log_sum_exp(logarithms.clone(), 1);
        logarithms = logarithms - of_rows.add_scalar(rows);
    }
    logarithms.add_scalar(rows).exp()
}

/// `ln Σ e^x` along an axis, whose length becomes 1.
fn log_sum_exp(values: Tensor<2>, axis: usize) -> Tensor<2> {
    let greatest = values.clone().max_dim(axis);
    (values - greatest.clone()).exp().sum_dim(axis).log() + greatest
}
