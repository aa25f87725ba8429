//! Checkpoints: files of named tensors.
//!
//! An encoder family says which tensors it needs and of what shape; [`Checkpoint::check`] compares the whole list with the
//! file before a single weight is read, so that everything that is wrong comes in one message.

use half::{bf16, f16};
use safetensors::tensor::{Dtype, Metadata};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
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
    /// The configuration does not describe an encoder of a known family.
    #[error("the checkpoint's configuration {}: {problem}", path.display())]
    Config {
        /// The configuration's file.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
    },
    /// The file is no whole safetensors file.
    #[error("{} is not a whole safetensors file: {problem}", path.display())]
    Format {
        /// The weights' file.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
    },
    /// Tensors are missing, left over or of another shape than the configuration says.
    #[error("{} does not match its configuration: {problems}", path.display())]
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

/// A tensor that a family needs: its name in the file and its shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Name in the file.
    pub name: String,
    /// Length of each axis.
    pub shape: Vec<usize>,
}

/// Largest header of a safetensors file, in bytes; what the format's own implementation allows.
const LARGEST_HEADER: u64 = 100_000_000;

/// How many wrong tensors of a kind a message names before it only counts them.
const NAMED_IN_A_MESSAGE: usize = 3;

/// An open safetensors file. Weights are read when asked for, one tensor at a time.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    file: File,
    metadata: Metadata,
    /// Where the tensors' bytes begin.
    data_start: u64,
}

impl Checkpoint {
    /// Opens a safetensors file and reads its header.
    ///
    /// # Errors
    /// When the file cannot be read, its header is damaged, or it is shorter than its header says.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        let io = |source| CheckpointError::Io { path: path.into(), source };
        let format = |problem: String| CheckpointError::Format { path: path.into(), problem };
        let mut file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        if length < 8 {
            return Err(format(format!("it has {length} bytes, expected 8 of header length and a header")));
        }
        let mut header_length = [0; 8];
        file.read_exact(&mut header_length).map_err(io)?;
        let header_length = u64::from_le_bytes(header_length);
        if header_length > LARGEST_HEADER.min(length - 8) {
            return Err(format(format!(
                "its first 8 bytes say that a header of {header_length} bytes follows, the file has {length}; expected a \
                 .safetensors file, whole"
            )));
        }
        let mut header = vec![0; header_length as usize];
        file.read_exact(&mut header).map_err(io)?;
        let metadata = parse_header(&header).map_err(format)?;
        let expected = 8 + header_length + metadata.data_len() as u64;
        if length != expected {
            return Err(format(format!(
                "it has {length} bytes, its header describes {expected}; it may be cut short"
            )));
        }
        Ok(Self { path: path.into(), file, metadata, data_start: 8 + header_length })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Names of all tensors, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names = self.metadata.offset_keys();
        names.sort();
        names
    }

    /// Compares the file with what a family needs. Tensors that `unneeded` accepts may be left over.
    ///
    /// # Errors
    /// When a tensor is missing, has another shape or type than expected, or is left over; the message names them.
    pub fn check(
        &self,
        expected: &[Expected],
        unneeded: impl Fn(&str) -> bool,
    ) -> Result<(), CheckpointError> {
        let mut missing = Vec::new();
        let mut misshapen = Vec::new();
        for Expected { name, shape } in expected {
            match self.metadata.info(name) {
                None => missing.push(format!("{name} {shape:?}")),
                Some(info) if info.shape != *shape => {
                    misshapen.push(format!("{name} found {:?} expected {shape:?}", info.shape));
                }
                Some(info) if !matches!(info.dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16) => {
                    misshapen.push(format!("{name} found type {:?} expected F32, F16 or BF16", info.dtype));
                }
                Some(_) => {}
            }
        }
        let needed: std::collections::HashSet<&str> = expected.iter().map(|e| e.name.as_str()).collect();
        let mut left_over = self.names();
        left_over.retain(|name| !needed.contains(name.as_str()) && !unneeded(name));

        let problems: Vec<String> =
            [("missing", missing), ("of another shape or type", misshapen), ("not expected", left_over)]
                .into_iter()
                .filter(|(_, tensors)| !tensors.is_empty())
                .map(|(what, tensors)| format!("{what}: {}", listed(&tensors)))
                .collect();
        if problems.is_empty() {
            return Ok(());
        }
        Err(CheckpointError::Tensors { path: self.path.clone(), problems: problems.join("; ") })
    }

    /// The elements of a tensor as f32, in row-major order.
    ///
    /// # Errors
    /// When there is no such tensor, it cannot be read, or holds a NaN or an infinity.
    pub fn read(&mut self, name: &str) -> Result<Vec<f32>, CheckpointError> {
        let info = self.metadata.info(name).ok_or_else(|| CheckpointError::Tensors {
            path: self.path.clone(),
            problems: format!("missing: {name}"),
        })?;
        let (start, end) = info.data_offsets;
        let io = |source| CheckpointError::Io { path: self.path.clone(), source };
        let mut bytes = vec![0; end - start];
        self.file.seek(SeekFrom::Start(self.data_start + start as u64)).map_err(io)?;
        self.file.read_exact(&mut bytes).map_err(io)?;
        let values: Vec<f32> = match info.dtype {
            Dtype::F16 => bytes.as_chunks().0.iter().map(|&b| f16::from_le_bytes(b).to_f32()).collect(),
            Dtype::BF16 => bytes.as_chunks().0.iter().map(|&b| bf16::from_le_bytes(b).to_f32()).collect(),
            _ => bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect(),
        };
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(values),
            Some(element) => Err(CheckpointError::NotFinite {
                path: self.path.clone(),
                tensor: name.into(),
                element,
                value: values[element].to_string(),
            }),
        }
    }

    /// SHA-256 of the whole file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn hash(&mut self) -> Result<[u8; 32], CheckpointError> {
        let io = |source| CheckpointError::Io { path: self.path.clone(), source };
        let mut hasher = Sha256::new();
        let mut block = vec![0; 1 << 20];
        self.file.seek(SeekFrom::Start(0)).map_err(io)?;
        loop {
            match self.file.read(&mut block).map_err(io)? {
                0 => return Ok(hasher.finalize().into()),
                read => hasher.update(&block[..read]),
            }
        }
    }
}

/// The tensors that a header describes: without gaps or overlaps, each as long as its shape and type say.
fn parse_header(header: &[u8]) -> Result<Metadata, String> {
    let parsed: Metadata = serde_json::from_slice(header).map_err(|error| format!("its header: {error}"))?;
    let tensors = parsed.offset_keys().into_iter().filter_map(|name| {
        let info = parsed.info(&name)?.clone();
        Some((name, info))
    });
    // Parsing alone checks nothing: the constructor does.
    Metadata::new(None, tensors.collect()).map_err(|error| format!("its header: {error}"))
}

fn listed(tensors: &[String]) -> String {
    let named = tensors.iter().take(NAMED_IN_A_MESSAGE).map(String::as_str).collect::<Vec<_>>().join(", ");
    match tensors.len() {
        count if count > NAMED_IN_A_MESSAGE => format!("{named} and {} more", count - NAMED_IN_A_MESSAGE),
        _ => named,
    }
}
