//! Tiles of surveys that need no file, and of real ones.

use crate::fixtures::{Scratch, field_data, npy};
use proptest::prelude::*;
use refcon_seismic::survey::ArrayAxes;
use refcon_seismic::tiling::{
    GridRule, PretrainingRule, SizeHistogram, Tile, TileRule, TileSelection, TileSize, Tiling, TilingError,
    live_fraction,
};
use refcon_seismic::{
    BinGrid, Direction, Domain, Geometry, LineAxis, LineGeometry, LineNumbering, SampleAxis, Section, Survey,
    SurveyOptions, TileBox, VolumeGeometry,
};
use std::collections::HashSet;

fn grid_of(height: usize, width: usize, down: usize, across: usize) -> TileRule {
    TileRule::Grid(GridRule { size: TileSize { height, width }, down, across })
}

fn time(count: usize) -> SampleAxis {
    SampleAxis { domain: Domain::Time, first: 100.0, interval: 4.0, count }
}

fn volume(inlines: usize, crosslines: usize) -> Geometry {
    Geometry::Volume(VolumeGeometry {
        inlines: LineAxis { first: 500, step: -2, count: inlines },
        crosslines: LineAxis { first: 10, step: 5, count: crosslines },
        live_bins: (inlines * crosslines) as u64,
        extra_traces: 0,
        grid: Some(BinGrid {
            origin: [1000.0, 2000.0],
            inline_step: [0.0, 25.0],
            crossline_step: [12.5, 0.0],
        }),
    })
}

fn line(traces: usize) -> Geometry {
    Geometry::Line(LineGeometry {
        line: 7,
        traces: LineAxis { first: 1, step: 1, count: traces },
        numbered_by: LineNumbering::Cdp,
        live_traces: traces as u64,
        extra_traces: 0,
        ends: None,
    })
}

fn tiling(geometry: &Geometry, samples: usize, selection: &TileSelection, rule: TileRule) -> Tiling {
    Tiling::new("survey", geometry, time(samples), selection, rule).unwrap()
}

fn sizes() -> SizeHistogram {
    let size = |height, width| TileSize { height, width };
    SizeHistogram::of_counts([(size(143, 118), 8), (size(99, 99), 1), (size(60, 200), 1)]).unwrap()
}

/// The tiles of a section that has been read whole.
fn live(tiling: &Tiling, section: &Section) -> Vec<Tile> {
    let cut = |bounds| section.cut(bounds).ok_or("outside");
    tiling.cut_tiles(section.direction, section.line, cut).map(|tile| tile.unwrap().0).collect()
}

fn inside(tile: &Tile, samples: usize, traces: usize) -> bool {
    let TileBox { first_trace, traces: width, first_sample, samples: height } = tile.bounds;
    first_trace + width <= traces && first_sample + height <= samples && width > 0 && height > 0
}

proptest! {
    #[test]
    fn grid_tiles_stay_inside_never_repeat_and_cover_where_strides_are_no_longer_than_tiles(
        (samples, traces, height, width, down, across) in (1..40_usize, 1..40_usize, 1..12_usize, 1..12_usize, 1..15_usize, 1..15_usize)
    ) {
        let selection = TileSelection { directions: vec![Direction::Inline], ..TileSelection::default() };
        let tiling = tiling(&volume(1, traces), samples, &selection, grid_of(height, width, down, across));
        let tiles: Vec<Tile> = tiling.tiles().collect();
        let mut covered = vec![false; samples * traces];
        let mut corners = HashSet::new();
        for tile in &tiles {
            prop_assert!(inside(tile, samples, traces), "{:?}", tile.bounds);
            prop_assert_eq!((tile.bounds.samples, tile.bounds.traces), (height, width));
            prop_assert!(corners.insert((tile.bounds.first_sample, tile.bounds.first_trace)), "{:?}", tile.bounds);
            for sample in tile.bounds.first_sample..tile.bounds.first_sample + height {
                covered[sample * traces..][tile.bounds.first_trace..][..width].fill(true);
            }
        }
        prop_assert_eq!(tiles.is_empty(), height > samples || width > traces);
        if !tiles.is_empty() && down <= height && across <= width {
            prop_assert!(covered.iter().all(|&covered| covered));
        }
    }

    #[test]
    fn pretraining_tiles_lie_on_the_grid_or_are_moved_inside(
        (samples, traces, seed) in (1..700_usize, 1..700_usize, any::<u64>())
    ) {
        let rule = TileRule::Pretraining(PretrainingRule::of_challenge(sizes(), seed));
        let tiling = tiling(&volume(3, traces), samples, &TileSelection::default(), rule);
        let tiles: Vec<Tile> = tiling.tiles_of(Direction::Inline, 498).collect();
        let corners = samples.div_ceil(126) * traces.div_ceil(100);
        prop_assert_eq!(tiles.len(), corners.min(4));
        for tile in &tiles {
            prop_assert!(inside(tile, samples, traces), "{:?}", tile.bounds);
            let TileBox { first_trace, traces: width, first_sample, samples: height } = tile.bounds;
            prop_assert!(first_trace % 100 == 0 || first_trace + width == traces);
            prop_assert!(first_sample % 126 == 0 || first_sample + height == samples);
        }
    }
}

