//! NumPy and raw arrays, read where they lie.

use crate::fixtures::{NUMPY_TYPES, NumpyType, Scratch, all_traces, assert_same, npy, volume_on};
use proptest::prelude::*;
use refcon_seismic::segy::{ByteOrder, SampleFormat, WriteOptions, write_volume};
use refcon_seismic::survey::{ArrayAxes, ArrayShape, RawArray};
use refcon_seismic::{
    BinGrid, Direction, Domain, LineAxis, Polarity, SampleAxis, Survey, SurveyError, SurveyOptions, Volume,
    numpy,
};

/// Lines numbered as in the field, not from 0.
fn axes() -> ArrayAxes {
    ArrayAxes {
        domain: Domain::Depth,
        first_sample: 100.0,
        sample_interval: 5.0,
        first_inline: 200,
        inline_step: -2,
        first_crossline: 900,
        crossline_step: 3,
        grid: None,
    }
}

fn options() -> SurveyOptions {
    SurveyOptions { axes: axes(), ..SurveyOptions::default() }
}

fn encoded(kind: &NumpyType, values: &[i16]) -> Vec<u8> {
    values.iter().flat_map(|&value| (kind.write)(value)).collect()
}

/// Whole numbers that tell their place and fit into every type.
fn values(count: usize) -> Vec<i16> {
    (0..count).map(|index| (index * 7 % 127) as i16).collect()
}

fn whole(survey: &Survey, amplitudes: &[i16]) -> Volume {
    volume_on(survey, amplitudes.iter().map(|&value| f32::from(value)).collect())
}

proptest! {
    #[test]
    fn a_numpy_volume_reads_positionally_as_it_does_whole(
        (inlines, crosslines, samples, kind) in (1..6_usize, 1..6_usize, 1..9_usize, 0..NUMPY_TYPES.len())
    ) {
        let shape = [inlines, crosslines, samples];
        let values = values(shape.iter().product());
        let kind = &NUMPY_TYPES[kind];
        let scratch = Scratch::new();
        let path = scratch.file("volume.npy", &npy(kind.descr, false, &shape, &encoded(kind, &values)));
        let survey = Survey::open(&path, &options())?;
        prop_assert_eq!(survey.lines(Direction::Inline).map(|lines| (lines.first, lines.step)), Some((200, -2)));
        prop_assert_eq!(survey.lines(Direction::Crossline).map(|lines| (lines.first, lines.step)), Some((900, 3)));
        prop_assert_eq!((survey.samples().first, survey.samples().interval), (100.0, 5.0));
        assert_same(&survey, &whole(&survey, &values));
        let written = scratch.file("written.npy", b"");
        numpy::write_volume(&written, &whole(&survey, &values))?;
        assert_same(&Survey::open(&written, &options())?, &whole(&survey, &values));
    }

    #[test]
    fn a_raw_volume_reads_with_the_shape_given(
        (shape, kind, offset) in ([1..5_usize, 1..5_usize, 1..5_usize], 0..NUMPY_TYPES.len(), 0..9_usize)
    ) {
        let values = values(shape.iter().product());
        let NumpyType { format, byte_order, .. } = NUMPY_TYPES[kind];
        let mut bytes = vec![0xAA; offset];
        bytes.extend(encoded(&NUMPY_TYPES[kind], &values));
        let scratch = Scratch::new();
        let raw = RawArray { shape: ArrayShape::Volume(shape), format, byte_order, offset: offset as u64 };
        let options = SurveyOptions { raw: Some(raw), ..options() };
        let survey = Survey::open(&scratch.file("volume.dat", &bytes), &options)?;
        assert_same(&survey, &whole(&survey, &values));
    }

    #[test]
    fn no_bytes_in_a_numpy_header_make_it_panic(header in proptest::collection::vec(any::<u8>(), 0..200)) {
        let scratch = Scratch::new();
        let mut bytes = b"\x93NUMPY".to_vec();
        bytes.extend(header);
        let path = scratch.file("volume.npy", &bytes);
        prop_assert!(Survey::open(&path, &SurveyOptions::default()).is_err());
    }
}

proptest! {
    #[test]
    fn no_text_in_a_numpy_header_makes_it_panic(
        descr in "[<>|'\\[(]{0,2}[fiu]?[0-9é]{0,2}", shape in "[(]?[0-9, L)é]{0,60}"
    ) {
        let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
        let scratch = Scratch::new();
        prop_assert!(Survey::open(&scratch.file("volume.npy", &bytes), &SurveyOptions::default()).is_err());
    }
}

