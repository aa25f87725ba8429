//! What is known of tiles, as a table.

use super::InterchangeError;
use crate::files::write_whole;
use crate::store::Columns;
use crate::{EncodedTiles, LibraryError, Place, TileRecord};
use refcon_seismic::{Direction, Domain, TileBox};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A line of the table. Of one that is read, only `file` must be there; a tile has a place if it has a direction.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TableRow {
    /// Place of its embedding in the file of embeddings.
    pub row: Option<u64>,
    /// Number in the library that it was written from.
    pub id: Option<u64>,
    /// Survey, or folder of images.
    pub survey: String,
    /// Image file below that folder.
    pub file: String,
    /// Class.
    pub class: Option<String>,
    /// Traces.
    pub width: Option<u32>,
    /// Samples.
    pub height: Option<u32>,
    /// `inline` or `crossline`.
    pub direction: Option<Direction>,
    /// Number of its section.
    pub line: Option<i32>,
    /// Index of its first trace in the section.
    pub first_trace: Option<u32>,
    /// Index of its first sample in the section.
    pub first_sample: Option<u32>,
    /// Inline of its first trace.
    pub first_inline: Option<i32>,
    /// Inline of its last trace.
    pub last_inline: Option<i32>,
    /// Crossline of its first trace.
    pub first_crossline: Option<i32>,
    /// Crossline of its last trace.
    pub last_crossline: Option<i32>,
    /// Time (ms) or depth of its first sample.
    pub start: Option<f64>,
    /// Time (ms) or depth of its last sample.
    pub end: Option<f64>,
    /// `time`, `depth` or `depth_ft`.
    pub domain: Option<Domain>,
    /// X of its first trace.
    pub first_x: Option<f64>,
    /// Y of its first trace.
    pub first_y: Option<f64>,
    /// X of its last trace.
    pub last_x: Option<f64>,
    /// Y of its last trace.
    pub last_y: Option<f64>,
    /// The amplitude that is black in its image.
    pub black: Option<f64>,
    /// The amplitude that is white in its image.
    pub white: Option<f64>,
}

impl TableRow {
    /// The line of a tile whose embedding is the `row`-th.
    #[must_use]
    pub fn new(row: u64, tile: &TileRecord) -> Self {
        let known = Self {
            row: Some(row),
            id: Some(tile.id),
            survey: tile.survey.clone(),
            file: tile.file.clone(),
            class: tile.class.clone(),
            width: Some(tile.width),
            height: Some(tile.height),
            ..Self::default()
        };
        let Some(place) = &tile.place else { return known };
        let corner = |trace: usize, axis: usize| place.corners.map(|corners| corners[trace][axis]);
        Self {
            direction: Some(place.direction),
            line: Some(place.line),
            // A library counts both in 32 bits.
            first_trace: Some(place.bounds.first_trace as u32),
            first_sample: Some(place.bounds.first_sample as u32),
            first_inline: Some(place.inlines[0]),
            last_inline: Some(place.inlines[1]),
            first_crossline: Some(place.crosslines[0]),
            last_crossline: Some(place.crosslines[1]),
            start: Some(place.range[0]),
            end: Some(place.range[1]),
            domain: Some(place.domain),
            first_x: corner(0, 0),
            first_y: corner(0, 1),
            last_x: corner(1, 0),
            last_y: corner(1, 1),
            black: Some(place.grey[0]),
            white: Some(place.grey[1]),
            ..known
        }
    }

    /// The tile of a line; `survey` names it where the line does not. What a line leaves out of its place is 0.
    #[must_use]
    pub fn tile(&self, survey: &str) -> TileRecord {
        let (width, height) = (self.width.unwrap_or(0), self.height.unwrap_or(0));
        let survey = if self.survey.is_empty() { survey } else { &self.survey };
        let mut tile = TileRecord::of_image(survey, &self.file, width, height);
        tile.class = self.class.clone().filter(|class| !class.is_empty());
        tile.place = self.direction.map(|direction| self.place(direction));
        tile
    }

    fn place(&self, direction: Direction) -> Place {
        let index = |value: Option<u32>| value.unwrap_or(0) as usize;
        let corner = |x: Option<f64>, y: Option<f64>| Some([x?, y?]);
        let corners = corner(self.first_x, self.first_y).zip(corner(self.last_x, self.last_y));
        Place {
            direction,
            line: self.line.unwrap_or(0),
            bounds: TileBox {
                first_trace: index(self.first_trace),
                traces: index(self.width),
                first_sample: index(self.first_sample),
                samples: index(self.height),
            },
            inlines: [self.first_inline.unwrap_or(0), self.last_inline.unwrap_or(0)],
            crosslines: [self.first_crossline.unwrap_or(0), self.last_crossline.unwrap_or(0)],
            range: [self.start.unwrap_or(0.0), self.end.unwrap_or(0.0)],
            domain: self.domain.unwrap_or(Domain::Time),
            corners: corners.map(|(first, last)| [first, last]),
            grey: [self.black.unwrap_or(0.0), self.white.unwrap_or(0.0)],
        }
    }
}

/// Writes a line for each live tile, in the order of their ids, as CSV.
///
/// # Errors
/// A fragment is damaged, or the file cannot be written.
pub fn write_table(tiles: &EncodedTiles, path: &Path) -> Result<(), InterchangeError> {
    let mut failed = None;
    let written = write_whole(path, |out| {
        let mut table = csv::Writer::from_writer(out);
        let mut row = 0;
        let wrote = for_each_live(tiles, &mut |columns, at| {
            let line = TableRow::new(row, &columns.record(at));
            row += 1;
            table.serialize(line).map_err(std::io::Error::from)
        });
        match wrote {
            Ok(()) => table.flush(),
            Err(LiveError::Write(error)) => Err(error),
            Err(LiveError::Library(error)) => {
                failed = Some(error);
                Err(std::io::ErrorKind::InvalidData.into())
            }
        }
    });
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(written?),
    }
}

/// Why not all live tiles could be gone through.
#[derive(Debug)]
pub(super) enum LiveError {
    Library(LibraryError),
    Write(std::io::Error),
}

/// Calls `each` with the columns of its block and the place in it of every live tile.
pub(super) fn for_each_live(
    tiles: &EncodedTiles,
    each: &mut dyn FnMut(&Columns, usize) -> std::io::Result<()>,
) -> Result<(), LiveError> {
    for block in tiles.blocks() {
        let columns = block.columns().map_err(LiveError::Library)?;
        for row in (0..block.rows()).filter(|row| tiles.live().contains(block.first_row() + row)) {
            each(columns, row).map_err(LiveError::Write)?;
        }
    }
    Ok(())
}
