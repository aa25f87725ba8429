//! File headers as they are in the world.

use crate::fixtures::*;
use refcon_seismic::segy::{
    ByteOrder, Container, MeasurementSystem, OddityKind, OpenOptions, Revision, SampleFormat, SegyError,
    SegyFile, SegyWriter, TextEncoding, TextHeader, WriteOptions, write_volume,
};
use refcon_seismic::{Domain, LineAxis, Polarity, SampleAxis, Volume};

fn plain() -> Vec<u8> {
    file_of(&grid_labels(&[1, 2, 3], &[1, 2, 3, 4]), &WriteOptions::default())
}

fn assert_traces(file: &SegyFile, count: usize) {
    assert_eq!(file.trace_count(), count as u64);
    let mut samples = vec![0.0; SAMPLES];
    for trace in 0..count {
        file.read_trace(trace as u64, &mut samples).unwrap();
        assert_eq!(samples, amplitudes(trace));
    }
}

#[test]
fn byte_order_is_found_without_a_mark() {
    for revision in [Revision::R0, Revision::R1, Revision::R2_1] {
        for byte_order in [ByteOrder::Big, ByteOrder::Little] {
            for text_encoding in [TextEncoding::Ebcdic, TextEncoding::Ascii] {
                let options = WriteOptions { revision, byte_order, text_encoding, ..WriteOptions::default() };
                let mut bytes = file_of(&grid_labels(&[1, 2], &[1, 2]), &options);
                bytes[3296..3300].fill(0);
                let file = open(&bytes).unwrap();
                assert_eq!(
                    (file.byte_order(), file.text_header().unwrap().encoding),
                    (byte_order, text_encoding)
                );
                assert_eq!(file.binary_header().unwrap().revision, revision);
                assert_traces(&file, 4);
            }
        }
    }
}

#[test]
fn the_mark_of_revision_2_outweighs_everything_else() {
    let options =
        WriteOptions { revision: Revision::R2_1, byte_order: ByteOrder::Little, ..WriteOptions::default() };
    let mut bytes = file_of(&grid_labels(&[1, 2], &[1, 2]), &options);
    bytes[3254..3256].copy_from_slice(&1_u16.to_be_bytes());
    assert_eq!(open(&bytes).unwrap().byte_order(), ByteOrder::Little);
    bytes[3296..3300].copy_from_slice(&[2, 1, 4, 3]);
    let error = open(&bytes).unwrap_err();
    assert!(matches!(error, SegyError::SwappedPairs { .. }));
    assert!(error.to_string().contains("0x02010403"), "{error}");
}

#[test]
fn what_is_given_by_hand_is_taken() {
    let mut bytes = plain();
    put_binary(&mut bytes, 3225, 99);
    let error = open(&bytes).unwrap_err().to_string();
    assert!(error.contains("byte offset 3224 is 99"), "{error}");
    let options = OpenOptions {
        format: Some(SampleFormat::Float32),
        byte_order: Some(ByteOrder::Big),
        sample_interval: Some(2.5),
        domain: Some(Domain::Depth),
        epsg: Some(23031),
        polarity: Some(Polarity::Reverse),
        ..OpenOptions::default()
    };
    let file = open_with(&bytes, &options).unwrap();
    assert_traces(&file, 12);
    assert_eq!(
        (file.samples().interval, file.samples().domain, file.epsg(), file.polarity()),
        (2.5, Domain::Depth, Some(23031), Some(Polarity::Reverse))
    );
}

#[test]
fn obsolete_and_missing_format_codes_are_told() {
    let mut bytes = plain();
    put_binary(&mut bytes, 3225, 4);
    assert!(open(&bytes).unwrap_err().to_string().contains("fixed point with gain"));
    let options = WriteOptions { format: SampleFormat::Ibm32, ..WriteOptions::default() };
    let mut bytes = file_of(&grid_labels(&[1, 2, 3], &[1, 2]), &options);
    put_binary(&mut bytes, 3225, 0);
    let file = open(&bytes).unwrap();
    assert_eq!(file.format(), SampleFormat::Ibm32);
    assert_eq!(told(&file, "no sample format code"), 1);
}

#[test]
fn a_wrong_sample_count_in_the_binary_header_loses() {
    let mut bytes = plain();
    put_binary(&mut bytes, 3221, 33);
    let file = open(&bytes).unwrap();
    assert_traces(&file, 12);
    let oddity = file.oddities().iter().find(|oddity| oddity.kind == OddityKind::SampleCount).unwrap();
    assert!(oddity.text.contains("115–116) says 20") && oddity.text.contains("says 33"), "{oddity}");
}

