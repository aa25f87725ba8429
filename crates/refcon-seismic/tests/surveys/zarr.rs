//! Zarr v3 stores and MDIO v1 data sets, against what their writers put in.

use crate::fixtures::{Scratch, all_traces, assert_same, files_below, golden, volume_on};
use proptest::prelude::*;
use refcon_seismic::survey::ArrayAxes;
use refcon_seismic::{
    Direction, Domain, Geometry, LineAxis, LineNumbering, Survey, SurveyError, SurveyOptions, Volume,
};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

fn open(path: &Path) -> Result<Survey, SurveyError> {
    Survey::open(path, &SurveyOptions::default())
}

/// The expected samples of a store, trace by trace.
fn expected(name: &str) -> Vec<f32> {
    all_traces(&open(&golden(&format!("{name}.npy"))).unwrap())
}

/// The expected samples as a volume on the axes of `survey`.
fn volume(survey: &Survey, name: &str) -> Volume {
    volume_on(survey, expected(name))
}

/// A copy of a golden store that a test may spoil.
fn copy(scratch: &Scratch, name: &str) -> PathBuf {
    let (from, to) = (golden(name), scratch.folder().join(name));
    for file in files_below(&from) {
        fs::create_dir_all(to.join(&file).parent().unwrap()).unwrap();
        fs::copy(from.join(&file), to.join(&file)).unwrap();
    }
    to
}

/// Changes the metadata of a node.
fn change(node: &Path, change: impl FnOnce(&mut Value)) {
    let path = node.join("zarr.json");
    let mut metadata: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut metadata);
    fs::write(path, serde_json::to_vec(&metadata).unwrap()).unwrap();
}

fn refused(path: &Path) -> String {
    let read = open(path).and_then(|survey| {
        let line = survey.lines(Direction::Inline).unwrap().first;
        survey.read_section(Direction::Inline, line)
    });
    read.map(|section| section.traces).unwrap_err().to_string()
}

#[test]
fn stores_of_every_layout_read_as_what_was_written() {
    for name in ["sharded", "turned", "plain"] {
        let survey = open(&golden(&format!("{name}.zarr"))).unwrap();
        assert_same(&survey, &volume(&survey, name));
    }
    let section = open(&golden("section.zarr")).unwrap();
    assert_eq!((section.samples().count, section.trace_count()), (12, 5));
    assert_eq!(all_traces(&section), expected("section"));
    let line = section.read_section(Direction::Inline, 0).unwrap();
    let written = open(&golden("section.npy")).unwrap().read_section(Direction::Inline, 0).unwrap();
    assert_eq!(line.amplitudes, written.amplitudes);
}

#[test]
fn an_array_without_coordinates_is_numbered_as_the_caller_says() {
    let axes = ArrayAxes { first_inline: 9, inline_step: -1, sample_interval: 5.0, ..ArrayAxes::default() };
    let options = SurveyOptions { axes, ..SurveyOptions::default() };
    let survey = Survey::open(&golden("turned.zarr"), &options).unwrap();
    assert_eq!(survey.lines(Direction::Inline), Some(LineAxis { first: 9, step: -1, count: 3 }));
    assert_eq!((survey.samples().domain, survey.samples().interval), (Domain::Depth, 5.0));
    assert_same(&survey, &volume(&survey, "turned"));
}

#[test]
fn an_mdio_volume_opens_with_lines_times_grid_mask_and_units() {
    let survey = open(&golden("volume.mdio")).unwrap();
    let geometry = survey.geometry().volume().unwrap();
    assert_eq!(geometry.inlines, LineAxis { first: 200, step: -2, count: 5 });
    assert_eq!(geometry.crosslines, LineAxis { first: 1000, step: 3, count: 7 });
    let samples = survey.samples();
    assert_eq!(
        (samples.domain, samples.first, samples.interval, samples.count),
        (Domain::Time, 100.0, 4.0, 9)
    );
    assert_eq!((geometry.live_bins, geometry.missing_bins(), survey.trace_count()), (31, 4, 31));
    let live = survey.live_bins().unwrap();
    assert_eq!((live.len(), live.iter().filter(|&&live| live).count()), (35, 31));
    let grid = geometry.grid.unwrap();
    for (found, written) in [
        (grid.origin, [605_835.5, 6_073_556.4]),
        (grid.inline_step, [0.7, 24.99]),
        (grid.crossline_step, [12.49, -0.35]),
    ] {
        assert!((0..2).all(|axis| (found[axis] - written[axis]).abs() < 1e-6), "{grid:?}");
    }
    let metadata = survey.zarr().unwrap();
    assert_eq!(metadata.variable.as_deref(), Some("amplitude"));
    assert_eq!(metadata.mdio_version.as_deref(), Some("1.1.3"));
    assert_eq!(
        (metadata.sample_unit.as_deref(), metadata.coordinate_unit.as_deref()),
        (Some("ms"), Some("m"))
    );
    assert_eq!(metadata.attributes["attributes"]["surveyType"], "3D");
}

