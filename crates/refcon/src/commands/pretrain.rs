//! `refcon pretrain`: an encoder learns from tiles without labels.

use super::runs::folder_of;
use super::settings::{TRIAL, path_setting, understood};
use super::train::{code, failure, fitted, opened};
use crate::failure::Failure;
use crate::output::Output;
use clap::{Args, Subcommand};
use refcon_training::optimise::{Parameters, prepared};
use refcon_training::pretraining::dino::DinoPretraining;
use refcon_training::pretraining::masked_autoencoder::MaskedPretraining;
use refcon_training::pretraining::{PreparedPretraining, PretrainConfig, Pretraining};
use refcon_training::runs::{Facts, Run, RunState, TRIAL as TRIAL_NAME};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

const MAE_EXAMPLES: &str = "\
Examples:
  refcon pretrain mae tiles                                     a tiny ViT from nothing, on a folder of tiles
  refcon pretrain mae survey.sgy volume.npy --set model.size=small --set stopping.epochs=30
  refcon pretrain mae shards --start vit-mae-base --set masked=0.75
  refcon pretrain mae --resume quiet-salt-3                     go on where it was stopped or killed
  refcon embed tiles --encoder runs/quiet-salt-3/best -o embeddings.npy
  refcon show mae tiles --checkpoint runs/quiet-salt-3/best -o mae.png

Ctrl-C stops after the step that is under way and keeps all of it. Corpus and query folders are never trained on.";

const DINO_EXAMPLES: &str = "\
Examples:
  refcon pretrain dino tiles                                    a tiny ViT from nothing, on a folder of tiles
  refcon pretrain dino tiles --config pretrain-dino-challenge   two crops of a tile, as the challenge's own pretraining
  refcon pretrain dino survey.sgy --start dinov2-base --set local_crops.size=98   small crops are whole patches, here of 14
  refcon pretrain dino tiles --set local_crops.count=2 --set model.image_size=96 --set local_crops.size=48
  refcon pretrain dino --resume quiet-salt-3                    go on where it was stopped or killed
  refcon embed tiles --encoder runs/quiet-salt-3/best -o embeddings.npy

Ctrl-C stops after the step that is under way and keeps all of it. Corpus and query folders are never trained on.";

/// Pretrain an encoder on tiles without labels
#[derive(Debug, Args)]
pub(crate) struct Pretrain {
    #[command(subcommand)]
    method: How,
}

#[derive(Debug, Subcommand)]
enum How {
    /// Mask three patches of four, and learn to rebuild them (ViT-MAE)
    ///
    /// DATA are folders of images, tar shards (`refcon tile --shards`) and surveys, whose tiles are cut as they are needed. A few tiles
    /// are held out to measure the loss on. The run's folder keeps settings, numbers, checkpoints and, as `best`, the best model so far,
    /// which every command takes as --encoder; `refcon train` fine-tunes it.
    #[command(after_long_help = MAE_EXAMPLES)]
    Mae(Box<Options>),

    /// Learn to say of one crop of a tile what a teacher says of another (as DINOv2)
    ///
    /// DATA are folders of images, tar shards (`refcon tile --shards`) and surveys, whose tiles are cut as they are needed. The teacher
    /// is a moving average of the model that learns, and is what is kept. After each epoch it embeds two random crops of each of some
    /// held-out tiles; how well one is found by the other among all (`view_reciprocal_rank`, 1 at best) decides which epoch is the `best`,
    /// since the training's own loss is smallest where a teacher says the same of everything. Such a collapse shows in `teacher_entropy`,
    /// `teacher_mean_entropy` and `embedding_deviation` among the run's numbers, and is warned of.
    ///
    /// The run's folder keeps settings, numbers, checkpoints and `best`, which every command takes as --encoder; `refcon train`
    /// fine-tunes it.
    #[command(after_long_help = DINO_EXAMPLES)]
    Dino(Box<Options>),
}

#[derive(Debug, Args)]
struct Options {
    /// Folders of images, tar shards, surveys (`data.paths`)
    #[arg(value_name = "DATA")]
    data: Vec<PathBuf>,

    /// Settings: a YAML file, or for dino `pretrain-dino-challenge`, a recipe that comes with the program
    #[arg(long, value_name = "FILE|NAME")]
    config: Option<String>,

    /// Start from this checkpoint: of a masked autoencoder for mae, of any encoder with weights for dino (`model.start`)
    #[arg(long, value_name = "PATH")]
    start: Option<PathBuf>,

    /// Where to train: auto, cpu, gpu, gpu:N, cuda, cuda:N; for mae several, as in cuda:0,cuda:1, share every batch (`device`)
    #[arg(long)]
    device: Option<String>,

