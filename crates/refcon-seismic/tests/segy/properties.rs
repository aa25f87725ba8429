//! What holds for all volumes and for all bytes.

use crate::fixtures::{FILE_HEADER, file_of, grid, grid_labels, label, put_binary, put_short};
use proptest::prelude::*;
use refcon_seismic::segy::{
    ByteOrder, OpenOptions, Prestack, Revision, SampleFormat, SegyError, SegyFile, TextEncoding, TextHeader,
    TraceLabel, WriteOptions, write_volume,
};
use refcon_seismic::{Direction, Domain, LineAxis, SampleAxis, Volume};
use std::sync::LazyLock;

fn axis() -> impl Strategy<Value = LineAxis> {
    (-5000..5000_i32, prop_oneof![1..5_i32, -4..0_i32], 2..7_usize)
        .prop_map(|(first, step, count)| LineAxis { first, step, count })
}

fn volume() -> impl Strategy<Value = Volume> {
    (axis(), axis(), 1..40_usize, -300..300_i32, any::<u64>()).prop_map(
        |(inlines, crosslines, count, first, seed)| {
            let samples =
                SampleAxis { domain: Domain::Time, first: f64::from(first) / 2.0, interval: 4.0, count };
            let mut state = seed | 1;
            let amplitudes = (0..inlines.count * crosslines.count * count)
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    // Whole numbers, so that integer formats hold them.
                    (state % 65_536) as f32 - 32_768.0
                })
                .collect();
            Volume { inlines, crosslines, samples, amplitudes }
        },
    )
}

const R2_0: Revision = Revision { major: 2, minor: 0 };

