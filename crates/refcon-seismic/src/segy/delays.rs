//! Delay recording times that differ from trace to trace: one axis of samples for the whole survey.
//!
//! Sections and slices need every trace on the same axis. It runs from the earliest first sample to the latest last one;
//! each trace is moved down by whole samples, and what it does not reach is zero.

use super::layout::Layout;
use super::oddity::{Oddity, OddityKind};
use super::trace_header::{HeaderField, TraceHeader};
use std::collections::HashMap;

/// The common axis may be so many times as long as a trace. Recordings that follow the sea floor need 2 or 3; one wrong
/// delay among millions must not make a survey of zeros.
const LONGEST_AXIS: usize = 4;
/// Trace identification code of a dead trace.
const DEAD: i32 = 2;

/// Consecutive traces of one delay, up to the next run's first.
#[derive(Debug, Clone, Copy, PartialEq)]
struct DelayRun {
    first_trace: u64,
    /// ms or m.
    delay: f64,
}

/// The delay recording times of consecutive traces.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct TraceDelays {
    runs: Vec<DelayRun>,
    /// What the first trace says that is not asked, in case there are no others.
    unasked: Option<f64>,
}

impl TraceDelays {
    /// Appends the trace after the last one. Dead traces and headers left empty say nothing: they go with their
    /// neighbours.
    pub(super) fn push(&mut self, trace: u64, header: &TraceHeader) {
        let delay = header.delay();
        let empty =
            header.get(HeaderField::SAMPLE_COUNT) == 0 && header.get(HeaderField::SAMPLE_INTERVAL) == 0;
        if empty || header.get(HeaderField::TRACE_KIND) == DEAD {
            self.unasked.get_or_insert(delay);
            return;
        }
        self.append_run(DelayRun { first_trace: trace, delay });
    }

    /// Appends the delays of traces that follow these.
    pub(super) fn append(&mut self, others: &Self) {
        for &run in &others.runs {
            self.append_run(run);
        }
        self.unasked = self.unasked.or(others.unasked);
    }

    fn append_run(&mut self, run: DelayRun) {
        if self.runs.last().is_none_or(|last| last.delay != run.delay) {
            self.runs.push(run);
        }
    }

    /// The delay of most of `traces` traces (the earliest of several), and how many have another.
    fn usual(&self, traces: u64) -> (f64, u64) {
        let mut counts: HashMap<u64, u64> = HashMap::new();
        let ends = self.runs.iter().skip(1).map(|run| run.first_trace).chain([traces]);
        for (run, end) in self.runs.iter().zip(ends) {
            *counts.entry(run.delay.to_bits()).or_default() += end - run.first_trace;
        }
        let first = self.runs.first().map_or(0, |run| run.first_trace);
        let usual = counts
            .into_iter()
            .map(|(delay, times)| (f64::from_bits(delay), times))
            .max_by(|(a, times), (b, others)| times.cmp(others).then(b.total_cmp(a)));
        usual.map_or((self.unasked.unwrap_or(0.0), 0), |(delay, times)| (delay, traces - first - times))
    }

    /// The common axis of `traces` traces: the position of its first sample, and how traces are moved onto it, where
    /// they are.
    pub(super) fn common_axis(
        &self,
        layout: &Layout,
        oddities: &mut Vec<Oddity>,
    ) -> (f64, Option<TraceShifts>) {
        let (usual, others) = self.usual(layout.trace_count);
        if others == 0 {
            return (usual, None);
        }
        let mut odd = |text| oddities.push(Oddity::new(OddityKind::Delay, text));
        let unit = layout.domain.unit();
        let range = self.runs.iter().map(|run| run.delay);
        let (earliest, latest) = range.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), delay| {
            (least.min(delay), most.max(delay))
        });
        let shift = |delay: f64| (delay - earliest) / layout.interval;
        let longest = most_added(layout.sample_count) as f64;
        if shift(latest).round() > longest {
            odd(format!(
                "The delay recording time is {usual} {unit} for most traces, but different for {others} ({earliest} to \
                 {latest} {unit}); one axis for all would be more than {LONGEST_AXIS} times as long as a trace, so these \
                 are not shifted."
            ));
            return (usual, None);
        }
        let rounding = self.runs.iter().map(|run| (shift(run.delay) - shift(run.delay).round()).abs());
        let rounding = rounding.fold(0.0, f64::max) * layout.interval;
        let added = shift(latest).round() as usize;
        if added == 0 {
            odd(format!(
                "The delay recording time is {usual} {unit} for most traces; {others} differ by less than half a sample \
                 ({earliest} to {latest} {unit}) and are not shifted."
            ));
            return (usual, None);
        }
        let (own, all) = (layout.sample_count, layout.sample_count + added);
        odd(format!(
            "The delay recording time differs from trace to trace ({earliest} to {latest} {unit}): sections and slices \
             have one axis of {all} samples from {earliest} {unit} on, zeros where a trace of {own} samples does not \
             reach; shifts are rounded to whole samples, by {rounding:.3} {unit} at most."
        ));
        let mut runs: Vec<ShiftRun> = Vec::new();
        for run in &self.runs {
            let samples = shift(run.delay).round() as u32;
            if runs.last().is_none_or(|last| last.samples != samples) {
                // What comes before the first run goes with it.
                let first_trace = if runs.is_empty() { 0 } else { run.first_trace };
                runs.push(ShiftRun { first_trace, samples });
            }
        }
        (earliest, Some(TraceShifts { runs, added }))
    }
}

