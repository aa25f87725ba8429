//! The folders that requests may name files in.

use std::path::{Component, Path, PathBuf};

/// Folders whose files may be reached, with their links followed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Folders(Vec<PathBuf>);

impl Folders {
    /// These folders.
    ///
    /// # Errors
    /// One of them is not there; the error names it.
    pub(crate) fn new(folders: &[PathBuf]) -> std::io::Result<Self> {
        let real = folders.iter().map(|folder| {
            let cannot = |error| {
                std::io::Error::other(format!("cannot open the folder {}: {error}", folder.display()))
            };
            let real = folder.canonicalize().map_err(cannot)?;
            if real.is_dir() {
                return Ok(real);
            }
            Err(std::io::Error::other(format!("{} is no folder", folder.display())))
        });
        Ok(Self(real.collect::<std::io::Result<_>>()?))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(PathBuf::as_path)
    }

    /// The file or folder that a request calls `name`: a path below one of the folders, by names alone (no `..`, no root, no
    /// drive), that with all links followed still lies in it. `None` where there is none: a request cannot tell what lies outside
    /// from what does not exist.
    pub(crate) fn find(&self, name: &str) -> Option<PathBuf> {
        let path = Path::new(name);
        let plain = !name.is_empty()
            && !name.contains(['\0', '\\'])
            && path.components().all(|part| matches!(part, Component::Normal(_)));
        if !plain {
            return None;
        }
        self.0.iter().find_map(|folder| self.inside(folder, &folder.join(path)))
    }

    /// A path below `folder`, with its links followed, if it is still below it.
    pub(crate) fn inside(&self, folder: &Path, path: &Path) -> Option<PathBuf> {
        path.canonicalize().ok().filter(|real| real.starts_with(folder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn nothing_outside_the_folders_can_be_named() {
        let scratch = tempfile::tempdir().unwrap();
        let inside = scratch.path().join("surveys");
        fs::create_dir_all(inside.join("deep")).unwrap();
        fs::write(inside.join("deep/a.sgy"), "x").unwrap();
        fs::write(scratch.path().join("secret"), "x").unwrap();
        fs::create_dir(scratch.path().join("surveys-too")).unwrap();
        fs::write(scratch.path().join("surveys-too/b.sgy"), "x").unwrap();
        #[cfg(unix)]
        for (link, target) in [("out", "../secret"), ("away", ".."), ("in.sgy", "deep/a.sgy")] {
            std::os::unix::fs::symlink(target, inside.join(link)).unwrap();
        }
        let folders = Folders::new(&[inside]).unwrap();
        assert!(folders.find("deep/a.sgy").is_some_and(|path| path.ends_with("surveys/deep/a.sgy")));
        #[cfg(unix)]
        assert!(folders.find("in.sgy").is_some_and(|path| path.ends_with("surveys/deep/a.sgy")));
        let absolute = scratch.path().join("secret");
        for name in [
            "",
            ".",
            "..",
            "../secret",
            "deep/../../secret",
            "deep/../deep/a.sgy",
            "/etc/passwd",
            absolute.to_str().unwrap(),
            "out",
            "away/secret",
            "away/surveys/deep/a.sgy/../../../secret",
            "../surveys-too/b.sgy",
            "deep\\..\\..\\secret",
            "deep/a.sgy\0.png",
            "%2e%2e/secret",
            "C:\\secret",
            "nothing",
        ] {
            assert_eq!(folders.find(name), None, "{name:?}");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = Folders::new(&[PathBuf::from("no-such-folder")]).unwrap_err();
        assert!(error.to_string().contains("no-such-folder"), "{error}");
    }
}
