//! Delay recording times that differ from trace to trace.

use crate::fixtures::*;
use refcon_seismic::segy::{OddityKind, OpenOptions, Prestack, SegyFile, TraceLabel, WriteOptions};
use refcon_seismic::statistics::{AmplitudeStatistics, sha256_f32le};
use refcon_seismic::{Direction, Geometry, SampleAxis, Survey, SurveyOptions};

/// A grid of 3 × 4 traces at intervals of 4 ms, the `n`-th with the `n`-th of these delays, ms.
fn with_delays(delays: [i16; 12]) -> Vec<u8> {
    let labels = grid_labels(&[1, 2, 3], &[1, 2, 3, 4]);
    delayed(file_of(&labels, &WriteOptions::default()), &delays)
}

fn delayed(mut bytes: Vec<u8>, delays: &[i16]) -> Vec<u8> {
    for (trace, &delay) in delays.iter().enumerate() {
        put_short(&mut bytes, trace, 109, delay);
    }
    bytes
}

/// What a trace looks like on an axis of `count` samples, moved down by `shift`.
fn moved(trace: usize, shift: usize, count: usize) -> Vec<f32> {
    let mut samples = vec![0.0; count];
    samples[shift..shift + SAMPLES].copy_from_slice(&amplitudes(trace));
    samples
}

fn column(amplitudes: &[f32], width: usize, column: usize) -> Vec<f32> {
    amplitudes.iter().skip(column).step_by(width).copied().collect()
}

const SHIFTED: [i16; 12] = [100, 100, 108, 120, 96, 100, 100, 100, 100, 140, 100, 100];

#[test]
fn traces_of_different_delays_share_one_axis() {
    let file = open(&with_delays(SHIFTED)).unwrap();
    let axis = SampleAxis { first: 96.0, count: SAMPLES + 11, ..time_axis() };
    assert_eq!(file.samples(), axis);
    let shift = |trace: usize| (SHIFTED[trace] as usize - 96) / 4;
    for (row, line) in [1, 2, 3].into_iter().enumerate() {
        let section = file.read_section(Direction::Inline, line).unwrap();
        assert_eq!(section.samples, axis);
        for trace in 0..4 {
            let expected = moved(4 * row + trace, shift(4 * row + trace), axis.count);
            assert_eq!(column(&section.amplitudes, 4, trace), expected, "inline {line}, trace {trace}");
        }
    }
    for (place, line) in [1, 2, 3, 4].into_iter().enumerate() {
        let section = file.read_section(Direction::Crossline, line).unwrap();
        for trace in 0..3 {
            let expected = moved(4 * trace + place, shift(4 * trace + place), axis.count);
            assert_eq!(column(&section.amplitudes, 3, trace), expected, "crossline {line}, trace {trace}");
        }
    }
    let slices = file.read_time_slices(0..axis.count).unwrap();
    for (sample, slice) in slices.iter().enumerate() {
        assert_eq!((slice.sample, slice.position), (sample, axis.position(sample)));
        let expected: Vec<f32> =
            (0..12).map(|trace| moved(trace, shift(trace), axis.count)[sample]).collect();
        assert_eq!(slice.amplitudes, expected, "sample {sample}");
        assert_eq!(file.read_time_slice(sample).unwrap(), *slice);
    }
    assert!(file.read_time_slice(axis.count).is_err());
    let oddity = file.oddities().iter().find(|oddity| oddity.kind == OddityKind::Delay).unwrap();
    assert!(
        oddity.text.contains("(96 to 140 ms)") && oddity.text.contains("one axis of 31 samples"),
        "{oddity}"
    );
    assert!(oddity.text.contains("by 0.000 ms at most"), "{oddity}");
}

