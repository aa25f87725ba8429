//! What the fuzz targets share: options made of bytes, everything there is to read of a file, and the survey that a
//! saved index is for.

use refcon_seismic::segy::{
    ByteOrder, Container, FieldKind, HeaderField, NumberFields, OpenOptions, Prestack, SampleFormat,
    SegyFile, SegyWriter, TextEncoding, TraceLabel, WriteOptions,
};
use refcon_seismic::{Direction, Domain, Polarity, SampleAxis, Survey};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Samples that one run of a target reads as sections and slices, at most: an input of some KiB may describe a grid that
/// is mostly holes.
const READ_SAMPLES: usize = 1 << 20;
/// Lines of a direction, and slices, that one run reads at most.
const READ_LINES: usize = 48;

/// Options that the last bytes of an input stand for; a short input gives the default.
#[must_use]
pub fn options(input: &[u8]) -> OpenOptions {
    let Some(tail) = input.last_chunk::<24>() else { return OpenOptions::default() };
    let chosen = |place: usize| tail[place] & 1 == 1;
    let field = |place: usize| {
        let kind = [FieldKind::Int16, FieldKind::UInt16, FieldKind::Int32, FieldKind::Float32]
            [usize::from(tail[place] >> 1) % 4];
        HeaderField::new(u16::from(tail[place + 1]), kind).filter(|_| chosen(place))
    };
    let either = |place: usize| (tail[place] & 2 == 2, chosen(place));
    let pick = |place: usize, one, other| match either(place) {
        (_, false) => None,
        (true, _) => Some(one),
        (false, _) => Some(other),
    };
    OpenOptions {
        container: match either(0) {
            (_, false) => None,
            (true, _) => Some(Container::Su),
            (false, _) => Some(Container::SegY),
        },
        byte_order: match either(1) {
            (_, false) => None,
            (true, _) => Some(ByteOrder::Big),
            (false, _) => Some(ByteOrder::Little),
        },
        text_encoding: match either(2) {
            (_, false) => None,
            (true, _) => Some(TextEncoding::Ascii),
            (false, _) => Some(TextEncoding::Ebcdic),
        },
        format: chosen(3).then(|| SampleFormat::ALL[usize::from(tail[3] >> 1) % SampleFormat::ALL.len()]),
        sample_count: chosen(4).then_some(usize::from(u16::from_be_bytes([tail[4] >> 1, tail[5]]))),
        sample_interval: match tail[6] {
            0..128 => None,
            128 => Some(f64::NAN),
            129 => Some(f64::INFINITY),
            130 => Some(-4.0),
            131 => Some(f64::MIN_POSITIVE),
            interval => Some(f64::from(interval) - 132.0),
        },
        domain: chosen(7).then_some(Domain::Depth),
        inline: field(8),
        crossline: field(10),
        trace_number: field(12),
        x: field(14),
        y: field(16),
        prestack: if chosen(18) { Prestack::Stack } else { Prestack::Refuse },
        epsg: chosen(19).then_some(23_031),
        polarity: pick(20, Polarity::Normal, Polarity::Reverse),
        index: None,
    }
}