    /// What to compute in: f32, bf16 or auto (`precision`)
    #[arg(long, value_name = "auto|f32|bf16")]
    precision: Option<String>,

    /// Any other setting, such as `model.size=small`; may be given several times
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,

    /// Folder of the runs: where a new one is made, and where --resume looks for a name
    #[arg(long, value_name = "DIR", default_value = "runs")]
    runs: PathBuf,

    /// Go on with this run, by its name or its folder; its own settings count
    #[arg(long, value_name = "RUN",
        conflicts_with_all = ["data", "config", "start", "device", "precision", "settings", "print_config", "dry", "allow_test_data"])]
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

impl Pretrain {
    pub(crate) fn run(&self, output: &Output) -> Result<(), Failure> {
        match &self.method {
            How::Mae(options) => options.run::<MaskedPretraining>(output),
            How::Dino(options) => options.run::<DinoPretraining>(output),
        }
    }
}

impl Options {
    fn run<P: Pretraining>(&self, output: &Output) -> Result<(), Failure> {
        let began = Instant::now();
        let (mut run, mut facts, ready) = match &self.resume {
            Some(given) => resumed::<P>(&folder_of(given, &self.runs))?,
            None => {
                let config: P::Config = self.config()?;
                if self.print_config {
                    return output.result(&config.to_yaml(), &config);
                }
                self.begun::<P>(config, output)?
            }
        };
        let PreparedPretraining { config, mut task, network, notes, .. } = ready;
        notes.iter().for_each(|note| tracing::warn!("{note}"));
        let [training, held_out] = facts.tiles;
        let asked = config.common().data.held_out;
        let capped = match held_out < asked {
            true => format!(" (data.held_out asks for {asked}, and a tenth of all are the most)"),
            false => String::new(),
        };
        output.step(&format!(
            "run {}: {} trained numbers ({}), {training} tiles to learn from, {held_out} held out{capped}, {}",
            run.folder().display(),
            facts.parameters,
            facts.precision,
            task.sees()
        ));
        let plan = task.plan();
        fitted(&mut task, network, plan, &mut run, &mut facts, began, output)?.tell(output)
    }

    fn config<C: PretrainConfig>(&self) -> Result<C, Failure> {
        let mut settings = Vec::new();
        if !self.data.is_empty() {
            settings.push(format!("data.paths={}", serde_json::json!(self.data)));
        }
        settings.extend(self.start.as_deref().map(|path| path_setting("model.start", path)));
        settings.extend(self.device.as_ref().map(|device| format!("device={device}")));
        settings.extend(self.precision.as_ref().map(|precision| format!("precision={precision}")));
        settings.extend(self.settings.iter().cloned());
        settings.extend(TRIAL.iter().filter(|_| self.dry).map(ToString::to_string));
        understood(self.config.as_deref(), C::PRESETS, &settings, C::parse)
    }

    fn begun<P: Pretraining>(
        &self,
        config: P::Config,
        output: &Output,
    ) -> Result<(Run, Facts, PreparedPretraining<P>), Failure> {
        output.step("looking at the tiles …");
        let ready = P::prepare(config, self.allow_test_data).map_err(failure)?;
        let network = prepared(ready.network.clone(), &|name| ready.task.trains(name));
        let common = ready.config.common();
        let start = common.model.start.as_ref().map(|path| path.display().to_string());
        let mut facts = Facts {
            name: if self.dry { TRIAL_NAME.into() } else { String::new() },
            method: P::METHOD,
            started: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            state: RunState::Running,
            seed: common.seed,
            data: ready.data.clone(),
            tiles: ready.task.tiles(),
            encoder: [start.unwrap_or_else(|| "random weights".into()), String::new()],
            parameters: Parameters::of(&network).count(),
            code: code(),
            device: common.device.into(),
            precision: ready.precision.clone(),
            test_data: ready.test_data.clone(),
            decisive: Some(ready.task.plan().decisive()),
        };
        let paths = common.data.paths.iter().map(|path| format!("{}\n", path.display()));
        let table = format!("path\n{}", paths.collect::<String>());
        let run = Run::create(&self.runs, &ready.config.to_yaml(), &mut facts, &table).map_err(failure)?;
        Ok((run, facts, ready))
    }
}

/// A run that is taken up again, if the tiles are still what they were.
fn resumed<P: Pretraining>(folder: &Path) -> Result<(Run, Facts, PreparedPretraining<P>), Failure> {
    let (run, settings, mut facts) = opened(folder, P::METHOD)?;
    let config = settings.parsed(P::Config::parse).map_err(failure)?;
    let ready = P::prepare(config, !facts.test_data.is_empty()).map_err(failure)?;
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
