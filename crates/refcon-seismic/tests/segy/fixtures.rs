//! Small SEG-Y files, written trace by trace, and ways to spoil them.

use refcon_seismic::segy::{
    HeaderField, OpenOptions, SegyError, SegyFile, SegyWriter, TraceLabel, WriteOptions,
};
use refcon_seismic::{BinGrid, Domain, SampleAxis};

pub(crate) const SAMPLES: usize = 20;
pub(crate) const FILE_HEADER: usize = 3600;
pub(crate) const TRACE_BYTES: usize = 240 + 4 * SAMPLES;

pub(crate) fn time_axis() -> SampleAxis {
    SampleAxis { domain: Domain::Time, first: 100.0, interval: 4.0, count: SAMPLES }
}

pub(crate) fn grid() -> BinGrid {
    BinGrid { origin: [600_000.0, 6_000_000.0], inline_step: [-3.0, 24.0], crossline_step: [12.0, 1.5] }
}

pub(crate) fn label(inline: i32, crossline: i32) -> TraceLabel {
    TraceLabel { inline, crossline, cdp: 0, position: [0.0; 2], offset: 0, live: true }
}

/// Samples that tell their trace and their place in it.
pub(crate) fn amplitudes(trace: usize) -> Vec<f32> {
    (0..SAMPLES).map(|sample| (1000 * (trace + 1) + sample) as f32).collect()
}

/// The bytes of a file of these traces; the `n`-th has [`amplitudes`]`(n)`.
pub(crate) fn file_of(labels: &[TraceLabel], options: &WriteOptions) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fixture.sgy");
    let mut writer = SegyWriter::create(&path, time_axis(), options).unwrap();
    for (trace, label) in labels.iter().enumerate() {
        writer.write_trace(label, &amplitudes(trace)).unwrap();
    }
    writer.finish().unwrap();
    std::fs::read(path).unwrap()
}

/// Labels of a full grid, crosslines fastest.
pub(crate) fn grid_labels(inlines: &[i32], crosslines: &[i32]) -> Vec<TraceLabel> {
    inlines
        .iter()
        .flat_map(|&inline| crosslines.iter().map(move |&crossline| label(inline, crossline)))
        .collect()
}

pub(crate) fn open(bytes: &[u8]) -> Result<SegyFile, SegyError> {
    open_with(bytes, &OpenOptions::default())
}

pub(crate) fn open_with(bytes: &[u8], options: &OpenOptions) -> Result<SegyFile, SegyError> {
    SegyFile::from_source("fixture", Box::new(bytes.to_vec()), options)
}

/// Overwrites a 4-byte field of a trace header, big-endian.
pub(crate) fn put(bytes: &mut [u8], trace: usize, byte: usize, value: i32) {
    let start = FILE_HEADER + trace * TRACE_BYTES + byte - 1;
    bytes[start..start + 4].copy_from_slice(&value.to_be_bytes());
}

/// Overwrites a 2-byte field of a trace header, big-endian.
pub(crate) fn put_short(bytes: &mut [u8], trace: usize, byte: usize, value: i16) {
    let start = FILE_HEADER + trace * TRACE_BYTES + byte - 1;
    bytes[start..start + 2].copy_from_slice(&value.to_be_bytes());
}

/// Overwrites a 2-byte field of the binary header, big-endian; `byte` counts from 1 in the file.
pub(crate) fn put_binary(bytes: &mut [u8], byte: usize, value: i16) {
    bytes[byte - 1..byte + 1].copy_from_slice(&value.to_be_bytes());
}

/// Moves the line numbers of all traces from the standard's places to others.
pub(crate) fn move_numbers(bytes: &mut [u8], inline: usize, crossline: usize) {
    for trace in 0..(bytes.len() - FILE_HEADER) / TRACE_BYTES {
        for (from, to) in [(HeaderField::INLINE, inline), (HeaderField::CROSSLINE, crossline)] {
            let start = FILE_HEADER + trace * TRACE_BYTES + usize::from(from.byte()) - 1;
            let mut value = [0; 4];
            value.copy_from_slice(&bytes[start..start + 4]);
            put(bytes, trace, usize::from(from.byte()), 0);
            put(bytes, trace, to, i32::from_be_bytes(value));
        }
    }
}

/// The sentences about a file that hold `part`.
pub(crate) fn told(file: &SegyFile, part: &str) -> usize {
    file.oddities().iter().filter(|oddity| oddity.text.contains(part)).count()
}
