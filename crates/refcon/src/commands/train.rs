//! `refcon train`: fine-tune an encoder on labelled tiles.

mod fitting;

pub(super) use fitting::{Trained, fitted};

use super::runs::folder_of;
use super::settings::{SettingsArguments, TRIAL};
use crate::failure::Failure;
use crate::output::Output;
use clap::Args;
use refcon_training::TrainError;
use refcon_training::config::Config;
use refcon_training::dataset::Dataset;
use refcon_training::metric_learning::{Prepared, RunPlace, begin_run, plan, prepare};
use refcon_training::runs::{Facts, Method, Run, RunState, Settings};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::time::Instant;

const EXAMPLES: &str = "\
Examples:
  refcon train --data train                                   a head on the texture descriptor: seconds
  refcon train challenge-vit --encoder vit-base --data train  the challenge's recipe on all of a ViT
  refcon train --data train --set loss=proxy_anchor --set optimiser.learning_rate=3e-4
  refcon train --resume quiet-salt-3                          go on where a training was stopped or killed
  refcon predict --encoder runs/quiet-salt-3/best --query MY_TILES --corpus ALL_TILES -o results.json

On a terminal a dashboard shows how it goes; --plain, or a pipe, gets a line an epoch. Ctrl-C (or q) stops after the step that is under way
and keeps all of it. Corpus and query folders are never trained on.

A finished run has a page, report.html (--set tracking.report=false leaves it out). Other programs can show a run too:
`tensorboard --logdir runs`, and with --set tracking.wandb=true `wandb sync runs/NAME/wandb/offline-run-*`.";

/// Fine-tune an encoder on labelled tiles
///
/// DATA holds one folder of tiles a class. Some tiles of each class are held out (whole groups, where --groups says which tiles belong
/// together), and every validation searches them among the training tiles. The run's folder keeps settings, numbers, checkpoints, a page
/// with curves and findings (`report.html`), and, as `best`, the best encoder so far, which every command takes as --encoder.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Train {
    #[command(flatten)]
    settings: SettingsArguments,

    /// Folder of the runs: where a new one is made, and where --resume looks for a name
    #[arg(long, value_name = "DIR", default_value = "runs")]
    runs: PathBuf,

    /// Go on with this run, by its name or its folder; its own settings count
    #[arg(long, value_name = "RUN",
        conflicts_with_all = ["config", "data", "groups", "encoder", "device", "precision", "settings", "print_config", "dry",
            "allow_test_data"])]
    resume: Option<PathBuf>,

    /// Print all settings as YAML, and train nothing
    #[arg(long)]
    print_config: bool,

    /// Only try whether it works: two epochs of three batches, in a run whose name begins with `dry-`
    #[arg(long)]
    dry: bool,

    /// Train on a folder that looks like test data all the same; the encoder will say so for ever
    #[arg(long)]
    allow_test_data: bool,
}

impl Train {
    pub(crate) fn run(&self, output: &Output) -> Result<(), Failure> {
        let began = Instant::now();
        let started = match &self.resume {
            Some(given) => resumed(&folder_of(given, &self.runs))?,
            None => {
                let config = self.config()?;
                if self.print_config {
                    return output.result(&config.to_yaml(), &config);
                }
                let runs = &self.runs;
                let place = if self.dry { RunPlace::TrialBelow(runs) } else { RunPlace::Below(runs) };
                begun(config, self.allow_test_data, place, output)?
            }
        };
        warn_of_leaks(&started.2.config);
        trained(started, began, output)?.tell(output)
    }

    fn config(&self) -> Result<Config, Failure> {
        let trial = TRIAL.iter().filter(|_| self.dry).map(ToString::to_string);
        self.settings.parsed(trial.collect(), Config::parse)
    }
}

fn begun(
    config: Config,
    allow_test_data: bool,
    place: RunPlace,
    output: &Output,
) -> Result<(Run, Facts, Prepared), Failure> {
    output.step("reading tiles and opening the encoder …");
    let ready = prepare(config, allow_test_data).map_err(failure)?;
    let (run, facts) = begin_run(&ready, place, code()).map_err(failure)?;
    Ok((run, facts, ready))
}

/// Trains in a folder that is this training's alone, or goes on with what is there: for commands that train on their way.
pub(super) fn train_in(
    folder: &Path,
    config: Config,
    allow_test_data: bool,
    output: &Output,
) -> Result<Trained, Failure> {
    let began = Instant::now();
    let started = match Run::is_at(folder) {
        true => resumed(folder)?,
        false => begun(config, allow_test_data, RunPlace::At(folder), output)?,
    };
    trained(started, began, output)
}

