//! The runs of a folder, side by side.

use super::records::Record;
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
    /// The best value of each measure of the validations: the lowest of a loss, the highest of all others.
    pub best: BTreeMap<String, f64>,
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
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            read => read.map_err(|source| TrainError::Read { path, source })?,
        };
        let mut summary =
            Self { facts, settings: settings.tree(), last: BTreeMap::new(), best: BTreeMap::new(), steps: 0 };
        for record in text.lines().filter_map(|line| serde_json::from_str::<Record>(line).ok()) {
            if record.name.starts_with("validation/") {
                let better = if record.name.ends_with("loss") { f64::min } else { f64::max };
                let best = summary.best.entry(record.name.clone()).or_insert(record.value);
                *best = better(*best, record.value);
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
    found.sort_by(|a, b| (a.facts.started, &a.facts.name).cmp(&(b.facts.started, &b.facts.name)));
    Ok(found)
}
