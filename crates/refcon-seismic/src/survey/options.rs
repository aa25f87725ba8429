//! How a survey is to be understood.

use crate::segy::{ByteOrder, OpenOptions, SampleFormat};
use crate::{BinGrid, Domain, Polarity};
use serde::{Deserialize, Serialize};

/// What the caller knows about a survey that its file does not say.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SurveyOptions {
    /// For SEG-Y and SU files.
    pub segy: OpenOptions,
    /// For arrays (`.npy` and raw), which know nothing of lines and samples.
    pub axes: ArrayAxes,
    /// With this given, the file is an array without any header.
    pub raw: Option<RawArray>,
    /// Coordinate reference system, for a file of any kind; kept with the survey, not interpreted.
    pub epsg: Option<u32>,
    /// Polarity, for a file of any kind; kept with the survey, not applied.
    pub polarity: Option<Polarity>,
}

/// The numbers along the axes of an array.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ArrayAxes {
    /// Time or depth.
    pub domain: Domain,
    /// Position of the first sample, in [`Domain::unit`].
    pub first_sample: f64,
    /// Sample interval, in [`Domain::unit`]; above 0.
    pub sample_interval: f64,
    /// Number of the first inline; of a section, the number of its only line.
    pub first_inline: i32,
    /// What to add from one inline to the next; not 0.
    pub inline_step: i32,
    /// Number of the first crossline; of a section, of its first trace.
    pub first_crossline: i32,
    /// What to add from one crossline (or trace of a section) to the next; not 0.
    pub crossline_step: i32,
    /// Where the bins of a volume lie on the map.
    pub grid: Option<BinGrid>,
}

/// Lines and samples are counted from 0: the "interval" is then one sample, called 1 ms.
impl Default for ArrayAxes {
    fn default() -> Self {
        Self {
            domain: Domain::Time,
            first_sample: 0.0,
            sample_interval: 1.0,
            first_inline: 0,
            inline_step: 1,
            first_crossline: 0,
            crossline_step: 1,
            grid: None,
        }
    }
}

/// A file of nothing but samples, the last axis fastest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawArray {
    /// Its shape.
    pub shape: ArrayShape,
    /// How a sample is stored.
    pub format: SampleFormat,
    /// Byte order of a sample.
    pub byte_order: ByteOrder,
    /// Bytes before the first sample.
    pub offset: u64,
}

/// The shape of an array of amplitudes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ArrayShape {
    /// `[inline, crossline, sample]`.
    Volume([usize; 3]),
    /// `[sample, trace]`.
    Section([usize; 2]),
}

impl ArrayShape {
    /// The length of each axis, slowest first.
    #[must_use]
    pub fn lengths(&self) -> &[usize] {
        match self {
            Self::Volume(lengths) => lengths,
            Self::Section(lengths) => lengths,
        }
    }

    /// Samples of a trace.
    #[must_use]
    pub fn samples(&self) -> usize {
        match *self {
            Self::Volume([_, _, samples]) | Self::Section([samples, _]) => samples,
        }
    }
}
