//! Amplitude statistics.

/// The value that `percent` of the absolute amplitudes do not exceed: the clip of a symmetric colour scale.
///
/// Amplitudes that are NaN or infinite do not count; 0 where there is no other.
#[must_use]
pub fn absolute_percentile(amplitudes: &[f32], percent: f64) -> f32 {
    let mut absolute: Vec<f32> = amplitudes.iter().map(|a| a.abs()).filter(|a| a.is_finite()).collect();
    if absolute.is_empty() {
        return 0.0;
    }
    let rank = ((absolute.len() - 1) as f64 * percent.clamp(0.0, 100.0) / 100.0).round() as usize;
    *absolute.select_nth_unstable_by(rank, f32::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_percentile_is_of_absolute_values_and_skips_what_is_no_number() {
        let mut amplitudes: Vec<f32> =
            (1..=100).map(|n| if n % 2 == 0 { n as f32 } else { -(n as f32) }).collect();
        amplitudes.extend([f32::NAN, f32::INFINITY]);
        assert_eq!(absolute_percentile(&amplitudes, 100.0), 100.0);
        assert_eq!(absolute_percentile(&amplitudes, 0.0), 1.0);
        assert_eq!(absolute_percentile(&amplitudes, 50.0), 51.0);
        assert_eq!(absolute_percentile(&[f32::NAN], 50.0), 0.0);
    }
}
