//! One array of a Zarr store.

use super::store::{ChunkStore, Encoding};
use crate::segy::{ByteOrder, SampleFormat};
use crate::survey::SurveyError;
use crate::survey::place::Place;
use rayon::prelude::*;
use serde_json::Value;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zarrs::array::{
    Array, ArrayBytes, ArrayMetadata, ArrayShardedExt, ArrayShardedReadableExt, ArrayShardedReadableExtCache,
    ArraySubset, CodecOptions,
};

/// Most bytes that a chunk (of a shard: an inner chunk) may have, decoded.
const MOST_CHUNK_BYTES: u64 = 1 << 30;
/// Most bytes that are read at a time, decoded.
const MOST_BYTES_READ: u64 = 1 << 31;
/// Most inner chunks of a shard.
const MOST_INNER_CHUNKS: u64 = 1 << 22;
/// Bytes that an encoded chunk may have beyond twice its decoded ones.
const ENCODING_ROOM: u64 = 1 << 20;
/// Indices of shards that are kept.
const KEPT_SHARDS: usize = 4096;
/// Values converted to a task.
const CONVERTED: usize = 1 << 16;

/// An array of numbers in chunks.
pub(super) struct ChunkedArray {
    path: PathBuf,
    array: Array<ChunkStore>,
    shard_indices: ArrayShardedReadableExtCache,
    format: SampleFormat,
}

impl std::fmt::Debug for ChunkedArray {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChunkedArray").field("path", &self.path).field("shape", &self.array.shape()).finish()
    }
}

