//! A tile as JSON tells it: the names an interpreter knows, and nothing of how it is stored.

use crate::{Place, TileRecord};
use refcon_seismic::{Direction, Domain};
use serde::Serialize;

/// A tile.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TileView {
    /// Its number in the library.
    pub id: u64,
    /// Its survey, or the folder of images.
    pub survey: String,
    /// The image file; empty for tiles cut from surveys.
    pub file: String,
    /// Traces across.
    pub width: u32,
    /// Samples down.
    pub height: u32,
    /// Its class, where one is known.
    pub class: Option<String>,
    /// Where it lies, where that is known.
    pub place: Option<PlaceView>,
}

/// Where a tile lies.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlaceView {
    /// Which way its section runs.
    pub direction: Direction,
    /// Number of its section.
    pub line: i32,
    /// Inline number of its first trace.
    pub first_inline: i32,
    /// Inline number of its last trace.
    pub last_inline: i32,
    /// Crossline number of its first trace; on a 2-D line the number along it.
    pub first_crossline: i32,
    /// Crossline number of its last trace.
    pub last_crossline: i32,
    /// Position of its first sample.
    pub from: f64,
    /// Position of its last sample.
    pub to: f64,
    /// Time or depth.
    pub domain: Domain,
    /// The unit of positions.
    pub unit: &'static str,
    /// X and Y of its first and last trace, where known.
    pub corners: Option<[[f64; 2]; 2]>,
}

impl From<&TileRecord> for TileView {
    fn from(tile: &TileRecord) -> Self {
        Self {
            id: tile.id,
            survey: tile.survey.clone(),
            file: tile.file.clone(),
            width: tile.width,
            height: tile.height,
            class: tile.class.clone(),
            place: tile.place.as_ref().map(PlaceView::from),
        }
    }
}

impl From<&Place> for PlaceView {
    fn from(place: &Place) -> Self {
        let ([first_inline, last_inline], [first_crossline, last_crossline]) =
            (place.inlines, place.crosslines);
        Self {
            direction: place.direction,
            line: place.line,
            first_inline,
            last_inline,
            first_crossline,
            last_crossline,
            from: place.range[0],
            to: place.range[1],
            domain: place.domain,
            unit: place.domain.unit(),
            corners: place.corners,
        }
    }
}

/// What a person calls a tile: its file, else its number.
pub(super) fn name(tile: &TileRecord) -> String {
    if tile.file.is_empty() { format!("tile {}", tile.id) } else { tile.file.clone() }
}

/// `inline 110, crosslines 300–349`.
pub(super) fn line_and_traces(place: &Place) -> String {
    let (along, [first, last]) = match place.direction {
        Direction::Inline => ("crosslines", place.crosslines),
        Direction::Crossline => ("inlines", place.inlines),
    };
    format!("{} {}, {along} {first}–{last}", place.direction, place.line)
}

/// `800–1036 ms`.
pub(super) fn positions(place: &Place) -> String {
    let [from, to] = place.range.map(|position| (position * 100.0).round() / 100.0);
    format!("{from}–{to} {}", place.domain.unit())
}
