//! Isotonic regression: the non-decreasing function that fits best.

use serde::{Deserialize, Serialize};

/// A non-decreasing function, linear between its points and level outside them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Isotonic {
    /// Where its points stand, ascending.
    at: Vec<f64>,
    /// Its values there, non-decreasing.
    value: Vec<f64>,
}

/// Observations that share one value of the fit.
struct Block {
    first: f64,
    last: f64,
    sum: f64,
    weight: f64,
}

impl Isotonic {
    /// The least-squares fit to `observations`, pairs of a position and whether the event happened, by pooling adjacent
    /// violators (Ayer et al., An Empirical Distribution Function for Sampling with Incomplete Information, 1955). Equal
    /// positions are one observation of their mean. It is scikit-learn's `IsotonicRegression` with `out_of_bounds="clip"`.
    ///
    /// Without observations it is 0 everywhere.
    #[must_use]
    pub fn fit(observations: impl IntoIterator<Item = (f64, bool)>) -> Self {
        let mut observations: Vec<(f64, bool)> = observations.into_iter().collect();
        observations.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut blocks: Vec<Block> = Vec::new();
        for same_position in observations.chunk_by(|a, b| a.0 == b.0) {
            let happened = same_position.iter().filter(|(_, happened)| *happened).count();
            let (at, weight) = (same_position[0].0, same_position.len() as f64);
            let mut block = Block { first: at, last: at, sum: happened as f64, weight };
            while let Some(before) = blocks.pop_if(|before| before.mean() >= block.mean()) {
                block.first = before.first;
                block.sum += before.sum;
                block.weight += before.weight;
            }
            blocks.push(block);
        }
        let mut fitted = Self { at: Vec::new(), value: Vec::new() };
        for block in &blocks {
            fitted.push(block.first, block.mean());
            if block.last > block.first {
                fitted.push(block.last, block.mean());
            }
        }
        fitted
    }

    fn push(&mut self, at: f64, value: f64) {
        self.at.push(at);
        self.value.push(value);
    }

    /// The function at `position`.
    #[must_use]
    pub fn of(&self, position: f64) -> f64 {
        let after = self.at.partition_point(|&at| at < position);
        let (Some(&at), Some(&value)) = (self.at.get(after), self.value.get(after)) else {
            return self.value.last().copied().unwrap_or(0.0);
        };
        if after == 0 || at == position {
            return value;
        }
        let (at_before, value_before) = (self.at[after - 1], self.value[after - 1]);
        value_before + (value - value_before) * (position - at_before) / (at - at_before)
    }

    /// Whether it is what [`Isotonic::fit`] may give: as many values as positions, in order, each value in 0..1.
    pub(super) fn is_sound(&self) -> bool {
        self.at.len() == self.value.len()
            && !self.at.is_empty()
            && self.at.iter().all(|at| at.is_finite())
            && self.at.is_sorted_by(|a, b| a < b)
            && self.value.is_sorted()
            && self.value.iter().all(|value| (0.0..=1.0).contains(value))
    }
}

impl Block {
    fn mean(&self) -> f64 {
        self.sum / self.weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn violators_are_pooled_and_ties_are_one_observation() {
        let fit = Isotonic::fit([(0.0, false), (1.0, true), (2.0, false), (3.0, true), (3.0, true)]);
        for (at, expected) in [(-1.0, 0.0), (0.5, 0.25), (1.0, 0.5), (1.7, 0.5), (2.5, 0.75), (9.0, 1.0)] {
            assert!((fit.of(at) - expected).abs() < 1e-12, "{at}: {}", fit.of(at));
        }
        assert!(fit.is_sound());
    }

    proptest! {
        // The optimality condition of isotonic regression: every block is the mean of what it holds, so the mean is kept.
        #[test]
        fn the_fit_never_falls_and_keeps_the_mean(
            observations in proptest::collection::vec((0u8..40, any::<bool>()), 1..200),
        ) {
            let observations: Vec<(f64, bool)> =
                observations.iter().map(|&(at, happened)| (f64::from(at), happened)).collect();
            let fit = Isotonic::fit(observations.iter().copied());
            prop_assert!(fit.is_sound());
            let fitted: f64 = observations.iter().map(|(at, _)| fit.of(*at)).sum();
            let happened = observations.iter().filter(|(_, happened)| *happened).count() as f64;
            prop_assert!((fitted - happened).abs() < 1e-9);
            let along: Vec<f64> = (0..400).map(|at| fit.of(f64::from(at) / 10.0)).collect();
            prop_assert!(along.is_sorted());
        }
    }
}
