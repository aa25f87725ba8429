//! Writes the seeds of the corpora, `fuzz/corpus/<target>/`, from what the tests of the readers write:
//! `cargo run --manifest-path fuzz/Cargo.toml --example seeds`.

#[path = "../../crates/refcon-seismic/tests/segy/fixtures.rs"]
#[allow(dead_code, clippy::unwrap_used)]
mod fixtures;

use fixtures::{FILE_HEADER, file_of, grid, grid_labels, label, put, put_binary, put_short};
use refcon_fuzz::write_indexed_survey;
use refcon_seismic::segy::{
    ByteOrder, OpenOptions, Revision, SampleFormat, SegyFile, TextEncoding, TextHeader, TraceLabel,
    WriteOptions,
};
use std::path::{Path, PathBuf};

fn main() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for target in ["segy_headers", "segy_traces"] {
        for (name, bytes) in segy_files() {
            write(&corpus, target, &name, &bytes)?;
        }
    }
    for (name, bytes) in arrays() {
        write(&corpus, "npy", name, &bytes)?;
    }
    let folder = tempfile::tempdir()?;
    let (survey, index) = (folder.path().join("survey.sgy"), folder.path().join("survey.index"));
    write_indexed_survey(&survey)?;
    let options = OpenOptions { index: Some(index.clone()), ..OpenOptions::default() };
    SegyFile::open(&survey, &options).map_err(std::io::Error::other)?;
    // Without its checksum: the target adds the right one.
    let saved = std::fs::read(index)?;
    write(&corpus, "segy_index", "saved", &saved[..saved.len().saturating_sub(8)])
}

fn write(corpus: &Path, target: &str, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let path: PathBuf = corpus.join(target);
    std::fs::create_dir_all(&path)?;
    std::fs::write(path.join(name), bytes)
}

/// Small files of every format, order and revision, and one of each oddity.
fn segy_files() -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let labels: Vec<TraceLabel> = grid_labels(&[10, 11, 12], &[7, 6, 5, 4])
        .into_iter()
        .map(|label| TraceLabel {
            position: grid().position(label.inline as usize, label.crossline as usize),
            ..label
        })
        .collect();
    for format in SampleFormat::ALL {
        for (byte_order, revision) in [(ByteOrder::Big, Revision::R1), (ByteOrder::Little, Revision::R2_1)] {
            let amplitude_scale = if format.integer_range().is_some() { 1.0 / 1024.0 } else { 1.0 };
            let options =
                WriteOptions { format, byte_order, revision, amplitude_scale, ..WriteOptions::default() };
            files.push((format!("format-{}-{byte_order}", format.code()), file_of(&labels, &options)));
        }
    }
    let plain = file_of(&labels, &WriteOptions::default());
    let mut add = |name: &str, bytes: Vec<u8>| files.push((name.to_owned(), bytes));
    add("su", plain[FILE_HEADER..].to_vec());
    add("truncated", plain[..plain.len() - 17].to_vec());
    let extension =
        WriteOptions { revision: Revision::R2_1, trace_header_extension: true, ..WriteOptions::default() };
    add("extension", file_of(&labels, &extension));
    let ascii = WriteOptions {
        text_encoding: TextEncoding::Ascii,
        revision: Revision::R0,
        ..WriteOptions::default()
    };
    add("ascii", file_of(&labels, &ascii));
    for (name, count) in [("texts-counted", 2), ("texts-to-end-stanza", -1)] {
        let mut bytes = plain.clone();
        put_binary(&mut bytes, 3505, count);
        let texts = ["((SEG: Layout ver 1.0))", "((SEG: EndText))"];
        let texts =
            texts.iter().flat_map(|line| TextHeader::encode(&[(*line).to_owned()], TextEncoding::Ebcdic));
        bytes.splice(FILE_HEADER..FILE_HEADER, texts);
        add(name, bytes);
    }
    let gathers: Vec<TraceLabel> =
        labels.iter().flat_map(|bin| [100, 200].map(|offset| TraceLabel { offset, ..*bin })).collect();
    add("gathers", file_of(&gathers, &WriteOptions::default()));
    let line: Vec<TraceLabel> = (0..9).map(|trace| TraceLabel { cdp: 40 + trace, ..label(0, 0) }).collect();
    add("line", file_of(&line, &WriteOptions::default()));
    let mut holes = labels.clone();
    holes.remove(5);
    holes.swap(1, 8);
    add("holes", file_of(&holes, &WriteOptions::default()));
    let mut delays = plain.clone();
    for trace in 0..12 {
        put_short(&mut delays, trace, 109, 100 + 8 * trace as i16);
    }
    add("delays", delays);
    let mut counts = plain.clone();
    put_binary(&mut counts, 3221, 19);
    put_short(&mut counts, 3, 117, 2000);
    put(&mut counts, 4, 181, i32::MAX);
    add("disagreeing", counts);
    files
}

/// Arrays of three types and shapes, as NumPy writes them.
fn arrays() -> Vec<(&'static str, Vec<u8>)> {
    let array = |description: &str, bytes: usize| {
        let mut header = format!("{{{description}}}");
        while (header.len() + 11) % 64 != 0 {
            header.push(' ');
        }
        header.push('\n');
        let length = (header.len() as u16).to_le_bytes();
        [b"\x93NUMPY\x01\x00".as_slice(), &length, header.as_bytes(), &vec![0x3f; bytes]].concat()
    };
    vec![
        ("volume-f4", array("'descr': '<f4', 'fortran_order': False, 'shape': (3, 4, 5), ", 240)),
        ("section-i2", array("'descr': '>i2', 'fortran_order': True, 'shape': (6, 7), ", 84)),
        ("volume-f8", array("'descr': '<f8', 'fortran_order': False, 'shape': (2, 2, 3), ", 96)),
        ("section-u1", array("'descr': '|u1', 'fortran_order': False, 'shape': (9, 3), ", 27)),
    ]
}
