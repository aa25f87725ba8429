//! Layer normalisation, forward and backward (Ba et al., arXiv 1607.06450).

use crate::lanes::{LANES, sum_of};
use crate::scratch::with_values;
use crate::vector::vectorised;
use rayon::prelude::*;

/// What a row had before it was normalised.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Moments {
    /// Its mean.
    pub mean: f32,
    /// 1 / √(variance + epsilon).
    pub scale: f32,
}

/// Rows that a task normalises.
const ROWS_A_TASK: usize = 16;

/// `output = (input − mean) / √(variance + epsilon) · gamma + beta`, row by row.
///
/// `moments`, where given, receives what [`layer_norm_backward`] needs.
///
/// # Shapes
/// - `gamma`, `beta`: `[width]`; `input`, `output`: `[rows, width]`; `moments`: `[rows]`
///
/// # Error
/// With X the largest |x − mean| · scale of a row, and `d` the row's largest |x| · scale: at most
/// `(1e-6 + width · 2⁻²³) · (X + d) · |gamma| + 2⁻²³ · |beta|`. A NaN makes its row NaN.
///
/// # Panics
/// When the shapes do not fit.
pub fn layer_norm(
    gamma: &[f32],
    beta: &[f32],
    epsilon: f32,
    input: &[f32],
    output: &mut [f32],
    moments: Option<&mut [Moments]>,
) {
    let width = gamma.len();
    assert_eq!(beta.len(), width, "gamma and beta");
    assert_eq!(input.len(), output.len(), "layer normalisation's input and output");
    let rows = row_count(input.len(), width);
    if rows == 0 {
        return;
    }
    let task = ROWS_A_TASK * width;
    let each = output.par_chunks_mut(task).zip(input.par_chunks(task));
    match moments {
        Some(moments) => {
            assert_eq!(moments.len(), rows, "one mean and scale a row");
            each.zip(moments.par_chunks_mut(ROWS_A_TASK)).for_each(|((output, input), moments)| {
                for ((output, input), moments) in
                    output.chunks_exact_mut(width).zip(input.chunks_exact(width)).zip(moments)
                {
                    *moments = normalise(gamma, beta, epsilon, input, output);
                }
            });
        }
        None => each.for_each(|(output, input)| {
            for (output, input) in output.chunks_exact_mut(width).zip(input.chunks_exact(width)) {
                normalise(gamma, beta, epsilon, input, output);
            }
        }),
    }
}

/// The gradients of [`layer_norm`] from that of its output.
///
/// # Shapes
/// - `gamma`, `gamma_gradient`, `beta_gradient`: `[width]`; `moments`: `[rows]`, as `layer_norm` wrote them
/// - `input`, `output_gradient`, `input_gradient`: `[rows, width]`
///
/// All gradients are written, not added to. They do not depend on the number of threads.
///
/// # Error
/// With G the largest |output gradient · gamma| of a row and X its largest normalised value: the input's gradient within
/// `(2e-6 + width · 2⁻²²) · G · (1 + X²) · scale`; those of gamma and beta within `(2e-6 + rows · 2⁻²²)` of the sum of the absolute
/// values of their terms.
///
/// # Panics
/// When the shapes do not fit.
#[allow(clippy::too_many_arguments)] // the operation has as many operands
pub fn layer_norm_backward(
    gamma: &[f32],
    input: &[f32],
    moments: &[Moments],
    output_gradient: &[f32],
    input_gradient: &mut [f32],
    gamma_gradient: &mut [f32],
    beta_gradient: &mut [f32],
) {
    let width = gamma.len();
    assert_eq!(input.len(), output_gradient.len(), "layer normalisation's input and output gradient");
    assert_eq!(input.len(), input_gradient.len(), "layer normalisation's input and its gradient");
    assert_eq!(gamma_gradient.len(), width, "gamma and its gradient");
    assert_eq!(beta_gradient.len(), width, "beta and its gradient");
    let rows = row_count(input.len(), width);
    assert_eq!(moments.len(), rows, "one mean and scale a row");
    gamma_gradient.fill(0.0);
    beta_gradient.fill(0.0);
    if rows == 0 {
        return;
    }
    let rows_a_part = rows_a_part(rows);
    let part = rows_a_part * width;
    with_values(rows.div_ceil(rows_a_part) * 2 * width, |sums| {
        input_gradient
            .par_chunks_mut(part)
            .zip(input.par_chunks(part))
            .zip(output_gradient.par_chunks(part))
            .zip(moments.par_chunks(rows_a_part))
            .zip(sums.par_chunks_mut(2 * width))
            .for_each(|((((input_gradient, input), output_gradient), moments), sums)| {
                sums.fill(0.0);
                let (gammas, betas) = sums.split_at_mut(width);
                let rows = input_gradient.chunks_exact_mut(width).zip(input.chunks_exact(width));
                let rows = rows.zip(output_gradient.chunks_exact(width)).zip(moments);
                for (((input_gradient, input), output_gradient), moments) in rows {
                    backward(gamma, input, *moments, output_gradient, input_gradient, gammas, betas);
                }
            });
        for part in sums.chunks_exact(2 * width) {
            add(gamma_gradient, &part[..width]);
            add(beta_gradient, &part[width..]);
        }
    });
}

