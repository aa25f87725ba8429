//! The image files of a folder.

use std::collections::HashSet;
use std::fs::DirEntry;
use std::io;
use std::path::{Path, PathBuf};

/// Extensions that mark an image file, in lower case; the case of a file's own does not matter.
const EXTENSIONS: [&str; 5] = ["png", "jpg", "jpeg", "tif", "tiff"];

/// An image file found in a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileFile {
    /// The path below the folder, with `/` between its parts on every system: two files of one name in two subfolders
    /// stay distinct.
    pub name: String,
    /// Where to open it.
    pub path: PathBuf,
}

/// Why a folder gives no image files.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// There is no such folder.
    #[error("the image folder {} does not exist: expected a folder of PNG, JPEG or TIFF files", path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// It is something else, such as a file.
    #[error("{} is a file: expected a folder of PNG, JPEG or TIFF files; give the folder that holds it", path.display())]
    NotAFolder {
        /// What was given.
        path: PathBuf,
    },
    /// The system would not list it or a folder below it.
    #[error("cannot list the folder {}: {cause}", path.display())]
    Unreadable {
        /// The folder that could not be listed.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// There is nothing in it.
    #[error("the folder {} is empty: expected PNG, JPEG or TIFF files in it or below it", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// There are files in it, but no images.
    #[error(
        "no images in {}: found {}, none with an image extension (.png, .jpg, .jpeg, .tif, .tiff)",
        path.display(),
        count(*files, "file", "files")
    )]
    NoImages {
        /// The folder.
        path: PathBuf,
        /// How many other files it holds, subfolders included, hidden ones not.
        files: usize,
    },
}

/// All image files in `folder` and its subfolders, sorted by name.
///
/// A file counts by its extension (.png, .jpg, .jpeg, .tif, .tiff, in any case). Files and folders whose name starts
/// with a dot are skipped. Linked folders are followed, each real folder once, so links in a circle end.
///
/// # Errors
/// When `folder` is missing, is not a folder, cannot be listed, or holds no image.
pub fn list(folder: &Path) -> Result<Vec<TileFile>, ListError> {
    let path = folder.to_path_buf();
    match std::fs::metadata(folder) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return Err(ListError::NotAFolder { path }),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Err(ListError::Missing { path }),
        Err(cause) => return Err(ListError::Unreadable { path, cause }),
    }

    let mut found = Found::default();
    found.visit(folder, "")?;
    if found.images.is_empty() {
        return Err(match found.other_files {
            0 => ListError::Empty { path },
            files => ListError::NoImages { path, files },
        });
    }
    found.images.sort();
    Ok(found.images)
}

/// What a walk has met so far.
#[derive(Default)]
struct Found {
    images: Vec<TileFile>,
    other_files: usize,
    /// Real paths of the folders walked, so that a circle of links ends.
    folders: HashSet<PathBuf>,
}

impl Found {
    /// Walks `folder`, whose files' names start with `prefix` (empty, or ending in `/`).
    fn visit(&mut self, folder: &Path, prefix: &str) -> Result<(), ListError> {
        let unreadable = |cause| ListError::Unreadable { path: folder.to_path_buf(), cause };
        if !self.folders.insert(folder.canonicalize().map_err(unreadable)?) {
            return Ok(());
        }
        let mut entries: Vec<DirEntry> =
            std::fs::read_dir(folder).map_err(unreadable)?.collect::<Result<_, _>>().map_err(unreadable)?;
        // Real folders before links to them: a folder reached both ways is named by its real place.
        entries.sort_by_cached_key(|entry| {
            (entry.file_type().is_ok_and(|kind| kind.is_symlink()), entry.file_name())
        });

        for entry in entries {
            let file_name = entry.file_name().to_string_lossy().into_owned();
            if file_name.starts_with('.') {
                continue;
            }
            let path = entry.path();
            let name = format!("{prefix}{file_name}");
            // A dangling link has no metadata; it is listed as a file, and reading it will say what is wrong.
            if std::fs::metadata(&path).is_ok_and(|found| found.is_dir()) {
                self.visit(&path, &format!("{name}/"))?;
            } else if is_image_name(&path) {
                self.images.push(TileFile { name, path });
            } else {
                self.other_files += 1;
            }
        }
        Ok(())
    }
}

/// Whether a file's name ends as that of a tile does: .png, .jpg, .jpeg, .tif or .tiff, in any case.
#[must_use]
pub fn is_image_name(path: &Path) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension)))
}

/// A number of things: `1 file`, `12 files`.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
