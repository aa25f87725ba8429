//! How a SEG-Y file is to be understood, where its own headers are not to be trusted.

use super::{ByteOrder, HeaderField, SampleFormat, TextEncoding};
use crate::{Domain, Polarity};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What stands around the traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Container {
    /// SEG-Y: textual and binary file header first.
    SegY,
    /// Seismic Unix: traces only, samples as 4-byte IEEE floats.
    Su,
}

/// What to do with a file that holds several offsets of a bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Prestack {
    /// Sections are refused with [`SegyError::Prestack`](super::SegyError::Prestack).
    #[default]
    Refuse,
    /// Sections hold the mean of each bin's traces.
    Stack,
}

/// What the caller knows better than the file. Everything left out is read from the headers or detected.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct OpenOptions {
    /// SEG-Y or SU.
    pub container: Option<Container>,
    /// Byte order.
    pub byte_order: Option<ByteOrder>,
    /// Encoding of the textual headers.
    pub text_encoding: Option<TextEncoding>,
    /// Sample format.
    pub format: Option<SampleFormat>,
    /// Samples in a trace.
    pub sample_count: Option<usize>,
    /// Sample interval, ms or m (feet).
    pub sample_interval: Option<f64>,
    /// Time or depth; depth is in feet where the binary header says so.
    pub domain: Option<Domain>,
    /// Where the inline number is. With this or `crossline` given, the file is a 3-D volume; the other one defaults to
    /// its standard place.
    pub inline: Option<HeaderField>,
    /// Where the crossline number is.
    pub crossline: Option<HeaderField>,
    /// Where the number is that counts along a 2-D line (CDP, shot); with this given, the file is a 2-D line.
    pub trace_number: Option<HeaderField>,
    /// Where X is.
    pub x: Option<HeaderField>,
    /// Where Y is.
    pub y: Option<HeaderField>,
    /// What to do with several offsets of a bin.
    pub prestack: Prestack,
    /// Coordinate reference system; kept with the survey, not interpreted.
    pub epsg: Option<u32>,
    /// Polarity; kept with the survey, not applied.
    pub polarity: Option<Polarity>,
    /// Where the index of the trace headers is kept: read from there if it fits the file, else written there.
    #[serde(skip)]
    pub index: Option<PathBuf>,
}
