//! Where tiles come from, and how far each source has been read.

use super::writer::Progress;
use refcon_encoders::EncoderId;
use refcon_seismic::SurveyOptions;
use refcon_seismic::tiling::Normalisation;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;

/// What kind of thing tiles come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// A survey, whose sections were cut into tiles.
    Survey,
    /// A folder of images, a tile each.
    Images,
    /// Embeddings that another program made.
    Embeddings,
}

/// How a survey was opened, and how its amplitudes became grey.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SurveyAccess {
    /// What [`Survey::open`](refcon_seismic::Survey::open) was told.
    pub options: SurveyOptions,
    /// How amplitudes became grey.
    pub normalisation: Normalisation,
    /// Coordinate reference system, by its EPSG number.
    pub epsg: Option<u32>,
    /// The unit of X and Y, where the survey says it.
    pub map_unit: Option<String>,
}

/// What tiles were made from, with which encoder, and how far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Its number in the library.
    pub id: u32,
    /// What kind of thing it is.
    pub kind: SourceKind,
    /// What it is called in the library: its tiles' [`survey`](crate::TileRecord::survey).
    pub name: String,
    /// Where it lay.
    pub path: PathBuf,
    /// Who embedded its tiles.
    pub encoder: EncoderId,
    /// Tells whether it has changed since.
    pub fingerprint: String,
    /// Everything else that its tiles depend on.
    pub made_with: Value,
    /// How to see a tile's amplitudes again, where it is a survey.
    pub survey: Option<SurveyAccess>,
    /// Sections or files that have been read, in their order.
    pub units_done: usize,
    /// All of them.
    pub units: usize,
    /// Units that could not be used.
    pub skipped: usize,
    /// Whether all of it is in the library.
    pub complete: bool,
}

impl Source {
    pub(crate) fn progress(&self) -> Progress {
        Progress { source: self.id, units_done: self.units_done, skipped: self.skipped }
    }
}

/// A source that is to be read.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSource {
    /// What kind of thing it is.
    pub kind: SourceKind,
    /// What its tiles are to say in [`survey`](crate::TileRecord::survey).
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Who embeds its tiles.
    pub encoder: EncoderId,
    /// Tells later whether it has changed.
    pub fingerprint: String,
    /// Everything else that its tiles depend on.
    pub made_with: Value,
    /// How to see a tile's amplitudes again, where it is a survey.
    pub survey: Option<SurveyAccess>,
    /// Sections or files to read.
    pub units: usize,
}

impl NewSource {
    pub(super) fn begun(self, id: u32) -> Source {
        let Self { kind, name, path, encoder, fingerprint, made_with, survey, units } = self;
        Source {
            id,
            kind,
            name,
            path,
            encoder,
            fingerprint,
            made_with,
            survey,
            units_done: 0,
            units,
            skipped: 0,
            complete: false,
        }
    }
}
