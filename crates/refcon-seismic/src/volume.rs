//! Volumes held in memory.

use crate::{Direction, LineAxis, SampleAxis, Section};

/// A 3-D post-stack volume in memory, amplitudes `[inline, crossline, sample]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Volume {
    /// Inline numbers.
    pub inlines: LineAxis,
    /// Crossline numbers.
    pub crosslines: LineAxis,
    /// Samples of each trace.
    pub samples: SampleAxis,
    /// `inlines.count × crosslines.count × samples.count` amplitudes, trace by trace.
    pub amplitudes: Vec<f32>,
}

impl Volume {
    /// The amplitudes of the trace at inline index `inline` and crossline index `crossline`.
    ///
    /// # Panics
    /// If an index lies outside the volume.
    #[must_use]
    pub fn trace(&self, inline: usize, crossline: usize) -> &[f32] {
        let start = (inline * self.crosslines.count + crossline) * self.samples.count;
        &self.amplitudes[start..start + self.samples.count]
    }

    /// The section along the line called `line`, or `None` where the volume has no such line.
    #[must_use]
    pub fn section(&self, direction: Direction, line: i32) -> Option<Section> {
        let (index, traces) = match direction {
            Direction::Inline => (self.inlines.index_of(line)?, self.crosslines),
            Direction::Crossline => (self.crosslines.index_of(line)?, self.inlines),
        };
        let mut amplitudes = vec![0.0; self.samples.count * traces.count];
        for trace in 0..traces.count {
            let column = match direction {
                Direction::Inline => self.trace(index, trace),
                Direction::Crossline => self.trace(trace, index),
            };
            for (sample, &amplitude) in column.iter().enumerate() {
                amplitudes[sample * traces.count + trace] = amplitude;
            }
        }
        Some(Section { direction, line, traces, samples: self.samples, amplitudes })
    }
}
