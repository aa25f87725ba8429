//! The cross-entropy of a softmax with given distributions, and its slopes, in one pass over each row.

use crate::activation::VALUES_A_TASK;
use crate::lanes::{LANES, sum_of};
use crate::softmax::exponentials;
use crate::vector::vectorised;
use rayon::prelude::*;

/// `losses[row] = −Σ target · ln softmax(factor · logit)`, and its slopes for the logits, `factor · (softmax · Σ target − target)`.
///
/// # Shapes
/// - `logits`, `targets`, `slopes`: `[rows, columns]`; `losses`: `[rows]`
///
/// # Error
/// With T = Σ |target| of a row and S its largest |factor · logit|: losses within `(2e-6 + columns · 2⁻²²) · T · (1 + 2 S + ln columns)`,
/// slopes within `(2e-6 + columns · 2⁻²²) · |factor| · T · (1 + S)`. A NaN makes its row NaN.
///
/// # Panics
/// When the shapes do not fit.
pub fn cross_entropy(
    columns: usize,
    factor: f32,
    logits: &[f32],
    targets: &[f32],
    losses: &mut [f32],
    slopes: &mut [f32],
) {
    assert_eq!(logits.len(), losses.len() * columns, "logits of {} rows of {columns}", losses.len());
    assert_eq!(logits.len(), targets.len(), "logits and targets");
    assert_eq!(logits.len(), slopes.len(), "logits and their slopes");
    if columns == 0 {
        losses.fill(0.0);
        return;
    }
    let rows_a_task = VALUES_A_TASK.div_ceil(columns);
    let values = rows_a_task * columns;
    losses
        .par_chunks_mut(rows_a_task)
        .zip(slopes.par_chunks_mut(values))
        .zip(logits.par_chunks(values).zip(targets.par_chunks(values)))
        .for_each(|((losses, slopes), (logits, targets))| {
            let rows = slopes.chunks_exact_mut(columns).zip(logits.chunks_exact(columns));
            for ((loss, (slopes, logits)), targets) in
                losses.iter_mut().zip(rows).zip(targets.chunks_exact(columns))
            {
                slopes.copy_from_slice(logits);
                let (sum, log_sum) = exponentials(slopes, factor);
                *loss = of_row(factor, logits, targets, sum, log_sum, slopes);
            }
        });
}

vectorised! {
    /// The loss of a row; `slopes` hold its exponentials, whose sum is `sum`, and become its slopes.
    fn of_row<M>(
        factor: f32,
        logits: &[f32],
        targets: &[f32],
        sum: f32,
        log_sum: f32,
        slopes: &mut [f32],
    ) -> f32 {
        let share = sum_of(targets, |target| target) / sum;
        let mut losses = [0.0f32; LANES];
        let (slope_lanes, slope_rest) = slopes.as_chunks_mut::<LANES>();
        let ((logit_lanes, logit_rest), (target_lanes, target_rest)) =
            (logits.as_chunks::<LANES>(), targets.as_chunks::<LANES>());
        for ((slopes, logits), targets) in slope_lanes.iter_mut().zip(logit_lanes).zip(target_lanes) {
            for lane in 0..LANES {
                let logarithm = M::mul_add(factor, logits[lane], -log_sum);
                losses[lane] = M::mul_add(-targets[lane], logarithm, losses[lane]);
                slopes[lane] = factor * M::mul_add(share, slopes[lane], -targets[lane]);
            }
        }
        let rest = slope_rest.iter_mut().zip(logit_rest).zip(target_rest);
        for (loss, ((slope, &logit), &target)) in losses.iter_mut().zip(rest) {
            *loss = M::mul_add(-target, M::mul_add(factor, logit, -log_sum), *loss);
            *slope = factor * M::mul_add(share, *slope, -target);
        }
        losses.into_iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twin::{awkward, values};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn losses_and_slopes_are_close_to_the_plain_ones(
            rows in awkward(20), columns in 1usize..200, seed in any::<u64>(), factor in 0.1f32..30.0,
        ) {
            let logits = values(seed, rows * columns);
            let targets: Vec<f32> = values(!seed, rows * columns).into_iter().map(f32::abs).collect();
            let (mut losses, mut slopes) = (vec![f32::NAN; rows], vec![f32::NAN; rows * columns]);
            cross_entropy(columns, factor, &logits, &targets, &mut losses, &mut slopes);
            for (row, &loss) in losses.iter().enumerate() {
                let of = row * columns..(row + 1) * columns;
                let scaled: Vec<f64> =
                    logits[of.clone()].iter().map(|&logit| f64::from(logit) * f64::from(factor)).collect();
                let targets: Vec<f64> = targets[of.clone()].iter().map(|&target| f64::from(target)).collect();
                let top = scaled.iter().copied().fold(f64::MIN, f64::max);
                let log_sum = top + scaled.iter().map(|x| (x - top).exp()).sum::<f64>().ln();
                let total: f64 = targets.iter().sum();
                let size = scaled.iter().map(|x| x.abs()).fold(0.0, f64::max);
                let unit = (2e-6 + columns as f64 * 2f64.powi(-22)) * total;
                let exact: f64 = targets.iter().zip(&scaled).map(|(t, x)| t * (log_sum - x)).sum();
                let allowed = unit * (1.0 + 2.0 * size + (columns as f64).ln());
                prop_assert!((f64::from(loss) - exact).abs() <= allowed, "{loss}, not {exact}");
                for ((&slope, x), target) in slopes[of].iter().zip(&scaled).zip(&targets) {
                    let exact = f64::from(factor) * ((x - log_sum).exp() * total - target);
                    let allowed = unit * f64::from(factor) * (1.0 + size);
                    prop_assert!((f64::from(slope) - exact).abs() <= allowed, "{slope}, not {exact}");
                }
            }
        }
    }

    #[test]
    fn a_nan_makes_its_row_nan_and_no_other() {
        let (mut losses, mut slopes) = ([0.0; 2], [0.0; 4]);
        let targets = [0.5, 0.5, 1.0, 0.0];
        cross_entropy(2, 1.0, &[0.0, f32::NAN, 0.0, 0.0], &targets, &mut losses, &mut slopes);
        assert!(losses[0].is_nan() && slopes[..2].iter().all(|slope| slope.is_nan()));
        assert!((losses[1] - 2f32.ln()).abs() < 1e-6 && slopes[2..] == [-0.5, 0.5]);
    }
}
