//! The Ricker wavelet.

use std::f64::consts::PI;

/// Samples of a zero-phase Ricker wavelet of unit peak, its peak in the middle.
///
/// `(1 − 2π²f²t²) exp(−π²f²t²)`: Ricker (1953), "The form and laws of propagation of seismic wavelets", Geophysics
/// 18(1), 10–40. `period` is that of the peak frequency, in samples.
pub(super) fn ricker(period: f64) -> Vec<f32> {
    // At 1.5 periods the wavelet has fallen below a billionth of its peak.
    let half = (1.5 * period).ceil() as i32;
    (-half..=half)
        .map(|sample| {
            let phase = PI * f64::from(sample) / period;
            ((1.0 - 2.0 * phase * phase) * exp_of_minus(phase * phase)) as f32
        })
        .collect()
}

/// exp(−x) for x ≥ 0, of multiplications alone: the system's `exp` rounds differently from platform to platform.
pub(super) fn exp_of_minus(x: f64) -> f64 {
    const HALVINGS: u32 = 10;
    let small = -x / f64::from(1_u32 << HALVINGS);
    let mut power = 1.0 + small * (1.0 + small / 2.0 * (1.0 + small / 3.0 * (1.0 + small / 4.0)));
    for _ in 0..HALVINGS {
        power *= power;
    }
    power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_of_minus_agrees_with_the_library() {
        for step in 0..400 {
            let x = f64::from(step) * 0.06;
            assert!((exp_of_minus(x) - (-x).exp()).abs() < 1e-11, "{x}");
        }
    }

    #[test]
    fn a_ricker_wavelet_is_symmetric_and_sums_to_nothing() {
        let wavelet = ricker(8.0);
        let sum: f32 = wavelet.iter().sum();
        assert!(sum.abs() < 1e-5, "{sum}");
        assert!(wavelet.iter().eq(wavelet.iter().rev()));
        assert!((wavelet[wavelet.len() / 2] - 1.0).abs() < 1e-6);
    }
}
