//! Telling right matches from wrong ones by their confidence: the area under the ROC curve, and thresholds.

use crate::Interval;
use serde::{Deserialize, Serialize};

/// Area under the receiver operating characteristic: how often a positive scores higher than a negative, ties counted half.
/// `None` where there are no positives or no negatives.
#[must_use]
pub fn area_under_roc(scores: &[f64], positive: &[bool]) -> Option<f64> {
    let mut ranked: Vec<(f64, bool)> = scores.iter().copied().zip(positive.iter().copied()).collect();
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut wins) = (0.0, 0.0);
    for tied in ranked.chunk_by(|a, b| a.0 == b.0) {
        let positives = tied.iter().filter(|(_, positive)| *positive).count() as f64;
        let negatives = tied.len() as f64 - positives;
        wins += positives * (below + negatives / 2.0);
        below += negatives;
    }
    let positives = ranked.len() as f64 - below;
    (positives > 0.0 && below > 0.0).then(|| wins / (positives * below))
}

/// Wilson's 95 % interval of a share (Probable Inference, the Law of Succession, and Statistical Inference, 1927); 0 to 1
/// where nothing was tried.
#[must_use]
pub fn wilson_interval(successes: usize, trials: usize) -> Interval {
    /// 97.5th percentile of the normal distribution.
    const Z: f64 = 1.959_963_984_540_054;
    if trials == 0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    let n = trials as f64;
    let share = successes as f64 / n;
    let centre = share + Z * Z / (2.0 * n);
    let spread = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    Interval { low: ((centre - spread) / scale).max(0.0), high: ((centre + spread) / scale).min(1.0) }
}

/// A probability from which on matches are right often enough, and how often they were.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PrecisionThreshold {
    /// The precision that was asked for.
    pub target: f64,
    /// The probability.
    pub probability: f64,
    /// How much is accepted at it, and how much of that is right.
    pub found: Accepted,
}

/// What a threshold accepts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Accepted {
    /// Matches at or above it.
    pub accepted: usize,
    /// Of how many.
    pub of: usize,
    /// The share of the accepted ones that are right; `None` where none is accepted.
    pub precision: Option<f64>,
    /// Wilson's 95 % interval of it.
    pub interval: Interval,
}

impl PrecisionThreshold {
    /// The smallest of `probabilities` at which the lower end of the precision's interval reaches `target`; `None` where there
    /// is none.
    #[must_use]
    pub fn find(probabilities: &[f64], right: &[bool], target: f64) -> Option<Self> {
        let mut ranked: Vec<(f64, bool)> = probabilities.iter().copied().zip(right.iter().copied()).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (mut accepted, mut hits, mut threshold) = (0, 0, None);
        for tied in ranked.chunk_by(|a, b| a.0 == b.0) {
            accepted += tied.len();
            hits += tied.iter().filter(|(_, right)| *right).count();
            if wilson_interval(hits, accepted).low >= target {
                threshold = Some(tied[0].0);
            }
        }
        threshold.map(|probability| Self {
            target,
            probability,
            found: Accepted::at(probability, probabilities, right),
        })
    }
}

impl Accepted {
    /// What `threshold` accepts.
    #[must_use]
    pub fn at(threshold: f64, probabilities: &[f64], right: &[bool]) -> Self {
        let accepted: Vec<bool> = probabilities
            .iter()
            .zip(right)
            .filter(|(probability, _)| **probability >= threshold)
            .map(|(_, right)| *right)
            .collect();
        let hits = accepted.iter().filter(|right| **right).count();
        Self {
            accepted: accepted.len(),
            of: probabilities.len(),
            precision: (!accepted.is_empty()).then(|| hits as f64 / accepted.len() as f64),
            interval: wilson_interval(hits, accepted.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_is_one_for_a_perfect_order_and_a_half_for_ties() {
        assert_eq!(area_under_roc(&[0.1, 0.2, 0.8, 0.9], &[false, false, true, true]), Some(1.0));
        assert_eq!(area_under_roc(&[0.5; 4], &[false, true, true, false]), Some(0.5));
        assert_eq!(area_under_roc(&[0.5], &[true]), None);
    }

    #[test]
    fn the_threshold_is_the_smallest_that_surely_keeps_the_precision() {
        let confidences: Vec<f64> = (0..200).map(|at| f64::from(at) / 200.0).collect();
        let right: Vec<bool> = confidences.iter().map(|&confidence| confidence >= 0.4).collect();
        let threshold = PrecisionThreshold::find(&confidences, &right, 0.9).unwrap();
        assert!(threshold.probability < 0.4 && threshold.found.interval.low >= 0.9, "{threshold:?}");
        let below = Accepted::at(threshold.probability - 0.005, &confidences, &right);
        assert!(below.interval.low < 0.9);
        assert_eq!(PrecisionThreshold::find(&confidences, &[false; 200], 0.9), None);
    }

    #[test]
    fn a_few_successes_prove_little() {
        let interval = wilson_interval(3, 3);
        assert!((interval.low - 0.438).abs() < 1e-3 && interval.high == 1.0, "{interval:?}");
    }
}
