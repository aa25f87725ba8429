//! Surveys and their sections.

use crate::site::{CROSSLINES, SAMPLES, Site, TILE, cube};
use refcon_image::DecodeLimits;
use refcon_seismic::Direction;
use refcon_server::{GeometryView, LibraryView, SectionView, SurveyView, TILE_SIZE};
use std::path::Path;

/// Tiles of the library.
pub(crate) const TILES: u64 = 6 * (300 / TILE.width as u64) * (120 / TILE.height as u64);

#[tokio::test]
async fn surveys_say_their_geometry_and_how_many_tiles_the_library_has_of_them() {
    let site = Site::new().await;
    std::fs::write(site.path("surveys/broken.sgy"), "no survey").unwrap();
    let library: LibraryView = serde_json::from_value(site.get("/api/library").await.ok()).unwrap();
    assert_eq!((library.tiles, library.not_covered, library.folder_name.as_str()), (TILES, 0, "library"));
    let surveys: Vec<SurveyView> = serde_json::from_value(site.get("/api/surveys").await.ok()).unwrap();
    let [cube] = &surveys[..] else { panic!("{surveys:?}") };
    assert_eq!((cube.id.as_str(), cube.available, cube.tiles, &cube.problem), ("cube", true, TILES, &None));
    let Some(GeometryView::Volume { inlines, crosslines }) = &cube.geometry else { panic!("{cube:?}") };
    assert_eq!((inlines.first, inlines.step, inlines.count), (100, 2, 6));
    assert_eq!((crosslines.first, crosslines.step, crosslines.count), (300, 1, 300));
    let samples = cube.samples.as_ref().unwrap();
    assert_eq!(
        (samples.first, samples.interval, samples.count, samples.unit.as_str()),
        (400.0, 4.0, 120, "ms")
    );
    assert_eq!(cube.outline.as_ref().map(Vec::len), Some(4));
    let clip = cube.clip.unwrap();
    assert!(0.0 < clip.p99 && clip.p99 <= clip.p995 && clip.p995 <= clip.p999, "{clip:?}");
}

#[tokio::test]
async fn a_survey_that_is_gone_is_listed_with_what_to_do_and_the_library_still_answers() {
    let site = Site::new().await;
    std::fs::rename(site.path("surveys/cube.sgy"), site.path("away.sgy")).unwrap();
    let again = Site {
        server: refcon_server::Server::open(crate::site::options(site.folder.path())).await.unwrap(),
        ..site
    };
    let surveys: Vec<SurveyView> = serde_json::from_value(again.get("/api/surveys").await.ok()).unwrap();
    assert!(!surveys[0].available && surveys[0].problem.is_some() && surveys[0].geometry.is_none());
    let error = again.get("/api/surveys/cube/section/inline/100").await;
    assert!(error.failed_with(404).contains("does not lie at"));
    assert_eq!(again.get("/api/library").await.ok()["tiles"], TILES);
    // Its tiles can still be looked at: the library keeps their images.
    assert_eq!(again.get("/api/tiles/0/picture.png").await.header("content-type"), "image/png");
}

#[tokio::test]
async fn tiles_of_the_first_level_are_the_section_and_further_ones_its_means() {
    let site = Site::new().await;
    let section = cube().section(Direction::Inline, 104).unwrap();
    let base = "/api/surveys/cube/section/inline/104";
    let view: SectionView = serde_json::from_value(site.get(base).await.ok()).unwrap();
    assert_eq!((view.width, view.height, view.levels, view.tile_size), (300, 120, 2, TILE_SIZE));
    assert_eq!((view.horizontal.label.as_str(), view.horizontal.first), ("crossline", 300));
    assert_eq!(
        (view.vertical.first, view.vertical.interval, view.vertical.unit.as_deref()),
        (400.0, 4.0, Some("ms"))
    );
    let corners = view.corners.unwrap();
    assert_eq!(corners[0], [600_000.0, 6_000_100.0]);
    let tile = async |level: usize, column: usize| {
        let answer = site.get(&format!("{base}/tile/{level}/{column}/0")).await;
        assert_eq!(answer.header("content-type"), "application/octet-stream");
        let width: usize = answer.header("x-width").parse().unwrap();
        let height: usize = answer.header("x-height").parse().unwrap();
        let values: Vec<f32> =
            answer.body.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect();
        assert_eq!(values.len(), width * height);
        (width, height, values)
    };
    let (left, right) = (tile(0, 0).await, tile(0, 1).await);
    assert_eq!((left.0, left.1, right.0, right.1), (256, 120, 44, 120));
    for sample in [0, 57, 119] {
        let row = &section.amplitudes[sample * CROSSLINES.count..][..CROSSLINES.count];
        assert_eq!(&left.2[sample * 256..][..256], &row[..256]);
        assert_eq!(&right.2[sample * 44..][..44], &row[256..]);
    }
    let (width, height, halved) = tile(1, 0).await;
    assert_eq!((width, height), (150, 60));
    let at = |sample: usize, trace: usize| section.amplitudes[sample * CROSSLINES.count + trace];
    let mean = (at(20, 30) + at(20, 31) + at(21, 30) + at(21, 31)) / 4.0;
    assert!((halved[10 * 150 + 15] - mean).abs() < 1e-5);
}

