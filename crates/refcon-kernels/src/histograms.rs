//! Histograms with weights and a few bins: each bin is summed over many values at once, in vectors, which costs less than one store after
//! the other for as many bins as there are here.

use crate::lanes::{LANES, total};
use crate::vector::vectorised;

/// Values that are looked at bin by bin while they are in the cache.
const AT_ONCE: usize = 64 * LANES;

/// `bins[b] += Σ weight · max(0, 1 − |position − b|)`, where a value's position is `value · scale`, cut off at the first and at the last
/// bin: each value is shared by the two bins that it lies between.
///
/// # Shapes
/// - `values`, `weights`: `[count]`; `bins`: at least one
///
/// # Error
/// At most `(count / 16 + 32) · 2⁻²³` of `Σ |weight · share|`, and of each share 2⁻²² of the number of bins.
///
/// # Panics
/// When there are not as many weights as values.
pub fn shared_histogram(values: &[f32], scale: f32, weights: &[f32], bins: &mut [f32]) {
    assert_eq!(values.len(), weights.len(), "a weight a value");
    shared(values, scale, weights, bins);
}

/// `bins[b] += Σ weight` of the values whose position, `value · scale`, has b as its whole part; those beyond the last bin count there.
/// Values are not negative.
///
/// # Shapes
/// - `values`, `weights`: `[count]`; `bins`: at least one
///
/// # Error
/// At most `(count / 16 + 32) · 2⁻²³ · Σ |weight|` of each bin.
///
/// # Panics
/// When there are not as many weights as values.
pub fn histogram(values: &[f32], scale: f32, weights: &[f32], bins: &mut [f32]) {
    assert_eq!(values.len(), weights.len(), "a weight a value");
    whole(values, scale, weights, bins);
}

vectorised! {
    fn shared<M>(values: &[f32], scale: f32, weights: &[f32], bins: &mut [f32]) {
        let last = bins.len().saturating_sub(1) as f32;
        let share = |value: f32, weight: f32, bin: f32| {
            let position = (value * scale).clamp(0.0, last);
            weight * (1.0 - (position - bin).abs()).max(0.0)
        };
        sum_bins(values, weights, bins, share);
    }
}

vectorised! {
    fn whole<M>(values: &[f32], scale: f32, weights: &[f32], bins: &mut [f32]) {
        let last = bins.len().saturating_sub(1) as f32;
        let share = |value: f32, weight: f32, bin: f32| {
            let position = (value * scale).min(last);
            if position >= bin && position < bin + 1.0 { weight } else { 0.0 }
        };
        sum_bins(values, weights, bins, share);
    }
}

/// Adds to each bin what `share(value, weight, bin)` says of each value.
#[inline(always)]
fn sum_bins(values: &[f32], weights: &[f32], bins: &mut [f32], share: impl Fn(f32, f32, f32) -> f32) {
    for (values, weights) in values.chunks(AT_ONCE).zip(weights.chunks(AT_ONCE)) {
        let ((values, last_values), (weights, last_weights)) =
            (values.as_chunks::<LANES>(), weights.as_chunks::<LANES>());
        for (number, bin) in bins.iter_mut().enumerate() {
            let number = number as f32;
            let mut sums = [0.0f32; LANES];
            for (values, weights) in values.iter().zip(weights) {
                for (sum, (&value, &weight)) in sums.iter_mut().zip(values.iter().zip(weights)) {
                    *sum += share(value, weight, number);
                }
            }
            for (sum, (&value, &weight)) in sums.iter_mut().zip(last_values.iter().zip(last_weights)) {
                *sum += share(value, weight, number);
            }
            *bin += total(sums);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twin::{awkward, values};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn histograms_are_close_to_the_plain_ones(
            count in prop_oneof![awkward(130), 1000usize..3000], bins in 1usize..12, seed in any::<u64>(),
        ) {
            let positions: Vec<f32> = values(seed, count).iter().map(|v| v.abs() / 3.0).collect();
            let weights = values(!seed, count);
            let scale = bins as f32;
            let (mut between, mut inside) = (vec![0.0; bins], vec![0.0; bins]);
            shared_histogram(&positions, scale, &weights, &mut between);
            histogram(&positions, scale, &weights, &mut inside);
            let (mut between_twin, mut inside_twin) = (vec![0.0f64; bins], vec![0.0f64; bins]);
            for (&value, &weight) in positions.iter().zip(&weights) {
                let position = (value * scale).min((bins - 1) as f32);
                inside_twin[position as usize] += f64::from(weight);
                let (below, share) = (position as usize, f64::from(position) - f64::from(position).floor());
                between_twin[below] += f64::from(weight) * (1.0 - share);
                if below + 1 < bins {
                    between_twin[below + 1] += f64::from(weight) * share;
                }
            }
            let size: f64 = weights.iter().map(|w| f64::from(w.abs())).sum();
            let error = (count as f64 / 16.0 + 32.0 + 2.0 * bins as f64) * 2f64.powi(-23) * size;
            for bin in 0..bins {
                prop_assert!((f64::from(between[bin]) - between_twin[bin]).abs() <= error, "shared {bin}");
                prop_assert!((f64::from(inside[bin]) - inside_twin[bin]).abs() <= error, "{bin}");
            }
        }
    }
}
