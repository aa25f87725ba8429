//! Timing two sides of a comparison: alternately, in one run, so that whatever else the machine does meets both.

use crate::Failure;
use std::time::Instant;

/// One run of a side: how long it took, and a number that both sides of a comparison must agree on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Run {
    pub seconds: f64,
    /// Something computed from what the work produced, to show that both sides did the same work.
    pub check: f64,
}

/// Median seconds of each side.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Medians {
    pub ours: f64,
    /// One each of the peer's ways; none where it does not run.
    pub theirs: Vec<f64>,
}

/// Largest relative difference of two checks that comes from the order of additions alone.
const ROUNDING: f64 = 1e-9;

/// Times `work`, which returns the number to check.
pub(crate) fn time(work: impl FnOnce() -> Result<f64, Failure>) -> Result<Run, Failure> {
    let start = Instant::now();
    let check = work()?;
    Ok(Run { seconds: start.elapsed().as_secs_f64(), check })
}

/// A side of a comparison: does the work once.
pub(crate) type Side<'a> = dyn FnMut() -> Result<Run, Failure> + 'a;

/// Runs all sides in turn, `runs` times each after one warm-up each. The peer has a side for each way in which it can do
/// the work.
///
/// # Errors
/// A side fails, or the checks differ.
pub(crate) fn alternate(
    work: &str,
    runs: usize,
    ours: &mut Side,
    theirs: &mut [Box<Side>],
) -> Result<Medians, Failure> {
    let mut our_seconds = Vec::new();
    let mut their_seconds = vec![Vec::new(); theirs.len()];
    for run in 0..=runs {
        // The first run of each is the warm-up.
        let counts = run > 0;
        let our_run = ours()?;
        our_seconds.extend(counts.then_some(our_run.seconds));
        for (side, seconds) in theirs.iter_mut().zip(&mut their_seconds) {
            let their_run = side()?;
            if !agree(our_run.check, their_run.check) {
                let (ours, theirs) = (our_run.check, their_run.check);
                let text = format!("{work}: the sides did not do the same work: {ours} here, {theirs} there");
                return Err(text.into());
            }
            seconds.extend(counts.then_some(their_run.seconds));
        }
    }
    let ours = median(&mut our_seconds).ok_or("no run was asked for")?;
    let theirs = their_seconds.iter_mut().filter_map(|seconds| median(seconds)).collect();
    Ok(Medians { ours, theirs })
}

fn agree(one: f64, other: f64) -> bool {
    (one - other).abs() <= ROUNDING * one.abs().max(other.abs())
}

/// The middle of `values`, the mean of the two middle ones of an even number; `None` where there is none.
pub(crate) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(values[middle - 1], upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_whatever_the_order() {
        assert_eq!(median(&mut [3.0, 100.0, 1.0]), Some(3.0));
        assert_eq!(median(&mut [4.0, 1.0, 100.0, 2.0]), Some(3.0));
        assert_eq!(median(&mut []), None);
    }

    #[test]
    fn sides_take_turns_and_the_warm_up_does_not_count() {
        let turns = std::cell::RefCell::new(String::new());
        let side = |name: char, seconds: [f64; 4]| {
            let mut run = 0;
            let turns = &turns;
            move || {
                turns.borrow_mut().push(name);
                run += 1;
                Ok(Run { seconds: seconds[run - 1], check: 7.0 })
            }
        };
        let mut ours = side('o', [100.0, 3.0, 1.0, 2.0]);
        let mut theirs: [Box<Side>; 2] =
            [Box::new(side('t', [0.0, 8.0, 6.0, 7.0])), Box::new(side('u', [0.0, 1.0, 1.0, 5.0]))];
        let medians = alternate("a work", 3, &mut ours, &mut theirs).unwrap();
        assert_eq!(medians, Medians { ours: 2.0, theirs: vec![7.0, 1.0] });
        assert_eq!(*turns.borrow(), "otuotuotuotu");
    }

    #[test]
    fn sides_that_did_different_work_are_not_compared() {
        let mut ours = || Ok(Run { seconds: 1.0, check: 7.0 });
        let mut theirs: [Box<Side>; 1] = [Box::new(|| Ok(Run { seconds: 1.0, check: 7.1 }))];
        let error = alternate("a work", 1, &mut ours, &mut theirs).unwrap_err().to_string();
        assert!(error.contains("a work") && error.contains("7.1"), "{error}");
    }
}
