//! Why a training stopped.

use crate::config::ConfigError;
use crate::dataset::DatasetError;
use crate::tracking::TrackingError;
use refcon_encoders::checkpoint::CheckpointError;
use refcon_encoders::{EncodeError, ExportError};
use std::io;
use std::path::PathBuf;

/// Why a training could not be started or went no further. Checkpoints that were written before are whole.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// Tiles cannot be used.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The encoder cannot be opened.
    #[error(transparent)]
    Encoder(#[from] CheckpointError),
    /// The encoder's answer is not finite.
    #[error(transparent)]
    Embedding(#[from] EncodeError),
    /// The trained encoder cannot be written.
    #[error("{0}; checkpoints that were written before are whole, and `--resume` goes on from the last one")]
    Export(#[from] ExportError),
    /// What other programs are to read of the run cannot be written.
    #[error("{0}; checkpoints that were written before are whole, and `--resume` goes on from the last one")]
    Tracking(#[from] TrackingError),
    /// A file of the run cannot be written.
    #[error("cannot write {}: {source}; checkpoints that were written before are whole, and `--resume` goes on from the last one", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of the run cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The run is being trained.
    #[error("{}: another training works on this run; wait for its end, or stop it", folder.display())]
    Busy {
        /// The run's folder.
        folder: PathBuf,
    },
    /// A file of the run is damaged or of another training.
    #[error("{}: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
    },
    /// The loss or its gradient is NaN or infinite.
    #[error(
        "{what} is {value} at step {step} with learning rate {learning_rate:e}; the batch: {}; nothing of this step was kept. A smaller \
         learning rate or optimiser.clip_norm may help",
        files.join(", ")
    )]
    NotFinite {
        /// The loss, or the gradient's length.
        what: &'static str,
        /// What it is.
        value: f64,
        /// The step.
        step: u64,
        /// Its learning rate.
        learning_rate: f64,
        /// The tiles of its batch.
        files: Vec<String>,
    },
    /// Settings do not go together.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Settings do not go together with what was found.
    #[error("{0}")]
    Setting(String),
}