#[tokio::test]
async fn a_slice_is_the_nearest_one_and_its_rows_are_inlines() {
    let site = Site::new().await;
    let view: SectionView =
        serde_json::from_value(site.get("/api/surveys/cube/section/slice/441.5").await.ok()).unwrap();
    assert_eq!((view.line, view.width, view.height), (440.0, 300, 6));
    assert_eq!(
        (view.vertical.label.as_str(), view.vertical.first, view.vertical.interval),
        ("inline", 100.0, 2.0)
    );
    assert!(view.vertical.unit.is_none() && view.corners.is_none());
    let last = SAMPLES.position(SAMPLES.count - 1);
    assert!(site.get(&format!("/api/surveys/cube/section/slice/{last}")).await.status.is_success());
}

#[tokio::test]
async fn what_is_not_there_is_told_with_what_there_is() {
    let site = Site::new().await;
    for (path, says) in [
        ("/api/surveys/none/section/inline/100", "no survey \"none\""),
        ("/api/surveys/cube/section/inline/101", "cube has no inline 101"),
        ("/api/surveys/cube/section/inline/100.5", "no inline 100.5"),
        ("/api/surveys/cube/section/inline/NaN", "no inline NaN"),
        ("/api/surveys/cube/section/inline/1e300", "cube has no inline 1"),
        ("/api/surveys/cube/section/slice/NaN", "no slice at NaN"),
        ("/api/surveys/cube/section/slice/9999", "no slice at 9999 ms"),
        ("/api/surveys/cube/section/diagonal/1", "nothing at this address"),
        ("/api/surveys/cube/section/inline/100/tile/9/0/0", "level 9"),
        ("/api/surveys/cube/section/inline/100/tile/0/2/0", "column 2"),
        ("/api/tiles/99999", "no tile 99999"),
        ("/api/tiles/x", "nothing at this address"),
        ("/api/nothing", "nothing at this address"),
        ("/api/runs/none/metrics", "no run \"none\""),
    ] {
        let error = site.get(path).await.failed_with(404);
        assert!(error.contains(says), "{path}: {error}");
    }
}

#[tokio::test]
async fn pictures_have_the_size_and_clip_that_were_asked_for() {
    let site = Site::new().await;
    let picture = async |query: &str| {
        let answer = site.get(&format!("/api/surveys/cube/section/inline/100/image.png{query}")).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "image/png"));
        refcon_image::decode(Path::new("section"), &answer.body, &DecodeLimits::default()).unwrap()
    };
    let whole = picture("").await;
    assert_eq!((whole.width(), whole.height()), (300, 120));
    let small = picture("?width=75&colours=red-white-blue").await;
    assert_eq!((small.width(), small.height()), (75, 30));
    let faint = picture("?clip=1e9").await;
    assert!(faint.pixels().iter().all(|grey| (grey - 0.5).abs() < 0.01));
    for query in
        ["?width=0", "?width=100000", "?clip=0", "?clip=-1", "?clip=NaN", "?colours=pink", "?width=x"]
    {
        let answer = site.get(&format!("/api/surveys/cube/section/inline/100/image.png{query}")).await;
        answer.failed_with(400);
    }
}

#[tokio::test]
async fn a_tile_is_drawn_from_its_survey_at_the_clip_asked_for() {
    let site = Site::new().await;
    let tile = site.get("/api/tiles/3").await.ok();
    let place = &tile["place"];
    assert_eq!((&tile["survey"], &tile["width"], &tile["height"]), (&"cube".into(), &50.into(), &40.into()));
    let section = cube().section(Direction::Inline, place["line"].as_i64().unwrap() as i32).unwrap();
    let clip = 1.5;
    let answer = site.get(&format!("/api/tiles/3/picture.png?clip={clip}")).await;
    let picture = refcon_image::decode(Path::new("tile"), &answer.body, &DecodeLimits::default()).unwrap();
    assert_eq!((picture.width(), picture.height()), (50, 40));
    let first_trace = CROSSLINES.index_of(place["first_crossline"].as_i64().unwrap() as i32).unwrap();
    let first_sample = ((place["from"].as_f64().unwrap() - SAMPLES.first) / SAMPLES.interval) as usize;
    for (x, y) in [(0, 0), (49, 39), (20, 10)] {
        let amplitude = section.amplitudes[(first_sample + y) * CROSSLINES.count + first_trace + x];
        let expected = ((amplitude + clip) / (2.0 * clip)).clamp(0.0, 1.0);
        assert!((picture.pixels()[y * 50 + x] - expected).abs() < 0.003);
    }
}
