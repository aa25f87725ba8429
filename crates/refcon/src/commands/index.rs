//! `refcon index`: surveys and folders of images into a library.

use crate::commands::library::{failure, opened};
use crate::commands::score::counted;
use crate::embedding::{EncoderArguments, is_survey_name};
use crate::failure::Failure;
use crate::output::Output;
use crate::survey::SurveyChoices;
use crate::tiling::{LabelChoices, TilingChoices};
use clap::Args;
use refcon_image::ListError;
use refcon_library::indexing::{
    ImageFolder, IndexError, IndexOptions, IndexSource, IndexSummary, SourceState, SurveyTiles, index,
};
use refcon_library::{Library, VectorFormat};
use refcon_seismic::Survey;
use refcon_seismic::tiling::{TileRule, Tiling};
use serde::Serialize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Put the tiles of surveys, or of folders of images, into a library that `refcon search` looks in
///
/// Surveys are cut as `refcon tile` does, folders of images (PNG, TIFF, JPEG) are taken as they are. What is in the library already
/// is skipped; what has changed is replaced. The same command goes on where an earlier one was stopped, in whatever way that was.
#[derive(Debug, Args)]
pub(crate) struct Index {
    /// Surveys, and folders of images
    #[arg(required = true, value_name = "SURVEY|FOLDER")]
    sources: Vec<PathBuf>,

    /// The library: a folder, made where it is not there
    #[arg(long, short, value_name = "DIR")]
    library: PathBuf,

    #[command(flatten)]
    encoder: EncoderArguments,

    /// Keep an image of each tile in the library
    #[arg(long)]
    thumbnails: bool,

    /// Store embeddings as 16-bit floats, in half the room (only for an encoder that is new in the library)
    #[arg(long)]
    half: bool,

    /// Make the tiles of sources again that were indexed with other settings
    #[arg(long)]
    replace: bool,

    /// Wait where another process writes to the library
    #[arg(long)]
    wait: bool,

    /// What is embedded is safe on disk after so many seconds, about
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = seconds)]
    commit_every: f64,

    /// Images: the class of each is the subfolder it lies in, as in train/Salt/0001.png
    #[arg(long)]
    classes_from_folders: bool,

    /// Stop at the first source or image that cannot be read, instead of skipping it
    #[arg(long)]
    strict: bool,

    #[command(flatten)]
    tiling: TilingChoices,

    #[command(flatten)]
    labels: LabelChoices,

    #[command(flatten)]
    survey: SurveyChoices,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0);
    seconds.ok_or_else(|| "expected a number of seconds".to_owned())
}

/// A source, and what it was opened as where it is no folder of images.
type OpenedSource<'a> = (&'a Path, Option<Survey>);

/// What was done, for `--json`.
#[derive(Debug, Serialize)]
struct Indexed<'a> {
    library: &'a Path,
    encoder: &'a str,
    encoder_hash: &'a str,
    tier: &'static str,
    #[serde(flatten)]
    summary: &'a IndexSummary,
    tiles_per_second: f64,
    /// Tiles of this encoder that the library has now.
    library_tiles: usize,
}

impl Index {
    pub(crate) fn run(&self, output: &Output) -> Result<(), Failure> {
        let (opened_sources, not_opened) = self.open_sources()?;
        let surveys = opened_sources.iter().filter_map(|(_, survey)| survey.as_ref());
        let labels = self.labels.open(surveys.count(), &self.survey)?;
        let mut labels = labels.iter();
        let sources = opened_sources.iter().map(|(path, survey)| {
            Ok(match survey {
                None => IndexSource::Images(ImageFolder {
                    folder: path.to_path_buf(),
                    classes_from_folders: self.classes_from_folders,
                    strict: self.strict,
                }),
                Some(survey) => IndexSource::Survey(SurveyTiles {
                    survey,
                    options: self.survey.options(path)?,
                    selection: self.tiling.selection(),
                    rule: self.rule_with_room(survey)?,
                    normalisation: self.tiling.normalisation(survey, output)?,
                    labels: labels.next(),
                    least_label_share: self.labels.label_share,
                }),
            })
        });
        let sources = sources.collect::<Result<Vec<IndexSource<'_>>, Failure>>()?;
        let encoder = self.encoder.for_library_at(&self.library).open()?;
        let library = Library::open_or_create(&self.library).map_err(failure)?;
        let mut writer = opened(&library, self.wait, output)?;
        let options = IndexOptions {
            thumbnails: self.thumbnails,
            replace: self.replace,
            vectors: if self.half { VectorFormat::F16 } else { VectorFormat::F32 },
            commit_every: Duration::from_secs_f64(self.commit_every),
        };

        let started = Instant::now();
        let bar = output.progress("embedding", 0);
        let mut shown = String::new();
        let indexed = index(&mut writer, &*encoder, &sources, &options, &mut |progress| {
            bar.set_length(progress.units as u64);
            if shown != progress.source {
                progress.source.clone_into(&mut shown);
                bar.set_position(progress.units_done as u64);
                bar.reset_eta();
            }
            bar.set_position(progress.units_done as u64);
            let rate = progress.embedded as f64 / started.elapsed().as_secs_f64();
            bar.set_message(format!("{shown}: {} tiles, {rate:.0}/s", progress.embedded));
            ControlFlow::Continue(())
        });
        bar.finish_and_clear();
        let summary = indexed.map_err(index_failure)?;
        for skipped in summary.sources.iter().flat_map(|source| &source.skipped) {
            tracing::warn!("skipped: {skipped}");
        }
        drop(writer);
        let snapshot = library.snapshot().map_err(failure)?;
        for missing in snapshot.missing() {
            tracing::warn!("{} tiles of the library cannot be searched: {}", missing.tiles, missing.problem);
        }
        let library_tiles = snapshot.tiles(encoder.id()).map_or(0, |tiles| tiles.live().count());
        let result = Indexed {
            library: &self.library,
            encoder: encoder.id().name(),
            encoder_hash: encoder.id().hash(),
            tier: encoder.tier(),
            tiles_per_second: summary.tiles as f64 / summary.seconds.max(f64::MIN_POSITIVE),
            library_tiles,
            summary: &summary,
        };
        output.result(&result.text(), &result)?;
        match not_opened {
            0 => Ok(()),
            _ => Err(Failure::input(format!(
                "{not_opened} of {} could not be opened; the warnings above say why, the others are indexed",
                counted(self.sources.len(), "source", "sources")
            ))),
        }
    }

