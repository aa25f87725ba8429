//! Which triplets of a batch the triplet loss sees.
//!
//! | miner | triplets | source |
//! |---|---|---|
//! | [`batch_hard`] | for every anchor its furthest positive and nearest negative | Hermans et al., arXiv 1703.07737 |
//! | [`semi_hard`] | all with `d(a, p) < d(a, n) ≤ d(a, p) + margin` | Schroff et al., arXiv 1503.03832 |
//! | [`distance_weighted`] | negatives drawn with `1/q(d)`, q the density of distances on the sphere | Wu et al., arXiv 1706.07567 |
//!
//! Distances are taken on the host, in f64.

use crate::config::Distance;
use crate::losses::triplet::{TripletRows, between_on_host};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Distances of every two embeddings of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Distances {
    count: usize,
    values: Vec<f64>,
}

impl Distances {
    /// Between the rows of `embeddings`, `[count, components]`.
    #[must_use]
    pub fn of(embeddings: &[f32], count: usize, distance: Distance) -> Self {
        let components = embeddings.len() / count.max(1);
        let row = |at: usize| &embeddings[at * components..][..components];
        let values = (0..count * count)
            .into_par_iter()
            .map(|at| between_on_host(row(at / count), row(at % count), distance))
            .collect();
        Self { count, values }
    }

    fn between(&self, a: usize, b: usize) -> f64 {
        self.values[a * self.count + b]
    }

    fn positives<'a>(&self, classes: &'a [usize], anchor: usize) -> impl Iterator<Item = usize> + use<'a> {
        (0..classes.len()).filter(move |&other| other != anchor && classes[other] == classes[anchor])
    }

    fn negatives<'a>(&self, classes: &'a [usize], anchor: usize) -> impl Iterator<Item = usize> + use<'a> {
        (0..classes.len()).filter(move |&other| classes[other] != classes[anchor])
    }
}

/// For every tile that has a positive and a negative in the batch its furthest positive and its nearest negative.
#[must_use]
pub fn batch_hard(distances: &Distances, classes: &[usize]) -> TripletRows {
    let mut rows = TripletRows::default();
    for anchor in 0..classes.len() {
        let by_distance =
            |a: &usize, b: &usize| distances.between(anchor, *a).total_cmp(&distances.between(anchor, *b));
        // `max_by` would take the last of equal ones, `min_by` takes the first.
        let positive = distances.positives(classes, anchor).min_by(|a, b| by_distance(b, a));
        let negative = distances.negatives(classes, anchor).min_by(by_distance);
        if let (Some(positive), Some(negative)) = (positive, negative) {
            rows.push(anchor, positive, negative);
        }
    }
    rows
}

/// Every triplet whose negative is further than its positive, by the margin at most.
#[must_use]
pub fn semi_hard(distances: &Distances, classes: &[usize], margin: f64) -> TripletRows {
    let mut rows = TripletRows::default();
    for anchor in 0..classes.len() {
        for positive in distances.positives(classes, anchor) {
            for negative in distances.negatives(classes, anchor) {
                let further = distances.between(anchor, negative) - distances.between(anchor, positive);
                if further > 0.0 && further <= margin {
                    rows.push(anchor, positive, negative);
                }
            }
        }
    }
    rows
}

/// The probability of each tile to be drawn as an anchor's negative; all zero where every negative is too far.
///
/// `distances` are Euclidean ones of embeddings of length 1 with `components` components. The density of distances on a sphere is
/// `q(d) ∝ d^(n−2) · (1 − d²/4)^((n−3)/2)`.
#[must_use]
pub fn distance_weights(
    distances: &Distances,
    classes: &[usize],
    anchor: usize,
    components: usize,
    cutoff: f64,
    no_loss_beyond: f64,
) -> Vec<f64> {
    let n = components as f64;
    let log_weight = |other: usize| {
        let d = distances.between(anchor, other).max(cutoff);
        let usable = classes[other] != classes[anchor] && d < no_loss_beyond;
        usable
            .then(|| (2.0 - n) * d.ln() - (n - 3.0) / 2.0 * (1.0 - 0.25 * d * d).ln())
            .filter(|w| w.is_finite())
    };
    let logs: Vec<Option<f64>> = (0..classes.len()).map(log_weight).collect();
    let greatest = logs.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = logs.iter().map(|log| log.map_or(0.0, |log| (log - greatest).exp())).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| if sum > 0.0 { weight / sum } else { 0.0 }).collect()
}