/// Says that near-duplicates may stand on both sides of the split, where nothing keeps them together.
pub(super) fn warn_of_leaks(config: &Config) {
    let train = config.data.train.as_deref().unwrap_or(Path::new("")).display();
    if config.data.groups.is_none() && config.data.validation_share > 0.0 {
        tracing::warn!(
            "no --groups (data.groups): near-duplicates among the training tiles, where there are any, make the validation too sure; \
             `refcon duplicates {train} -o groups.csv` finds them"
        );
    }
}

/// Trains a run that was begun or taken up again.
fn trained(
    (mut run, mut facts, ready): (Run, Facts, Prepared),
    began: Instant,
    output: &Output,
) -> Result<Trained, Failure> {
    let Prepared { config, mut task, network, ungrouped, replaces_head, .. } = ready;
    if ungrouped > 0 && config.data.groups.is_some() {
        tracing::warn!("{ungrouped} tiles are not in the groups' table; each counts as a group of its own");
    }
    not_judged(task.dataset()).iter().for_each(|note| tracing::warn!("{note}"));
    if replaces_head {
        tracing::warn!(
            "the head of {} is taken off, as `head` asks; head=auto trains it further",
            config.encoder
        );
    }
    output.step(&begins(&facts, run.folder()));
    task.set_title(&facts.name);
    fitted(&mut task, network, plan(&config), &mut run, &mut facts, began, output)
}

/// A run of this method, to be taken up again.
pub(super) fn opened(folder: &Path, method: Method) -> Result<(Run, Settings, Facts), Failure> {
    let (run, settings, facts) = Run::resume(folder).map_err(failure)?;
    if facts.method == method {
        return Ok((run, settings, facts));
    }
    let (folder, method) = (folder.display(), facts.method);
    let command = method.command();
    Err(Failure::usage(format!("{folder} is a {method}: `{command} --resume {folder}` goes on with it")))
}

/// A run that is taken up again, if tiles and encoder are still what they were.
fn resumed(folder: &Path) -> Result<(Run, Facts, Prepared), Failure> {
    let (run, settings, mut facts) = opened(folder, Method::FineTuning)?;
    let config = settings.parsed(Config::parse).map_err(failure)?;
    let ready = prepare(config, !facts.test_data.is_empty()).map_err(failure)?;
    if ready.manifest.hash != facts.data {
        return Err(Failure::input(format!(
            "the tiles are no longer those of {} (data.csv lists them with their hashes); a changed data set needs a new run",
            folder.display()
        )));
    }
    let base = &ready.started_from;
    if base.hash() != facts.encoder[1] {
        return Err(Failure::input(format!(
            "the encoder {base} is not the one that {} started from ({} {}); a changed encoder needs a new run",
            folder.display(),
            facts.encoder[0],
            facts.encoder[1]
        )));
    }
    facts.state = RunState::Running;
    run.write_facts(&facts).map_err(failure)?;
    Ok((run, facts, ready))
}

/// The version and what tells this build from others of it.
pub(super) fn code() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let program = std::env::current_exe().and_then(std::fs::read);
    match program {
        Ok(bytes) => {
            let hash: String =
                Sha256::digest(&bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            format!("refcon {version}, executable {hash}")
        }
        Err(_) => format!("refcon {version}"),
    }
}

fn begins(facts: &Facts, folder: &Path) -> String {
    let [training, held_out] = facts.tiles;
    format!(
        "run {}: {} trained numbers on {} ({}), {training} tiles to train on, {held_out} held out",
        folder.display(),
        facts.parameters,
        facts.encoder[0],
        facts.precision
    )
}

/// A sentence on each class that no validation looks at.
pub(crate) fn not_judged(dataset: &Dataset) -> Vec<String> {
    let note = |(class, tiles): (&str, usize)| {
        format!(
            "nothing of class {class} is held out, since its {tiles} tiles are too few or one group of near-duplicates: the validation, \
             and what is chosen by it, say nothing of {class}"
        )
    };
    dataset.never_held_out().into_iter().map(note).collect()
}

/// Which exit code a stopped training gets.
pub(crate) fn failure(error: TrainError) -> Failure {
    match error {
        TrainError::Write { .. } | TrainError::Tracking(_) | TrainError::Export(_) => Failure::output(error),
        TrainError::NotFinite { .. } | TrainError::Embedding(_) => Failure::other(error),
        _ => Failure::input(error),
    }
}
