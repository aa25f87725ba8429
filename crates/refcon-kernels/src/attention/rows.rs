//! What happens to a row of scores.

use crate::lanes::sum_of_products;
use crate::vector::vectorised;

vectorised! {
    /// `target[i] = source[i] · factor`.
    pub(super) fn scale_into<M>(source: &[f32], factor: f32, target: &mut [f32]) {
        for (target, source) in target.iter_mut().zip(source) {
            *target = source * factor;
        }
    }
}

vectorised! {
    /// A row of the backward pass: scores become weights (`e^(scale · score − log_sum)`), and the weights' gradients become the
    /// scores' (`weight · (gradient − mean) · scale`), where `mean` is the gradient's mean under the weights.
    pub(super) fn score_gradients<M>(
        scores: &mut [f32],
        gradients: &mut [f32],
        scale: f32,
        log_sum: f32,
        mean: f32,
    ) {
        for (score, gradient) in scores.iter_mut().zip(gradients) {
            let weight = crate::math::exp::<M>(M::mul_add(scale, *score, -log_sum));
            *score = weight;
            *gradient = weight * (*gradient - mean) * scale;
        }
    }
}

vectorised! {
    /// `Σ a[i] · b[i]`.
    pub(super) fn dot<M>(a: &[f32], b: &[f32]) -> f32 {
        sum_of_products::<M>(a, b)
    }
}