#[test]
fn a_wrong_sample_count_in_the_trace_headers_loses() {
    let mut bytes = plain();
    for trace in 0..12 {
        put_short(&mut bytes, trace, 115, 19);
    }
    let file = open(&bytes).unwrap();
    assert_traces(&file, 12);
    assert_eq!(told(&file, "20 is used, since the file's length is a whole number of such traces"), 1);
    assert_eq!(told(&file, "12 of 12 trace headers"), 1);
}

#[test]
fn without_a_sample_count_anywhere_one_must_be_given() {
    let mut bytes = plain();
    put_binary(&mut bytes, 3221, 0);
    for trace in 0..12 {
        put_short(&mut bytes, trace, 115, 0);
    }
    assert!(matches!(open(&bytes), Err(SegyError::NoSampleCount { .. })));
    let options = OpenOptions { sample_count: Some(SAMPLES), ..OpenOptions::default() };
    assert_traces(&open_with(&bytes, &options).unwrap(), 12);
}

#[test]
fn what_cannot_be_is_not_taken_by_hand() {
    for (options, told) in [
        (
            OpenOptions { sample_count: Some(0), ..OpenOptions::default() },
            "number of samples given by hand is 0",
        ),
        (OpenOptions { sample_interval: Some(f64::NAN), ..OpenOptions::default() }, "given by hand is NaN"),
        (OpenOptions { sample_interval: Some(0.0), ..OpenOptions::default() }, "given by hand is 0"),
        (OpenOptions { sample_interval: Some(-4.0), ..OpenOptions::default() }, "given by hand is -4"),
    ] {
        let error = open_with(&plain(), &options).unwrap_err();
        assert!(matches!(error, SegyError::ByHand { .. }));
        assert!(error.to_string().contains(told), "{error}");
    }
}

#[test]
fn disagreeing_sample_intervals_are_told() {
    let mut bytes = plain();
    put_short(&mut bytes, 0, 117, 2000);
    let file = open(&bytes).unwrap();
    assert_eq!(file.samples().interval, 4.0);
    assert_eq!(told(&file, "4000 µs is used"), 1);
    assert_eq!(told(&file, "1 of 12 trace headers (117–118)"), 1);
    put_binary(&mut bytes, 3217, 0);
    assert_eq!(open(&bytes).unwrap().samples().interval, 2.0);
}

#[test]
fn the_delay_has_a_scalar() {
    let mut bytes = plain();
    for trace in 0..12 {
        put_short(&mut bytes, trace, 109, -55);
        put_short(&mut bytes, trace, 215, -10);
    }
    let file = open(&bytes).unwrap();
    assert_eq!(file.samples(), SampleAxis { first: -5.5, ..time_axis() });
    assert!(file.oddities().iter().all(|oddity| oddity.kind != OddityKind::Delay));
}

fn text_block(line: &str) -> Vec<u8> {
    TextHeader::encode(&[line.to_owned()], TextEncoding::Ebcdic)
}

fn with_texts(count: i16, blocks: &[&str]) -> Vec<u8> {
    let mut bytes = plain();
    put_binary(&mut bytes, 3505, count);
    bytes.splice(FILE_HEADER..FILE_HEADER, blocks.iter().flat_map(|line| text_block(line)));
    bytes
}

#[test]
fn extended_textual_headers_are_counted() {
    let file = open(&with_texts(2, &["first", "second"])).unwrap();
    assert_traces(&file, 12);
    let texts = file.extended_text_headers().unwrap();
    assert_eq!(texts.iter().map(|text| text.lines[0].as_str()).collect::<Vec<_>>(), ["first", "second"]);
}

#[test]
fn extended_textual_headers_end_with_their_stanza() {
    let file = open(&with_texts(-1, &["((SEG: Layout ver 1.0))", "more", "((SEG: EndText))"])).unwrap();
    assert_traces(&file, 12);
    assert_eq!(file.extended_text_headers().unwrap().len(), 3);
}

#[test]
fn a_missing_end_stanza_and_an_impossible_count_are_told() {
    let file = open(&with_texts(-1, &[])).unwrap();
    assert_traces(&file, 12);
    assert_eq!(told(&file, "no such stanza"), 1);
    let file = open(&with_texts(30_000, &[])).unwrap();
    assert_traces(&file, 12);
    assert_eq!(told(&file, "30000 extended textual headers"), 1);
}

#[test]
fn trace_header_extensions_of_revision_2_1_are_stepped_over() {
    let options = WriteOptions { revision: Revision::R2_1, ..WriteOptions::default() };
    let bytes = file_of(&grid_labels(&[1, 2, 3], &[1, 2, 3, 4]), &options);
    let (header, traces) = bytes.split_at(FILE_HEADER);
    let mut extended = header.to_vec();
    put_binary(&mut extended, 3507, 2);
    for trace in traces.chunks(TRACE_BYTES) {
        extended.extend(&trace[..240]);
        extended.extend([0x77; 480]);
        extended.extend(&trace[240..]);
    }
    let file = open(&extended).unwrap();
    assert_traces(&file, 12);
    assert_eq!(file.geometry().volume().unwrap().crosslines, LineAxis { first: 1, step: 1, count: 4 });
}

