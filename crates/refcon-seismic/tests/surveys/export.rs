//! Tiles as files: what is written, and what becomes of an export that was interrupted.

use crate::fixtures::{Scratch, npy};
use refcon_seismic::export::{
    ExportError, ExportProgress, ExportSettings, ExportSource, LabelVolume, TABLE, TileExport, TileLayout,
    TileRow,
};
use refcon_seismic::segy::{self, OpenOptions, Prestack, SegyWriter, TraceLabel, WriteOptions};
use refcon_seismic::tiling::{
    GridRule, Normalisation, PretrainingRule, SizeHistogram, TileRule, TileSelection, TileSize,
};
use refcon_seismic::{BinGrid, Direction, Domain, LineAxis, SampleAxis, Survey, SurveyOptions, Volume};
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::Read;
use std::path::Path;

const SAMPLES: SampleAxis = SampleAxis { domain: Domain::Time, first: 100.0, interval: 4.0, count: 40 };

/// A volume on a map, 12 inlines by 30 crosslines, no two amplitudes alike.
fn volume() -> Volume {
    let inlines = LineAxis { first: 110, step: 2, count: 12 };
    let crosslines = LineAxis { first: 300, step: 1, count: 30 };
    let amplitude = |index: usize| (index as f32 * 0.37).sin() * (1.0 + index as f32 * 1e-4);
    let amplitudes = (0..inlines.count * crosslines.count * SAMPLES.count).map(amplitude).collect();
    Volume { inlines, crosslines, samples: SAMPLES, amplitudes }
}

fn survey(scratch: &Scratch) -> Survey {
    let grid = BinGrid { origin: [1000.0, 2000.0], inline_step: [0.0, 25.0], crossline_step: [12.5, 0.0] };
    let path = scratch.path("block.sgy");
    segy::write_volume(&path, &volume(), &WriteOptions { grid: Some(grid), ..WriteOptions::default() })
        .unwrap();
    Survey::open(&path, &SurveyOptions::default()).unwrap()
}

fn grid(layout: TileLayout) -> ExportSettings {
    let rule = GridRule { size: TileSize { height: 16, width: 10 }, down: 12, across: 10 };
    ExportSettings {
        selection: TileSelection::default(),
        rule: TileRule::Grid(rule),
        layout,
        least_label_share: 0.5,
    }
}

fn source(survey: &Survey) -> ExportSource<'_> {
    ExportSource { survey, labels: None, normalisation: Normalisation::MinMax }
}

fn export(
    folder: &Path,
    settings: &ExportSettings,
    sources: &[ExportSource<'_>],
) -> Result<ExportProgress, ExportError> {
    TileExport::open(folder, settings, sources)?.run(&mut |_| {})
}

fn rows(folder: &Path) -> Vec<TileRow> {
    let rows: Result<Vec<TileRow>, _> =
        csv::Reader::from_path(folder.join(TABLE)).unwrap().deserialize().collect();
    rows.unwrap()
}

/// Every file of an export but for its lock and its journal, which holds the survey's path.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().replace('\\', "/");
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found.retain(|name, _| !["tiles.lock", "tiles.json"].contains(&name.as_str()));
    found
}

fn pixels(png: &[u8]) -> (usize, usize, Vec<u8>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!((info.color_type, info.bit_depth), (png::ColorType::Grayscale, png::BitDepth::Eight));
    (info.width as usize, info.height as usize, pixels)
}

#[test]
fn every_image_shows_the_amplitudes_that_its_row_says() {
    let scratch = Scratch::new();
    let (survey, folder) = (survey(&scratch), scratch.path("tiles"));
    let done = export(&folder, &grid(TileLayout::Images), &[source(&survey)]).unwrap();
    let rows = rows(&folder);
    // Three tiles down each section, three across an inline of 30 traces, two across a crossline of 12.
    assert_eq!(rows.len(), 12 * 3 * 3 + 30 * 3 * 2);
    assert_eq!((done.tiles, done.sections_done, done.sections), (rows.len() as u64, 42, 42));
    let volume = volume();
    for row in &rows {
        let section = volume.section(row.direction, row.line).unwrap();
        let (width, height, pixels) = pixels(&fs::read(folder.join(&row.file)).unwrap());
        assert_eq!((width, height), (row.traces, row.samples));
        let step = (row.white - row.black) / 255.0;
        for (index, &pixel) in pixels.iter().enumerate() {
            let sample = row.first_sample + index / width;
            let trace = row.first_trace + index % width;
            let amplitude = f64::from(section.amplitudes[sample * section.traces.count + trace]);
            let shown = row.black + step * f64::from(pixel);
            assert!((shown - amplitude).abs() <= 0.501 * step, "{row:?} at {index}: {shown} {amplitude}");
        }
    }
    let names: HashSet<&str> = rows.iter().map(|row| row.file.as_str()).collect();
    assert_eq!(names.len(), rows.len());
    assert_eq!(contents(&folder).len(), rows.len() + 1, "images and the table, nothing else");
}