#[test]
fn traces_themselves_stay_as_the_file_has_them() {
    let (plain, shifted) = (open(&with_delays([100; 12])).unwrap(), open(&with_delays(SHIFTED)).unwrap());
    let all = |file: &SegyFile| file.traces().map(Result::unwrap).collect::<Vec<_>>();
    assert_eq!(all(&plain), all(&shifted));
    let mut samples = vec![0.0; SAMPLES];
    shifted.read_trace(9, &mut samples).unwrap();
    assert_eq!(samples, amplitudes(9));
    assert_eq!(shifted.samples_of(9), SampleAxis { first: 140.0, ..time_axis() });
    assert_eq!(shifted.samples_of(11), time_axis());
    assert_eq!(plain.samples_of(9), plain.samples());
}

#[test]
fn the_hash_and_the_statistics_are_of_the_files_own_samples() {
    let folder = tempfile::tempdir().unwrap();
    let of = |name: &str, delays| {
        let path = folder.path().join(name);
        std::fs::write(&path, with_delays(delays)).unwrap();
        let survey = Survey::open(&path, &SurveyOptions::default()).unwrap();
        (
            sha256_f32le(&survey, &mut |_| ()).unwrap(),
            AmplitudeStatistics::measure(&survey, &mut |_| ()).unwrap(),
        )
    };
    let (hash, found) = of("shifted.sgy", SHIFTED);
    assert_eq!((hash, found.clone()), of("plain.sgy", [100; 12]));
    assert_eq!(found.samples, 12 * SAMPLES as u64);
}

#[test]
fn shifts_are_rounded_to_whole_samples_and_the_rounding_is_told() {
    let mut delays = [100; 12];
    delays[5] = 107;
    let file = open(&with_delays(delays)).unwrap();
    assert_eq!(file.samples().count, SAMPLES + 2);
    let section = file.read_section(Direction::Inline, 2).unwrap();
    assert_eq!(column(&section.amplitudes, 4, 1), moved(5, 2, SAMPLES + 2));
    assert_eq!(told(&file, "by 1.000 ms at most"), 1);
    delays[5] = 101;
    let file = open(&with_delays(delays)).unwrap();
    assert_eq!(file.samples(), time_axis());
    assert_eq!(told(&file, "1 differ by less than half a sample"), 1);
}

#[test]
fn one_delay_far_off_does_not_stretch_the_axis() {
    let mut delays = [100; 12];
    delays[7] = 30_000;
    let file = open(&with_delays(delays)).unwrap();
    assert_eq!(file.samples(), time_axis());
    assert_eq!(told(&file, "100 ms for most traces, but different for 1 (100 to 30000 ms)"), 1);
    assert_eq!(told(&file, "these are not shifted"), 1);
    // Four times the length of a trace is the longest: 3 × 20 samples of 4 ms more.
    delays[7] = 100 + 240;
    assert_eq!(open(&with_delays(delays)).unwrap().samples().count, 80);
    delays[7] = 100 + 244;
    assert_eq!(open(&with_delays(delays)).unwrap().samples().count, 20);
}

#[test]
fn delays_of_dead_traces_and_empty_headers_mean_nothing() {
    let mut bytes = with_delays([0, 100, 100, 100, 0, 100, 100, 100, 100, 100, 100, 0]);
    for trace in [0, 4] {
        put_short(&mut bytes, trace, 29, 2);
    }
    let start = FILE_HEADER + 11 * TRACE_BYTES;
    bytes[start..start + 240].fill(0);
    let file = open(&bytes).unwrap();
    assert_eq!(file.samples(), time_axis());
    assert!(file.oddities().iter().all(|oddity| oddity.kind != OddityKind::Delay), "{:?}", file.oddities());
}

#[test]
fn the_scalar_of_a_delay_is_applied_before_delays_are_compared() {
    let mut bytes = with_delays([100, 100, 100, 100, 100, 100, 1000, 100, 100, 100, 100, 100]);
    put_short(&mut bytes, 6, 215, -10);
    let file = open(&bytes).unwrap();
    assert_eq!(file.samples(), time_axis());
    assert_eq!(told(&file, "delay"), 0);
    put_short(&mut bytes, 6, 109, -1);
    put_short(&mut bytes, 6, 215, 4);
    assert_eq!(
        open(&bytes).unwrap().samples(),
        SampleAxis { first: -4.0, count: SAMPLES + 26, ..time_axis() }
    );
}