#[test]
fn data_trailers_and_the_offset_of_the_first_trace_are_respected() {
    let options = WriteOptions { revision: Revision::R2_1, ..WriteOptions::default() };
    let mut bytes = file_of(&grid_labels(&[1, 2, 3], &[1, 2, 3, 4]), &options);
    bytes.extend(text_block("((SEG: Trailer))"));
    bytes[3528..3532].copy_from_slice(&1_i32.to_be_bytes());
    bytes.splice(FILE_HEADER..FILE_HEADER, [0xee; 100]);
    bytes[3520..3528].copy_from_slice(&3700_u64.to_be_bytes());
    let file = open(&bytes).unwrap();
    assert_traces(&file, 12);
    assert_eq!(told(&file, "byte offset 3700"), 1);
    bytes[3528..3532].copy_from_slice(&(-1_i32).to_be_bytes());
    assert_traces(&open(&bytes).unwrap(), 12);
}

#[test]
fn a_truncated_last_trace_costs_no_other() {
    let bytes = plain();
    for cut in [1, 50, TRACE_BYTES - 1] {
        let file = open(&bytes[..bytes.len() - cut]).unwrap();
        assert_traces(&file, 11);
        let oddity = file.oddities().iter().find(|oddity| oddity.kind == OddityKind::Truncated).unwrap();
        assert!(
            oddity.text.contains(&format!("{} of the {TRACE_BYTES} bytes", TRACE_BYTES - cut)),
            "{oddity}"
        );
    }
    let error = open(&bytes[..FILE_HEADER + 250]).unwrap_err();
    assert!(matches!(error, SegyError::TooShort { expected: 3920, found: 3850, .. }), "{error}");
    assert!(matches!(open(&bytes[..1000]), Err(SegyError::TooShort { .. })));
    assert!(matches!(open(&[]), Err(SegyError::TooShort { .. })));
}

#[test]
fn traces_of_different_lengths_are_refused() {
    let mut bytes = plain();
    bytes.truncate(FILE_HEADER);
    for (trace, samples) in [20_usize, 20, 24, 20].into_iter().enumerate() {
        let mut header = [0; 240];
        header[114..116].copy_from_slice(&(samples as u16).to_be_bytes());
        header[116..118].copy_from_slice(&4000_u16.to_be_bytes());
        header[191] = trace as u8;
        bytes.extend(header);
        bytes.extend(vec![0; samples * 4]);
    }
    let error = open(&bytes).unwrap_err().to_string();
    assert!(error.contains("trace 2 (byte offset 4240) has 24 samples, the first one 20"), "{error}");
}

#[test]
fn su_files_open_in_either_order() {
    for byte_order in [ByteOrder::Big, ByteOrder::Little] {
        let options = WriteOptions { byte_order, ..WriteOptions::default() };
        let bytes = file_of(&grid_labels(&[1, 2, 3], &[1, 2, 3, 4]), &options);
        let file = open(&bytes[FILE_HEADER..]).unwrap();
        assert_eq!((file.container(), file.byte_order()), (Container::Su, byte_order));
        assert!(file.text_header().is_none() && file.binary_header().is_none());
        assert_traces(&file, 12);
        assert_eq!(file.samples(), time_axis());
        assert_eq!(file.geometry().volume().unwrap().bins(), 12);
        let one = open(&bytes[FILE_HEADER..FILE_HEADER + TRACE_BYTES]).unwrap();
        assert_traces(&one, 1);
    }
}

#[test]
fn depth_in_feet_is_told_from_depth_in_metres() {
    let samples = SampleAxis { domain: Domain::DepthFeet, first: 1000.0, interval: 5.0, count: 8 };
    let axis = LineAxis { first: 1, step: 1, count: 2 };
    let volume = Volume { inlines: axis, crosslines: axis, samples, amplitudes: vec![1.0; 32] };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("depth.sgy");
    let options = WriteOptions { measurement_system: MeasurementSystem::Feet, ..WriteOptions::default() };
    write_volume(&path, &volume, &options).unwrap();
    let file = SegyFile::open(&path, &OpenOptions::default()).unwrap();
    assert_eq!((file.samples(), file.measurement_system()), (samples, Some(MeasurementSystem::Feet)));
    assert_eq!((file.samples().domain.unit(), file.map_unit()), ("ft", Some("ft")));
    assert_eq!(told(&file, "Taken as depth"), 1);
    // Given by hand, depth is in the unit of the file too.
    let by_hand = OpenOptions { domain: Some(Domain::Depth), ..OpenOptions::default() };
    assert_eq!(SegyFile::open(&path, &by_hand).unwrap().samples().domain, Domain::DepthFeet);
    let metres = Volume { samples: SampleAxis { domain: Domain::Depth, ..samples }, ..volume };
    let error = write_volume(&path, &metres, &options).unwrap_err().to_string();
    assert!(error.contains("choose the other measurement system"), "{error}");
    write_volume(&path, &metres, &WriteOptions::default()).unwrap();
    let file = SegyFile::open(&path, &OpenOptions::default()).unwrap();
    assert_eq!((file.samples().domain.unit(), file.map_unit()), ("m", Some("m")));
    let mut bytes = std::fs::read(&path).unwrap();
    put_binary(&mut bytes, 3255, 0);
    assert_eq!(open(&bytes).unwrap().map_unit(), None);
    bytes[FILE_HEADER + 88..FILE_HEADER + 90].copy_from_slice(&3_i16.to_be_bytes());
    assert_eq!(open(&bytes).unwrap().map_unit(), Some("degrees"));
}

