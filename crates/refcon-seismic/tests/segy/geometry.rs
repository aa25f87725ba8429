//! Surveys of every shape, as their trace headers tell them.

use crate::fixtures::*;
use refcon_seismic::segy::{
    FieldKind, HeaderField, NumberFields, OddityKind, OpenOptions, PositionSource, Prestack, SegyError,
    SegyFile, TraceLabel, WriteOptions,
};
use refcon_seismic::{Direction, Geometry, LineAxis, LineNumbering, VolumeGeometry};

fn volume(file: &SegyFile) -> &VolumeGeometry {
    file.geometry().volume().unwrap_or_else(|| panic!("not a volume: {:?}", file.geometry()))
}

fn axis(first: i32, step: i32, count: usize) -> LineAxis {
    LineAxis { first, step, count }
}

/// First samples of a section's traces, in thousands: the number of each trace in the file, from 1; 0 without one.
fn traces_of(file: &SegyFile, direction: Direction, line: i32) -> Vec<i32> {
    let section = file.read_section(direction, line).unwrap();
    assert_eq!(section.samples, file.samples());
    let width = section.traces.count;
    for (place, &amplitude) in section.amplitudes.iter().enumerate() {
        let expected = section.amplitudes[place % width] as i32;
        let expected = if expected == 0 { 0 } else { expected + (place / width) as i32 };
        assert_eq!(amplitude as i32, expected, "sample {} of trace {}", place / width, place % width);
    }
    section.amplitudes[..width].iter().map(|&amplitude| amplitude as i32 / 1000).collect()
}

fn written(labels: &[TraceLabel]) -> Vec<u8> {
    file_of(labels, &WriteOptions::default())
}

#[test]
fn segy_with_missing_traces_opens() {
    let mut labels = grid_labels(&[10, 11, 12, 13], &[200, 202, 204, 206, 208]);
    labels.remove(7);
    labels.remove(0);
    let file = open(&written(&labels)).unwrap();
    let volume = volume(&file);
    assert_eq!((volume.inlines, volume.crosslines), (axis(10, 1, 4), axis(200, 2, 5)));
    assert_eq!((volume.bins(), volume.live_bins, volume.missing_bins()), (20, 18, 2));
    assert_eq!(traces_of(&file, Direction::Inline, 10), [0, 1, 2, 3, 4]);
    assert_eq!(traces_of(&file, Direction::Inline, 11), [5, 6, 0, 7, 8]);
    assert_eq!(traces_of(&file, Direction::Crossline, 200), [0, 5, 9, 14]);
    assert_eq!(
        file.read_time_slice(3).unwrap().amplitudes[..7],
        [0.0, 1003.0, 2003.0, 3003.0, 4003.0, 5003.0, 6003.0]
    );
    assert_eq!(told(&file, "2 of the 20 bins"), 1);
}

#[test]
fn segy_with_an_irregular_outline_opens() {
    let labels: Vec<_> = (0..30)
        .flat_map(|i| (i..60 - i).map(move |j| label(500 + 3 * i, 1000 + j)))
        .filter(|l| l.crossline % 7 != 0)
        .collect();
    let file = open(&written(&labels)).unwrap();
    let volume = volume(&file);
    assert_eq!((volume.inlines, volume.crosslines), (axis(500, 3, 30), axis(1000, 1, 60)));
    assert_eq!(volume.live_bins, labels.len() as u64);
    for line in [500, 530, 587] {
        let traces = traces_of(&file, Direction::Inline, line);
        for (column, trace) in traces.into_iter().enumerate() {
            let crossline = 1000 + column as i32;
            let expected = labels.iter().position(|l| l.inline == line && l.crossline == crossline);
            assert_eq!(trace, expected.map_or(0, |place| place as i32 + 1));
        }
    }
}

#[test]
fn unsorted_traces_find_their_bins() {
    let mut labels = grid_labels(&[1, 2, 3, 4, 5, 6], &[11, 12, 13, 14, 15, 16, 17]);
    let count = labels.len();
    for place in 0..count {
        labels.swap(place, (place * 31 + 17) % count);
    }
    let file = open(&written(&labels)).unwrap();
    assert_eq!(volume(&file).live_bins, 42);
    for direction in [Direction::Inline, Direction::Crossline] {
        let lines = file.lines(direction).unwrap();
        for line in (0..lines.count).map(|index| lines.number(index)) {
            let section = file.read_section(direction, line).unwrap();
            for (column, trace) in traces_of(&file, direction, line).into_iter().enumerate() {
                let other = section.traces.number(column);
                let (inline, crossline) =
                    if direction == Direction::Inline { (line, other) } else { (other, line) };
                let label = labels[trace as usize - 1];
                assert_eq!((label.inline, label.crossline), (inline, crossline));
            }
        }
    }
}

