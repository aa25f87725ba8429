//! Writing a file whole or not at all.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A file that could not be written. What stood at its place before still does.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}{}", path.display(), hint(path))]
pub struct WriteError {
    /// The file that was asked for.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

fn hint(path: &Path) -> String {
    let folder = folder_of(path);
    if path.is_dir() {
        "; it is a folder, give the name of a file".into()
    } else if !folder.is_dir() {
        format!("; the folder {} does not exist, make it first", folder.display())
    } else {
        String::new()
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes `path` through `content` into a file beside it, which takes its place only when all of it is on disk.
///
/// # Errors
/// When the folder does not exist, the path is a folder, or the disk is full or read-only.
pub fn write_whole(
    path: &Path,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), WriteError> {
    let written = || -> io::Result<()> {
        if path.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let mut file = BufWriter::new(NamedTempFile::new_in(folder_of(path))?);
        content(&mut file)?;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        readable_as_usual(&file)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    written().map_err(|source| WriteError { path: path.into(), source })
}

/// Says beforehand whether [`write_whole`] could write `path`, so that an hour's work is not done for nothing.
///
/// # Errors
/// As [`write_whole`].
pub fn check_writable(path: &Path) -> Result<(), WriteError> {
    let checked = if path.is_dir() {
        Err(io::ErrorKind::IsADirectory.into())
    } else {
        NamedTempFile::new_in(folder_of(path))
    };
    checked.map(drop).map_err(|source| WriteError { path: path.into(), source })
}

/// A temporary file is its owner's alone; a result is for colleagues too.
#[cfg(unix)]
fn readable_as_usual(file: &NamedTempFile) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable_as_usual(_: &NamedTempFile) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.json");
        std::fs::write(&path, "old").unwrap();
        let error = write_whole(&path, |out| {
            out.write_all(b"half")?;
            Err(io::Error::other("disk full"))
        });
        assert!(error.unwrap_err().to_string().contains("disk full"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_is_named_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nowhere").join("out.json");
        let message = write_whole(&path, |_| Ok(())).unwrap_err().to_string();
        assert!(
            message.contains("out.json") && message.contains("does not exist, make it first"),
            "{message}"
        );
        let message = write_whole(folder.path(), |_| Ok(())).unwrap_err().to_string();
        assert!(message.contains("it is a folder"), "{message}");
    }
}
