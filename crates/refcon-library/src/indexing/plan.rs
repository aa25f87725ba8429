//! What is to be done with a source, by what the library has of it.

use super::images::{Images, Listed};
use super::pipeline::{Done, Run, Units, run};
use super::survey::Sections;
use super::{IndexError, IndexOptions, IndexProgress, IndexSource, IndexedSource, SourceState, fingerprint};
use crate::store::{NewSource, Progress, Source, SourceKind, Writer};
use refcon_encoders::{Encoder, EncoderId};
use refcon_seismic::export::difference;
use serde_json::Value;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// A source, and what the library has of it.
pub(super) struct Plan {
    name: String,
    path: PathBuf,
    made_with: Value,
    fingerprint: String,
    listed: Option<Listed>,
    state: SourceState,
    /// Its number in the library.
    known: Option<u32>,
    removed: u64,
}

impl Plan {
    /// Looks at a source, which is to come after those of the `earlier` plans. Nothing is written.
    pub(super) fn of(
        source: &IndexSource<'_>,
        writer: &Writer,
        encoder: &EncoderId,
        options: &IndexOptions,
        earlier: &[Self],
    ) -> Result<Self, IndexError> {
        let given = match source {
            IndexSource::Survey(survey) => survey.survey.path(),
            IndexSource::Images(images) => &images.folder,
        };
        let whole = given.canonicalize().unwrap_or_else(|_| given.to_owned());
        // A manifest is text.
        let path = PathBuf::from(whole.to_string_lossy().into_owned());
        let (made_with, fingerprint, listed) = match source {
            IndexSource::Survey(survey) => (survey.made_with(), fingerprint::of_survey(given)?, None),
            IndexSource::Images(images) => {
                let listed = Listed::of(images)?;
                (images.made_with(), listed.fingerprint.clone(), Some(listed))
            }
        };
        let known = writer.sources().iter().find(|known| known.path == path && known.encoder == *encoder);
        let state = match known {
            None => SourceState::Added,
            Some(known) => state(known, &made_with, &fingerprint, options)?,
        };
        let name = name(source, &path, writer.sources(), earlier);
        let known = known.map(|known| known.id);
        Ok(Self { name, path, made_with, fingerprint, listed, state, known, removed: 0 })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Does what is to be done.
    pub(super) fn carry_out(
        mut self,
        source: &IndexSource<'_>,
        writer: &mut Writer,
        encoder: &dyn Encoder,
        options: &IndexOptions,
        observer: &mut dyn FnMut(&IndexProgress<'_>) -> ControlFlow<()>,
        tiles_before: u64,
    ) -> Result<(IndexedSource, ControlFlow<()>), IndexError> {
        let name = self.name.clone();
        let done = match source {
            _ if self.state == SourceState::Unchanged => {
                Done { tiles: 0, skipped: Vec::new(), flow: ControlFlow::Continue(()) }
            }
            IndexSource::Survey(survey) => {
                let sections = Sections::new(survey, &name, options.thumbnails)?;
                let count = sections.count();
                let number = self.begun(writer, encoder.id(), count, source)?;
                let (from, skipped_before) = read_so_far(writer, number);
                let task = Run { source: number, name: &name, from, before: 0, skipped_before, tiles_before };
                run(&task, &sections, writer, encoder, options, observer)?
            }
            IndexSource::Images(folder) => {
                let listed = self.listed.take().map_or_else(|| Listed::of(folder), Ok)?;
                let images = listed.files.len();
                let number = self.begun(writer, encoder.id(), images, source)?;
                let tiles = writer.tiles_of_source(number)?;
                let tiles = tiles.iter().map(|(id, file, stamp)| (*id, file.as_str(), *stamp));
                let (stale, wanted) = listed.compare(tiles);
                self.removed += writer.remove_of_source(number, &stale)?;
                let before = images - wanted.len();
                let units = Images {
                    source: folder,
                    name: &name,
                    listed: &listed,
                    wanted,
                    thumbnails: options.thumbnails,
                };
                let task =
                    Run { source: number, name: &name, from: 0, before, skipped_before: 0, tiles_before };
                let done = run(&task, &units, writer, encoder, options, observer)?;
                if done.skipped.len() == images {
                    writer.remove_source(number)?;
                    let first = done.skipped.into_iter().next().unwrap_or_default();
                    return Err(IndexError::NoImage { folder: folder.folder.clone(), images, first });
                }
                done
            }
        };
        let indexed = IndexedSource {
            name: self.name,
            path: self.path,
            state: self.state,
            tiles: done.tiles,
            removed: self.removed,
            skipped: done.skipped,
        };
        Ok((indexed, done.flow))
    }

    /// The number of the source, which is made known to the library where it is not yet, or not as it is now.
    fn begun(
        &mut self,
        writer: &mut Writer,
        encoder: &EncoderId,
        units: usize,
        source: &IndexSource<'_>,
    ) -> Result<u32, IndexError> {
        match (self.state, self.known) {
            (SourceState::Resumed, Some(number)) => Ok(number),
            (SourceState::Updated, Some(number)) => {
                writer.change_source(number, &self.fingerprint, units)?;
                Ok(number)
            }
            (_, known) => {
                let (kind, survey) = match source {
                    IndexSource::Survey(survey) => (SourceKind::Survey, Some(survey.access())),
                    IndexSource::Images(_) => (SourceKind::Images, None),
                };
                let new = NewSource {
                    kind,
                    name: self.name.clone(),
                    path: self.path.clone(),
                    encoder: encoder.clone(),
                    fingerprint: self.fingerprint.clone(),
                    made_with: self.made_with.clone(),
                    survey,
                    units,
                };
                let (number, removed) = writer.begin_source(new, known)?;
                self.removed += removed;
                Ok(number)
            }
        }
    }
}

/// Sections of a source that have been read, and how many of them were skipped.
fn read_so_far(writer: &Writer, number: u32) -> (usize, usize) {
    let source = writer.sources().iter().find(|source| source.id == number);
    source.map_or((0, 0), |source| {
        let Progress { units_done, skipped, .. } = source.progress();
        (units_done, skipped)
    })
}

/// What is found of a source that the library knows.
fn state(
    known: &Source,
    made_with: &Value,
    fingerprint: &str,
    options: &IndexOptions,
) -> Result<SourceState, IndexError> {
    if let Some((key, found, asked)) = difference(&known.made_with, made_with) {
        if options.replace {
            return Ok(SourceState::Replaced);
        }
        return Err(IndexError::OtherSettings { path: known.path.clone(), key, found, asked });
    }
    Ok(match (known.fingerprint == fingerprint, known.kind) {
        (true, _) if known.complete => SourceState::Unchanged,
        (true, _) => SourceState::Resumed,
        (false, SourceKind::Images) => SourceState::Updated,
        (false, _) => SourceState::Replaced,
    })
}

/// What the source's tiles are to say: the name of its file or folder, numbered where another source has it.
fn name(source: &IndexSource<'_>, path: &Path, known: &[Source], earlier: &[Plan]) -> String {
    if let Some(same) = known.iter().find(|known| known.path == path) {
        return same.name.clone();
    }
    let name = match source {
        IndexSource::Survey(survey) => survey.survey.name().to_owned(),
        IndexSource::Images(_) => {
            path.file_name().map_or_else(|| "images".to_owned(), |name| name.to_string_lossy().into_owned())
        }
    };
    let is_free = |name: &String| {
        known.iter().all(|known| known.name != *name) && earlier.iter().all(|plan| plan.name != *name)
    };
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    std::iter::once(name.clone()).chain(numbered).find(is_free).unwrap_or(name)
}
