//! Logistic regression of a few features (of one: Platt scaling).

use serde::{Deserialize, Serialize};

/// The log-odds of an event as a weighted sum of features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Logistic {
    /// Log-odds where every feature is 0.
    pub intercept: f64,
    /// Change of the log-odds for each unit of each feature.
    pub weights: Vec<f64>,
}

/// Newton steps at most; a well-posed fit takes fewer than ten.
const STEPS: usize = 50;

impl Logistic {
    /// The weights that minimise `½·Σ w² + Σ log loss`, with the intercept free: scikit-learn's `LogisticRegression` with its
    /// default `C = 1`. The small penalty keeps the weights finite where the classes can be told apart without error.
    ///
    /// Newton's method with steps halved until the loss falls. `features` holds those of an observation one after another,
    /// as many for each as `width` says. Observations of Platt, Probabilistic Outputs for Support Vector Machines, 1999,
    /// without its smoothed targets.
    ///
    /// # Panics
    /// If `features` does not hold `width` values for each of `happened`.
    #[must_use]
    pub fn fit(features: &[f64], width: usize, happened: &[bool]) -> Self {
        assert_eq!(features.len(), width * happened.len(), "features of every observation");
        let mut model = Self { intercept: 0.0, weights: vec![0.0; width] };
        let mut loss = model.loss(features, happened);
        for _ in 0..STEPS {
            let step = model.newton_step(features, happened);
            let moved = (0..30).map(|halvings| model.moved(&step, 0.5f64.powi(halvings)));
            let better = moved
                .map(|candidate| (candidate.loss(features, happened), candidate))
                .find(|(candidate_loss, _)| *candidate_loss < loss);
            let Some((smaller, candidate)) = better else { break };
            let gain = loss - smaller;
            (loss, model) = (smaller, candidate);
            if gain <= 1e-13 * loss.abs() {
                break;
            }
        }
        model
    }

    /// The log-odds of one observation.
    #[must_use]
    pub fn score(&self, features: &[f64]) -> f64 {
        self.intercept
            + self.weights.iter().zip(features).map(|(weight, feature)| weight * feature).sum::<f64>()
    }

    fn observations<'a>(
        &self,
        features: &'a [f64],
        happened: &'a [bool],
    ) -> impl Iterator<Item = (&'a [f64], bool)> + use<'a> {
        let width = self.weights.len();
        happened.iter().enumerate().map(move |(at, &happened)| (&features[at * width..][..width], happened))
    }

    fn loss(&self, features: &[f64], happened: &[bool]) -> f64 {
        let penalty: f64 = self.weights.iter().map(|weight| weight * weight / 2.0).sum();
        let losses = self.observations(features, happened).map(|(features, happened)| {
            let score = self.score(features);
            // ln(1 + exp(−score)) or ln(1 + exp(score)), without overflow.
            let against = if happened { -score } else { score };
            against.max(0.0) + (-against.abs()).exp().ln_1p()
        });
        penalty + losses.sum::<f64>()
    }

    /// What Newton's method subtracts: the inverse of the Hessian times the gradient, intercept first.
    fn newton_step(&self, features: &[f64], happened: &[bool]) -> Vec<f64> {
        let size = self.weights.len() + 1;
        let mut gradient = vec![0.0; size];
        let mut hessian = vec![vec![0.0; size]; size];
        for (at, weight) in self.weights.iter().enumerate() {
            gradient[at + 1] = *weight;
            hessian[at + 1][at + 1] = 1.0;
        }
        let mut row = vec![1.0; size];
        for (features, happened) in self.observations(features, happened) {
            row[1..].copy_from_slice(features);
            let probability = sigmoid(self.score(features));
            let error = probability - f64::from(u8::from(happened));
            let curvature = probability * (1.0 - probability);
            for i in 0..size {
                gradient[i] += error * row[i];
                for j in 0..=i {
                    hessian[i][j] += curvature * row[i] * row[j];
                }
            }
        }
        solve(hessian, gradient)
    }

    fn moved(&self, step: &[f64], share: f64) -> Self {
        let weights = self.weights.iter().zip(&step[1..]).map(|(weight, step)| weight - share * step);
        Self { intercept: self.intercept - share * step[0], weights: weights.collect() }
    }
}

/// The probability of given log-odds.
#[must_use]
pub fn sigmoid(log_odds: f64) -> f64 {
    if log_odds >= 0.0 {
        1.0 / (1.0 + (-log_odds).exp())
    } else {
        let odds = log_odds.exp();
        odds / (1.0 + odds)
    }
}

/// Solves `matrix · x = right` for a symmetric positive definite matrix of which the lower half is given, by Cholesky's
/// method. A direction in which the matrix is flat is left alone.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    let size = right.len();
    for i in 0..size {
        for j in 0..=i {
            let products: f64 = (0..j).map(|k| matrix[i][k] * matrix[j][k]).sum();
            let rest = matrix[i][j] - products;
            matrix[i][j] = if i == j { rest.max(f64::MIN_POSITIVE).sqrt() } else { rest / matrix[j][j] };
        }
        let products: f64 = (0..i).map(|k| matrix[i][k] * right[k]).sum();
        right[i] = (right[i] - products) / matrix[i][i];
    }
    for i in (0..size).rev() {
        let products: f64 = (i + 1..size).map(|k| matrix[k][i] * right[k]).sum();
        right[i] = (right[i] - products) / matrix[i][i];
    }
    if right.iter().all(|value| value.is_finite()) { right } else { vec![0.0; size] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn observations_that_can_be_told_apart_have_finite_weights() {
        let model = Logistic::fit(&[-2.0, -1.0, 1.0, 2.0], 1, &[false, false, true, true]);
        assert!(model.weights[0].is_finite() && model.weights[0] > 0.5, "{model:?}");
        assert!(sigmoid(model.score(&[2.0])) > 0.8);
    }

    #[test]
    fn without_features_the_intercept_is_the_log_odds_of_the_mean() {
        let model = Logistic::fit(&[], 0, &[true, true, true, false]);
        assert!((sigmoid(model.intercept) - 0.75).abs() < 1e-9, "{model:?}");
    }

    #[test]
    fn extreme_log_odds_do_not_overflow() {
        assert_eq!((sigmoid(1e4), sigmoid(-1e4)), (1.0, 0.0));
    }
}
