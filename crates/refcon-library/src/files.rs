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
    content: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>,
) -> Result<(), WriteError> {
    let written = || -> io::Result<()> {
        let path = destination(path)?;
        let mut file = file_beside(&path)?;
        // Into the bare file: errors of the temporary one would tell its name, which means nothing to the reader.
        let mut out = BufWriter::new(file.as_file_mut());
        content(&mut out)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        file.persist(&path).map_err(|error| error.error)?;
        Ok(())
    };
    written().map_err(|source| WriteError { path: path.into(), source: without_temporary_name(source) })
}

/// Makes sure that the names of `folder` are on disk: a file that was renamed into it is found there after a power failure.
///
/// Only Unix has such a thing; elsewhere a rename is as durable as the file system makes it.
///
/// # Errors
/// When the folder cannot be opened, or the disk reports an error.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { std::fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Says beforehand whether [`write_whole`] could write `path`, so that an hour's work is not done for nothing.
///
/// # Errors
/// As [`write_whole`].
pub fn check_writable(path: &Path) -> Result<(), WriteError> {
    let checked = destination(path).and_then(|path| file_beside(&path));
    checked.map(drop).map_err(|source| WriteError { path: path.into(), source })
}

/// Where the bytes of `path` go: to the file that a link points to, so that the link stays one.
fn destination(path: &Path) -> io::Result<PathBuf> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(found) if !found.is_file() => Err(io::Error::other("it is a device or a pipe, expected a file")),
        Ok(_) => path.canonicalize(),
        Err(_) => Ok(path.to_owned()),
    }
}

fn file_beside(path: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    // A temporary file is its owner's alone; a result is as open as any file that the user makes.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder_of(path)).map_err(without_temporary_name)
}

/// What the system said, without the name of the temporary file, which means nothing to the reader.
fn without_temporary_name(error: io::Error) -> io::Error {
    let cause = error.get_ref().and_then(|inner| inner.source()).map(ToString::to_string);
    match cause {
        Some(cause) => io::Error::new(error.kind(), cause),
        None => error,
    }
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

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_a_device_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target.json"), folder.path().join("link.json"));
        std::fs::write(&target, "old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        write_whole(&link, |out| out.write_all(b"new")).unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "new");
        let message = check_writable(Path::new("/dev/null")).unwrap_err().to_string();
        assert!(message.contains("/dev/null: it is a device"), "{message}");
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
