//! An optimiser's step in one pass over its memory.

use crate::activation::VALUES_A_TASK;
use crate::vector::vectorised;
use rayon::prelude::*;

/// `AdamW` (Loshchilov & Hutter, arXiv 1711.05101), as PyTorch computes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamW {
    /// How far a step goes.
    pub learning_rate: f64,
    /// How much of the gradients' mean a step keeps.
    pub beta_1: f64,
    /// How much of the squared gradients' mean a step keeps.
    pub beta_2: f64,
    /// Added to the root of the squares' mean.
    pub epsilon: f64,
    /// Share of a weight that a step takes away, times the learning rate.
    pub weight_decay: f64,
}

impl AdamW {
    /// Step `step`, the first one being 1: `mean` and `squares` are the running means of the gradient and of its square, zeros before the
    /// first step.
    ///
    /// ```text
    /// mean    = β₁ · mean    + (1 − β₁) · gradient
    /// squares = β₂ · squares + (1 − β₂) · gradient²
    /// weight  = weight · (1 − rate · decay) − rate · mean / (1 − β₁ˢᵗᵉᵖ) / (√(squares / (1 − β₂ˢᵗᵉᵖ)) + ε)
    /// ```
    ///
    /// # Error
    /// Means to 4e-7 of the sum of their terms' absolute values; weights to 4e-7 of their value and 2e-6 of what the step adds to them, with
    /// exact means. NaN stays in its place.
    ///
    /// # Panics
    /// When the lengths differ.
    pub fn step(
        self,
        step: u32,
        gradient: &[f32],
        weights: &mut [f32],
        mean: &mut [f32],
        squares: &mut [f32],
    ) {
        let count = weights.len();
        assert_eq!(gradient.len(), count, "weights and their gradient");
        assert_eq!((mean.len(), squares.len()), (count, count), "weights and the means of their gradients");
        let power = f64::from(step);
        let factors = Factors {
            kept_mean: self.beta_1 as f32,
            new_mean: (1.0 - self.beta_1) as f32,
            kept_squares: self.beta_2 as f32,
            new_squares: (1.0 - self.beta_2) as f32,
            kept_weight: (1.0 - self.learning_rate * self.weight_decay) as f32,
            rate: (self.learning_rate / (1.0 - self.beta_1.powf(power))) as f32,
            root: (1.0 / (1.0 - self.beta_2.powf(power)).sqrt()) as f32,
            epsilon: self.epsilon as f32,
        };
        weights
            .par_chunks_mut(VALUES_A_TASK)
            .zip(gradient.par_chunks(VALUES_A_TASK))
            .zip(mean.par_chunks_mut(VALUES_A_TASK).zip(squares.par_chunks_mut(VALUES_A_TASK)))
            .for_each(|((weights, gradient), (mean, squares))| {
                update(factors, gradient, weights, mean, squares);
            });
    }
}

/// What a step multiplies with and adds, settled once.
#[derive(Clone, Copy)]
struct Factors {
    kept_mean: f32,
    new_mean: f32,
    kept_squares: f32,
    new_squares: f32,
    kept_weight: f32,
    rate: f32,
    root: f32,
    epsilon: f32,
}

vectorised! {
    fn update<M>(
        factors: Factors,
        gradient: &[f32],
        weights: &mut [f32],
        mean: &mut [f32],
        squares: &mut [f32],
    ) {
        let means = mean.iter_mut().zip(squares);
        for ((weight, &gradient), (mean, squares)) in weights.iter_mut().zip(gradient).zip(means) {
            *mean = M::mul_add(factors.kept_mean, *mean, factors.new_mean * gradient);
            *squares = M::mul_add(factors.kept_squares, *squares, factors.new_squares * gradient * gradient);
            let size = M::mul_add(squares.sqrt(), factors.root, factors.epsilon);
            *weight = M::mul_add(factors.kept_weight, *weight, -(factors.rate * *mean / size));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twin;
    use proptest::prelude::*;

    const SETTINGS: AdamW =
        AdamW { learning_rate: 1e-2, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8, weight_decay: 0.1 };

    proptest! {
        #[test]
        fn a_step_is_the_plain_one(count in twin::awkward(200), step in 1u32..2000, seed in any::<u64>()) {
            let (gradient, before) = (twin::values(seed, count), twin::values(!seed, count));
            let mean_before = twin::values(seed ^ 3, count);
            let squares_before: Vec<f32> = twin::values(seed ^ 5, count).iter().map(|v| v * v).collect();
            let (mut weights, mut mean, mut squares) =
                (before.clone(), mean_before.clone(), squares_before.clone());
            SETTINGS.step(step, &gradient, &mut weights, &mut mean, &mut squares);
            let AdamW { learning_rate, beta_1, beta_2, epsilon, weight_decay } = SETTINGS;
            for at in 0..count {
                let gradient = f64::from(gradient[at]);
                let terms = [beta_1 * f64::from(mean_before[at]), (1.0 - beta_1) * gradient];
                let exact: f64 = terms.iter().sum();
                let size: f64 = terms.iter().map(|term| term.abs()).sum();
                prop_assert!((f64::from(mean[at]) - exact).abs() <= 4e-7 * size);
                let exact = beta_2 * f64::from(squares_before[at]) + (1.0 - beta_2) * gradient * gradient;
                prop_assert!((f64::from(squares[at]) - exact).abs() <= 4e-7 * exact);
                // From the means as they were rounded.
                let (mean, squares) = (f64::from(mean[at]), f64::from(squares[at]));
                let root = (squares / (1.0 - beta_2.powi(step as i32))).sqrt() + epsilon;
                let moved = learning_rate * mean / (1.0 - beta_1.powi(step as i32)) / root;
                let kept = f64::from(before[at]) * (1.0 - learning_rate * weight_decay);
                let error = (f64::from(weights[at]) - (kept - moved)).abs();
                prop_assert!(error <= 4e-7 * kept.abs() + 2e-6 * moved.abs(), "{error} of {kept} − {moved}");
            }
        }
    }

    #[test]
    fn what_is_no_number_stays_in_its_place() {
        let (mut weights, mut mean, mut squares) = ([1.0; 3], [0.0; 3], [0.0; 3]);
        SETTINGS.step(1, &[1.0, f32::NAN, 0.0], &mut weights, &mut mean, &mut squares);
        assert!(
            (weights[0] - 0.989).abs() < 1e-6 && weights[1].is_nan() && weights[2] == 0.999,
            "{weights:?}"
        );
    }
}
