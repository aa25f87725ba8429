//! Tiles for tests: a survey of lines 25 m apart and traces 12.5 m apart, tiles of 50 traces × 60 samples of 4 ms.

use crate::{EncodedTiles, Library, NewTile, Place, TileRecord, Wait};
use refcon_encoders::{Embeddings, EncoderId};
use refcon_seismic::{Direction, Domain, TileBox};

pub(crate) const TRACES: usize = 50;
pub(crate) const SAMPLES: usize = 60;

pub(crate) fn place(direction: Direction, line: i32, first_trace: usize, first_sample: usize) -> Place {
    let bounds = TileBox { first_trace, traces: TRACES, first_sample, samples: SAMPLES };
    let along = [first_trace as i32, (first_trace + TRACES - 1) as i32];
    let (inlines, crosslines) = match direction {
        Direction::Inline => ([line; 2], along),
        Direction::Crossline => (along, [line; 2]),
    };
    let corner = |end: usize| [f64::from(crosslines[end]) * 12.5, f64::from(inlines[end]) * 25.0];
    let range = [first_sample as f64 * 4.0, (first_sample + SAMPLES - 1) as f64 * 4.0];
    Place {
        direction,
        line,
        bounds,
        inlines,
        crosslines,
        range,
        domain: Domain::Time,
        corners: Some([corner(0), corner(1)]),
        grey: [-1.0, 1.0],
    }
}

pub(crate) fn tile(id: u64, survey: &str, place: Option<Place>) -> TileRecord {
    let (width, height) = (TRACES as u32, SAMPLES as u32);
    TileRecord { id, survey: survey.into(), file: String::new(), width, height, class: None, place }
}

/// A library of tiles whose embeddings are of three components and their own, and the folder that it lies in.
pub(crate) fn library(tiles: &[TileRecord]) -> (tempfile::TempDir, EncodedTiles) {
    let values = (0..tiles.len()).flat_map(|row| {
        let angle = (row * 37 % 101) as f32 / 101.0 * std::f32::consts::PI;
        [angle.cos(), angle.sin(), 0.1]
    });
    library_of(tiles, &Embeddings::new(EncoderId::new("test", &[]), 3, values.collect()).unwrap())
}

/// A library of tiles with these embeddings.
pub(crate) fn library_of(tiles: &[TileRecord], embeddings: &Embeddings) -> (tempfile::TempDir, EncodedTiles) {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::create(folder.path()).unwrap();
    let tiles = tiles.iter().cloned().map(NewTile::from).collect();
    library.writer(Wait::No).unwrap().append(tiles, embeddings).unwrap();
    let stored = library.snapshot().unwrap().tiles(embeddings.encoder()).unwrap();
    (folder, stored)
}
