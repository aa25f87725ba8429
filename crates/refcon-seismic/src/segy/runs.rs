//! The line numbers of all traces, in file order, as arithmetic runs.
//!
//! A regular file has one run a line; a file in no order at all has one run for every second trace, 16 bytes a trace.

/// `count` consecutive traces whose line numbers rise by constant steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// The first trace.
    pub first_trace: u64,
    /// How many traces.
    pub count: u32,
    /// Line numbers of the first trace: inline and crossline.
    pub start: [i32; 2],
    /// What each trace adds to them.
    pub step: [i32; 2],
}

impl Run {
    /// The line numbers of its `index`-th trace.
    pub(super) fn numbers(&self, index: u32) -> [i32; 2] {
        [0, 1].map(|axis| nth(self.start[axis], self.step[axis], index))
    }

    /// The index of the first trace numbered `[0, 0]`.
    fn zero(&self) -> Option<u32> {
        let mut zero = None;
        self.on_line(0, 0, |trace, other| {
            if other == 0 && zero.is_none() {
                zero = u32::try_from(trace - self.first_trace).ok();
            }
        });
        zero
    }

    /// Calls `found(trace, number on the other axis)` for each trace whose number on `axis` is `line`.
    fn on_line(&self, axis: usize, line: i32, mut found: impl FnMut(u64, i32)) {
        let offset = i64::from(line) - i64::from(self.start[axis]);
        let step = i64::from(self.step[axis]);
        if step == 0 {
            if offset == 0 {
                for index in 0..self.count {
                    found(self.first_trace + u64::from(index), self.numbers(index)[1 - axis]);
                }
            }
        } else if offset % step == 0
            && let Ok(index) = u32::try_from(offset / step)
            && index < self.count
        {
            found(self.first_trace + u64::from(index), self.numbers(index)[1 - axis]);
        }
    }
}

/// The `index`-th number of a progression. Runs are built from numbers of 32 bits, so this cannot overflow; damaged
/// runs could make it, hence the wrapping.
fn nth(start: i32, step: i32, index: u32) -> i32 {
    start.wrapping_add(step.wrapping_mul(index.cast_signed()))
}

/// The line numbers of consecutive traces, from some first trace on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct TraceRuns {
    runs: Vec<Run>,
}

impl TraceRuns {
    /// The runs, in file order; together they cover every trace once.
    pub(super) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Takes runs that were saved; `None` where they do not cover `traces` traces one after the other.
    pub(super) fn from_runs(runs: Vec<Run>, traces: u64) -> Option<Self> {
        let mut next = 0_u64;
        for run in &runs {
            if run.first_trace != next || run.count == 0 {
                return None;
            }
            next = next.checked_add(u64::from(run.count))?;
        }
        (next == traces).then_some(Self { runs })
    }

    /// Appends the trace after the last one.
    pub(super) fn push(&mut self, trace: u64, numbers: [i32; 2]) {
        let single = Run { first_trace: trace, count: 1, start: numbers, step: [0; 2] };
        self.append_run(single);
    }

    /// Appends runs that follow these.
    pub(super) fn append(&mut self, others: &Self) {
        for &run in &others.runs {
            self.append_run(run);
        }
    }

    fn append_run(&mut self, run: Run) {
        if let Some(last) = self.runs.last_mut() {
            let step = if last.count == 1 {
                // Two points always make a run, unless their distance does not fit.
                match (run.start[0].checked_sub(last.start[0]), run.start[1].checked_sub(last.start[1])) {
                    (Some(a), Some(b)) => Some([a, b]),
                    _ => None,
                }
            } else {
                (last.numbers(last.count) == run.start && continues(last)).then_some(last.step)
            };
            if let Some(step) = step
                && (run.count == 1 || run.step == step)
                && let Some(count) = last.count.checked_add(run.count)
            {
                last.step = step;
                last.count = count;
                return;
            }
        }
        self.runs.push(run);
    }

