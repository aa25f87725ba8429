//! Writing a file whole or not at all.

use std::fs::File;
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
        let mut out = BufWriter::new(file.bare());
        content(&mut out)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        file.persist(&path)
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
        Ok(found) if found.permissions().readonly() => {
            Err(io::Error::new(io::ErrorKind::PermissionDenied, "the file is there and read-only"))
        }
        Ok(found) if !found.is_file() => Err(io::Error::other("it is a device or a pipe, expected a file")),
        Ok(_) => path.canonicalize(),
        Err(_) => Ok(path.to_owned()),
    }
}

/// A file in the making.
enum Unfinished {
    /// It has no name before it is whole: nothing is left of it, however the program ends.
    #[cfg(target_os = "linux")]
    Nameless(File),
    /// Where the system knows no such files.
    Named(NamedTempFile),
}

impl Unfinished {
    fn bare(&mut self) -> &mut File {
        match self {
            #[cfg(target_os = "linux")]
            Self::Nameless(file) => file,
            Self::Named(file) => file.as_file_mut(),
        }
    }

    /// Gives it its name, in place of whatever has it.
    fn persist(self, path: &Path) -> io::Result<()> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Nameless(mut file) => match nameless::persist(&file, path) {
                Err(error) if nameless::cannot_be_named(&error) => {
                    let mut named = named_file_in(folder_of(path))?;
                    io::Seek::rewind(&mut file)?;
                    io::copy(&mut file, named.as_file_mut())?;
                    named.as_file().sync_all()?;
                    Self::Named(named).persist(path)
                }
                done => done,
            },
            Self::Named(file) => file.persist(path).map(drop).map_err(|error| error.error),
        }
    }
}

fn file_beside(path: &Path) -> io::Result<Unfinished> {
    #[cfg(target_os = "linux")]
    if let Some(file) = nameless::file_in(folder_of(path)) {
        return Ok(Unfinished::Nameless(file));
    }
    named_file_in(folder_of(path)).map(Unfinished::Named)
}

fn named_file_in(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    // A temporary file is its owner's alone; a result is as open as any file that the user makes.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder).map_err(without_temporary_name)
}

/// Files that have no name yet (`O_TMPFILE`, open(2)).
#[cfg(target_os = "linux")]
mod nameless {
    use super::folder_of;
    use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, open};
    use std::fs::File;
    use std::io;
    use std::os::fd::AsRawFd;
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Where the system shows a process its open files, which is how one is given a name.
    const OPEN_FILES: &str = "/proc/self/fd";

    /// None where the file system, or the system, cannot make or name one.
    pub(super) fn file_in(folder: &Path) -> Option<File> {
        let mode = Mode::from_raw_mode(0o666);
        let file = open(folder, OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, mode).ok()?;
        Path::new(OPEN_FILES).is_dir().then(|| file.into())
    }

    /// Whether the system makes such files but names none, as in some sandboxes.
    pub(super) fn cannot_be_named(error: &io::Error) -> bool {
        use io::ErrorKind::{CrossesDevices, InvalidInput, NotFound, PermissionDenied, Unsupported};
        matches!(error.kind(), CrossesDevices | InvalidInput | NotFound | PermissionDenied | Unsupported)
    }

    /// A name is never given over one that is there, so it is given beside it and moved.
    pub(super) fn persist(file: &File, path: &Path) -> io::Result<()> {
        let open_file = PathBuf::from(OPEN_FILES).join(file.as_raw_fd().to_string());
        let beside = loop {
            static NAMED: AtomicU64 = AtomicU64::new(0);
            let number = NAMED.fetch_add(1, Ordering::Relaxed);
            let beside = folder_of(path).join(format!(".tmp-{}-{number}", std::process::id()));
            match linkat(CWD, &open_file, CWD, &beside, AtFlags::SYMLINK_FOLLOW) {
                Ok(()) => break beside,
                Err(rustix::io::Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        };
        std::fs::rename(&beside, path).inspect_err(|_| drop(std::fs::remove_file(&beside)))
    }
}

/// What the system said, without the name of the temporary file, which means nothing to the reader.
fn without_temporary_name(error: io::Error) -> io::Error {
    let text = error.to_string();
    // The crate tempfile keeps what the system said to itself, but for the words.
    match text.split_once(" at path ") {
        Some((said, _)) if error.get_ref().is_some() => io::Error::new(error.kind(), said),
        _ => error,
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

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_in_the_making_has_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let names = || std::fs::read_dir(folder.path()).unwrap().count();
        if nameless::file_in(folder.path()).is_none() {
            println!("this file system makes no files without a name");
            return;
        }
        let path = folder.path().join("out.json");
        for text in ["first", "second"] {
            let before = names();
            write_whole(&path, |out| {
                assert_eq!(names(), before);
                out.write_all(text.as_bytes())
            })
            .unwrap();
            assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), names()), (text, 1));
        }
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
