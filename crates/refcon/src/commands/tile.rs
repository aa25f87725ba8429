//! `refcon tile`: surveys cut into tiles.

use crate::commands::score::counted;
use crate::failure::Failure;
use crate::output::Output;
use crate::survey::SurveyChoices;
use crate::tiling::{LabelChoices, TilingChoices};
use clap::Args;
use refcon_seismic::Survey;
use refcon_seismic::export::{ExportProgress, ExportSettings, ExportSource, TABLE, TileExport, TileLayout};
use serde_json::json;
use std::path::PathBuf;
use std::time::Instant;

/// Cut surveys into tiles: PNG images in folders, or tar shards, and a table that says where each tile lies
///
/// Takes SEG-Y, SU, NumPy and raw surveys where they lie. DIR/tiles.csv has a row a tile: survey, direction, line, first and
/// last trace with their inline and crossline, sample range, X and Y of its ends, and the amplitudes that are black and
/// white. The same command goes on where an earlier one was stopped.
///
/// With --sections-labels, each tile gets the label that most of its samples have in a label volume, and goes to the folder
/// of that class, DIR/CLASS/*.png, as for training.
#[derive(Debug, Args)]
pub(crate) struct Tile {
    /// The surveys
    #[arg(required = true, value_name = "SURVEY")]
    surveys: Vec<PathBuf>,

    /// Folder to write, new, empty, or with the beginning of the same tiles
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,

    #[command(flatten)]
    tiling: TilingChoices,

    /// Write tar shards of about so many tiles (WebDataset's layout) instead of images
    #[arg(long, value_name = "TILES", num_args = 0..=1, default_missing_value = "10000")]
    shards: Option<usize>,

    #[command(flatten)]
    labels: LabelChoices,

    #[command(flatten)]
    survey: SurveyChoices,
}

impl Tile {
    pub(crate) fn run(&self, output: &Output) -> Result<(), Failure> {
        let settings = self.settings()?;
        let surveys = self.surveys.iter().map(|path| self.survey.open(path));
        let surveys = surveys.collect::<Result<Vec<Survey>, _>>()?;
        let labels = self.labels.open(surveys.len(), &self.survey)?;
        let sources = surveys.iter().enumerate().map(|(index, survey)| {
            let normalisation = self.tiling.normalisation(survey, output)?;
            Ok(ExportSource { survey, labels: labels.get(index), normalisation })
        });
        let sources = sources.collect::<Result<Vec<ExportSource<'_>>, Failure>>()?;
        let started = Instant::now();
        let mut export = TileExport::open(&self.output, &settings, &sources).map_err(failure)?;
        let before = export.progress();
        if export.lost() > 0 {
            tracing::warn!(
                "files or rows of earlier tiles are missing: {} are made again",
                tiles(export.lost())
            );
        }
        if before.tiles > 0 {
            output.step(&format!("going on after {}", tiles(before.tiles)));
        }
        let progress = output.progress("cutting sections", before.sections);
        progress.set_position(before.sections_done as u64);
        progress.reset_eta();
        let done = export.run(&mut |done| {
            progress.set_position(done.sections_done as u64);
            let rate = (done.tiles - before.tiles) as f64 / started.elapsed().as_secs_f64();
            progress.set_message(format!("{}, {rate:.0}/s", tiles(done.tiles)));
        });
        progress.finish_and_clear();
        let done = done.map_err(failure)?;
        let seconds = started.elapsed().as_secs_f64();
        self.report(output, before, done, seconds)
    }

    fn settings(&self) -> Result<ExportSettings, Failure> {
        let layout = self.shards.map_or(TileLayout::Images, |tiles| TileLayout::Shards { tiles });
        Ok(ExportSettings {
            selection: self.tiling.selection(),
            rule: self.tiling.rule()?,
            layout,
            least_label_share: self.labels.label_share,
        })
    }

    fn report(
        &self,
        output: &Output,
        before: ExportProgress,
        done: ExportProgress,
        seconds: f64,
    ) -> Result<(), Failure> {
        let new = done.tiles - before.tiles;
        let rate = new as f64 / seconds.max(f64::MIN_POSITIVE);
        let mut text = match new {
            0 if done.tiles > 0 => format!("all {} were there already\n", tiles(done.tiles)),
            0 if done.unlabelled > 0 => "no tile was cut\n".to_owned(),
            0 => "no tile was cut: too few samples of each are live, that is finite and not 0 (see --min-live)\n"
                .to_owned(),
            _ => format!(
                "{} of {} in {seconds:.1} s ({rate:.0} tiles a second)\n",
                tiles(new),
                counted(done.sections, "section", "sections")
            ),
        };
        if new > 0 && before.tiles > 0 {
            text += &format!("{} with those that were there\n", tiles(done.tiles));
        }
        if done.unlabelled > 0 {
            text += &format!("{} left out: no label has a large enough share\n", tiles(done.unlabelled));
        }
        let table = self.output.join(TABLE);
        text += &format!("table: {}", table.display());
        let result = json!({
            "folder": self.output,
            "table": table,
            "tiles": done.tiles,
            "new_tiles": new,
            "unlabelled": done.unlabelled,
            "sections": done.sections,
            "seconds": seconds,
            "tiles_per_second": rate,
        });
        output.result(&text, &result)
    }
}

/// What kind of failure an export's is, for the exit code.
fn failure(error: refcon_seismic::export::ExportError) -> Failure {
    use refcon_seismic::export::ExportError as Error;
    match error {
        Error::Survey(_) | Error::LabelShape { .. } | Error::NoLabel { .. } | Error::LargeTiles { .. } => {
            Failure::input(error)
        }
        Error::File { .. } | Error::Occupied { .. } | Error::Busy { .. } | Error::Journal { .. } => {
            Failure::output(error)
        }
        _ => Failure::usage(error),
    }
}

fn tiles(count: u64) -> String {
    counted(count as usize, "tile", "tiles")
}
