//! The plain scan: every distance in f32.
//!
//! What the others must equal, and the faster way where a large part of the rows is wanted.

use super::nearest::Nearest;
use super::{Corpus, ExactError, Request};
use rayon::prelude::*;

/// Values read at a time by one task.
const VALUES_AT_A_TIME: usize = 1 << 16;

/// The nearest of the corpus to each of `queries`, which are prepared.
pub(super) fn scan(
    corpus: &Corpus<'_>,
    queries: &[&[f32]],
    request: &Request<'_>,
) -> Result<Vec<Nearest>, ExactError> {
    if queries.is_empty() {
        return Ok(Vec::new());
    }
    let dimension = corpus.dimension;
    let rows_at_a_time = (VALUES_AT_A_TIME / dimension).max(1);
    let none = || vec![Nearest::new(request.most(), request.within_or_all()); queries.len()];
    let starts: Vec<usize> = (0..corpus.rows()).step_by(rows_at_a_time).collect();
    let scan_block = |mut found: Vec<Nearest>, &start: &usize| {
        let end = (start + rows_at_a_time).min(corpus.rows());
        let rows: Vec<usize> =
            (start..end).filter(|&row| request.rows.is_none_or(|set| set.contains(row))).collect();
        let mut values = vec![0.0; rows.len() * dimension];
        corpus.read(&rows, &mut values)?;
        request.metric.prepare_rows(dimension, &mut values);
        let mut distances = vec![0.0; rows.len()];
        for (query, found) in queries.iter().zip(&mut found) {
            request.metric.distances(query, &values, &mut distances);
            rows.iter().zip(&distances).for_each(|(&row, &distance)| found.offer(row, distance));
        }
        Ok(found)
    };
    let merge = |mut some: Vec<Nearest>, others: Vec<Nearest>| {
        some.iter_mut().zip(others).for_each(|(some, other)| some.merge(other));
        Ok(some)
    };
    starts.par_iter().try_fold(none, scan_block).try_reduce(none, merge)
}
