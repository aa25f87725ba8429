//! How the cost of an exact search grows with the number of vectors and with their length, beside the time that reading takes.

use crate::machine;
use crate::measure::{median, time};
use crate::outcome::{Better, Outcome, Report};
use crate::plot::{Line, Plot, side_by_side};
use crate::vector_files::{Spread, read_values};
use crate::{Failure, Settings};
use refcon_library::Metric;
use refcon_library::exact::{Codes, Corpus, Request, Rows, Vectors, nearest, quantise};
use std::io;

const DIMENSION: usize = 768;
const DIMENSIONS: [usize; 8] = [64, 128, 256, 384, 512, 768, 1024, 1536];
/// Vectors of each length.
const ROWS_OF_EACH: usize = 100_000;
const SIZES: [usize; 7] = [10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000];
/// Vectors that are kept in memory in f32; of larger corpora only codes are, and vectors are made anew when they are read.
const MOST_IN_MEMORY: usize = 1_000_000;
const ROWS_A_BLOCK: usize = 100_000;
const K: usize = 10;
const BATCH: usize = 100;

/// Runs the measurement.
///
/// # Errors
/// The vectors cannot be made or read, or the figure cannot be written.
pub(crate) fn measure(settings: &Settings, report: &mut Report) -> Result<(), Failure> {
    let bandwidth = machine::read_bandwidth();
    report.note(&format!("memory: {:.1} GB/s read by {} threads", bandwidth / 1e9, settings.threads));
    let in_memory = settings.vectors.min(MOST_IN_MEMORY);
    let path = Spread::Random.file(&settings.data, in_memory, DIMENSION)?;
    let values = read_values(&path, in_memory * DIMENSION)?;
    let mut cost = Cost { settings, report, bandwidth };
    let mut by_rows = Vec::new();
    let sizes = || SIZES.into_iter().filter(|&rows| rows <= settings.vectors);
    for rows in sizes().filter(|&rows| rows <= in_memory) {
        by_rows.push(cost.of_values(rows as f64, DIMENSION, &values[..rows * DIMENSION])?);
    }
    let mut by_dimension = Vec::new();
    for dimension in DIMENSIONS {
        // The same numbers, cut into vectors of another length.
        let some = values.get(..ROWS_OF_EACH * dimension);
        if let Some(some) = some {
            by_dimension.push(cost.of_values(dimension as f64, dimension, some)?);
        }
    }
    // What is left in memory then is codes.
    drop(values);
    for rows in sizes().filter(|&rows| rows > in_memory) {
        by_rows.push(cost.of_codes(rows)?);
    }
    if let Some(figure) = &settings.figure {
        let rows = |value: f64| {
            if value >= 1e6 { format!("{} M", value / 1e6) } else { format!("{} k", value / 1e3) }
        };
        let plots = [
            plot(format!("Vectors of {DIMENSION} components"), "vectors", &by_rows, rows),
            plot(format!("{} k vectors", ROWS_OF_EACH / 1000), "components", &by_dimension, |value| {
                value.to_string()
            }),
        ];
        side_by_side(&plots).write_png(figure)?;
    }
    Ok(())
}

/// What was measured of one corpus.
struct Point {
    /// Its place on the axis.
    along: f64,
    /// Seconds for one query, and of each of a batch.
    one: f64,
    in_batch: f64,
    /// Seconds that reading the codes takes.
    reading: f64,
}

struct Cost<'a> {
    settings: &'a Settings,
    report: &'a mut Report,
    bandwidth: f64,
}