impl ChunkedArray {
    /// Understands the array in `folder` from its metadata; checks that its chunks are no larger than what is read.
    pub(super) fn new(folder: &Place, metadata: Value) -> Result<Self, SurveyError> {
        let path = folder.shown();
        let refused = |problem: String| SurveyError::Zarr { path: path.clone(), problem };
        let kind = metadata["data_type"].as_str().unwrap_or("a composed type").to_owned();
        let format =
            sample_format(&kind).ok_or_else(|| SurveyError::Type { path: path.clone(), found: kind })?;
        let lengths = |value: &Value| {
            value
                .as_array()
                .and_then(|lengths| lengths.iter().map(Value::as_u64).collect::<Option<Vec<u64>>>())
        };
        let chunk = lengths(&metadata["chunk_grid"]["configuration"]["chunk_shape"])
            .filter(|_| metadata["chunk_grid"]["name"] == "regular")
            .ok_or_else(|| {
                refused("its chunk grid is not regular; store it with chunks of one size".to_owned())
            })?;
        let codecs = metadata["codecs"].as_array().map_or(&[][..], Vec::as_slice);
        let sharding = codecs.iter().find(|codec| codec["name"] == "sharding_indexed");
        let inner = sharding.and_then(|sharding| lengths(&sharding["configuration"]["chunk_shape"]));
        let inner = inner.unwrap_or_else(|| chunk.clone());
        let shape = lengths(&metadata["shape"]).unwrap_or_default();
        if shape.is_empty() || chunk.len() != shape.len() || inner.len() != shape.len() {
            return Err(refused(format!(
                "it has shape {shape:?}, chunks {chunk:?} and chunks within them {inner:?}, expected as many lengths of each, \
                 at least one"
            )));
        }
        let product =
            |lengths: &[u64]| lengths.iter().fold(1_u64, |product, &length| product.saturating_mul(length));
        let chunk_bytes = product(&inner).saturating_mul(format.bytes() as u64);
        let inner_chunks = product(&chunk) / product(&inner).max(1);
        if chunk_bytes == 0 || chunk_bytes > MOST_CHUNK_BYTES || inner_chunks > MOST_INNER_CHUNKS {
            return Err(refused(format!(
                "its chunks are {inner:?} in {chunk:?} with {} bytes a value, expected at most {MOST_CHUNK_BYTES} bytes a \
                 chunk and {MOST_INNER_CHUNKS} chunks a shard; store it with smaller ones",
                format.bytes()
            )));
        }
        let encoding = Encoding::of(codecs);
        let most_bytes = 2 * chunk_bytes + ENCODING_ROOM;
        let store = ChunkStore { folder: folder.clone(), most_bytes, encoding };
        let metadata = serde_json::from_value(metadata).map_err(|error| refused(error.to_string()))?;
        let array = Array::new_with_metadata(Arc::new(store), "/", ArrayMetadata::V3(metadata))
            .map_err(|error| refused(error.to_string()))?;
        let shard_indices = ArrayShardedReadableExtCache::new(&array);
        Ok(Self { path: path.clone(), array, shard_indices, format })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn shape(&self) -> &[u64] {
        self.array.shape()
    }

    /// The ranges of all its values.
    pub(super) fn everything(&self) -> Vec<Range<u64>> {
        self.shape().iter().map(|&length| 0..length).collect()
    }

    /// The names of its dimensions, as far as they have any.
    pub(super) fn dimension_names(&self) -> Vec<Option<&str>> {
        match self.array.dimension_names() {
            Some(names) => names.iter().map(|name| name.as_deref()).collect(),
            None => vec![None; self.shape().len()],
        }
    }

    pub(super) fn attributes(&self) -> &serde_json::Map<String, Value> {
        self.array.attributes()
    }

    /// The length of a chunk (of a shard: an inner chunk) along a dimension.
    pub(super) fn chunk_length(&self, dimension: usize) -> usize {
        let inner = self.array.effective_subchunk_shape();
        let length = match inner {
            Some(inner) => inner.get(dimension).map(|length| length.get()),
            None => {
                let first = vec![0; self.shape().len()];
                self.array
                    .chunk_shape(&first)
                    .ok()
                    .and_then(|chunk| chunk.get(dimension).map(|length| length.get()))
            }
        };
        length.and_then(|length| usize::try_from(length).ok()).unwrap_or(1)
    }

    /// The values in `ranges`, a range a dimension, the last one fastest.
    pub(super) fn read(&self, ranges: &[Range<u64>]) -> Result<Vec<f32>, SurveyError> {
        let bytes = self.read_bytes(ranges)?;
        let width = self.format.bytes();
        let mut amplitudes = vec![0.0; bytes.len() / width];
        amplitudes
            .par_chunks_mut(CONVERTED)
            .zip(bytes.par_chunks(CONVERTED * width))
            .for_each(|(amplitudes, bytes)| self.format.decode(NATIVE, bytes, amplitudes));
        Ok(amplitudes)
    }

    /// As [`ChunkedArray::read`], for coordinates, which need more digits.
    pub(super) fn read_exactly(&self, ranges: &[Range<u64>]) -> Result<Vec<f64>, SurveyError> {
        let bytes = self.read_bytes(ranges)?;
        Ok(match self.format {
            SampleFormat::Float64 => numbers(&bytes, f64::from_ne_bytes),
            SampleFormat::Int32 => numbers(&bytes, |bytes| i32::from_ne_bytes(bytes).into()),
            SampleFormat::UInt32 => numbers(&bytes, |bytes| u32::from_ne_bytes(bytes).into()),
            SampleFormat::Int64 => numbers(&bytes, |bytes| i64::from_ne_bytes(bytes) as f64),
            SampleFormat::UInt64 => numbers(&bytes, |bytes| u64::from_ne_bytes(bytes) as f64),
            _ => {
                let mut values = vec![0.0; bytes.len() / self.format.bytes()];
                self.format.decode(NATIVE, &bytes, &mut values);
                values.into_iter().map(f64::from).collect()
            }
        })
    }

    /// As [`ChunkedArray::read`], for masks: whether each value is other than 0.
    pub(super) fn read_truths(&self, ranges: &[Range<u64>]) -> Result<Vec<bool>, SurveyError> {
        let bytes = self.read_bytes(ranges)?;
        Ok(bytes.chunks_exact(self.format.bytes()).map(|value| value.iter().any(|&byte| byte != 0)).collect())
    }

    fn read_bytes(&self, ranges: &[Range<u64>]) -> Result<Vec<u8>, SurveyError> {
        let values =
            ranges.iter().fold(1_u64, |product, range| product.saturating_mul(range.end - range.start));
        if values.saturating_mul(self.format.bytes() as u64) > MOST_BYTES_READ {
            return Err(SurveyError::TooLarge { path: self.path.clone(), samples: values.into() });
        }
        if self.shard_indices.len() > KEPT_SHARDS {
            self.shard_indices.clear();
        }
        let subset = ArraySubset::new_with_ranges(ranges);
        let bytes: Result<ArrayBytes<'static>, _> = self.array.retrieve_array_subset_sharded_opt(
            &self.shard_indices,
            &subset,
            &CodecOptions::default(),
        );
        let refused = |problem: String| SurveyError::Zarr { path: self.path.clone(), problem };
        let bytes = bytes.map_err(|error| refused(format!("the chunks at {ranges:?}: {error}")))?;
        let bytes = bytes.into_fixed().map_err(|error| refused(error.to_string()))?;
        Ok(bytes.into_owned())
    }
}

/// The order in which `zarrs` hands out values.
const NATIVE: ByteOrder = if cfg!(target_endian = "big") { ByteOrder::Big } else { ByteOrder::Little };

fn numbers<const BYTES: usize>(bytes: &[u8], value: impl Fn([u8; BYTES]) -> f64) -> Vec<f64> {
    bytes.as_chunks().0.iter().map(|&bytes| value(bytes)).collect()
}

/// The format of a type; truth values are bytes.
fn sample_format(kind: &str) -> Option<SampleFormat> {
    Some(match kind {
        "float32" => SampleFormat::Float32,
        "float64" => SampleFormat::Float64,
        "int8" => SampleFormat::Int8,
        "int16" => SampleFormat::Int16,
        "int32" => SampleFormat::Int32,
        "int64" => SampleFormat::Int64,
        "uint8" | "bool" => SampleFormat::UInt8,
        "uint16" => SampleFormat::UInt16,
        "uint32" => SampleFormat::UInt32,
        "uint64" => SampleFormat::UInt64,
        _ => return None,
    })
}