#[test]
fn revision_2_1_holds_what_revision_1_cannot() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.sgy");
    let samples = SampleAxis { domain: Domain::Time, first: 0.25, interval: 0.0625, count: 70_000 };
    let refused = SegyWriter::create(&path, samples, &WriteOptions::default()).unwrap_err().to_string();
    assert!(refused.contains("write revision 2.1"), "{refused}");
    let options =
        WriteOptions { revision: Revision::R2_1, format: SampleFormat::Int8, ..WriteOptions::default() };
    let mut writer = SegyWriter::create(&path, samples, &options).unwrap();
    for trace in 0..3 {
        writer.write_trace(&label(1, trace), &vec![trace as f32; 70_000]).unwrap();
    }
    assert!(!path.exists());
    writer.finish().unwrap();
    let file = SegyFile::open(&path, &OpenOptions::default()).unwrap();
    assert_eq!((file.samples(), file.trace_count()), (samples, 3));
    assert_eq!(file.binary_header().unwrap().trace_count, 3);
    assert!(
        file.oddities().iter().all(|oddity| oddity.kind == OddityKind::Coordinates),
        "{:?}",
        file.oddities()
    );
}

#[test]
fn floats_of_the_other_kind_are_suspected() {
    for (format, lie) in [(SampleFormat::Ibm32, 5), (SampleFormat::Float32, 1)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lying.sgy");
        let samples = SampleAxis { count: 500, ..time_axis() };
        let options = WriteOptions { format, ..WriteOptions::default() };
        let mut writer = SegyWriter::create(&path, samples, &options).unwrap();
        for trace in 0..10 {
            let noise = |sample: i32| ((sample * 7919 + trace * 104_729) % 20_011) as f32 * 0.37 - 3000.0;
            writer.write_trace(&label(1, trace), &(0..500).map(noise).collect::<Vec<_>>()).unwrap();
        }
        writer.finish().unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        assert_eq!(told(&open(&bytes).unwrap(), "samples look like"), 0, "{format}");
        put_binary(&mut bytes, 3225, lie);
        assert_eq!(told(&open(&bytes).unwrap(), "samples look like"), 1, "{format} as {lie}");
    }
}

#[test]
fn an_unfinished_or_failed_file_leaves_the_old_one_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept.sgy");
    std::fs::write(&path, "old").unwrap();
    let options = WriteOptions { format: SampleFormat::Int16, ..WriteOptions::default() };
    let mut writer = SegyWriter::create(&path, time_axis(), &options).unwrap();
    let error = writer.write_trace(&label(1, 1), &[40_000.0; SAMPLES]).unwrap_err().to_string();
    assert!(error.contains("sample 0 of trace 0 is 40000"), "{error}");
    assert!(matches!(
        writer.write_trace(&label(1, 1), &[0.0; 3]),
        Err(SegyError::TraceLength { found: 3, .. })
    ));
    drop(writer);
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_text_file_is_called_one_whatever_its_name() {
    let json = "{\n  \"file\": \"f3.sgy\", \"größe\": 3\n},\n".repeat(200);
    let message = open(json.as_bytes()).unwrap_err().to_string();
    assert!(
        message.contains("looks like a text file") && message.contains("“{ \"file\": \"f3.sgy\""),
        "{message}"
    );
    assert!(!message.contains("sample format"), "{message}");
    let short = open(b"a few words").unwrap_err().to_string();
    assert!(short.contains("“a few words”"), "{short}");
    // A textual header in ASCII is followed by numbers.
    let options = WriteOptions { text_encoding: TextEncoding::Ascii, ..WriteOptions::default() };
    open(&file_of(&grid_labels(&[1, 2], &[1, 2, 3]), &options)).unwrap();
    assert!(matches!(open(b""), Err(SegyError::TooShort { .. })));
}
