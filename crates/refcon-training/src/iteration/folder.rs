//! An iteration's folder: made, opened again, and what lies where in it.

use super::state::{State, write_text};
use super::{Ending, IterationConfig, Pool, RoundDone, damaged, read_text, read_vetoes, write_error};
use crate::config::Config;
use crate::dataset::Dataset;
use crate::error::TrainError;
use crate::metric_learning::{absolute, plan, read_tiles, started_from};
use crate::runs::Run;
use refcon_image::TileFile;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const CONFIG: &str = "config.yml";
const STATE: &str = "iteration.json";
const VETOES: &str = "vetoes.csv";
const ROUNDS: &str = "rounds";
const FOUND: &str = "found";
const BEST: &str = "best";

/// A tile that was given a label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The label.
    pub label: String,
    /// The tile's name in the folder of unlabelled tiles.
    pub file: String,
    /// Cosine distance to the tile that it is like.
    pub distance: f32,
    /// The labelled tile that it is like, by its name in the training folder.
    pub query: String,
}

/// What a round found, as `found/round-N.json` holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FindReport {
    /// The round that will be trained on it.
    pub round: usize,
    /// Name of the encoder that measured the distances, and its hash.
    pub encoder: [String; 2],
    /// Labelled tiles that asked.
    pub queries: usize,
    /// Unlabelled tiles that were searched.
    pub searched: usize,
    /// Unlabelled tiles that were left out as copies of labelled ones.
    pub copies_left_out: usize,
    /// Unlabelled tiles that were left out as near-duplicates of held-out ones.
    pub near_held_out_left_out: usize,
    /// Pictures of the tiles found, beside this file.
    pub pictures: Vec<String>,
    /// The tiles, by name.
    pub found: Vec<Found>,
}

/// What must be embedded to find tiles for a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Find {
    /// The round that will be trained on them.
    pub round: usize,
    /// The encoder to embed with.
    pub encoder: PathBuf,
    /// Labelled tiles that ask.
    pub queries: Vec<TileFile>,
    /// Unlabelled tiles to search in.
    pub tiles: Vec<TileFile>,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Train this round in its folder, or go on with it, and tell [`Iteration::trained`].
    Train(usize),
    /// Embed tiles and tell [`Iteration::find`].
    Find(Find),
    /// Let a person look at what was found for this round, and tell [`Iteration::shown`].
    Review(usize),
    /// Nothing.
    Done(Ending),
}

/// An open iteration.
#[derive(Debug)]
pub struct Iteration {
    pub(super) folder: PathBuf,
    pub(super) config: IterationConfig,
    pub(super) state: State,
    pub(super) labelled: Dataset,
    pub(super) pool: Pool,
}

impl Iteration {
    /// Makes the folder of a new iteration, once settings and tiles have been found usable. One whose first training never began is begun
    /// anew.
    ///
    /// # Errors
    /// When settings or tiles cannot be used, the folder holds an iteration, or something cannot be written. Test data is refused unless
    /// `allow_test_data`.
    pub fn create(
        folder: &Path,
        mut config: IterationConfig,
        allow_test_data: bool,
    ) -> Result<Self, TrainError> {
        let settings = folder.join(CONFIG);
        if settings.exists() && !nothing_done(folder) {
            return Err(TrainError::Setting(format!(
                "{} holds an iteration or a run; --resume goes on with an iteration, -o names another folder",
                folder.display()
            )));
        }
        let (labelled, pool) = read_all(&mut config, allow_test_data)?;
        let encoder = started_from(&mut config.training)?;
        if settings.exists() {
            fs::remove_file(&settings).map_err(write_error(&settings))?;
        }
        for folder in [folder.join(ROUNDS), folder.join(FOUND)] {
            fs::create_dir_all(&folder).map_err(write_error(&folder))?;
        }
        let state = State::new(&pool.hash, encoder.hash(), allow_test_data);
        let iteration = Self { folder: folder.into(), config, state, labelled, pool };
        iteration.write_state()?;
        // Last: a folder with settings is an iteration that can be gone on with.
        write_text(&settings, &iteration.config.to_yaml())?;
        Ok(iteration)
    }

    /// Opens an iteration that was made before.
    ///
    /// # Errors
    /// When the folder is no iteration's, a file of it cannot be read, or the tiles or the encoder are no longer what they were.
    pub fn open(folder: &Path) -> Result<Self, TrainError> {
        let (settings, path) = (folder.join(CONFIG), folder.join(STATE));
        if !settings.exists() || !path.exists() {
            let problem = format!("no iteration: expected a folder with {CONFIG} and {STATE}");
            return Err(damaged(folder, &problem));
        }
        let mut config = IterationConfig::parse(&read_text(&settings)?, &[])
            .map_err(|error| damaged(&settings, &error))?;
        let state = State::read(&path)?;
        let (labelled, pool) = read_all(&mut config, state.allow_test_data)?;
        if pool.hash != state.tiles {
            let problem = "the labelled or the unlabelled tiles are no longer what they were; a changed data set needs a new iteration";
            return Err(damaged(&path, &problem));
        }
        // One that has ended trains no more.
        if state.ending.is_none() && started_from(&mut config.training)?.hash() != state.encoder {
            let problem = format!(
                "the encoder {} is not the one that the first round started from; a changed encoder needs a new iteration",
                config.training.encoder
            );
            return Err(damaged(&path, &problem));
        }
        Ok(Self { folder: folder.into(), config, state, labelled, pool })
    }

    /// Its settings, with absolute paths.
    #[must_use]
    pub fn config(&self) -> &IterationConfig {
        &self.config
    }

    /// The unlabelled tiles.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The labelled tiles.
    #[must_use]
    pub fn labelled(&self) -> &Dataset {
        &self.labelled
    }

