//! The manifest: the one file of a library that is ever replaced. What it does not name is not part of the library.
//!
//! JSON for people, with a checksum of everything before it as its last entry.

use super::error::LibraryError;
use super::source::Source;
use crate::files::{sync_folder, write_whole};
use refcon_encoders::EncoderId;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;

/// The manifest's name in the folder.
pub(crate) const MANIFEST: &str = "library.json";
/// The folder of fragments.
pub(super) const FRAGMENTS: &str = "fragments";
/// The newest format that this program reads, and the one that it writes.
pub(super) const VERSION: u64 = 1;

const FORMAT: &str = "refcon-library";
const ADVICE: &str = "restore it from a copy, or index again into a new folder";
/// Between the manifest's own entries and its checksum.
const SEAL: &str = ",\n  \"checksum\": \"";
const SEAL_END: &str = "\"\n}\n";

/// How embeddings are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VectorFormat {
    /// 32-bit floats, as the encoder gave them.
    #[default]
    F32,
    /// Rounded to 16-bit floats: half the room on disk. Search is exact for the rounded ones.
    F16,
}

/// An encoder whose embeddings are in the library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EncoderEntry {
    pub(super) encoder: EncoderId,
    pub(super) dimension: usize,
    pub(super) vectors: VectorFormat,
}

/// A file, and how to tell that it is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileEntry {
    /// Its name in the folder of fragments.
    pub(super) name: String,
    pub(super) rows: usize,
    pub(super) bytes: u64,
    /// CRC-32C of the file.
    pub(super) checksum: Checksum,
    /// CRC-32C of everything but the rows' values: what is verified on opening.
    pub(super) structure: Checksum,
}

/// A fragment: tiles that one encoder embedded, in the order of their ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FragmentEntry {
    pub(super) file: FileEntry,
    /// Index of its encoder.
    pub(super) encoder: usize,
    pub(super) first_id: u64,
    pub(super) last_id: u64,
    /// Where its tiles come from.
    pub(super) sources: Vec<u32>,
    /// Rows that are no longer part of the library.
    pub(super) tombstones: Option<FileEntry>,
}

impl FragmentEntry {
    pub(super) fn live(&self) -> usize {
        self.file.rows - self.tombstones.as_ref().map_or(0, |tombstones| tombstones.rows)
    }
}

/// A CRC-32C, in JSON as 8 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Checksum(pub(super) u32);

impl From<Checksum> for String {
    fn from(Checksum(sum): Checksum) -> Self {
        format!("{sum:08x}")
    }
}

impl TryFrom<String> for Checksum {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        u32::from_str_radix(&text, 16).map(Self)
    }
}

impl std::fmt::Display for Checksum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// What a library holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: String,
    version: u64,
    written_by: String,
    /// Counts commits.
    pub(super) commit: u64,
    /// The id of the next tile; ids are never given again.
    pub(super) next_tile: u64,
    /// The number of the next file.
    pub(super) next_file: u64,
    /// The number of the next source.
    pub(super) next_source: u32,
    pub(super) encoders: Vec<EncoderEntry>,
    pub(super) sources: Vec<Source>,
    /// Fragments of each encoder in the order of their ids.
    pub(super) fragments: Vec<FragmentEntry>,
}

/// What is looked at before anything else, since the rest may be of another version.
#[derive(Deserialize)]
struct Head {
    format: String,
    version: u64,
}

impl Manifest {
    pub(super) fn new() -> Self {
        Self {
            format: FORMAT.into(),
            version: VERSION,
            written_by: written_by(),
            commit: 0,
            next_tile: 0,
            next_file: 0,
            next_source: 0,
            encoders: Vec::new(),
            sources: Vec::new(),
            fragments: Vec::new(),
        }
    }