#[test]
fn a_row_says_where_its_tile_lies() {
    let scratch = Scratch::new();
    let (survey, folder) = (survey(&scratch), scratch.path("tiles"));
    export(&folder, &grid(TileLayout::Images), &[source(&survey)]).unwrap();
    let rows = rows(&folder);
    let row = rows.iter().find(|row| row.direction == Direction::Inline && row.line == 114).unwrap();
    assert_eq!(row.file, "block/inline-114/crossline-300-100ms-0.png");
    assert_eq!(
        (row.first_inline, row.first_crossline, row.last_inline, row.last_crossline),
        (114, 300, 114, 309)
    );
    assert_eq!((row.top, row.bottom, row.unit.as_str()), (100.0, 160.0, "ms"));
    let corners = [row.first_x, row.first_y, row.last_x, row.last_y];
    for (found, expected) in corners.into_iter().zip([1000.0, 2050.0, 1112.5, 2050.0]) {
        assert!((found.unwrap() - expected).abs() < 0.1, "{row:?}");
    }
}

#[test]
fn tiles_of_a_2d_line_take_their_positions_from_its_traces() {
    let scratch = Scratch::new();
    let path = scratch.path("line.sgy");
    let mut writer = SegyWriter::create(&path, SAMPLES, &WriteOptions::default()).unwrap();
    for cdp in 0..20 {
        // A crooked line: no grid would give these.
        let position = [500.0 + 10.0 * f64::from(cdp), 900.0 + f64::from(cdp * cdp)];
        let label = TraceLabel { inline: 0, crossline: 0, cdp: 101 + cdp, position, offset: 0, live: true };
        writer.write_trace(&label, &[cdp as f32 - 9.5; 40]).unwrap();
    }
    writer.finish().unwrap();
    let survey = Survey::open(&path, &SurveyOptions::default()).unwrap();
    let folder = scratch.path("tiles");
    export(&folder, &grid(TileLayout::Images), &[source(&survey)]).unwrap();
    let row = rows(&folder).into_iter().find(|row| row.first_crossline == 111).unwrap();
    assert_eq!((row.first_x, row.first_y), (Some(600.0), Some(1000.0)));
    assert_eq!((row.last_x, row.last_y), (Some(690.0), Some(1261.0)));
    assert!(row.file.ends_with("/trace-111-100ms-1.png"), "{}", row.file);
}

#[test]
fn shards_hold_an_image_and_its_row_under_one_key() {
    let scratch = Scratch::new();
    let (survey, folder) = (survey(&scratch), scratch.path("shards"));
    export(&folder, &grid(TileLayout::Shards { tiles: 50 }), &[source(&survey)]).unwrap();
    export(&scratch.path("images"), &grid(TileLayout::Images), &[source(&survey)]).unwrap();
    let images = rows(&scratch.path("images"));
    let mut found = Vec::new();
    for shard in 0.. {
        let name = format!("shard-{shard:06}.tar");
        let Ok(file) = fs::File::open(folder.join(&name)) else { break };
        let mut entries = Vec::new();
        for entry in tar::Archive::new(file).entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().to_str().unwrap().to_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            entries.push((path, bytes));
        }
        assert!(entries.len() >= 2);
        for pair in entries.chunks(2) {
            let row: TileRow = serde_json::from_slice(&pair[1].1).unwrap();
            assert_eq!(row.shard, name);
            assert_eq!(
                (&pair[0].0, pair[1].0.trim_end_matches(".json")),
                (&row.file, row.file.trim_end_matches(".png"))
            );
            let image = &images[found.len()];
            assert_eq!(pair[0].1, fs::read(scratch.path("images").join(&image.file)).unwrap());
            found.push(row);
        }
    }
    assert_eq!(found, rows(&folder));
    assert_eq!(found.len(), images.len());
    let shards: HashSet<&str> = found.iter().map(|row| row.shard.as_str()).collect();
    // 6 tiles of a crossline and 9 of an inline fill shards of 50 to 54; the last one holds the rest.
    assert_eq!(shards.len(), 6);
}