/// For every pair of anchor and positive a negative drawn by [`distance_weights`].
#[must_use]
pub fn distance_weighted(
    distances: &Distances,
    classes: &[usize],
    components: usize,
    [cutoff, no_loss_beyond]: [f64; 2],
    draw: &mut ChaCha8Rng,
) -> TripletRows {
    let mut rows = TripletRows::default();
    for anchor in 0..classes.len() {
        let weights = distance_weights(distances, classes, anchor, components, cutoff, no_loss_beyond);
        if weights.iter().all(|&weight| weight == 0.0) {
            continue;
        }
        for positive in distances.positives(classes, anchor) {
            let mut left = draw.random::<f64>();
            let last = weights.iter().rposition(|&weight| weight > 0.0).unwrap_or(0);
            let negative = weights
                .iter()
                .position(|&weight| {
                    left -= weight;
                    weight > 0.0 && left < 0.0
                })
                .unwrap_or(last);
            rows.push(anchor, positive, negative);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};

    /// Points on a line, classes 0 0 1 1.
    fn line() -> (Distances, [usize; 4]) {
        (Distances::of(&[0.0, 1.0, 1.5, 4.0], 4, Distance::Euclidean), [0, 0, 1, 1])
    }

    #[test]
    fn the_hardest_of_a_batch_are_the_furthest_positive_and_the_nearest_negative() {
        let (distances, classes) = line();
        let rows = batch_hard(&distances, &classes);
        assert_eq!(rows.anchors, [0, 1, 2, 3]);
        assert_eq!((rows.positives, rows.negatives), (vec![1, 0, 3, 2], vec![2, 2, 1, 1]));
    }

    #[test]
    fn a_semi_hard_negative_is_further_than_the_positive_by_less_than_the_margin() {
        let (distances, classes) = line();
        // 0→1 is 1: 2 at 1.5 is semi-hard with a margin of 1, 3 at 4 is not. 1→0 is 1: 2 at 0.5 is nearer. 3→2 is 2.5: 1 at 3 is.
        let rows = semi_hard(&distances, &classes, 1.0);
        assert_eq!((rows.anchors, rows.negatives), (vec![0, 3], vec![2, 1]));
    }

    #[test]
    fn negatives_are_drawn_as_often_as_their_weights_say() {
        let points = [[1.0, 0.0, 0.0, 0.0], [0.9, 0.1, 0.4, 0.0], [0.6, 0.8, 0.0, 0.0], [0.3, 0.2, 0.9, 0.1]];
        let unit: Vec<f32> = points
            .iter()
            .flat_map(|p: &[f32; 4]| {
                let length = p.iter().map(|v| v * v).sum::<f32>().sqrt();
                p.map(|v| v / length)
            })
            .collect();
        let distances = Distances::of(&unit, 4, Distance::Euclidean);
        let classes = [0, 0, 1, 2];
        let weights = distance_weights(&distances, &classes, 0, 4, 0.5, 1.4);
        let mut counts = [0; 4];
        for number in 0..4000 {
            let mut draw = stream(1, Purpose::Mining, [number, 0]);
            let rows = distance_weighted(&distances, &classes, 4, [0.5, 1.4], &mut draw);
            counts[rows.negatives[0]] += 1;
        }
        for (count, weight) in counts.iter().zip(&weights) {
            assert!((f64::from(*count) / 4000.0 - weight).abs() < 0.03, "{counts:?} {weights:?}");
        }
    }
}