#[test]
fn sections_of_an_mdio_volume_hold_zeros_where_no_trace_is_and_traces_leave_them_out() {
    let survey = open(&golden("volume.mdio")).unwrap();
    let volume = volume(&survey, "volume");
    for direction in [Direction::Inline, Direction::Crossline] {
        let lines = survey.lines(direction).unwrap();
        for line in (0..lines.count).map(|index| lines.number(index)) {
            let section = survey.read_section(direction, line).unwrap();
            assert_eq!(section, volume.section(direction, line).unwrap());
        }
    }
    for sample in 0..9 {
        let slice = survey.read_time_slice(sample).unwrap().amplitudes;
        let written: Vec<f32> = volume.amplitudes.iter().skip(sample).step_by(9).copied().collect();
        assert_eq!(slice, written);
    }
    let dead = [0, 1, 2, 34];
    let live: Vec<f32> = volume
        .amplitudes
        .chunks(9)
        .enumerate()
        .filter(|(bin, _)| !dead.contains(bin))
        .flat_map(|(_, trace)| trace.to_vec())
        .collect();
    assert_eq!(all_traces(&survey), live);
}

#[test]
fn an_mdio_line_opens_with_its_cdps_and_ends() {
    let survey = open(&golden("line.mdio")).unwrap();
    let Geometry::Line(line) = survey.geometry() else { panic!("{:?}", survey.geometry()) };
    assert_eq!(line.traces, LineAxis { first: 101, step: 1, count: 11 });
    assert_eq!((line.numbered_by, line.live_traces), (LineNumbering::Cdp, 11));
    assert_eq!(line.ends, Some([[430_000.0, 6_000_000.0], [430_250.0, 5_999_950.0]]));
    let samples = survey.samples();
    assert_eq!(
        (samples.domain, samples.first, samples.interval, samples.count),
        (Domain::Depth, 0.0, 5.0, 6)
    );
    assert_eq!(all_traces(&survey), expected("line"));
}

#[test]
fn positions_in_seconds_become_milliseconds_and_unknown_units_are_refused() {
    let scratch = Scratch::new();
    let path = copy(&scratch, "volume.mdio");
    change(&path.join("time"), |node| node["attributes"]["unitsV1"]["time"] = "s".into());
    let samples = open(&path).unwrap().samples();
    assert_eq!((samples.first, samples.interval), (100_000.0, 4000.0));
    change(&path.join("time"), |node| node["attributes"]["unitsV1"]["time"] = "fortnight".into());
    assert!(refused(&path).contains("fortnight"));
}

#[test]
fn a_section_reads_its_own_chunks_only() {
    let scratch = Scratch::new();
    let path = copy(&scratch, "volume.mdio");
    // The first two inlines lie in the chunks of c/0, the others elsewhere.
    for file in files_below(&path.join("amplitude/c")) {
        if !file.starts_with("0") {
            fs::write(path.join("amplitude/c").join(file), b"spoilt").unwrap();
        }
    }
    let survey = open(&path).unwrap();
    let written = volume(&survey, "volume");
    for line in [200, 198] {
        let section = survey.read_section(Direction::Inline, line).unwrap();
        assert_eq!(Some(section), written.section(Direction::Inline, line));
    }
    for (direction, line) in [(Direction::Inline, 196), (Direction::Crossline, 1000)] {
        let message = survey.read_section(direction, line).unwrap_err().to_string();
        assert!(message.contains("amplitude") && message.contains("chunks at"), "{message}");
    }
}

#[test]
fn a_changed_byte_in_a_chunk_with_a_checksum_is_found() {
    let scratch = Scratch::new();
    let path = copy(&scratch, "sharded.zarr");
    let shard = path.join("c/0/0/0");
    let mut bytes = fs::read(&shard).unwrap();
    // Behind the 16 bytes of the first chunk's own header.
    bytes[20] ^= 1;
    fs::write(&shard, bytes).unwrap();
    let message = refused(&path);
    assert!(message.contains("checksum"), "{message}");
}

#[test]
fn missing_chunks_hold_the_fill_value() {
    let scratch = Scratch::new();
    let path = copy(&scratch, "plain.zarr");
    fs::remove_dir_all(path.join("c/1")).unwrap();
    change(&path, |node| node["fill_value"] = json!(7.5));
    let survey = open(&path).unwrap();
    assert!(survey.read_section(Direction::Inline, 1).unwrap().amplitudes.iter().all(|&a| a == 7.5));
    let first = survey.read_section(Direction::Inline, 0).unwrap();
    assert_eq!(Some(first), volume(&survey, "plain").section(Direction::Inline, 0));
}

