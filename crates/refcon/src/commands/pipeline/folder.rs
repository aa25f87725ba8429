//! The folder of a pipeline: its own, and nobody else's.

use super::config::PipelineConfig;
use crate::failure::Failure;
use std::fs;
use std::path::Path;

/// The file of all its settings.
pub(super) const SETTINGS: &str = "config.yml";

/// What that file begins with, which tells it from one that a person keeps under the same name.
const MARKER: &str =
    "# Written by refcon pipeline, which replaces what is in this folder when it runs again.\n";

/// The settings as they stand in the folder.
pub(super) fn settings_of(config: &PipelineConfig) -> String {
    format!("{MARKER}{}", config.to_yaml())
}

/// Makes sure that a folder is new, empty or a pipeline's own, and that `settings`, which are to be written there, do not replace others that
/// were `given`.
pub(super) fn check_folder(folder: &Path, given: &Path, settings: &str) -> Result<(), Failure> {
    let occupied = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    let path = folder.join(SETTINGS);
    let there = fs::read_to_string(&path).unwrap_or_default();
    // Of an older version's folder only one with a training can be told.
    let is_own = there.starts_with(MARKER) || folder.join("training.yml").is_file();
    if occupied && !is_own {
        return Err(Failure::output(format!(
            "cannot write results to {}: it is not empty and no earlier pipeline's; give another folder with -o",
            folder.display()
        )));
    }
    let is_given =
        path.canonicalize().is_ok_and(|path| given.canonicalize().is_ok_and(|given| given == path));
    if is_given && there != settings {
        return Err(Failure::output(format!(
            "{} is read, and would be overwritten with other settings; copy it to another place and give the copy",
            path.display()
        )));
    }
    Ok(())
}
