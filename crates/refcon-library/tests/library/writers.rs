//! Several processes at once.

use crate::fixtures::*;
use refcon_library::{Library, Wait};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[test]
fn a_second_writer_is_told_who_writes_or_waits() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(folder.path(), 1);
    let writer = library.writer(Wait::No).unwrap();
    let second = Library::open(folder.path()).unwrap();
    let message = second.writer(Wait::No).unwrap_err().to_string();
    let process = format!("process {} on", std::process::id());
    assert!(message.contains("is being written to by") && message.contains("--wait"), "{message}");
    assert!(!cfg!(unix) || message.contains(&process), "{message}");

    let gone = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut told = Vec::new();
            second.writer(Wait::Yes(&mut |holder| told.push(holder.to_owned()))).unwrap();
            assert!(gone.load(Ordering::SeqCst));
            assert_eq!(told.len(), 1);
        });
        std::thread::sleep(Duration::from_millis(150));
        gone.store(true, Ordering::SeqCst);
        drop(writer);
    });
}

#[test]
fn readers_see_whole_commits_only_while_a_writer_adds_removes_and_compacts() {
    let folder = tempfile::tempdir().unwrap();
    library(folder.path(), 1);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = 0;
            while !done.load(Ordering::SeqCst) {
                // Opened anew each time, as another process would.
                let snapshot = Library::open(folder.path()).unwrap().snapshot().unwrap();
                assert!(snapshot.missing().is_empty(), "{:?}", snapshot.missing());
                let tiles = first(&snapshot);
                assert_eq!(tiles.live().count() % 10, 0);
                for row in tiles.live().iter() {
                    assert_eq!(tiles.embedding(row), vector(tiles.id(row)));
                }
                seen += 1;
            }
            seen
        });
        let library = Library::open(folder.path()).unwrap();
        let mut writer = library.writer(Wait::No).unwrap();
        for fragment in 1..40u64 {
            let numbers = || fragment * 10..fragment * 10 + 10;
            writer.append(tiles(numbers()), &embeddings(numbers())).unwrap();
            if fragment % 4 == 0 {
                let now = first(&library.snapshot().unwrap());
                let mut rows = refcon_library::RowSet::none(now.rows());
                now.live().iter().step_by(2).take(10).for_each(|row| rows.insert(row));
                assert_eq!(writer.remove(&now, &rows).unwrap(), 10);
                writer.compact(refcon_library::store::Compaction::Full).unwrap();
            }
        }
        done.store(true, Ordering::SeqCst);
        assert!(reader.join().unwrap() > 0);
    });
}

#[test]
fn what_a_killed_writer_left_is_no_part_of_the_library_and_goes_with_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(folder.path(), 1);
    let files = fragments(folder.path());
    let left = [
        folder.path().join("fragments/00000099.arrow"),
        folder.path().join("fragments/.tmpAbc"),
        folder.path().join(".tmpXyz"),
    ];
    for path in &left {
        std::fs::copy(&files[0], path).unwrap();
    }
    assert_eq!(library.check(&|_| ()).unwrap().left_over.len(), 2);
    library.writer(Wait::No).unwrap();
    assert!(left.iter().all(|path| !path.exists()));
    assert_holds(&library, 0..10);
}
