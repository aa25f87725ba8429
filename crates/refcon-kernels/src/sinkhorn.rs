//! Rows of logits as distributions over columns that all get the same share (Sinkhorn-Knopp; Caron et al., arXiv 2006.09882).

use crate::math::exp;
use crate::scratch::with_values;
use crate::softmax::exponentials;
use crate::unit::times;
use crate::vector::vectorised;
use rayon::prelude::*;

/// Columns whose sums are kept side by side.
const WIDE: usize = 64;

/// `output = e^(factor · logits)`, its columns and then its rows scaled to equal sums `rounds` times, each row's sum being 1.
///
/// Only the logarithms of the scales change, so that whole rows and columns may be too small for a number. The result does not depend on
/// the number of threads.
///
/// # Shapes
/// - `logits`, `output`: `[rows, columns]`
///
/// # Error
/// With S the largest |factor · logit|: each value within `rounds · (5e-6 + (rows + columns) · 2⁻²² + 2⁻²⁰ · S)` of itself, where that is above
/// 1e-37. A NaN makes everything NaN where there is a round.
///
/// # Panics
/// When the lengths differ or are no multiple of `columns`.
pub fn sinkhorn_knopp(columns: usize, factor: f32, rounds: usize, logits: &[f32], output: &mut [f32]) {
    assert_eq!(logits.len(), output.len(), "logits and output");
    if logits.is_empty() {
        return;
    }
    assert!(logits.len().is_multiple_of(columns), "{} values in rows of {columns}", logits.len());
    let rows = logits.len() / columns;
    with_values(rows + columns, |scales| {
        // Logarithms of what rows and columns are divided by.
        let (of_rows, of_columns) = scales.split_at_mut(rows);
        of_rows.fill(0.0);
        of_columns.fill(0.0);
        for round in 0..rounds.max(1) {
            if rounds > 0 {
                of_columns.par_chunks_mut(WIDE).enumerate().for_each(|(chunk, scales)| {
                    column_scales(columns, factor, chunk * WIDE, of_rows, logits, scales);
                });
            }
            let last = round + 1 >= rounds;
            let each = output.par_chunks_exact_mut(columns).zip(logits.par_chunks_exact(columns));
            each.zip(of_rows.par_iter_mut()).for_each(|((output, logits), scale)| {
                below(factor, logits, of_columns, output);
                let (sum, log_sum) = exponentials(output, 1.0);
                *scale = log_sum;
                if last {
                    times(output, 1.0 / sum);
                }
            });
        }
    });
}

vectorised! {
    /// `ln Σ e^(factor · logit − scale of its row)` of the columns from `first` on.
    fn column_scales<M>(
        columns: usize,
        factor: f32,
        first: usize,
        of_rows: &[f32],
        logits: &[f32],
        scales: &mut [f32],
    ) {
        let (mut largest, mut sums) = ([f32::NEG_INFINITY; WIDE], [0.0f32; WIDE]);
        let count = scales.len();
        for (logits, &scale) in logits.chunks_exact(columns).zip(of_rows) {
            for (largest, &logit) in largest.iter_mut().zip(&logits[first..first + count]) {
                let value = M::mul_add(factor, logit, -scale);
                // False for NaN, which then stays in the sum.
                *largest = if value > *largest { value } else { *largest };
            }
        }
        for (logits, &scale) in logits.chunks_exact(columns).zip(of_rows) {
            let values = logits[first..first + count].iter().zip(&largest);
            for (sum, (&logit, &largest)) in sums.iter_mut().zip(values) {
                *sum += exp::<M>(M::mul_add(factor, logit, -scale) - largest);
            }
        }
        for (scale, (sum, largest)) in scales.iter_mut().zip(sums.iter().zip(&largest)) {
            *scale = sum.ln() + largest;
        }
    }
}

vectorised! {
    fn below<M>(factor: f32, logits: &[f32], scales: &[f32], output: &mut [f32]) {
        for ((output, &logit), &scale) in output.iter_mut().zip(logits).zip(scales) {
            *output = M::mul_add(factor, logit, -scale);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twin::values;
    use proptest::prelude::*;

    /// The same in f64, on shares themselves: small enough rows and columns for that.
    fn plainly(columns: usize, factor: f32, rounds: usize, logits: &[f32]) -> Vec<f64> {
        let mut shares: Vec<f64> =
            logits.iter().map(|&logit| (f64::from(logit) * f64::from(factor)).exp()).collect();
        let rows = shares.len() / columns;
        for _ in 0..rounds {
            for column in 0..columns {
                let sum: f64 = (0..rows).map(|row| shares[row * columns + column]).sum();
                (0..rows).for_each(|row| shares[row * columns + column] /= sum * columns as f64);
            }
            for row in shares.chunks_mut(columns) {
                let sum: f64 = row.iter().sum();
                row.iter_mut().for_each(|share| *share /= sum * rows as f64);
            }
        }
        for row in shares.chunks_mut(columns) {
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|share| *share /= sum);
        }
        shares
    }

    proptest! {
        #[test]
        fn shares_are_close_to_the_plain_ones(
            rows in 1usize..40, columns in 1usize..200, rounds in 0usize..4, factor in 0.1f32..20.0, seed in any::<u64>(),
        ) {
            let logits = values(seed, rows * columns);
            let mut found = vec![f32::NAN; logits.len()];
            sinkhorn_knopp(columns, factor, rounds, &logits, &mut found);
            let size = f64::from(factor) * logits.iter().map(|x| f64::from(x.abs())).fold(0.0, f64::max);
            let error = 5e-6 + (rows + columns) as f64 * 2f64.powi(-22) + 2f64.powi(-20) * size;
            let allowed = rounds.max(1) as f64 * error;
            for (&found, exact) in found.iter().zip(plainly(columns, factor, rounds, &logits)) {
                let close = (f64::from(found) - exact).abs() <= allowed * exact + 1e-37;
                prop_assert!(close, "{found}, not {exact}, within {allowed}");
            }
        }
    }

    #[test]
    fn rows_too_small_for_a_number_are_spread_all_the_same() {
        let mut found = [0.0; 4];
        sinkhorn_knopp(2, 1.0, 3, &[-500.0, -501.0, 500.0, 501.0], &mut found);
        for row in found.chunks(2) {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6, "{found:?}");
        }
        assert!(found[0] > 0.5 && found[3] > 0.5, "{found:?}");
    }
}
