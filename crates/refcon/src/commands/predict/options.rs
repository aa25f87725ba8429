//! How embeddings are compared, how sure to be of a match, and how many there are: as the command line says it.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;
use std::str::FromStr;

/// The `--metric` of the command line.
#[derive(Debug, Clone, Copy, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Metric {
    /// 1 − cosine of the angle
    Cosine,
    /// Euclidean distance
    L2,
}

/// The `--confidence` of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Confidence {
    /// The challenge's: compares the matches of one query with each other; the nearest always has 1
    Challenge,
    /// The probability that a match is of the query's class
    Calibrated,
}

impl From<Metric> for refcon_library::Metric {
    fn from(metric: Metric) -> Self {
        match metric {
            Metric::Cosine => Self::Cosine,
            Metric::L2 => Self::L2,
        }
    }
}

/// The `-k` of the command line.
#[derive(Debug, Clone, Copy)]
pub(crate) enum MatchCount {
    All,
    Count(NonZeroUsize),
}

impl FromStr for MatchCount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            _ => {
                text.parse().map(Self::Count).map_err(|_| "expected a number of at least 1, or `all`".into())
            }
        }
    }
}

impl Confidence {
    /// What a report says of it.
    pub(super) fn explained(self) -> &'static str {
        match self {
            Self::Challenge => {
                "Confidence compares the matches of one query with each other: the nearest always has 1, and the others depend \
                 on how many matches were asked for. Distance compares across queries: 0 is the same picture."
            }
            Self::Calibrated => {
                "Confidence is the probability that a match is of the query's class, calibrated on labelled tiles. Distance \
                 compares across queries: 0 is the same picture."
            }
        }
    }
}

impl Metric {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cosine => "1 − cosine",
            Self::L2 => "Euclidean, of unit vectors",
        }
    }
}
