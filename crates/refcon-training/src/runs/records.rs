//! A number of a training, as a line of `metrics.jsonl`.

use serde::{Deserialize, Serialize};

/// A number at a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Steps of the optimiser that were done.
    pub step: u64,
    /// Epochs that were done.
    pub epoch: f64,
    /// `train/…`, `validation/…` or `learning_rate`.
    pub name: String,
    /// The number.
    pub value: f64,
    /// Seconds that the step or the validation took; the only part that differs when a training is repeated.
    pub seconds: f64,
}
