//! Softmax over rows, forward and backward.

use crate::activation::VALUES_A_TASK;
use crate::lanes::{LANES, sum_of_products};
use crate::math::exp;
use crate::unit::times;
use crate::vector::{MulAdd, vectorised};
use rayon::prelude::*;

/// `output[row] = softmax(input[row])`, for rows of `columns` values.
///
/// Each value lies within `(1e-6 + columns · 2⁻²³)` of its exact value, relatively, where that is above 1e-37. A NaN makes its row
/// NaN; so does a row whose largest value is infinite.
///
/// # Panics
/// When the lengths differ or are no multiple of `columns`.
pub fn softmax(columns: usize, input: &[f32], output: &mut [f32]) {
    assert_eq!(input.len(), output.len(), "softmax's input and output");
    for_each_row(columns, output, |row, at| {
        row.copy_from_slice(&input[at..at + columns]);
        let (sum, _) = exponentials(row, 1.0);
        times(row, 1.0 / sum);
    });
}

/// `gradient[row] = output · (gradient − Σ output · gradient)`: the gradient of softmax's output becomes its input's.
///
/// Within `(1e-6 + columns · 2⁻²²) · |output| · max |gradient|`.
///
/// # Panics
/// When the lengths differ or are no multiple of `columns`.
pub fn softmax_backward(columns: usize, output: &[f32], gradient: &mut [f32]) {
    assert_eq!(output.len(), gradient.len(), "softmax's output and gradient");
    for_each_row(columns, gradient, |row, at| backward(&output[at..at + columns], row));
}

/// Calls `work` with each row and where it starts, on all threads.
fn for_each_row(columns: usize, values: &mut [f32], work: impl Fn(&mut [f32], usize) + Sync) {
    if columns == 0 {
        assert!(values.is_empty(), "{} values in rows of none", values.len());
        return;
    }
    assert!(values.len().is_multiple_of(columns), "{} values in rows of {columns}", values.len());
    let values_a_task = VALUES_A_TASK.div_ceil(columns) * columns;
    values.par_chunks_mut(values_a_task).enumerate().for_each(|(task, rows)| {
        for (row, values) in rows.chunks_exact_mut(columns).enumerate() {
            work(values, task * values_a_task + row * columns);
        }
    });
}

vectorised! {
    fn backward<M>(output: &[f32], gradient: &mut [f32]) {
        let mean = sum_of_products::<M>(output, gradient);
        for (gradient, output) in gradient.iter_mut().zip(output) {
            *gradient = output * (*gradient - mean);
        }
    }
}

vectorised! {
    /// Turns a row of scores into `e^(scale · (score − largest))`. Returns their sum and the logarithm of the sum of `e^(scale · score)`.
    pub(crate) fn exponentials<M>(row: &mut [f32], scale: f32) -> (f32, f32) {
        let mut largest = [f32::NEG_INFINITY; LANES];
        let (lanes, rest) = row.as_chunks::<LANES>();
        for values in lanes {
            for (largest, &value) in largest.iter_mut().zip(values) {
                *largest = greater(*largest, scale * value);
            }
        }
        for (largest, &value) in largest.iter_mut().zip(rest) {
            *largest = greater(*largest, scale * value);
        }
        let top = largest.into_iter().fold(f32::NEG_INFINITY, greater);
        let sum = exponentials_below::<M>(row, scale, top);
        (sum, top + sum.ln())
    }
}

#[inline(always)]
fn greater(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// `value = e^(scale · value − top)`; returns the sum.
#[inline(always)]
fn exponentials_below<M: MulAdd>(row: &mut [f32], scale: f32, top: f32) -> f32 {
    let mut sums = [0.0f32; LANES];
    let (lanes, rest) = row.as_chunks_mut::<LANES>();
    for values in lanes {
        for (sum, value) in sums.iter_mut().zip(values) {
            *value = exp::<M>(M::mul_add(scale, *value, -top));
            *sum += *value;
        }
    }
    if !rest.is_empty() {
        // Filled up to a whole vector: one exponential each would take longer than all of them together.
        let mut powers = [f32::NEG_INFINITY; LANES];
        for (power, &value) in powers.iter_mut().zip(&*rest) {
            *power = M::mul_add(scale, value, -top);
        }
        for (sum, power) in sums.iter_mut().zip(&mut powers) {
            *power = exp::<M>(*power);
            *sum += *power;
        }
        rest.copy_from_slice(&powers[..rest.len()]);
    }
    sums.into_iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twin::{awkward, values};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn softmax_is_close_to_the_plain_one(
            rows in awkward(20), columns in awkward(200), seed in any::<u64>(), shift in -1e3f32..1e3,
        ) {
            let input: Vec<f32> = values(seed, rows * columns).into_iter().map(|x| x + shift).collect();
            let mut output = vec![f32::NAN; input.len()];
            softmax(columns, &input, &mut output);
            let output_gradient = values(!seed, input.len());
            let mut gradient = output_gradient.clone();
            softmax_backward(columns, &output, &mut gradient);
            for row in 0..rows {
                let row = row * columns..(row + 1) * columns;
                let top = input[row.clone()].iter().map(|&x| f64::from(x)).fold(f64::MIN, f64::max);
                let exact: Vec<f64> =
                    input[row.clone()].iter().map(|&x| (f64::from(x) - top).exp()).collect();
                let sum: f64 = exact.iter().sum();
                let error = 1e-6 + columns as f64 * 2f64.powi(-23);
                for (&found, exact) in output[row.clone()].iter().zip(&exact) {
                    let exact = exact / sum;
                    prop_assert!((f64::from(found) - exact).abs() <= error * exact, "{found}, not {exact}");
                }
                let weights = output[row.clone()].iter().map(|&y| f64::from(y));
                let terms = output_gradient[row.clone()].iter().map(|&g| f64::from(g));
                let mean: f64 = weights.clone().zip(terms.clone()).map(|(y, g)| y * g).sum();
                let largest = terms.clone().map(f64::abs).fold(0.0, f64::max);
                let error = (1e-6 + columns as f64 * 2f64.powi(-22)) * largest;
                for ((y, g), &found) in weights.zip(terms).zip(&gradient[row]) {
                    prop_assert!((f64::from(found) - y * (g - mean)).abs() <= error * y);
                }
            }
        }
    }

    #[test]
    fn large_scores_do_not_overflow_and_a_nan_makes_its_row_nan() {
        let mut output = [0.0; 6];
        softmax(2, &[1e30, 1e30, 0.0, -1e30, f32::NAN, 0.0], &mut output);
        assert_eq!(output[..4], [0.5, 0.5, 1.0, 0.0]);
        assert!(output[4].is_nan() && output[5].is_nan());
    }
}
