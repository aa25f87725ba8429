//! From surveys and folders of images to a library: cut, embed, append.
//!
//! A source is a survey or a folder of images, with one encoder. The library remembers of each how it was read ([`Source::made_with`](crate::store::Source::made_with)), a
//! fingerprint of it, and how far it has been read, in the same commit as the tiles. So
//!
//! | what is found | what is done |
//! |---|---|
//! | a new source | it is read |
//! | one that was read to its end and has not changed | nothing |
//! | one whose reading was interrupted | it goes on after the last commit: nothing is lost and nothing doubled |
//! | a survey that has changed | its tiles are replaced |
//! | a folder of images that has changed | its new and changed images are read, and tiles of those that are gone are removed |
//! | one that was read with other settings | refused, unless told to replace it |
//!
//! Sections and images are read and decoded on all threads while the ones before them are embedded; a bounded queue lies between.

mod error;
mod fingerprint;
mod images;
mod pipeline;
mod plan;
mod survey;

pub use error::IndexError;
pub(crate) use fingerprint::of_survey as fingerprint_of;
pub use images::ImageFolder;
pub use survey::SurveyTiles;

use crate::store::{Compaction, VectorFormat, Writer};
use plan::Plan;
use refcon_encoders::Encoder;
use serde::Serialize;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Something to index.
#[expect(clippy::large_enum_variant, reason = "there are a handful of them")]
#[derive(Debug, Clone)]
pub enum IndexSource<'a> {
    /// A survey, cut into tiles.
    Survey(SurveyTiles<'a>),
    /// A folder of images, a tile each.
    Images(ImageFolder),
}

/// How to index.
#[derive(Debug, Clone, Copy)]
pub struct IndexOptions {
    /// Keep the tiles' images.
    pub thumbnails: bool,
    /// Read sources again that were read with other settings, and replace their tiles.
    pub replace: bool,
    /// How embeddings are stored, where the encoder is new to the library.
    pub vectors: VectorFormat,
    /// What has been embedded is committed about so often.
    pub commit_every: Duration,
}

impl Default for IndexOptions {
    fn default() -> Self {
        Self {
            thumbnails: false,
            replace: false,
            vectors: VectorFormat::F32,
            commit_every: Duration::from_secs(5),
        }
    }
}

/// How far indexing is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexProgress<'a> {
    /// What the source is called.
    pub source: &'a str,
    /// Sections or images that have been embedded, those of earlier runs too.
    pub units_done: usize,
    /// All of the source's.
    pub units: usize,
    /// Tiles of this run that have been embedded.
    pub embedded: u64,
    /// Of them, those that are committed: what a crash now would leave.
    pub committed: u64,
}

/// What was found of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceState {
    /// It is new in the library.
    Added,
    /// An earlier run was interrupted.
    Resumed,
    /// It is all there.
    Unchanged,
    /// It has changed, or is read with other settings.
    Replaced,
    /// Some of its images have changed.
    Updated,
}

/// What was done with a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IndexedSource {
    /// What it is called in the library.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// What was found of it.
    pub state: SourceState,
    /// Tiles added.
    pub tiles: u64,
    /// Tiles removed, since what they were made from has changed.
    pub removed: u64,
    /// A line for each image that could not be read.
    pub skipped: Vec<String>,
}

/// What an indexing run did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IndexSummary {
    /// Source by source.
    pub sources: Vec<IndexedSource>,
    /// Tiles added, of all.
    pub tiles: u64,
    /// Seconds that it took.
    pub seconds: f64,
    /// Whether the observer stopped it. What was embedded until then is in the library.
    pub stopped: bool,
}

/// Cuts, embeds and appends what of `sources` is not in the library yet, and tells `observer` how far it is, who may stop it.
///
/// # Errors
/// A source cannot be read, was read with other settings, or the library cannot be written. What was committed before stays, and the
/// same call goes on after it.
pub fn index(
    writer: &mut Writer,
    encoder: &dyn Encoder,
    sources: &[IndexSource<'_>],
    options: &IndexOptions,
    observer: &mut dyn FnMut(&IndexProgress<'_>) -> ControlFlow<()>,
) -> Result<IndexSummary, IndexError> {
    let started = Instant::now();
    writer.add_encoder(encoder.id(), encoder.dimension(), options.vectors)?;
    // All of them first, so that an hour's work is not done before a wrong setting is found.
    let mut plans: Vec<Plan> = Vec::with_capacity(sources.len());
    for source in sources {
        let plan = Plan::of(source, writer, encoder.id(), options, &plans)?;
        if plans.iter().any(|earlier| earlier.path() == plan.path()) {
            return Err(IndexError::Twice { path: plan.path().to_owned() });
        }
        plans.push(plan);
    }
    let mut summary = IndexSummary { sources: Vec::new(), tiles: 0, seconds: 0.0, stopped: false };
    for (source, plan) in sources.iter().zip(plans) {
        let (indexed, flow) = plan.carry_out(source, writer, encoder, options, observer, summary.tiles)?;
        summary.tiles += indexed.tiles;
        summary.sources.push(indexed);
        if flow.is_break() {
            summary.stopped = true;
            break;
        }
    }
    writer.compact(Compaction::Gathered)?;
    summary.seconds = started.elapsed().as_secs_f64();
    Ok(summary)
}
