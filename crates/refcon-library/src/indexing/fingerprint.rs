//! Telling whether a file or folder has changed, without reading all of it.

use super::IndexError;
use refcon_image::TileFile;
use sha2::{Digest, Sha256};
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::UNIX_EPOCH;

/// Files up to this size are read whole.
const READ_WHOLE: u64 = 16 << 20;
/// Parts of larger ones that are read.
const PARTS: u64 = 64;
const PART_BYTES: u64 = 16 << 10;

/// A fingerprint of what a survey is read from. Of files up to 16 MiB it is the content; of larger ones length, time of change, and
/// content at 64 places, the headers among them; of a folder the same of all its files.
pub(crate) fn of_survey(path: &Path) -> Result<String, IndexError> {
    let mut hasher = Sha256::new();
    add(&mut hasher, path).map_err(|source| IndexError::File { path: path.to_owned(), source })?;
    Ok(hex(hasher))
}

/// A fingerprint of a folder of images: their names, lengths and times of change; and what tells whether each of them has changed.
pub(super) fn of_images(files: &[TileFile]) -> Result<(String, Vec<u64>), IndexError> {
    let mut hasher = Sha256::new();
    let mut stamps = Vec::with_capacity(files.len());
    for TileFile { name, path } in files {
        let stamp = std::fs::metadata(path).map_or([0; 8], |metadata| stamp(&metadata));
        hasher.update((name.len() as u64).to_le_bytes());
        hasher.update(name);
        hasher.update(stamp);
        stamps.push(u64::from_le_bytes(stamp));
    }
    Ok((hex(hasher), stamps))
}

/// Length and time of change as 8 bytes.
fn stamp(metadata: &Metadata) -> [u8; 8] {
    let hash = Sha256::digest(length_and_time(metadata));
    let mut stamp = [0; 8];
    stamp.copy_from_slice(&hash[..8]);
    stamp
}

fn length_and_time(metadata: &Metadata) -> [u8; 24] {
    let changed = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let mut bytes = [0; 24];
    bytes[..8].copy_from_slice(&metadata.len().to_le_bytes());
    bytes[8..].copy_from_slice(&changed.map_or(0, |age| age.as_nanos()).to_le_bytes());
    bytes
}

fn add(hasher: &mut Sha256, path: &Path) -> io::Result<()> {
    let metadata = std::fs::metadata(path)?;
    if metadata.is_dir() {
        let mut entries = std::fs::read_dir(path)?.collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            hasher.update(entry.file_name().as_encoded_bytes());
            let metadata = std::fs::metadata(entry.path())?;
            if metadata.is_dir() {
                add(hasher, &entry.path())?;
            } else {
                hasher.update(length_and_time(&metadata));
            }
        }
        return Ok(());
    }
    let mut file = File::open(path)?;
    let length = metadata.len();
    if length <= READ_WHOLE {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        hasher.update(&bytes);
        return Ok(());
    }
    hasher.update(length_and_time(&metadata));
    let mut part = Vec::new();
    for number in 0..PARTS {
        let start = (length - PART_BYTES) / (PARTS - 1) * number;
        file.seek(SeekFrom::Start(start))?;
        part.clear();
        file.by_ref().take(PART_BYTES).read_to_end(&mut part)?;
        hasher.update(&part);
    }
    Ok(())
}

fn hex(hasher: Sha256) -> String {
    hasher.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_changes_with_the_content_and_not_with_the_name() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            std::fs::write(folder.path().join(name), bytes).unwrap();
            of_survey(&folder.path().join(name)).unwrap()
        };
        assert_eq!(write("a", b"same"), write("b", b"same"));
        assert_ne!(write("a", b"same"), write("b", b"other"));
        let large = vec![0; READ_WHOLE as usize + 1];
        assert_eq!(write("c", &large), of_survey(&folder.path().join("c")).unwrap());
        assert_ne!(of_survey(&folder.path().join("c")).unwrap(), write("c", &large[1..]));
    }
}
