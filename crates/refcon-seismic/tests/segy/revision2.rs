//! What revision 2 added: trace header extensions, longer fields of the binary header, trailers.

use crate::fixtures::*;
use refcon_seismic::segy::{
    ByteOrder, HeaderField, OddityKind, OpenOptions, PositionSource, Revision, SegyError, SegyFile,
    SegyWriter, TraceLabel, WriteOptions,
};
use refcon_seismic::{Domain, SampleAxis};

const EXTENDED_TRACE_BYTES: usize = TRACE_BYTES + 240;

fn extended() -> WriteOptions {
    WriteOptions { revision: Revision::R2_1, trace_header_extension: true, ..WriteOptions::default() }
}

/// A grid of 3 × 4 traces whose coordinates need more digits than a scaled integer has.
fn labels() -> Vec<TraceLabel> {
    let labels = grid_labels(&[1, 2, 3], &[1, 2, 3, 4]);
    labels.into_iter().map(|label| TraceLabel { cdp: 7, position: position(label), ..label }).collect()
}

fn position(label: TraceLabel) -> [f64; 2] {
    let [x, y] = grid().position(label.inline as usize, label.crossline as usize);
    [x + 1.0 / 1024.0, y - 1.0 / 2048.0]
}

/// Overwrites bytes of the extension of a trace; `byte` counts from 1 in the extension.
fn put_extension(bytes: &mut [u8], trace: usize, byte: usize, value: &[u8]) {
    let start = FILE_HEADER + trace * EXTENDED_TRACE_BYTES + 240 + byte - 1;
    bytes[start..start + value.len()].copy_from_slice(value);
}

fn assert_traces(file: &SegyFile) {
    assert_eq!(file.trace_count(), 12);
    let mut samples = vec![0.0; SAMPLES];
    for trace in 0..12 {
        file.read_trace(trace as u64, &mut samples).unwrap();
        assert_eq!(samples, amplitudes(trace));
    }
}

#[test]
fn an_extension_comes_back_as_written() {
    for byte_order in [ByteOrder::Big, ByteOrder::Little] {
        let file = open(&file_of(&labels(), &WriteOptions { byte_order, ..extended() })).unwrap();
        assert_traces(&file);
        for (trace, label) in labels().into_iter().enumerate() {
            let found = file.trace_header_extension(trace as u64).unwrap().unwrap();
            assert_eq!((found.trace_in_file(), found.ensemble()), (trace as u64 + 1, 7));
            assert_eq!((found.sample_count(), found.sample_interval()), (SAMPLES as u32, 4000.0));
            assert_eq!(found.cdp(), position(label));
        }
        assert!(matches!(file.trace_header_extension(12), Err(SegyError::NoSuchTrace { .. })));
    }
}

#[test]
fn coordinates_of_the_extension_outrank_the_trace_headers() {
    let file = open(&file_of(&labels(), &extended())).unwrap();
    assert_eq!(file.position_source(), PositionSource::ExtensionCdp);
    for (trace, label) in labels().into_iter().enumerate() {
        assert_eq!(file.position(trace as u64).unwrap(), position(label));
    }
    assert_eq!(told(&file, "outrank those of the trace headers (181–188)"), 1);
    let found = file.geometry().volume().unwrap().grid.unwrap();
    let expected = position(label(1, 1));
    assert!((0..2).all(|axis| (found.origin[axis] - expected[axis]).abs() < 1e-6), "{found:?}");
    // By hand, the trace header's are read all the same, to hundredths.
    let options = OpenOptions { x: Some(HeaderField::CDP_X), ..OpenOptions::default() };
    let by_hand = open_with(&file_of(&labels(), &extended()), &options).unwrap();
    assert_eq!(by_hand.position_source(), PositionSource::CDP);
    assert_eq!(by_hand.position(0).unwrap(), position(label(1, 1)).map(|c| (c * 100.0).round() / 100.0));
    assert_eq!(told(&by_hand, "outrank"), 0);
}

