//! Adding, reading, removing, compacting.

use crate::fixtures::*;
use refcon_encoders::Embeddings;
use refcon_library::exact::{Request, nearest};
use refcon_library::store::{Compaction, Vectors};
use refcon_library::{Library, LibraryError, Metric, RowSet, VectorFormat, Wait};

#[test]
fn what_was_added_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    assert_holds(&library(folder.path(), 3), 0..30);
    // Also by a program that has only the folder.
    assert_holds(&Library::open(folder.path()).unwrap(), 0..30);
}

#[test]
fn a_snapshot_does_not_change_when_the_library_does() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(folder.path(), 3);
    let before = library.snapshot().unwrap();
    let mut writer = library.writer(Wait::No).unwrap();
    writer.append(tiles(30..40), &embeddings(30..40)).unwrap();
    let now = first(&library.snapshot().unwrap());
    let mut rows = RowSet::none(now.rows());
    (0..25).for_each(|row| rows.insert(row));
    assert_eq!(writer.remove(&now, &rows).unwrap(), 25);
    writer.compact(Compaction::Full).unwrap();
    assert_holds(&library, 25..40);
    let tiles = first(&before);
    assert_eq!(tiles.live().count(), 30);
    for row in 0..30 {
        assert_eq!(tiles.embedding(row), vector(row as u64));
        assert_eq!(tiles.record(row).unwrap().id, row as u64);
    }
}

#[test]
fn removed_tiles_stay_removed_and_ids_are_never_given_again() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(folder.path(), 2);
    let mut writer = library.writer(Wait::No).unwrap();
    let all = first(&library.snapshot().unwrap());
    let mut rows = RowSet::none(20);
    (0..20).filter(|row| row % 3 == 0 || *row > 8).for_each(|row| rows.insert(row));
    assert_eq!(writer.remove(&all, &rows).unwrap(), 14);
    assert_eq!(writer.remove(&all, &rows).unwrap(), 0);
    let kept = [1, 2, 4, 5, 7, 8];
    assert_holds(&library, kept);
    assert_eq!(writer.append(tiles(20..21), &embeddings(20..21)).unwrap(), 20..21);
    let compacted = writer.compact(Compaction::Full).unwrap();
    assert_eq!((compacted.fragments_before, compacted.fragments, compacted.removed), (2, 1, 4));
    assert_holds(&library, kept.into_iter().chain([20]));
    assert_eq!(fragments(folder.path()).len(), 1);
}

#[test]
fn a_search_over_fragments_is_one_over_all_vectors() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(folder.path(), 4);
    let tiles = first(&library.snapshot().unwrap());
    let corpus = tiles.corpus().unwrap();
    for metric in [Metric::Cosine, Metric::L2, Metric::InnerProduct] {
        let found = nearest(&corpus, &vector(17), &Request::best(3, metric)).unwrap();
        if metric != Metric::InnerProduct {
            assert_eq!(vector(found[0][0].row as u64), vector(17));
        }
        // Every eleventh tile has the same embedding: ties go to the lower id.
        assert!(
            found[0].windows(2).all(|pair| (pair[0].distance, pair[0].row) < (pair[1].distance, pair[1].row))
        );
    }
}

#[test]
fn half_precision_takes_half_the_room_and_refuses_what_it_cannot_hold() {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::create(folder.path()).unwrap();
    let mut writer = library.writer(Wait::No).unwrap();
    let half = encoder("half");
    writer.add_encoder(&half, 2, VectorFormat::F16).unwrap();
    let embeddings = |values: Vec<f32>| Embeddings::new(half.clone(), 2, values).unwrap();
    writer.append(tiles(0..2), &embeddings(vec![0.1, 0.5, -2.0, 1000.5])).unwrap();
    let found = library.snapshot().unwrap().tiles(&half).unwrap();
    assert!(matches!(found.blocks()[0].vectors(), Vectors::F16(values) if values.len() == 4));
    assert_eq!(found.embedding(0), [half::f16::from_f32(0.1).to_f32(), 0.5]);
    assert!(library.check(&|_| ()).unwrap().damaged.is_empty());
    let error = writer.append(tiles(0..1), &embeddings(vec![0.0, 70_000.0])).unwrap_err().to_string();
    assert!(error.contains("70000 is beyond the range of a 16-bit float"), "{error}");
}

#[test]
fn two_encoders_live_side_by_side_and_a_third_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(folder.path(), 1);
    let mut writer = library.writer(Wait::No).unwrap();
    let second = Embeddings::new(encoder("second"), 2, vec![1.0, 2.0]).unwrap();
    assert_eq!(writer.append(tiles(10..11), &second).unwrap(), 10..11);
    writer.append(tiles(11..12), &embeddings(11..12)).unwrap();
    let snapshot = library.snapshot().unwrap();
    assert_eq!(snapshot.tiles(&encoder("second")).unwrap().id(0), 10);
    assert_eq!(first(&snapshot).id(10), 11);
    let found: Vec<_> =
        snapshot.encoders().iter().map(|found| (found.encoder.name().to_owned(), found.tiles)).collect();
    assert_eq!(found, [("first".to_owned(), 11), ("second".to_owned(), 1)]);
    let error = snapshot.tiles(&encoder("third")).unwrap_err().to_string();
    assert!(
        error.contains("no embeddings of third") && error.contains("first") && error.contains("second"),
        "{error}"
    );
    assert!(snapshot.only_encoder().unwrap_err().to_string().contains("say which encoder"));

    let longer = Embeddings::new(encoder("second"), 3, vec![0.0; 3]).unwrap();
    let error = writer.append(tiles(0..1), &longer).unwrap_err();
    assert!(matches!(error, LibraryError::OtherDimension { found: 3, expected: 2, .. }), "{error}");
    let error = writer.append(tiles(0..2), &second).unwrap_err();
    assert!(matches!(error, LibraryError::Unequal { tiles: 2, embeddings: 1 }), "{error}");
}

#[test]
fn a_library_is_made_in_an_empty_folder_only() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("thesis.tex"), "…").unwrap();
    let message = Library::create(folder.path()).unwrap_err().to_string();
    assert!(message.contains("not empty"), "{message}");
    let message = Library::open(folder.path()).unwrap_err().to_string();
    assert!(message.contains("is no library: it has no library.json"), "{message}");
}