#[test]
fn falling_line_numbers_keep_the_order_of_the_file() {
    let file = open(&written(&grid_labels(&[30, 28, 26], &[-5, -6, -7, -8]))).unwrap();
    let volume = volume(&file);
    assert_eq!((volume.inlines, volume.crosslines), (axis(30, -2, 3), axis(-5, -1, 4)));
    assert_eq!(traces_of(&file, Direction::Inline, 28), [5, 6, 7, 8]);
    assert_eq!(traces_of(&file, Direction::Crossline, -6), [2, 6, 10]);
}

#[test]
fn crossline_sorted_files_read_alike() {
    let labels: Vec<_> = (0..8).flat_map(|j| (0..5).map(move |i| label(100 + i, 40 + j))).collect();
    let file = open(&written(&labels)).unwrap();
    assert_eq!(volume(&file).inlines, axis(100, 1, 5));
    assert_eq!(traces_of(&file, Direction::Inline, 101), [2, 7, 12, 17, 22, 27, 32, 37]);
    assert_eq!(traces_of(&file, Direction::Crossline, 41), [6, 7, 8, 9, 10]);
}

#[test]
fn of_duplicate_traces_the_first_counts() {
    let mut labels = grid_labels(&[1, 2, 3, 4, 5], &[1, 2, 3, 4, 5, 6]);
    labels.push(label(2, 3));
    let file = open(&written(&labels)).unwrap();
    assert_eq!(volume(&file).extra_traces, 1);
    assert_eq!(traces_of(&file, Direction::Inline, 2), [7, 8, 9, 10, 11, 12]);
    assert_eq!(traces_of(&file, Direction::Crossline, 3), [3, 9, 15, 21, 27]);
    assert_eq!(file.read_time_slice(0).unwrap().amplitudes[8], 9000.0);
    assert!(file.oddities().iter().any(|oddity| oddity.kind == OddityKind::Duplicates));
    assert!(file.gathers().is_none());
}

#[test]
fn dead_traces_are_told() {
    let mut labels = grid_labels(&[1, 2, 3], &[1, 2, 3]);
    labels[4].live = false;
    let file = open(&written(&labels)).unwrap();
    assert_eq!(told(&file, "1 trace is marked as dead"), 1);
}

#[test]
fn stray_numbers_do_not_blow_up_the_grid() {
    let mut labels = grid_labels(&[101, 102, 103, 104, 105], &[1, 2, 3, 4, 5, 6, 7, 8]);
    labels[13].inline = i32::MAX;
    labels[14].crossline = -2_000_000_000;
    let file = open(&written(&labels)).unwrap();
    let volume = volume(&file);
    assert_eq!((volume.inlines, volume.crosslines), (axis(101, 1, 5), axis(1, 1, 8)));
    assert_eq!(volume.missing_bins(), 2);
    assert_eq!(told(&file, "2 traces have no line numbers or some far from all others"), 1);
}

#[test]
fn traces_without_line_numbers_are_left_out() {
    let mut labels = grid_labels(&[101, 102, 103, 104, 105], &[31, 32, 33, 34, 35, 36, 37, 38]);
    for place in [0, 9, 10, 39] {
        labels[place] = TraceLabel { live: false, ..label(0, 0) };
    }
    let file = open(&written(&labels)).unwrap();
    let volume = volume(&file);
    assert_eq!((volume.inlines, volume.crosslines), (axis(101, 1, 5), axis(31, 1, 8)));
    assert_eq!((volume.missing_bins(), volume.extra_traces), (4, 0));
    assert_eq!(traces_of(&file, Direction::Inline, 102), [9, 0, 0, 12, 13, 14, 15, 16]);
    assert_eq!(told(&file, "4 traces have no line numbers"), 1);
}

fn gathers() -> Vec<TraceLabel> {
    let bins = grid_labels(&[1, 2, 3, 4], &[5, 6, 7]);
    bins.into_iter().flat_map(|bin| [100, 200, 300].map(|offset| TraceLabel { offset, ..bin })).collect()
}