/// Reads all that a file says about itself.
pub fn read_headers(file: &SegyFile) {
    let _ = (file.name(), file.container(), file.format(), file.byte_order(), file.samples());
    let _ = (file.map_unit(), file.position_source(), file.measurement_system());
    let _ = (file.polarity(), file.epsg(), file.gathers());
    if let Some(text) = file.text_header() {
        let _ = text.to_string();
    }
    let _ = file.extended_text_headers();
    let _ = file.binary_header().map(|binary| binary.measurement());
    for oddity in file.oddities() {
        assert!(!oddity.text.is_empty());
    }
    for candidate in file.candidates() {
        assert!(candidate.score.is_finite(), "{candidate:?}");
    }
    assert!(file.trace_count() > 0 && file.samples().count > 0);
    for trace in [0, file.trace_count() / 2, file.trace_count() - 1] {
        let header = file.trace_header(trace).expect("the file has this trace");
        let _ = (header.delay(), file.position(trace), file.samples_of(trace));
        let _ = file.trace_header_extension(trace);
        assert!(file.numbers(trace).is_some());
    }
    assert!(file.numbers(file.trace_count()).is_none());
    let header = file.trace_header(0).expect("the file has a trace");
    for fields in file.candidates().iter().map(|candidate| candidate.fields).chain([file.number_fields()]) {
        match fields {
            NumberFields::Volume { inline, crossline } => {
                let _ = (header.get(inline), header.get(crossline));
            }
            NumberFields::Line { number, .. } => {
                let _ = number.map(|number| header.get(number));
            }
        }
    }
    for direction in [Direction::Inline, Direction::Crossline] {
        let lines = file.lines(direction);
        assert!(lines.is_none_or(|lines| lines.count > 0 && lines.step != 0));
    }
    if let Some(grid) = file.geometry().volume().and_then(|volume| volume.grid) {
        let _ = (grid.azimuth(), grid.bin_size());
    }
}

/// Reads the amplitudes in every way, up to a limit.
pub fn read_traces(file: &SegyFile) {
    let mut traces = 0;
    for block in file.traces() {
        let block = block.expect("the file has these traces");
        traces += (block.amplitudes.len() / block.samples) as u64;
    }
    assert_eq!(traces, file.trace_count());
    let samples = file.samples().count;
    let mut left = READ_SAMPLES;
    for direction in [Direction::Inline, Direction::Crossline] {
        let Some(lines) = file.lines(direction) else { continue };
        for index in spread(lines.count) {
            if let Ok(section) = file.read_section(direction, lines.number(index)) {
                assert_eq!(section.amplitudes.len(), samples * section.traces.count);
                left = left.saturating_sub(section.amplitudes.len());
            }
            if left == 0 {
                return;
            }
        }
    }
    for sample in spread(samples) {
        if let Ok(slice) = file.read_time_slice(sample) {
            assert_eq!(slice.amplitudes.len(), slice.inlines.count * slice.crosslines.count);
            left = left.saturating_sub(slice.amplitudes.len());
        }
        if left == 0 {
            return;
        }
    }
    assert!(file.read_time_slice(samples).is_err());
    let _ = file.read_time_slices(0..samples.min(READ_LINES));
}

/// Reads a survey of any source in every way, up to a limit.
pub fn read_survey(survey: &Survey) {
    for block in survey.traces() {
        if block.is_err() {
            break;
        }
    }
    let samples = survey.samples().count;
    for direction in [Direction::Inline, Direction::Crossline] {
        let Some(lines) = survey.lines(direction) else { continue };
        for index in spread(lines.count) {
            let _ = survey.read_section(direction, lines.number(index));
        }
    }
    for sample in spread(samples) {
        let _ = survey.read_time_slice(sample);
    }
}

/// At most [`READ_LINES`] of `count` indices, the last one among them.
fn spread(count: usize) -> impl Iterator<Item = usize> {
    let step = count.div_ceil(READ_LINES).max(1);
    (0..count).rev().step_by(step)
}

/// Writes the survey that the saved indices are for: always the same bytes and the same time of change.
///
/// # Errors
/// What the writer says, in words, or the system.
pub fn write_indexed_survey(path: &Path) -> std::io::Result<()> {
    let samples = SampleAxis { domain: Domain::Time, first: 0.0, interval: 4.0, count: 12 };
    let mut writer =
        SegyWriter::create(path, samples, &WriteOptions::default()).map_err(std::io::Error::other)?;
    for place in 0..30_i32 {
        let label = TraceLabel {
            inline: 100 + place / 6,
            crossline: 20 - place % 6,
            cdp: place,
            position: [f64::from(place % 6) * 25.0, f64::from(place / 6) * 12.5],
            offset: 0,
            live: place != 17,
        };
        writer.write_trace(&label, &[place as f32; 12]).map_err(std::io::Error::other)?;
    }
    writer.finish().map_err(std::io::Error::other)?;
    let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(1_500_000_000);
    std::fs::File::options().write(true).open(path)?.set_modified(changed)
}