    /// Whether tiles may be those of a test.
    #[must_use]
    pub fn allows_test_data(&self) -> bool {
        self.state.allow_test_data
    }

    /// Rounds that are done, from 0, which is trained on the labelled tiles alone.
    #[must_use]
    pub fn rounds(&self) -> &[RoundDone] {
        &self.state.rounds
    }

    /// The best of them.
    #[must_use]
    pub fn best_round(&self) -> usize {
        self.state.best
    }

    /// The measure that decides between them, by the name that it is recorded under.
    #[must_use]
    pub fn measure(&self) -> String {
        plan(&self.config.training).measure
    }

    /// The folder of a round's run.
    #[must_use]
    pub fn run_folder(&self, round: usize) -> PathBuf {
        run_folder(&self.folder, round)
    }

    /// The folder of the best round's encoder.
    #[must_use]
    pub fn best_encoder(&self) -> PathBuf {
        self.folder.join(BEST)
    }

    /// Where a person writes down what must not be added.
    #[must_use]
    pub fn vetoes(&self) -> PathBuf {
        self.config.iteration.vetoes.clone().unwrap_or_else(|| self.folder.join(VETOES))
    }

    /// The settings of a round's training.
    #[must_use]
    pub fn training(&self, round: usize) -> Config {
        let mut training = self.config.training.clone();
        if round > 0 {
            // Absolute: it stands in a file of its own in another folder.
            training.data.added = Some(absolute(&self.table(round)));
        }
        training
    }

    /// What a round found; `None` before it has.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn found(&self, round: usize) -> Result<Option<FindReport>, TrainError> {
        let path = self.report(round);
        if !path.exists() {
            return Ok(None);
        }
        serde_json::from_str(&read_text(&path)?).map(Some).map_err(|error| damaged(&path, &error))
    }

    /// Names that a person has vetoed.
    pub(super) fn vetoed(&self) -> Result<BTreeSet<String>, TrainError> {
        read_vetoes(&self.vetoes(), |name| self.pool.tile(name).is_some())
    }

    /// The file of what a round found.
    #[must_use]
    pub fn report(&self, round: usize) -> PathBuf {
        self.folder.join(FOUND).join(format!("round-{round}.json"))
    }

    pub(super) fn picture(&self, round: usize, number: usize) -> PathBuf {
        self.folder.join(FOUND).join(format!("round-{round}-{number}.png"))
    }

    /// The table of what a round is trained on beside the labelled tiles.
    pub(super) fn table(&self, round: usize) -> PathBuf {
        self.folder.join(FOUND).join(format!("round-{round}.csv"))
    }

    pub(super) fn write_state(&self) -> Result<(), TrainError> {
        self.state.write(&self.folder.join(STATE))
    }

    /// Makes `best` the encoder of a round: a kill between the two renames leaves none, and the round undone.
    pub(super) fn publish(&self, round: usize) -> Result<(), TrainError> {
        let from = self.run_folder(round).join(BEST);
        let (best, new, old) =
            (self.best_encoder(), self.folder.join(".best-new"), self.folder.join(".best-old"));
        for left_over in [&new, &old] {
            if left_over.exists() {
                fs::remove_dir_all(left_over).map_err(write_error(left_over))?;
            }
        }
        link_folder(&from, &new)?;
        if best.exists() {
            fs::rename(&best, &old).map_err(write_error(&best))?;
        }
        fs::rename(&new, &best).map_err(write_error(&best))?;
        if old.exists() {
            fs::remove_dir_all(&old).map_err(write_error(&old))?;
        }
        Ok(())
    }
}

/// Whether the folder is that of an iteration whose first training never began: nothing of it would be lost.
fn nothing_done(folder: &Path) -> bool {
    let is_new = State::read(&folder.join(STATE)).is_ok_and(|state| state.rounds.is_empty());
    is_new && !Run::is_at(&run_folder(folder, 0))
}

fn run_folder(iteration: &Path, round: usize) -> PathBuf {
    iteration.join(ROUNDS).join(format!("round-{round}"))
}

/// Labelled tiles, split, and the pool.
fn read_all(config: &mut IterationConfig, allow_test_data: bool) -> Result<(Dataset, Pool), TrainError> {
    if config.training.data.added.is_some() {
        return Err(TrainError::Setting(
            "data.added is what an iteration finds by itself; expected none, with such tiles in the folder of labelled ones".into(),
        ));
    }
    let labelled = read_tiles(&mut config.training, allow_test_data)?.dataset;
    config.iteration.vetoes = config.iteration.vetoes.as_deref().map(absolute);
    let pool = Pool::open(config, &labelled, allow_test_data)?;
    if pool.tiles.is_empty() {
        return Err(TrainError::Setting(format!(
            "no unlabelled tile is left to look among: {} are copies of labelled ones, {} near-duplicates of held-out ones; \
             --unlabelled names a folder of other tiles",
            pool.copies, pool.near_held_out
        )));
    }
    Ok((labelled, pool))
}

/// A folder with the same files: the same bytes on disk where the file system can, copies where it cannot.
fn link_folder(from: &Path, to: &Path) -> Result<(), TrainError> {
    fs::create_dir(to).map_err(write_error(to))?;
    for entry in fs::read_dir(from).map_err(write_error(from))? {
        let entry = entry.map_err(write_error(from))?;
        let (file, copy) = (entry.path(), to.join(entry.file_name()));
        if file.is_dir() {
            link_folder(&file, &copy)?;
        } else if fs::hard_link(&file, &copy).is_err() {
            fs::copy(&file, &copy).map_err(write_error(&copy))?;
        }
    }
    Ok(())
}
