//! Percentile bootstrap (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13).

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Resamples that an interval is taken from.
const RESAMPLES: usize = 2000;

/// Same queries, same interval.
const SEED: u64 = 42;

/// A 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// 2.5th percentile.
    pub low: f64,
    /// 97.5th percentile.
    pub high: f64,
}

/// The 95 % interval of the mean of group means, where each group of queries is resampled by itself: one group gives the
/// interval of a plain mean, one group a class that of a macro average.
///
/// `None` where no group has more than one query: one value says nothing about its spread.
pub(crate) fn interval(groups: &[Vec<f64>]) -> Option<Interval> {
    if groups.iter().all(|group| group.len() < 2) {
        return None;
    }
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let resampled = groups.iter().map(|group| {
                let drawn = (0..group.len()).map(|_| group[random.random_range(0..group.len())]);
                drawn.sum::<f64>() / group.len() as f64
            });
            resampled.sum::<f64>() / groups.len() as f64
        })
        .collect();
    means.sort_unstable_by(f64::total_cmp);
    let percentile = |share: f64| means[((RESAMPLES - 1) as f64 * share).round() as usize];
    Some(Interval { low: percentile(0.025), high: percentile(0.975) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_mean_is_about_two_standard_errors_each_way() {
        let values: Vec<f64> = (0..400).map(|at| f64::from(at % 2)).collect();
        let interval = interval(&[values]).unwrap();
        let standard_error = 0.5 / 20.0;
        assert!((interval.low - (0.5 - 1.96 * standard_error)).abs() < 0.006, "{interval:?}");
        assert!((interval.high - (0.5 + 1.96 * standard_error)).abs() < 0.006, "{interval:?}");
    }

    #[test]
    fn equal_values_have_no_spread_and_a_lone_one_no_interval() {
        assert_eq!(interval(&[vec![0.7; 9]]).map(|i| i.high - i.low < 1e-12), Some(true));
        assert_eq!(interval(&[vec![0.7]]), None);
    }
}
