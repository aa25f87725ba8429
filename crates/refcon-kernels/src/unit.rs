//! Rows scaled to length 1, forward and backward.

use crate::activation::VALUES_A_TASK;
use crate::lanes::sum_of_products;
use crate::vector::vectorised;
use rayon::prelude::*;

/// `output[row] = input[row] / max(|input[row]|, shortest)`; `lengths` receives what each row was divided by.
///
/// # Shapes
/// - `input`, `output`: `[rows, columns]`; `lengths`: `[rows]`
///
/// # Error
/// Each value within `(1e-6 + columns · 2⁻²³)` of itself, where squares neither overflow nor vanish. A NaN makes its row NaN.
///
/// # Panics
/// When the shapes do not fit.
pub fn unit_rows(columns: usize, shortest: f32, input: &[f32], output: &mut [f32], lengths: &mut [f32]) {
    assert_eq!(input.len(), lengths.len() * columns, "{} rows of {columns}", lengths.len());
    assert_eq!(input.len(), output.len(), "rows and what they become");
    let rows_a_task = VALUES_A_TASK.div_ceil(columns.max(1));
    let values = (rows_a_task * columns).max(1);
    lengths
        .par_chunks_mut(rows_a_task)
        .zip(output.par_chunks_mut(values).zip(input.par_chunks(values)))
        .for_each(|(lengths, (output, input))| {
            let rows = output.chunks_exact_mut(columns).zip(input.chunks_exact(columns));
            for (length, (output, input)) in lengths.iter_mut().zip(rows) {
                *length = forward(shortest, input, output);
            }
        });
}

/// The gradient of [`unit_rows`] from that of its output, in place: `(gradient − output · Σ output · gradient) / length`. A row that was
/// divided by `shortest` counts as one whose length stays.
///
/// # Error
/// With G the row's largest |gradient|: within `(2e-6 + columns · 2⁻²²) · √columns · G / length`.
///
/// # Panics
/// When the shapes do not fit.
pub fn unit_rows_backward(
    columns: usize,
    shortest: f32,
    output: &[f32],
    lengths: &[f32],
    gradient: &mut [f32],
) {
    assert_eq!(output.len(), lengths.len() * columns, "{} rows of {columns}", lengths.len());
    assert_eq!(output.len(), gradient.len(), "rows and their gradient");
    let rows_a_task = VALUES_A_TASK.div_ceil(columns.max(1));
    let values = (rows_a_task * columns).max(1);
    gradient
        .par_chunks_mut(values)
        .zip(output.par_chunks(values))
        .zip(lengths.par_chunks(rows_a_task))
        .for_each(|((gradient, output), lengths)| {
            let rows = gradient.chunks_exact_mut(columns).zip(output.chunks_exact(columns));
            for ((gradient, output), &length) in rows.zip(lengths) {
                backward(shortest, output, length, gradient);
            }
        });
}

/// `values[row] *= factors[row]`, for `[rows, columns]` values.
///
/// # Panics
/// When the shapes do not fit.
pub fn scale_rows(columns: usize, factors: &[f32], values: &mut [f32]) {
    assert_eq!(values.len(), factors.len() * columns, "{} rows of {columns}", factors.len());
    let rows_a_task = VALUES_A_TASK.div_ceil(columns.max(1));
    let tasks = values.par_chunks_mut((rows_a_task * columns).max(1)).zip(factors.par_chunks(rows_a_task));
    tasks.for_each(|(values, factors)| {
        for (values, &factor) in values.chunks_exact_mut(columns).zip(factors) {
            times(values, factor);
        }
    });
}

vectorised! {
    pub(crate) fn times<M>(values: &mut [f32], factor: f32) {
        for value in values {
            *value *= factor;
        }
    }
}

vectorised! {
    fn forward<M>(shortest: f32, input: &[f32], output: &mut [f32]) -> f32 {
        let length = sum_of_products::<M>(input, input).sqrt();
        // False for NaN, which stays.
        let length = if length < shortest { shortest } else { length };
        let factor = 1.0 / length;
        for (output, &value) in output.iter_mut().zip(input) {
            *output = value * factor;
        }
        length
    }
}

vectorised! {
    fn backward<M>(shortest: f32, output: &[f32], length: f32, gradient: &mut [f32]) {
        let along = if length > shortest { sum_of_products::<M>(output, gradient) } else { 0.0 };
        let factor = 1.0 / length;
        for (gradient, &value) in gradient.iter_mut().zip(output) {
            *gradient = factor * M::mul_add(-along, value, *gradient);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twin::{awkward, values};
    use proptest::prelude::*;

    const SHORTEST: f32 = 1e-12;

    proptest! {
        #[test]
        fn rows_and_gradients_are_close_to_the_plain_ones(
            rows in awkward(20), columns in 1usize..200, seed in any::<u64>(),
        ) {
            let input = values(seed, rows * columns);
            let (mut output, mut lengths) = (vec![f32::NAN; input.len()], vec![f32::NAN; rows]);
            unit_rows(columns, SHORTEST, &input, &mut output, &mut lengths);
            let outer = values(!seed, input.len());
            let mut gradient = outer.clone();
            unit_rows_backward(columns, SHORTEST, &output, &lengths, &mut gradient);
            for row in 0..rows {
                let of = row * columns..(row + 1) * columns;
                let wide = |from: &[f32]| from[of.clone()].iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
                let (input, outer) = (wide(&input), wide(&outer));
                let length = input.iter().map(|x| x * x).sum::<f64>().sqrt();
                let shortest = f64::from(SHORTEST);
                let along: f64 = if length > shortest {
                    input.iter().zip(&outer).map(|(x, g)| x / length * g).sum()
                } else {
                    0.0
                };
                let length = length.max(shortest);
                let largest = outer.iter().map(|g| g.abs()).fold(0.0, f64::max);
                for at in 0..columns {
                    let (exact, found) = (input[at] / length, f64::from(output[of.start + at]));
                    let allowed = (1e-6 + columns as f64 * 2f64.powi(-23)) * exact.abs();
                    prop_assert!((found - exact).abs() <= allowed, "{found}, not {exact}");
                    let (slope, found) = ((outer[at] - exact * along) / length, f64::from(gradient[of.start + at]));
                    let unit = (2e-6 + columns as f64 * 2f64.powi(-22)) * (columns as f64).sqrt();
                    prop_assert!((found - slope).abs() <= unit * largest / length, "{found}, not {slope}");
                }
            }
        }
    }

    #[test]
    fn each_row_has_its_own_factor() {
        let mut values: Vec<f32> = (0..VALUES_A_TASK + 9).map(|at| at as f32).collect();
        let factors: Vec<f32> = (0..values.len() / 3).map(|row| row as f32 - 1.0).collect();
        values.truncate(3 * factors.len());
        scale_rows(3, &factors, &mut values);
        assert!(values.iter().enumerate().all(|(at, &value)| value == at as f32 * ((at / 3) as f32 - 1.0)));
    }

    #[test]
    fn nothing_stays_nothing_and_a_nan_makes_its_row_nan_and_no_other() {
        let (mut output, mut lengths) = ([1.0; 6], [0.0; 3]);
        unit_rows(2, SHORTEST, &[0.0, 0.0, 3.0, 4.0, f32::NAN, 1.0], &mut output, &mut lengths);
        assert_eq!(output[..2], [0.0, 0.0]);
        assert!((output[2] - 0.6).abs() < 1e-6 && (output[3] - 0.8).abs() < 1e-6);
        assert!(output[4..].iter().all(|value| value.is_nan()));
    }
}
