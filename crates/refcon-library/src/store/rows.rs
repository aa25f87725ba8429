//! Tiles as the rows of a fragment.

use super::codes;
use super::error::LibraryError;
use super::manifest::{EncoderEntry, VectorFormat};
use super::schema::{DIRECTIONS, DOMAINS, item};
use super::words::{WordList, few_words, nulls};
use crate::tile_record::{Place, TileRecord};
use arrow_array::{
    ArrayRef, BinaryArray, FixedSizeListArray, Float16Array, Float32Array, Float64Array, Int32Array,
    RecordBatch, StringArray, UInt32Array, UInt64Array,
};
use arrow_schema::SchemaRef;
use half::f16;
use refcon_seismic::{Direction, Domain};
use std::sync::Arc;

/// A tile that is to be added to a library.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTile {
    /// What it is and where it lies. Its id is not looked at: the library gives one.
    pub record: TileRecord,
    /// Its image, PNG.
    pub thumbnail: Option<Vec<u8>>,
    /// Tells whether its file has changed.
    pub stamp: Option<u64>,
}

impl From<TileRecord> for NewTile {
    /// A tile without image.
    fn from(record: TileRecord) -> Self {
        Self { record, thumbnail: None, stamp: None }
    }
}

/// A row of a fragment without its embedding.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) tile: NewTile,
    pub(super) source: Option<u32>,
}

/// Makes the batches of one fragment, which share their words.
pub(super) struct BatchMaker<'a> {
    encoder: &'a EncoderEntry,
    schema: SchemaRef,
    surveys: WordList,
    classes: WordList,
    survey_values: ArrayRef,
    class_values: ArrayRef,
}

impl<'a> BatchMaker<'a> {
    pub(super) fn new(encoder: &'a EncoderEntry, surveys: WordList, classes: WordList) -> Self {
        let schema = Arc::new(super::schema::schema(encoder));
        let (survey_values, class_values) = (surveys.values(), classes.values());
        Self { encoder, schema, surveys, classes, survey_values, class_values }
    }

    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The batch of `rows`, whose words are all known, and their embeddings, `[rows, dimension]`. Each row's id stands in its
    /// record.
    pub(super) fn batch(&self, rows: &[Row], embeddings: &[f32]) -> Result<RecordBatch, LibraryError> {
        let records: Vec<&TileRecord> = rows.iter().map(|row| &row.tile.record).collect();
        let places: Vec<Option<&Place>> = records.iter().map(|record| record.place.as_ref()).collect();
        let class = records.iter().map(|record| record.class.as_deref());
        let survey = records.iter().map(|record| Some(record.survey.as_str()));
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from_iter_values(records.iter().map(|record| record.id))),
            Arc::new(UInt32Array::from_iter(rows.iter().map(|row| row.source))),
            self.surveys.column(&self.survey_values, survey),
            Arc::new(StringArray::from_iter_values(records.iter().map(|record| &record.file))),
            Arc::new(UInt64Array::from_iter(rows.iter().map(|row| row.tile.stamp))),
            Arc::new(UInt32Array::from_iter_values(records.iter().map(|record| record.width))),
            Arc::new(UInt32Array::from_iter_values(records.iter().map(|record| record.height))),
            self.classes.column(&self.class_values, class),
        ];
        columns.extend(place_columns(&places)?);
        columns.push(Arc::new(BinaryArray::from_iter(rows.iter().map(|row| row.tile.thumbnail.as_deref()))));
        let (vectors, stored) = self.vectors(embeddings)?;
        columns.push(vectors);
        columns.extend(codes::columns(&stored, self.encoder.dimension)?);
        RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(LibraryError::Columns)
    }

    /// The column of embeddings, and the embeddings as they will be read from it.
    fn vectors<'v>(
        &self,
        embeddings: &'v [f32],
    ) -> Result<(ArrayRef, std::borrow::Cow<'v, [f32]>), LibraryError> {
        let length = i32::try_from(self.encoder.dimension).unwrap_or(i32::MAX);
        let (values, stored): (ArrayRef, _) = match self.encoder.vectors {
            VectorFormat::F32 => (Arc::new(Float32Array::from(embeddings.to_vec())), embeddings.into()),
            VectorFormat::F16 => {
                let rounded: Vec<f16> = embeddings.iter().map(|&value| f16::from_f32(value)).collect();
                if let Some(at) = rounded.iter().position(|value| !value.is_finite()) {
                    let problem = format!("{} is beyond the range of a 16-bit float", embeddings[at]);
                    return Err(LibraryError::Tile { tile: at / self.encoder.dimension, problem });
                }
                let stored: Vec<f32> = rounded.iter().map(|value| value.to_f32()).collect();
                (Arc::new(Float16Array::from(rounded)), stored.into())
            }
        };
        let field = Arc::new(item(values.data_type().clone()));
        let list = FixedSizeListArray::try_new(field, length, values, None).map_err(LibraryError::Columns)?;
        Ok((Arc::new(list), stored))
    }
}

