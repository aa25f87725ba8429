//! A run of rows that lies in one piece.

use super::codes::StoredCodes;
use super::columns::{Batch, Columns};
use super::error::LibraryError;
use super::fragment_file::FragmentFile;
use super::schema::{EMBEDDING, ID, THUMBNAIL, described, hot, pictured};
use crate::exact::CodedBlock;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, UInt64Type};
use arrow_array::{Array, ArrowPrimitiveType, BinaryArray};
use arrow_buffer::ScalarBuffer;
use half::f16;
use std::sync::{Arc, OnceLock};

/// Embeddings as they are stored, `[rows, dimension]`.
#[derive(Debug, Clone, Copy)]
pub enum Vectors<'a> {
    /// 32-bit floats.
    F32(&'a [f32]),
    /// 16-bit floats.
    F16(&'a [f16]),
}

/// A run of rows of one encoder that lies in one piece in a file. What it gives is not copied.
#[derive(Debug, Clone)]
pub struct Block {
    file: Arc<FragmentFile>,
    batch: usize,
    /// In its fragment.
    pub(super) first_in_file: usize,
    pub(super) first_row: usize,
    dimension: usize,
    ids: ScalarBuffer<u64>,
    vectors: StoredVectors,
    codes: StoredCodes,
    /// Read when they are first asked for, then shared.
    columns: Arc<OnceLock<Columns>>,
}

#[derive(Debug, Clone)]
enum StoredVectors {
    F32(ScalarBuffer<f32>),
    F16(ScalarBuffer<f16>),
}

impl Block {
    pub(super) fn open(
        file: &Arc<FragmentFile>,
        batch: usize,
        dimension: usize,
        first_in_file: usize,
    ) -> Result<Self, LibraryError> {
        let columns = file.columns(batch, hot(file.schema()))?;
        let read = Batch { path: file.path(), batch: &columns };
        let ids = read.numbers::<UInt64Type>(ID)?;
        let vectors = match list::<Float32Type>(&read, EMBEDDING, dimension) {
            Some(values) => StoredVectors::F32(values),
            None => match list::<Float16Type>(&read, EMBEDDING, dimension) {
                Some(values) => StoredVectors::F16(values),
                None => return Err(read.kind(EMBEDDING)),
            },
        };
        let codes = StoredCodes::of(&read, dimension)?;
        Ok(Self {
            file: Arc::clone(file),
            batch,
            first_in_file,
            first_row: 0,
            dimension,
            ids,
            vectors,
            codes,
            columns: Arc::default(),
        })
    }

    /// Its first row.
    #[must_use]
    pub fn first_row(&self) -> usize {
        self.first_row
    }

    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.ids.len()
    }

    /// The ids of its tiles, ascending.
    #[must_use]
    pub fn ids(&self) -> &[u64] {
        &self.ids
    }

    /// Its embeddings.
    #[must_use]
    pub fn vectors(&self) -> Vectors<'_> {
        match &self.vectors {
            StoredVectors::F32(values) => Vectors::F32(values),
            StoredVectors::F16(values) => Vectors::F16(values),
        }
    }

    /// The low-precision codes of its embeddings, as the search takes them.
    ///
    /// # Errors
    /// They are none that embeddings can have: the file is damaged.
    pub fn codes(&self) -> Result<CodedBlock<'_>, LibraryError> {
        self.codes
            .block(self.dimension)
            .map_err(|error| LibraryError::damaged(self.file.path(), error.to_string()))
    }

    /// What is known of its tiles.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn columns(&self) -> Result<&Columns, LibraryError> {
        if let Some(columns) = self.columns.get() {
            return Ok(columns);
        }
        let batch = self.file.columns(self.batch, described(self.file.schema()))?;
        let columns = Columns::of(self.file.path(), &batch, self.ids.clone())?;
        Ok(self.columns.get_or_init(|| columns))
    }

    /// The embedding of the `row`-th of its rows.
    ///
    /// # Panics
    /// When there is no such row, or `into` is not as long as an embedding.
    pub fn embedding_into(&self, row: usize, into: &mut [f32]) {
        let place = row * self.dimension..(row + 1) * self.dimension;
        match self.vectors() {
            Vectors::F32(values) => into.copy_from_slice(&values[place]),
            Vectors::F16(values) => {
                assert_eq!(into.len(), self.dimension, "an embedding of another length");
                into.iter_mut().zip(&values[place]).for_each(|(into, value)| *into = value.to_f32());
            }
        }
    }

    /// The images of its tiles, PNG; null where the library keeps none.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn thumbnails(&self) -> Result<BinaryArray, LibraryError> {
        let batch = self.file.columns(self.batch, pictured(self.file.schema()))?;
        let read = Batch { path: self.file.path(), batch: &batch };
        read.column(THUMBNAIL)?.as_binary_opt::<i32>().cloned().ok_or_else(|| read.kind(THUMBNAIL))
    }

    pub(super) fn stored_codes(&self) -> &StoredCodes {
        &self.codes
    }

    pub(super) fn dimension(&self) -> usize {
        self.dimension
    }

    pub(super) fn file(&self) -> &Arc<FragmentFile> {
        &self.file
    }
}

/// The blocks of a fragment of so many rows.
pub(super) fn blocks(
    file: &Arc<FragmentFile>,
    rows: usize,
    dimension: usize,
) -> Result<Vec<Block>, LibraryError> {
    let mut blocks = Vec::with_capacity(file.batch_count());
    let mut found = 0;
    for batch in 0..file.batch_count() {
        let block = Block::open(file, batch, dimension, found)?;
        found += block.rows();
        blocks.push(block);
    }
    if found != rows {
        return Err(LibraryError::damaged(file.path(), format!("it has {found} rows, expected {rows}")));
    }
    Ok(blocks)
}

/// The values of a column of lists of `length`.
pub(super) fn list<T: ArrowPrimitiveType>(
    read: &Batch<'_>,
    name: &str,
    length: usize,
) -> Option<ScalarBuffer<T::Native>> {
    let lists = read.column(name).ok()?.as_fixed_size_list_opt()?;
    let values = lists.values().as_primitive_opt::<T>()?;
    let fits = usize::try_from(lists.value_length()) == Ok(length) && values.len() == lists.len() * length;
    fits.then(|| values.values().clone())
}
