//! The low-precision codes of embeddings, as columns.
//!
//! | column | type | |
//! |---|---|---|
//! | `code` | fixed-size list of uint8 | a byte a component, padded: see [`exact::Codes`] |
//! | `code_scale` | float32 | what one step of the codes is worth |
//! | `code_error` | float32 | a bound on the length of what rounding took away |
//! | `norm` | float32 | the embedding's length |

use super::block::list;
use super::columns::Batch;
use super::error::LibraryError;
use super::schema::item;
use crate::exact::{self, CodedBlock, ExactError};
use arrow_array::types::{Float32Type, UInt8Type};
use arrow_array::{ArrayRef, FixedSizeListArray, Float32Array, UInt8Array};
use arrow_buffer::ScalarBuffer;
use arrow_schema::{DataType, Field};
use std::sync::{Arc, OnceLock};

pub(super) const NAMES: [&str; 4] = ["code", "code_scale", "code_error", "norm"];

pub(super) fn fields(dimension: usize) -> Vec<Field> {
    let [code, rest @ ..] = NAMES;
    let codes = DataType::FixedSizeList(item(DataType::UInt8).into(), stride(dimension));
    let mut fields = vec![Field::new(code, codes, false)];
    fields.extend(rest.map(|name| Field::new(name, DataType::Float32, false)));
    fields
}

fn stride(dimension: usize) -> i32 {
    i32::try_from(exact::code_stride(dimension)).unwrap_or(i32::MAX)
}

/// The columns of `embeddings`, `[rows, dimension]`.
pub(super) fn columns(embeddings: &[f32], dimension: usize) -> Result<Vec<ArrayRef>, LibraryError> {
    let codes = exact::quantise(dimension, embeddings).map_err(|error| {
        let tile = match error {
            ExactError::NotFinite { row, .. } => row,
            _ => 0,
        };
        LibraryError::Tile { tile, problem: error.to_string() }
    })?;
    let values = Arc::new(UInt8Array::from(codes.codes));
    let list = FixedSizeListArray::try_new(item(DataType::UInt8).into(), stride(dimension), values, None);
    let mut columns: Vec<ArrayRef> = vec![Arc::new(list.map_err(LibraryError::Columns)?)];
    for column in [codes.scales, codes.errors, codes.norms] {
        columns.push(Arc::new(Float32Array::from(column)));
    }
    Ok(columns)
}

/// The codes of a block, where they lie in the file.
#[derive(Debug, Clone)]
pub(super) struct StoredCodes {
    codes: ScalarBuffer<u8>,
    scales: ScalarBuffer<f32>,
    errors: ScalarBuffer<f32>,
    norms: ScalarBuffer<f32>,
    /// Set once they have been checked: the file does not change.
    sound: Arc<OnceLock<()>>,
}

impl StoredCodes {
    pub(super) fn of(read: &Batch<'_>, dimension: usize) -> Result<Self, LibraryError> {
        let [code, scale, error, norm] = NAMES;
        let codes = list::<UInt8Type>(read, code, exact::code_stride(dimension));
        Ok(Self {
            codes: codes.ok_or_else(|| read.kind(code))?,
            scales: read.numbers::<Float32Type>(scale)?,
            errors: read.numbers::<Float32Type>(error)?,
            norms: read.numbers::<Float32Type>(norm)?,
            sound: Arc::default(),
        })
    }

    pub(super) fn block(&self, dimension: usize) -> Result<CodedBlock<'_>, ExactError> {
        let Self { codes, scales, errors, norms, sound } = self;
        if sound.get().is_none() {
            CodedBlock::new(dimension, codes, scales, errors, norms)?;
            sound.get_or_init(|| ());
        }
        Ok(CodedBlock::trusted(codes, scales, errors, norms))
    }

    /// Whether the code of `row` lies as close to `vector`, its embedding, as the row's error says, and the norm is its length.
    pub(super) fn agree(&self, row: usize, vector: &[f32]) -> bool {
        let stride = exact::code_stride(vector.len());
        let (coded, padding) = self.codes[row * stride..(row + 1) * stride].split_at(vector.len());
        let (scale, error) = (f64::from(self.scales[row]), f64::from(self.errors[row]));
        let squares = vector.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>();
        let lost = vector.iter().zip(coded).map(|(&x, &code)| {
            let value = scale * (f64::from(code) - ZERO);
            (f64::from(x) - value).powi(2)
        });
        let near = lost.sum::<f64>().sqrt() <= error * (1.0 + ROUNDING);
        let long = (f64::from(self.norms[row]) - squares.sqrt()).abs() <= squares.sqrt() * ROUNDING;
        near && long && padding.iter().all(|&code| f64::from(code) == ZERO)
    }
}

/// The code of zero.
const ZERO: f64 = 128.0;
/// Of norms, and of the sums here.
const ROUNDING: f64 = 1e-6;
