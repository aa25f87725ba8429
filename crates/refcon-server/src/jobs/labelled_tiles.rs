//! Pictures of labelled tiles, in a folder that a training reads.
//!
//! They are there as long as their run can be gone on with, since `refcon train --resume` reads them again. A run that has finished needs
//! them no more: its `data.csv` says what they were, and the labels themselves stay with the library.

use super::Job;
use crate::app::Shared;
use crate::labels::{Labelled, labelled};
use refcon_training::TrainError;
use refcon_training::runs::{Run, RunState};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::runtime::Handle;

/// The folder below that of the runs that they are written to; no run is called so.
const LABELLED: &str = "labels";
/// Tiles of no run that are younger than this may be those of a training that another server is about to begin.
const BEGINNING: Duration = Duration::from_secs(24 * 3600);

/// A folder with the pictures of labelled tiles. It is taken away again unless it is kept.
pub(super) struct LabelledTiles {
    folder: PathBuf,
    kept: bool,
}

impl LabelledTiles {
    /// Writes the pictures of all labelled tiles to a new folder below `runs`, until the job is to stop.
    pub(super) fn write(
        app: &Shared,
        job: &Job,
        runtime: &Handle,
        runs: &Path,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        clear_labelled_tiles(runs);
        let written = Self { folder: new_folder(&runs.join(LABELLED))?, kept: false };
        let current = runtime.block_on(app.library.current())?;
        let (mut count, mut without) = (0, 0);
        for (tile, class) in app.labels.all() {
            if job.is_to_stop() {
                break;
            }
            match runtime.block_on(labelled(app, &current, tile, &class))? {
                Some(Labelled { picture: Some((file, png)), .. }) => {
                    let path = written.folder.join(file);
                    path.parent().map_or(Ok(()), fs_err::create_dir_all)?;
                    fs_err::write(path, png)?;
                    count += 1;
                }
                _ => without += 1,
            }
        }
        job.log(format!("{count} labelled tiles to train on"));
        if without > 0 {
            job.log(format!(
                "{without} labelled tiles are left out: no longer in the library, or without a picture"
            ));
        }
        Ok(written)
    }

    /// The folder of class folders.
    pub(super) fn tiles(&self) -> PathBuf {
        self.folder.join("train")
    }

    /// Leaves it where it is.
    pub(super) fn keep(&mut self) {
        self.kept = true;
    }

    /// Takes it away though it was to be kept.
    pub(super) fn remove(mut self) {
        self.kept = false;
    }
}

impl Drop for LabelledTiles {
    fn drop(&mut self) {
        if !self.kept {
            take_away(&self.folder);
        }
    }
}

/// Takes away below `runs` the labelled tiles that no run can be gone on with from: those of runs that were finished by `refcon train
/// --resume` or thrown away, and those of a server that was killed before it began to train.
pub(crate) fn clear_labelled_tiles(runs: &Path) {
    let Ok(folders) = std::fs::read_dir(runs.join(LABELLED)) else { return };
    let trained_on = match trained_on(runs) {
        Ok(trained_on) => trained_on,
        Err(problem) => {
            return tracing::warn!("labelled tiles are kept, since one run may need them: {problem}");
        }
    };
    for folder in folders.flatten().map(|entry| entry.path()) {
        let is_needed =
            match trained_on.iter().filter(|tiles| tiles.lie_in(&folder)).collect::<Vec<_>>().as_slice() {
                [] => age(&folder).is_none_or(|age| age < BEGINNING),
                runs => runs.iter().any(|tiles| tiles.state != RunState::Finished),
            };
        if !is_needed {
            take_away(&folder);
        }
    }
}

/// What a run trains on.
struct Tiles {
    folder: PathBuf,
    state: RunState,
}

/// What the runs train on.
fn trained_on(runs: &Path) -> Result<Vec<Tiles>, TrainError> {
    let folders = std::fs::read_dir(runs).into_iter().flatten().flatten().map(|entry| entry.path());
    let of_run = |folder: PathBuf| -> Result<Option<Tiles>, TrainError> {
        let (_, settings, facts) = Run::open(&folder)?;
        let folder = settings.tree()["data"]["train"].as_str().map(PathBuf::from);
        Ok(folder.map(|folder| Tiles { folder, state: facts.state }))
    };
    folders.filter(|folder| Run::is_at(folder)).filter_map(|folder| of_run(folder).transpose()).collect()
}

impl Tiles {
    fn lie_in(&self, folder: &Path) -> bool {
        match (self.folder.canonicalize(), folder.canonicalize()) {
            (Ok(tiles), Ok(folder)) => tiles.starts_with(folder),
            _ => false,
        }
    }
}

/// How long ago it was made, by its name.
fn age(folder: &Path) -> Option<Duration> {
    let made = Duration::from_secs(folder.file_name()?.to_str()?.parse().ok()?);
    SystemTime::now().duration_since(UNIX_EPOCH).ok()?.checked_sub(made)
}

fn take_away(folder: &Path) {
    if let Err(error) = fs_err::remove_dir_all(folder) {
        tracing::warn!("cannot take away what no training uses: {error}");
    }
}

/// A folder that was not there before, called by the time.
fn new_folder(parent: &Path) -> io::Result<PathBuf> {
    fs_err::create_dir_all(parent)?;
    let mut name = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    loop {
        let folder = parent.join(name.to_string());
        match fs_err::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => name += 1,
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run's folder whose settings say that it trained on `tiles`.
    fn run(runs: &Path, name: &str, state: &str, tiles: &Path) {
        let folder = runs.join(name);
        std::fs::create_dir(&folder).unwrap();
        let facts = format!(
            r#"{{"name":"{name}","method":"fine_tuning","started":1,"state":"{state}","seed":1,"data":"","tiles":[1,1],
                "encoder":["texture","0"],"parameters":1,"code":"","device":"","precision":"","test_data":[]}}"#
        );
        std::fs::write(folder.join("run.json"), facts).unwrap();
        std::fs::write(folder.join("config.yml"), format!("data:\n  train: {}\n", tiles.display())).unwrap();
    }

    #[test]
    fn tiles_stay_as_long_as_a_run_can_be_gone_on_with() {
        let scratch = tempfile::tempdir().unwrap();
        let runs = scratch.path();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().to_string();
        let tiles = |name: &str| runs.join(LABELLED).join(name).join("train");
        for name in ["1", "2", "3", "4", &now] {
            std::fs::create_dir_all(tiles(name).join("Salt")).unwrap();
        }
        run(runs, "quiet-salt-1", "finished", &tiles("1"));
        run(runs, "quiet-salt-2", "interrupted", &tiles("2"));
        run(runs, "quiet-salt-3", "running", &tiles("3"));
        let left = || {
            let found = std::fs::read_dir(runs.join(LABELLED)).unwrap().flatten();
            let mut names: Vec<String> =
                found.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
            names.sort();
            names
        };
        // Where a run cannot be read, nobody knows what it needs.
        let damaged = runs.join("quiet-salt-4");
        std::fs::create_dir(&damaged).unwrap();
        std::fs::write(damaged.join("config.yml"), "").unwrap();
        clear_labelled_tiles(runs);
        assert_eq!(left().len(), 5);
        std::fs::remove_dir_all(damaged).unwrap();
        clear_labelled_tiles(runs);
        assert_eq!(left(), [&now, "2", "3"]);
    }
}
