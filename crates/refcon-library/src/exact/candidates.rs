//! Rows that may be among the wanted ones of a query, until their f32 distances are known.

use super::bounds::QueryBound;
use super::nearest::Nearest;
use super::{Corpus, ExactError, Metric, Request};
use rayon::prelude::*;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// A row whose score is not above `upper`, in steps of the query; never NaN.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    row: u32,
    upper: f32,
}

/// A lower bound on a score.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Lower(f32);

impl Eq for Lower {}

impl Ord for Lower {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Lower {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What one thread has found for one query.
#[derive(Debug, Clone)]
pub(super) struct Candidates {
    k: usize,
    /// No row whose upper bound is below this is wanted.
    threshold: f32,
    /// The `k` best lower bounds, the least on top.
    lowers: BinaryHeap<Reverse<Lower>>,
    waiting: Vec<Candidate>,
    /// Candidates that may wait before something is done about them.
    room: usize,
    /// Those whose distances are known.
    nearest: Nearest,
}

/// Candidates of a query and a thread that wait at least before they are measured: far more than there usually are.
const LEAST_ROOM: usize = 4096;
/// Candidates that are measured before the threshold is looked at again, at first.
const FIRST_MEASURED: usize = 64;
/// Candidates that one task measures.
const MEASURED_A_TASK: usize = 64;

impl Candidates {
    pub(super) fn new(bound: &QueryBound, request: &Request<'_>) -> Self {
        let within = request.within_or_all();
        let k = request.most();
        Self {
            k,
            threshold: bound.threshold_of_distance(within),
            lowers: BinaryHeap::new(),
            waiting: Vec::new(),
            room: LEAST_ROOM.max(k.saturating_mul(2)),
            nearest: Nearest::new(k, within),
        }
    }

    pub(super) fn threshold(&self) -> f32 {
        self.threshold
    }

    /// Takes over what another thread has found out. A threshold that is no number says nothing.
    pub(super) fn raise_threshold(&mut self, threshold: f32) {
        self.threshold = self.threshold.max(threshold);
    }

    /// Takes in a row by the bounds on its score.
    pub(super) fn add(&mut self, bound: &QueryBound, row: u32, upper: f32, lower: f32) {
        self.waiting.push(Candidate { row, upper: if upper.is_nan() { f32::INFINITY } else { upper } });
        self.add_lower(bound, Lower(lower));
    }

    fn add_lower(&mut self, bound: &QueryBound, lower: Lower) {
        // Where all rows are wanted, no number of them makes the others unwanted.
        if self.k == usize::MAX || lower.0 == f32::NEG_INFINITY {
            return;
        }
        if self.lowers.len() < self.k {
            self.lowers.push(Reverse(lower));
        } else if let Some(mut least) = self.lowers.peek_mut()
            && lower > least.0
        {
            *least = Reverse(lower);
        } else {
            return;
        }
        if self.lowers.len() == self.k
            && let Some(Reverse(least)) = self.lowers.peek()
        {
            self.threshold = self.threshold.max(bound.threshold_of_lower(least.0));
        }
    }

    /// Whether more candidates wait than there is room for.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() > self.room
    }

    /// Makes room: drops what is no longer wanted, and measures the rest where that does not help.
    pub(super) fn make_room(
        &mut self,
        corpus: &Corpus<'_>,
        metric: Metric,
        bound: &QueryBound,
        query: &[f32],
    ) -> Result<(), ExactError> {
        self.drop_unwanted();
        if self.waiting.len() > self.room / 2 {
            self.measure(corpus, metric, bound, query)?;
        }
        Ok(())
    }

    /// Takes in what another thread has found.
    pub(super) fn merge(&mut self, bound: &QueryBound, other: Self) {
        self.raise_threshold(other.threshold);
        self.waiting.extend(other.waiting);
        other.lowers.into_iter().for_each(|Reverse(lower)| self.add_lower(bound, lower));
        self.nearest.merge(other.nearest);
    }

    /// The wanted rows with their distances.
    pub(super) fn finish(
        mut self,
        corpus: &Corpus<'_>,
        metric: Metric,
        bound: &QueryBound,
        query: &[f32],
    ) -> Result<Nearest, ExactError> {
        self.measure(corpus, metric, bound, query)?;
        Ok(self.nearest)
    }

    fn drop_unwanted(&mut self) {
        let threshold = self.threshold;
        self.waiting.retain(|candidate| candidate.upper >= threshold);
    }

    /// Distances of all that wait, the most promising first, until no other can come in.
    fn measure(
        &mut self,
        corpus: &Corpus<'_>,
        metric: Metric,
        bound: &QueryBound,
        query: &[f32],
    ) -> Result<(), ExactError> {
        self.raise_threshold(bound.threshold_of_distance(self.nearest.reach()));
        self.drop_unwanted();
        let mut waiting = std::mem::take(&mut self.waiting);
        let mut batch = FIRST_MEASURED.max(self.k.min(waiting.len()));
        waiting.sort_unstable_by(|a, b| b.upper.total_cmp(&a.upper).then(a.row.cmp(&b.row)));
        let mut rest = waiting.as_mut_slice();
        while !rest.is_empty() {
            let wanted = rest.partition_point(|candidate| candidate.upper >= self.threshold);
            let (now, later) = std::mem::take(&mut rest)[..wanted].split_at_mut(batch.min(wanted));
            // In the order in which they lie in memory or in a file.
            now.sort_unstable_by_key(|candidate| candidate.row);
            let measured = if now.len() <= MEASURED_A_TASK {
                vec![distances(corpus, metric, query, now)?]
            } else {
                let tasks = now.par_chunks(MEASURED_A_TASK);
                tasks.map(|some| distances(corpus, metric, query, some)).collect::<Result<_, _>>()?
            };
            for (row, distance) in measured.into_iter().flatten() {
                self.nearest.offer(row, distance);
            }
            self.raise_threshold(bound.threshold_of_distance(self.nearest.reach()));
            rest = later;
            batch *= 2;
        }
        Ok(())
    }
}

/// Rows and their distances to a query, which is prepared.
fn distances(
    corpus: &Corpus<'_>,
    metric: Metric,
    query: &[f32],
    candidates: &[Candidate],
) -> Result<Vec<(usize, f32)>, ExactError> {
    let rows: Vec<usize> = candidates.iter().map(|candidate| candidate.row as usize).collect();
    let mut values = vec![0.0; rows.len() * query.len()];
    corpus.read(&rows, &mut values)?;
    metric.prepare_rows(query.len(), &mut values);
    let mut distances = vec![0.0; rows.len()];
    metric.distances(query, &values, &mut distances);
    Ok(rows.into_iter().zip(distances).collect())
}
