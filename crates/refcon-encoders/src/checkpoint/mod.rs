//! Checkpoints: files of named tensors.
//!
//! | format | files | read as |
//! |---|---|---|
//! | safetensors | one file, or shards with `….safetensors.index.json` | header first, then tensors one at a time |
//! | PyTorch | `.pth`, `.pt`, `.ckpt`, `.bin`: ZIP, or the format before PyTorch 1.6 | pickle as data, nothing of it runs; then tensors one at a time |
//!
//! Elements are f32, f16 or bf16. An encoder family says which tensors it needs and of what shape; [`Checkpoint::check`]
//! compares the whole list with the file before a single weight is read, so that everything that is wrong comes in one message.

mod error;
mod globals;
mod pytorch;
mod safetensors;
mod shards;
mod shipped;

pub use error::CheckpointError;
pub use shipped::{COMPACT, is_shipped};

use half::{bf16, f16};
use pytorch::PytorchFile;
use safetensors::SafetensorsFile;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use shipped::OpenFile;
use std::collections::{BTreeMap, HashSet};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// What a checkpoint's file says about a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorFacts {
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// Type of its elements.
    pub element: ElementType,
}

/// Type of a tensor's elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ElementType {
    /// IEEE 754, 32 bits.
    F32,
    /// IEEE 754, 16 bits.
    F16,
    /// The upper half of an f32.
    Bf16,
    /// One that holds no weights, by its name.
    Other(String),
}

impl ElementType {
    /// Whether `name` is how PyTorch calls a type of elements.
    fn torch_name(name: &str) -> bool {
        let digits = name.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
        let bits = digits.is_empty() || matches!(digits, "8" | "16" | "32" | "64");
        bits && ["float", "half", "double", "bfloat", "int", "long", "short", "uint", "bool"]
            .contains(&&name[..name.len() - digits.len()])
    }
}

/// A tensor that a family needs: its name in the file and its shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Name in the file.
    pub name: String,
    /// Length of each axis.
    pub shape: Vec<usize>,
}

/// How many wrong tensors of a kind a message names before it only counts them.
const NAMED_IN_A_MESSAGE: usize = 3;

/// Largest configuration or index, in bytes.
const LARGEST_TEXT: u64 = 16 << 20;

/// Weights' files of a folder, in the order in which they are looked for.
const USUAL_NAMES: [&str; 3] = ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"];

/// Extensions of a weights' file.
const EXTENSIONS: [&str; 5] = ["safetensors", "pth", "pt", "ckpt", "bin"];

/// An open checkpoint. Weights are read when asked for, one tensor at a time.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    tensors: BTreeMap<String, TensorFacts>,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Safetensors(Vec<SafetensorsFile>),
    Pytorch(PytorchFile),
}

impl Checkpoint {
    /// Opens a weights' file, an index of shards, or the only one of a folder, and reads what tensors there are.
    ///
    /// # Errors
    /// When there is none or more than one, it cannot be read, is damaged or cut short, a shard is missing, or a pickle names
    /// anything but tensors and plain values.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        let path = weights_file(path)?;
        let is_index = path.to_string_lossy().ends_with(".index.json");
        let source = if is_index {
            Source::Safetensors(shards::open(&path)?)
        } else if looks_like_pytorch(&path)? {
            Source::Pytorch(PytorchFile::open(&path)?)
        } else {
            Source::Safetensors(vec![SafetensorsFile::open(&path)?])
        };
        let tensors = match &source {
            Source::Safetensors(files) => files.iter().flat_map(SafetensorsFile::tensors).collect(),
            Source::Pytorch(file) => file.tensors(),
        };
        Ok(Self { path, tensors, source })
    }

    /// The file, or the index of the shards.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Every tensor, by name, sorted.
    #[must_use]
    pub fn tensors(&self) -> &BTreeMap<String, TensorFacts> {
        &self.tensors
    }

    /// The shape of a tensor, if there is one of that name.
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|facts| facts.shape.as_slice())
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
        let comparison = self.compare(expected, unneeded);
        let problems: Vec<String> = [
            ("missing", &comparison.missing),
            ("of another shape or type", &comparison.misshapen),
            ("not expected", &comparison.left_over),
        ]
        .into_iter()
        .filter(|(_, tensors)| !tensors.is_empty())
        .map(|(what, tensors)| format!("{what}: {}", listed(tensors)))
        .collect();
        if problems.is_empty() {
            return Ok(());
        }
        Err(CheckpointError::Tensors { path: self.path.clone(), problems: problems.join("; ") })
    }

    /// What is missing, misshapen and left over, each a line with name, found and expected.
    #[must_use]
    pub fn compare(&self, expected: &[Expected], unneeded: impl Fn(&str) -> bool) -> Comparison {
        let mut comparison = Comparison::default();
        for Expected { name, shape } in expected {
            match self.tensors.get(name) {
                None => comparison.missing.push(format!("{name} {shape:?}")),
                Some(found) if found.shape != *shape => {
                    comparison.misshapen.push(format!("{name} found {:?} expected {shape:?}", found.shape));
                }
                Some(TensorFacts { element: ElementType::Other(found), .. }) => {
                    comparison.misshapen.push(format!("{name} found type {found} expected F32, F16 or BF16"));
                }
                Some(_) => {}
            }
        }
        let needed: HashSet<&str> = expected.iter().map(|expected| expected.name.as_str()).collect();
        let left_over = |name: &&String| !needed.contains(name.as_str()) && !unneeded(name);
        comparison.left_over = self.tensors.keys().filter(left_over).cloned().collect();
        comparison
    }

    /// The elements of a tensor as f32, in row-major order.
    ///
    /// # Errors
    /// When there is no such tensor, it cannot be read, or holds a NaN or an infinity.
    pub fn read(&mut self, name: &str) -> Result<Vec<f32>, CheckpointError> {
        let facts = self.tensors.get(name);
        let bytes = match &mut self.source {
            Source::Pytorch(file) => file.read(name)?,
            Source::Safetensors(files) => {
                let mut found = None;
                for file in files {
                    found = file.read(name)?;
                    if found.is_some() {
                        break;
                    }
                }
                found
            }
        };
        let (Some(bytes), Some(facts)) = (bytes, facts) else {
            let problems = format!("missing: {name}");
            return Err(CheckpointError::Tensors { path: self.path.clone(), problems });
        };
        let values: Vec<f32> = match &facts.element {
            ElementType::F16 => bytes.as_chunks().0.iter().map(|&b| f16::from_le_bytes(b).to_f32()).collect(),
            ElementType::Bf16 => {
                bytes.as_chunks().0.iter().map(|&b| bf16::from_le_bytes(b).to_f32()).collect()
            }
            ElementType::F32 => bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect(),
            ElementType::Other(found) => {
                let problems = format!("{name} found type {found} expected F32, F16 or BF16");
                return Err(CheckpointError::Tensors { path: self.path.clone(), problems });
            }
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

    /// SHA-256 of the weights' files, one after the other.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn hash(&self) -> Result<[u8; 32], CheckpointError> {
        let paths: Vec<&Path> = match &self.source {
            Source::Safetensors(files) => files.iter().map(SafetensorsFile::path).collect(),
            Source::Pytorch(file) => vec![file.path()],
        };
        let mut hasher = Sha256::new();
        let mut block = vec![0; 1 << 20];
        for path in paths {
            let mut file = OpenFile::open(path).map_err(CheckpointError::io(path))?;
            loop {
                match file.read(&mut block).map_err(CheckpointError::io(path))? {
                    0 => break,
                    read => hasher.update(&block[..read]),
                }
            }
        }
        Ok(hasher.finalize().into())
    }
}

