//! A run's folder: made, written to, taken up again.

use super::Decisive;
use super::claim::Claim;
use super::name::next_name;
use super::records::{Record, read_records};
use crate::config::{Config, ConfigError, Tracking};
use crate::error::TrainError;
use crate::fit::Ending;
use crate::fit::checkpoint::{Checkpoint, Progress};
use crate::optimise::{AdamW, Parameters};
use crate::tracking::{Trackers, WandbRun};
use refcon_library::files::write_whole;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

const CONFIG: &str = "config.yml";
const FACTS: &str = "run.json";
const DATA: &str = "data.csv";
const METRICS: &str = "metrics.jsonl";
const CHECKPOINTS: &str = "checkpoints";
const BEST: &str = "best";
const REPORT: &str = "report.html";

/// The project of Weights & Biases that runs belong to, until `wandb sync -p` says otherwise.
const PROJECT: &str = "refcon";

/// What the name of a run begins with that only tries whether a training works.
pub const TRIAL: &str = "dry-";

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It trains.
    Running,
    /// It was killed while it trained. No run says so of itself: it says that it is running, and no training holds its lock.
    Killed,
    /// It ended as planned.
    Finished,
    /// It was asked to stop.
    Interrupted,
    /// It stopped with an error.
    Failed,
}

/// How a run's encoder learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// From labelled tiles.
    FineTuning,
    /// By rebuilding what is masked.
    MaskedAutoencoder,
    /// From a teacher that is an average of itself.
    Dino,
}

impl Method {
    /// The command that such a run is made and gone on with by.
    #[must_use]
    pub fn command(self) -> &'static str {
        match self {
            Self::FineTuning => "refcon train",
            Self::MaskedAutoencoder => "refcon pretrain mae",
            Self::Dino => "refcon pretrain dino",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FineTuning => "fine-tuning",
            Self::MaskedAutoencoder => "pretraining of a masked autoencoder",
            Self::Dino => "pretraining by DINO",
        })
    }
}

/// A run's settings as they stand in its folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    path: PathBuf,
    text: String,
}

impl Settings {
    /// The settings as `parse` understands them, such as [`Config::parse`].
    ///
    /// # Errors
    /// When it does not.
    pub fn parsed<T>(
        &self,
        parse: impl FnOnce(&str, &[String]) -> Result<T, ConfigError>,
    ) -> Result<T, TrainError> {
        parse(&self.text, &[])
            .map_err(|error| TrainError::Damaged { path: self.path.clone(), problem: error.to_string() })
    }

    /// The settings as a tree, whatever they are of.
    #[must_use]
    pub fn tree(&self) -> serde_json::Value {
        yaml_serde::from_str(&self.text).unwrap_or_default()
    }

    /// The settings as they were written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Which trackers the run has; the default's where its settings are of a kind that does not say.
    fn tracking(&self) -> Tracking {
        serde_json::from_value(self.tree()["tracking"].take()).unwrap_or_default()
    }
}

/// What a run is, beside its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Name of the folder.
    pub name: String,
    /// How its encoder learns.
    pub method: Method,
    /// Seconds since 1970 when it was made.
    pub started: u64,
    /// How it stands.
    pub state: RunState,
    /// The seed.
    pub seed: u64,
    /// Hash of the table of tiles.
    pub data: String,
    /// Tiles that are trained on, and held out.
    pub tiles: [usize; 2],
    /// Name of the encoder that training starts from, and its hash.
    pub encoder: [String; 2],
    /// Trained numbers.
    pub parameters: usize,
    /// Version of the program, and the hash of the program that ran.
    pub code: String,
    /// Where it ran.
    pub device: String,
    /// What it computed in.
    pub precision: String,
    /// Folders of test data that the encoder was trained on.
    pub test_data: Vec<String>,
    /// What decides which weights are the best; older runs do not say.
    #[serde(default)]
    pub decisive: Option<Decisive>,
}

/// An open run.
#[derive(Debug)]
pub struct Run {
    folder: PathBuf,
    metrics: Option<File>,
    written: u64,
    tracking: Tracking,
    /// What trackers are told of it.
    described: WandbRun,
    trackers: Option<Trackers>,
    /// Held by a training.
    claim: Option<Claim>,
}