#[test]
fn metadata_that_claim_too_much_are_refused_without_allocating_it() {
    let huge = 1_u64 << 40;
    for (shape, chunk) in [
        ([huge, huge, huge], [1, 2, 3]),
        ([u64::MAX, 3, 4], [1, 2, 3]),
        ([2, 3, huge], [1, 2, 3]),
        ([1, 1 << 20, 1 << 20], [1, 2, 3]),
        ([2, 3, 4], [huge, huge, huge]),
        ([2, 3, 4], [0, 2, 3]),
        ([2, 0, 4], [1, 2, 3]),
    ] {
        let scratch = Scratch::new();
        let path = copy(&scratch, "plain.zarr");
        change(&path, |node| {
            node["shape"] = json!(shape);
            node["chunk_grid"]["configuration"]["chunk_shape"] = json!(chunk);
        });
        let message = refused(&path);
        assert!(message.contains("plain.zarr"), "{message}");
    }
    let scratch = Scratch::new();
    let path = copy(&scratch, "sharded.zarr");
    change(&path, |node| {
        node["chunk_grid"]["configuration"]["chunk_shape"] = json!([huge, 8, 10]);
    });
    assert!(refused(&path).contains("a shard"));
}

#[test]
fn chunks_that_decode_to_more_than_a_chunk_are_refused() {
    let much = vec![0; 64 << 20];
    let gzip = {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&much).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = zstd::bulk::compress(&much, 1).unwrap();
    let streamed = zstd::encode_all(&much[..], 1).unwrap();
    for (store, chunk, bomb) in [
        ("section.zarr", "c/0/0", gzip),
        ("turned.zarr", "c/0/0/0", zstd),
        ("turned.zarr", "c/0/0/0", streamed),
    ] {
        let scratch = Scratch::new();
        let path = copy(&scratch, store);
        fs::write(path.join(chunk), bomb).unwrap();
        let message = refused(&path);
        assert!(message.contains("decodes to more than"), "{message}");
    }
}

#[test]
fn zarr_version_2_is_refused_with_a_way_out() {
    let scratch = Scratch::new();
    scratch.file(".zgroup", br#"{"zarr_format": 2}"#);
    let message = open(scratch.folder()).unwrap_err().to_string();
    assert!(message.contains("version 2") && message.contains("multidimio"), "{message}");
    let path = copy(&scratch, "plain.zarr");
    change(&path, |node| node["zarr_format"] = json!(2));
    assert!(refused(&path).contains("expected 3"));
}

#[test]
fn what_is_no_survey_is_refused_with_what_was_expected() {
    let spoilt = |name: &str, node: &str, spoil: fn(&mut Value)| {
        let scratch = Scratch::new();
        let path = copy(&scratch, name);
        change(&path.join(node), spoil);
        refused(&path)
    };
    let message = spoilt("plain.zarr", "", |node| node["data_type"] = "complex64".into());
    assert!(message.contains("complex64"), "{message}");
    let message =
        spoilt("sharded.zarr", "", |node| node["dimension_names"] = json!(["cdp", "offset", "time"]));
    assert!(message.contains("offset") && message.contains("stacked"), "{message}");
    let gather =
        |node: &mut Value| node["dimension_names"] = json!(["inline", "crossline", "offset", "time"]);
    let message = spoilt("sharded.zarr", "", gather);
    assert!(message.contains("sharded.zarr"), "{message}");
    let message = spoilt("plain.zarr", "", |node| node["codecs"] = json!([{"name": "lossy"}]));
    assert!(message.contains("lossy"), "{message}");
    let message = spoilt("plain.zarr", "", |node| node["chunk_grid"]["name"] = "rectangular".into());
    assert!(message.contains("regular"), "{message}");
    let message = spoilt("volume.mdio", "time", |node| node["shape"] = json!([8]));
    assert!(message.contains("[8]") && message.contains("[9]"), "{message}");
    for outside in ["../volume.mdio/amplitude", "nothing", ""] {
        let scratch = Scratch::new();
        let path = copy(&scratch, "volume.mdio");
        change(&path, |node| node["attributes"]["attributes"]["defaultVariableName"] = outside.into());
        assert!(refused(&path).contains("default variable"));
    }
}

#[test]
fn lines_that_are_not_evenly_spaced_are_refused() {
    let scratch = Scratch::new();
    let path = copy(&scratch, "volume.mdio");
    // Without its chunk, every number is the fill value.
    fs::remove_dir_all(path.join("inline/c")).unwrap();
    let message = refused(&path);
    assert!(message.contains("inline") && message.contains("expected neighbours"), "{message}");
}

#[test]
fn a_group_without_a_default_variable_opens_by_its_only_volume() {
    let scratch = Scratch::new();
    let path = copy(&scratch, "volume.mdio");
    fs::rename(path.join("amplitude"), path.join("seismic")).unwrap();
    change(&path, |node| node["attributes"] = json!({}));
    let survey = open(&path).unwrap();
    assert_eq!(survey.zarr().unwrap().variable.as_deref(), Some("seismic"));
    assert_eq!(survey.trace_count(), 31);
}

fn read_everything(path: &Path) -> Result<(), SurveyError> {
    let survey = open(path)?;
    for direction in [Direction::Inline, Direction::Crossline] {
        if let Some(lines) = survey.lines(direction) {
            survey.read_section(direction, lines.last())?;
        }
    }
    survey.traces().try_for_each(|block| block.map(|_| ()))
}

#[test]
fn no_cut_or_changed_file_of_a_store_makes_it_panic() {
    for name in ["volume.mdio", "sharded.zarr", "turned.zarr", "section.zarr"] {
        let scratch = Scratch::new();
        let path = copy(&scratch, name);
        for file in files_below(&path) {
            let file = path.join(file);
            let bytes = fs::read(&file).unwrap();
            let is_metadata = file.ends_with("zarr.json");
            for cut in [0, 1, bytes.len() / 2, bytes.len() - 1] {
                fs::write(&file, &bytes[..cut]).unwrap();
                assert!(read_everything(&path).is_err() || is_metadata || cut > 0, "{file:?}");
            }
            for place in (0..bytes.len()).step_by(7) {
                let mut changed = bytes.clone();
                changed[place] ^= 0x55;
                fs::write(&file, &changed).unwrap();
                let _ = read_everything(&path);
            }
            fs::write(&file, &bytes).unwrap();
        }
        read_everything(&path).unwrap();
    }
}

/// The places in a JSON text that hold no further ones.
fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            members.iter().for_each(|(key, value)| leaves(value, &format!("{path}/{key}"), found));
        }
        Value::Array(values) if !values.is_empty() => {
            values.iter().enumerate().for_each(|(at, value)| leaves(value, &format!("{path}/{at}"), found));
        }
        _ => found.push(path.to_owned()),
    }
}

