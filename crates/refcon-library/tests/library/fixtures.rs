//! Small libraries of tiles that are easy to tell apart.

use refcon_encoders::{Embeddings, EncoderId};
use refcon_library::store::Snapshot;
use refcon_library::{EncodedTiles, Library, NewTile, Place, TileRecord, Wait};
use refcon_seismic::{Direction, Domain, TileBox};
use std::path::{Path, PathBuf};

pub(crate) const DIMENSION: usize = 5;

pub(crate) fn encoder(name: &str) -> EncoderId {
    EncoderId::new(name, &[name.as_bytes()])
}

/// The embedding of the `n`-th tile.
pub(crate) fn vector(n: u64) -> Vec<f32> {
    (0..DIMENSION as u64).map(|at| ((n * 7 + at * 3) % 11) as f32 - 5.25).collect()
}

pub(crate) fn embeddings(numbers: impl IntoIterator<Item = u64>) -> Embeddings {
    Embeddings::new(encoder("first"), DIMENSION, numbers.into_iter().flat_map(vector).collect()).unwrap()
}

/// The `n`-th tile: every third is an image, the others lie in a survey, half of these on a map.
pub(crate) fn tile(n: u64) -> NewTile {
    let line = n as i32;
    let place = Place {
        direction: if n.is_multiple_of(2) { Direction::Inline } else { Direction::Crossline },
        line,
        bounds: TileBox { first_trace: n as usize, traces: 4, first_sample: 2 * n as usize, samples: 6 },
        inlines: [line, line],
        crosslines: [10, 13],
        range: [n as f64 * 4.0, n as f64 * 4.0 + 20.0],
        domain: if n.is_multiple_of(2) { Domain::Time } else { Domain::DepthFeet },
        corners: n.is_multiple_of(2).then_some([[1.0, 2.0], [3.0, n as f64]]),
        grey: [-1.5, 2.5],
    };
    let mut record = TileRecord::of_image("tiles", &format!("{n}.png"), 4, 6);
    record.class = n.is_multiple_of(4).then(|| "Salt".to_owned());
    if !n.is_multiple_of(3) {
        record.survey = format!("survey {}", n % 2);
        record.file = String::new();
        record.place = Some(place);
    }
    let thumbnail = n.is_multiple_of(5).then(|| vec![n as u8; 3]);
    NewTile { record, thumbnail, stamp: n.is_multiple_of(3).then_some(n) }
}

pub(crate) fn tiles(numbers: impl IntoIterator<Item = u64>) -> Vec<NewTile> {
    numbers.into_iter().map(tile).collect()
}

/// A library of `fragments` times ten tiles.
pub(crate) fn library(folder: &Path, fragments: u64) -> Library {
    let library = Library::create(folder).unwrap();
    let mut writer = library.writer(Wait::No).unwrap();
    for fragment in 0..fragments {
        let numbers = || fragment * 10..fragment * 10 + 10;
        assert_eq!(writer.append(tiles(numbers()), &embeddings(numbers())).unwrap(), numbers());
    }
    drop(writer);
    library
}

pub(crate) fn first(snapshot: &Snapshot) -> EncodedTiles {
    snapshot.tiles(&encoder("first")).unwrap()
}

/// Asserts that the live tiles of `library` are the `expected` ones, each once, in order, as they were added.
#[track_caller]
pub(crate) fn assert_holds(library: &Library, expected: impl IntoIterator<Item = u64>) {
    let expected: Vec<u64> = expected.into_iter().collect();
    let snapshot = library.snapshot().unwrap();
    assert!(snapshot.missing().is_empty(), "{:?}", snapshot.missing());
    let Ok(found) = snapshot.tiles(&encoder("first")) else {
        assert!(expected.is_empty());
        return;
    };
    let ids: Vec<u64> = found.live().iter().map(|row| found.id(row)).collect();
    assert_eq!(ids, expected);
    for row in found.live().iter() {
        let id = found.id(row);
        assert_eq!(found.row_of(id), Some(row));
        let mut expected = tile(id);
        expected.record.id = id;
        assert_eq!(found.record(row).unwrap(), expected.record);
        assert_eq!(found.thumbnail(row).unwrap(), expected.thumbnail);
        assert_eq!(found.embedding(row), vector(id));
    }
    let report = library.check(&|_| ()).unwrap();
    assert_eq!((report.tiles, report.damaged, report.left_over), (expected.len(), vec![], vec![]));
}

/// The fragments of a library, in the order of their numbers.
pub(crate) fn fragments(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.join("fragments")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}
