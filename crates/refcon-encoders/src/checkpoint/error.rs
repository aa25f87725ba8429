//! Why a checkpoint cannot be loaded: one line that names the file, the tensor, what was found and what was expected.

use std::io;
use std::path::{Path, PathBuf};

/// Why a checkpoint could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// A file cannot be read.
    #[error("cannot read the checkpoint's {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The path names no checkpoint.
    #[error("{} is no checkpoint: {problem}", path.display())]
    NotFound {
        /// The folder or file.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
    },
    /// The configuration does not describe an encoder of a known family, or contradicts the tensors.
    #[error("the checkpoint's configuration {}: {problem}", path.display())]
    Config {
        /// The configuration's file.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
    },
    /// The file is damaged, cut short or of another format.
    #[error("{} is not a whole {format} file: {problem}", path.display())]
    Format {
        /// The weights' file.
        path: PathBuf,
        /// The format that it was read as.
        format: &'static str,
        /// What was found and what was expected.
        problem: String,
    },
    /// A shard of a checkpoint in several files is missing or is another than the index says.
    #[error("{}: {problem}", path.display())]
    Shards {
        /// The index.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
    },
    /// A pickle names a class or function that no state dict needs.
    #[error(
        "{} is a pickle that names {global}, expected tensors and plain values; refcon runs no code of a checkpoint: save \
         the state dict alone, best as safetensors",
        path.display()
    )]
    Code {
        /// The weights' file.
        path: PathBuf,
        /// The class or function, with its module.
        global: String,
    },
    /// The tensors' names are of no known encoder, or of another than was asked for.
    #[error("{}: {problem}", path.display())]
    Family {
        /// The weights' file.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
    },
    /// Tensors are missing, left over or of another shape than expected.
    #[error("{} does not match its family: {problems}", path.display())]
    Tensors {
        /// The weights' file.
        path: PathBuf,
        /// What is missing, misshapen or left over.
        problems: String,
    },
    /// A weight is NaN or infinite.
    #[error("{}: tensor {tensor} holds {value} at element {element}; expected finite weights", path.display())]
    NotFinite {
        /// The weights' file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Which of its elements, in row-major order.
        element: usize,
        /// The element, written out.
        value: String,
    },
}

impl CheckpointError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.into(), source }
    }

    pub(crate) fn config(path: &Path, problem: impl ToString) -> Self {
        Self::Config { path: path.into(), problem: problem.to_string() }
    }

    pub(crate) fn family(path: &Path, problem: impl Into<String>) -> Self {
        Self::Family { path: path.into(), problem: problem.into() }
    }
}