/// Consecutive traces that are moved alike, up to the next run's first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ShiftRun {
    pub first_trace: u64,
    pub samples: u32,
}

/// The most samples that the common axis of traces of `sample_count` samples has beyond those.
fn most_added(sample_count: usize) -> usize {
    (LONGEST_AXIS - 1).saturating_mul(sample_count).min(u32::MAX as usize)
}

/// By how many samples each trace is moved down on the common axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TraceShifts {
    runs: Vec<ShiftRun>,
    /// Samples of the common axis beyond those of a trace.
    added: usize,
}

impl TraceShifts {
    /// Takes runs that were saved; `None` where they are none of `traces` traces of so many samples.
    pub(super) fn from_runs(runs: Vec<ShiftRun>, traces: u64, sample_count: usize) -> Option<Self> {
        let rising = runs.windows(2).all(|pair| pair[0].first_trace < pair[1].first_trace);
        let (first, last) = runs.first().zip(runs.last())?;
        let added = runs.iter().map(|run| run.samples as usize).max()?;
        let possible = added > 0 && added <= most_added(sample_count);
        (rising && first.first_trace == 0 && last.first_trace < traces && possible)
            .then_some(Self { runs, added })
    }

    /// The runs, in file order; the first starts with the first trace.
    pub(super) fn runs(&self) -> &[ShiftRun] {
        &self.runs
    }

    /// Samples of the common axis beyond those of a trace.
    pub(super) fn added(&self) -> usize {
        self.added
    }

    /// By how many samples `trace` is moved down, and the first trace after it that may be moved otherwise.
    pub(super) fn of(&self, trace: u64) -> (usize, u64) {
        let next = self.runs.partition_point(|run| run.first_trace <= trace);
        let samples = next.checked_sub(1).map_or(0, |place| self.runs[place].samples as usize);
        (samples, self.runs.get(next).map_or(u64::MAX, |run| run.first_trace))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shifts(runs: &[(u64, u32)]) -> Vec<ShiftRun> {
        runs.iter().map(|&(first_trace, samples)| ShiftRun { first_trace, samples }).collect()
    }

    #[test]
    fn a_trace_is_moved_as_its_run_says() {
        let found = TraceShifts::from_runs(shifts(&[(0, 3), (5, 0), (6, 9)]), 8, 10).unwrap();
        let of: Vec<usize> = (0..8).map(|trace| found.of(trace).0).collect();
        assert_eq!(of, [3, 3, 3, 3, 3, 0, 9, 9]);
        assert_eq!((found.of(2).1, found.of(5).1, found.of(7).1, found.added()), (5, 6, u64::MAX, 9));
    }

    #[test]
    fn damaged_runs_are_none() {
        for (runs, why) in [
            (vec![], "no run"),
            (vec![(1, 3)], "nothing for trace 0"),
            (vec![(0, 3), (0, 4)], "not rising"),
            (vec![(0, 3), (8, 4)], "past the last trace"),
            (vec![(0, 0)], "no shift at all"),
            (vec![(0, 31)], "longer than an axis may be"),
        ] {
            assert_eq!(TraceShifts::from_runs(shifts(&runs), 8, 10), None, "{why}");
        }
    }
}
