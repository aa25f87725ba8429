//! Rectangles read on their own, held to those cut from whole sections.

use crate::fixtures::{Scratch, npy};
use proptest::prelude::*;
use refcon_seismic::segy::{OpenOptions, Prestack, SampleFormat, SegyWriter, TraceLabel, WriteOptions};
use refcon_seismic::survey::{ArrayShape, RawArray};
use refcon_seismic::{
    Direction, Domain, SampleAxis, Survey, SurveyError, SurveyOptions, TileBox, segy::ByteOrder,
};
use std::path::PathBuf;

const SAMPLES: SampleAxis = SampleAxis { domain: Domain::Time, first: 0.0, interval: 4.0, count: 90 };

fn amplitude(inline: i32, crossline: i32, sample: usize) -> f32 {
    (inline * 1000 + crossline * 37) as f32 + sample as f32 * 0.5
}

/// A SEG-Y file of the bins that `holds`, in `order`, with so many traces a bin.
fn segy(path: PathBuf, holds: fn(i32, i32) -> bool, backwards: bool, fold: i32) -> PathBuf {
    let options = WriteOptions { format: SampleFormat::Ibm32, ..WriteOptions::default() };
    let mut writer = SegyWriter::create(&path, SAMPLES, &options).unwrap();
    let mut bins: Vec<(i32, i32)> =
        (0..9).flat_map(|i| (0..70).map(move |j| (i, j))).filter(|&(i, j)| holds(i, j)).collect();
    if backwards {
        bins.reverse();
    }
    for (i, j) in bins {
        for offset in 0..fold {
            let label = TraceLabel {
                inline: 100 + i,
                crossline: 200 + j,
                cdp: i * 70 + j,
                position: [0.0; 2],
                offset: offset * 100,
                live: true,
            };
            let trace: Vec<f32> =
                (0..SAMPLES.count).map(|sample| amplitude(i, j, sample) + offset as f32).collect();
            writer.write_trace(&label, &trace).unwrap();
        }
    }
    writer.finish().unwrap();
    path
}

/// Surveys of every way in which rectangles are read.
fn surveys(scratch: &Scratch) -> Vec<Survey> {
    let open = |path: PathBuf, options: &SurveyOptions| Survey::open(&path, options).unwrap();
    let plain = SurveyOptions::default();
    let stack = OpenOptions { prestack: Prestack::Stack, ..OpenOptions::default() };
    let stack = SurveyOptions { segy: stack, ..SurveyOptions::default() };
    let floats = |count: usize| -> Vec<u8> {
        (0..count).flat_map(|index| (index as f32 * 0.25).to_le_bytes()).collect()
    };
    let raw = RawArray {
        shape: ArrayShape::Volume([9, 70, 90]),
        format: SampleFormat::Float32,
        byte_order: ByteOrder::Little,
        offset: 8,
    };
    let raw = SurveyOptions { raw: Some(raw), ..SurveyOptions::default() };
    let mut with_head = vec![0; 8];
    with_head.extend(floats(9 * 70 * 90));
    vec![
        open(segy(scratch.path("whole.sgy"), |_, _| true, false, 1), &plain),
        open(segy(scratch.path("holes.sgy"), |i, j| (i * j) % 7 != 3, false, 1), &plain),
        open(segy(scratch.path("backwards.sgy"), |_, j| j != 30, true, 1), &plain),
        open(segy(scratch.path("gathers.sgy"), |i, j| i + j != 12, false, 3), &stack),
        open(scratch.file("volume.npy", &npy("<f4", false, &[9, 70, 90], &floats(9 * 70 * 90))), &plain),
        open(scratch.file("section.npy", &npy("<f4", false, &[90, 70], &floats(90 * 70))), &plain),
        open(scratch.file("turned.npy", &npy("<f4", true, &[90, 70], &floats(90 * 70))), &plain),
        open(scratch.file("volume.raw", &with_head), &raw),
    ]
}

#[test]
fn a_rectangle_read_on_its_own_is_that_cut_from_its_section() {
    let scratch = Scratch::new();
    let surveys = surveys(&scratch);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(200));
    let places =
        (0..surveys.len(), any::<bool>(), 0.0..1.0_f64, [0.0..1.0_f64, 0.0..1.0, 0.0..1.0, 0.0..1.0]);
    let checked = runner.run(&places, |(which, crossline, line, [left, right, top, bottom])| {
        let survey = &surveys[which];
        let wanted = if crossline { Direction::Crossline } else { Direction::Inline };
        let direction = survey.lines(wanted).map_or(Direction::Inline, |_| wanted);
        let (lines, traces) =
            (survey.lines(direction).unwrap(), survey.geometry().traces(direction).unwrap());
        let line = lines.number((line * lines.count as f64) as usize);
        let range = |a: f64, b: f64, count: usize| {
            let (first, last) = ((a.min(b) * count as f64) as usize, (a.max(b) * count as f64) as usize);
            (first, last - first + 1)
        };
        let (first_trace, width) = range(left, right, traces.count);
        let (first_sample, height) = range(top, bottom, survey.samples().count);
        let bounds = TileBox { first_trace, traces: width, first_sample, samples: height };
        let part = survey.read_tile(direction, line, bounds).unwrap();
        let whole = survey.read_section(direction, line).unwrap().cut(bounds).unwrap();
        prop_assert_eq!(part, whole, "{} {} {} {:?}", survey.name(), direction, line, bounds);
        Ok(())
    });
    checked.unwrap();
}

#[test]
fn a_rectangle_that_sticks_out_is_refused() {
    let scratch = Scratch::new();
    for survey in surveys(&scratch) {
        for (first_trace, traces, first_sample, samples) in
            [(0, 71, 0, 9), (1, 70, 0, 9), (0, 9, 0, 91), (usize::MAX, 2, 0, 1), (0, 1, 90, 1)]
        {
            let bounds = TileBox { first_trace, traces, first_sample, samples };
            let line = survey.lines(Direction::Inline).unwrap().first;
            let error = survey.read_tile(Direction::Inline, line, bounds).unwrap_err();
            assert!(matches!(error, SurveyError::Outside { .. }), "{} {error}", survey.name());
        }
    }
}
