//! What is trained: fine-tuning and pretraining differ in this and in nothing else of the loop.

use crate::error::TrainError;
use crate::optimise::{Parameter, Parameters};
use burn::module::Module;
use burn::tensor::Tensor;
use std::collections::BTreeMap;
use std::path::Path;

/// A place in a training. Whatever is random there follows from the seed and this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// Epoch, from 0.
    pub epoch: u64,
    /// Batch of the epoch, from 0.
    pub batch: u64,
    /// Steps of the optimiser that are done.
    pub step: u64,
}

/// What a batch gave.
#[derive(Debug)]
pub struct BatchLoss {
    /// The loss with its graph, `[1]`; none where the batch taught nothing.
    pub loss: Option<Tensor<1>>,
    /// Names of the batch's tiles, for a message.
    pub files: Vec<String>,
    /// Parts of the loss and other numbers of the batch, by the names that they are recorded under.
    pub parts: Vec<(String, f64)>,
}

/// Something to train.
pub trait Task: Sync {
    /// The module whose weights change.
    type Network: Module + Clone + Sync;

    /// Whether a weight is trained, by its place in the module. Others are neither changed nor saved.
    fn trains(&self, name: &str) -> bool;

    /// How many times as fast as the others a weight learns.
    fn rate(&self, name: &str) -> f64;

    /// Batches of an epoch.
    fn batches(&self) -> usize;

    /// The loss of the batch at a position, on a network that carries gradients.
    ///
    /// # Errors
    /// When a tile cannot be read.
    fn loss(&self, network: &Self::Network, at: Position) -> Result<BatchLoss, TrainError>;

    /// Measures of a network without gradients, by the names that they are recorded under.
    ///
    /// # Errors
    /// When a tile cannot be read.
    fn validate(&self, network: &Self::Network) -> Result<Vec<(String, f64)>, TrainError>;

    /// Writes the encoder of a network without gradients to a folder that does not exist yet.
    ///
    /// # Errors
    /// When it cannot be written.
    fn write_encoder(&self, network: &Self::Network, folder: &Path) -> Result<(), TrainError>;

    /// Weights that are validated and kept instead of the trained ones, by the same names: a teacher's.
    fn judged(&self) -> Option<&Parameters> {
        None
    }

    /// What must be done after a step that left these weights, such as moving a teacher.
    fn after_step(&mut self, weights: &Parameters, at: Position) {
        let _ = (weights, at);
    }

    /// What people should know since the last step, such as a collapse of the embeddings; each is said once.
    fn messages(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// What the task itself has to remember for the next step, by name.
    fn state(&self) -> BTreeMap<String, Parameter> {
        BTreeMap::new()
    }

    /// Takes back what [`Task::state`] gave.
    fn restore(&mut self, state: BTreeMap<String, Parameter>) {
        let _ = state;
    }
}
