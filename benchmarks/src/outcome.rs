//! What a comparison found: a line a work, for people and for programs.

use serde::Serialize;
use std::io::{self, Write};

/// Whether more or less of a value is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Better {
    Higher,
    Lower,
}

/// One work of refcon beside its peer; serialised as it is, an object a line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Outcome {
    pub work: String,
    pub value: f64,
    pub unit: &'static str,
    pub better: Better,
    /// Who was compared with; empty where a work has no peer.
    pub peer: String,
    /// `None` where the peer could not run.
    pub peer_value: Option<f64>,
    /// Above 1 where refcon is ahead.
    pub ratio: Option<f64>,
    /// Share of what the machine could do at most; `None` where no limit applies.
    pub limit_share: Option<f64>,
}

impl Outcome {
    /// The outcome of two values; the ratio follows from them.
    pub(crate) fn new(
        work: impl Into<String>,
        (value, unit, better): (f64, &'static str, Better),
        peer: impl Into<String>,
        peer_value: Option<f64>,
    ) -> Self {
        let ratio = peer_value.map(|peer_value| match better {
            Better::Higher => value / peer_value,
            Better::Lower => peer_value / value,
        });
        Self {
            work: work.into(),
            value,
            unit,
            better,
            peer: peer.into(),
            peer_value,
            ratio,
            limit_share: None,
        }
    }
}

/// Where outcomes go, each as soon as it is known: it may be minutes to the next.
#[derive(Debug)]
pub(crate) struct Report {
    json: bool,
    headed: bool,
}

impl Report {
    /// A report as a table, or as JSON.
    pub(crate) fn new(json: bool) -> Self {
        Self { json, headed: false }
    }

    /// Says something about the measurement; beside the JSON, not in it.
    pub(crate) fn note(&self, text: &str) {
        if self.json {
            eprintln!("{text}");
        } else {
            println!("{text}");
        }
    }

    /// Writes an outcome.
    ///
    /// # Errors
    /// Standard output is closed.
    pub(crate) fn add(&mut self, outcome: &Outcome) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.json {
            serde_json::to_writer(&mut out, outcome)?;
            return writeln!(out);
        }
        if !self.headed {
            writeln!(
                out,
                "{:<44} {:>12} {:>12} {:<8} {:>7} {:>6}  peer",
                "work", "refcon", "peer", "", "ratio", "limit"
            )?;
            self.headed = true;
        }
        writeln!(
            out,
            "{:<44} {:>12} {:>12} {:<8} {:>7} {:>6}  {}",
            outcome.work,
            figure(outcome.value),
            outcome.peer_value.map_or("–".into(), figure),
            outcome.unit,
            outcome.ratio.map_or("–".into(), |ratio| format!("{ratio:.2}×")),
            outcome.limit_share.map_or("–".into(), |share| format!("{:.0} %", 100.0 * share)),
            outcome.peer,
        )
    }
}

/// A value with three or four significant figures.
fn figure(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        0.01.. => format!("{value:.4}"),
        _ => format!("{value:.2e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_above_1_means_that_refcon_is_ahead() {
        assert_eq!(Outcome::new("a", (2.0, "s", Better::Lower), "peer", Some(6.0)).ratio, Some(3.0));
        assert_eq!(Outcome::new("a", (6.0, "GB/s", Better::Higher), "peer", Some(2.0)).ratio, Some(3.0));
    }

    #[test]
    fn the_json_object_has_the_promised_keys_also_without_a_peer() {
        let outcome = Outcome::new("a", (0.5, "s", Better::Lower), "segyio", None);
        assert_eq!(
            serde_json::to_string(&outcome).unwrap(),
            r#"{"work":"a","value":0.5,"unit":"s","better":"lower","peer":"segyio","peer_value":null,"ratio":null,"limit_share":null}"#
        );
    }
}
