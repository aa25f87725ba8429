//! `refcon pretrain`: an encoder learns from tiles without labels.

use super::train::{code, failure, fitted};
use crate::failure::Failure;
use crate::output::Output;
use clap::{Args, Subcommand};
use refcon_training::fit::Task;
use refcon_training::optimise::{Parameters, prepared};
use refcon_training::pretraining::{PreparedPretraining, PretrainConfig, prepare};
use refcon_training::runs::{Facts, Method, Run, RunState};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Epochs and batches of a trial.
const DRY: (u64, usize) = (2, 3);

const EXAMPLES: &str = "\
Examples:
  refcon pretrain mae tiles                                     a tiny ViT from nothing, on a folder of tiles
  refcon pretrain mae survey.sgy volume.npy --set model.size=small --set stopping.epochs=30
  refcon pretrain mae shards --start vit-mae-base --set masked=0.75
  refcon pretrain mae --resume runs/quiet-salt-3                go on where it was stopped or killed
  refcon embed tiles --encoder runs/quiet-salt-3/best -o embeddings.npy
  refcon show mae tiles --checkpoint runs/quiet-salt-3/best -o mae.png

Ctrl-C stops after the step that is under way and keeps all of it. Corpus and query folders are never trained on.";

/// Pretrain an encoder on tiles without labels
#[derive(Debug, Args)]
pub(crate) struct Pretrain {
    #[command(subcommand)]
    method: How,
}

#[derive(Debug, Subcommand)]
enum How {
    Mae(Box<Mae>),
}

/// Mask three patches of four, and learn to rebuild them (ViT-MAE)
///
/// DATA are folders of images, tar shards (`refcon tile --shards`) and surveys, whose tiles are cut as they are needed. A few tiles are
/// held out to measure the loss on. The run's folder keeps settings, numbers, checkpoints and, as `best`, the best model so far, which
/// every command takes as --encoder; `refcon train` fine-tunes it.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
struct Mae {
    /// Folders of images, tar shards, surveys (`data.paths`)
    #[arg(value_name = "DATA")]
    data: Vec<PathBuf>,

    /// Settings: a YAML file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Start from this checkpoint of a masked autoencoder (`model.start`)
    #[arg(long, value_name = "PATH")]
    start: Option<PathBuf>,

    /// Where to train: auto, cpu, gpu, gpu:N, cuda, cuda:N (`device`)
    #[arg(long)]
    device: Option<String>,

    /// What to compute in: f32, bf16 or auto (`precision`)
    #[arg(long, value_name = "auto|f32|bf16")]
    precision: Option<String>,

    /// Any other setting, such as `model.size=small`; may be given several times
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,

    /// Folder of the runs
    #[arg(long, value_name = "DIR", default_value = "runs")]
    runs: PathBuf,

    /// Go on with this run; its own settings count
    #[arg(long, value_name = "RUN", conflicts_with_all = ["data", "config", "start", "settings", "dry"])]
    resume: Option<PathBuf>,

    /// Print all settings as YAML, and train nothing
    #[arg(long)]
    print_config: bool,

    /// Only try whether it works: two epochs of three batches
    #[arg(long)]
    dry: bool,

    /// Train on a folder that looks like test data all the same; the encoder will say so for ever
    #[arg(long)]
    allow_test_data: bool,
}

impl Pretrain {
    pub(crate) fn run(&self, output: &Output) -> Result<(), Failure> {
        match &self.method {
            How::Mae(mae) => mae.run(output),
        }
    }
}

impl Mae {
    fn run(&self, output: &Output) -> Result<(), Failure> {
        let began = Instant::now();
        let (mut run, mut facts, ready) = match &self.resume {
            Some(folder) => resumed(folder)?,
            None => {
                let config = self.config()?;
                if self.print_config {
                    return output.result(&config.to_yaml(), &config);
                }
                self.begun(config, output)?
            }
        };
        let PreparedPretraining { mut task, network, .. } = ready;
        let [training, held_out] = facts.tiles;
        output.step(&format!(
            "run {}: {} trained numbers ({}), {training} tiles to learn from, {held_out} held out, {} patches of an image seen",
            run.folder().display(),
            facts.parameters,
            facts.precision,
            task.seen()
        ));
        let plan = task.plan();
        fitted(&mut task, network, plan, &mut run, &mut facts, began, output)?.tell(output)
    }

    fn config(&self) -> Result<PretrainConfig, Failure> {
        let text = match &self.config {
            None => String::new(),
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| Failure::input(format!("cannot read {}: {error}", path.display())))?,
        };
        let mut settings = Vec::new();
        if !self.data.is_empty() {
            settings.push(format!("data.paths={}", serde_json::json!(self.data)));
        }
        settings.extend(self.start.as_ref().map(|path| format!("model.start={}", serde_json::json!(path))));
        settings.extend(self.device.as_ref().map(|device| format!("device={device}")));
        settings.extend(self.precision.as_ref().map(|precision| format!("precision={precision}")));
        settings.extend(self.settings.iter().cloned());
        if self.dry {
            settings.extend([format!("stopping.epochs={}", DRY.0), format!("stopping.batches={}", DRY.1)]);
        }
        PretrainConfig::parse(&text, &settings).map_err(|error| match &self.config {
            Some(path) => Failure::input(format!("settings {}: {error}", path.display())),
            None => Failure::usage(error),
        })
    }

    fn begun(
        &self,
        config: PretrainConfig,
        output: &Output,
    ) -> Result<(Run, Facts, PreparedPretraining), Failure> {
        output.step("looking at the tiles …");
        let ready = prepare(config, self.allow_test_data).map_err(failure)?;
        let network = prepared(ready.network.clone(), &|name| ready.task.trains(name));
        let start = ready.config.model.start.as_ref().map(|path| path.display().to_string());
        let mut facts = Facts {
            name: String::new(),
            method: Method::MaskedAutoencoder,
            started: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            state: RunState::Running,
            seed: ready.config.seed,
            data: ready.data.clone(),
            tiles: ready.task.tiles(),
            encoder: [start.unwrap_or_else(|| "random weights".into()), String::new()],
            parameters: Parameters::of(&network).count(),
            code: code(),
            device: ready.config.device.clone(),
            precision: ready.precision.clone(),
            test_data: ready.test_data.clone(),
        };
        let paths = ready.config.data.paths.iter().map(|path| format!("{}\n", path.display()));
        let table = format!("path\n{}", paths.collect::<String>());
        let run = Run::create(&self.runs, &ready.config.to_yaml(), &mut facts, &table).map_err(failure)?;
        Ok((run, facts, ready))
    }
}

/// A run that is taken up again, if the tiles are still what they were.
fn resumed(folder: &Path) -> Result<(Run, Facts, PreparedPretraining), Failure> {
    let (run, settings, mut facts) = Run::open(folder).map_err(failure)?;
    if facts.method != Method::MaskedAutoencoder {
        let (folder, method) = (folder.display(), facts.method);
        return Err(Failure::usage(format!(
            "{folder} is a {method}: `refcon train --resume {folder}` goes on with it"
        )));
    }
    let config = settings.parsed(PretrainConfig::parse).map_err(failure)?;
    let ready = prepare(config, !facts.test_data.is_empty()).map_err(failure)?;
    if ready.data != facts.data {
        return Err(Failure::input(format!(
            "the tiles are no longer those of {} (names and number have changed); a changed data set needs a new run",
            folder.display()
        )));
    }
    facts.state = RunState::Running;
    run.write_facts(&facts).map_err(failure)?;
    Ok((run, facts, ready))
}
