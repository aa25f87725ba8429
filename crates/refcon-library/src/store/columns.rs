//! What is known of the tiles of a block, column by column, where it lies in the file.

use super::error::LibraryError;
use super::schema::{DIRECTIONS, DOMAINS};
use crate::tile_record::{Place, TileRecord};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int8Type, Int32Type, UInt32Type, UInt64Type};
use arrow_array::{Array, RecordBatch, StringArray};
use arrow_buffer::ScalarBuffer;
use refcon_seismic::{Direction, Domain, TileBox};
use std::path::Path;

/// A column of words that many rows share.
#[derive(Debug, Clone)]
pub struct Words {
    /// One a row: the index of its word, −1 for none.
    pub keys: ScalarBuffer<i32>,
    /// The words.
    pub words: Vec<String>,
}

impl Words {
    /// The word of a row.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&str> {
        let key = usize::try_from(*self.keys.get(row)?).ok()?;
        self.words.get(key).map(String::as_str)
    }
}

/// What is known of the tiles of a block: one entry a row. Rows without a place hold −1 in [`direction`](Self::direction),
/// and 0 or NaN in the other columns of the place.
#[derive(Debug, Clone)]
pub struct Columns {
    /// The survey, or the folder of images.
    pub survey: Words,
    /// The class, where one is known.
    pub class: Words,
    /// Traces across.
    pub width: ScalarBuffer<u32>,
    /// Samples down.
    pub height: ScalarBuffer<u32>,
    /// 0 inline, 1 crossline, −1 where no place is known.
    pub direction: ScalarBuffer<i8>,
    /// Number of the section.
    pub line: ScalarBuffer<i32>,
    /// Index of the first trace in the section; the box has [`width`](Self::width) traces.
    pub first_trace: ScalarBuffer<u32>,
    /// Index of the first sample in the section; the box has [`height`](Self::height) samples.
    pub first_sample: ScalarBuffer<u32>,
    /// Inline number of the first trace.
    pub first_inline: ScalarBuffer<i32>,
    /// Inline number of the last trace.
    pub last_inline: ScalarBuffer<i32>,
    /// Crossline number of the first trace.
    pub first_crossline: ScalarBuffer<i32>,
    /// Crossline number of the last trace.
    pub last_crossline: ScalarBuffer<i32>,
    /// Time (ms) or depth of the first sample.
    pub start: ScalarBuffer<f64>,
    /// Time (ms) or depth of the last sample.
    pub end: ScalarBuffer<f64>,
    /// 0 time, 1 depth in metres, 2 depth in feet, −1 where no place is known.
    pub domain: ScalarBuffer<i8>,
    /// X of the first trace; NaN where the survey has no bin grid.
    pub first_x: ScalarBuffer<f64>,
    /// Y of the first trace.
    pub first_y: ScalarBuffer<f64>,
    /// X of the last trace.
    pub last_x: ScalarBuffer<f64>,
    /// Y of the last trace.
    pub last_y: ScalarBuffer<f64>,
    /// The amplitude that is black.
    pub black: ScalarBuffer<f64>,
    /// The amplitude that is white.
    pub white: ScalarBuffer<f64>,
    /// The number of the source.
    source: Vec<Option<u32>>,
    stamp: Vec<Option<u64>>,
    file: StringArray,
    ids: ScalarBuffer<u64>,
}

impl Columns {
    /// The typed view of a batch of all columns but embeddings.
    pub(super) fn of(path: &Path, batch: &RecordBatch, ids: ScalarBuffer<u64>) -> Result<Self, LibraryError> {
        let read = Batch { path, batch };
        let columns = Self {
            survey: read.words("survey")?,
            class: read.words("class")?,
            width: read.numbers::<UInt32Type>("width")?,
            height: read.numbers::<UInt32Type>("height")?,
            direction: read.few("direction", &DIRECTIONS)?,
            line: read.numbers::<Int32Type>("line")?,
            first_trace: read.numbers::<UInt32Type>("first_trace")?,
            first_sample: read.numbers::<UInt32Type>("first_sample")?,
            first_inline: read.numbers::<Int32Type>("first_inline")?,
            last_inline: read.numbers::<Int32Type>("last_inline")?,
            first_crossline: read.numbers::<Int32Type>("first_crossline")?,
            last_crossline: read.numbers::<Int32Type>("last_crossline")?,
            start: read.numbers::<Float64Type>("start")?,
            end: read.numbers::<Float64Type>("end")?,
            domain: read.few("domain", &DOMAINS)?,
            first_x: read.numbers::<Float64Type>("first_x")?,
            first_y: read.numbers::<Float64Type>("first_y")?,
            last_x: read.numbers::<Float64Type>("last_x")?,
            last_y: read.numbers::<Float64Type>("last_y")?,
            black: read.numbers::<Float64Type>("black")?,
            white: read.numbers::<Float64Type>("white")?,
            source: read
                .column("source")?
                .as_primitive_opt::<UInt32Type>()
                .ok_or_else(|| read.kind("source"))?
                .iter()
                .collect(),
            stamp: read
                .column("stamp")?
                .as_primitive_opt::<UInt64Type>()
                .ok_or_else(|| read.kind("stamp"))?
                .iter()
                .collect(),
            file: read.column("file")?.as_string_opt::<i32>().ok_or_else(|| read.kind("file"))?.clone(),
            ids,
        };
        Ok(columns)
    }

