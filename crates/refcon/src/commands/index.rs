//! `refcon index`: surveys and folders of images into a library.

use crate::commands::library::{failure, opened};
use crate::commands::score::counted;
use crate::embedding::EncoderArguments;
use crate::failure::Failure;
use crate::output::Output;
use crate::survey::SurveyChoices;
use crate::tiling::{LabelChoices, TilingChoices};
use clap::Args;
use refcon_library::indexing::{
    ImageFolder, IndexError, IndexOptions, IndexSource, IndexSummary, SourceState, SurveyTiles, index,
};
use refcon_library::{Library, VectorFormat};
use refcon_seismic::Survey;
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

    /// Images: stop at the first one that cannot be read, instead of skipping it
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
        let folders: Vec<bool> = self.sources.iter().map(|path| holds_images(path)).collect();
        let surveys: Vec<Option<Survey>> = self
            .sources
            .iter()
            .zip(&folders)
            .map(|(path, is_folder)| if *is_folder { Ok(None) } else { self.survey.open(path).map(Some) })
            .collect::<Result<_, _>>()?;
        let labels = self.labels.open(surveys.iter().flatten().count(), &self.survey)?;
        let mut labels = labels.iter();
        let sources = self.sources.iter().zip(&surveys).map(|(path, survey)| {
            Ok(match survey {
                None => IndexSource::Images(ImageFolder {
                    folder: path.clone(),
                    classes_from_folders: self.classes_from_folders,
                    strict: self.strict,
                }),
                Some(survey) => IndexSource::Survey(SurveyTiles {
                    survey,
                    options: self.survey.options(path)?,
                    selection: self.tiling.selection(),
                    rule: self.tiling.rule()?,
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
        output.result(&result.text(), &result)
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
