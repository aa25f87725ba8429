//! The scan over codes: every row's bounds for every query, f32 only for rows that may be wanted.

use super::bounds::{QueryBound, RowBounds};
use super::candidates::Candidates;
use super::nearest::Nearest;
use super::selection::{Piece, pieces};
use super::{Corpus, ExactError, Request};
use rayon::prelude::*;
use refcon_kernels::scan::{Fineness, QueryCodes, QueryGroup, QueryTerms, RowTerms, ScanTier};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// Queries that are coded finely: as many as are multiplied with a row before the next one comes from memory.
const FEW_QUERIES: usize = 4;
/// Bytes of codes in a piece: they stay in the second cache while all queries run over them.
const BYTES_A_PIECE: usize = 384 << 10;
/// Rows of a piece are a multiple of it, so that no kernel works on fewer than it could.
const ROWS_TOGETHER: usize = 64;

/// The nearest of the corpus to each of `queries`, which are prepared and can be bounded.
pub(super) fn scan(
    corpus: &Corpus<'_>,
    queries: &[&[f32]],
    request: &Request<'_>,
    tier: ScanTier,
) -> Result<Vec<Nearest>, ExactError> {
    if queries.is_empty() {
        return Ok(Vec::new());
    }
    let fineness = if queries.len() <= FEW_QUERIES { Fineness::Fine } else { Fineness::Coarse };
    let codes = QueryCodes::new(tier, fineness, corpus.dimension, queries);
    let known = queries.iter().zip(codes.known());
    let bounds: Vec<QueryBound> =
        known.map(|(query, code)| QueryBound::new(request.metric, corpus.dimension, query, code)).collect();
    let threads = rayon::current_num_threads();
    let pieces = pieces(corpus, request.rows, rows_a_piece(corpus, threads));
    let scan = Scan {
        corpus,
        request,
        queries,
        bounds: &bounds,
        groups: codes.groups(),
        codes,
        thresholds: bounds.iter().map(|_| AtomicU32::new(f32::NEG_INFINITY.to_bits())).collect(),
    };
    let next = AtomicUsize::new(0);
    let found = for_each_thread(threads.min(pieces.len()), || {
        let mut worker = Worker::new(&scan);
        while let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
            worker.scan(piece)?;
        }
        Ok(worker.candidates)
    })?;
    let mut all: Vec<Candidates> = bounds.iter().map(|bound| Candidates::new(bound, request)).collect();
    for some in found {
        for ((all, some), bound) in all.iter_mut().zip(some).zip(&bounds) {
            all.merge(bound, some);
        }
    }
    let finish = |(query, all): (usize, Candidates)| {
        all.finish(corpus, request.metric, &bounds[query], queries[query])
    };
    if let [_] = queries {
        return all.into_iter().enumerate().map(finish).collect();
    }
    all.into_par_iter().enumerate().map(finish).collect()
}

/// What `work` returns in each of `threads` threads. A single one is the caller's own: waking another would cost more than a small
/// search.
fn for_each_thread<R: Send>(
    threads: usize,
    work: impl Fn() -> Result<R, ExactError> + Sync,
) -> Result<Vec<R>, ExactError> {
    if threads <= 1 {
        return (0..threads).map(|_| work()).collect();
    }
    (0..threads).into_par_iter().with_max_len(1).map(|_| work()).collect()
}

/// Few enough rows that they stay in the cache and that every thread has some.
fn rows_a_piece(corpus: &Corpus<'_>, threads: usize) -> usize {
    let cached = BYTES_A_PIECE / super::code_stride(corpus.dimension);
    let shared = corpus.rows().div_ceil(4 * threads);
    cached.min(shared).next_multiple_of(ROWS_TOGETHER).max(ROWS_TOGETHER)
}

/// What all threads of a scan share.
struct Scan<'a> {
    corpus: &'a Corpus<'a>,
    request: &'a Request<'a>,
    queries: &'a [&'a [f32]],
    bounds: &'a [QueryBound],
    groups: Vec<QueryGroup>,
    codes: QueryCodes,
    /// A query's best threshold so far, by its bits.
    thresholds: Vec<AtomicU32>,
}

/// What one thread works with.
struct Worker<'a> {
    scan: &'a Scan<'a>,
    candidates: Vec<Candidates>,
    terms: Vec<GroupTerms>,
    row_bounds: RowBounds,
    rows: Vec<u32>,
}

