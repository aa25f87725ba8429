//! The columns of a fragment.
//!
//! | column | type | |
//! |---|---|---|
//! | `id` | uint64 | ascending; given when a tile is added, never given again |
//! | `source` | uint32 or null | number of its source in `library.json` |
//! | `survey` | dictionary of strings | the survey, or the folder of an image |
//! | `file` | string | the image below that folder; empty for tiles of surveys |
//! | `stamp` | uint64 or null | tells whether the image has changed |
//! | `width`, `height` | uint32 | traces and samples |
//! | `class` | dictionary of strings or null | |
//! | `direction` | dictionary (`inline`, `crossline`) or null | null, and so everything down to `white`, where no place is known |
//! | `line` | int32 | number of its section |
//! | `first_trace`, `first_sample` | uint32 | indices in the section |
//! | `first_inline`, `last_inline`, `first_crossline`, `last_crossline` | int32 | of its first and last trace |
//! | `start`, `end` | float64 | time (ms) or depth of its first and last sample |
//! | `domain` | dictionary (`time`, `depth`, `depth_ft`) | what that is |
//! | `first_x`, `first_y`, `last_x`, `last_y` | float64 or null | of its first and last trace |
//! | `black`, `white` | float64 | the amplitudes that are black and white in its image |
//! | `thumbnail` | binary or null | its image, PNG |
//! | `embedding` | fixed-size list of float32 or float16 | |
//!
//! and what [`codes`](super::codes) adds. A fragment's batches have up to [`ROWS_A_BATCH`] rows.

use super::codes;
use super::manifest::{EncoderEntry, VectorFormat};
use arrow_schema::{DataType, Field, Schema};
use std::collections::HashMap;

/// Rows of a record batch, at most: a search takes a batch at a time, and writing holds one in memory.
pub(super) const ROWS_A_BATCH: usize = 16_384;

pub(super) const ID: &str = "id";
pub(super) const EMBEDDING: &str = "embedding";
pub(super) const THUMBNAIL: &str = "thumbnail";

pub(super) const DIRECTIONS: [&str; 2] = ["inline", "crossline"];
pub(super) const DOMAINS: [&str; 3] = ["time", "depth", "depth_ft"];

fn words() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

fn few_words() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8))
}

/// The item of a fixed-size list.
pub(super) fn item(kind: DataType) -> Field {
    Field::new("item", kind, false)
}

fn vector(kind: DataType, length: usize) -> DataType {
    // A dimension beyond 2³¹ is refused where embeddings come in.
    DataType::FixedSizeList(item(kind).into(), i32::try_from(length).unwrap_or(i32::MAX))
}

/// The schema of fragments of an encoder.
pub(super) fn schema(encoder: &EncoderEntry) -> Schema {
    let known = |name: &str, kind| Field::new(name, kind, false);
    let maybe = |name: &str, kind| Field::new(name, kind, true);
    let vectors = match encoder.vectors {
        VectorFormat::F32 => DataType::Float32,
        VectorFormat::F16 => DataType::Float16,
    };
    let mut fields = vec![
        known(ID, DataType::UInt64),
        maybe("source", DataType::UInt32),
        known("survey", words()),
        known("file", DataType::Utf8),
        maybe("stamp", DataType::UInt64),
        known("width", DataType::UInt32),
        known("height", DataType::UInt32),
        maybe("class", words()),
        maybe("direction", few_words()),
        maybe("line", DataType::Int32),
        maybe("first_trace", DataType::UInt32),
        maybe("first_sample", DataType::UInt32),
        maybe("first_inline", DataType::Int32),
        maybe("last_inline", DataType::Int32),
        maybe("first_crossline", DataType::Int32),
        maybe("last_crossline", DataType::Int32),
        maybe("start", DataType::Float64),
        maybe("end", DataType::Float64),
        maybe("domain", few_words()),
        maybe("first_x", DataType::Float64),
        maybe("first_y", DataType::Float64),
        maybe("last_x", DataType::Float64),
        maybe("last_y", DataType::Float64),
        maybe("black", DataType::Float64),
        maybe("white", DataType::Float64),
        maybe(THUMBNAIL, DataType::Binary),
        known(EMBEDDING, vector(vectors, encoder.dimension)),
    ];
    fields.extend(codes::fields(encoder.dimension));
    let metadata = HashMap::from([
        ("refcon.encoder".to_owned(), encoder.encoder.name().to_owned()),
        ("refcon.encoder_hash".to_owned(), encoder.encoder.hash().to_owned()),
    ]);
    Schema::new_with_metadata(fields, metadata)
}

/// Whether a search reads the column of every row, or of many.
fn is_hot(name: &str) -> bool {
    name == ID || name == EMBEDDING || codes::NAMES.contains(&name)
}

/// The columns that every search reads.
pub(super) fn hot(schema: &Schema) -> Vec<usize> {
    picked(schema, is_hot)
}

/// The columns that say what a tile is.
pub(super) fn described(schema: &Schema) -> Vec<usize> {
    picked(schema, |name| !is_hot(name) && name != THUMBNAIL)
}

/// The column of images.
pub(super) fn pictured(schema: &Schema) -> Vec<usize> {
    picked(schema, |name| name == THUMBNAIL)
}

fn picked(schema: &Schema, wanted: impl Fn(&str) -> bool) -> Vec<usize> {
    let fields = schema.fields().iter().enumerate();
    fields.filter(|(_, field)| wanted(field.name())).map(|(index, _)| index).collect()
}
