//! The page of a run: its curves, and how its best encoder does on the tiles that were held out.

use crate::commands::evaluate::{Evaluated, PRECISION_TARGET, Side};
use crate::commands::predict::Metric;
use crate::commands::train::{failure, not_judged};
use crate::embedding::{EmbeddedFolder, EncoderArguments, embed_tiles};
use crate::failure::Failure;
use crate::output::Output;
use refcon_encoders::Encoder;
use refcon_evaluation::report::{Curve, Findings, Report};
use refcon_evaluation::{Calibration, fit_calibration};
use refcon_image::TileFile;
use refcon_library::files;
use refcon_training::TrainError;
use refcon_training::config::Config;
use refcon_training::dataset::Dataset;
use refcon_training::metric_learning::library;
use refcon_training::runs::{Facts, Method, Run, RunSummary, read_records};
use std::path::{Path, PathBuf};

/// Training tiles that a calibration is fitted on, at most: it holds every pair of them in memory.
const MOST_CALIBRATED: usize = 4000;

/// The numbers of a run as curves.
pub(crate) fn curves(run: &Path) -> Result<Vec<Curve>, Failure> {
    let mut curves: Vec<Curve> = Vec::new();
    for record in read_records(&run.join("metrics.jsonl")).map_err(Failure::input)? {
        let point = (record.step as f64, record.value);
        match curves.iter_mut().find(|curve| curve.name == record.name) {
            Some(curve) => curve.points.push(point),
            None => curves.push(Curve { name: record.name, points: vec![point] }),
        }
    }
    Ok(curves)
}

/// Draws the page of the run in `folder`, and says where it is.
pub(crate) fn draw(folder: &Path, output: &Output) -> Result<PathBuf, Failure> {
    let (run, settings, facts) = Run::open(folder).map_err(failure)?;
    let summary = RunSummary::read(folder).map_err(failure)?;
    let mut notes = Vec::new();
    if !facts.test_data.is_empty() {
        notes.push(format!(
            "It was trained on test data ({}): what it scores on those says nothing.",
            facts.test_data.join(", ")
        ));
    }
    let labelled = facts.method == Method::FineTuning && run.best_encoder().exists();
    let findings = if labelled {
        let config = settings.parsed(Config::parse).map_err(failure)?;
        Validation::of(&run, &config, output)?
            .map(|validation| validation.findings(&mut notes))
            .transpose()?
    } else {
        None
    };
    let report = Report {
        title: format!("Training {}: {}", facts.name, facts.method),
        facts: told(&facts, &summary),
        notes,
        curves: curves(folder)?,
        findings,
        settings: Some(settings.text().into()),
    };
    let (path, page) = (run.report(), report.to_html());
    files::write_whole(&path, |out| out.write_all(page.as_bytes())).map_err(Failure::output)?;
    Ok(path)
}

/// What the head of the page says.
fn told(facts: &Facts, summary: &RunSummary) -> Vec<(String, String)> {
    let fact = |name: &str, value: String| (name.to_owned(), value);
    let [training, held_out] = facts.tiles;
    let state = serde_json::to_value(facts.state).unwrap_or_default();
    let mut told = vec![
        fact("state", state.as_str().unwrap_or_default().into()),
        fact("started from", facts.encoder[0].clone()),
        fact("trained numbers", facts.parameters.to_string()),
        fact("tiles to train on", training.to_string()),
        fact("held out", held_out.to_string()),
        fact("steps", summary.steps.to_string()),
        fact("seed", facts.seed.to_string()),
        fact("device", facts.device.clone()),
        fact("computed in", facts.precision.clone()),
        fact("data", facts.data.chars().take(8).collect()),
        fact("code", facts.code.clone()),
    ];
    told.extend(facts.decisive.as_ref().zip(summary.best).map(|(by, best)| {
        fact(&format!("best {}", by.measure.trim_start_matches("validation/")), format!("{best:.4}"))
    }));
    told
}

