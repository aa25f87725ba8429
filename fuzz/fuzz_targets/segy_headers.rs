//! Whatever the bytes: opening them and asking for all that the headers say neither panics nor takes much memory.
#![no_main]

use libfuzzer_sys::fuzz_target;
use refcon_fuzz::{options, read_headers};
use refcon_seismic::segy::{OpenOptions, SegyFile};

fuzz_target!(|bytes: &[u8]| {
    for options in [OpenOptions::default(), options(bytes)] {
        match SegyFile::from_source("fuzzed", Box::new(bytes.to_vec()), &options) {
            Ok(file) => read_headers(&file),
            Err(error) => assert!(error.to_string().contains("fuzzed")),
        }
    }
});
