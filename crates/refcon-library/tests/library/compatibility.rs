//! Libraries written by every format version so far open for ever.
//!
//! `golden/version-1` was written by `cargo test -p refcon-library --test library -- --ignored writes_the_golden_library` when version 1
//! was the newest.

use crate::fixtures::*;
use refcon_library::{Library, RowSet, Wait};
use std::path::{Path, PathBuf};

/// Added are 0 to 29, removed 5, 11 and 29.
fn expected() -> impl Iterator<Item = u64> {
    (0..29).filter(|id| ![5, 11].contains(id))
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/library/golden/version-1")
}

#[test]
fn a_library_of_version_1_is_read() {
    // A copy, since the folder of the sources may be read-only and stays as it is.
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("library");
    std::fs::create_dir_all(folder.join("fragments")).unwrap();
    std::fs::copy(golden().join("library.json"), folder.join("library.json")).unwrap();
    for file in fragments(&golden()) {
        std::fs::copy(&file, folder.join("fragments").join(file.file_name().unwrap())).unwrap();
    }
    let library = Library::open(&folder).unwrap();
    assert_holds(&library, expected());
    let mut writer = library.writer(Wait::No).unwrap();
    writer.append(tiles(30..31), &embeddings(30..31)).unwrap();
    assert_holds(&library, expected().chain([30]));
}

#[test]
#[ignore = "writes the golden library; only for a new format version"]
fn writes_the_golden_library() {
    std::fs::create_dir_all(golden()).unwrap();
    let library = library(&golden(), 3);
    let all = first(&library.snapshot().unwrap());
    let mut rows = RowSet::none(30);
    [5, 11, 29].into_iter().for_each(|row| rows.insert(row));
    library.writer(Wait::No).unwrap().remove(&all, &rows).unwrap();
    std::fs::remove_file(golden().join("library.lock")).unwrap();
}
