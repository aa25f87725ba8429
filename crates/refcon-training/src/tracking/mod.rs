//! What other programs understand of a run: event files for TensorBoard, an offline folder for Weights & Biases. Both lie in the run's
//! folder and are made from the numbers of `metrics.jsonl`, with no account and no network.

mod protobuf;
mod tensorboard;
mod wandb;

pub use tensorboard::TensorBoard;
pub use wandb::{WandbOffline, WandbRun};

use crate::config::Tracking;
use crate::runs::Record;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Folders of a run's trackers, below the run's.
const TENSORBOARD: &str = "tensorboard";
const WANDB: &str = "wandb";

/// Why a run's numbers could not be passed on.
#[derive(Debug, thiserror::Error)]
pub enum TrackingError {
    /// A file or folder cannot be written.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A run's id would not make a file name.
    #[error(
        "a run of the id {id:?} cannot be written for Weights & Biases: expected 1 to 64 letters, digits, - or _"
    )]
    RunId {
        /// The id.
        id: String,
    },
}

impl TrackingError {
    fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, path: path.into(), source }
    }
}

/// The trackers of a run that trains.
///
/// They are given a number once its step is in a checkpoint, and begin anew when a run is taken up again: so they hold every step once,
/// whatever happened in between. A step's time is the run's start and the seconds trained up to it; pauses do not count.
#[derive(Debug)]
pub struct Trackers {
    board: Option<TensorBoard>,
    offline: Option<WandbOffline>,
    /// Numbers that are in no checkpoint yet.
    waiting: Vec<Record>,
    /// When the last step that was passed on was done.
    at: SystemTime,
}

impl Trackers {
    /// Begins the files of `choice` in the run's folder, in place of those that are there.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn begin(folder: &Path, choice: Tracking, run: &WandbRun) -> Result<Self, TrackingError> {
        for tracker in [TENSORBOARD, WANDB] {
            let old = folder.join(tracker);
            if old.exists() {
                std::fs::remove_dir_all(&old).map_err(TrackingError::io("remove", &old))?;
            }
        }
        let board = choice.tensorboard.then(|| TensorBoard::create(&folder.join(TENSORBOARD), run.started));
        let offline = choice.wandb.then(|| WandbOffline::create(&folder.join(WANDB), run));
        Ok(Self {
            board: board.transpose()?,
            offline: offline.transpose()?,
            waiting: Vec::new(),
            at: run.started,
        })
    }

    /// A number that is in no checkpoint yet.
    pub fn add(&mut self, record: Record) {
        if self.board.is_some() || self.offline.is_some() {
            self.waiting.push(record);
        }
    }

    /// Hands what was added to the trackers: it is in a checkpoint now. Unless it is `complete`, more numbers of the last step may come,
    /// and that step waits for them.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn pass_on(&mut self, complete: bool) -> Result<(), TrackingError> {
        let waits = |record: &Record| Some(record.step) == self.waiting.last().map(|last| last.step);
        let ready = if complete {
            self.waiting.len()
        } else {
            self.waiting.iter().position(waits).unwrap_or(self.waiting.len())
        };
        for same_step in self.waiting[..ready].chunk_by(|a, b| a.step == b.step) {
            self.at += seconds_of(same_step);
            if let Some(board) = &mut self.board {
                board.record(self.at, same_step)?;
            }
            if let Some(offline) = &mut self.offline {
                offline.record(self.at, same_step)?;
            }
        }
        self.waiting.drain(..ready);
        if let Some(board) = &mut self.board {
            board.flush()?;
        }
        self.offline.as_mut().map_or(Ok(()), WandbOffline::flush)
    }

    /// Says that the run is over, with the exit code that a program would have; 0 is success.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn finish(mut self, exit_code: i32) -> Result<(), TrackingError> {
        self.pass_on(true)?;
        match self.offline {
            Some(offline) => offline.finish(exit_code, self.at),
            None => Ok(()),
        }
    }
}

/// How long a step and its validation took: all numbers of either carry the same time.
fn seconds_of(same_step: &[Record]) -> Duration {
    let longest = |validation: bool| {
        let of_kind = same_step.iter().filter(|record| record.name.starts_with("validation/") == validation);
        of_kind.map(|record| record.seconds).fold(0.0, f64::max)
    };
    Duration::try_from_secs_f64(longest(false) + longest(true)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    fn record(step: u64, name: &str) -> Record {
        Record { step, epoch: 0.0, name: name.into(), value: 0.5, seconds: 2.0 }
    }

    #[test]
    fn a_step_waits_for_its_validation_and_time_is_what_was_trained() {
        let folder = tempfile::tempdir().unwrap();
        let run = WandbRun {
            id: "deep-salt-1".into(),
            project: "refcon".into(),
            name: "deep-salt-1".into(),
            config: serde_json::Map::new(),
            started: UNIX_EPOCH,
        };
        let both = Tracking { wandb: true, ..Tracking::default() };
        let mut trackers = Trackers::begin(folder.path(), both, &run).unwrap();
        for (step, name) in [(1, "train/loss"), (1, "learning_rate"), (2, "train/loss")] {
            trackers.add(record(step, name));
        }
        trackers.pass_on(false).unwrap();
        assert_eq!((trackers.waiting.len(), trackers.at), (1, UNIX_EPOCH + Duration::from_secs(2)));
        trackers.add(record(2, "validation/map_at_r"));
        trackers.pass_on(true).unwrap();
        assert_eq!((trackers.waiting.len(), trackers.at), (0, UNIX_EPOCH + Duration::from_secs(6)));
        // Taken up again it begins anew.
        let again = Trackers::begin(folder.path(), both, &run).unwrap();
        again.finish(0).unwrap();
        assert_eq!(std::fs::read_dir(folder.path().join(TENSORBOARD)).unwrap().count(), 1);
    }
}
