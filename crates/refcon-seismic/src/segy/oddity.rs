//! What is odd about a file, in plain words.

use serde::{Deserialize, Serialize};

/// What an oddity is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OddityKind {
    /// The textual header or an extended one.
    TextHeader,
    /// The byte order.
    ByteOrder,
    /// The sample format.
    SampleFormat,
    /// Headers that disagree about the number of samples.
    SampleCount,
    /// Headers that disagree about the sample interval, or its unit.
    SampleInterval,
    /// Where the samples start.
    Delay,
    /// Bytes at the end that are no whole trace.
    Truncated,
    /// The number of traces, or where the first one starts.
    TraceCount,
    /// Coordinates, their scalar and units.
    Coordinates,
    /// Inline, crossline and CDP numbers.
    LineNumbers,
    /// Several traces of one bin.
    Duplicates,
    /// Bins without a trace.
    MissingTraces,
    /// Traces marked as dead.
    DeadTraces,
    /// Several offsets in each bin.
    Prestack,
    /// The saved index.
    Index,
}

/// Something about a file that breaks the rules or needed a decision, and what was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oddity {
    /// What it is about.
    pub kind: OddityKind,
    /// The sentence for people.
    pub text: String,
}

impl Oddity {
    pub(super) fn new(kind: OddityKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }
}

impl std::fmt::Display for Oddity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}
