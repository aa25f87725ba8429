//! The table of tiles: a row a tile.

use super::labels::Majority;
use crate::tiling::{Tile, TilePlace};
use crate::{Direction, Geometry};
use serde::{Deserialize, Serialize};

/// Positions are kept to a hundredth of their unit; no survey is laid out more exactly.
const POSITIONS: f64 = 100.0;

/// A row of `tiles.csv`, and the `.json` beside an image in a shard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TileRow {
    /// The shard that holds it; empty in a folder of images.
    pub shard: String,
    /// The image, below the folder or in the shard.
    pub file: String,
    /// Name of the survey.
    pub survey: String,
    /// Which way its section runs.
    pub direction: Direction,
    /// Number of its section.
    pub line: i32,
    /// Index of its first trace along the section, from 0.
    pub first_trace: usize,
    /// Traces across: the width of the image.
    pub traces: usize,
    /// Index of its first sample, from 0.
    pub first_sample: usize,
    /// Samples down: the height of the image.
    pub samples: usize,
    /// Inline number of its first trace.
    pub first_inline: i32,
    /// Crossline number of its first trace; on a 2-D line the number along it.
    pub first_crossline: i32,
    /// Inline number of its last trace.
    pub last_inline: i32,
    /// Crossline number of its last trace.
    pub last_crossline: i32,
    /// Position of its first sample.
    pub top: f64,
    /// Position of its last sample.
    pub bottom: f64,
    /// The unit of both: `ms` or a length.
    pub unit: String,
    /// X of its first trace, if known.
    pub first_x: Option<f64>,
    /// Y of its first trace.
    pub first_y: Option<f64>,
    /// X of its last trace.
    pub last_x: Option<f64>,
    /// Y of its last trace.
    pub last_y: Option<f64>,
    /// The amplitude that is black.
    pub black: f64,
    /// The amplitude that is white.
    pub white: f64,
    /// Its label, where labels were given.
    pub label: String,
    /// The share of its samples with that label.
    pub label_share: Option<f64>,
}

impl TileRow {
    pub(super) fn new(tile: &Tile, [black, white]: [f64; 2], label: Option<Majority>) -> Self {
        let (first, last) = (tile.first_trace, tile.last_trace);
        let position = |end: TilePlace, axis: usize| {
            end.position.map(|position| (position[axis] * POSITIONS).round() / POSITIONS)
        };
        let (label, label_share) =
            label.map_or((String::new(), None), |label| (label.name, Some(label.share)));
        Self {
            shard: String::new(),
            file: String::new(),
            survey: tile.survey.to_string(),
            direction: tile.direction,
            line: tile.line,
            first_trace: tile.bounds.first_trace,
            traces: tile.bounds.traces,
            first_sample: tile.bounds.first_sample,
            samples: tile.bounds.samples,
            first_inline: first.inline,
            first_crossline: first.crossline,
            last_inline: last.inline,
            last_crossline: last.crossline,
            top: tile.first_sample,
            bottom: tile.last_sample,
            unit: tile.domain.unit().to_owned(),
            first_x: position(first, 0),
            first_y: position(first, 1),
            last_x: position(last, 0),
            last_y: position(last, 1),
            black,
            white,
            label,
            label_share,
        }
    }

    /// Where along its section the tile starts, for the name of its file: `crossline-512-400ms`.
    pub(super) fn start(&self, geometry: &Geometry) -> String {
        let (along, number) = match (geometry, self.direction) {
            (Geometry::Line(_), _) => ("trace", self.first_crossline),
            (Geometry::Volume(_), Direction::Inline) => ("crossline", self.first_crossline),
            (Geometry::Volume(_), Direction::Crossline) => ("inline", self.first_inline),
        };
        format!("{along}-{number}-{:.0}{}", self.top, self.unit)
    }
}
