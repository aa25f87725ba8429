//! The runs of a folder, side by side.

use super::name::number_of;
use super::records::read_records;
use super::{Facts, Run};
use crate::error::TrainError;
use std::collections::BTreeMap;
use std::path::Path;

/// A run in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSummary {
    /// What it is.
    pub facts: Facts,
    /// Its settings.
    pub settings: serde_json::Value,
    /// The last number under each name.
    pub last: BTreeMap<String, f64>,
    /// The best value of the measure that decides, where the run says which that is and has been validated.
    pub best: Option<f64>,
    /// Steps done, as far as they are recorded.
    pub steps: u64,
}

impl RunSummary {
    /// Reads a run. A last line that a kill cut short is left out.
    ///
    /// # Errors
    /// When the folder is no run's or a file cannot be read.
    pub fn read(folder: &Path) -> Result<Self, TrainError> {
        let (run, settings, facts) = Run::open(folder)?;
        let path = run.metrics();
        // A run that was killed before its first step has none.
        let records = if path.exists() { read_records(&path)? } else { Vec::new() };
        let mut summary =
            Self { facts, settings: settings.tree(), last: BTreeMap::new(), best: None, steps: 0 };
        for record in records {
            if let Some(decisive) = summary.facts.decisive.as_ref().filter(|one| one.measure == record.name) {
                let best = summary.best.unwrap_or(record.value);
                summary.best = Some(decisive.better(best, record.value));
            }
            summary.steps = summary.steps.max(record.step);
            summary.last.insert(record.name, record.value);
        }
        Ok(summary)
    }
}

/// Every run below a folder, oldest first. Folders that are no runs are left out.
///
/// # Errors
/// When the folder cannot be listed or a run of it cannot be read.
pub fn list_runs(runs: &Path) -> Result<Vec<RunSummary>, TrainError> {
    let entries = std::fs::read_dir(runs).map_err(|source| TrainError::Read { path: runs.into(), source })?;
    let mut found = Vec::new();
    for entry in entries.flatten() {
        if entry.path().join("config.yml").exists() {
            found.push(RunSummary::read(&entry.path())?);
        }
    }
    found.sort_by(|a, b| began(&a.facts).cmp(&began(&b.facts)));
    Ok(found)
}

/// What runs are ordered by: several may have begun in one second, and their numbers tell which came first.
fn began(facts: &Facts) -> (u64, Option<u64>, &str) {
    (facts.started, number_of(&facts.name), &facts.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::{Method, RunState, TRIAL};

    fn facts(name: &str, started: u64) -> Facts {
        Facts {
            name: name.into(),
            method: Method::FineTuning,
            started,
            state: RunState::Running,
            seed: 1,
            data: String::new(),
            tiles: [0, 0],
            encoder: [String::new(), String::new()],
            parameters: 0,
            code: String::new(),
            device: String::new(),
            precision: String::new(),
            test_data: Vec::new(),
            decisive: None,
        }
    }

    #[test]
    fn runs_of_one_second_are_listed_as_they_began_and_trials_are_named_so() {
        let runs = tempfile::tempdir().unwrap();
        // The names of three seeds are in no alphabetical order; the second run is older than the first.
        for (seed, started, beginning) in [(3, 5, ""), (1, 4, TRIAL), (2, 5, ""), (8, 5, TRIAL), (5, 5, "")] {
            let mut facts = Facts { seed, ..facts(beginning, started) };
            Run::create(runs.path(), "", &mut facts, "").unwrap();
        }
        let listed = list_runs(runs.path()).unwrap();
        let numbers: Vec<Option<u64>> = listed.iter().map(|run| number_of(&run.facts.name)).collect();
        assert_eq!(numbers, [Some(2), Some(1), Some(3), Some(4), Some(5)]);
        let trials: Vec<bool> = listed.iter().map(|run| run.facts.name.starts_with(TRIAL)).collect();
        assert_eq!(trials, [true, false, false, true, false]);
    }
}