/// What a family needs, beside what a file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Needed and not there.
    pub missing: Vec<String>,
    /// There, of another shape or type.
    pub misshapen: Vec<String>,
    /// There and not needed.
    pub left_over: Vec<String>,
}

/// The file that holds the weights, or the index of those that do.
fn weights_file(path: &Path) -> Result<PathBuf, CheckpointError> {
    if is_shipped(path) {
        return Ok(path.join(USUAL_NAMES[0]));
    }
    if !path.is_dir() {
        return shards::index_of(path);
    }
    if let Some(usual) = USUAL_NAMES.iter().map(|name| path.join(name)).find(|file| file.is_file()) {
        return Ok(usual);
    }
    let problem = |problem: String| CheckpointError::NotFound { path: path.into(), problem };
    let entries = std::fs::read_dir(path).map_err(CheckpointError::io(path))?;
    let is_weights = |file: &PathBuf| {
        let extension = file.extension().and_then(|extension| extension.to_str());
        file.is_file() && extension.is_some_and(|extension| EXTENSIONS.contains(&extension))
    };
    let mut files: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_weights).collect();
    files.sort();
    match files.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(problem(format!(
            "it holds no weights' file, expected {} or one of .pth, .pt, .ckpt",
            USUAL_NAMES[0]
        ))),
        [first, second, ..] => Err(problem(format!(
            "it holds {} weights' files, such as {} and {}; name the one that is meant",
            files.len(),
            first.display(),
            second.display()
        ))),
    }
}

/// Whether a file is one of PyTorch's, by its first bytes, and by its name where those say nothing.
fn looks_like_pytorch(path: &Path) -> Result<bool, CheckpointError> {
    let mut start = Vec::new();
    let file = OpenFile::open(path).map_err(CheckpointError::io(path))?;
    file.take(9).read_to_end(&mut start).map_err(CheckpointError::io(path))?;
    let is_safetensors = start.get(8) == Some(&b'{') && start[4..8] == [0; 4];
    let named = path.extension().is_some_and(|extension| extension != "safetensors");
    Ok(!is_safetensors && (named || start.starts_with(b"PK") || start.starts_with(&[0x80, 2])))
}

fn listed(tensors: &[String]) -> String {
    let named = tensors.iter().take(NAMED_IN_A_MESSAGE).map(String::as_str).collect::<Vec<_>>().join(", ");
    match tensors.len() {
        count if count > NAMED_IN_A_MESSAGE => format!("{named} and {} more", count - NAMED_IN_A_MESSAGE),
        _ => named,
    }
}

/// The folder of a checkpoint, which is one or a file in it.
pub(crate) fn folder_of(checkpoint: &Path) -> &Path {
    match shipped::is_shipped(checkpoint) || checkpoint.is_dir() {
        true => checkpoint,
        false => checkpoint.parent().unwrap_or(Path::new("")),
    }
}

/// A text beside the weights, of bounded length.
pub(crate) fn read_text(path: &Path) -> Result<String, CheckpointError> {
    let mut file = OpenFile::open(path).map_err(CheckpointError::io(path))?;
    let length = file.length().map_err(CheckpointError::io(path))?;
    if length > LARGEST_TEXT {
        let problem = format!("it has {length} bytes, expected a JSON file of at most {LARGEST_TEXT}");
        return Err(CheckpointError::config(path, problem));
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(CheckpointError::io(path))?;
    Ok(text)
}

/// The same; none where there is no such file.
pub(crate) fn read_text_if_there(path: &Path) -> Result<Option<String>, CheckpointError> {
    match read_text(path) {
        Err(CheckpointError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

pub(crate) fn parse_json<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, CheckpointError> {
    serde_json::from_str(text).map_err(|error| CheckpointError::config(path, error.to_string()))
}
