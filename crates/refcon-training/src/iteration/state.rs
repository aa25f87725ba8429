//! How far an iteration got.

use super::{damaged, read_text};
use crate::error::TrainError;
use crate::fit::checkpoint::Exact;
use refcon_library::files::write_whole;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Raised whenever an iteration of an older version could not be gone on with.
const VERSION: u32 = 1;

/// Why an iteration ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// All rounds were done.
    Rounds,
    /// The last round's validation was no better than the best before it.
    NoImprovement,
    /// There was nothing to add that was not added before.
    NothingFound,
}

/// A round that is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoundDone {
    /// Tiles that it was trained on beside the labelled ones.
    pub added: usize,
    /// The best value of the measure that decides, where tiles are held out.
    pub validation: Option<Exact>,
}

/// What `iteration.json` holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    version: u32,
    /// Hash over all tiles.
    pub(super) tiles: String,
    /// Hash of the encoder that every round starts from.
    pub(super) encoder: String,
    /// Whether tiles may be those of a test.
    pub(super) allow_test_data: bool,
    /// The last round whose finds were shown to a person.
    pub(super) shown: usize,
    /// Rounds that are done, from 0.
    pub(super) rounds: Vec<RoundDone>,
    /// The best of them.
    pub(super) best: usize,
    /// Why it ended, once it has.
    pub(super) ending: Option<Ending>,
}

impl State {
    pub(super) fn new(tiles: &str, encoder: &str, allow_test_data: bool) -> Self {
        Self {
            version: VERSION,
            tiles: tiles.into(),
            encoder: encoder.into(),
            allow_test_data,
            shown: 0,
            rounds: Vec::new(),
            best: 0,
            ending: None,
        }
    }

    pub(super) fn read(path: &Path) -> Result<Self, TrainError> {
        let state: Self = serde_json::from_str(&read_text(path)?).map_err(|error| damaged(path, &error))?;
        match state.version {
            VERSION => Ok(state),
            other => Err(damaged(path, &format!("its version is {other}, expected {VERSION}"))),
        }
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), TrainError> {
        write_json(path, self)
    }

    /// Takes down a round. Says whether it is the best so far: without a measure, the latest is.
    pub(super) fn add(&mut self, done: RoundDone, smaller_is_better: bool) -> bool {
        let before = self.rounds.get(self.best).and_then(|best| best.validation);
        let better = match (before, done.validation) {
            (Some(Exact(best)), Some(Exact(found))) if smaller_is_better => found < best,
            (Some(Exact(best)), Some(Exact(found))) => found > best,
            _ => true,
        };
        if better {
            self.best = self.rounds.len();
        }
        self.rounds.push(done);
        better
    }
}

/// Writes `value` whole or not at all.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), TrainError> {
    let text = serde_json::to_string_pretty(value).unwrap_or_default() + "\n";
    write_text(path, &text)
}

/// Writes a text whole or not at all.
pub(super) fn write_text(path: &Path, text: &str) -> Result<(), TrainError> {
    let written = write_whole(path, |out| out.write_all(text.as_bytes()));
    written.map_err(|error| TrainError::Write { path: path.into(), source: error.source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_the_best_only_if_it_is_better_than_every_one_before() {
        let done = |validation: Option<f64>| RoundDone { added: 0, validation: validation.map(Exact) };
        let bests = |values: &[Option<f64>], smaller: bool| {
            let mut state = State::new("", "", false);
            let better: Vec<bool> = values.iter().map(|&value| state.add(done(value), smaller)).collect();
            (better, state.best)
        };
        let values = [Some(0.5), Some(0.7), Some(0.7), Some(0.6)];
        assert_eq!(bests(&values, false), (vec![true, true, false, false], 1));
        assert_eq!(bests(&[Some(0.5), Some(0.7), Some(0.4)], true), (vec![true, false, true], 2));
        assert_eq!(bests(&[None, None], false), (vec![true, true], 1));
    }

    #[test]
    fn a_state_reads_back_to_the_last_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("iteration.json");
        let mut state = State::new("abc", "def", true);
        state.add(RoundDone { added: 3, validation: Some(Exact(0.1 + 0.2)) }, false);
        state.ending = Some(Ending::NothingFound);
        state.write(&path).unwrap();
        assert_eq!(State::read(&path).unwrap(), state);
        std::fs::write(&path, "{").unwrap();
        assert!(State::read(&path).unwrap_err().to_string().contains("iteration.json"));
    }
}
