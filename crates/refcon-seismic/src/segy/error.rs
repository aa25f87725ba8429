//! What can go wrong with SEG-Y files.

use super::{HeaderField, SampleFormat};
use crate::Direction;
use std::io;
use std::path::PathBuf;

/// An error of reading or writing SEG-Y. Its message says what was being done, to which file, what was found, what was
/// expected, and what to try.
///
/// `name` is the file's path, or whatever the source was called.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SegyError {
    /// The file could not be opened.
    #[error("cannot open {name}: {source}")]
    Open {
        /// The file.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// Reading failed.
    #[error("cannot read {what} of {name}: {bytes} bytes at byte offset {offset}: {source}")]
    Read {
        /// The file.
        name: String,
        /// What was being read.
        what: &'static str,
        /// Where, counted from 0.
        offset: u64,
        /// How many bytes.
        bytes: usize,
        /// What the system said.
        source: io::Error,
    },
    /// The file is too short for what it must hold.
    #[error(
        "{name} is no SEG-Y file, or was cut off: {expected} bytes are needed for {what}, it has {found}; copy it again, or see \
         `refcon info --help` for the kinds of surveys that are read"
    )]
    TooShort {
        /// The file.
        name: String,
        /// What does not fit.
        what: &'static str,
        /// Bytes needed.
        expected: u64,
        /// Bytes there.
        found: u64,
    },
    /// The file is a text.
    #[error(
        "{name} looks like a text file, not like SEG-Y or SU: it starts with “{start}”; see `refcon info --help` for the \
         kinds of surveys that are read"
    )]
    Text {
        /// The file.
        name: String,
        /// Its first words.
        start: String,
    },
    /// The sample format code (bytes 3225–3226) means nothing that can be read.
    #[error(
        "{name}: sample format code at byte offset 3224 is {code}{meaning}; expected 1, 2, 3, 5 to 12, 15 or 16; \
         if the file is SEG-Y after all, give the sample format by hand (`--sample-format`); if it holds samples only, \
         give their shape (`--shape`)"
    )]
    SampleFormat {
        /// The file.
        name: String,
        /// The code, in the byte order chosen.
        code: u16,
        /// What is known about the code.
        meaning: &'static str,
    },
    /// The bytes are swapped in pairs, which is no byte order of SEG-Y.
    #[error(
        "{name}: the byte order mark at byte offset 3296 is {found:#010x}, bytes swapped in pairs; expected 0x01020304 \
         or 0x04030201; swap every pair of bytes of the file first (`dd conv=swab`)"
    )]
    SwappedPairs {
        /// The file.
        name: String,
        /// The mark.
        found: u32,
    },
    /// No header says how many samples a trace has.
    #[error(
        "{name}: no sample count: bytes 3221–3222 of the binary header and 115–116 of the first trace header are 0; \
         give the number of samples by hand (`--samples-per-trace`)"
    )]
    NoSampleCount {
        /// The file.
        name: String,
    },
    /// What was given by hand cannot be.
    #[error("cannot open {name}: the {what} given by hand is {found}; expected {expected}")]
    ByHand {
        /// The file.
        name: String,
        /// What was given.
        what: &'static str,
        /// Its value.
        found: String,
        /// What it can be.
        expected: &'static str,
    },
    /// A field given by hand has one value in all traces, and does not tell them apart.
    #[error(
        "cannot open {name}: the {direction} number was given by hand as the one at {field}, which is {value} in all traces; give \
         a field that tells {direction}s apart, or none, to have it found"
    )]
    NumbersNothing {
        /// The file.
        name: String,
        /// Which number it was to be.
        direction: Direction,
        /// The field.
        field: HeaderField,
        /// Its value.
        value: i32,
    },
    /// Traces have different lengths.
    #[error(
        "{name}: its traces have different lengths: trace {trace} (byte offset {offset}) has {found} samples, the first \
         one {expected}; refcon reads traces of one length only: pad them to one length first"
    )]
    VariableLength {
        /// The file.
        name: String,
        /// The first trace that differs, from 0.
        trace: u64,
        /// Where its header starts.
        offset: u64,
        /// Its samples.
        found: u32,
        /// Samples of the first trace.
        expected: u32,
    },
    /// A trace was asked for that the file does not have.
    #[error("{name} has no trace {trace}: it has {count}, counted from 0")]
    NoSuchTrace {
        /// The file.
        name: String,
        /// The trace asked for, from 0.
        trace: u64,
        /// Traces of the file.
        count: u64,
    },
    /// A line was asked for that the survey does not have.
    #[error("{name} has no {direction} {line}; {available}")]
    NoSuchLine {
        /// The file.
        name: String,
        /// Which way.
        direction: Direction,
        /// The number asked for.
        line: i32,
        /// What there is.
        available: String,
    },
    /// A sample was asked for that the traces do not have.
    #[error("{name} has no sample {sample}: its traces have {count}, counted from 0")]
    NoSuchSample {
        /// The file.
        name: String,
        /// The sample asked for, from 0.
        sample: usize,
        /// Samples of a trace.
        count: usize,
    },
    /// The survey is a 2-D line and was asked for something that only a volume has.
    #[error("{name} is a 2-D line and has no {what}; give the inline and crossline bytes if it is a volume")]
    NotAVolume {
        /// The file.
        name: String,
        /// What was asked for.
        what: &'static str,
    },
    /// The file holds several offsets of a bin.
    #[error(
        "{name} is pre-stack: {summary}; refcon works on stacked data: stack it first, or ask for the mean of each \
         bin's traces (`--stack`)"
    )]
    Prestack {
        /// The file.
        name: String,
        /// How many offsets, traces, bins.
        summary: String,
    },
    /// A buffer has another length than what is to be read into it.
    #[error("cannot read {what} of {name}: the buffer holds {found} samples, {expected} are needed")]
    BufferLength {
        /// The file.
        name: String,
        /// What was to be read.
        what: &'static str,
        /// Samples that fit.
        found: usize,
        /// Samples needed.
        expected: usize,
    },
    /// The result does not fit into memory.
    #[error("cannot read {what} of {name}: {samples} samples do not fit into memory")]
    TooLarge {
        /// The file.
        name: String,
        /// What was to be read.
        what: &'static str,
        /// How many samples it has.
        samples: u64,
    },
    /// The file could not be created, written or put in place.
    #[error("cannot write SEG-Y file {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A sample does not fit the chosen format.
    #[error(
        "cannot write {}: sample {sample} of trace {trace} is {value}, which format {format} cannot hold; \
         scale the amplitudes or choose format 5 (IEEE float)",
        path.display()
    )]
    SampleDoesNotFit {
        /// The file.
        path: PathBuf,
        /// Which trace, from 0.
        trace: u64,
        /// Which sample of it, from 0.
        sample: usize,
        /// Its value, as scaled for writing.
        value: f32,
        /// The format.
        format: SampleFormat,
    },
    /// A value does not fit its header field.
    #[error("cannot write {}: {what} of {value} does not fit its header field; {advice}", path.display())]
    HeaderDoesNotFit {
        /// The file.
        path: PathBuf,
        /// What the field holds.
        what: &'static str,
        /// The value.
        value: f64,
        /// What to try.
        advice: &'static str,
    },
    /// A trace to be written has another length than the file's traces.
    #[error("cannot write {}: trace {trace} has {found} samples, the file's traces have {expected}", path.display())]
    TraceLength {
        /// The file.
        path: PathBuf,
        /// Which trace, from 0.
        trace: u64,
        /// Samples given.
        found: usize,
        /// Samples of the file's traces.
        expected: usize,
    },
}
