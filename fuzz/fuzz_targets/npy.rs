//! Whatever the bytes of a `.npy` file: opening and reading it neither panics nor takes much memory.
#![no_main]

use libfuzzer_sys::fuzz_target;
use refcon_fuzz::read_survey;
use refcon_seismic::{Survey, SurveyOptions};
use std::path::PathBuf;
use std::sync::LazyLock;
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a temporary folder"));
static ARRAY: LazyLock<PathBuf> = LazyLock::new(|| FOLDER.path().join("fuzzed.npy"));

fuzz_target!(|bytes: &[u8]| {
    std::fs::write(&*ARRAY, bytes).expect("a file in a temporary folder");
    match Survey::open(&ARRAY, &SurveyOptions::default()) {
        Ok(survey) => read_survey(&survey),
        Err(error) => assert!(error.to_string().contains("fuzzed")),
    }
});