    /// Calls `found(trace, number on the other axis)` for each trace on the line called `line` of `axis` (0 inline,
    /// 1 crossline), in file order.
    pub(super) fn on_line(&self, axis: usize, line: i32, mut found: impl FnMut(u64, i32)) {
        for run in &self.runs {
            run.on_line(axis, line, &mut found);
        }
    }

    /// The line numbers of `trace`, or `None` past the end.
    pub(super) fn numbers(&self, trace: u64) -> Option<[i32; 2]> {
        let place = self.runs.partition_point(|run| run.first_trace <= trace).checked_sub(1)?;
        let run = &self.runs[place];
        let index = u32::try_from(trace - run.first_trace).ok()?;
        (index < run.count).then(|| run.numbers(index))
    }

    /// The first trace with these numbers.
    pub(super) fn first_numbered(&self, [inline, crossline]: [i32; 2]) -> Option<u64> {
        self.runs.iter().find_map(|run| {
            let mut first = None;
            run.on_line(1, crossline, |trace, other| {
                if other == inline && first.is_none() {
                    first = Some(trace);
                }
            });
            first
        })
    }

    /// Whether some but not all traces have the numbers `[0, 0]`, and none of the others is on either line 0: then
    /// those are traces without numbers.
    pub(super) fn zeros_mean_nothing(&self) -> bool {
        let (mut found, mut numbered) = (false, false);
        for run in &self.runs {
            let zero = run.zero();
            found |= zero.is_some();
            numbered |= zero.is_none() || (run.step != [0; 2] && run.count > 1);
            for axis in [0, 1] {
                let mut others = false;
                run.on_line(axis, 0, |trace, _| {
                    let index = trace - run.first_trace;
                    let all = run.step == [0; 2] && zero.is_some();
                    others |= !all && zero.is_none_or(|zero| u64::from(zero) != index);
                });
                if others {
                    return false;
                }
            }
        }
        found && numbered
    }