#[test]
fn the_last_tile_of_a_row_is_moved_inside() {
    let tiling = tiling(&line(10), 4, &TileSelection::default(), grid_of(4, 4, 4, 3));
    let starts: Vec<usize> = tiling.tiles().map(|tile| tile.bounds.first_trace).collect();
    assert_eq!(starts, [0, 3, 6]);
    let tiling = Tiling::new("survey", &line(11), time(4), &TileSelection::default(), grid_of(4, 4, 4, 3));
    let starts: Vec<usize> = tiling.unwrap().tiles().map(|tile| tile.bounds.first_trace).collect();
    assert_eq!(starts, [0, 3, 6, 7]);
}

#[test]
fn a_tile_knows_its_lines_samples_and_corners() {
    let tiling = tiling(&volume(6, 8), 20, &TileSelection::default(), grid_of(10, 3, 5, 2));
    let tile = tiling.tiles_of(Direction::Inline, 496).nth(4 + 1).unwrap();
    assert_eq!(tile.bounds, TileBox { first_trace: 2, traces: 3, first_sample: 5, samples: 10 });
    assert_eq!(&*tile.survey, "survey");
    assert_eq!((tile.first_trace.inline, tile.first_trace.crossline), (496, 20));
    assert_eq!((tile.last_trace.inline, tile.last_trace.crossline), (496, 30));
    assert_eq!((tile.first_sample, tile.last_sample), (120.0, 156.0));
    assert_eq!(tile.first_trace.position, Some([1025.0, 2050.0]));
    assert_eq!(tile.last_trace.position, Some([1050.0, 2050.0]));
    let across = tiling.tiles_of(Direction::Crossline, 20).nth(1).unwrap();
    assert_eq!((across.first_trace.inline, across.first_trace.crossline), (496, 20));
    assert_eq!((across.last_trace.inline, across.last_trace.crossline), (492, 20));
    assert_eq!(across.last_trace.position, Some([1025.0, 2100.0]));
    assert_eq!(serde_json::to_value(&across).unwrap()["survey"], "survey");
    assert_eq!(tiling.tiles_of(Direction::Inline, 497).count(), 0, "there is no such line");
}

#[test]
fn every_nth_line_of_the_directions_asked_for() {
    let selection =
        TileSelection { directions: vec![Direction::Crossline], every: 3, ..TileSelection::default() };
    let tiling = tiling(&volume(4, 8), 5, &selection, grid_of(5, 4, 5, 4));
    let lines: Vec<(Direction, i32)> = tiling.sections().collect();
    assert_eq!(lines, [10, 25, 40].map(|line| (Direction::Crossline, line)));
    assert_eq!(tiling.tiles().count(), 3);
}

#[test]
fn a_2d_line_has_its_inline_only() {
    let tiling = tiling(&line(9), 9, &TileSelection::default(), grid_of(9, 9, 9, 9));
    let tiles: Vec<Tile> = tiling.tiles().collect();
    assert_eq!(tiles.len(), 1);
    assert_eq!((tiles[0].line, tiles[0].last_trace.crossline, tiles[0].last_trace.position), (7, 9, None));
}

#[test]
fn a_window_keeps_tiles_between_its_positions() {
    let selection = TileSelection { window: Some([107.0, 124.0]), ..TileSelection::default() };
    let tiling = tiling(&line(2), 20, &selection, grid_of(2, 2, 2, 2));
    let positions: Vec<[f64; 2]> = tiling.tiles().map(|tile| [tile.first_sample, tile.last_sample]).collect();
    assert_eq!(positions, [[108.0, 112.0], [116.0, 120.0], [120.0, 124.0]]);
}