    /// The image file of a row; empty for tiles of surveys.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn file(&self, row: usize) -> &str {
        self.file.value(row)
    }

    /// The number of each row's source.
    #[must_use]
    pub fn sources(&self) -> &[Option<u32>] {
        &self.source
    }

    /// What tells whether a row's image has changed.
    pub(crate) fn stamps(&self) -> &[Option<u64>] {
        &self.stamp
    }

    /// All that is known of a row's tile.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn record(&self, row: usize) -> TileRecord {
        TileRecord {
            id: self.ids[row],
            survey: self.survey.get(row).unwrap_or_default().to_owned(),
            file: self.file(row).to_owned(),
            width: self.width[row],
            height: self.height[row],
            class: self.class.get(row).map(str::to_owned),
            place: self.place(row),
        }
    }

    fn place(&self, row: usize) -> Option<Place> {
        let direction = match self.direction[row] {
            0 => Direction::Inline,
            1 => Direction::Crossline,
            _ => return None,
        };
        let domain = match self.domain[row] {
            1 => Domain::Depth,
            2 => Domain::DepthFeet,
            _ => Domain::Time,
        };
        let corners = [[self.first_x[row], self.first_y[row]], [self.last_x[row], self.last_y[row]]];
        Some(Place {
            direction,
            line: self.line[row],
            bounds: TileBox {
                first_trace: self.first_trace[row] as usize,
                traces: self.width[row] as usize,
                first_sample: self.first_sample[row] as usize,
                samples: self.height[row] as usize,
            },
            inlines: [self.first_inline[row], self.last_inline[row]],
            crosslines: [self.first_crossline[row], self.last_crossline[row]],
            range: [self.start[row], self.end[row]],
            domain,
            corners: corners.iter().flatten().all(|value| !value.is_nan()).then_some(corners),
            grey: [self.black[row], self.white[row]],
        })
    }
}

/// A batch whose columns are looked up by name.
pub(super) struct Batch<'a> {
    pub(super) path: &'a Path,
    pub(super) batch: &'a RecordBatch,
}

impl Batch<'_> {
    pub(super) fn column(&self, name: &str) -> Result<&dyn Array, LibraryError> {
        let column = self.batch.column_by_name(name);
        column
            .map(AsRef::as_ref)
            .ok_or_else(|| LibraryError::damaged(self.path, format!("it has no column {name}")))
    }

    pub(super) fn kind(&self, name: &str) -> LibraryError {
        let found = self.batch.column_by_name(name).map(|column| column.data_type().to_string());
        LibraryError::damaged(
            self.path,
            format!("its column {name} is of another type ({})", found.unwrap_or_default()),
        )
    }

    pub(super) fn numbers<T: arrow_array::ArrowPrimitiveType>(
        &self,
        name: &str,
    ) -> Result<ScalarBuffer<T::Native>, LibraryError> {
        let column = self.column(name)?.as_primitive_opt::<T>().ok_or_else(|| self.kind(name))?;
        Ok(column.values().clone())
    }

    fn words(&self, name: &str) -> Result<Words, LibraryError> {
        let column = self.column(name)?.as_dictionary_opt::<Int32Type>().ok_or_else(|| self.kind(name))?;
        let words = column.values().as_string_opt::<i32>().ok_or_else(|| self.kind(name))?;
        Ok(Words {
            keys: column.keys().values().clone(),
            words: words.iter().map(|word| word.unwrap_or_default().to_owned()).collect(),
        })
    }

    /// A column of a few known words, by their numbers.
    fn few(&self, name: &str, known: &[&str]) -> Result<ScalarBuffer<i8>, LibraryError> {
        let column = self.column(name)?.as_dictionary_opt::<Int8Type>().ok_or_else(|| self.kind(name))?;
        let words = column.values().as_string_opt::<i32>().ok_or_else(|| self.kind(name))?;
        if !words.iter().eq(known.iter().map(|&word| Some(word))) {
            return Err(LibraryError::damaged(
                self.path,
                format!("its column {name} has other words than {known:?}"),
            ));
        }
        Ok(column.keys().values().clone())
    }
}