/// What a process leaves that was killed after `kept` of its table's bytes were committed: files it had begun, and rows
/// beyond the journal's.
fn interrupt(folder: &Path, sections_done: usize, tiles: usize, shards: usize) {
    let table = fs::read_to_string(folder.join(TABLE)).unwrap();
    let bytes: usize = table.split_inclusive('\n').take(tiles + 1).map(str::len).sum();
    let mut journal: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("tiles.json")).unwrap()).unwrap();
    journal["sections_done"] = sections_done.into();
    journal["tiles"] = tiles.into();
    journal["shards"] = shards.into();
    journal["table_bytes"] = if tiles == 0 { 0 } else { bytes }.into();
    fs::write(folder.join("tiles.json"), journal.to_string()).unwrap();
    fs::write(folder.join(TABLE), &table.as_bytes()[..(bytes + 37).min(table.len())]).unwrap();
}

#[test]
fn an_export_taken_up_again_is_the_same_as_one_that_ran_through() {
    for layout in [TileLayout::Images, TileLayout::Shards { tiles: 50 }] {
        let scratch = Scratch::new();
        let (survey, folder) = (survey(&scratch), scratch.path("tiles"));
        let sources = [source(&survey)];
        export(&folder, &grid(layout), &sources).unwrap();
        let through = contents(&folder);
        let states: &[(usize, usize, usize)] = match layout {
            // Inlines have 9 tiles each, crosslines 6.
            TileLayout::Images => &[(0, 0, 0), (1, 9, 0), (12, 108, 0), (13, 114, 0)],
            TileLayout::Shards { .. } => &[(0, 0, 0), (6, 54, 1), (12, 108, 2)],
        };
        for &(sections, tiles, shards) in states {
            interrupt(&folder, sections, tiles, shards);
            for (name, _) in through.iter().filter(|(name, _)| name.ends_with(".tar")).skip(shards) {
                fs::rename(folder.join(name), folder.join(format!("{name}.partial"))).unwrap();
            }
            let done = export(&folder, &grid(layout), &sources).unwrap();
            assert_eq!(done.tiles, 288, "{layout:?}");
            assert_eq!(contents(&folder), through, "{layout:?} after {sections} sections");
        }
    }
}

#[test]
fn what_was_lost_since_is_made_again() {
    let scratch = Scratch::new();
    let (survey, folder) = (survey(&scratch), scratch.path("tiles"));
    let sources = [source(&survey)];
    for layout in [TileLayout::Images, TileLayout::Shards { tiles: 50 }] {
        let _ = fs::remove_dir_all(&folder);
        export(&folder, &grid(layout), &sources).unwrap();
        let through = contents(&folder);
        let row = &rows(&folder)[130];
        let lost = folder.join(if row.shard.is_empty() { &row.file } else { &row.shard });
        fs::write(&lost, b"").unwrap();
        assert_eq!(export(&folder, &grid(layout), &sources).unwrap().tiles, 288);
        assert_eq!(contents(&folder), through);
        fs::remove_file(&lost).unwrap();
        assert_eq!(export(&folder, &grid(layout), &sources).unwrap().tiles, 288);
        assert_eq!(contents(&folder), through);
        fs::write(folder.join(TABLE), &through[TABLE][..5000]).unwrap();
        assert_eq!(export(&folder, &grid(layout), &sources).unwrap().tiles, 288);
        assert_eq!(contents(&folder), through);
    }
}

#[test]
fn other_settings_another_survey_and_other_folders_are_refused() {
    let scratch = Scratch::new();
    let (survey, folder) = (survey(&scratch), scratch.path("tiles"));
    let sources = [source(&survey)];
    export(&folder, &grid(TileLayout::Images), &sources).unwrap();
    let before = contents(&folder);
    let mut other = grid(TileLayout::Images);
    other.selection.every = 2;
    let message = export(&folder, &other, &sources).unwrap_err().to_string();
    assert!(message.contains("the step from line to line was 1, now it is 2"), "{message}");
    let clipped = [ExportSource { normalisation: Normalisation::Clip { amplitude: 2.0 }, ..sources[0] }];
    let message = export(&folder, &grid(TileLayout::Images), &clipped).unwrap_err().to_string();
    assert!(message.contains("the grey scale of survey 1 was min max"), "{message}");
    assert_eq!(contents(&folder), before);

    let occupied = scratch.path("occupied");
    fs::create_dir(&occupied).unwrap();
    fs::write(occupied.join("thesis.txt"), "years of work").unwrap();
    let message = export(&occupied, &grid(TileLayout::Images), &sources).unwrap_err().to_string();
    assert!(message.contains("not empty") && message.contains("another folder"), "{message}");
    assert_eq!(contents(&occupied).len(), 1);

    let held = TileExport::open(&folder, &grid(TileLayout::Images), &sources).unwrap();
    let busy = TileExport::open(&folder, &grid(TileLayout::Images), &sources).unwrap_err();
    assert!(matches!(busy, ExportError::Busy { .. }), "{busy}");
    drop(held);
    export(&folder, &grid(TileLayout::Images), &sources).unwrap();
}