    /// The rule that lays tiles. A survey whose sections have no room for one is refused, or pointed out where there are others.
    fn rule_with_room(&self, survey: &Survey) -> Result<TileRule, Failure> {
        let rule = self.tiling.rule()?;
        let tiling =
            Tiling::of_survey(survey, &self.tiling.selection(), rule.clone()).map_err(Failure::usage)?;
        if let Some([traces, samples]) = tiling.too_small() {
            let problem = format!(
                "no section of {} is as large as a tile, the largest has {traces} traces × {samples} samples; give a smaller --size",
                survey.name()
            );
            match self.sources.len() {
                1 => return Err(Failure::input(problem)),
                _ => tracing::warn!("{problem}"),
            }
        }
        Ok(rule)
    }

    /// The sources, of each that is no folder of images the survey, and how many there are besides that cannot be opened: of several,
    /// one that is damaged need not keep the others waiting.
    fn open_sources(&self) -> Result<(Vec<OpenedSource<'_>>, usize), Failure> {
        let mut opened = Vec::with_capacity(self.sources.len());
        // Label volumes are given in the order of the surveys.
        let at_once = self.strict || self.sources.len() == 1 || self.labels.are_given();
        for path in &self.sources {
            let source = match holds_images(path) {
                true => holds_some_images(path).map(|()| None),
                false => self.survey.open(path).map(Some),
            };
            match source {
                Ok(survey) => opened.push((path.as_path(), survey)),
                Err(error) if at_once => return Err(error),
                Err(error) => tracing::warn!("skipped: {error}"),
            }
        }
        let not_opened = self.sources.len() - opened.len();
        match opened.is_empty() {
            true => Err(Failure::input(format!("none of the {not_opened} sources can be opened"))),
            false => Ok((opened, not_opened)),
        }
    }
}

impl Indexed<'_> {
    fn text(&self) -> String {
        let mut lines = Vec::new();
        for source in &self.summary.sources {
            let tiles = counted(source.tiles as usize, "tile", "tiles");
            let mut line = match source.state {
                SourceState::Unchanged => format!("{}: unchanged", source.name),
                SourceState::Added => format!("{}: {tiles}", source.name),
                SourceState::Resumed => format!("{}: {tiles} more", source.name),
                SourceState::Replaced => {
                    format!("{}: {tiles} instead of {} of before", source.name, source.removed)
                }
                SourceState::Updated => format!("{}: {tiles} new, {} removed", source.name, source.removed),
            };
            if !source.skipped.is_empty() {
                line += &format!(" ({} images skipped)", source.skipped.len());
            }
            lines.push(line);
        }
        lines.push(format!(
            "{} by {} ({}) in {:.1} s, {:.0} a second; {} in {}",
            counted(self.summary.tiles as usize, "tile", "tiles"),
            self.encoder,
            self.tier,
            self.summary.seconds,
            self.tiles_per_second,
            self.library_tiles,
            self.library.display()
        ));
        lines.join("\n")
    }
}

/// Whether a path is a folder of images, and not a survey that is kept in a folder.
fn holds_images(path: &Path) -> bool {
    let zarr = ["zarr.json", ".zgroup", ".zarray"];
    path.is_dir() && !zarr.iter().any(|name| path.join(name).exists())
}

/// Fails for a folder of surveys and no images, which is not looked through for them: what else may lie there is not known.
fn holds_some_images(folder: &Path) -> Result<(), Failure> {
    match refcon_image::list(folder) {
        Err(ListError::NoImages { .. }) => {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            let surveys = entries.filter(|entry| is_survey_name(&entry.path())).count();
            match surveys {
                0 => Ok(()),
                _ => Err(Failure::input(format!(
                    "{} holds no images, and {}: give the files, such as {}/*.sgy",
                    folder.display(),
                    counted(
                        surveys,
                        "file that is called like a survey",
                        "files that are called like surveys"
                    ),
                    folder.display()
                ))),
            }
        }
        _ => Ok(()),
    }
}

/// What kind of failure an indexing error is, for the exit code.
fn index_failure(error: IndexError) -> Failure {
    match error {
        IndexError::Library(error) => failure(error),
        IndexError::OtherSettings { .. } | IndexError::Twice { .. } | IndexError::Tiling(_) => {
            Failure::usage(error)
        }
        IndexError::Encode(_) | IndexError::Embedding(_) => Failure::other(error),
        _ => Failure::input(error),
    }
}
