//! The tile library on disk: a folder that loses nothing, and that readers and a writer share without waiting for each other.
//!
//! ```text
//! L/library.json                    the manifest: what the library holds, replaced atomically
//! L/library.lock                    locked by the process that writes; says which one
//! L/fragments/00000003.arrow        tiles and their embeddings: an Arrow IPC file, never changed
//! L/fragments/00000007-removed.arrow    rows of a fragment that were removed
//! ```
//!
//! | what happens | what is there afterwards |
//! |---|---|
//! | the program, or the power, ends at any moment | everything up to the last commit; a file that was being written is no part of the library, and the next writer removes it |
//! | the disk is full, the folder read-only | the same, and an error that says so |
//! | a fragment is gone, cut short, or its structure damaged | the others; [`Snapshot::missing`] says what a search does not cover |
//! | a value in a fragment is changed | found by [`check`](Library::check), which reads everything; not on opening |
//! | the manifest is damaged, or of a newer version | nothing is read; the error says why |
//! | two processes write | the second waits, or says who writes ([`Wait`]) |
//! | a fragment is replaced while it is read | readers keep what they have open; on Windows, where such a file cannot be removed, the next writer does |
//!
//! Fragments are read through memory maps, so that opening takes no time and only what is looked at is in memory. A map is as good as
//! the disk under it: where other programs cut files short or a network disk vanishes, a map ends the process. Lengths and structure
//! are checked before a fragment is used.
//!
//! Every fragment holds the embeddings of one encoder; a library can hold those of several.
//!
//! ```
//! use refcon_encoders::{Embeddings, EncoderId};
//! use refcon_library::{Library, TileRecord, Wait};
//!
//! # let scratch = tempfile::tempdir()?;
//! # let folder = scratch.path().join("library");
//! let library = Library::create(&folder)?;
//! let embeddings = Embeddings::new(EncoderId::new("mine", &[b"1"]), 2, vec![1.0, 0.0, 0.6, 0.8])?;
//! let tile = |file: &str| TileRecord::of_image("tiles", file, 118, 143);
//! library.writer(Wait::No)?.append(vec![tile("a.png").into(), tile("b.png").into()], &embeddings)?;
//!
//! let tiles = library.snapshot()?.tiles(embeddings.encoder())?;
//! assert_eq!(tiles.record(1)?.file, "b.png");
//! assert_eq!(tiles.embedding(1), [0.6, 0.8]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod block;
mod check;
mod codes;
mod columns;
mod compaction;
mod error;
mod fragment_file;
mod lock;
mod manifest;
mod removal;
mod rows;
mod schema;
mod snapshot;
mod source;
mod tombstones;
mod words;
mod writer;

pub use block::{Block, Vectors};
pub use check::{CheckReport, Damage};
pub use columns::{Columns, Words};
pub use compaction::{Compacted, Compaction};
pub use error::LibraryError;
pub use lock::Wait;
pub(crate) use manifest::MANIFEST;
pub use manifest::VectorFormat;
pub use rows::NewTile;
pub use snapshot::{EncodedTiles, EncoderSummary, MissingFragment, Snapshot};
pub use source::{NewSource, Source, SourceKind, SurveyAccess};
pub use writer::{Progress, Writer};

use lock::{LOCK, WriterLock};
use manifest::{FRAGMENTS, Manifest};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A library: a folder of tiles and their embeddings.
#[derive(Debug)]
pub struct Library {
    folder: PathBuf,
    /// What the last snapshot had open, for the next one.
    latest: Mutex<Option<Snapshot>>,
}

impl Library {
    /// Makes an empty library in a folder that is new or empty.
    ///
    /// # Errors
    /// The folder holds something else, or cannot be written.
    pub fn create(folder: &Path) -> Result<Self, LibraryError> {
        let fragments = folder.join(FRAGMENTS);
        fs::create_dir_all(folder).map_err(LibraryError::file("make the folder", folder))?;
        let occupied = |name: &str| name != LOCK && name != FRAGMENTS && !is_temporary(name);
        let entries = fs::read_dir(folder).map_err(LibraryError::file("list", folder))?;
        if entries.flatten().any(|entry| occupied(&entry.file_name().to_string_lossy())) {
            return Err(LibraryError::Occupied { folder: folder.to_owned() });
        }
        let _lock = WriterLock::take(folder, Wait::Yes(&mut |_| ()))?;
        fs::create_dir_all(&fragments).map_err(LibraryError::file("make the folder", &fragments))?;
        if !folder.join(MANIFEST).exists() {
            Manifest::new().commit(folder)?;
        }
        Self::open(folder)
    }

    /// Opens the library in a folder.
    ///
    /// # Errors
    /// There is none, or its manifest is damaged or of a newer version.
    pub fn open(folder: &Path) -> Result<Self, LibraryError> {
        Manifest::read(folder)?;
        Ok(Self { folder: folder.to_owned(), latest: Mutex::new(None) })
    }

    /// Opens the library in a folder, or makes one where there is none.
    ///
    /// # Errors
    /// As [`Library::open`] and [`Library::create`].
    pub fn open_or_create(folder: &Path) -> Result<Self, LibraryError> {
        match Self::open(folder) {
            Err(LibraryError::NoLibrary { .. }) => Self::create(folder),
            other => other,
        }
    }

    /// Where it lies.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the library holds now. Never waits for a writer.
    ///
    /// # Errors
    /// The manifest cannot be read. Fragments that cannot be used are no error: see [`Snapshot::missing`].
    pub fn snapshot(&self) -> Result<Snapshot, LibraryError> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let mut manifest = Manifest::read(&self.folder)?;
        loop {
            if let Some(snapshot) = latest.as_ref().filter(|snapshot| snapshot.manifest() == &manifest) {
                return Ok(snapshot.clone());
            }
            let commit = manifest.commit;
            let snapshot = Snapshot::open(&self.folder, manifest, latest.as_ref());
            // A fragment that a writer replaced between two of our steps is no damage.
            manifest = Manifest::read(&self.folder)?;
            if snapshot.missing().is_empty() {
                *latest = Some(snapshot.clone());
                return Ok(snapshot);
            }
            if manifest.commit == commit {
                return Ok(snapshot);
            }
        }
    }

    /// The right to write, which only one process has at a time. It goes back when the writer is dropped, or the process ends.
    ///
    /// # Errors
    /// Another process writes (unless told to wait), or the folder cannot be written.
    pub fn writer(&self, wait: Wait<'_>) -> Result<Writer, LibraryError> {
        Writer::open(&self.folder, wait)
    }
}

/// Whether a file has the name of one that has not been written to its end.
fn is_temporary(name: &str) -> bool {
    name.starts_with(".tmp")
}
