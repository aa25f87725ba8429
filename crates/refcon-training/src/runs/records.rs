//! A number of a training, as a line of `metrics.jsonl`.

use crate::error::TrainError;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// A number at a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Steps of the optimiser that were done.
    pub step: u64,
    /// Epochs that were done.
    pub epoch: f64,
    /// `train/…`, `validation/…` or `learning_rate`.
    pub name: String,
    /// The number; NaN or infinite where the training went wrong, which is `null` in the file.
    #[serde(deserialize_with = "null_is_nan")]
    pub value: f64,
    /// Seconds that the step or the validation took; the only part that differs when a training is repeated.
    #[serde(default)]
    pub seconds: f64,
}

fn null_is_nan<'de, D: Deserializer<'de>>(value: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(value)?.unwrap_or(f64::NAN))
}

/// The numbers of a run, by step and then by name. A step that was done twice counts as it was done last; a last line that a kill cut
/// short is left out.
///
/// # Errors
/// When the file cannot be read, or a line other than the last is no number.
pub fn read_records(metrics: &Path) -> Result<Vec<Record>, TrainError> {
    let text = std::fs::read_to_string(metrics)
        .map_err(|source| TrainError::Read { path: metrics.into(), source })?;
    let mut records: BTreeMap<(u64, String), Record> = BTreeMap::new();
    let lines = text.lines().count();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match serde_json::from_str::<Record>(line) {
            Ok(record) => {
                records.insert((record.step, record.name.clone()), record);
            }
            Err(_) if at + 1 == lines && !text.ends_with('\n') => {}
            Err(error) => {
                let problem = format!(
                    "line {}: {error}; expected {{\"step\": 120, \"epoch\": 3.0, \"name\": \"train/loss\", \"value\": 0.41}}",
                    at + 1
                );
                return Err(TrainError::Damaged { path: metrics.into(), problem });
            }
        }
    }
    Ok(records.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Record>, TrainError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        std::fs::write(&path, text).unwrap();
        read_records(&path)
    }

    #[test]
    fn a_step_done_twice_counts_as_it_was_done_last_and_a_cut_line_not_at_all() {
        let records = read(
            "{\"step\": 2, \"epoch\": 1.0, \"name\": \"train/loss\", \"value\": 0.5}\n\
             {\"step\": 1, \"epoch\": 0.5, \"name\": \"train/loss\", \"value\": null, \"seconds\": 3}\n\
             {\"step\": 2, \"epoch\": 1.0, \"name\": \"train/loss\", \"value\": 0.25}\n{\"step\": 3, \"na",
        )
        .unwrap();
        assert_eq!(records.iter().map(|record| record.step).collect::<Vec<_>>(), [1, 2]);
        assert!(records[0].value.is_nan() && records[0].seconds == 3.0);
        assert_eq!(records[1].value, 0.25);
    }

    #[test]
    fn another_bad_line_is_named() {
        let message = read("{\"step\": 1, \"epoch\": 1.0}\n{\"step\": 2}\n").unwrap_err().to_string();
        assert!(message.contains("metrics.jsonl: line 1: missing field `name`"), "{message}");
    }
}
