//! What the student makes small, and what the teacher asks of it.
//!
//! | | formula | source |
//! |---|---|---|
//! | [`dino`] | mean over pairs of different crops of `−Σ t · ln softmax(s / τₛ)` | Caron et al., arXiv 2104.14294 |
//! | [`ibot`] | the same of hidden patches, mean over a crop's, then over crops | Zhou et al., arXiv 2111.07832; weighed as by Oquab et al., arXiv 2304.07193 |
//! | [`koleo`] | `−1/n · Σ ln min ‖xᵢ − xⱼ‖` | Sablayrolles et al., arXiv 1806.03198 |
//! | [`centred`] | `softmax((t − c) / τₜ)` | Caron et al., arXiv 2104.14294 |
//! | [`sinkhorn_knopp`] | `exp(t / τₜ)`, scaled until every prototype has as much | Caron et al., arXiv 2006.09882 |
//!
//! Values and slopes are checked against PyTorch (`tests/golden/make_dino.py`).

pub use refcon_encoders::operations::sinkhorn_knopp;

use crate::losses::unit;
use burn::tensor::Tensor;
use burn::tensor::activation::softmax;
use refcon_encoders::operations::cross_entropy;

/// Added to differences and distances, as the authors' code has it: a distance of zero has no logarithm.
const EPSILON: f32 = 1e-8;

/// A cosine is never as small: nothing is its own neighbour.
const NO_COSINE: f32 = -2.0;

/// The loss of class tokens: each crop of the student against each large crop of the teacher but the same one, all pairs alike.
///
/// - `large`: the student's logits of the first large crops, then of the second ones, `[2 · tiles, prototypes]`
/// - `small`: likewise of the small crops, `[crops · tiles, prototypes]`
/// - `targets`: what the teacher says of the large crops, `[2 · tiles, prototypes]`
/// - returns `[1]`
#[must_use]
pub fn dino(large: Tensor<2>, small: Option<Tensor<2>>, targets: &Tensor<2>, temperature: f64) -> Tensor<1> {
    let tiles = targets.dims()[0] / 2;
    let [first, second] = [0, tiles].map(|from| targets.clone().narrow(0, from, tiles));
    let swapped = Tensor::cat(vec![second.clone(), first.clone()], 0);
    let of_large = cross_entropy(large, swapped, temperature).mean();
    let Some(small) = small else { return of_large };
    let crops = small.dims()[0] / tiles;
    // The cross-entropy is linear in its targets: that with their mean is the mean of those with each.
    let both = (first + second).div_scalar(2.0).repeat_dim(0, crops);
    let of_small = cross_entropy(small, both, temperature).mean();
    let pairs = 2.0 + 2.0 * crops as f64;
    of_large.mul_scalar(2.0 / pairs) + of_small.mul_scalar(2.0 * crops as f64 / pairs)
}

/// The loss of hidden patches.
///
/// - `student`: logits, `[patches, prototypes]`
/// - `targets`: what the teacher says of the same patches, `[patches, prototypes]`
/// - `weights`: of each patch, `[patches, 1]`: one over its crop's hidden patches and over the number of crops
/// - returns `[1]`
#[must_use]
pub fn ibot(student: Tensor<2>, targets: Tensor<2>, weights: Tensor<2>, temperature: f64) -> Tensor<1> {
    (cross_entropy(student, targets, temperature) * weights).sum()
}

/// The Kozachenko–Leonenko term: how near each vector, scaled to length 1, is to its nearest neighbour; none for a single one.
///
/// `[vectors, components]` → `[1]`
#[must_use]
pub fn koleo(vectors: Tensor<2>) -> Option<Tensor<1>> {
    let count = vectors.dims()[0];
    if count < 2 {
        return None;
    }
    let vectors = unit(vectors);
    let fixed = vectors.clone().detach();
    let own = Tensor::<2>::eye(count, &fixed.device());
    let cosines = fixed.clone().matmul(fixed.transpose());
    let others = cosines * own.clone().neg().add_scalar(1.0) + own.mul_scalar(NO_COSINE);
    let nearest = vectors.clone().select(0, others.argmax(1).reshape([count]));
    let distances = (vectors - nearest).add_scalar(EPSILON).square().sum_dim(1).sqrt();
    Some(distances.add_scalar(EPSILON).log().mean().neg())
}

/// What the teacher says, with the centre taken away.
///
/// `logits` `[rows, prototypes]`, `centre` `[1, prototypes]` → `[rows, prototypes]`, each row a distribution
#[must_use]
pub fn centred(logits: Tensor<2>, centre: Tensor<2>, temperature: f64) -> Tensor<2> {
    softmax((logits - centre).div_scalar(temperature), 1)
}

/// The teacher's centre after a step: `centre ← momentum · centre + (1 − momentum) · mean`, with the mean of the batches' mean logits.
/// Without a batch it stays.
pub fn move_centre(centre: &mut [f32], means: &[&Vec<f32>], momentum: f32) {
    if means.is_empty() {
        return;
    }
    for (at, centre) in centre.iter_mut().enumerate() {
        let mean = means.iter().map(|mean| mean[at]).sum::<f32>() / means.len() as f32;
        *centre = momentum * *centre + (1.0 - momentum) * mean;
    }
}
