//! Surveys among the files of the configured folders.

use crate::security::folders::Folders;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Folders deep that are looked into.
const DEPTH: usize = 4;
/// Files and folders that are looked at, so that a server pointed at a whole disk still starts.
const MOST_ENTRIES: usize = 20_000;
/// What the names of survey files end in.
const EXTENSIONS: [&str; 4] = ["sgy", "segy", "su", "npy"];
/// What makes a folder a Zarr store.
const ZARR: &str = "zarr.json";

/// What `refcon synth` adds to a survey's name for its label volume.
const LABELS: &str = "-labels";

/// Files and Zarr stores that may be surveys, sorted, without label volumes of others; links are followed where they stay inside.
pub(super) fn surveys_in(folders: &Folders) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = MOST_ENTRIES;
    for folder in folders.iter() {
        look_into(folders, folder, folder, DEPTH, &mut left, &mut found);
    }
    found.sort();
    found.dedup();
    let labels: HashSet<PathBuf> = found.iter().filter_map(|path| label_volume_of(path)).collect();
    found.retain(|path| !labels.contains(path));
    found
}

/// `north.sgy` → `north-labels.sgy`
fn label_volume_of(survey: &Path) -> Option<PathBuf> {
    let (stem, extension) = (survey.file_stem()?.to_str()?, survey.extension()?.to_str()?);
    Some(survey.with_file_name(format!("{stem}{LABELS}.{extension}")))
}

fn look_into(
    folders: &Folders,
    root: &Path,
    folder: &Path,
    depth: usize,
    left: &mut usize,
    found: &mut Vec<PathBuf>,
) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if *left == 0 {
            return;
        }
        *left -= 1;
        let Some(path) = folders.inside(root, &entry.path()) else { continue };
        if path.is_dir() {
            if path.join(ZARR).is_file() {
                found.push(path);
            } else if depth > 1 {
                look_into(folders, root, &path, depth - 1, left, found);
            }
        } else if is_named_survey(&path) {
            found.push(path);
        }
    }
}

fn is_named_survey(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|found| EXTENSIONS.iter().any(|known| found.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn surveys_are_found_below_the_folders_and_nowhere_else() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().join("surveys");
        fs::create_dir_all(root.join("north/cube.zarr/c")).unwrap();
        fs::write(root.join("north/cube.zarr/zarr.json"), "{}").unwrap();
        fs::write(root.join("north/cube.zarr/c/inner.npy"), "x").unwrap();
        fs::write(root.join("A.SGY"), "x").unwrap();
        for labels in ["A-labels.SGY", "A-labels.npy"] {
            fs::write(root.join(labels), "x").unwrap();
        }
        fs::write(root.join("notes.txt"), "x").unwrap();
        fs::write(scratch.path().join("secret.sgy"), "x").unwrap();
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("../secret.sgy", root.join("link.sgy")).unwrap();
            std::os::unix::fs::symlink(".", root.join("round")).unwrap();
        }
        let folders = Folders::new(std::slice::from_ref(&root)).unwrap();
        let names: Vec<String> = surveys_in(&folders)
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(
            names,
            ["A-labels.npy", "A.SGY", "cube.zarr"],
            "labels beside no survey of their kind stay"
        );
    }
}
