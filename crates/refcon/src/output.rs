//! What a command says: lines for people or one JSON object, progress on a terminal.

use crate::dashboard;
use crate::failure::Failure;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::io::{self, Write};
use std::time::Duration;

/// How the user wants to be told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) plain: bool,
}

impl Output {
    /// Prints the result: `text` for people, or `result` as JSON.
    pub(crate) fn result(&self, text: &str, result: &impl Serialize) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        let printed = if self.json {
            serde_json::to_writer_pretty(&mut out, result)
                .map_err(io::Error::from)
                .and_then(|()| writeln!(out))
        } else if self.quiet || text.is_empty() {
            Ok(())
        } else {
            writeln!(out, "{}", text.trim_end())
        };
        match printed.and_then(|()| out.flush()) {
            // The reader has seen enough, as with `refcon … | head`.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => {
                other.map_err(|error| Failure::output(format!("cannot write to standard output: {error}")))
            }
        }
    }

    /// A bar on standard error; nothing where that is no terminal.
    pub(crate) fn progress(&self, what: &'static str, total: usize) -> ProgressBar {
        if self.quiet || self.plain {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(total as u64).with_message(what);
        if let Ok(style) =
            ProgressStyle::with_template("{msg:<22} {bar:32} {pos}/{len}  {per_sec}  {eta} left")
        {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }

    /// Whether a dashboard may take the terminal.
    pub(crate) fn live(&self) -> bool {
        !self.json && !self.quiet && !self.plain && dashboard::possible()
    }

    /// A line about a step that is under way, on standard error, where progress is wanted.
    pub(crate) fn step(&self, what: &str) {
        if !self.quiet && !self.json {
            eprintln!("{what}");
        }
    }
}