#[test]
fn a_window_end_is_found_in_spite_of_rounding() {
    let samples = SampleAxis { domain: Domain::Depth, first: 0.0, interval: 0.1, count: 10 };
    assert!(samples.position(3) > 0.3, "the case is one of rounding");
    let selection = TileSelection { window: Some([0.0, 0.3]), ..TileSelection::default() };
    let tiling = Tiling::new("survey", &line(1), samples, &selection, grid_of(1, 1, 1, 1)).unwrap();
    assert_eq!(tiling.tiles().count(), 4);
}

#[test]
fn a_section_gets_the_same_pretraining_tiles_whatever_came_before() {
    let rule = |seed| TileRule::Pretraining(PretrainingRule::of_challenge(sizes(), seed));
    let geometry = volume(40, 900);
    let seeded = |seed| tiling(&geometry, 500, &TileSelection::default(), rule(seed));
    let in_order: Vec<Tile> = seeded(42).tiles().collect();
    assert!(in_order.iter().filter(|tile| tile.direction == Direction::Inline).count() == 4 * 40);
    let again = seeded(42);
    for (direction, line) in [(Direction::Crossline, 505), (Direction::Inline, 430), (Direction::Inline, 500)]
    {
        let expected: Vec<Tile> =
            in_order.iter().filter(|t| (t.direction, t.line) == (direction, line)).cloned().collect();
        assert_eq!(again.tiles_of(direction, line).collect::<Vec<_>>(), expected);
    }
    assert_ne!(seeded(43).tiles().collect::<Vec<_>>(), in_order);
    let boxes_of = |line| again.tiles_of(Direction::Inline, line).map(|tile| tile.bounds).collect::<Vec<_>>();
    assert_ne!(boxes_of(500), boxes_of(498), "each section has corners of its own");
}

#[test]
fn sizes_are_drawn_as_often_as_they_occur() {
    let rule = TileRule::Pretraining(PretrainingRule::of_challenge(sizes(), 1));
    let tiling = tiling(&volume(2000, 1000), 1000, &TileSelection::default(), rule);
    let inlines: Vec<Tile> = tiling.tiles().take(8000).collect();
    let share = |height: usize| {
        inlines.iter().filter(|tile| tile.bounds.samples == height).count() as f64 / inlines.len() as f64
    };
    // Eight standard deviations of a share of 8 in 10 of 8000.
    for (height, expected) in [(143, 0.8), (99, 0.1), (60, 0.1)] {
        assert!((share(height) - expected).abs() < 0.036, "{height}: {}", share(height));
    }
}

/// 6 samples of 8 traces, live (and not finite once) from the fifth trace on.
fn half_dead() -> Section {
    let amplitudes = (0..48).map(|place| if place % 8 < 4 { 0.0 } else { 1.0 + place as f32 });
    let mut amplitudes: Vec<f32> = amplitudes.collect();
    amplitudes[7] = f32::NAN;
    let traces = LineAxis { first: 1, step: 1, count: 8 };
    Section { direction: Direction::Inline, line: 7, traces, samples: time(6), amplitudes }
}

#[test]
fn a_tile_with_too_few_live_samples_is_left_out() {
    let section = half_dead();
    let whole = TileBox { first_trace: 0, traces: 8, first_sample: 0, samples: 6 };
    assert_eq!(live_fraction(&section.cut(whole).unwrap()), 23.0 / 48.0);
    assert_eq!(live_fraction(&[]), 0.0);
    let starts_with = |minimum_live_fraction: f64| -> Vec<usize> {
        let selection = TileSelection { minimum_live_fraction, ..TileSelection::default() };
        let tiling = tiling(&line(8), 6, &selection, grid_of(6, 2, 6, 2));
        live(&tiling, &section).iter().map(|tile| tile.bounds.first_trace).collect()
    };
    assert_eq!(starts_with(0.0), [0, 2, 4, 6]);
    assert_eq!(starts_with(0.9), [4, 6]);
    assert_eq!(starts_with(1.0), [4], "a sample that is no number is not live");
}

#[test]
fn the_pretraining_rule_takes_other_corners_for_dead_ones() {
    let small = SizeHistogram::of_sizes([TileSize { height: 2, width: 2 }]).unwrap();
    let rule = PretrainingRule { sizes: small, down: 2, across: 2, per_section: 6, seed: 9 };
    let selection = TileSelection { minimum_live_fraction: 0.5, ..TileSelection::default() };
    let tiling = tiling(&line(8), 6, &selection, TileRule::Pretraining(rule));
    let section = half_dead();
    let live = live(&tiling, &section);
    assert_eq!(live.len(), 6, "half of the 12 corners are live");
    assert!(live.iter().all(|tile| tile.bounds.first_trace >= 4));
}

