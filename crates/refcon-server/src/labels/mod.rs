//! Tiles that were accepted, each with its class: a labelled set in the making.

mod archive;
mod files;
mod handlers;

pub(crate) use files::{Labelled, labelled};
pub(crate) use handlers::routes;
pub use handlers::{LabelRequest, LabelView};

use crate::error::ApiError;
use refcon_library::files::{WriteError, write_whole};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The file in the library's folder.
const FILE: &str = "labels.json";
/// The version of the file's form.
const VERSION: u32 = 1;
/// Characters of a class's name.
const LONGEST_CLASS: usize = 64;

/// The labels, in memory and on disk. What was acknowledged is on disk.
#[derive(Debug)]
pub(crate) struct Labels {
    path: PathBuf,
    of_tile: Mutex<BTreeMap<u64, String>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct LabelFile {
    version: u32,
    labels: Vec<LabelEntry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct LabelEntry {
    tile: u64,
    class: String,
}

/// Why the labels of a library cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LabelsError {
    /// The file cannot be read.
    #[error("cannot read the labels {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not what was written.
    #[error("the labels {} are damaged: {problem}; mend the file, or move it away to start without labels", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

impl Labels {
    /// The labels kept in a library's folder; none where there is no file of them.
    ///
    /// # Errors
    /// There is a file that cannot be used.
    pub(crate) fn open(folder: &Path) -> Result<Self, LabelsError> {
        let path = folder.join(FILE);
        let damaged = |problem: String| LabelsError::Damaged { path: path.clone(), problem };
        let of_tile = match std::fs::read(&path) {
            Ok(bytes) => {
                let file: LabelFile =
                    serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
                if file.version != VERSION {
                    return Err(damaged(format!("version {}, expected {VERSION}", file.version)));
                }
                file.labels.into_iter().map(|entry| (entry.tile, entry.class)).collect()
            }
            Err(error) if error.kind() == ErrorKind::NotFound => BTreeMap::new(),
            Err(source) => return Err(LabelsError::Read { path, source }),
        };
        Ok(Self { path, of_tile: Mutex::new(of_tile) })
    }

    fn of_tile(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, String>> {
        self.of_tile.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every label, by tile.
    pub(crate) fn all(&self) -> BTreeMap<u64, String> {
        self.of_tile().clone()
    }

    /// The class given to a tile.
    pub(crate) fn class_of(&self, tile: u64) -> Option<String> {
        self.of_tile().get(&tile).cloned()
    }

    /// Gives a tile a class, or takes it away; returns the one it had. When this returns, the change is on disk.
    ///
    /// # Errors
    /// It cannot be written; nothing has changed then.
    pub(crate) fn set(&self, tile: u64, class: Option<String>) -> Result<Option<String>, WriteError> {
        // Held while the file is written, so that the last to be acknowledged is the last to be written.
        let mut of_tile = self.of_tile();
        let mut changed = of_tile.clone();
        let before = match class {
            Some(class) => changed.insert(tile, class),
            None => changed.remove(&tile),
        };
        if changed != *of_tile {
            let labels =
                changed.iter().map(|(&tile, class)| LabelEntry { tile, class: class.clone() }).collect();
            let file = LabelFile { version: VERSION, labels };
            write_whole(&self.path, |out| {
                serde_json::to_writer_pretty(&mut *out, &file)?;
                out.write_all(b"\n")
            })?;
            *of_tile = changed;
        }
        Ok(before)
    }
}

/// A name that can be a folder's on every system, since classes become folders.
fn checked_class(class: &str) -> Result<String, ApiError> {
    let class = class.trim();
    let odd = |c: char| c.is_control() || "/\\<>:\"|?*".contains(c);
    let wrong = class.is_empty()
        || class.chars().count() > LONGEST_CLASS
        || class.contains(odd)
        || class.starts_with('.')
        || class.ends_with('.');
    if wrong {
        return Err(ApiError::bad_request(format_args!("{class:?} is no name of a class")).hint(format!(
            "give up to {LONGEST_CLASS} characters without / \\ < > : \" | ? *, not beginning or ending with a full stop"
        )));
    }
    Ok(class.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_there_again_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let labels = Labels::open(folder.path()).unwrap();
        assert_eq!(labels.set(7, Some("Salt".into())).unwrap(), None);
        labels.set(3, Some("Fault".into())).unwrap();
        assert_eq!(labels.set(7, Some("Channel".into())).unwrap().as_deref(), Some("Salt"));
        assert_eq!(labels.set(3, None).unwrap().as_deref(), Some("Fault"));
        assert_eq!(labels.set(99, None).unwrap(), None);
        let again = Labels::open(folder.path()).unwrap();
        assert_eq!(again.all(), BTreeMap::from([(7, "Channel".to_owned())]));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn labels_given_at_once_are_all_kept() {
        let folder = tempfile::tempdir().unwrap();
        let labels = Labels::open(folder.path()).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let labels = &labels;
                scope.spawn(move || {
                    (0..10).for_each(|at| drop(labels.set(thread * 10 + at, Some("Salt".into())).unwrap()));
                });
            }
        });
        assert_eq!(Labels::open(folder.path()).unwrap().all().len(), 40);
    }

    #[test]
    fn a_damaged_file_is_named_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        for text in ["{\"version\":1", "{\"version\":2,\"labels\":[]}"] {
            std::fs::write(&path, text).unwrap();
            let message = Labels::open(folder.path()).unwrap_err().to_string();
            assert!(message.contains("labels.json are damaged"), "{message}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn classes_are_names_that_folders_can_have() {
        assert_eq!(checked_class(" Bright_Planar ").unwrap(), "Bright_Planar");
        assert!(checked_class("Salz Flanke 2").is_ok() && checked_class("断層").is_ok());
        for wrong in ["", " ", ".", "..", "../x", "a/b", "a\\b", "C:", "a\0b", "a\nb", &"x".repeat(65)] {
            assert!(checked_class(wrong).is_err(), "{wrong:?}");
        }
    }
}