impl Cost<'_> {
    fn of_values(&mut self, along: f64, dimension: usize, values: &[f32]) -> Result<Point, Failure> {
        let codes = quantise(dimension, values)?;
        let vectors = Rows::new(dimension, values);
        self.of(along, dimension, &[codes], &vectors)
    }

    /// A corpus whose vectors do not fit into memory.
    fn of_codes(&mut self, rows: usize) -> Result<Point, Failure> {
        let mut blocks = Vec::new();
        for first in (0..rows).step_by(ROWS_A_BLOCK) {
            let count = ROWS_A_BLOCK.min(rows - first);
            blocks.push(quantise(DIMENSION, &Spread::Random.vectors(first as u64, count, DIMENSION))?);
        }
        let point = self.of(rows as f64, DIMENSION, &blocks, &MadeAnew)?;
        if let Some(megabytes) = machine::own_memory(std::process::id()) {
            let memory = (megabytes / 1000.0, "GB", Better::Lower);
            let codes = blocks.iter().map(code_bytes).sum::<usize>() as f64 / 1e9;
            let work = format!("memory, {rows} × {DIMENSION}");
            self.report.add(&Outcome::new(work, memory, "codes alone", Some(codes)))?;
        }
        Ok(point)
    }

    fn of(
        &mut self,
        along: f64,
        dimension: usize,
        blocks: &[Codes],
        vectors: &dyn Vectors,
    ) -> Result<Point, Failure> {
        let corpus = Corpus::new(dimension, blocks.iter().map(Codes::block).collect(), vectors)?;
        let request = Request::best(K, Metric::InnerProduct);
        let queries = Spread::Random.queries(BATCH, dimension);
        let mut one = Vec::new();
        for query in queries.chunks_exact(dimension).take(1 + 4 * self.settings.runs) {
            one.push(time(|| Ok(nearest(&corpus, query, &request)?.len() as f64))?.seconds);
        }
        let mut together = Vec::new();
        for _ in 0..=self.settings.runs {
            let run = time(|| Ok(nearest(&corpus, &queries, &request)?.len() as f64))?;
            together.push(run.seconds / BATCH as f64);
        }
        let bytes: usize = blocks.iter().map(code_bytes).sum();
        let reading = bytes as f64 / self.bandwidth;
        // The first of each is the warm-up.
        let seconds = |runs: &mut [f64]| median(&mut runs[1..]).ok_or("no run was asked for");
        let (one, in_batch) = (seconds(&mut one)?, seconds(&mut together)?);
        let of = |work: &str| format!("{work}, {} × {dimension}", corpus.rows());
        let outcome = |work: &str, value: f64| Outcome::new(of(work), (value, "s", Better::Lower), "", None);
        let limit_share = Some(reading / one);
        self.report.add(&Outcome { limit_share, ..outcome("one query", one) })?;
        self.report.add(&outcome("each of 100 queries", in_batch))?;
        Ok(Point { along, one, in_batch, reading })
    }
}

/// Bytes that a scan reads.
fn code_bytes(codes: &Codes) -> usize {
    codes.codes.len() + 12 * codes.rows()
}

/// Vectors that are made again whenever they are read, since a disk may have no room for them.
struct MadeAnew;

impl Vectors for MadeAnew {
    fn read(&self, rows: &[usize], into: &mut [f32]) -> io::Result<()> {
        for (&row, into) in rows.iter().zip(into.chunks_exact_mut(DIMENSION)) {
            into.copy_from_slice(&Spread::Random.vectors(row as u64, 1, DIMENSION));
        }
        Ok(())
    }
}

fn plot(title: String, across: &'static str, points: &[Point], tick: impl Fn(f64) -> String) -> Plot {
    const MILLISECONDS: f64 = 1e3;
    let line = |of: fn(&Point) -> f64| {
        points.iter().map(|point| (point.along, MILLISECONDS * of(point))).collect::<Vec<_>>()
    };
    let lines = vec![
        Line { name: "one query", colour: [214, 84, 24], marked: true, points: line(|point| point.one) },
        Line {
            name: "each of 100 queries",
            colour: [28, 112, 150],
            marked: true,
            points: line(|point| point.in_batch),
        },
        Line {
            name: "reading all codes from memory once",
            colour: [150, 156, 164],
            marked: false,
            points: line(|point| point.reading),
        },
    ];
    let ticks = points.iter().map(|point| (point.along, tick(point.along))).collect();
    Plot { title, across, up: "milliseconds", ticks, lines }
}