    /// The different numbers on `axis`, rising; without those of traces numbered `[0, 0]` where these mean nothing.
    pub(super) fn distinct(&self, axis: usize, zeros_mean_nothing: bool) -> Vec<i32> {
        // Most runs of a regular file repeat the same numbers: expand each progression once.
        let mut progressions: Vec<(i32, i32, u32)> = Vec::new();
        for run in &self.runs {
            let (start, step) = (run.start[axis], run.step[axis]);
            match run.zero().filter(|_| zeros_mean_nothing) {
                // No other trace of the file is on line 0, so what stands still here is all zeros.
                Some(_) if run.step == [0; 2] => {}
                Some(zero) => {
                    progressions.push((start, step, zero));
                    progressions.push((nth(start, step, zero + 1), step, run.count - zero - 1));
                }
                None => progressions.push((start, step, if step == 0 { 1 } else { run.count })),
            }
        }
        progressions.sort_unstable();
        progressions.dedup();
        let mut numbers = Vec::new();
        let mut compacted = 0;
        for (start, step, count) in progressions {
            numbers.extend((0..count).map(|index| nth(start, step, index)));
            // Lines of an irregular outline repeat each other's numbers: keep the list near its final size.
            if numbers.len() > 2 * compacted + COMPACT_ABOVE {
                numbers.sort_unstable();
                numbers.dedup();
                compacted = numbers.len();
            }
        }
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// Whether the numbers on `axis` fall more often than they rise, from trace to trace.
    pub(super) fn falls(&self, axis: usize) -> bool {
        let within: i64 = self
            .runs
            .iter()
            .map(|run| i64::from(run.step[axis].signum()) * i64::from(run.count.saturating_sub(1)))
            .sum();
        let between: i64 = self
            .runs
            .windows(2)
            .map(|pair| {
                i64::from((i64::from(pair[1].start[axis]) - i64::from(pair[0].start[axis])).signum() as i32)
            })
            .sum();
        // The fast axis is decided inside the runs, the slow one between them.
        if within == 0 { between < 0 } else { within < 0 }
    }
}

const COMPACT_ABOVE: usize = 1 << 20;

/// Whether one more trace on `run` would still have numbers of 32 bits.
fn continues(run: &Run) -> bool {
    [0, 1].into_iter().all(|axis| {
        let next = i64::from(run.start[axis]) + i64::from(run.step[axis]) * i64::from(run.count);
        i32::try_from(next).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn build(numbers: &[[i32; 2]]) -> TraceRuns {
        let mut runs = TraceRuns::default();
        for (trace, &numbers) in numbers.iter().enumerate() {
            runs.push(trace as u64, numbers);
        }
        runs
    }

    #[test]
    fn a_regular_file_has_one_run_a_line() {
        let numbers: Vec<[i32; 2]> =
            (0..20).flat_map(|a| (0..50).map(move |b| [100 + a, 300 - 2 * b])).collect();
        let runs = build(&numbers);
        assert_eq!(runs.runs().len(), 20);
        assert_eq!(runs.distinct(0, false), (100..120).collect::<Vec<_>>());
        assert!(!runs.falls(0) && runs.falls(1));
    }

    #[test]
    fn zeros_are_numbers_only_where_lines_0_exist() {
        let nothing = build(&[[0, 0], [0, 0], [7, 20], [7, 21], [0, 0], [8, 20], [8, 21]]);
        assert!(nothing.zeros_mean_nothing());
        assert_eq!(nothing.distinct(0, true), [7, 8]);
        assert_eq!(nothing.distinct(1, true), [20, 21]);
        for lines in [
            [[0, 0], [0, 1], [1, 0], [1, 1]],
            [[0, 0], [0, 0], [0, 0], [0, 0]],
            [[0, 0], [0, 1], [0, 2], [0, 3]],
            [[5, 1], [5, 2], [6, 1], [6, 2]],
        ] {
            assert!(!build(&lines).zeros_mean_nothing(), "{lines:?}");
        }
        // A run that only passes through them.
        assert_eq!(build(&[[-1, -1], [0, 0], [1, 1]]).distinct(1, true), [-1, 1]);
    }

    proptest! {
        #[test]
        fn any_numbers_come_back_and_are_found_on_their_lines(
            numbers in proptest::collection::vec((prop_oneof![-3..3_i32, any::<i32>()], -3..3_i32).prop_map(|(a, b)| [a, b]), 0..200),
            cut in 0..200_usize,
        ) {
            let cut = cut.min(numbers.len());
            let mut runs = build(&numbers[..cut]);
            let mut rest = TraceRuns::default();
            for (trace, &numbers) in numbers.iter().enumerate().skip(cut) {
                rest.push(trace as u64, numbers);
            }
            runs.append(&rest);
            for (trace, &expected) in numbers.iter().enumerate() {
                prop_assert_eq!(runs.numbers(trace as u64), Some(expected));
            }
            prop_assert_eq!(runs.numbers(numbers.len() as u64), None);
            for &wanted in &numbers {
                let first = numbers.iter().position(|&numbers| numbers == wanted).map(|trace| trace as u64);
                prop_assert_eq!(runs.first_numbered(wanted), first);
            }
            for axis in 0..2 {
                for line in runs.distinct(axis, false) {
                    let mut found = Vec::new();
                    runs.on_line(axis, line, |trace, other| found.push((trace, other)));
                    let expected: Vec<(u64, i32)> = numbers
                        .iter()
                        .enumerate()
                        .filter(|(_, numbers)| numbers[axis] == line)
                        .map(|(trace, numbers)| (trace as u64, numbers[1 - axis]))
                        .collect();
                    prop_assert_eq!(found, expected);
                }
            }
            let copy = TraceRuns::from_runs(runs.runs().to_vec(), numbers.len() as u64);
            prop_assert_eq!(copy, Some(runs));
        }
    }
}