/// The columns from `direction` to `white`.
fn place_columns(places: &[Option<&Place>]) -> Result<Vec<ArrayRef>, LibraryError> {
    let index = |of: fn(&Place) -> usize| -> Result<ArrayRef, LibraryError> {
        let values = places.iter().enumerate().map(|(tile, place)| {
            let value = place.map_or(0, of);
            let problem = || format!("its first trace or sample is number {value} of its section");
            u32::try_from(value).map_err(|_| LibraryError::Tile { tile, problem: problem() })
        });
        let values = values.collect::<Result<Vec<u32>, _>>()?;
        Ok(Arc::new(UInt32Array::new(values.into(), placed(places))))
    };
    let number = |of: fn(&Place) -> i32| -> ArrayRef {
        let values: Vec<i32> = places.iter().map(|place| place.map_or(0, of)).collect();
        Arc::new(Int32Array::new(values.into(), placed(places)))
    };
    let position = |of: fn(&Place) -> f64| -> ArrayRef {
        let values: Vec<f64> = places.iter().map(|place| place.map_or(f64::NAN, of)).collect();
        Arc::new(Float64Array::new(values.into(), placed(places)))
    };
    let corner = |trace: usize, axis: usize| -> ArrayRef {
        let corners = places.iter().map(|place| place.and_then(|place| place.corners));
        let values: Vec<f64> =
            corners.map(|corners| corners.map_or(f64::NAN, |corners| corners[trace][axis])).collect();
        let nulls = nulls(values.iter().map(|value| !value.is_nan()));
        Arc::new(Float64Array::new(values.into(), nulls))
    };
    let direction = places.iter().map(|place| match place.map(|place| place.direction) {
        Some(Direction::Inline) => 0,
        Some(Direction::Crossline) => 1,
        None => -1,
    });
    let domain = places.iter().map(|place| match place.map(|place| place.domain) {
        Some(Domain::Time) => 0,
        Some(Domain::Depth) => 1,
        Some(Domain::DepthFeet) => 2,
        None => -1,
    });
    Ok(vec![
        few_words(&DIRECTIONS, direction.collect()),
        number(|place| place.line),
        index(|place| place.bounds.first_trace)?,
        index(|place| place.bounds.first_sample)?,
        number(|place| place.inlines[0]),
        number(|place| place.inlines[1]),
        number(|place| place.crosslines[0]),
        number(|place| place.crosslines[1]),
        position(|place| place.range[0]),
        position(|place| place.range[1]),
        few_words(&DOMAINS, domain.collect()),
        corner(0, 0),
        corner(0, 1),
        corner(1, 0),
        corner(1, 1),
        position(|place| place.grey[0]),
        position(|place| place.grey[1]),
    ])
}

fn placed(places: &[Option<&Place>]) -> Option<arrow_buffer::NullBuffer> {
    nulls(places.iter().map(Option::is_some))
}
