//! A folder of labelled tiles, `DIR/<class>/*.png`, and a random few of each class.

use crate::folder::count;
use crate::{DecodeLimits, GreyImage, ListError, ReadImageError, list, read};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::io;
use std::path::{Path, PathBuf};

/// One class of a labelled folder.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassTiles {
    /// The class: its folder's name.
    pub name: String,
    /// How many tiles the class has.
    pub count: usize,
    /// The tiles picked, sorted by file name.
    pub tiles: Vec<GreyImage>,
}

/// Why a folder gives no gallery.
#[derive(Debug, thiserror::Error)]
pub enum GalleryError {
    /// The folder itself cannot be listed.
    #[error("cannot list the classes in {}: {cause}; expected a folder with one subfolder a class", path.display())]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// It has no subfolders.
    #[error(
        "no classes in {}: found {} and no subfolders, expected one subfolder of images a class, such as Fault/0001.png",
        path.display(), count(*files, "file", "files")
    )]
    NoClasses {
        /// The folder.
        path: PathBuf,
        /// How many files lie directly in it.
        files: usize,
    },
    /// None of its subfolders holds an image.
    #[error(
        "no images in {}: found {}, expected .png, .jpg, .jpeg, .tif or .tiff files in them",
        path.display(), count(*folders, "subfolder without any", "subfolders without any")
    )]
    NoImages {
        /// The folder.
        path: PathBuf,
        /// How many subfolders it has.
        folders: usize,
    },
    /// A class's folder cannot be listed.
    #[error(transparent)]
    List(ListError),
    /// A tile that was picked cannot be read.
    #[error(transparent)]
    Read(#[from] ReadImageError),
}

/// Every class below `folder`, sorted by name, with up to `per_class` of its tiles picked at random.
///
/// The same seed picks the same tiles on every machine, and adding a class changes no other class's. A class without
/// images stays in the answer with none.
///
/// # Errors
/// When `folder` cannot be listed, has no subfolders or no images in them, or a picked tile cannot be read.
pub fn pick_tiles_of_classes(
    folder: &Path,
    per_class: usize,
    seed: u64,
    limits: &DecodeLimits,
) -> Result<Vec<ClassTiles>, GalleryError> {
    let mut classes = Vec::new();
    for (name, path) in class_folders(folder)? {
        let files = match list(&path) {
            Ok(files) => files,
            Err(ListError::Empty { .. } | ListError::NoImages { .. }) => Vec::new(),
            Err(other) => return Err(GalleryError::List(other)),
        };
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut picked =
            rand::seq::index::sample(&mut rng, files.len(), per_class.min(files.len())).into_vec();
        picked.sort_unstable();
        let tiles = picked.iter().map(|&index| read(&files[index].path, limits)).collect::<Result<_, _>>()?;
        classes.push(ClassTiles { name, count: files.len(), tiles });
    }
    if classes.iter().all(|class| class.count == 0) {
        return Err(GalleryError::NoImages { path: folder.to_path_buf(), folders: classes.len() });
    }
    Ok(classes)
}

/// Name and path of each subfolder, sorted by name; hidden ones are skipped.
fn class_folders(folder: &Path) -> Result<Vec<(String, PathBuf)>, GalleryError> {
    let unreadable = |cause| GalleryError::Unreadable { path: folder.to_path_buf(), cause };
    let mut classes = Vec::new();
    let mut files = 0;
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let path = entry.path();
        if path.is_dir() {
            classes.push((name, path));
        } else {
            files += 1;
        }
    }
    if classes.is_empty() {
        return Err(GalleryError::NoClasses { path: folder.to_path_buf(), files });
    }
    classes.sort();
    Ok(classes)
}