#[test]
fn an_extension_without_coordinates_leaves_the_word_to_the_trace_header() {
    let mut bytes = file_of(&labels(), &extended());
    for trace in 0..12 {
        put_extension(&mut bytes, trace, 161, &[0; 16]);
    }
    let file = open(&bytes).unwrap();
    assert_eq!(file.position_source(), PositionSource::CDP);
    assert!((file.position(0).unwrap()[0] - position(label(1, 1))[0]).abs() <= 0.005);
    // Nor do source coordinates outrank the middle of the bin.
    for trace in 0..12 {
        put_extension(&mut bytes, trace, 97, &1234.5_f64.to_be_bytes());
    }
    assert_eq!(open(&bytes).unwrap().position_source(), PositionSource::CDP);
    for trace in 0..12 {
        let start = FILE_HEADER + trace * EXTENDED_TRACE_BYTES + 180;
        bytes[start..start + 8].fill(0);
    }
    let file = open(&bytes).unwrap();
    assert_eq!(file.position_source(), PositionSource::ExtensionSource);
    assert_eq!(file.position(5).unwrap(), [1234.5, 0.0]);
    assert_eq!(told(&file, "source coordinates of the trace header extensions"), 1);
}

#[test]
fn coordinates_too_large_for_the_trace_header_stand_in_the_extension() {
    let labels: Vec<_> =
        labels().into_iter().map(|label| TraceLabel { position: [3e9, 4e9], ..label }).collect();
    let file = open(&file_of(&labels, &extended())).unwrap();
    assert_eq!(file.position(3).unwrap(), [3e9, 4e9]);
}

#[test]
fn extensions_need_revision_2() {
    let folder = tempfile::tempdir().unwrap();
    let options = WriteOptions { revision: Revision::R1, ..extended() };
    let error = SegyWriter::create(&folder.path().join("old.sgy"), time_axis(), &options).unwrap_err();
    assert!(error.to_string().contains("write revision 2.1"), "{error}");
}

#[test]
fn the_sample_count_and_interval_of_the_extension_are_read_where_no_other_is() {
    let mut bytes = file_of(&labels(), &extended());
    put_binary(&mut bytes, 3221, 0);
    put_binary(&mut bytes, 3217, 0);
    for trace in 0..12 {
        let start = FILE_HEADER + trace * EXTENDED_TRACE_BYTES + 114;
        bytes[start..start + 4].fill(0);
        put_extension(&mut bytes, trace, 145, &62.5_f64.to_be_bytes());
    }
    let file = open(&bytes).unwrap();
    assert_traces(&file);
    assert_eq!(file.samples().interval, 0.0625);
}

#[test]
fn an_interval_of_the_extension_that_differs_is_told() {
    let mut bytes = file_of(&labels(), &extended());
    put_extension(&mut bytes, 0, 145, &2000.0_f64.to_be_bytes());
    let file = open(&bytes).unwrap();
    assert_eq!(file.samples().interval, 4.0);
    assert_eq!(told(&file, "the first trace header extension (145–152) says 2000 µs"), 1);
}

#[test]
fn an_extension_of_another_name_is_skipped_and_told() {
    let mut bytes = file_of(&labels(), &extended());
    for trace in 0..12 {
        put_extension(&mut bytes, trace, 233, b"ACME0001");
        put_extension(&mut bytes, trace, 137, &999_u32.to_be_bytes());
    }
    let file = open(&bytes).unwrap();
    assert_traces(&file);
    assert_eq!(file.trace_header_extension(0).unwrap(), None);
    assert_eq!(file.position_source(), PositionSource::CDP);
    assert_eq!(told(&file, "not called SEG00001"), 1);
    assert_eq!(told(&file, "999"), 0);
}

#[test]
fn a_single_trace_without_its_extension_has_no_position() {
    let mut bytes = file_of(&labels(), &extended());
    put_extension(&mut bytes, 5, 233, &[0; 8]);
    let file = open(&bytes).unwrap();
    assert_eq!(file.trace_header_extension(5).unwrap(), None);
    assert_eq!(file.position(5).unwrap(), [0.0; 2]);
    assert_eq!(file.position(6).unwrap(), position(labels()[6]));
}

#[test]
fn fewer_extensions_than_the_binary_header_allows_are_believed() {
    let mut bytes = file_of(&labels(), &extended());
    put_binary(&mut bytes, 3507, 3);
    let file = open(&bytes).unwrap();
    assert_traces(&file);
    assert_eq!(told(&file, "allows 3 trace header extensions; the first trace says that it has 1"), 1);
}

