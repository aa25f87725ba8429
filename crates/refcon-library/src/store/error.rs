//! What can go wrong with a library on disk.

use refcon_encoders::EncoderId;
use std::io;
use std::path::{Path, PathBuf};

/// An error of a library. Its message says what was being done, to which file, what was found, and what to try.
///
/// A write that fails leaves the library as it was after the last commit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LibraryError {
    /// A file or folder of the library cannot be read or written.
    #[error("cannot {doing} {}: {source}{}", path.display(), hint(source))]
    File {
        /// Such as `write`.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder holds no library.
    #[error(
        "{} is no library: it has no {}; `refcon index … --library {}` makes one", folder.display(), super::MANIFEST,
        folder.display()
    )]
    NoLibrary {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder where a library is to be made holds something else.
    #[error("cannot make a library in {}: it is not empty; give a new or an empty folder", folder.display())]
    Occupied {
        /// The folder.
        folder: PathBuf,
    },
    /// The library was written by a newer program.
    #[error(
        "{} has format version {found}, this program knows versions up to {known}: use a newer refcon", path.display()
    )]
    NewerVersion {
        /// The manifest.
        path: PathBuf,
        /// Its version.
        found: u64,
        /// The newest version that can be read.
        known: u64,
    },
    /// A file is not what was written.
    #[error("{} is damaged: {problem}; {advice}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        advice: &'static str,
    },
    /// Another process writes to the library.
    #[error("the library {} is being written to by {holder}; wait for it (`--wait`), or stop it", folder.display())]
    Busy {
        /// The folder.
        folder: PathBuf,
        /// Who writes.
        holder: String,
    },
    /// The library holds no embeddings of an encoder.
    #[error("the library {} has no embeddings of {asked}; {}", folder.display(), has(found))]
    NoSuchEncoder {
        /// The folder.
        folder: PathBuf,
        /// The encoder asked for.
        asked: EncoderId,
        /// Those that the library has.
        found: Vec<EncoderId>,
    },
    /// None of the files of an encoder can be read.
    #[error("none of the tiles by {encoder} can be read: {first}")]
    AllDamaged {
        /// The encoder.
        encoder: EncoderId,
        /// What is wrong with the first of its files.
        first: String,
    },
    /// An encoder must be named, since the library has several.
    #[error("the library {} {}; say which encoder is meant", folder.display(), several(found))]
    SeveralEncoders {
        /// The folder.
        folder: PathBuf,
        /// Those that the library has.
        found: Vec<EncoderId>,
    },
    /// Embeddings do not have the length of those of the same encoder in the library.
    #[error("embeddings of {encoder} have {found} components, those in the library have {expected}")]
    OtherDimension {
        /// The encoder.
        encoder: EncoderId,
        /// Components of the new ones.
        found: usize,
        /// Components in the library.
        expected: usize,
    },
    /// Tiles and embeddings do not match.
    #[error("{embeddings} embeddings for {tiles} tiles; expected one each")]
    Unequal {
        /// Number of tiles.
        tiles: usize,
        /// Number of embeddings.
        embeddings: usize,
    },
    /// A tile cannot be stored so that it is found again.
    #[error("tile {tile} cannot be stored: {problem}")]
    Tile {
        /// Which of the tiles that were to be added, from 0.
        tile: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// Tiles cannot be made into columns.
    #[error("these tiles cannot be stored: {0}")]
    Columns(arrow_schema::ArrowError),
    /// The library has no such source.
    #[error("the library {} has no source {source_id}", folder.display())]
    NoSuchSource {
        /// The folder.
        folder: PathBuf,
        /// The number asked for.
        source_id: u32,
    },
}

/// What to do about files that can be made again from others.
pub(super) const REBUILD: &str =
    "`refcon library check --repair` takes it out of the library, and `refcon index` adds its tiles again";

impl LibraryError {
    pub(super) fn file<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self::File { doing, path: path.to_owned(), source }
    }

    /// The message, and of a file that is gone what to do about it, as of one that is damaged.
    pub(super) fn with_advice(&self) -> String {
        match self {
            Self::File { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                format!("{self}; {REBUILD}")
            }
            _ => self.to_string(),
        }
    }

    pub(super) fn damaged(path: &Path, problem: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), problem: problem.into(), advice: REBUILD }
    }
}

impl From<crate::files::WriteError> for LibraryError {
    fn from(error: crate::files::WriteError) -> Self {
        Self::File { doing: "write", path: error.path, source: error.source }
    }
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "; the library is as it was after the last commit: make room and run the same command again"
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            "; searching needs the right to read the folder only, adding and removing the right to write to it"
        }
        _ => "",
    }
}

fn listed(encoders: &[EncoderId]) -> String {
    encoders.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn has(found: &[EncoderId]) -> String {
    match found {
        [] => "it is empty".to_owned(),
        found => format!(
            "it has those of {}: ask with the encoder that it was made with (`--encoder`, a name or a path), or index with the other one too",
            listed(found)
        ),
    }
}

fn several(found: &[EncoderId]) -> String {
    match found {
        [] => "is empty".to_owned(),
        found => format!("has embeddings of {}", listed(found)),
    }
}
