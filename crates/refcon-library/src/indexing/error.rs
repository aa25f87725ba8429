//! What can go wrong while indexing.

use crate::store::LibraryError;
use refcon_encoders::{EmbeddingError, EncodeError};
use refcon_image::{ListError, ReadImageError};
use refcon_seismic::SurveyError;
use refcon_seismic::export::ExportError;
use refcon_seismic::tiling::TilingError;
use std::io;
use std::path::PathBuf;

/// An error of indexing. What was committed before it is in the library.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The library cannot be read or written.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// A section of a survey cannot be read.
    #[error(transparent)]
    Survey(#[from] SurveyError),
    /// The rule cannot be laid over a survey.
    #[error(transparent)]
    Tiling(#[from] TilingError),
    /// A label volume does not fit or cannot be read.
    #[error(transparent)]
    Labels(#[from] ExportError),
    /// A folder of images cannot be listed.
    #[error(transparent)]
    List(#[from] ListError),
    /// An image cannot be read.
    #[error(transparent)]
    Image(#[from] ReadImageError),
    /// None of a folder's images can be read.
    #[error("none of the {images} images in {} can be read; the first: {first}", folder.display())]
    NoImage {
        /// The folder.
        folder: PathBuf,
        /// How many there are.
        images: usize,
        /// What is wrong with the first one.
        first: String,
    },
    /// The encoder failed.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The encoder gave something that is no set of embeddings.
    #[error(transparent)]
    Embedding(#[from] EmbeddingError),
    /// A file cannot be looked at.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The source is in the library, made otherwise.
    #[error(
        "{} is in the library already, made with {key} {found}, now it is {asked}; give the same arguments, or --replace to make its \
         tiles again", path.display()
    )]
    OtherSettings {
        /// The source.
        path: PathBuf,
        /// What differs.
        key: String,
        /// What it was.
        found: String,
        /// What it is now.
        asked: String,
    },
    /// One source was given twice.
    #[error("{} was given twice", path.display())]
    Twice {
        /// The source.
        path: PathBuf,
    },
}