#[test]
fn lengths_that_differ_in_the_extensions_only_are_refused() {
    let mut bytes = file_of(&labels(), &extended());
    bytes.truncate(FILE_HEADER);
    put_binary(&mut bytes, 3221, 0);
    for samples in [20_u32, 24, 20] {
        let mut headers = [0; 480];
        headers[116..118].copy_from_slice(&4000_u16.to_be_bytes());
        headers[240 + 136..240 + 140].copy_from_slice(&samples.to_be_bytes());
        headers[472..].copy_from_slice(b"SEG00001");
        bytes.extend(headers);
        bytes.extend(vec![0; samples as usize * 4]);
    }
    let error = open(&bytes).unwrap_err().to_string();
    assert!(error.contains("trace 1 (byte offset 4160) has 24 samples, the first one 20"), "{error}");
}

#[test]
fn a_long_trace_with_extensions_reads_its_headers_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.sgy");
    let samples = SampleAxis { domain: Domain::Time, first: 0.0, interval: 0.5, count: 66_000 };
    let mut writer = SegyWriter::create(&path, samples, &extended()).unwrap();
    for label in labels() {
        writer.write_trace(&label, &vec![1.0; samples.count]).unwrap();
    }
    writer.finish().unwrap();
    let file = SegyFile::open(&path, &OpenOptions::default()).unwrap();
    assert_eq!((file.samples(), file.trace_count()), (samples, 12));
    assert_eq!(file.position(11).unwrap(), position(labels()[11]));
    let grid = file.geometry().volume().unwrap().grid.unwrap();
    assert!((grid.origin[0] - position(label(1, 1))[0]).abs() < 1e-6);
}

#[test]
fn the_long_fields_of_the_binary_header_outrank_the_short_ones() {
    let options = WriteOptions { revision: Revision::R2_1, ..WriteOptions::default() };
    let mut bytes = file_of(&labels(), &options);
    bytes[3268..3272].copy_from_slice(&(SAMPLES as u32).to_be_bytes());
    bytes[3272..3280].copy_from_slice(&250.5_f64.to_be_bytes());
    put_binary(&mut bytes, 3221, 19);
    let file = open(&bytes).unwrap();
    assert_traces(&file);
    assert_eq!(file.samples().interval, 0.2505);
    assert_eq!(told(&file, "the binary header (3273–3280) says 250.5 µs"), 1);
    assert_eq!(told(&file, "the binary header (3269–3272) says 20"), 1);
}

#[test]
fn an_interval_that_cannot_be_is_ignored_and_told() {
    let options = WriteOptions { revision: Revision::R2_1, ..WriteOptions::default() };
    for nonsense in [f64::NAN, -4.0, 1e300, f64::MIN_POSITIVE] {
        let mut bytes = file_of(&labels(), &options);
        bytes[3272..3280].copy_from_slice(&nonsense.to_be_bytes());
        let file = open(&bytes).unwrap();
        assert_eq!(file.samples().interval, 4.0);
        assert_eq!(told(&file, "which cannot be; ignored"), 1, "{nonsense}");
    }
}

#[test]
fn a_trace_count_that_the_file_does_not_hold_is_told() {
    let options = WriteOptions { revision: Revision::R2_1, ..WriteOptions::default() };
    let mut bytes = file_of(&labels(), &options);
    bytes[3512..3520].copy_from_slice(&u64::MAX.to_be_bytes());
    let file = open(&bytes).unwrap();
    assert_traces(&file);
    assert!(file.oddities().iter().any(|oddity| oddity.kind == OddityKind::TraceCount));
    bytes[3528..3532].copy_from_slice(&i32::MAX.to_be_bytes());
    let file = open(&bytes).unwrap();
    assert_traces(&file);
    assert_eq!(told(&file, "2147483647 data trailer stanzas, which the file cannot hold"), 1);
    bytes[3520..3528].copy_from_slice(&u64::MAX.to_be_bytes());
    let file = open(&bytes).unwrap();
    assert_traces(&file);
    assert_eq!(told(&file, "byte offset 18446744073709551615, which cannot be"), 1);
}
