//! Indexing as a server does it: watched, stopped, and taken up again.

use crate::fixtures::encoder;
use refcon_encoders::{EncodeError, Encoder, EncoderId};
use refcon_image::GreyImage;
use refcon_image::figure::encode_png;
use refcon_library::indexing::{ImageFolder, IndexOptions, IndexSource, IndexSummary, SourceState, index};
use refcon_library::{Library, Wait, Writer};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

/// Embeds an image by its first pixel.
struct FirstPixel(EncoderId);

impl Encoder for FirstPixel {
    fn id(&self) -> &EncoderId {
        &self.0
    }

    fn dimension(&self) -> usize {
        2
    }

    fn embed(&self, tiles: &[GreyImage]) -> Result<Vec<f32>, EncodeError> {
        Ok(tiles.iter().flat_map(|tile| [tile.pixels()[0], 1.0]).collect())
    }
}

const IMAGES: usize = 200;

fn images(folder: &Path) -> Vec<IndexSource<'static>> {
    std::fs::create_dir_all(folder).unwrap();
    for n in 0..IMAGES {
        let image = GreyImage::from_8bit(2, 2, &[n as u8; 4]).unwrap();
        std::fs::write(folder.join(format!("{n:03}.png")), encode_png(&image)).unwrap();
    }
    let folder = folder.to_owned();
    vec![IndexSource::Images(ImageFolder { folder, classes_from_folders: false, strict: true })]
}

fn indexed(writer: &mut Writer, sources: &[IndexSource<'_>], stop_at: u64) -> IndexSummary {
    let options = IndexOptions { commit_every: Duration::ZERO, ..IndexOptions::default() };
    let mut last = 0;
    let summary = index(writer, &FirstPixel(encoder("first pixel")), sources, &options, &mut |progress| {
        assert!(progress.committed <= progress.embedded && last <= progress.embedded);
        assert!(progress.units_done <= progress.units && progress.units == IMAGES);
        last = progress.embedded;
        if progress.embedded >= stop_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    summary.unwrap()
}

#[test]
fn a_job_that_was_stopped_goes_on_where_it_was() {
    let scratch = tempfile::tempdir().unwrap();
    let sources = images(&scratch.path().join("images"));
    let library = Library::create(&scratch.path().join("library")).unwrap();
    let mut writer = library.writer(Wait::No).unwrap();
    let first = indexed(&mut writer, &sources, 64);
    assert!(first.stopped && first.tiles >= 64 && first.tiles < IMAGES as u64, "{first:?}");
    assert!(!library.snapshot().unwrap().sources()[0].complete);
    let second = indexed(&mut writer, &sources, u64::MAX);
    assert_eq!(second.sources[0].state, SourceState::Resumed);
    assert_eq!((first.tiles + second.tiles, second.stopped), (IMAGES as u64, false));
    let third = indexed(&mut writer, &sources, u64::MAX);
    assert_eq!((third.sources[0].state, third.tiles), (SourceState::Unchanged, 0));

    let snapshot = library.snapshot().unwrap();
    let tiles = snapshot.tiles(&encoder("first pixel")).unwrap();
    assert_eq!(tiles.live().count(), IMAGES);
    for row in 0..IMAGES {
        // In the order of their names, each with its own embedding.
        assert_eq!(tiles.record(row).unwrap().file, format!("{row:03}.png"));
        assert_eq!(tiles.embedding(row), [(row as u8) as f32 / 255.0, 1.0]);
    }
    assert!(library.check(&|_| ()).unwrap().damaged.is_empty());
}