#[test]
fn a_rule_or_selection_that_makes_no_tiles_is_refused() {
    let refused = |geometry: &Geometry, selection: TileSelection, rule: TileRule| {
        Tiling::new("survey", geometry, time(9), &selection, rule).unwrap_err()
    };
    let zero = refused(&line(9), TileSelection::default(), grid_of(1, 1, 0, 1));
    assert_eq!(zero, TilingError::Zero { what: "the stride down" });
    let every = TileSelection { every: 0, ..TileSelection::default() };
    assert!(matches!(refused(&line(9), every, grid_of(1, 1, 1, 1)), TilingError::Zero { .. }));
    let live = TileSelection { minimum_live_fraction: f64::NAN, ..TileSelection::default() };
    assert!(matches!(refused(&line(9), live, grid_of(1, 1, 1, 1)), TilingError::LiveFraction { .. }));
    let crosslines = TileSelection { directions: vec![Direction::Crossline], ..TileSelection::default() };
    let message = refused(&line(9), crosslines, grid_of(1, 1, 1, 1)).to_string();
    assert!(message.contains("no crosslines"), "{message}");
    let window = TileSelection { window: Some([133.0, 200.0]), ..TileSelection::default() };
    let message = refused(&line(9), window, grid_of(1, 1, 1, 1)).to_string();
    assert!(message.contains("133 to 200 ms") && message.contains("100 to 132 ms"), "{message}");
    assert_eq!(SizeHistogram::of_sizes([]), Err(TilingError::NoSizes));
    let flat = SizeHistogram::of_sizes([TileSize { height: 0, width: 4 }]);
    assert!(matches!(flat, Err(TilingError::Zero { .. })));
}

#[test]
fn tiles_of_a_survey_in_a_file_are_cut_from_its_sections() {
    let values: Vec<u8> = (0..60).collect();
    let scratch = Scratch::new();
    let path = scratch.file("cube.npy", &npy("|u1", false, &[3, 4, 5], &values));
    let axes = ArrayAxes { first_inline: 100, first_crossline: 300, ..ArrayAxes::default() };
    let survey = Survey::open(&path, &SurveyOptions { axes, ..SurveyOptions::default() }).unwrap();
    let tiling = Tiling::of_survey(&survey, &TileSelection::default(), grid_of(2, 2, 2, 2)).unwrap();
    let mut tiles = 0;
    for (direction, line) in tiling.sections() {
        let section = survey.read_section(direction, line).unwrap();
        for tile in live(&tiling, &section) {
            tiles += 1;
            let amplitudes = section.cut(tile.bounds).unwrap();
            let place = tile.first_trace;
            let index = ((place.inline - 100) * 4 + place.crossline - 300) * 5 + tile.first_sample as i32;
            assert_eq!(amplitudes[0], index as f32, "{tile:?}");
        }
    }
    assert_eq!(tiles, 3 * (3 * 2) + 4 * (3 * 2));
    assert_eq!(tiling.tiles().count(), tiles);
}

#[test]
fn the_f3_inlines_give_live_tiles_with_their_place_on_the_map() {
    let Some(path) = field_data("segy/f3-inlines-110-111.sgy") else { return };
    let survey = Survey::open(&path, &SurveyOptions::default()).unwrap();
    let selection = TileSelection {
        directions: vec![Direction::Inline],
        minimum_live_fraction: 0.9,
        ..TileSelection::default()
    };
    let rule = TileRule::Pretraining(PretrainingRule::of_challenge(sizes(), 42));
    let tiling = Tiling::of_survey(&survey, &selection, rule).unwrap();
    for (direction, line) in tiling.sections() {
        let section = survey.read_section(direction, line).unwrap();
        let tiles = live(&tiling, &section);
        assert_eq!(tiles.len(), 4);
        for tile in tiles {
            assert_eq!(tile.first_trace.inline, line);
            let (Some(first), Some(last)) = (tile.first_trace.position, tile.last_trace.position) else {
                panic!("the survey has a bin grid")
            };
            let length = (last[0] - first[0]).hypot(last[1] - first[1]);
            let expected = 25.0 * (tile.bounds.traces - 1) as f64;
            assert!((length - expected).abs() < 0.01 * expected, "{length} m, expected {expected} m");
        }
    }
    assert_eq!(tiling.sections().map(|(_, line)| line).collect::<Vec<_>>(), [110, 111]);
}