impl Run {
    /// Makes the folder of a new run below `runs`, with its settings and its tiles. `facts` gets its name, which begins with what stands
    /// there, such as [`TRIAL`].
    ///
    /// # Errors
    /// When something cannot be written.
    pub fn create(runs: &Path, settings: &str, facts: &mut Facts, data: &str) -> Result<Self, TrainError> {
        fs::create_dir_all(runs).map_err(write_error(runs))?;
        let beginning = std::mem::take(&mut facts.name);
        let folder = loop {
            facts.name = format!("{beginning}{}", next_name(runs, facts.seed));
            let folder = runs.join(&facts.name);
            match fs::create_dir(&folder) {
                Ok(()) => break folder,
                // Another training took the name between the look and the making.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(TrainError::Write { path: folder, source }),
            }
        };
        let said = Settings { path: folder.join(CONFIG), text: settings.into() };
        let mut run = Self::at(folder, &said, facts);
        if let Err(error) = run.fill(settings, facts, data) {
            // Half a run is none; that it cannot be removed either adds nothing to the error.
            let _ = fs::remove_dir_all(&run.folder);
            return Err(error);
        }
        Ok(run)
    }

    /// Makes a new run in a folder of its own name, for those that know where to look for it again. What a kill left there of one that
    /// never began is written over.
    ///
    /// # Errors
    /// When something cannot be written.
    pub fn create_at(
        folder: &Path,
        settings: &str,
        facts: &mut Facts,
        data: &str,
    ) -> Result<Self, TrainError> {
        facts.name = folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let said = Settings { path: folder.join(CONFIG), text: settings.into() };
        let mut run = Self::at(folder.into(), &said, facts);
        run.fill(settings, facts, data)?;
        Ok(run)
    }

    fn at(folder: PathBuf, settings: &Settings, facts: &Facts) -> Self {
        let mut config = settings.tree().as_object().cloned().unwrap_or_default();
        config.insert("run".into(), serde_json::to_value(facts).unwrap_or_default());
        let described = WandbRun {
            id: tracked_id(&facts.name, facts.started, &facts.data),
            project: PROJECT.into(),
            name: facts.name.clone(),
            config,
            started: UNIX_EPOCH + Duration::from_secs(facts.started),
        };
        let tracking = settings.tracking();
        Self { folder, metrics: None, written: 0, tracking, described, trackers: None, claim: None }
    }

    fn fill(&mut self, settings: &str, facts: &Facts, data: &str) -> Result<(), TrainError> {
        let checkpoints = self.folder.join(CHECKPOINTS);
        fs::create_dir_all(&checkpoints).map_err(write_error(&checkpoints))?;
        self.claim = Some(Claim::take(&self.folder)?);
        self.write_text(DATA, data)?;
        self.write_facts(facts)?;
        // Last: a folder with settings is a run that can be gone on with.
        self.write_text(CONFIG, settings)
    }

    /// Whether a folder holds a run that can be gone on with.
    #[must_use]
    pub fn is_at(folder: &Path) -> bool {
        folder.join(CONFIG).exists()
    }

    /// Opens a run to go on with it: no other training can, as long as this is held.
    ///
    /// # Errors
    /// As [`Run::open`], and when another training works on it.
    pub fn resume(folder: &Path) -> Result<(Self, Settings, Facts), TrainError> {
        let (mut run, settings, facts) = Self::open(folder)?;
        run.claim = Some(Claim::take(folder)?);
        Ok((run, settings, facts))
    }

    /// Opens a run that was made before, with its settings and facts.
    ///
    /// # Errors
    /// When the folder is no run's, or a file of it cannot be read.
    pub fn open(folder: &Path) -> Result<(Self, Settings, Facts), TrainError> {
        let damaged = |path: &Path, problem: String| TrainError::Damaged { path: path.into(), problem };
        let path = folder.join(CONFIG);
        if !path.exists() {
            return Err(damaged(
                folder,
                format!("no run: it has no {CONFIG}; expected a folder such as runs/quiet-salt-3"),
            ));
        }
        let text = fs::read_to_string(&path).map_err(read_error(&path))?;
        let settings = Settings { path, text };
        let path = folder.join(FACTS);
        let text = fs::read_to_string(&path).map_err(read_error(&path))?;
        let mut facts: Facts =
            serde_json::from_str(&text).map_err(|error| damaged(&path, error.to_string()))?;
        if facts.state == RunState::Running && !Claim::is_taken(folder) {
            facts.state = RunState::Killed;
        }
        Ok((Self::at(folder.into(), &settings, &facts), settings, facts))
    }

