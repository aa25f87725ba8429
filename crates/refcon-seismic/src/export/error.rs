//! What can go wrong when tiles are written.

use crate::SurveyError;
use crate::tiling::TilingError;
use std::io;
use std::path::PathBuf;

/// An error of writing tiles. Its message says what was being done, what was found, what was expected, and what to try.
///
/// What was written before it stays; the same export goes on from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The rule cannot be laid over a survey.
    #[error(transparent)]
    Tiling(#[from] TilingError),
    /// A section of a survey or of its labels cannot be read.
    #[error(transparent)]
    Survey(Box<SurveyError>),
    /// A file or folder cannot be read or written.
    #[error("cannot {doing} {path}: {source}", path = .path.display())]
    File {
        /// Such as `write`.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder holds something else.
    #[error(
        "cannot write tiles to {folder}: it is not empty and holds no {journal} of an earlier export; give another folder",
        folder = .folder.display()
    )]
    Occupied {
        /// The folder.
        folder: PathBuf,
        /// The file that would say what is in it.
        journal: &'static str,
    },
    /// The folder holds tiles that were cut otherwise.
    #[error(
        "cannot go on with the tiles in {folder}: {key} was {found}, now it is {asked}; give the same \
         arguments, or another folder", folder = .folder.display()
    )]
    OtherExport {
        /// The folder.
        folder: PathBuf,
        /// What differs.
        key: String,
        /// What it was.
        found: String,
        /// What it is now.
        asked: String,
    },
    /// The file that says what has been done cannot be understood.
    #[error("cannot read {path}: {problem}; give another folder", path = .path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Another process writes there.
    #[error("another refcon is writing tiles to {folder}; wait for it, or give another folder", folder = .folder.display())]
    Busy {
        /// The folder.
        folder: PathBuf,
    },
    /// The label volume is not of the survey's shape.
    #[error("{labels} cannot label {survey}: it has {found}, expected {expected}")]
    LabelShape {
        /// The label volume.
        labels: String,
        /// The survey.
        survey: String,
        /// Its lines and samples.
        found: String,
        /// The survey's.
        expected: String,
    },
    /// A label is no whole number.
    #[error(
        "{labels} is no label volume: {direction} {line} holds {found}, expected whole numbers",
        direction = .section.0, line = .section.1
    )]
    NoLabel {
        /// The label volume.
        labels: String,
        /// The section.
        section: (crate::Direction, i32),
        /// The value.
        found: f32,
    },
    /// The least share of a label is no fraction.
    #[error("cannot label tiles by a share of at least {found}: expected 0 to 1")]
    LabelShare {
        /// What was given.
        found: f64,
    },
    /// A shard was to hold no tiles.
    #[error("cannot write shards of 0 tiles: expected at least 1")]
    EmptyShards,
    /// No section is as large as a tile.
    #[error(
        "cannot cut tiles of {width} traces × {height} samples: no section is as large, the largest has {sections}; give a \
         smaller size"
    )]
    LargeTiles {
        /// Traces of a tile.
        width: usize,
        /// Samples of a tile.
        height: usize,
        /// The largest section of each survey.
        sections: String,
    },
    /// There is no survey.
    #[error("cannot write tiles: no survey was given")]
    NoSurveys,
}

impl From<SurveyError> for ExportError {
    fn from(error: SurveyError) -> Self {
        Self::Survey(Box::new(error))
    }
}
