//! Labelled tiles: a folder with one folder of tiles a class, split into those that are trained on and those that are held out.
//!
//! ```text
//! train/<class>/*.png ─ LabelledFolder ─┐
//! groups.csv ─ Groups ──────────────────┴─ split → Dataset (training, held out) ─ manifest
//! added.csv ────────────────────────────────── add ┘
//! ```

mod added;
pub mod duplicates;
mod folder;
mod groups;
mod manifest;
mod split;
mod test_data;
mod tiles;

pub use folder::{LabelledFolder, LabelledTile};
pub use groups::{GroupTable, Groups};
pub use manifest::Manifest;
pub(crate) use manifest::{file_hashes, hex};
pub use split::{Dataset, split};
pub(crate) use test_data::test_data_above;
pub use test_data::test_data_at;
pub use tiles::TileCache;

use refcon_image::{ListError, ReadImageError};
use std::io;
use std::path::PathBuf;

/// Why tiles cannot be trained on.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The folder cannot be listed.
    #[error(transparent)]
    List(#[from] ListError),
    /// A tile cannot be read.
    #[error("{0}. Every tile counts here: mend this one, or take it out of the folder, and try again")]
    Tile(#[from] ReadImageError),
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder is no folder of classes.
    #[error("{}: {problem}; expected one folder of tiles a class, as in train/Salt/a.png", folder.display())]
    Layout {
        /// The folder.
        folder: PathBuf,
        /// What was found.
        problem: String,
    },
    /// The groups' file is no table of groups, or of other tiles.
    #[error("the groups {}: {problem}", path.display())]
    Groups {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
    },
    /// A run's table of tiles is damaged.
    #[error("the table of tiles {}: {problem}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What was found.
        problem: String,
    },
    /// The table of added tiles is none, or of tiles that cannot be added.
    #[error("the added tiles {}: {problem}", path.display())]
    Added {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
    },
    /// The tiles are those of a test.
    #[error(
        "{} looks like test data ({sign}), which is never trained on; --allow-test-data trains on it all the same, and the encoder will say so for ever",
        folder.display()
    )]
    TestData {
        /// The folder.
        folder: PathBuf,
        /// What gave it away.
        sign: String,
    },
    /// Nothing is left to train on, or to validate with.
    #[error("{0}")]
    TooFew(String),
}
