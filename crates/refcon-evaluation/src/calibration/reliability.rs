//! Whether confidences mean what they say: the reliability diagram and the expected calibration error.

use crate::Interval;
use crate::calibration::detection::wilson_interval;

/// Bins of a reliability diagram.
pub const BINS: usize = 15;

/// How confidences are sorted into bins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binning {
    /// [`BINS`] bins of equal width between 0 and 1; a confidence of 1 belongs to the last.
    EqualWidth,
    /// [`BINS`] bins of equally many confidences, in their order.
    EqualMass,
}

/// Matches of about the same confidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReliabilityBin {
    /// How many.
    pub count: usize,
    /// Their mean confidence.
    pub confidence: f64,
    /// The share of them that are of the query's class.
    pub accuracy: f64,
    /// 95 % Wilson interval of that share, as if the matches were independent.
    pub interval: Interval,
}

/// A reliability diagram.
#[derive(Debug, Clone, PartialEq)]
pub struct Reliability {
    /// Its bins that hold a match, by rising confidence.
    pub bins: Vec<ReliabilityBin>,
    /// Expected calibration error: the mean over matches of `|confidence − accuracy|` of their bin, 0 is best.
    ///
    /// Naeini, Cooper & Hauskrecht, Obtaining Well Calibrated Probabilities Using Bayesian Binning, AAAI 2015.
    pub expected_error: f64,
}

impl Reliability {
    /// Of `confidences` (0..1) and whether each match was right; `None` where there are none.
    #[must_use]
    pub fn of(confidences: &[f64], right: &[bool], binning: Binning) -> Option<Self> {
        let mut matches: Vec<(f64, bool)> = confidences.iter().copied().zip(right.iter().copied()).collect();
        if matches.is_empty() {
            return None;
        }
        matches.sort_by(|a, b| a.0.total_cmp(&b.0));
        let bins: Vec<ReliabilityBin> = match binning {
            Binning::EqualWidth => {
                let bin = |confidence: f64| ((confidence * BINS as f64) as usize).min(BINS - 1);
                matches.chunk_by(|a, b| bin(a.0) == bin(b.0)).map(ReliabilityBin::of).collect()
            }
            Binning::EqualMass => (0..BINS)
                .map(|bin| &matches[bin * matches.len() / BINS..(bin + 1) * matches.len() / BINS])
                .filter(|bin| !bin.is_empty())
                .map(ReliabilityBin::of)
                .collect(),
        };
        let error = |bin: &ReliabilityBin| bin.count as f64 * (bin.confidence - bin.accuracy).abs();
        let expected_error = bins.iter().map(error).sum::<f64>() / matches.len() as f64;
        Some(Self { bins, expected_error })
    }
}

impl ReliabilityBin {
    /// Of at least one match.
    fn of(matches: &[(f64, bool)]) -> Self {
        let count = matches.len();
        let right = matches.iter().filter(|(_, right)| *right).count();
        Self {
            count,
            confidence: matches.iter().map(|(confidence, _)| confidence).sum::<f64>() / count as f64,
            accuracy: right as f64 / count as f64,
            interval: wilson_interval(right, count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confidences_that_are_right_as_often_as_they_say_have_no_error() {
        let confidences = [vec![0.25; 4], vec![0.75; 4]].concat();
        let right = [true, false, false, false, true, true, true, false];
        for binning in [Binning::EqualWidth, Binning::EqualMass] {
            let reliability = Reliability::of(&confidences, &right, binning).unwrap();
            // Bins of equal mass cut through equal confidences; with fewer matches than bins each stands alone.
            let expected = if binning == Binning::EqualWidth { 0.0 } else { 0.375 };
            assert!((reliability.expected_error - expected).abs() < 1e-12, "{reliability:?}");
        }
    }

    #[test]
    fn certainty_belongs_to_the_last_bin_and_nothing_has_no_diagram() {
        let reliability = Reliability::of(&[1.0, 0.99], &[true, true], Binning::EqualWidth).unwrap();
        assert_eq!(reliability.bins.len(), 1);
        assert!((reliability.expected_error - 0.005).abs() < 1e-12);
        assert_eq!(Reliability::of(&[], &[], Binning::EqualMass), None);
    }
}