/// Traces long enough that a slice reads single samples, and enough of them for several blocks and tasks.
#[test]
fn long_traces_read_the_same_as_short_ones() {
    let shape = [3, 20, 40_000];
    let values = values(shape.iter().product());
    let kind = &NUMPY_TYPES[4];
    let scratch = Scratch::new();
    let path = scratch.file("volume.npy", &npy(kind.descr, false, &shape, &encoded(kind, &values)));
    let survey = Survey::open(&path, &SurveyOptions::default()).unwrap();
    let volume = whole(&survey, &values);
    assert_eq!(survey.traces().count(), 2);
    assert_eq!(all_traces(&survey), volume.amplitudes);
    for (direction, line) in [(Direction::Inline, 1), (Direction::Crossline, 19)] {
        assert_eq!(survey.read_section(direction, line).unwrap(), volume.section(direction, line).unwrap());
    }
    let slice = survey.read_time_slice(39_999).unwrap();
    let expected: Vec<f32> = volume.amplitudes.chunks(40_000).map(|trace| trace[39_999]).collect();
    assert_eq!(slice.amplitudes, expected);
}

#[test]
fn a_numpy_section_is_a_2d_line_in_either_order() {
    let (samples, traces) = (7, 5);
    let kind = &NUMPY_TYPES[0];
    let rows = values(samples * traces);
    let columns: Vec<i16> =
        (0..traces).flat_map(|trace| rows.iter().skip(trace).step_by(traces).copied()).collect();
    let scratch = Scratch::new();
    for (fortran, stored) in [(false, &rows), (true, &columns)] {
        let bytes = npy(kind.descr, fortran, &[samples, traces], &encoded(kind, stored));
        let survey = Survey::open(&scratch.file("line-7.npy", &bytes), &options()).unwrap();
        assert_eq!(survey.name(), "line-7");
        let section = survey.read_section(Direction::Inline, 200).unwrap();
        assert_eq!((section.samples.count, section.traces.count), (samples, traces));
        assert_eq!((section.traces.first, section.traces.step), (900, 3));
        assert!(section.amplitudes.iter().zip(&rows).all(|(&read, &written)| read == f32::from(written)));
        let expected: Vec<f32> = columns.iter().map(|&value| f32::from(value)).collect();
        assert_eq!(all_traces(&survey), expected);
        assert_eq!(survey.lines(Direction::Crossline), None);
        let message = survey.read_section(Direction::Crossline, 900).unwrap_err().to_string();
        assert!(message.contains("inline 200"), "{message}");
        assert!(matches!(survey.read_time_slice(0), Err(SurveyError::NotAVolume { .. })));
    }
}

fn refused(name: &str, bytes: &[u8], options: &SurveyOptions) -> String {
    let scratch = Scratch::new();
    let message = Survey::open(&scratch.file(name, bytes), options).unwrap_err().to_string();
    assert!(message.contains(name), "{message} names the file");
    message
}

