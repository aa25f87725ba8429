//! The axes of a survey: line numbers and samples.

use serde::{Deserialize, Serialize};

/// Evenly spaced line numbers (inline, crossline or CDP): `first`, `first + step`, … `count` of them.
///
/// `step` may be negative, never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineAxis {
    /// The first line's number.
    pub first: i32,
    /// Difference between neighbouring line numbers; negative where the numbers fall.
    pub step: i32,
    /// How many lines there are.
    pub count: usize,
}

impl LineAxis {
    /// The number of the line at `index`.
    #[must_use]
    pub fn number(&self, index: usize) -> i32 {
        let index = i32::try_from(index).unwrap_or(i32::MAX);
        self.first.saturating_add(self.step.saturating_mul(index))
    }

    /// Where the line called `number` lies, or `None` where the axis has no such line.
    #[must_use]
    pub fn index_of(&self, number: i32) -> Option<usize> {
        let step = i64::from(self.step);
        let offset = i64::from(number) - i64::from(self.first);
        if step == 0 || offset % step != 0 {
            return None;
        }
        usize::try_from(offset / step).ok().filter(|&index| index < self.count)
    }

    /// The number of the last line; `first` for an empty axis.
    #[must_use]
    pub fn last(&self) -> i32 {
        self.number(self.count.saturating_sub(1))
    }
}

/// What the samples of a trace count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Domain {
    /// Two-way travel time, milliseconds.
    Time,
    /// Depth, metres.
    Depth,
    /// Depth, feet.
    #[serde(rename = "depth_ft")]
    DepthFeet,
}

impl Domain {
    /// The unit that positions along the axis are written in.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Time => "ms",
            Self::Depth => "m",
            Self::DepthFeet => "ft",
        }
    }
}

/// The samples of a trace: where they start, how far apart they are, how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SampleAxis {
    /// Time or depth.
    pub domain: Domain,
    /// Position of the first sample, in [`Domain::unit`].
    pub first: f64,
    /// Sample interval, in [`Domain::unit`].
    pub interval: f64,
    /// Samples in a trace.
    pub count: usize,
}

impl SampleAxis {
    /// Position of the sample at `index`, in [`Domain::unit`].
    #[must_use]
    pub fn position(&self, index: usize) -> f64 {
        self.first + self.interval * index as f64
    }
}