/// Reads everything there is to read.
fn exercise(file: &SegyFile) {
    for block in file.traces() {
        let _ = block;
    }
    for direction in [Direction::Inline, Direction::Crossline] {
        if let Some(lines) = file.lines(direction) {
            for line in [lines.first, lines.last(), lines.number(lines.count / 2)] {
                let _ = file.read_section(direction, line);
            }
        }
    }
    for sample in [0, file.samples().count - 1] {
        let _ = file.read_time_slice(sample);
    }
    let _ = file.extended_text_headers();
    for trace in [0, file.trace_count() - 1] {
        let _ = (file.position(trace), file.trace_header_extension(trace), file.samples_of(trace));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_written_volume_reads_back_the_same(
        volume in volume(),
        format in proptest::sample::select(SampleFormat::ALL.to_vec()),
        little: bool,
        revision in proptest::sample::select(vec![Revision::R0, Revision::R1, R2_0, Revision::R2_1]),
        extended: bool,
    ) {
        let mut volume = volume;
        // Shift and scale into what the format holds.
        let (shift, scale) = match format {
            SampleFormat::Int8 => (0.0, 1.0 / 256.0),
            SampleFormat::UInt8 => (32_768.0, 1.0 / 256.0),
            _ if format.integer_range().is_some_and(|(least, _)| least == 0.0) => (32_768.0, 1.0),
            _ => (0.0, 1.0),
        };
        for amplitude in &mut volume.amplitudes {
            *amplitude = ((*amplitude + shift) * scale).floor();
        }
        let byte_order = if little { ByteOrder::Little } else { ByteOrder::Big };
        let trace_header_extension = extended && revision >= R2_0;
        let grid = Some(grid());
        let options =
            WriteOptions { format, byte_order, revision, trace_header_extension, grid, ..WriteOptions::default() };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("volume.sgy");
        write_volume(&path, &volume, &options).unwrap();
        let file = SegyFile::open(&path, &OpenOptions::default()).unwrap();
        prop_assert_eq!((file.format(), file.byte_order(), file.samples()), (format, byte_order, volume.samples));
        let found = file.geometry().volume().unwrap();
        prop_assert_eq!((found.inlines, found.crosslines), (volume.inlines, volume.crosslines));
        for (direction, lines) in [(Direction::Inline, volume.inlines), (Direction::Crossline, volume.crosslines)] {
            for line in (0..lines.count).map(|index| lines.number(index)) {
                prop_assert_eq!(file.read_section(direction, line).unwrap(), volume.section(direction, line).unwrap());
            }
        }
        let mut amplitudes = Vec::new();
        for block in file.traces() {
            amplitudes.extend(block.unwrap().amplitudes);
        }
        prop_assert_eq!(&amplitudes, &volume.amplitudes);
        let slice = file.read_time_slice(volume.samples.count - 1).unwrap();
        let last: Vec<f32> = volume.amplitudes.chunks(volume.samples.count).map(|trace| trace[trace.len() - 1]).collect();
        prop_assert_eq!(slice.amplitudes, last);
    }

    #[test]
    fn ibm_keeps_any_amplitude_within_its_precision(amplitudes in proptest::collection::vec(-1e30_f32..1e30, 12)) {
        let axis = LineAxis { first: 1, step: 1, count: 2 };
        let samples = SampleAxis { domain: Domain::Time, first: 0.0, interval: 2.0, count: 3 };
        let volume = Volume { inlines: axis, crosslines: axis, samples, amplitudes };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ibm.sgy");
        let options = WriteOptions { format: SampleFormat::Ibm32, ..WriteOptions::default() };
        write_volume(&path, &volume, &options).unwrap();
        let file = SegyFile::open(&path, &OpenOptions::default()).unwrap();
        let mut read = vec![0.0; 12];
        file.read_traces(0..4, &mut read).unwrap();
        for (read, written) in read.into_iter().zip(volume.amplitudes) {
            prop_assert!((read - written).abs() <= written.abs() / 2_097_152.0, "{written:e} came back as {read:e}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..9000)) {
        if let Ok(file) = SegyFile::from_source("any bytes", Box::new(bytes), &OpenOptions::default()) {
            exercise(&file);
        }
    }

    #[test]
    fn no_damage_to_a_file_makes_it_panic(
        sound in proptest::sample::select((0..SOUND_FILES.len()).collect::<Vec<_>>()),
        damage in proptest::collection::vec((0..12_000_usize, any::<u8>()), 0..12),
        // Where the fields are that decide what a file is: the binary header and the first trace's headers.
        headers in proptest::collection::vec((3200..4100_usize, any::<u8>()), 0..12),
        zeros in proptest::collection::vec(3200..4100_usize, 0..4),
        cut in 0..24_000_usize,
        stack: bool,
    ) {
        let mut bytes = SOUND_FILES[sound].clone();
        let zeros = zeros.into_iter().flat_map(|place| [(place, 0), (place + 1, 0)]);
        for (place, value) in damage.into_iter().chain(headers).chain(zeros) {
            let length = bytes.len();
            bytes[place % length] = value;
        }
        bytes.truncate(cut);
        let prestack = if stack { Prestack::Stack } else { Prestack::Refuse };
        let options = OpenOptions { prestack, ..OpenOptions::default() };
        match SegyFile::from_source("damaged", Box::new(bytes), &options) {
            Ok(file) => exercise(&file),
            Err(error) => prop_assert!(explains(&error), "{error}"),
        }
    }
}

/// Whether an error of opening says where, what was found and what was expected.
fn explains(error: &SegyError) -> bool {
    let text = error.to_string();
    let said = match error {
        SegyError::TooShort { expected, found, .. } => vec![expected.to_string(), found.to_string()],
        SegyError::SampleFormat { code, .. } => vec!["byte offset 3224".to_owned(), code.to_string()],
        SegyError::SwappedPairs { .. } => {
            vec!["byte offset 3296".to_owned(), "expected 0x01020304".to_owned()]
        }
        SegyError::VariableLength { offset, found, expected, .. } => {
            vec![format!("byte offset {offset}"), found.to_string(), expected.to_string()]
        }
        SegyError::NoSampleCount { .. } => vec!["3221–3222".to_owned(), "115–116".to_owned()],
        _ => return false,
    };
    text.contains("damaged") && said.iter().all(|part| text.contains(part))
}

/// Small sound files: every format and order, SU, every revision, extended textual headers, trace header extensions,
/// gathers, a 2-D line, delays.
static SOUND_FILES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let labels = grid_labels(&[1, 2, 3, 4], &[5, 6, 7, 8, 9, 10]);
    let mut files = Vec::new();
    for format in SampleFormat::ALL {
        let amplitude_scale = if format.integer_range().is_some() { 1.0 / 1024.0 } else { 1.0 };
        for (byte_order, revision) in [(ByteOrder::Big, Revision::R1), (ByteOrder::Little, Revision::R2_1)] {
            let options =
                WriteOptions { format, byte_order, revision, amplitude_scale, ..WriteOptions::default() };
            files.push(file_of(&labels, &options));
        }
    }
    for byte_order in [ByteOrder::Big, ByteOrder::Little] {
        let options = WriteOptions { byte_order, ..WriteOptions::default() };
        files.push(file_of(&labels, &options)[FILE_HEADER..].to_vec());
        let options =
            WriteOptions { byte_order, trace_header_extension: true, revision: Revision::R2_1, ..options };
        files.push(file_of(&labels, &options));
    }
    let plain = file_of(&labels, &WriteOptions::default());
    for count in [2, -1] {
        let mut bytes = plain.clone();
        put_binary(&mut bytes, 3505, count);
        let texts = ["((SEG: Layout))", "((SEG: EndText))"].map(str::to_owned);
        let texts = texts
            .iter()
            .flat_map(|line| TextHeader::encode(std::slice::from_ref(line), TextEncoding::Ebcdic));
        bytes.splice(FILE_HEADER..FILE_HEADER, texts);
        files.push(bytes);
    }
    let gathers: Vec<TraceLabel> =
        labels.iter().flat_map(|bin| [100, 200].map(|offset| TraceLabel { offset, ..*bin })).collect();
    files.push(file_of(&gathers, &WriteOptions::default()));
    let line: Vec<TraceLabel> = (0..9).map(|trace| TraceLabel { cdp: 40 + trace, ..label(0, 0) }).collect();
    files.push(file_of(&line, &WriteOptions::default()));
    let mut delays = plain;
    for trace in 0..labels.len() {
        put_short(&mut delays, trace, 109, 100 + 4 * trace as i16);
    }
    files.push(delays);
    files
});