#[test]
fn no_value_in_the_metadata_makes_it_panic() {
    let values = json!([null, true, 0, -1, 1, 17, 1_u64 << 40, u64::MAX, 1.5, "", "x", "NaN", [], {}]);
    for (name, node) in [("volume.mdio", "amplitude"), ("sharded.zarr", ""), ("turned.zarr", "")] {
        let scratch = Scratch::new();
        let path = copy(&scratch, name);
        let file = path.join(node).join("zarr.json");
        let metadata: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let mut found = Vec::new();
        leaves(&metadata, "", &mut found);
        assert!(found.len() > 20);
        for leaf in found {
            for value in values.as_array().unwrap() {
                let mut changed = metadata.clone();
                *changed.pointer_mut(&leaf).unwrap() = value.clone();
                fs::write(&file, changed.to_string()).unwrap();
                let _ = read_everything(&path);
            }
        }
        fs::write(&file, metadata.to_string()).unwrap();
        read_everything(&path).unwrap();
    }
}

#[test]
fn chunks_of_other_dimensions_than_the_array_are_refused() {
    for (chunk, inner) in
        [(json!([6, 6, 7]), json!([])), (json!([6]), json!([2, 2, 2])), (json!([]), json!([]))]
    {
        let scratch = Scratch::new();
        let path = copy(&scratch, "sharded.zarr");
        change(&path, |node| {
            node["chunk_grid"]["configuration"]["chunk_shape"] = chunk;
            node["codecs"][0]["configuration"]["chunk_shape"] = inner;
        });
        let message = open(&path).unwrap_err().to_string();
        assert!(message.contains("expected as many lengths of each"), "{message}");
    }
}

proptest! {
    #[test]
    fn no_numbers_in_the_metadata_make_it_panic(
        shape in proptest::collection::vec(prop_oneof![0..20_u64, any::<u64>()], 0..5),
        chunk in proptest::collection::vec(prop_oneof![0..20_u64, any::<u64>()], 0..5),
        inner in proptest::collection::vec(prop_oneof![0..20_u64, any::<u64>()], 0..5),
        name in prop_oneof![Just("sharded.zarr"), Just("turned.zarr"), Just("section.zarr")],
    ) {
        let scratch = Scratch::new();
        let path = copy(&scratch, name);
        change(&path, |node| {
            node["shape"] = json!(shape);
            node["chunk_grid"]["configuration"]["chunk_shape"] = json!(chunk);
            if name == "sharded.zarr" {
                node["codecs"][0]["configuration"]["chunk_shape"] = json!(inner);
            } else {
                node["dimension_names"] = Value::Null;
            }
        });
        let _ = read_everything(&path);
    }
}
