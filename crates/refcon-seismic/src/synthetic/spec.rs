//! What the user may choose about a synthetic survey.

use serde::{Deserialize, Serialize};

/// Fewest inlines or crosslines that leave room for every feature.
pub const MIN_LINES: usize = 64;
/// Fewest samples in a trace that leave room for every package.
pub const MIN_SAMPLES: usize = 128;
/// Most samples in a volume: 2 GiB of amplitudes, and as much again while they are made.
pub const MAX_VOLUME_SAMPLES: usize = 1 << 29;

/// Size, sampling and noise of a synthetic survey, and the seed that its geology grows from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SyntheticSpec {
    /// Where the geology comes from: each seed is another survey, the same seed the same bytes.
    pub seed: u64,
    /// Inlines, at least [`MIN_LINES`].
    pub inlines: usize,
    /// Crosslines, at least [`MIN_LINES`].
    pub crosslines: usize,
    /// Samples in a trace, at least [`MIN_SAMPLES`].
    pub samples: usize,
    /// Sample interval in milliseconds of two-way time.
    pub interval_ms: f64,
    /// Peak frequency of the Ricker wavelet in hertz: from 4 to 40 percent of the sampling frequency, so that a
    /// wavelet is well sampled and yet much shorter than a trace.
    pub peak_frequency_hz: f64,
    /// RMS amplitude of the signal over that of the noise; infinite for no noise.
    pub signal_to_noise: f64,
}

impl Default for SyntheticSpec {
    /// 192 inlines × 288 crosslines × 384 samples of 4 ms, a 30 Hz wavelet, signal to noise 8.
    fn default() -> Self {
        Self {
            seed: 2,
            inlines: 192,
            crosslines: 288,
            samples: 384,
            interval_ms: 4.0,
            peak_frequency_hz: 30.0,
            signal_to_noise: 8.0,
        }
    }
}

/// Why a synthetic survey, or tiles of one, cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SyntheticError {
    /// The volume is too small for its features.
    #[error("a synthetic survey needs at least {least} {axis}, {found} were asked for")]
    TooFew {
        /// Which axis: inlines, crosslines or samples.
        axis: &'static str,
        /// The fewest that the axis takes.
        least: usize,
        /// What was asked for.
        found: usize,
    },
    /// The volume would not fit in a reasonable amount of memory.
    #[error(
        "{inlines} inlines × {crosslines} crosslines × {samples} samples are more than the {MAX_VOLUME_SAMPLES} \
         samples a synthetic survey may have"
    )]
    TooLarge {
        /// Inlines asked for.
        inlines: usize,
        /// Crosslines asked for.
        crosslines: usize,
        /// Samples a trace asked for.
        samples: usize,
    },
    /// The sample interval is no positive number.
    #[error("the sample interval must be a positive number of milliseconds, found {0}")]
    Interval(f64),
    /// The wavelet would be badly sampled, or too long for the traces.
    #[error(
        "a peak frequency of {found} Hz does not suit this sample interval: choose one between {lowest:.1} and \
         {highest:.1} Hz"
    )]
    PeakFrequency {
        /// What was asked for, hertz.
        found: f64,
        /// Lowest peak frequency at this sample interval, hertz.
        lowest: f64,
        /// Highest peak frequency at this sample interval, hertz.
        highest: f64,
    },
    /// The signal-to-noise ratio is no positive number.
    #[error("the signal-to-noise ratio must be above 0 (or infinite, for no noise), found {0}")]
    SignalToNoise(f64),
    /// Tiles do not fit into the sections.
    #[error(
        "tiles of {height} samples × {width} traces do not fit: they need at least 8 × 8 and at most \
         {most_height} × {most_width}"
    )]
    TileSize {
        /// Samples down, as asked for.
        height: usize,
        /// Traces across, as asked for.
        width: usize,
        /// Samples in a section.
        most_height: usize,
        /// Traces in the shorter section.
        most_width: usize,
    },
}

impl SyntheticSpec {
    /// Checks every value.
    ///
    /// # Errors
    /// The first value that is out of range.
    pub fn validate(&self) -> Result<(), SyntheticError> {
        for (axis, found, least) in [
            ("inlines", self.inlines, MIN_LINES),
            ("crosslines", self.crosslines, MIN_LINES),
            ("samples", self.samples, MIN_SAMPLES),
        ] {
            if found < least {
                return Err(SyntheticError::TooFew { axis, least, found });
            }
        }
        let total =
            self.inlines.checked_mul(self.crosslines).and_then(|traces| traces.checked_mul(self.samples));
        if total.is_none_or(|total| total > MAX_VOLUME_SAMPLES) {
            let Self { inlines, crosslines, samples, .. } = *self;
            return Err(SyntheticError::TooLarge { inlines, crosslines, samples });
        }
        if !(self.interval_ms.is_finite() && self.interval_ms > 0.0) {
            return Err(SyntheticError::Interval(self.interval_ms));
        }
        let sampling_hz = 1000.0 / self.interval_ms;
        let (lowest, highest) = (0.04 * sampling_hz, 0.4 * sampling_hz);
        if !(lowest..=highest).contains(&self.peak_frequency_hz) {
            return Err(SyntheticError::PeakFrequency { found: self.peak_frequency_hz, lowest, highest });
        }
        if self.signal_to_noise.is_nan() || self.signal_to_noise <= 0.0 {
            return Err(SyntheticError::SignalToNoise(self.signal_to_noise));
        }
        Ok(())
    }

    /// Period of the wavelet's peak frequency in samples: the yardstick for beds, throws and incisions.
    pub(super) fn period(&self) -> f64 {
        1000.0 / (self.peak_frequency_hz * self.interval_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid() {
        assert_eq!(SyntheticSpec::default().validate(), Ok(()));
    }

    #[test]
    fn values_out_of_range_are_named() {
        let spec = SyntheticSpec::default();
        let refused = |spec: SyntheticSpec| spec.validate().map_err(|error| error.to_string());
        let too_few = refused(SyntheticSpec { crosslines: 63, ..spec.clone() });
        assert_eq!(too_few, Err("a synthetic survey needs at least 64 crosslines, 63 were asked for".into()));
        assert!(refused(SyntheticSpec { inlines: usize::MAX, ..spec.clone() }).is_err());
        assert!(refused(SyntheticSpec { samples: 1 << 20, inlines: 1 << 10, ..spec.clone() }).is_err());
        assert!(refused(SyntheticSpec { interval_ms: f64::NAN, ..spec.clone() }).is_err());
        assert!(refused(SyntheticSpec { interval_ms: 0.0, ..spec.clone() }).is_err());
        assert!(refused(SyntheticSpec { peak_frequency_hz: 124.0, ..spec.clone() }).is_err());
        assert!(refused(SyntheticSpec { peak_frequency_hz: 1.0, ..spec.clone() }).is_err());
        assert!(refused(SyntheticSpec { signal_to_noise: 0.0, ..spec.clone() }).is_err());
        assert!(refused(SyntheticSpec { signal_to_noise: f64::INFINITY, ..spec }).is_ok());
    }
}