#[test]
fn a_journal_of_nonsense_is_an_error_that_names_it() {
    let scratch = Scratch::new();
    let (survey, folder) = (survey(&scratch), scratch.path("tiles"));
    fs::create_dir(&folder).unwrap();
    for nonsense in [
        "",
        "{}",
        "[1, 2]",
        r#"{"version": 99, "made_with": 1, "sections": 1, "sections_done": 0, "tiles": 0, "shards": 0, "table_bytes": 0}"#,
    ] {
        fs::write(folder.join("tiles.json"), nonsense).unwrap();
        let error = export(&folder, &grid(TileLayout::Images), &[source(&survey)]).unwrap_err();
        assert!(matches!(error, ExportError::Journal { .. }), "{error}");
        assert!(error.to_string().contains("tiles.json"), "{error}");
    }
}

#[test]
fn tiles_get_the_label_that_most_of_their_samples_have() {
    let scratch = Scratch::new();
    let survey = survey(&scratch);
    // The upper 20 samples are salt (3) everywhere; below, crosslines from 315 on are label 9.
    let label = |index: usize| if index % 40 < 20 { 3 } else { 4 + 5 * u8::from(index / 40 % 30 >= 15) };
    let labels: Vec<u8> = (0..12 * 30 * 40).map(label).collect();
    let path = scratch.file("labels.npy", &npy("|u1", false, &[12, 30, 40], &labels));
    let labels = Survey::open(&path, &SurveyOptions::default()).unwrap();
    let names = BTreeMap::from([(3, "Salt".to_owned()), (4, "Not/../salt".to_owned())]);
    let labels = LabelVolume::new(labels, names);
    let sources = [ExportSource { labels: Some(&labels), ..source(&survey) }];
    let settings = ExportSettings { least_label_share: 0.6, ..grid(TileLayout::Images) };
    let folder = scratch.path("train");
    let done = export(&folder, &settings, &sources).unwrap();
    let rows = rows(&folder);
    let tile = |line, crossline, top| {
        rows.iter().find(|row| {
            row.direction == Direction::Inline
                && (row.line, row.first_crossline, row.first_sample) == (line, crossline, top)
        })
    };
    assert_eq!(tile(110, 300, 0).unwrap().label, "Salt");
    assert_eq!(tile(110, 300, 0).unwrap().label_share, Some(1.0));
    assert!(tile(110, 300, 0).unwrap().file.starts_with("Salt/block-inline-110-"));
    // Samples 12 to 27: half salt.
    assert_eq!(tile(110, 300, 12), None);
    // Samples 24 to 39, traces 310 to 319: half of each.
    assert_eq!(tile(110, 310, 24), None);
    assert_eq!(tile(110, 320, 24).unwrap().label, "label-9");
    let other = tile(110, 300, 24).unwrap();
    assert_eq!(other.label, "Not/../salt");
    assert!(
        other.file.starts_with("Not_/__/salt") || other.file.starts_with("Not____salt/"),
        "{}",
        other.file
    );
    assert_eq!(done.tiles + done.unlabelled, 288);
}

#[test]
fn labels_of_another_shape_or_without_whole_numbers_are_refused() {
    let scratch = Scratch::new();
    let survey = survey(&scratch);
    let refused = |shape: &[usize], bytes: &[u8], descr: &str| {
        let path = scratch.file("labels.npy", &npy(descr, false, shape, bytes));
        let labels =
            LabelVolume::new(Survey::open(&path, &SurveyOptions::default()).unwrap(), BTreeMap::new());
        let sources = [ExportSource { labels: Some(&labels), ..source(&survey) }];
        export(&scratch.path("refused"), &grid(TileLayout::Images), &sources).unwrap_err().to_string()
    };
    let message = refused(&[12, 29, 40], &[0; 12 * 29 * 40], "|u1");
    assert!(message.contains("29 crosslines") && message.contains("30 crosslines"), "{message}");
    let halves: Vec<u8> = (0..12 * 30 * 40).flat_map(|_| 0.5_f32.to_le_bytes()).collect();
    let message = refused(&[12, 30, 40], &halves, "<f4");
    assert!(message.contains("holds 0.5, expected whole numbers"), "{message}");
}

