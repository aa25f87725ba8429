//! Libraries that something else has touched.

use crate::fixtures::*;
use refcon_library::{Library, RowSet, Wait};
use std::fs;
use std::path::Path;

/// The messages of what is missing, and how many tiles that are.
fn missing(library: &Library) -> (String, usize) {
    let snapshot = library.snapshot().unwrap();
    let problems: Vec<&str> = snapshot.missing().iter().map(|missing| missing.problem.as_str()).collect();
    (problems.join("\n"), snapshot.missing().iter().map(|missing| missing.tiles).sum())
}

/// Asserts that the library works without its second fragment, says so, and is whole again after a repair.
fn assert_second_is_missing(folder: &Path, says: &str) {
    let library = Library::open(folder).unwrap();
    let (problem, tiles) = missing(&library);
    assert_eq!(tiles, 10);
    assert!(problem.contains("00000001.arrow") && problem.contains(says), "{problem}");
    let found = first(&library.snapshot().unwrap());
    let ids: Vec<u64> = found.live().iter().map(|row| found.id(row)).collect();
    assert_eq!(ids, (0..10).chain(20..30).collect::<Vec<u64>>());
    let report = library.check(&|_| ()).unwrap();
    assert_eq!((report.tiles, report.damaged.len()), (20, 1), "{report:?}");
    let mut writer = library.writer(Wait::No).unwrap();
    assert_eq!(writer.remove_damaged(&["00000001.arrow".into()]).unwrap(), 10);
    assert_holds(&library, (0..10).chain(20..30));
}

#[test]
fn without_a_fragment_the_others_are_searched() {
    let folder = tempfile::tempdir().unwrap();
    library(folder.path(), 3);
    fs::remove_file(&fragments(folder.path())[1]).unwrap();
    assert_second_is_missing(folder.path(), "cannot open");
}

#[test]
fn a_fragment_that_was_cut_short_is_left_out() {
    for keep in [0, 7, 100, 2000] {
        let folder = tempfile::tempdir().unwrap();
        library(folder.path(), 3);
        let path = &fragments(folder.path())[1];
        fs::File::options().write(true).open(path).unwrap().set_len(keep).unwrap();
        assert_second_is_missing(folder.path(), &format!("it has {keep} bytes, expected"));
    }
}

#[test]
fn a_flipped_bit_is_found_by_the_check_wherever_it_is() {
    let folder = tempfile::tempdir().unwrap();
    library(folder.path(), 1);
    let path = fragments(folder.path()).remove(0);
    let whole = fs::read(&path).unwrap();
    let mut opened = 0;
    for at in (0..whole.len()).step_by(13) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&path, &bytes).unwrap();
        let library = Library::open(folder.path()).unwrap();
        let snapshot = library.snapshot().unwrap();
        if let Ok(tiles) = snapshot.tiles(&encoder("first")) {
            opened += 1;
            for row in 0..tiles.rows() {
                let _ =
                    (tiles.record(row), tiles.thumbnail(row), tiles.embedding(row), tiles.corpus().is_ok());
            }
        } else {
            assert_eq!(missing(&library).1, 10, "byte {at}");
        }
        let report = library.check(&|_| ()).unwrap();
        assert_eq!(report.damaged.len(), 1, "byte {at}");
        assert!(report.damaged[0].problem.contains("check --repair"), "{report:?}");
    }
    assert!(opened > 0, "values are not verified on opening");
    fs::write(&path, &whole).unwrap();
    assert_holds(&Library::open(folder.path()).unwrap(), 0..10);
}

#[test]
fn lost_removals_are_said_and_no_removed_tile_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(folder.path(), 2);
    let all = first(&library.snapshot().unwrap());
    let mut rows = RowSet::none(20);
    rows.insert(3);
    library.writer(Wait::No).unwrap().remove(&all, &rows).unwrap();
    let path = folder.path().join("fragments/00000002-removed.arrow");
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let library = Library::open(folder.path()).unwrap();
    let (problem, tiles) = missing(&library);
    assert!(problem.contains("00000002-removed.arrow is damaged") && tiles == 9, "{problem}");
    assert_eq!(first(&library.snapshot().unwrap()).live().count(), 10);
    assert!(!library.check(&|_| ()).unwrap().damaged.is_empty());
}

#[test]
fn a_manifest_that_was_edited_or_cut_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    library(folder.path(), 1);
    let path = folder.path().join("library.json");
    let whole = fs::read_to_string(&path).unwrap();
    for changed in [
        whole.replacen("\"rows\": 10", "\"rows\": 11", 1),
        whole[..whole.len() / 2].to_owned(),
        String::new(),
    ] {
        fs::write(&path, changed).unwrap();
        let message = Library::open(folder.path()).unwrap_err().to_string();
        assert!(message.contains("library.json is damaged") && message.contains("restore it"), "{message}");
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_is_read_all_the_same() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("library");
    library(&folder, 1);
    let all = [folder.clone(), folder.join("fragments"), folder.join("library.lock")];
    let allow = |mode: u32| {
        all.iter().for_each(|path| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap());
    };
    allow(0o555);
    let library = Library::open(&folder).unwrap();
    assert_holds(&library, 0..10);
    // The superuser may write anywhere.
    if let Err(error) = library.writer(Wait::No) {
        let message = error.to_string();
        assert!(message.contains("library.lock") && message.contains("read the folder only"), "{message}");
    }
    allow(0o755);
}