#[test]
fn prestack_data_is_refused_with_its_offsets() {
    let file = open(&written(&gathers())).unwrap();
    let gathers = file.gathers().unwrap();
    assert_eq!((gathers.fold, gathers.offsets), (3.0, [100, 300]));
    let error = file.read_section(Direction::Inline, 2).unwrap_err();
    assert!(matches!(error, SegyError::Prestack { .. }));
    assert!(error.to_string().contains("36 traces in 12 bins"), "{error}");
    assert!(matches!(file.read_time_slice(0), Err(SegyError::Prestack { .. })));
    let mut trace = vec![0.0; SAMPLES];
    file.read_trace(35, &mut trace).unwrap();
    assert_eq!(trace, amplitudes(35));
}

#[test]
fn a_field_given_by_hand_that_is_the_same_everywhere_is_refused_as_that() {
    let bytes = written(&grid_labels(&[1, 2, 3, 4], &[5, 6, 7]));
    let by_hand = OpenOptions { inline: Some(HeaderField::SOURCE_POINT), ..OpenOptions::default() };
    let message = open_with(&bytes, &by_hand).unwrap_err().to_string();
    assert!(
        message.contains("inline number") && message.contains("byte 17, which is 0 in all traces"),
        "{message}"
    );
    // A survey of one inline is told apart by its crosslines alone.
    let by_hand = OpenOptions { inline: Some(HeaderField::INLINE), ..OpenOptions::default() };
    open_with(&written(&grid_labels(&[8], &[5, 6, 7])), &by_hand).unwrap();
}

#[test]
fn repeated_numbers_of_one_offset_are_told_in_words() {
    let bins = grid_labels(&[1, 2, 3, 4], &[5, 6, 7]);
    let twice: Vec<TraceLabel> = bins.into_iter().flat_map(|bin| [bin, bin]).collect();
    let (inline, crossline) = (Some(HeaderField::INLINE), Some(HeaderField::CROSSLINE));
    let by_hand = OpenOptions { inline, crossline, ..OpenOptions::default() };
    let file = open_with(&written(&twice), &by_hand).unwrap();
    assert!(
        file.gathers()
            .unwrap()
            .summary
            .ends_with("2.0 a bin on average, all of offset 0, so these may not be the line numbers")
    );
}

#[test]
fn bins_without_a_trace_are_known() {
    let mut labels = grid_labels(&[1, 2, 3], &[1, 2, 3]);
    assert_eq!(open(&written(&labels)).unwrap().live_bins(), None);
    labels.remove(5);
    let live = open(&written(&labels)).unwrap().live_bins().unwrap();
    assert_eq!(live, [true, true, true, true, true, false, true, true, true]);
}

#[test]
fn prestack_data_is_stacked_on_request() {
    let options = OpenOptions { prestack: Prestack::Stack, ..OpenOptions::default() };
    let file = open_with(&written(&gathers()), &options).unwrap();
    // The mean of traces 3n+1, 3n+2, 3n+3.
    assert_eq!(traces_of(&file, Direction::Inline, 1), [2, 5, 8]);
    assert_eq!(traces_of(&file, Direction::Crossline, 7), [8, 17, 26, 35]);
    assert_eq!(file.read_time_slice(5).unwrap().amplitudes[..3], [2005.0, 5005.0, 8005.0]);
}

#[test]
fn a_2d_line_is_numbered_by_cdp() {
    let labels: Vec<_> = (0..50)
        .map(|trace| TraceLabel {
            cdp: 1001 + 2 * trace,
            position: [10.0 * f64::from(trace), 5.0],
            ..label(0, 0)
        })
        .collect();
    let file = open(&written(&labels)).unwrap();
    let Geometry::Line(line) = file.geometry() else { panic!("{:?}", file.geometry()) };
    assert_eq!((line.traces, line.numbered_by), (axis(1001, 2, 50), LineNumbering::Cdp));
    assert_eq!(line.ends, Some([[0.0, 5.0], [490.0, 5.0]]));
    let line = line.line;
    assert_eq!(traces_of(&file, Direction::Inline, line), (1..=50).collect::<Vec<_>>());
    assert!(matches!(file.read_section(Direction::Crossline, 1), Err(SegyError::NotAVolume { .. })));
    assert!(matches!(file.read_time_slice(1), Err(SegyError::NotAVolume { .. })));
}