/// `sums[column] = Σ values[row][column]`: a bias's gradient, for `[rows, width]` values.
///
/// Within `rows · 2⁻²³` of the sum of absolute values; does not depend on the number of threads.
///
/// # Panics
/// When `values` are no whole number of rows.
pub fn column_sums(values: &[f32], sums: &mut [f32]) {
    let width = sums.len();
    let rows = row_count(values.len(), width);
    sums.fill(0.0);
    if rows == 0 {
        return;
    }
    let rows_a_part = rows_a_part(rows);
    with_values(rows.div_ceil(rows_a_part) * width, |parts| {
        parts.par_chunks_mut(width).zip(values.par_chunks(rows_a_part * width)).for_each(|(sums, rows)| {
            sums.fill(0.0);
            for row in rows.chunks_exact(width) {
                add(sums, row);
            }
        });
        for part in parts.chunks_exact(width) {
            add(sums, part);
        }
    });
}

/// `sum[i] += term[i]`, as in a residual connection.
///
/// # Panics
/// When the lengths differ.
pub fn add_to(sum: &mut [f32], term: &[f32]) {
    assert_eq!(sum.len(), term.len(), "a sum and its term");
    let task = crate::activation::VALUES_A_TASK;
    sum.par_chunks_mut(task).zip(term.par_chunks(task)).for_each(|(sum, term)| add(sum, term));
}

fn row_count(values: usize, width: usize) -> usize {
    if width == 0 {
        assert_eq!(values, 0, "values in rows of none");
        return 0;
    }
    assert!(values.is_multiple_of(width), "{values} values in rows of {width}");
    values / width
}

/// Rows that are summed one after the other, so many that the sums of all parts stay few. It must not depend on the number of
/// threads: sums in another order differ.
fn rows_a_part(rows: usize) -> usize {
    const MOST_PARTS: usize = 256;
    rows.div_ceil(MOST_PARTS).max(ROWS_A_TASK)
}

vectorised! {
    fn add<M>(sum: &mut [f32], term: &[f32]) {
        for (sum, term) in sum.iter_mut().zip(term) {
            *sum += term;
        }
    }
}

vectorised! {
    fn normalise<M>(gamma: &[f32], beta: &[f32], epsilon: f32, input: &[f32], output: &mut [f32]) -> Moments {
        let count = input.len() as f32;
        let mean = sum_of(input, |x| x) / count;
        let variance = sum_of(input, |x| (x - mean) * (x - mean)) / count;
        let scale = 1.0 / (variance + epsilon).sqrt();
        for ((y, &x), (&gamma, &beta)) in output.iter_mut().zip(input).zip(gamma.iter().zip(beta)) {
            *y = M::mul_add((x - mean) * scale, gamma, beta);
        }
        Moments { mean, scale }
    }
}

