//! The files of a Zarr array, as `zarrs` asks for them.

use crate::survey::place::Place;
use flate2::read::GzDecoder;
use object_store::GetRange;
use serde_json::Value;
use std::io::{self, Read};
use std::sync::Arc;
use zarrs::storage::byte_range::{ByteRange, ByteRangeIterator};
use zarrs::storage::{Bytes, MaybeBytesIterator, ReadableStorageTraits, StorageError, StoreKey};

/// The folder of an array, wherever it lies.
///
/// `zarrs` has adapters for folders and for object stores; this one is for both. It also refuses, before anything is
/// decoded, chunks that would decode to more than a chunk may hold, and those with a wrong checksum.
#[derive(Debug)]
pub(super) struct ChunkStore {
    pub(super) folder: Place,
    /// Bytes that a chunk may have, encoded or decoded.
    pub(super) most_bytes: u64,
    pub(super) encoding: Encoding,
}

/// What has to be known of how an array's chunks are encoded to look after what `zarrs` leaves out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Encoding {
    /// Compressed by gzip, which says nowhere to how much.
    gzip: bool,
    /// Compressed by Zstandard, whose word on it is believed.
    zstd: bool,
    /// Whether whatever is fetched ends with a checksum over the rest, which is not looked at where a part of a chunk is
    /// decoded.
    checksum: bool,
}

impl Encoding {
    /// From the list of codecs in the metadata of an array.
    pub(super) fn of(codecs: &[Value]) -> Self {
        const COMPRESSIONS: [&str; 3] = ["blosc", "gzip", "zstd"];
        const CHECKSUM: &str = "crc32c";
        let text = Value::from(codecs).to_string();
        let names = |codec: &str| text.contains(&format!("\"{codec}\""));
        let name = |codec: &Value| codec["name"].as_str().unwrap_or_default().to_owned();
        let is_checked = |codecs: &Value| {
            codecs.as_array().and_then(|codecs| codecs.last()).is_some_and(|c| name(c) == CHECKSUM)
        };
        // Of a compressed chunk all bytes are fetched, of others those needed.
        let is_compressed_and_checked = |codecs: &[Value]| match codecs {
            [.., compression, checksum] => {
                COMPRESSIONS.contains(&name(compression).as_str()) && name(checksum) == CHECKSUM
            }
            _ => false,
        };
        let checksum = match codecs {
            [.., sharding] if name(sharding) == "sharding_indexed" => {
                let inner = sharding["configuration"]["codecs"].as_array().map_or(&[][..], Vec::as_slice);
                is_compressed_and_checked(inner) && is_checked(&sharding["configuration"]["index_codecs"])
            }
            codecs => is_compressed_and_checked(codecs) && !names("sharding_indexed"),
        };
        Self { gzip: names("gzip"), zstd: names("zstd"), checksum }
    }
}

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// Frames that a decoder skips, but for the low half of the first byte.
const ZSTD_SKIPPED: &[u8] = &[0x2a, 0x4d, 0x18];
/// Bytes of a checksum behind a compressed chunk.
const CHECKSUM: usize = 4;

impl ChunkStore {
    fn fetch(&self, key: &StoreKey, range: ByteRange) -> Result<Option<Bytes>, StorageError> {
        let range = match range {
            ByteRange::FromStart(0, None) => None,
            ByteRange::FromStart(start, None) => Some(GetRange::Offset(start)),
            ByteRange::FromStart(start, Some(length)) => {
                Some(GetRange::Bounded(start..start.saturating_add(length)))
            }
            ByteRange::Suffix(length) => Some(GetRange::Suffix(length)),
        };
        let failed = |error: io::Error| StorageError::from(Arc::new(error));
        let bytes = self.folder.child(key.as_str()).fetch(range, self.most_bytes).map_err(failed)?;
        if let Some(bytes) = &bytes {
            self.check_bound(bytes).and_then(|()| self.check_sum(bytes)).map_err(failed)?;
        }
        Ok(bytes)
    }

    fn check_sum(&self, bytes: &[u8]) -> io::Result<()> {
        if self.encoding.checksum && !has_its_checksum(bytes) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "its checksum is another one: it is damaged",
            ));
        }
        Ok(())
    }

    /// Refuses what decodes to more than a chunk may hold.
    fn check_bound(&self, bytes: &[u8]) -> io::Result<()> {
        let most = self.most_bytes;
        if self.encoding.gzip && bytes.starts_with(GZIP) {
            let mut decoded = GzDecoder::new(bytes).take(most + 1);
            // Damage is for the decoder to find.
            if io::copy(&mut decoded, &mut io::sink()).is_ok_and(|length| length > most) {
                return Err(too_much(most));
            }
        }
        let skipped =
            bytes.len() > ZSTD_SKIPPED.len() && bytes[0] >> 4 == 5 && bytes[1..].starts_with(ZSTD_SKIPPED);
        if self.encoding.zstd && (bytes.starts_with(ZSTD) || skipped) {
            let bound = |bytes| zstd::bulk::Decompressor::upper_bound(bytes);
            let bound = bound(bytes).or_else(|| bound(&bytes[..bytes.len().saturating_sub(CHECKSUM)]));
            match bound {
                Some(bound) if bound as u64 <= most => {}
                Some(_) => return Err(too_much(most)),
                None => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "a Zstandard frame is damaged"));
                }
            }
        }
        Ok(())
    }
}

/// CRC-32C, little-endian, as the codec `crc32c` puts it behind the bytes that it is of.
fn has_its_checksum(bytes: &[u8]) -> bool {
    bytes
        .split_last_chunk::<CHECKSUM>()
        .is_some_and(|(rest, &sum)| crc32c::crc32c(rest) == u32::from_le_bytes(sum))
}

fn too_much(most: u64) -> io::Error {
    let problem =
        format!("it decodes to more than {most} bytes, which is more than a chunk of the array holds");
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

impl ReadableStorageTraits for ChunkStore {
    fn get_partial_many<'a>(
        &'a self,
        key: &StoreKey,
        ranges: ByteRangeIterator<'a>,
    ) -> Result<MaybeBytesIterator<'a>, StorageError> {
        let mut pieces = Vec::new();
        for range in ranges {
            let Some(bytes) = self.fetch(key, range)? else { return Ok(None) };
            pieces.push(Ok(bytes));
        }
        Ok(Some(Box::new(pieces.into_iter())))
    }

    fn size_key(&self, key: &StoreKey) -> Result<Option<u64>, StorageError> {
        let opened = self.folder.child(key.as_str()).open_if_there();
        Ok(opened.map_err(|error| StorageError::from(Arc::new(error)))?.map(|file| file.len()))
    }

    fn supports_get_partial(&self) -> bool {
        true
    }
}
