//! Sections: 2-D slices of a survey.

use crate::{LineAxis, SampleAxis};
use serde::{Deserialize, Serialize};

/// Which way a section cuts its survey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Along an inline: its traces are numbered by crossline.
    Inline,
    /// Along a crossline: its traces are numbered by inline.
    Crossline,
}

impl std::fmt::Display for Direction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Inline => "inline",
            Self::Crossline => "crossline",
        })
    }
}

/// A horizontal slice of a 3-D survey: one sample of every trace, amplitudes `[inlines, crosslines]`.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeSlice {
    /// Index of the sample, from 0.
    pub sample: usize,
    /// Its time or depth, in the unit of the survey's sample axis.
    pub position: f64,
    /// Inline numbers of the rows.
    pub inlines: LineAxis,
    /// Crossline numbers of the columns.
    pub crosslines: LineAxis,
    /// `inlines.count × crosslines.count` amplitudes, inline by inline; 0 where the survey has no trace.
    pub amplitudes: Vec<f32>,
}

/// A vertical slice of a survey, amplitudes `[samples, traces]`: one row a sample, one column a trace.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// Which way it cuts the survey.
    pub direction: Direction,
    /// Its own line number.
    pub line: i32,
    /// The line numbers of its traces (crosslines on an inline, inlines on a crossline).
    pub traces: LineAxis,
    /// Its samples.
    pub samples: SampleAxis,
    /// `samples.count × traces.count` amplitudes, sample by sample.
    pub amplitudes: Vec<f32>,
}

/// A rectangle of samples and traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TileBox {
    /// Index of the first trace.
    pub first_trace: usize,
    /// Traces across.
    pub traces: usize,
    /// Index of the first sample.
    pub first_sample: usize,
    /// Samples down.
    pub samples: usize,
}

impl TileBox {
    /// Whether it lies inside a section of so many samples and traces.
    #[must_use]
    pub fn is_inside(&self, samples: usize, traces: usize) -> bool {
        let fits = |first: usize, count: usize, limit: usize| {
            first.checked_add(count).is_some_and(|end| end <= limit)
        };
        fits(self.first_sample, self.samples, samples) && fits(self.first_trace, self.traces, traces)
    }
}

impl Section {
    /// The amplitudes inside `tile`, `[tile.samples, tile.traces]`, or `None` where it does not lie inside the section.
    #[must_use]
    pub fn cut(&self, tile: TileBox) -> Option<Vec<f32>> {
        if !tile.is_inside(self.samples.count, self.traces.count) {
            return None;
        }
        let mut amplitudes = Vec::with_capacity(tile.traces * tile.samples);
        for sample in tile.first_sample..tile.first_sample + tile.samples {
            let row = &self.amplitudes[sample * self.traces.count..][..self.traces.count];
            amplitudes.extend_from_slice(&row[tile.first_trace..tile.first_trace + tile.traces]);
        }
        Some(amplitudes)
    }
}