    /// The run's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The checkpoint that the next step follows.
    #[must_use]
    pub fn last_checkpoint(&self) -> PathBuf {
        self.folder.join(CHECKPOINTS).join("last.safetensors")
    }

    fn best_checkpoint(&self) -> PathBuf {
        self.folder.join(CHECKPOINTS).join("best.safetensors")
    }

    /// The folder of the best encoder.
    #[must_use]
    pub fn best_encoder(&self) -> PathBuf {
        self.folder.join(BEST)
    }

    /// Whether its settings ask for a page at the end.
    #[must_use]
    pub fn has_report(&self) -> bool {
        self.tracking.report
    }

    /// The page of the run, where it was drawn.
    #[must_use]
    pub fn report(&self) -> PathBuf {
        self.folder.join(REPORT)
    }

    /// The table of what it was given.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.join(DATA)
    }

    /// The file of numbers.
    #[must_use]
    pub fn metrics(&self) -> PathBuf {
        self.folder.join(METRICS)
    }

    /// Writes what the run is.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_facts(&self, facts: &Facts) -> Result<(), TrainError> {
        self.write_text(FACTS, &(serde_json::to_string_pretty(facts).unwrap_or_default() + "\n"))
    }

    /// Notes in the run's facts how its training ended.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_ending(
        &self,
        facts: &mut Facts,
        trained: &Result<(Ending, Progress), TrainError>,
    ) -> Result<(), TrainError> {
        facts.state = match trained {
            Ok((Ending::Interrupted, _)) => RunState::Interrupted,
            Ok(_) => RunState::Finished,
            Err(_) => RunState::Failed,
        };
        self.write_facts(facts)
    }

    fn write_text(&self, name: &str, text: &str) -> Result<(), TrainError> {
        let path = self.folder.join(name);
        let written = write_whole(&path, |out| out.write_all(text.as_bytes()));
        written.map_err(|error| TrainError::Write { path, source: error.source })
    }

    /// Forgets every number after the first `bytes` of the file: those of steps that will be done again.
    ///
    /// # Errors
    /// When the file cannot be written, or is shorter than that.
    pub fn cut_metrics(&mut self, bytes: u64) -> Result<(), TrainError> {
        let path = self.metrics();
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(write_error(&path))?;
        let found = file.metadata().map_err(read_error(&path))?.len();
        if found < bytes {
            let problem = format!(
                "it has {found} bytes, expected at least {bytes}, which the checkpoint says were written"
            );
            return Err(TrainError::Damaged { path, problem });
        }
        file.set_len(bytes).map_err(write_error(&path))?;
        self.metrics = Some(file);
        self.written = bytes;
        Ok(())
    }

    /// Adds a number.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn record(&mut self, record: &Record) -> Result<(), TrainError> {
        let path = self.metrics();
        let mut line = serde_json::to_vec(record).unwrap_or_default();
        line.push(b'\n');
        if let Some(file) = &mut self.metrics {
            file.write_all(&line).map_err(write_error(&path))?;
            self.written += line.len() as u64;
        }
        if let Some(trackers) = &mut self.trackers {
            trackers.add(record.clone());
        }
        Ok(())
    }

    /// Begins the trackers' files with the numbers that are there; `complete` as for [`Run::pass_on`].
    ///
    /// # Errors
    /// When they cannot be written, or the numbers cannot be read.
    pub fn begin_tracking(&mut self, complete: bool) -> Result<(), TrainError> {
        let mut trackers = Trackers::begin(&self.folder, self.tracking, &self.described)?;
        read_records(&self.metrics())?.into_iter().for_each(|record| trackers.add(record));
        trackers.pass_on(complete)?;
        self.trackers = Some(trackers);
        Ok(())
    }

    /// Hands the trackers every number so far, which a checkpoint has made final. Unless the last step is `complete`, its validation may
    /// come yet, and it waits.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn pass_on(&mut self, complete: bool) -> Result<(), TrainError> {
        Ok(self.trackers.as_mut().map_or(Ok(()), |trackers| trackers.pass_on(complete))?)
    }

    /// Tells the trackers that the training is over, and how: 0 is success.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn finish_tracking(&mut self, exit_code: i32) -> Result<(), TrainError> {
        Ok(self.trackers.take().map_or(Ok(()), |trackers| trackers.finish(exit_code))?)
    }

    /// Makes sure that every number is on disk; gives the file's length.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn flush_metrics(&mut self) -> Result<u64, TrainError> {
        let path = self.metrics();
        if let Some(file) = &self.metrics {
            file.sync_data().map_err(write_error(&path))?;
        }
        Ok(self.written)
    }

    /// Keeps weights as the best ones, and their encoder as `best`, which `write` writes to the folder it is given.
    ///
    /// # Errors
    /// When something cannot be written.
    pub fn keep_best(
        &self,
        weights: &Parameters,
        write: impl FnOnce(&Path) -> Result<(), TrainError>,
    ) -> Result<(), TrainError> {
        let settings = Config::default().optimiser;
        let checkpoint =
            Checkpoint::of(&Progress::default(), weights, &AdamW::new(&settings), None, Default::default());
        checkpoint.write(&self.best_checkpoint())?;
        self.replace_best(write)
    }

    /// Two renames: a kill between them leaves no `best`, which [`Run::mend_best`] then makes again from its weights.
    fn replace_best(&self, write: impl FnOnce(&Path) -> Result<(), TrainError>) -> Result<(), TrainError> {
        let (best, new, old) =
            (self.best_encoder(), self.folder.join(".best-new"), self.folder.join(".best-old"));
        for left_over in [&new, &old] {
            if left_over.exists() {
                fs::remove_dir_all(left_over).map_err(write_error(left_over))?;
            }
        }
        write(&new)?;
        if best.exists() {
            fs::rename(&best, &old).map_err(write_error(&best))?;
        }
        fs::rename(&new, &best).map_err(write_error(&best))?;
        if old.exists() {
            fs::remove_dir_all(&old).map_err(write_error(&old))?;
        }
        Ok(())
    }

    /// Makes `best` again from the best weights, where a kill left none.
    ///
    /// # Errors
    /// When the weights cannot be read or the encoder cannot be written.
    pub fn mend_best(
        &self,
        write: impl FnOnce(&Parameters, &Path) -> Result<(), TrainError>,
    ) -> Result<(), TrainError> {
        let path = self.best_checkpoint();
        if self.best_encoder().exists() || !path.exists() {
            return Ok(());
        }
        let checkpoint = Checkpoint::read(&path)?;
        self.replace_best(|folder| write(&checkpoint.weights, folder))
    }
}

/// What tells a run from every other of the project, also from one of the same name in another folder: letters, digits, `-` and `_`, 64 at
/// most.
fn tracked_id(name: &str, started: u64, data: &str) -> String {
    const NAME: usize = 32;
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    let name: String = name.chars().take(NAME).map(plain).collect();
    let data: String = data.chars().take(8).collect();
    format!("{name}-{started}-{data}")
}

fn write_error(path: &Path) -> impl FnOnce(io::Error) -> TrainError + '_ {
    move |source| TrainError::Write { path: path.into(), source }
}

fn read_error(path: &Path) -> impl FnOnce(io::Error) -> TrainError + '_ {
    move |source| TrainError::Read { path: path.into(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_one_name_are_tracked_apart_and_every_name_can_be() {
        let first = tracked_id("round-0", 1_700_000_000, "0123456789abcdef");
        assert_eq!(first, "round-0-1700000000-01234567");
        assert_ne!(first, tracked_id("round-0", 1_700_000_900, "0123456789abcdef"));
        let odd = tracked_id(&"Läufe ".repeat(30), u64::MAX, &"f".repeat(64));
        assert!(odd.len() <= 64 && odd.chars().all(|one| one.is_ascii_alphanumeric() || one == '-'), "{odd}");
    }
}