    /// Reads and verifies the manifest of the library in `folder`.
    pub(super) fn read(folder: &Path) -> Result<Self, LibraryError> {
        let path = folder.join(MANIFEST);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Err(LibraryError::NoLibrary { folder: folder.to_owned() });
            }
            Err(error) => return Err(LibraryError::file("read", &path)(error)),
        };
        let damaged = |problem: String| LibraryError::Damaged { path: path.clone(), problem, advice: ADVICE };
        let head: Head = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if head.format != FORMAT {
            return Err(damaged(format!("its format is {:?}, expected {FORMAT:?}", head.format)));
        }
        if head.version > VERSION {
            return Err(LibraryError::NewerVersion { path, found: head.version, known: VERSION });
        }
        let text = std::str::from_utf8(&bytes).map_err(|error| damaged(error.to_string()))?;
        let sealed = text.strip_suffix(SEAL_END).and_then(|text| text.rsplit_once(SEAL));
        let (content, seal) = sealed.ok_or_else(|| damaged("it does not end with its checksum".into()))?;
        let (found, expected) = (Checksum(crc32c::crc32c(content.as_bytes())).to_string(), seal);
        if found != expected {
            return Err(damaged(format!("its checksum is {found}, expected {expected}")));
        }
        let manifest: Self = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        manifest.verify().map_err(damaged)?;
        Ok(manifest)
    }

    /// Puts it in place of the one in `folder`, so that it outlives a power failure, as the next commit.
    pub(super) fn commit(&mut self, folder: &Path) -> Result<(), LibraryError> {
        self.commit += 1;
        self.version = VERSION;
        self.written_by = written_by();
        debug_assert_eq!(self.verify(), Ok(()));
        let path = folder.join(MANIFEST);
        let json = serde_json::to_string_pretty(self)
            .map_err(|error| LibraryError::file("write", &path)(error.into()))?;
        let content = json.trim_end().trim_end_matches('}').trim_end();
        let sum = Checksum(crc32c::crc32c(content.as_bytes()));
        write_whole(&path, |out| write!(out, "{content}{SEAL}{sum}{SEAL_END}"))?;
        sync_folder(folder).map_err(LibraryError::file("write", folder))
    }

    /// What must hold between its entries.
    fn verify(&self) -> Result<(), String> {
        let mut last = vec![None; self.encoders.len()];
        for FragmentEntry { file, encoder, first_id, last_id, tombstones, .. } in &self.fragments {
            let name = &file.name;
            let last = last.get_mut(*encoder).ok_or_else(|| format!("{name} has no encoder {encoder}"))?;
            if first_id > last_id || last.is_some_and(|last| last >= *first_id) || *last_id >= self.next_tile
            {
                return Err(format!("the ids {first_id} to {last_id} of {name} are out of order"));
            }
            *last = Some(*last_id);
            if tombstones.as_ref().is_some_and(|tombstones| tombstones.rows > file.rows) || file.rows == 0 {
                return Err(format!("{name} has {} rows and more of them removed", file.rows));
            }
            let files = [Some(file), tombstones.as_ref()];
            if let Some(outside) = files.into_iter().flatten().find(|file| file.name.contains(['/', '\\'])) {
                return Err(format!("{} is no name of a file in {FRAGMENTS}", outside.name));
            }
        }
        Ok(())
    }

    /// Every file that belongs to the library, by its name in the folder of fragments.
    pub(super) fn files(&self) -> impl Iterator<Item = &FileEntry> {
        self.fragments.iter().flat_map(|fragment| std::iter::once(&fragment.file).chain(&fragment.tombstones))
    }
}

fn written_by() -> String {
    concat!("refcon ", env!("CARGO_PKG_VERSION")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_of_a_manifest_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let mut manifest = Manifest::new();
        manifest.next_tile = 41;
        manifest.commit(folder.path()).unwrap();
        assert_eq!(Manifest::read(folder.path()).unwrap(), manifest);
        let path = folder.path().join(MANIFEST);
        let whole = std::fs::read(&path).unwrap();
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &bytes).unwrap();
            assert!(Manifest::read(folder.path()).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_newer_manifest_is_refused_with_both_versions() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(MANIFEST);
        std::fs::write(&path, r#"{"format": "refcon-library", "version": 7, "tiles": []}"#).unwrap();
        let message = Manifest::read(folder.path()).unwrap_err().to_string();
        assert!(
            message.contains("version 7") && message.contains("up to 1: use a newer refcon"),
            "{message}"
        );
    }
}
