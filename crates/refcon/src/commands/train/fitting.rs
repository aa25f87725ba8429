//! What all trainings share: the loop with its dashboard or its lines, how it ended, the page.

use super::failure;
use crate::commands::runs::draw;
use crate::commands::score::counted;
use crate::dashboard::{Dashboard, Standing};
use crate::failure::Failure;
use crate::interruption::stop_on_interrupt;
use crate::output::Output;
use refcon_training::fit::checkpoint::{Exact, Progress};
use refcon_training::fit::{Ending, Event, Plan, Task, fit};
use refcon_training::runs::{Facts, Run, RunState, read_records};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// How a training went, for `--json`.
#[derive(Debug, Serialize)]
pub(in crate::commands) struct Trained {
    run: PathBuf,
    pub(in crate::commands) ending: &'static str,
    pub(in crate::commands) encoder: Option<PathBuf>,
    report: Option<PathBuf>,
    measure: String,
    pub(in crate::commands) best: Option<f64>,
    best_step: u64,
    epochs: u64,
    steps: u64,
    seconds: f64,
    /// The command that goes on with it.
    #[serde(skip)]
    goes_on: String,
}

/// Trains, notes in the run how it ended, and draws its page.
pub(in crate::commands) fn fitted<T: Task>(
    task: &mut T,
    network: T::Network,
    plan: Plan,
    run: &mut Run,
    facts: &mut Facts,
    began: Instant,
    output: &Output,
) -> Result<Trained, Failure> {
    let stop = stop_on_interrupt()?;
    let dashboard = dashboard(run, facts, &plan, &stop, output);
    let done = fit(task, network, &plan, run, &stop, &mut |event: &Event| match &dashboard {
        Some(dashboard) => dashboard.tell(event),
        None => say(event, output),
    });
    drop(dashboard);
    let noted = run.write_ending(facts, &done);
    let (ending, progress) = done.map_err(failure)?;
    noted.map_err(failure)?;
    let goes_on = format!("`{} --resume {}`", facts.method.command(), run.folder().display());
    let trained = Trained::new(run, ending, &progress, plan.measure, began.elapsed(), goes_on);
    let report = (facts.state == RunState::Finished && run.has_report()).then(|| draw(run.folder(), output));
    let report = report.transpose().unwrap_or_else(|failure| {
        // The encoder is there all the same.
        tracing::warn!("the run has no page: {failure}");
        None
    });
    Ok(Trained { report, ..trained })
}

/// The dashboard, where a terminal can have one.
fn dashboard(
    run: &Run,
    facts: &Facts,
    plan: &Plan,
    stop: &Arc<AtomicBool>,
    output: &Output,
) -> Option<Dashboard> {
    if !output.live() {
        return None;
    }
    // A new run has no numbers yet.
    let records = read_records(&run.metrics()).unwrap_or_default();
    let about = format!(
        "{} of {}, {} numbers, {} on {}",
        facts.method, facts.encoder[0], facts.parameters, facts.precision, facts.device
    );
    let folder = run.folder().display().to_string();
    let standing = Standing::new(folder, about, plan.decisive(), &records, Instant::now());
    Dashboard::open(standing, Arc::clone(stop))
        .inspect_err(|error| tracing::warn!("no dashboard: {error}"))
        .ok()
}

/// A line an epoch, and what the task has to say.
fn say(event: &Event, output: &Output) {
    match (event, event.line()) {
        (_, None) => {}
        (Event::Message(_), Some(line)) => tracing::warn!("{line}"),
        (_, Some(line)) => output.step(&line),
    }
}

impl Trained {
    fn new(
        run: &Run,
        ending: Ending,
        progress: &Progress,
        measure: String,
        took: Duration,
        goes_on: String,
    ) -> Self {
        Self {
            run: run.folder().into(),
            ending: match ending {
                Ending::Finished => "finished",
                Ending::NoImprovement => "no_improvement",
                Ending::Interrupted => "interrupted",
            },
            encoder: Some(run.best_encoder()).filter(|folder| folder.exists()),
            report: None,
            measure,
            best: progress.best.map(|Exact(best)| best),
            best_step: progress.best_step,
            epochs: progress.epoch,
            steps: progress.step,
            seconds: took.as_secs_f64(),
            goes_on,
        }
    }

    /// Prints it.
    pub(in crate::commands) fn tell(&self, output: &Output) -> Result<(), Failure> {
        output.result(&self.text(&self.goes_on), self)
    }

    /// How it went, and what goes on with one that was stopped.
    pub(in crate::commands) fn text(&self, goes_on: &str) -> String {
        let ending = match self.ending {
            "finished" => "done",
            "interrupted" => "stopped",
            _ => "ended early, the validation got no better",
        };
        let mut lines = vec![format!(
            "{ending}: {}, {} in {:.1} s; run {}",
            counted(self.epochs as usize, "epoch", "epochs"),
            counted(self.steps as usize, "step", "steps"),
            self.seconds,
            self.run.display()
        )];
        if self.ending == "interrupted" {
            lines.push(format!("{goes_on} goes on"));
        }
        if let Some(best) = self.best {
            lines.push(format!("best {} {best:.4} at step {}", self.measure, self.best_step));
        }
        if let Some(encoder) = &self.encoder {
            lines.push(format!("encoder: {} (for --encoder)", encoder.display()));
        }
        if let Some(report) = &self.report {
            lines.push(format!("page: {}", report.display()));
        }
        lines.join("\n")
    }
}