#[test]
fn a_2d_line_is_numbered_by_shot() {
    let mut bytes = written(&(0..40).map(|_| label(0, 0)).collect::<Vec<_>>());
    for trace in 0..40 {
        put(&mut bytes, trace, 17, 900 - trace as i32);
    }
    let file = open(&bytes).unwrap();
    let Geometry::Line(line) = file.geometry() else { panic!("{:?}", file.geometry()) };
    assert_eq!((line.traces, line.numbered_by), (axis(900, -1, 40), LineNumbering::Shot));
}

#[test]
fn a_2d_line_without_any_numbers_counts_its_traces() {
    let mut bytes = written(&(0..9).map(|_| label(0, 0)).collect::<Vec<_>>());
    for trace in 0..9 {
        put(&mut bytes, trace, 1, 0);
        put(&mut bytes, trace, 5, 0);
    }
    let file = open(&bytes).unwrap();
    let Geometry::Line(line) = file.geometry() else { panic!("{:?}", file.geometry()) };
    assert_eq!((line.traces, line.numbered_by), (axis(1, 1, 9), LineNumbering::Trace));
    let number = line.line;
    assert_eq!(traces_of(&file, Direction::Inline, number), (1..=9).collect::<Vec<_>>());
}

#[test]
fn line_numbers_in_other_places_are_detected_and_explained() {
    let inlines: Vec<i32> = (300..330).collect();
    let crosslines: Vec<i32> = (1000..1080).step_by(2).collect();
    for (inline, crossline) in [(9, 21), (9, 13), (17, 21), (221, 225), (233, 237), (193, 189), (41, 45)] {
        let mut bytes = written(&grid_labels(&inlines, &crosslines));
        if (inline, crossline) == (193, 189) {
            // Swapped: the numbers are told apart, their names cannot be.
            let file = open(&bytes).unwrap();
            assert_eq!(volume(&file).bins(), 1200);
            continue;
        }
        move_numbers(&mut bytes, inline, crossline);
        if inline == 41 {
            // Nobody would look there: by hand only.
            let field = |byte| HeaderField::new(byte, FieldKind::Int32);
            let options = OpenOptions { inline: field(41), crossline: field(45), ..OpenOptions::default() };
            let file = open_with(&bytes, &options).unwrap();
            assert_eq!(volume(&file).crosslines, axis(1000, 2, 40));
            continue;
        }
        let file = open(&bytes).unwrap();
        let found = volume(&file);
        assert_eq!(
            (found.inlines, found.crosslines),
            (axis(300, 1, 30), axis(1000, 2, 40)),
            "{inline}/{crossline}"
        );
        let NumberFields::Volume { inline: field, .. } = file.number_fields() else { panic!() };
        assert_eq!(usize::from(field.byte()), inline);
        let best = &file.candidates()[0];
        assert!(best.explanation.contains(&format!("inline at byte {inline} ")), "{}", best.explanation);
        assert!(best.score > file.candidates()[1].score);
    }
}

#[test]
fn line_numbers_of_two_bytes_are_read_by_hand() {
    let mut bytes = written(&grid_labels(&[1, 2, 3], &[7, 8]));
    for trace in 0..6 {
        put(&mut bytes, trace, 189, 0);
        put(&mut bytes, trace, 193, 0);
        put_short(&mut bytes, trace, 239, 40 + trace as i16 / 2);
        put_short(&mut bytes, trace, 237, 5 - trace as i16 % 2);
    }
    let field = |byte| HeaderField::new(byte, FieldKind::Int16);
    let options = OpenOptions { inline: field(239), crossline: field(237), ..OpenOptions::default() };
    let file = open_with(&bytes, &options).unwrap();
    assert_eq!((volume(&file).inlines, volume(&file).crosslines), (axis(40, 1, 3), axis(5, -1, 2)));
}

