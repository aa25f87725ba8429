//! A training between two steps, as one file: weights, moments, average, and where it stands.
//!
//! One safetensors file, replaced as a whole, with the progress as JSON in its metadata: a kill leaves the old one or the new one.

use crate::error::TrainError;
use crate::optimise::{AdamW, Moments, Parameter, Parameters};
use crate::schedule::Plateau;
use refcon_library::files::write_whole;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError, SafeTensors};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// The metadata's key.
const KEY: &str = "refcon_training";

/// Raised whenever a checkpoint of an older version could not be gone on with.
const VERSION: u32 = 1;

/// A number that survives being written as text to the last bit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Exact(pub f64);

impl From<Exact> for String {
    fn from(exact: Exact) -> Self {
        // Rust prints as many digits as tell the number from its neighbours.
        format!("{:?}", exact.0)
    }
}

impl TryFrom<String> for Exact {
    type Error = std::num::ParseFloatError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

/// Where a training stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    version: u32,
    /// The epoch of the next batch.
    pub epoch: u64,
    /// The next batch of the epoch.
    pub batch: u64,
    /// Steps done.
    pub step: u64,
    /// Sum of the epoch's losses so far.
    pub loss_sum: Exact,
    /// Batches in it.
    pub loss_count: u64,
    /// The best value of the measure that decides, if there was a validation.
    pub best: Option<Exact>,
    /// The step of the best value.
    pub best_step: u64,
    /// Validations since.
    pub waiting: u64,
    /// Halvings so far.
    pub halvings: i32,
    /// Validations since the last improvement or halving.
    pub plateau_waiting: u64,
    /// Bytes of the metrics' file.
    pub recorded: u64,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            version: VERSION,
            epoch: 0,
            batch: 0,
            step: 0,
            loss_sum: Exact(0.0),
            loss_count: 0,
            best: None,
            best_step: 0,
            waiting: 0,
            halvings: 0,
            plateau_waiting: 0,
            recorded: 0,
        }
    }
}

impl Progress {
    /// What the schedule remembers.
    #[must_use]
    pub fn plateau(&self) -> Plateau {
        Plateau { waiting: self.plateau_waiting, halvings: self.halvings }
    }
}

/// Everything that the next step depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Where the training stands.
    pub progress: Progress,
    /// The trained weights.
    pub weights: Parameters,
    /// The optimiser's moments.
    pub moments: BTreeMap<String, Moments>,
    /// The moving average of the weights, where there is one.
    pub average: Option<Parameters>,
    /// What the task remembers.
    pub task: BTreeMap<String, Parameter>,
}

impl Checkpoint {
    /// A training between two steps.
    #[must_use]
    pub fn of(
        progress: &Progress,
        weights: &Parameters,
        optimiser: &AdamW,
        average: Option<&Parameters>,
        task: BTreeMap<String, Parameter>,
    ) -> Self {
        Self {
            progress: progress.clone(),
            weights: weights.clone(),
            moments: optimiser.moments.clone(),
            average: average.cloned(),
            task,
        }
    }

    /// Writes it whole or not at all.
    ///
    /// # Errors
    /// When the disk is full or the folder cannot be written; what stood there before still does.
    pub fn write(&self, path: &Path) -> Result<(), TrainError> {
        let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
        let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        let mut add = |kind: &str, name: &str, shape: &[usize], values: &[f32]| {
            tensors.push((format!("{kind}/{name}"), shape.to_vec(), bytes(values)));
        };
        let mut steps = BTreeMap::new();
        for (name, Parameter { shape, values }) in &self.weights.0 {
            add("weight", name, shape, values);
        }
        for (name, moments) in &self.moments {
            add("moment_1", name, &[moments.first.len()], &moments.first);
            add("moment_2", name, &[moments.second.len()], &moments.second);
            steps.insert(name.clone(), moments.steps);
        }
        for (name, Parameter { shape, values }) in self.average.iter().flat_map(|average| &average.0) {
            add("average", name, shape, values);
        }
        for (name, Parameter { shape, values }) in &self.task {
            add("task", name, shape, values);
        }
        let written = write_whole(path, |out| {
            let other = |error| std::io::Error::other::<SafeTensorError>(error);
            let progress = serde_json::to_string(&(&self.progress, &steps))?;
            let mut views = Vec::with_capacity(tensors.len());
            for (name, shape, bytes) in &tensors {
                views.push((name.clone(), TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(other)?));
            }
            let metadata = HashMap::from([(KEY.to_owned(), progress)]);
            out.write_all(&safetensors::serialize(views, Some(metadata)).map_err(other)?)
        });
        written.map_err(|error| TrainError::Write { path: path.into(), source: error.source })
    }