#[test]
fn what_is_no_amplitude_array_is_refused_with_a_way_out() {
    let numpy = |descr: &str, fortran: bool, shape: &[usize], bytes: usize| {
        refused("a.npy", &npy(descr, fortran, shape, &vec![0; bytes]), &SurveyOptions::default())
    };
    let fortran = numpy("<f4", true, &[2, 2, 2], 32);
    assert!(fortran.contains("ascontiguousarray") && fortran.contains("[2, 2, 2]"), "{fortran}");
    let half = numpy("<f2", false, &[2, 2, 2], 16);
    assert!(half.contains("<f2") && half.contains("astype"), "{half}");
    let text = b"{'descr': [('a', '<f4'), ('b', '<i2')], 'fortran_order': False, 'shape': (2, 2, 2), }";
    let bytes = [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text, &[0; 48]].concat();
    let record = refused("a.npy", &bytes, &SurveyOptions::default());
    assert!(record.contains("type [('a', '<f4')"), "{record}");
    let flat = numpy("<f4", false, &[8], 32);
    assert!(flat.contains("[8]") && flat.contains("[inline, crossline, sample]"), "{flat}");
    let empty = numpy("<f4", false, &[8, 0, 3], 0);
    assert!(empty.contains("[8, 0, 3]"), "{empty}");
    let short = numpy("<i2", false, &[2, 2, 2], 15);
    assert!(short.contains("cut off"), "{short}");
    let huge = numpy("<f8", false, &[1 << 40, 1 << 40, 1 << 40], 8);
    assert!(huge.contains(&(1_u64 << 40).to_string()), "{huge}");
    let no_numpy = refused("a.npy", b"ceci n'est pas un tableau", &SurveyOptions::default());
    assert!(no_numpy.contains("numpy.save") && no_numpy.contains("the text “ceci"), "{no_numpy}");
    let picture = refused("a.npy", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", &SurveyOptions::default());
    assert!(picture.contains("it is a PNG image"), "{picture}");
}

#[test]
fn a_raw_file_of_another_size_than_its_shape_is_refused() {
    let shape = ArrayShape::Volume([2, 3, 4]);
    let raw = RawArray { shape, format: SampleFormat::Float32, byte_order: ByteOrder::Little, offset: 0 };
    let options = SurveyOptions { raw: Some(raw), ..SurveyOptions::default() };
    for bytes in [95, 97] {
        let message = refused("a.dat", &vec![0; bytes], &options);
        assert!(message.contains("96") && message.contains(&bytes.to_string()), "{message}");
    }
}

#[test]
fn axes_that_number_nothing_are_refused() {
    let bytes = npy("|u1", false, &[2, 2, 2], &[0; 8]);
    let with =
        |axes: ArrayAxes| refused("a.npy", &bytes, &SurveyOptions { axes, ..SurveyOptions::default() });
    let message = with(ArrayAxes { inline_step: 0, ..axes() });
    assert!(message.contains("step other than 0"), "{message}");
    let message = with(ArrayAxes { first_crossline: i32::MAX, ..axes() });
    assert!(message.contains("2147483650"), "{message}");
    let message = with(ArrayAxes { sample_interval: f64::NAN, ..axes() });
    assert!(message.contains("interval is NaN"), "{message}");
}

#[test]
fn a_line_that_is_not_there_is_refused_with_those_that_are() {
    let scratch = Scratch::new();
    let path = scratch.file("a.npy", &npy("|u1", false, &[2, 2, 2], &[0; 8]));
    let survey = Survey::open(&path, &options()).unwrap();
    let message = survey.read_section(Direction::Inline, 199).unwrap_err().to_string();
    assert!(message.contains("no inline 199") && message.contains("200 to 198 by -2"), "{message}");
    let message = survey.read_time_slice(2).unwrap_err().to_string();
    assert!(message.contains("0 to 1"), "{message}");
}

#[test]
fn a_survey_of_any_kind_keeps_the_reference_system_and_polarity_given() {
    let scratch = Scratch::new();
    let array = scratch.file("volume.npy", &npy("<f4", false, &[2, 2, 3], &[0; 48]));
    let raw = scratch.file("volume.raw", &[0; 12]);
    let segy = scratch.file("volume.sgy", &[]);
    let axis = LineAxis { first: 1, step: 1, count: 2 };
    let samples = SampleAxis { domain: Domain::Time, first: 0.0, interval: 4.0, count: 3 };
    let volume = Volume { inlines: axis, crosslines: axis, samples, amplitudes: vec![0.0; 12] };
    write_volume(&segy, &volume, &WriteOptions::default()).unwrap();
    let given =
        SurveyOptions { epsg: Some(23031), polarity: Some(Polarity::Reverse), ..SurveyOptions::default() };
    let shape = ArrayShape::Volume([2, 2, 3]);
    let bytes = RawArray { shape, format: SampleFormat::Int8, byte_order: ByteOrder::Big, offset: 0 };
    let as_raw = SurveyOptions { raw: Some(bytes), ..given.clone() };
    for (path, options) in [(&array, &given), (&raw, &as_raw), (&segy, &given)] {
        let survey = Survey::open(path, options).unwrap();
        assert_eq!((survey.epsg(), survey.polarity()), (Some(23031), Some(Polarity::Reverse)), "{path:?}");
    }
    let unknown = Survey::open(&array, &SurveyOptions::default()).unwrap();
    assert_eq!((unknown.epsg(), unknown.polarity(), unknown.map_unit()), (None, None, None));
    // What the file says counts where nothing is given.
    let mut bytes = std::fs::read(&segy).unwrap();
    bytes[3256..3258].copy_from_slice(&2_u16.to_be_bytes());
    let reversed = Survey::open(&scratch.file("reversed.sgy", &bytes), &SurveyOptions::default()).unwrap();
    assert_eq!((reversed.polarity(), reversed.map_unit()), (Some(Polarity::Reverse), Some("m")));
}

#[test]
fn a_volume_keeps_the_bin_grid_given() {
    let grid = BinGrid { origin: [1.0, 2.0], inline_step: [0.0, 25.0], crossline_step: [12.5, 0.0] };
    let scratch = Scratch::new();
    let path = scratch.file("a.npy", &npy("|u1", false, &[2, 2, 2], &[0; 8]));
    let axes = ArrayAxes { grid: Some(grid), ..axes() };
    let survey = Survey::open(&path, &SurveyOptions { axes, ..SurveyOptions::default() }).unwrap();
    assert_eq!(survey.geometry().volume().unwrap().grid, Some(grid));
}
