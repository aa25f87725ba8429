//! Searches that come together are answered in one pass over the library.
//!
//! One thread scans. What arrives while it does waits, and is then answered at once: a scan for many queries costs little more than
//! one for a single query, as long as the library is read from memory once. Nobody waits for others to come.

use crate::error::ApiError;
use refcon_library::exact::{self, Request};
use refcon_library::{EncodedTiles, Metric, Neighbour, RowSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

/// Queries of one pass, at most: what their tables of candidates take in memory stays small.
pub(crate) const QUERIES_A_PASS: usize = 64;

/// Where scans are asked for.
#[derive(Debug, Clone)]
pub(crate) struct Scans {
    queue: mpsc::Sender<Scan>,
}

/// What is asked of the scan.
#[derive(Debug)]
struct Scan {
    tiles: EncodedTiles,
    query: Vec<f32>,
    nearest: usize,
    rows: Option<Arc<RowSet>>,
    answer: mpsc::SyncSender<Answer>,
}

type Answer = Result<Vec<Neighbour>, ApiError>;

impl Scans {
    /// Starts the thread that scans; it ends when nobody can ask any more.
    pub(crate) fn start(metric: Metric) -> std::io::Result<Self> {
        let (queue, asked) = mpsc::channel();
        thread::Builder::new().name("scans".into()).spawn(move || scan_all(&asked, metric))?;
        Ok(Self { queue })
    }

    /// The `nearest` tiles of `rows` (of all), nearest first, as if nobody else asked. Waits: not for the threads that answer requests.
    pub(crate) fn nearest(
        &self,
        tiles: &EncodedTiles,
        query: &[f32],
        nearest: usize,
        rows: Option<&Arc<RowSet>>,
    ) -> Answer {
        let (answer, answered) = mpsc::sync_channel(1);
        let scan = Scan { tiles: tiles.clone(), query: query.to_vec(), nearest, rows: rows.cloned(), answer };
        let stopped = || ApiError::internal("the search ended before it had an answer");
        self.queue.send(scan).map_err(|_| stopped())?;
        answered.recv().unwrap_or_else(|_| Err(stopped()))
    }
}

fn scan_all(asked: &mpsc::Receiver<Scan>, metric: Metric) {
    while let Ok(first) = asked.recv() {
        let mut waiting: Vec<Scan> =
            std::iter::once(first).chain(asked.try_iter().take(QUERIES_A_PASS - 1)).collect();
        while let Some(first) = waiting.pop() {
            let (mut pass, others): (Vec<Scan>, Vec<Scan>) =
                waiting.into_iter().partition(|other| first.shares_a_pass(other));
            waiting = others;
            pass.push(first);
            // A defect of the scan is the end of this pass, not of all searches to come: the answers are dropped.
            if catch_unwind(AssertUnwindSafe(|| answer(&pass, metric))).is_err() {
                tracing::error!("a scan for {} queries panicked", pass.len());
            }
        }
    }
}

impl Scan {
    /// Whether both look at the same tiles of the same commit.
    fn shares_a_pass(&self, other: &Self) -> bool {
        let same_rows = match (&self.rows, &other.rows) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        same_rows && self.tiles.same_as(&other.tiles)
    }
}

fn answer(pass: &[Scan], metric: Metric) {
    let found = scan(pass, metric);
    match found {
        Ok(found) => {
            for (scan, mut neighbours) in pass.iter().zip(found) {
                neighbours.truncate(scan.nearest);
                // Who asked may have given up.
                drop(scan.answer.send(Ok(neighbours)));
            }
        }
        Err(error) => pass.iter().for_each(|scan| drop(scan.answer.send(Err(error.clone())))),
    }
}

/// The neighbours of every query of a pass; some of them more than were asked for.
fn scan(pass: &[Scan], metric: Metric) -> Result<Vec<Vec<Neighbour>>, ApiError> {
    let Some(first) = pass.first() else { return Ok(Vec::new()) };
    let corpus = first.tiles.corpus()?;
    let queries: Vec<f32> = pass.iter().flat_map(|scan| &scan.query).copied().collect();
    let most = pass.iter().map(|scan| scan.nearest).max().unwrap_or(0);
    let request = Request { rows: first.rows.as_deref(), ..Request::best(most, metric) };
    exact::nearest(&corpus, &queries, &request).map_err(ApiError::internal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use refcon_encoders::{Embeddings, EncoderId};
    use refcon_library::{Library, TileRecord, Wait};

    fn tiles(folder: &std::path::Path, count: usize) -> EncodedTiles {
        let library = Library::create(folder).unwrap();
        let id = EncoderId::new("test", &[]);
        let values = (0..count * 3).map(|at| ((at * 7919) % 101) as f32 - 50.0).collect();
        let embeddings = Embeddings::new(id.clone(), 3, values).unwrap();
        let records = (0..count).map(|at| TileRecord::of_image("a", &at.to_string(), 4, 4).into()).collect();
        library.writer(Wait::No).unwrap().append(records, &embeddings).unwrap();
        library.snapshot().unwrap().tiles(&id).unwrap()
    }

    #[test]
    fn answers_in_one_pass_are_those_of_passes_alone() {
        let scratch = tempfile::tempdir().unwrap();
        let tiles = tiles(&scratch.path().join("library"), 200);
        let scans = Scans::start(Metric::Cosine).unwrap();
        let some = {
            let mut rows = RowSet::none(200);
            (0..200).step_by(3).for_each(|row| rows.insert(row));
            Arc::new(rows)
        };
        let ask = |number: usize| {
            let query = [number as f32, 1.0, -2.0];
            let rows = number.is_multiple_of(2).then_some(&some);
            (query, 1 + number % 5, rows)
        };
        let answers: Vec<Vec<Neighbour>> = thread::scope(|scope| {
            let asking: Vec<_> = (0..40)
                .map(|number| {
                    let (query, nearest, rows) = ask(number);
                    let (scans, tiles) = (scans.clone(), &tiles);
                    scope.spawn(move || scans.nearest(tiles, &query, nearest, rows).unwrap())
                })
                .collect();
            asking.into_iter().map(|asking| asking.join().unwrap()).collect()
        });
        for (number, answer) in answers.iter().enumerate() {
            let (query, nearest, rows) = ask(number);
            let corpus = tiles.corpus().unwrap();
            let request =
                Request { rows: rows.map(|rows| &**rows), ..Request::best(nearest, Metric::Cosine) };
            assert_eq!(answer, &exact::nearest(&corpus, &query, &request).unwrap()[0], "{number}");
        }
    }

    #[test]
    fn a_query_that_cannot_be_searched_is_an_error_of_its_pass() {
        let scratch = tempfile::tempdir().unwrap();
        let tiles = tiles(&scratch.path().join("library"), 5);
        let scans = Scans::start(Metric::Cosine).unwrap();
        assert!(scans.nearest(&tiles, &[f32::NAN, 0.0, 0.0], 1, None).is_err());
        assert_eq!(scans.nearest(&tiles, &[1.0, 0.0, 0.0], 2, None).unwrap().len(), 2);
    }
}
