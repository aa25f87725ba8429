//! PyTorch's own files (`.pth`, `.pt`, `.ckpt`, `.bin`): a pickle that says where the tensors are, in a ZIP archive or, before
//! PyTorch 1.6, followed by the tensors' bytes.
//!
//! `pytorch-reader` interprets the pickle as data: it runs nothing, bounds every length, and reads a tensor's bytes when asked
//! for. It keeps calls that it does not know as opaque values; here they are refused by name ([`globals`]), since a state dict
//! has none.

use super::{CheckpointError, ElementType, TensorFacts, globals};
use pytorch_reader::{DType, PytorchError, PytorchReader};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// An open PyTorch file. Tensors are read when asked for, one at a time; nested dictionaries' keys are joined by dots.
#[derive(Debug)]
pub(crate) struct PytorchFile {
    path: PathBuf,
    reader: PytorchReader,
}

impl PytorchFile {
    /// Opens a file and reads its pickle.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged, or its pickle names anything but tensors and plain values.
    pub(crate) fn open(path: &Path) -> Result<Self, CheckpointError> {
        globals::check(path)?;
        let reader = PytorchReader::new(path).map_err(|error| match error {
            PytorchError::Io(source) if source.kind() != io::ErrorKind::UnexpectedEof => {
                CheckpointError::Io { path: path.into(), source }
            }
            other => damaged(path, &other),
        })?;
        Ok(Self { path: path.into(), reader })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Every tensor's name, type and shape.
    pub(crate) fn tensors(&self) -> BTreeMap<String, TensorFacts> {
        let facts = |(name, tensor): (&String, &pytorch_reader::Tensor)| {
            let element = match tensor.dtype() {
                DType::F32 => ElementType::F32,
                DType::F16 => ElementType::F16,
                DType::BF16 => ElementType::Bf16,
                other => ElementType::Other(format!("{other:?}")),
            };
            (name.clone(), TensorFacts { shape: tensor.shape().to_vec(), element })
        };
        self.reader.tensors().iter().map(facts).collect()
    }

    /// The bytes of a tensor, in the machine's byte order, row-major; none if there is no such tensor.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, CheckpointError> {
        let Some(tensor) = self.reader.get(name) else { return Ok(None) };
        match tensor.read() {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error)
                if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) =>
            {
                Err(damaged(&self.path, &error))
            }
            Err(source) => Err(CheckpointError::Io { path: self.path.clone(), source }),
        }
    }
}

pub(super) fn damaged(path: &Path, problem: &impl ToString) -> CheckpointError {
    let problem = problem.to_string().replace('\n', " ");
    CheckpointError::Format { path: path.into(), format: "PyTorch", problem }
}