/// The validation of the best encoder: held-out tiles are searched among training tiles.
struct Validation {
    held_out: Side,
    library: Side,
    /// The near-duplicate group of each tile of the library.
    groups: Vec<u64>,
    /// What no number of the page says anything of.
    not_judged: Vec<String>,
}

impl Validation {
    /// Embeds the tiles of the last validation; none where no tile was held out.
    fn of(run: &Run, config: &Config, output: &Output) -> Result<Option<Self>, Failure> {
        let folder = config.data.train.clone().unwrap_or_default();
        if !folder.is_dir() {
            return Err(Failure::input(format!(
                "the tiles that {} was trained on are no longer in {}, and its page shows how it does on them; a page that was drawn \
                 before stays as it is",
                run.folder().display(),
                folder.display()
            )));
        }
        let dataset =
            Dataset::of_manifest(&run.data(), &folder).map_err(|error| failure(TrainError::from(error)))?;
        if dataset.held_out.is_empty() {
            return Ok(None);
        }
        let best = run.best_encoder().display().to_string();
        let encoder = EncoderArguments::validating(best, &config.device, &config.precision)?.open()?;
        let searched = library(&dataset, config.validation.library_tiles, config.seed);
        let side = |tiles: &[usize], what| embedded(&dataset, tiles, &folder, &*encoder, what, output);
        Ok(Some(Self {
            held_out: side(&dataset.held_out, "embedding held-out tiles")?,
            library: side(&searched, "embedding training tiles")?,
            groups: searched.iter().map(|&tile| dataset.groups[tile] as u64).collect(),
            not_judged: not_judged(&dataset),
        }))
    }

    /// What the page shows of it, and notes on what it does not.
    fn findings(self, notes: &mut Vec<String>) -> Result<Findings, Failure> {
        notes.extend(self.not_judged.iter().map(|note| sentence(note)));
        notes.push(
            "Held-out tiles were searched among the training tiles by the best encoder, as in every validation; it was chosen by what it \
             scores here, so on other tiles expect a little less: refcon evaluate measures that."
                .into(),
        );
        let calibration = self.calibration(notes);
        Evaluated::of(self.held_out, self.library, calibration, Metric::Cosine)?.findings()
    }

    /// Fitted on training tiles, whose distances the training has made small: the diagram shows how far it is off on held-out ones.
    fn calibration(&self, notes: &mut Vec<String>) -> Option<Calibration> {
        let tiles = self.library.classes.len();
        if tiles > MOST_CALIBRATED {
            notes.push(format!("No calibration: it would compare {tiles} training tiles with each other."));
            return None;
        }
        let labelled = self.library.labelled(Some(&self.groups));
        match fit_calibration(labelled, Metric::Cosine.into(), PRECISION_TARGET) {
            Ok(calibration) => Some(calibration),
            Err(error) => {
                notes.push(format!("No calibration: {error}."));
                None
            }
        }
    }
}

/// A line that stands on its own as a sentence.
fn sentence(line: &str) -> String {
    let (first, rest) = line.split_at(line.chars().next().map_or(0, char::len_utf8));
    format!("{}{rest}.", first.to_uppercase())
}

/// Tiles of a dataset, embedded.
fn embedded(
    dataset: &Dataset,
    tiles: &[usize],
    folder: &Path,
    encoder: &dyn Encoder,
    what: &'static str,
    output: &Output,
) -> Result<Side, Failure> {
    let files: Vec<TileFile> = tiles.iter().map(|&tile| dataset.tiles[tile].file.clone()).collect();
    let folder = embed_tiles(&files, folder, encoder, true, what, output)?;
    let embeddings = folder.embeddings.normalised();
    Ok(Side {
        folder: EmbeddedFolder { embeddings, ..folder },
        classes: tiles.iter().map(|&tile| dataset.class_name(tile).to_owned()).collect(),
    })
}
