//! Whatever a saved index holds: the survey opens, and reading it neither panics nor takes much memory.
//!
//! The checksum at the end of an index finds damage, not malice; this target gives every input the right one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use refcon_fuzz::{read_headers, read_traces, write_indexed_survey};
use refcon_seismic::segy::{OpenOptions, SegyFile};
use std::path::PathBuf;
use std::sync::LazyLock;
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a temporary folder"));
static SURVEY: LazyLock<PathBuf> = LazyLock::new(|| {
    let path = FOLDER.path().join("survey.sgy");
    write_indexed_survey(&path).expect("a file in a temporary folder");
    path
});

fn with_checksum(content: &[u8]) -> Vec<u8> {
    let sum = content
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    [content, &sum.to_le_bytes()].concat()
}

fuzz_target!(|content: &[u8]| {
    let index = FOLDER.path().join("survey.index");
    std::fs::write(&index, with_checksum(content)).expect("a file in a temporary folder");
    let options = OpenOptions { index: Some(index), ..OpenOptions::default() };
    let file = SegyFile::open(&SURVEY, &options).expect("whatever the index, the survey is sound");
    read_headers(&file);
    read_traces(&file);
});
