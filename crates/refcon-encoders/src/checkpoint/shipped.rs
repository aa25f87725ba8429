//! Files that come with the program: the compact encoder's. Wherever a checkpoint's path may stand, its name may.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

/// The name of the encoder that comes with the program. A folder of that name is `./compact`.
pub const COMPACT: &str = "compact";

/// Whether a checkpoint's path is the name of an encoder that comes with the program.
#[must_use]
pub fn is_shipped(checkpoint: &Path) -> bool {
    checkpoint == Path::new(COMPACT)
}

const FILES: [(&str, &[u8]); 3] = [
    ("model.safetensors", include_bytes!("../../compact/model.safetensors")),
    ("config.json", include_bytes!("../../compact/config.json")),
    ("refcon-encoder.json", include_bytes!("../../compact/refcon-encoder.json")),
];

/// A file on disk, or one that comes with the program.
#[derive(Debug)]
pub(super) enum OpenFile {
    OnDisk(File),
    Shipped(Cursor<&'static [u8]>),
}

impl OpenFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if !path.parent().is_some_and(is_shipped) {
            return File::open(path).map(Self::OnDisk);
        }
        let found = FILES.iter().find(|(name, _)| path.ends_with(name));
        let (_, bytes) = found.ok_or(io::ErrorKind::NotFound)?;
        Ok(Self::Shipped(Cursor::new(bytes)))
    }

    /// Its length in bytes.
    pub(super) fn length(&self) -> io::Result<u64> {
        match self {
            Self::OnDisk(file) => Ok(file.metadata()?.len()),
            Self::Shipped(bytes) => Ok(bytes.get_ref().len() as u64),
        }
    }
}

impl Read for OpenFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::OnDisk(file) => file.read(buffer),
            Self::Shipped(bytes) => bytes.read(buffer),
        }
    }
}

impl Seek for OpenFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::OnDisk(file) => file.seek(to),
            Self::Shipped(bytes) => bytes.seek(to),
        }
    }
}