#[test]
fn surveys_of_one_name_are_told_apart() {
    let scratch = Scratch::new();
    let one = survey(&scratch);
    let two = Survey::open(&scratch.path("block.sgy"), &SurveyOptions::default()).unwrap();
    let folder = scratch.path("tiles");
    export(&folder, &grid(TileLayout::Images), &[source(&one), source(&two)]).unwrap();
    let rows = rows(&folder);
    assert_eq!(rows.len(), 2 * 288);
    assert_eq!(rows[288].survey, "block-2");
    assert!(rows[288].file.starts_with("block-2/"));
}

#[test]
fn the_pretraining_rule_writes_a_few_tiles_of_each_section() {
    let scratch = Scratch::new();
    let (survey, folder) = (survey(&scratch), scratch.path("tiles"));
    let sizes = SizeHistogram::of_counts([
        (TileSize { height: 20, width: 8 }, 3),
        (TileSize { height: 9, width: 9 }, 1),
    ]);
    let rule = PretrainingRule { down: 10, across: 8, ..PretrainingRule::of_challenge(sizes.unwrap(), 7) };
    let settings = ExportSettings { rule: TileRule::Pretraining(rule), ..grid(TileLayout::Images) };
    export(&folder, &settings, &[source(&survey)]).unwrap();
    let rows = rows(&folder);
    assert_eq!(rows.len(), 4 * 42);
    assert!(rows.iter().all(|row| [(20, 8), (9, 9)].contains(&(row.samples, row.traces))));
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let scratch = Scratch::new();
    let survey = survey(&scratch);
    let refused = |settings: &ExportSettings, sources: &[ExportSource<'_>]| {
        let folder = scratch.path("never");
        let message = export(&folder, settings, sources).unwrap_err().to_string();
        assert!(!folder.exists(), "{message}");
        message
    };
    let sources = [source(&survey)];
    assert!(refused(&grid(TileLayout::Shards { tiles: 0 }), &sources).contains("shards of 0 tiles"));
    assert!(refused(&grid(TileLayout::Images), &[]).contains("no survey"));
    let share = ExportSettings { least_label_share: 1.5, ..grid(TileLayout::Images) };
    assert!(refused(&share, &sources).contains("1.5: expected 0 to 1"));
    let mut large = grid(TileLayout::Images);
    large.rule = TileRule::Grid(GridRule { size: TileSize { height: 16, width: 31 }, down: 1, across: 1 });
    let message = refused(&large, &sources);
    assert!(
        message.contains("31 traces × 16 samples") && message.contains("30 traces × 40 samples of block"),
        "{message}"
    );
}

#[test]
fn prestack_is_refused_and_stacked_on_request() {
    let scratch = Scratch::new();
    let path = scratch.path("gathers.sgy");
    let mut writer = SegyWriter::create(&path, SAMPLES, &WriteOptions::default()).unwrap();
    for bin in 0..12 {
        for offset in [100, 200, 300] {
            let (inline, crossline) = (1 + bin / 4, 1 + bin % 4);
            let label = TraceLabel { inline, crossline, cdp: bin, position: [0.0; 2], offset, live: true };
            writer.write_trace(&label, &[1.0; 40]).unwrap();
        }
    }
    writer.finish().unwrap();
    let survey =
        Survey::open(&path, &SurveyOptions { segy: OpenOptions::default(), ..SurveyOptions::default() })
            .unwrap();
    let folder = scratch.path("never");
    let mut settings = grid(TileLayout::Images);
    settings.rule =
        TileRule::Grid(GridRule { size: TileSize { height: 16, width: 3 }, down: 12, across: 10 });
    let message = export(&folder, &settings, &[source(&survey)]).unwrap_err().to_string();
    assert!(message.contains("pre-stack"), "{message}");
    assert_eq!(contents(&folder).keys().collect::<Vec<_>>(), [TABLE]);
    // Nothing was done, so the folder is not taken.
    let options = OpenOptions { prestack: Prestack::Stack, ..OpenOptions::default() };
    let stacked = Survey::open(&path, &SurveyOptions { segy: options, ..SurveyOptions::default() }).unwrap();
    assert_eq!(export(&folder, &settings, &[source(&stacked)]).unwrap().tiles, 3 * (3 + 4));
}
