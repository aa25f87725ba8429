//! Images of a section on their way into folders.

use super::ExportError;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Writes the images of a section so that each appears under its name when it is whole.
///
/// A folder that is the section's own appears with all of them in it: one change of the file system instead of one an image.
#[derive(Debug, Default)]
pub(super) struct Images {
    /// The section's own folder, which the images are not in yet.
    folder: Option<PathBuf>,
    /// Folders of classes that are there.
    classes: Vec<PathBuf>,
}

impl Images {
    /// Writes the image that is to be at `path`, a folder of the section's `own` or not.
    pub(super) fn write(&mut self, path: &Path, bytes: &[u8], own: bool) -> Result<(), ExportError> {
        let (folder, name) = (path.parent().unwrap_or(path), path.file_name().unwrap_or_default());
        let failed = |source| ExportError::File { doing: "write", path: path.to_owned(), source };
        if own {
            let partial = partial(folder);
            if self.folder.is_none() {
                make_empty(&partial).map_err(|source| failed_to_make(&partial, source))?;
                self.folder = Some(folder.to_owned());
            }
            return fs::write(partial.join(name), bytes).map_err(failed);
        }
        if !self.classes.iter().any(|made| made == folder) {
            fs::create_dir_all(folder).map_err(|source| failed_to_make(folder, source))?;
            self.classes.push(folder.to_owned());
        }
        // Always the same temporary name, so that one a killed process left is replaced.
        let partial = partial(path);
        fs::write(&partial, bytes).and_then(|()| fs::rename(&partial, path)).map_err(failed)
    }

    /// Puts the section's folder in place.
    pub(super) fn finish(self) -> Result<(), ExportError> {
        let Some(folder) = self.folder else { return Ok(()) };
        let partial = partial(&folder);
        let is_there = folder.is_dir();
        let put = if is_there { merge(&partial, &folder) } else { fs::rename(&partial, &folder) };
        put.map_err(|source| ExportError::File { doing: "write", path: folder, source })
    }
}

fn partial(path: &Path) -> PathBuf {
    path.with_extension("partial")
}

fn failed_to_make(folder: &Path, source: io::Error) -> ExportError {
    ExportError::File { doing: "make the folder", path: folder.to_owned(), source }
}

/// Makes a folder; one that a killed process left is emptied.
fn make_empty(folder: &Path) -> io::Result<()> {
    let made = match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir_all(folder),
        made => made,
    };
    match made {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_dir_all(folder)?;
            fs::create_dir(folder)
        }
        made => made,
    }
}

/// Moves the files of one folder into another, over those of the same name.
fn merge(from: &Path, into: &Path) -> io::Result<()> {
    for file in fs::read_dir(from)? {
        let file = file?;
        fs::rename(file.path(), into.join(file.file_name()))?;
    }
    fs::remove_dir(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_made_again_keeps_what_is_not_its_own() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("survey/inline-1");
        let write = |images: &mut Images, name: &str, bytes: &[u8]| {
            images.write(&folder.join(name), bytes, true).unwrap();
        };
        let mut killed = Images::default();
        write(&mut killed, "half.png", b"ha");
        assert!(!folder.exists(), "half a section is not seen");
        let mut images = Images::default();
        write(&mut images, "a.png", b"first");
        images.finish().unwrap();
        fs::write(folder.join("notes.txt"), "mine").unwrap();
        let mut again = Images::default();
        write(&mut again, "a.png", b"second");
        again.finish().unwrap();
        let read = |name: &str| fs::read(folder.join(name)).unwrap();
        assert_eq!((read("a.png"), read("notes.txt")), (b"second".to_vec(), b"mine".to_vec()));
        assert!(!folder.join("half.png").exists());
        assert_eq!(fs::read_dir(scratch.path().join("survey")).unwrap().count(), 1);
    }
}
