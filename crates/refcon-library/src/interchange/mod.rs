//! Libraries in and out: what other programs read, and what they wrote.
//!
//! | file | written | read |
//! |---|---|---|
//! | `.parquet` | a row a tile: all that is known of it, and its embedding as a list of 32-bit floats | – |
//! | `.npy` with a `.csv` beside it | 32-bit floats `[tiles, components]`; a line a tile with the columns of [`TableRow`] | the same, 32 or 64-bit floats; a table needs the column `file` only |
//! | `.faiss` with a `.csv` beside it | FAISS's `IndexFlatIP` or `IndexFlatL2`, which answers with the `row` of the table | – |
//!
//! Removed tiles are left out; rows are in the order of their ids.

mod faiss;
mod import;
mod npy;
mod parquet_file;
mod table;

pub use faiss::{FlatIndex, write_faiss};
pub use import::{ImportSummary, import_npy};
pub use npy::write_npy;
pub use parquet_file::write_parquet;
pub use table::{TableRow, write_table};

use crate::LibraryError;
use crate::files::WriteError;
use std::path::PathBuf;

/// What can go wrong between a library and another program's files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InterchangeError {
    /// The library cannot be read or written.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A file that was given cannot be used.
    #[error("cannot read {}: {problem}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what was expected.
        problem: String,
    },
}
