//! Files that appear whole or not at all.

use std::io;
use std::path::Path;
use tempfile::NamedTempFile;

/// A file in the folder of `path` that takes its place when persisted, without a copy; dropped, it is gone.
pub(crate) fn create_beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".").suffix(".partial");
    #[cfg(unix)]
    let builder = {
        use std::os::unix::fs::PermissionsExt;
        // The process's umask takes its share of these; a temporary file would be private by default.
        builder.permissions(std::fs::Permissions::from_mode(0o666))
    };
    builder.tempfile_in(folder).map_err(without_temporary_name)
}

/// What the system said, without the name of the temporary file, which means nothing to the reader.
pub(crate) fn without_temporary_name(error: io::Error) -> io::Error {
    let text = error.to_string();
    // The crate tempfile keeps what the system said to itself, but for the words.
    match text.split_once(" at path ") {
        Some((said, _)) if error.get_ref().is_some() => io::Error::new(error.kind(), said),
        _ => error,
    }
}
