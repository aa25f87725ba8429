//! The triplet margin loss, Euclidean and cosine, with swap.

use super::unit;
use crate::config::Distance;
use burn::tensor::{Device, Int, Tensor, TensorData};

/// Added to each difference of components, as in PyTorch's `pairwise_distance`: a distance of zero has no slope.
const EPSILON: f32 = 1e-6;

/// Rows of a batch's embeddings that make triplets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TripletRows {
    /// Anchors.
    pub anchors: Vec<usize>,
    /// Positives, one an anchor.
    pub positives: Vec<usize>,
    /// Negatives, one an anchor.
    pub negatives: Vec<usize>,
}

impl TripletRows {
    /// How many triplets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.anchors.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.anchors.is_empty()
    }

    /// Adds a triplet.
    pub fn push(&mut self, anchor: usize, positive: usize, negative: usize) {
        self.anchors.push(anchor);
        self.positives.push(positive);
        self.negatives.push(negative);
    }
}

/// The mean over triplets of `max(0, d(a, p) − d(a, n) + margin)`; with `swap` the smaller of `d(a, n)` and `d(p, n)` counts.
///
/// `torch.nn.TripletMarginLoss` for the Euclidean distance, `TripletMarginWithDistanceLoss` for `1 − cos`.
///
/// `embeddings` `[batch, components]` → `[1]`
#[must_use]
pub fn triplet(
    embeddings: Tensor<2>,
    rows: &TripletRows,
    distance: Distance,
    margin: f64,
    swap: bool,
) -> Tensor<1> {
    let embeddings = match distance {
        Distance::Euclidean => embeddings,
        Distance::Cosine => unit(embeddings),
    };
    let device = embeddings.device();
    let [anchors, positives, negatives] = [&rows.anchors, &rows.positives, &rows.negatives]
        .map(|rows| embeddings.clone().select(0, indices(rows, &device)));
    let between = |a: &Tensor<2>, b: &Tensor<2>| match distance {
        Distance::Euclidean => (a.clone() - b.clone()).add_scalar(EPSILON).square().sum_dim(1).sqrt(),
        Distance::Cosine => (a.clone() * b.clone()).sum_dim(1).neg().add_scalar(1.0),
    };
    let near = between(&anchors, &positives);
    let far = between(&anchors, &negatives);
    let far = if swap { far.min_pair(between(&positives, &negatives)) } else { far };
    (near - far).add_scalar(margin).clamp_min(0.0).mean()
}

/// The same of embeddings on the host, row by row, for a validation: in f64.
#[must_use]
pub fn triplet_on_host(
    embedding: impl Fn(usize) -> Vec<f32>,
    rows: &TripletRows,
    distance: Distance,
    margin: f64,
    swap: bool,
) -> f64 {
    let mut sum = 0.0;
    for ((&a, &p), &n) in rows.anchors.iter().zip(&rows.positives).zip(&rows.negatives) {
        let [a, p, n] = [embedding(a), embedding(p), embedding(n)];
        let far = between_on_host(&a, &n, distance);
        let far = if swap { far.min(between_on_host(&p, &n, distance)) } else { far };
        sum += (between_on_host(&a, &p, distance) - far + margin).max(0.0);
    }
    sum / rows.len().max(1) as f64
}

/// The distance of two embeddings in f64, as the loss takes it.
#[must_use]
pub fn between_on_host(a: &[f32], b: &[f32], distance: Distance) -> f64 {
    let pairs = a.iter().zip(b).map(|(&a, &b)| (f64::from(a), f64::from(b)));
    match distance {
        Distance::Euclidean => pairs.map(|(a, b)| (a - b + f64::from(EPSILON)).powi(2)).sum::<f64>().sqrt(),
        Distance::Cosine => {
            let (mut product, mut of_a, mut of_b) = (0.0, 0.0, 0.0);
            for (a, b) in pairs {
                product += a * b;
                of_a += a * a;
                of_b += b * b;
            }
            1.0 - product / (of_a * of_b).sqrt().max(f64::from(super::SHORTEST))
        }
    }
}

fn indices(rows: &[usize], device: &Device) -> Tensor<1, Int> {
    let rows: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
    let count = rows.len();
    Tensor::from_data(TensorData::new(rows, [count]), device)
}
