//! How the traces of a survey are arranged.

use crate::{BinGrid, Direction, LineAxis};
use serde::{Deserialize, Serialize};

/// The arrangement of a survey's traces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Geometry {
    /// 3-D: traces on a grid of inlines and crosslines.
    Volume(VolumeGeometry),
    /// A 2-D line.
    Line(LineGeometry),
}

impl Geometry {
    /// The 3-D arrangement, where it is one.
    #[must_use]
    pub fn volume(&self) -> Option<&VolumeGeometry> {
        match self {
            Self::Volume(volume) => Some(volume),
            Self::Line(_) => None,
        }
    }

    /// The 2-D arrangement, where it is one.
    #[must_use]
    pub fn line(&self) -> Option<&LineGeometry> {
        match self {
            Self::Line(line) => Some(line),
            Self::Volume(_) => None,
        }
    }

    /// The numbers of the lines that run in a direction, or `None` where the survey has none.
    ///
    /// A 2-D line is its survey's only inline.
    #[must_use]
    pub fn lines(&self, direction: Direction) -> Option<LineAxis> {
        match (self, direction) {
            (Self::Volume(volume), Direction::Inline) => Some(volume.inlines),
            (Self::Volume(volume), Direction::Crossline) => Some(volume.crosslines),
            (Self::Line(line), Direction::Inline) => Some(line.only_line()),
            (Self::Line(_), Direction::Crossline) => None,
        }
    }

    /// The numbers along a section that runs in a direction, or `None` where the survey has none.
    #[must_use]
    pub fn traces(&self, direction: Direction) -> Option<LineAxis> {
        match (self, direction) {
            (Self::Volume(volume), Direction::Inline) => Some(volume.crosslines),
            (Self::Volume(volume), Direction::Crossline) => Some(volume.inlines),
            (Self::Line(line), Direction::Inline) => Some(line.traces),
            (Self::Line(_), Direction::Crossline) => None,
        }
    }
}

/// A 3-D survey's grid of bins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VolumeGeometry {
    /// Inline numbers, in the order in which the survey stores them.
    pub inlines: LineAxis,
    /// Crossline numbers, in the order in which the survey stores them.
    pub crosslines: LineAxis,
    /// Bins that have a trace.
    pub live_bins: u64,
    /// Traces beyond the first of their bin.
    pub extra_traces: u64,
    /// Where the bins lie on the map, if the survey's coordinates say so.
    pub grid: Option<BinGrid>,
}

impl VolumeGeometry {
    /// Bins of the grid, with and without a trace.
    #[must_use]
    pub fn bins(&self) -> u64 {
        (self.inlines.count as u64).saturating_mul(self.crosslines.count as u64)
    }

    /// Bins without a trace; sections hold zeros there.
    #[must_use]
    pub fn missing_bins(&self) -> u64 {
        self.bins().saturating_sub(self.live_bins)
    }
}

/// What the numbers along a 2-D line count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LineNumbering {
    /// CDPs (ensembles).
    Cdp,
    /// Shots.
    Shot,
    /// Traces, as they come.
    Trace,
}

/// A 2-D line's traces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LineGeometry {
    /// Number of the line; 0 where it has none.
    pub line: i32,
    /// The numbers along the line.
    pub traces: LineAxis,
    /// What they count.
    pub numbered_by: LineNumbering,
    /// Numbers that have a trace.
    pub live_traces: u64,
    /// Traces beyond the first of their number.
    pub extra_traces: u64,
    /// X and Y of the first and of the last trace, where known.
    pub ends: Option<[[f64; 2]; 2]>,
}

impl LineGeometry {
    /// The line itself, as an axis of one line.
    #[must_use]
    pub fn only_line(&self) -> LineAxis {
        LineAxis { first: self.line, step: 1, count: 1 }
    }
}

/// The sign of an increase of acoustic impedance (SEG convention).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Polarity {
    /// A pressure rise is a negative number; for zero-phase data, a harder layer is a peak.
    Normal,
    /// The opposite.
    Reverse,
}