#[test]
fn of_duplicates_with_different_delays_the_first_counts() {
    let mut labels = grid_labels(&[1, 2, 3, 4, 5], &[1, 2, 3, 4, 5, 6]);
    labels.push(label(2, 3));
    let mut delays = [100; 31];
    delays[30] = 108;
    let bytes = delayed(file_of(&labels, &WriteOptions::default()), &delays);
    let file = open(&bytes).unwrap();
    assert!(file.gathers().is_none());
    let section = file.read_section(Direction::Inline, 2).unwrap();
    assert_eq!(column(&section.amplitudes, 6, 2), moved(8, 0, SAMPLES + 2));
    // The last two samples of the axis are the duplicate's only.
    let slice = file.read_time_slice(SAMPLES + 1).unwrap();
    assert_eq!(slice.amplitudes, [0.0; 30]);
}

#[test]
fn gathers_of_different_delays_stack_where_their_traces_reach() {
    let bins = grid_labels(&[1, 2], &[5, 6]);
    let labels: Vec<_> =
        bins.into_iter().flat_map(|bin| [100, 200].map(|offset| TraceLabel { offset, ..bin })).collect();
    let bytes =
        delayed(file_of(&labels, &WriteOptions::default()), &[100, 108, 100, 100, 100, 100, 100, 100]);
    let options = OpenOptions { prestack: Prestack::Stack, ..OpenOptions::default() };
    let file = open_with(&bytes, &options).unwrap();
    let count = SAMPLES + 2;
    let section = file.read_section(Direction::Inline, 1).unwrap();
    let (one, other) = (moved(0, 0, count), moved(1, 2, count));
    let expected: Vec<f32> = (0..count)
        .map(|sample| {
            let fold = usize::from(sample < SAMPLES) + usize::from(sample >= 2);
            (one[sample] + other[sample]) / fold as f32
        })
        .collect();
    assert_eq!(column(&section.amplitudes, 2, 0), expected);
    for (sample, &expected) in expected.iter().enumerate() {
        assert_eq!(file.read_time_slice(sample).unwrap().amplitudes[0], expected);
    }
}

#[test]
fn a_2d_line_follows_its_delays() {
    let labels: Vec<_> = (0..10).map(|trace| TraceLabel { cdp: 50 + trace, ..label(0, 0) }).collect();
    let delays: Vec<i16> = (0..10).map(|trace| 100 + 4 * trace).collect();
    let file = open(&delayed(file_of(&labels, &WriteOptions::default()), &delays)).unwrap();
    let Geometry::Line(line) = file.geometry() else { panic!("{:?}", file.geometry()) };
    let section = file.read_section(Direction::Inline, line.line).unwrap();
    for trace in 0..10 {
        assert_eq!(column(&section.amplitudes, 10, trace), moved(trace, trace, SAMPLES + 9));
    }
}

#[test]
fn a_saved_index_keeps_the_shifts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("survey.sgy");
    std::fs::write(&path, with_delays(SHIFTED)).unwrap();
    let options = OpenOptions { index: Some(folder.path().join("survey.index")), ..OpenOptions::default() };
    let first = SegyFile::open(&path, &options).unwrap();
    let saved = std::fs::read(folder.path().join("survey.index")).unwrap();
    let second = SegyFile::open(&path, &options).unwrap();
    assert_eq!(std::fs::read(folder.path().join("survey.index")).unwrap(), saved);
    assert_eq!((first.samples(), first.oddities()), (second.samples(), second.oddities()));
    for line in [1, 2, 3] {
        let read = |file: &SegyFile| file.read_section(Direction::Inline, line).unwrap();
        assert_eq!(read(&first), read(&second));
    }
    for place in (0..saved.len()).step_by(13) {
        let mut damaged = saved.clone();
        damaged[place] ^= 0x81;
        std::fs::write(folder.path().join("survey.index"), &damaged).unwrap();
        assert_eq!(SegyFile::open(&path, &options).unwrap().samples(), first.samples());
    }
}