    /// Reads one.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or another version wrote it.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let damaged = |problem: String| TrainError::Damaged { path: path.into(), problem };
        let bytes = std::fs::read(path).map_err(|source| TrainError::Read { path: path.into(), source })?;
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| damaged(error.to_string()))?;
        let text = header.metadata().as_ref().and_then(|metadata| metadata.get(KEY));
        let text = text.ok_or_else(|| damaged("it holds weights, but no training's progress".into()))?;
        let (progress, steps): (Progress, BTreeMap<String, u64>) =
            serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
        if progress.version != VERSION {
            return Err(damaged(format!("its version is {}, expected {VERSION}", progress.version)));
        }
        let file = SafeTensors::deserialize(&bytes).map_err(|error| damaged(error.to_string()))?;
        let mut checkpoint = Self {
            progress,
            weights: Parameters::default(),
            moments: BTreeMap::new(),
            average: None,
            task: BTreeMap::new(),
        };
        for (name, view) in file.tensors() {
            let (kind, name) =
                name.split_once('/').ok_or_else(|| damaged(format!("unknown tensor {name}")))?;
            let values = view.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
            let parameter = Parameter { shape: view.shape().to_vec(), values };
            let moments = || Moments { steps: steps.get(name).copied().unwrap_or(0), ..Moments::default() };
            match kind {
                "weight" => drop(checkpoint.weights.0.insert(name.into(), parameter)),
                "moment_1" => {
                    checkpoint.moments.entry(name.into()).or_insert_with(moments).first = parameter.values;
                }
                "moment_2" => {
                    checkpoint.moments.entry(name.into()).or_insert_with(moments).second = parameter.values;
                }
                "average" => {
                    checkpoint
                        .average
                        .get_or_insert_with(Parameters::default)
                        .0
                        .insert(name.into(), parameter);
                }
                "task" => drop(checkpoint.task.insert(name.into(), parameter)),
                other => return Err(damaged(format!("unknown tensor {other}/{name}"))),
            }
        }
        Ok(checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_reads_back_to_the_last_bit() {
        let parameter = |values: &[f32]| Parameter { shape: vec![values.len()], values: values.to_vec() };
        let named = |values: &[f32]| Parameters([("a.b".to_owned(), parameter(values))].into());
        let progress = Progress {
            step: 7,
            loss_sum: Exact(0.1 + 0.2),
            best: Some(Exact(1.0 / 3.0)),
            ..Progress::default()
        };
        let checkpoint = Checkpoint {
            progress,
            weights: named(&[1.0e-38, -0.1]),
            moments: [(
                "a.b".to_owned(),
                Moments { first: vec![0.3, 0.4], second: vec![0.5, 0.6], steps: 7 },
            )]
            .into(),
            average: Some(named(&[0.7, 0.8])),
            task: [("centre".to_owned(), parameter(&[0.9]))].into(),
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("last.safetensors");
        checkpoint.write(&path).unwrap();
        assert_eq!(Checkpoint::read(&path).unwrap(), checkpoint);
        std::fs::write(&path, b"half").unwrap();
        assert!(Checkpoint::read(&path).unwrap_err().to_string().contains("last.safetensors"));
    }
}
