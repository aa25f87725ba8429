//! The best so far, in the order of a result list.

use super::Neighbour;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A row with its distance, ordered as in a result: nearest first, of equal distances the lower row.
#[derive(Debug, Clone, Copy)]
struct Ranked {
    distance: f32,
    row: usize,
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.distance.total_cmp(&other.distance).then(self.row.cmp(&other.row))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ranked {}

/// The `k` nearest of the rows offered so far that lie within a distance.
#[derive(Debug, Clone)]
pub(super) struct Nearest {
    k: usize,
    within: f32,
    /// The furthest is on top.
    rows: BinaryHeap<Ranked>,
}

impl Nearest {
    pub(super) fn new(k: usize, within: f32) -> Self {
        Self { k, within, rows: BinaryHeap::new() }
    }

    pub(super) fn offer(&mut self, row: usize, distance: f32) {
        let offered = Ranked { distance, row };
        if distance.total_cmp(&self.within) == Ordering::Greater {
            return;
        }
        if self.rows.len() < self.k {
            self.rows.push(offered);
        } else if let Some(mut furthest) = self.rows.peek_mut()
            && offered < *furthest
        {
            *furthest = offered;
        }
    }

    /// No row further away than this can still come in.
    pub(super) fn reach(&self) -> f32 {
        if self.rows.len() < self.k {
            return self.within;
        }
        self.rows.peek().map_or(self.within, |furthest| furthest.distance)
    }

    /// Takes in what another has found.
    pub(super) fn merge(&mut self, other: Self) {
        other.rows.into_iter().for_each(|Ranked { distance, row }| self.offer(row, distance));
    }

    /// Nearest first.
    pub(super) fn into_sorted(self) -> Vec<Neighbour> {
        let sorted = self.rows.into_sorted_vec();
        sorted.into_iter().map(|Ranked { distance, row }| Neighbour { row, distance }).collect()
    }
}
