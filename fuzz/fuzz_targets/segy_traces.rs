//! Whatever the bytes: every trace, section and time slice of a file that opens can be asked for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use refcon_fuzz::{options, read_headers, read_traces};
use refcon_seismic::segy::{OpenOptions, Prestack, SegyFile};

fuzz_target!(|bytes: &[u8]| {
    let stacked = OpenOptions { prestack: Prestack::Stack, ..OpenOptions::default() };
    for options in [stacked, options(bytes)] {
        if let Ok(file) = SegyFile::from_source("fuzzed", Box::new(bytes.to_vec()), &options) {
            read_headers(&file);
            read_traces(&file);
        }
    }
});
