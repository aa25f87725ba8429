//! What other programs understand of a run: event files for TensorBoard, an offline folder for Weights & Biases. Both are made
//! from the numbers of `metrics.jsonl`, here, with no account and no network.

mod protobuf;
mod tensorboard;
mod wandb;

pub use tensorboard::TensorBoard;
pub use wandb::{WandbOffline, WandbRun};

use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// One number of a training, as a line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricEvent {
    /// Optimiser steps done.
    pub step: u64,
    /// Epochs done, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<f64>,
    /// Its name, such as `train/loss` or `validation/map_at_r`.
    pub name: String,
    /// Its value; NaN or infinite where the training went wrong, which is `null` in the file.
    #[serde(deserialize_with = "null_is_nan")]
    pub value: f64,
}

/// Why a run's numbers could not be read or passed on.
#[derive(Debug, thiserror::Error)]
pub enum TrackingError {
    /// A file or folder cannot be read or written.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line is no metric.
    #[error(
        "{}, line {line}: {problem}; expected {{\"step\": 120, \"epoch\": 3.0, \"name\": \"train/loss\", \"value\": 0.41}}",
        path.display()
    )]
    Line {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
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

fn null_is_nan<'de, D: Deserializer<'de>>(value: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(value)?.unwrap_or(f64::NAN))
}

/// The numbers of a run, by step and then by name. Where a training was taken up again and did a step twice, the later line
/// counts; a last line that was cut short when the training was killed is left out.
///
/// # Errors
/// When the file cannot be read, or a line other than the last is no metric.
pub fn read_events(metrics: &Path) -> Result<Vec<MetricEvent>, TrackingError> {
    let text = std::fs::read_to_string(metrics).map_err(TrackingError::io("read the metrics", metrics))?;
    let mut events: BTreeMap<(u64, String), MetricEvent> = BTreeMap::new();
    let lines = text.lines().count();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match serde_json::from_str::<MetricEvent>(line) {
            Ok(event) => {
                events.insert((event.step, event.name.clone()), event);
            }
            Err(_) if at + 1 == lines && !text.ends_with('\n') => {}
            Err(error) => {
                let problem = error.to_string();
                return Err(TrackingError::Line { path: metrics.into(), line: at + 1, problem });
            }
        }
    }
    Ok(events.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<MetricEvent>, TrackingError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        std::fs::write(&path, text).unwrap();
        read_events(&path)
    }

    #[test]
    fn a_step_done_twice_counts_as_it_was_done_last_and_a_cut_line_not_at_all() {
        let events = read(
            "{\"step\": 2, \"name\": \"train/loss\", \"value\": 0.5}\n\
             {\"step\": 1, \"epoch\": 0.5, \"name\": \"train/loss\", \"value\": null, \"seconds\": 3}\n\
             {\"step\": 2, \"name\": \"train/loss\", \"value\": 0.25}\n{\"step\": 3, \"na",
        )
        .unwrap();
        assert_eq!(events.iter().map(|event| event.step).collect::<Vec<_>>(), [1, 2]);
        assert!(events[0].value.is_nan() && events[0].epoch == Some(0.5));
        assert_eq!(events[1].value, 0.25);
    }

    #[test]
    fn another_bad_line_is_named() {
        let message = read("{\"step\": 1}\n{\"step\": 2}\n").unwrap_err().to_string();
        assert!(message.contains("metrics.jsonl, line 1: missing field `name`"), "{message}");
    }
}