vectorised! {
    /// One row: writes its input's gradient, adds to those of gamma and beta.
    fn backward<M>(
        gamma: &[f32],
        input: &[f32],
        moments: Moments,
        output_gradient: &[f32],
        input_gradient: &mut [f32],
        gammas: &mut [f32],
        betas: &mut [f32],
    ) {
        let Moments { mean, scale } = moments;
        let count = input.len();
        // Equal lengths, said once, spare the loops a check each.
        let (gamma, output_gradient) = (&gamma[..count], &output_gradient[..count]);
        let (input_gradient, gammas, betas) =
            (&mut input_gradient[..count], &mut gammas[..count], &mut betas[..count]);
        let (mut plain, mut weighted) = ([0.0f32; LANES], [0.0f32; LANES]);
        let whole = count - count % LANES;
        for first in (0..whole).step_by(LANES) {
            let lanes = first..first + LANES;
            let terms = input[lanes.clone()].iter().zip(&output_gradient[lanes.clone()]).zip(&gamma[lanes]);
            for ((plain, weighted), ((&x, &outer), &gamma)) in plain.iter_mut().zip(&mut weighted).zip(terms) {
                let inner = outer * gamma;
                *plain += inner;
                *weighted = M::mul_add(inner, (x - mean) * scale, *weighted);
            }
        }
        for at in whole..count {
            let inner = output_gradient[at] * gamma[at];
            plain[at - whole] += inner;
            weighted[at - whole] = M::mul_add(inner, (input[at] - mean) * scale, weighted[at - whole]);
        }
        let plain = plain.into_iter().sum::<f32>() / count as f32;
        let weighted = weighted.into_iter().sum::<f32>() / count as f32;
        for at in 0..count {
            let normalised = (input[at] - mean) * scale;
            let outer = output_gradient[at];
            input_gradient[at] = scale * (outer * gamma[at] - plain - normalised * weighted);
            gammas[at] = M::mul_add(outer, normalised, gammas[at]);
            betas[at] += outer;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twin::{awkward, values};
    use proptest::prelude::*;

    const EPSILON: f32 = 1e-6;

    /// Mean and 1 / √(variance + epsilon), in f64.
    fn moments_of(row: &[f32]) -> (f64, f64) {
        let count = row.len() as f64;
        let mean = row.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
        let variance = row.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / count;
        (mean, 1.0 / (variance + f64::from(EPSILON)).sqrt())
    }

    proptest! {
        #[test]
        fn layer_normalisation_is_close_to_the_plain_one(
            rows in awkward(70), width in awkward(200), seed in any::<u64>(), shift in -10f32..10.0,
        ) {
            let input: Vec<f32> = values(seed, rows * width).into_iter().map(|x| x + shift).collect();
            let (gamma, beta) = (values(seed ^ 1, width), values(seed ^ 2, width));
            let mut output = vec![f32::NAN; input.len()];
            let mut moments = vec![Moments::default(); if width == 0 { 0 } else { rows }];
            layer_norm(&gamma, &beta, EPSILON, &input, &mut output, Some(&mut moments));
            let mut without = vec![f32::NAN; input.len()];
            layer_norm(&gamma, &beta, EPSILON, &input, &mut without, None);
            prop_assert_eq!(&output, &without);
            if width == 0 {
                return Ok(());
            }
            for (input, output) in input.chunks(width).zip(output.chunks(width)) {
                let (mean, scale) = moments_of(input);
                let largest = |of: &dyn Fn(f64) -> f64| {
                    input.iter().map(|&x| of(f64::from(x)).abs() * scale).fold(0.0, f64::max)
                };
                let size = largest(&|x| x - mean) + largest(&|x| x);
                let error = 1e-6 + width as f64 * 2f64.powi(-23);
                for (at, (&x, &y)) in input.iter().zip(output).enumerate() {
                    let (gamma, beta) = (f64::from(gamma[at]), f64::from(beta[at]));
                    let exact = (f64::from(x) - mean) * scale * gamma + beta;
                    let allowed = error * size * gamma.abs() + 2f64.powi(-23) * beta.abs();
                    prop_assert!((f64::from(y) - exact).abs() <= allowed, "{y}, not {exact} (within {allowed})");
                }
            }
        }

        #[test]
        fn its_gradients_are_close_to_the_plain_ones(
            rows in awkward(70), width in 1usize..150, seed in any::<u64>(),
        ) {
            let input = values(seed, rows * width);
            let (gamma, beta) = (values(seed ^ 1, width), values(seed ^ 2, width));
            let output_gradient = values(seed ^ 3, rows * width);
            let mut moments = vec![Moments::default(); rows];
            layer_norm(&gamma, &beta, EPSILON, &input, &mut vec![0.0; rows * width], Some(&mut moments));
            let mut input_gradient = vec![f32::NAN; rows * width];
            let (mut gammas, mut betas) = (vec![f32::NAN; width], vec![f32::NAN; width]);
            layer_norm_backward(
                &gamma, &input, &moments, &output_gradient, &mut input_gradient, &mut gammas, &mut betas,
            );
            let (mut exact_gammas, mut exact_betas) = (vec![(0.0, 0.0); width], vec![(0.0, 0.0); width]);
            for row in 0..rows {
                let row = row * width..(row + 1) * width;
                let (mean, scale) = moments_of(&input[row.clone()]);
                let normalised: Vec<f64> =
                    input[row.clone()].iter().map(|&x| (f64::from(x) - mean) * scale).collect();
                let outer: Vec<f64> = output_gradient[row.clone()].iter().map(|&g| f64::from(g)).collect();
                let inner: Vec<f64> =
                    outer.iter().zip(&gamma).map(|(g, &gamma)| g * f64::from(gamma)).collect();
                let count = width as f64;
                let plain = inner.iter().sum::<f64>() / count;
                let weighted = inner.iter().zip(&normalised).map(|(g, x)| g * x).sum::<f64>() / count;
                let largest = |of: &[f64]| of.iter().copied().map(f64::abs).fold(0.0, f64::max);
                let (g, x) = (largest(&inner), largest(&normalised));
                let allowed = (2e-6 + count * 2f64.powi(-22)) * g * (1.0 + x * x) * scale;
                for at in 0..width {
                    let exact = scale * (inner[at] - plain - normalised[at] * weighted);
                    let found = f64::from(input_gradient[row.start + at]);
                    prop_assert!((found - exact).abs() <= allowed, "{found}, not {exact} (within {allowed})");
                    let term = outer[at] * normalised[at];
                    exact_gammas[at].0 += term;
                    // A single row's normalised values carry the error of its mean.
                    exact_gammas[at].1 += (outer[at] * (1.0 + x)).abs();
                    exact_betas[at].0 += outer[at];
                    exact_betas[at].1 += outer[at].abs();
                }
            }
            let error = 2e-6 + (rows + width) as f64 * 2f64.powi(-22);
            for (found, exact) in [(&gammas, &exact_gammas), (&betas, &exact_betas)] {
                for (&found, &(exact, size)) in found.iter().zip(exact) {
                    prop_assert!((f64::from(found) - exact).abs() <= error * size, "{found}, not {exact}");
                }
            }
        }

        #[test]
        fn column_sums_are_close_to_the_plain_ones(
            rows in awkward(600), width in awkward(70), seed in any::<u64>(),
        ) {
            let values = values(seed, rows * width);
            let mut sums = vec![f32::NAN; width];
            column_sums(&values, &mut sums);
            for (column, &sum) in sums.iter().enumerate() {
                let column = values.iter().skip(column).step_by(width).map(|&x| f64::from(x));
                let (exact, size) = (column.clone().sum::<f64>(), column.map(f64::abs).sum::<f64>());
                prop_assert!((f64::from(sum) - exact).abs() <= rows as f64 * 2f64.powi(-23) * size);
            }
        }

        #[test]
        fn a_residual_is_added_value_by_value(count in awkward(200), seed in any::<u64>()) {
            let (one, other) = (values(seed, count), values(!seed, count));
            let mut sum = one.clone();
            add_to(&mut sum, &other);
            prop_assert!(sum.iter().zip(one.iter().zip(&other)).all(|(sum, (a, b))| *sum == a + b));
        }
    }

    #[test]
    fn the_number_of_threads_changes_no_sum() {
        let (rows, width) = (5000, 33);
        let values = values(1, rows * width);
        let with_threads = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut sums = vec![0.0; width];
            pool.install(|| column_sums(&values, &mut sums));
            sums
        };
        assert_eq!(with_threads(1), with_threads(6));
    }

    #[test]
    fn a_nan_makes_its_row_nan_and_no_other() {
        let mut input = values(1, 3 * 20);
        input[27] = f32::NAN;
        let mut output = vec![0.0; 60];
        layer_norm(&[1.0; 20], &[0.0; 20], EPSILON, &input, &mut output, None);
        for (at, value) in output.into_iter().enumerate() {
            assert_eq!(value.is_nan(), at / 20 == 1, "{at}");
        }
    }
}