#[test]
fn any_byte_and_width_is_read_by_hand() {
    for kind in [FieldKind::Int16, FieldKind::UInt16, FieldKind::Int32, FieldKind::Float32] {
        for byte in [1, 100, 143, 241 - 2 * kind.bytes() as u16] {
            let mut bytes = written(&grid_labels(&[1, 2, 3], &[7, 8]));
            for trace in 0..6 {
                put(&mut bytes, trace, 189, 0);
                put(&mut bytes, trace, 193, 0);
                for (place, number) in [(0, 40 + 2 * (trace as i16 / 2)), (1, 300 - trace as i16 % 2)] {
                    let start =
                        FILE_HEADER + trace * TRACE_BYTES + usize::from(byte) - 1 + place * kind.bytes();
                    let value = match kind {
                        FieldKind::Int16 | FieldKind::UInt16 => number.to_be_bytes().to_vec(),
                        FieldKind::Int32 => i32::from(number).to_be_bytes().to_vec(),
                        FieldKind::Float32 => f32::from(number).to_be_bytes().to_vec(),
                    };
                    bytes[start..start + value.len()].copy_from_slice(&value);
                }
            }
            let field = |byte| HeaderField::new(byte, kind);
            let options = OpenOptions {
                inline: field(byte),
                crossline: field(byte + kind.bytes() as u16),
                ..OpenOptions::default()
            };
            let file = open_with(&bytes, &options).unwrap();
            assert_eq!(
                (volume(&file).inlines, volume(&file).crosslines),
                (axis(40, 2, 3), axis(300, -1, 2)),
                "{kind:?} at byte {byte}"
            );
            assert_eq!(traces_of(&file, Direction::Inline, 42), [3, 4]);
        }
    }
}

#[test]
fn numbers_that_make_no_grid_become_a_line_of_traces() {
    let labels: Vec<_> =
        (0..60_i32).map(|n| label(n.wrapping_mul(0x1234_5677), n.wrapping_mul(0x7654_3211))).collect();
    let field = HeaderField::INLINE;
    let options = OpenOptions { inline: Some(field), ..OpenOptions::default() };
    let file = open_with(&written(&labels), &options).unwrap();
    let Geometry::Line(line) = file.geometry() else { panic!("{:?}", file.geometry()) };
    assert_eq!((line.traces.count, line.numbered_by), (60, LineNumbering::Trace));
    assert_eq!(told(&file, "make no grid"), 1);
}

#[test]
fn the_bin_grid_is_fitted_to_scaled_coordinates() {
    for scalar in [-100, -10, 1, 0, 10] {
        let labels: Vec<_> = (0..12)
            .flat_map(|i| {
                (0..15)
                    .map(move |j| TraceLabel { position: grid().position(i, j), ..label(i as i32, j as i32) })
            })
            .collect();
        let options = WriteOptions { coordinate_scalar: scalar, ..WriteOptions::default() };
        let file = open(&file_of(&labels, &options)).unwrap();
        let found = volume(&file).grid.unwrap();
        let fine = match scalar {
            ..-1 => 0.1,
            10 => 5.0,
            _ => 0.5,
        };
        for (found, expected) in [
            (found.origin, grid().origin),
            (found.inline_step, grid().inline_step),
            (found.crossline_step, grid().crossline_step),
        ] {
            assert!(
                (0..2).all(|axis| (found[axis] - expected[axis]).abs() < fine),
                "{scalar}: {found:?} {expected:?}"
            );
        }
        let corner = file.position(179).unwrap();
        assert!((corner[0] - grid().position(11, 14)[0]).abs() <= fine);
    }
}

#[test]
fn source_coordinates_stand_in_for_empty_cdp_coordinates() {
    let mut bytes = written(&grid_labels(&[1, 2, 3], &[1, 2, 3, 4]));
    for trace in 0..12 {
        put(&mut bytes, trace, 73, 1000 + 100 * (trace as i32 / 4));
        put(&mut bytes, trace, 77, 5000 + 50 * (trace as i32 % 4));
        put_short(&mut bytes, trace, 71, 1);
    }
    let file = open(&bytes).unwrap();
    assert_eq!(file.position_source(), PositionSource::SOURCE);
    assert_eq!(told(&file, "source coordinates"), 1);
    assert_eq!(volume(&file).grid.unwrap().bin_size(), [100.0, 50.0]);
}

#[test]
fn errors_of_reading_say_what_there_is() {
    let file = open(&written(&grid_labels(&[10, 12], &[1, 2, 3]))).unwrap();
    let error = file.read_section(Direction::Inline, 11).unwrap_err().to_string();
    assert!(error.contains("no inline 11") && error.contains("10 to 12 by 2"), "{error}");
    let error = file.read_time_slice(SAMPLES).unwrap_err().to_string();
    assert!(error.contains("no sample 20"), "{error}");
    assert!(matches!(file.read_trace(6, &mut [0.0; SAMPLES]), Err(SegyError::NoSuchTrace { count: 6, .. })));
    assert!(matches!(
        file.read_trace(0, &mut [0.0; 3]),
        Err(SegyError::BufferLength { expected: SAMPLES, .. })
    ));
}
