//! Rows of a fragment that are no longer part of the library: a small Arrow file of row numbers beside it.

use super::columns::Batch;
use super::error::LibraryError;
use super::fragment_file::{FragmentFile, write_fragment};
use super::manifest::FileEntry;
use arrow_array::types::UInt32Type;
use arrow_array::{RecordBatch, UInt32Array};
use arrow_schema::{DataType, Field, Schema};
use std::path::Path;
use std::sync::Arc;

const ROW: &str = "row";

/// Writes the removed rows of a fragment, ascending.
pub(super) fn write(folder: &Path, name: &str, rows: &[u32]) -> Result<FileEntry, LibraryError> {
    let schema = Schema::new(vec![Field::new(ROW, DataType::UInt32, false)]);
    let column = Arc::new(UInt32Array::from(rows.to_vec()));
    let batch = RecordBatch::try_new(Arc::new(schema.clone()), vec![column]);
    write_fragment(folder, name, &schema, &mut std::iter::once(batch.map_err(LibraryError::Columns)))
}

/// The removed rows of a fragment, ascending.
pub(super) fn read(folder: &Path, entry: &FileEntry) -> Result<Vec<u32>, LibraryError> {
    let file = FragmentFile::open(folder, entry)?;
    let (found, expected) = (file.checksum(), entry.checksum);
    if found != expected {
        let problem = format!("its checksum is {found}, expected {expected}");
        return Err(LibraryError::damaged(file.path(), problem));
    }
    let mut rows = Vec::with_capacity(entry.rows);
    for batch in 0..file.batch_count() {
        let batch = file.columns(batch, vec![0])?;
        rows.extend(Batch { path: file.path(), batch: &batch }.numbers::<UInt32Type>(ROW)?.iter());
    }
    Ok(rows)
}
