//! Safetensors: a header of names, types, shapes and offsets, then the tensors' bytes.

use super::shipped::OpenFile;
use super::{CheckpointError, ElementType, TensorFacts};
use safetensors::tensor::{Dtype, Metadata};
use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Largest header, in bytes; what the format's own implementation allows.
const LARGEST_HEADER: u64 = 100_000_000;

/// An open safetensors file. Tensors are read when asked for, one at a time.
#[derive(Debug)]
pub(crate) struct SafetensorsFile {
    path: PathBuf,
    file: OpenFile,
    metadata: Metadata,
    /// Where the tensors' bytes begin.
    data_start: u64,
}

impl SafetensorsFile {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// When the file cannot be read, its header is damaged, or it is shorter than its header says.
    pub(crate) fn open(path: &Path) -> Result<Self, CheckpointError> {
        let format =
            |problem: String| CheckpointError::Format { path: path.into(), format: "safetensors", problem };
        let mut file = OpenFile::open(path).map_err(CheckpointError::io(path))?;
        let length = file.length().map_err(CheckpointError::io(path))?;
        if length < 8 {
            return Err(format(format!("it has {length} bytes, expected 8 of header length and a header")));
        }
        let mut header_length = [0; 8];
        file.read_exact(&mut header_length).map_err(CheckpointError::io(path))?;
        let header_length = u64::from_le_bytes(header_length);
        if header_length > LARGEST_HEADER.min(length - 8) {
            return Err(format(format!(
                "its first 8 bytes say that a header of {header_length} bytes follows, the file has {length}; expected a \
                 .safetensors file, whole"
            )));
        }
        let mut header = vec![0; header_length as usize];
        file.read_exact(&mut header).map_err(CheckpointError::io(path))?;
        let metadata = parse_header(&header).map_err(format)?;
        let expected = 8 + header_length + metadata.data_len() as u64;
        if length != expected {
            return Err(format(format!(
                "it has {length} bytes, its header describes {expected}; it may be cut short"
            )));
        }
        Ok(Self { path: path.into(), file, metadata, data_start: 8 + header_length })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Every tensor's name, type and shape.
    pub(crate) fn tensors(&self) -> BTreeMap<String, TensorFacts> {
        let facts = |name: String| {
            let info = self.metadata.info(&name)?;
            let element = match info.dtype {
                Dtype::F32 => ElementType::F32,
                Dtype::F16 => ElementType::F16,
                Dtype::BF16 => ElementType::Bf16,
                other => ElementType::Other(format!("{other:?}")),
            };
            Some((name, TensorFacts { shape: info.shape.clone(), element }))
        };
        self.metadata.offset_keys().into_iter().filter_map(facts).collect()
    }

    /// The bytes of a tensor, little-endian, row-major; none if there is no such tensor.
    pub(crate) fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>, CheckpointError> {
        let Some(info) = self.metadata.info(name) else { return Ok(None) };
        let (start, end) = info.data_offsets;
        let mut bytes = vec![0; end - start];
        self.file
            .seek(SeekFrom::Start(self.data_start + start as u64))
            .and_then(|_| self.file.read_exact(&mut bytes))
            .map_err(CheckpointError::io(&self.path))?;
        Ok(Some(bytes))
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