/// A number for each value of a group, as a sieve takes it.
struct GroupTerms {
    error: Vec<f32>,
    norm: Vec<f32>,
    offset: Vec<f32>,
    threshold: Vec<f32>,
}

impl GroupTerms {
    fn new(group: &QueryGroup, bounds: &[QueryBound]) -> Self {
        let column = |of: fn(&QueryBound) -> f32| {
            let mut column: Vec<f32> = bounds[group.queries.clone()].iter().map(of).collect();
            column.resize(group.width, 0.0);
            column
        };
        let threshold = vec![f32::INFINITY; group.width];
        let (error, norm, offset) = (column(|b| b.error), column(|b| b.norm), column(|b| b.offset));
        Self { error, norm, offset, threshold }
    }
}

impl<'a> Worker<'a> {
    fn new(scan: &'a Scan<'a>) -> Self {
        Self {
            scan,
            candidates: scan.bounds.iter().map(|bound| Candidates::new(bound, scan.request)).collect(),
            terms: scan.groups.iter().map(|group| GroupTerms::new(group, scan.bounds)).collect(),
            row_bounds: RowBounds::default(),
            rows: Vec::new(),
        }
    }

    /// All queries over one piece.
    fn scan(&mut self, piece: &Piece<'_>) -> Result<(), ExactError> {
        piece.list(&mut self.rows);
        self.row_bounds.fill(self.scan.request.metric, piece.block, &self.rows);
        for group in 0..self.scan.groups.len() {
            let queries = self.scan.groups[group].queries.clone();
            for (candidates, shared) in
                self.candidates[queries.clone()].iter_mut().zip(&self.scan.thresholds[queries.clone()])
            {
                candidates.raise_threshold(f32::from_bits(shared.load(Ordering::Relaxed)));
            }
            for start in (0..self.rows.len()).step_by(self.scan.groups[group].rows) {
                self.scan_strip(piece, group, start)?;
            }
            for (candidates, shared) in
                self.candidates[queries.clone()].iter().zip(&self.scan.thresholds[queries])
            {
                share(shared, candidates.threshold());
            }
        }
        Ok(())
    }

    /// One group of queries over the rows from `start` on.
    fn scan_strip(&mut self, piece: &Piece<'_>, group: usize, start: usize) -> Result<(), ExactError> {
        let Scan { corpus, request, queries, bounds, groups, codes, .. } = self.scan;
        let (group, terms) = (&groups[group], &mut self.terms[group]);
        let strip = start..(start + group.rows).min(self.rows.len());
        let rows = &self.rows[strip.clone()];
        for (threshold, query) in terms.threshold.iter_mut().zip(group.queries.clone()) {
            *threshold = self.candidates[query].threshold();
        }
        let row_terms = RowTerms {
            scales: &self.row_bounds.scales[strip.clone()],
            errors: &self.row_bounds.errors[strip.clone()],
            norms: &self.row_bounds.norms[strip.clone()],
            offsets: &self.row_bounds.offsets[strip],
        };
        let query_terms = QueryTerms {
            error: &terms.error,
            norm: &terms.norm,
            offset: &terms.offset,
            threshold: &terms.threshold,
        };
        let candidates = &mut self.candidates;
        codes.sift(group, piece.block.codes, rows, (&row_terms, &query_terms), |found| {
            let query = group.queries.start + found.value;
            // Past the last query there are only zeros.
            if query < group.queries.end {
                let at = found.row;
                let numbers = [row_terms.errors[at], row_terms.norms[at], row_terms.offsets[at]];
                let lower = bounds[query].lower(found.upper, numbers);
                let row = piece.first_row as u32 + rows[at];
                candidates[query].add(&bounds[query], row, found.upper, lower);
            }
        });
        for query in group.queries.clone() {
            if candidates[query].is_full() {
                candidates[query].make_room(corpus, request.metric, &bounds[query], queries[query])?;
            }
        }
        Ok(())
    }
}

/// Raises a threshold that all threads see.
fn share(shared: &AtomicU32, threshold: f32) {
    // No order with anything else is needed: an old threshold only lets more rows through.
    let raise = |bits: u32| (threshold > f32::from_bits(bits)).then_some(threshold.to_bits());
    let _ = shared.fetch_update(Ordering::Relaxed, Ordering::Relaxed, raise);
}
