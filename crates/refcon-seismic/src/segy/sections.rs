//! Reading traces and sections: no more bytes than they need, in parallel.

use super::{Prestack, SegyError, SegyFile};
use crate::{Direction, Geometry, LineAxis, LineGeometry, Section, TileBox};
use rayon::prelude::*;
use std::cell::RefCell;
use std::ops::Range;

/// Bytes not needed that are read along where that saves a call, which costs about as much (measured: 1.1 µs a call,
/// 6 GB/s).
pub(super) const MERGED_GAP_BYTES: u64 = 6144;
/// Bytes a read may take; several reads make a task for each thread.
pub(super) const READ_BYTES: u64 = 512 << 10;
/// Bytes of traces that are put in place together, about: no more than the processor's second cache holds.
const CACHED_BYTES: u64 = 192 << 10;
/// A thread keeps a buffer of at most so many bytes.
const KEPT_BYTES: u64 = 4 << 20;
/// Bytes of a block of the streaming iterator.
const BLOCK_BYTES: u64 = 8 << 20;
/// Traces that are transposed together: 16 amplitudes are one cache line.
const TILE: usize = 16;
/// Samples of each of them: together they stay in the processor's first cache.
const ROWS: usize = 64;

/// A trace and the column of the section that it belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub trace: u64,
    pub column: usize,
}

/// Neighbouring columns of a section, to be filled by one thread.
#[derive(Debug, Default)]
struct Stripe<'a> {
    /// By rising trace.
    columns: Vec<Column>,
    /// A row a sample.
    rows: Vec<&'a mut [f32]>,
}

/// Traces that are read together.
struct Batch {
    /// Consecutive traces each; their bytes are read one after the other.
    reads: Vec<Range<u64>>,
    /// By rising column.
    places: Vec<Place>,
    bytes: u64,
}

/// Where a trace ends among the bytes of its batch, and the column that it belongs to.
#[derive(Debug, Clone, Copy)]
struct Place {
    end: usize,
    column: usize,
}

/// Consecutive traces of a file with their samples.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceBlock {
    /// The first trace, from 0.
    pub first_trace: u64,
    /// Samples of each trace.
    pub samples: usize,
    /// `[traces, samples]`, trace by trace.
    pub amplitudes: Vec<f32>,
}

impl TraceBlock {
    /// How many traces it holds.
    #[must_use]
    pub fn traces(&self) -> u64 {
        (self.amplitudes.len() / self.samples.max(1)) as u64
    }
}

impl SegyFile {
    /// Reads the samples of one trace: its own, from its own delay on (see [`SegyFile::samples_of`]).
    ///
    /// # Errors
    /// [`SegyError::NoSuchTrace`]; [`SegyError::BufferLength`] where `samples` is not as long as a trace;
    /// [`SegyError::Read`].
    pub fn read_trace(&self, trace: u64, samples: &mut [f32]) -> Result<(), SegyError> {
        self.read_traces(trace..trace.saturating_add(1), samples)
    }

    /// Reads the samples of consecutive traces, `[traces, samples]`, trace by trace: their own, as the file has them.
    ///
    /// # Errors
    /// As [`SegyFile::read_trace`].
    pub fn read_traces(&self, traces: Range<u64>, samples: &mut [f32]) -> Result<(), SegyError> {
        if traces.is_empty() {
            return self.check_buffer(samples.len(), 0);
        }
        self.check_trace(traces.end - 1)?;
        let per_trace = self.layout.sample_count;
        let wanted =
            usize::try_from(traces.end - traces.start).ok().and_then(|traces| traces.checked_mul(per_trace));
        self.check_buffer(samples.len(), wanted.unwrap_or(usize::MAX))?;
        let per_read = (READ_BYTES / self.layout.trace_bytes).max(1) as usize;
        samples.par_chunks_mut(per_read * per_trace).enumerate().try_for_each(|(index, samples)| {
            let first = traces.start + (index * per_read) as u64;
            let traces = samples.len() / per_trace;
            self.with_span(first, traces, |span| {
                for (trace, samples) in samples.chunks_exact_mut(per_trace).enumerate() {
                    self.decode(span, trace, samples);
                }
            })
        })
    }

    /// All traces in file order, in blocks of some MiB: the file's own samples, neither moved nor filled up where delay
    /// recording times differ.
    pub fn traces(&self) -> impl Iterator<Item = Result<TraceBlock, SegyError>> + '_ {
        let per_block = (BLOCK_BYTES / self.layout.trace_bytes).max(1);
        let starts = (0..self.trace_count()).step_by(usize::try_from(per_block).unwrap_or(usize::MAX));
        starts.map(move |first_trace| {
            let end = (first_trace + per_block).min(self.trace_count());
            let samples = self.layout.sample_count;
            let mut amplitudes = self.zeros("traces", (end - first_trace) as usize, samples)?;
            self.read_traces(first_trace..end, &mut amplitudes)?;
            Ok(TraceBlock { first_trace, samples, amplitudes })
        })
    }

    /// The numbers of the lines that can be read in a direction, or `None` where the survey has none.
    ///
    /// A 2-D line is its survey's only inline.
    #[must_use]
    pub fn lines(&self, direction: Direction) -> Option<LineAxis> {
        self.geometry().lines(direction)
    }

    /// Reads the section along the line called `line`: amplitudes `[samples, traces]`, zeros where a bin has no trace.
    ///
    /// A 2-D line is read as the inline of its own number (see [`SegyFile::lines`]).
    ///
    /// # Errors
    /// [`SegyError::NoSuchLine`], [`SegyError::NotAVolume`], [`SegyError::Prestack`] unless stacking was asked for,
    /// [`SegyError::TooLarge`], [`SegyError::Read`].
    pub fn read_section(&self, direction: Direction, line: i32) -> Result<Section, SegyError> {
        let (mut columns, traces) = self.columns(direction, line)?;
        let amplitudes = match &self.arrangement.shifts {
            None => self.read_columns(&mut columns, traces.count, 0..self.layout.sample_count)?,
            Some(shifts) => self.read_shifted_columns(&mut columns, traces.count, shifts)?,
        };
        Ok(Section { direction, line, traces, samples: self.samples(), amplitudes })
    }

    /// Reads a rectangle of a section, `[bounds.samples, bounds.traces]`, which lies inside it: its own traces only.
    pub(crate) fn read_tile(
        &self,
        direction: Direction,
        line: i32,
        bounds: TileBox,
    ) -> Result<Vec<f32>, SegyError> {
        if self.arrangement.shifts.is_some() {
            return Ok(self.read_section(direction, line)?.cut(bounds).unwrap_or_default());
        }
        let (mut columns, _) = self.columns(direction, line)?;
        columns.retain_mut(|column| {
            let inside =
                column.column.checked_sub(bounds.first_trace).filter(|&inside| inside < bounds.traces);
            column.column = inside.unwrap_or(0);
            inside.is_some()
        });
        let samples = bounds.first_sample..bounds.first_sample + bounds.samples;
        self.read_columns(&mut columns, bounds.traces, samples)
    }

    /// The traces of a section and the columns that they belong to; the section's numbers.
    fn columns(&self, direction: Direction, line: i32) -> Result<(Vec<Column>, LineAxis), SegyError> {
        self.check_stacked()?;
        let lines = self.lines(direction).zip(self.geometry().traces(direction));
        let not_there = || SegyError::NotAVolume { name: self.name.clone(), what: "crosslines" };
        let (lines, traces) = lines.ok_or_else(not_there)?;
        lines.index_of(line).ok_or_else(|| self.no_such_line(direction, line, lines))?;
        let (axis, number) = match (self.geometry(), direction) {
            // The traces of a 2-D line are indexed on line 0.
            (Geometry::Line(_), _) => (0, 0),
            (Geometry::Volume(_), Direction::Inline) => (0, line),
            (Geometry::Volume(_), Direction::Crossline) => (1, line),
        };
        let mut columns = Vec::new();
        self.arrangement.runs.on_line(axis, number, |trace, other| {
            if let Some(column) = traces.index_of(other) {
                columns.push(Column { trace, column });
            }
        });
        Ok((columns, traces))
    }

    /// Reads some samples of `columns` into a section of `width` traces, `[samples, width]`.
    fn read_columns(
        &self,
        columns: &mut [Column],
        width: usize,
        samples: Range<usize>,
    ) -> Result<Vec<f32>, SegyError> {
        let mut section = self.zeros("a section", samples.len(), width)?;
        let stacking = self.gathers().is_some();
        columns.sort_unstable_by_key(|column| column.trace);
        let mut folds = vec![0_u32; width];
        // The first trace of a bin is the one that counts, unless all do.
        let used = columns.iter().filter(|column| {
            folds[column.column] += 1;
            stacking || folds[column.column] == 1
        });
        // Upright stripes, so that a thread reads its own traces and puts them in place while its cache holds them.
        let stripe_width = width.div_ceil(2 * rayon::current_num_threads()).next_multiple_of(TILE);
        let mut stripes: Vec<Stripe> = (0..width.div_ceil(stripe_width)).map(|_| Stripe::default()).collect();
        for column in used {
            let inside = column.column % stripe_width;
            stripes[column.column / stripe_width].columns.push(Column { column: inside, ..*column });
        }
        for row in section.chunks_exact_mut(width) {
            for (stripe, row) in stripes.iter_mut().zip(row.chunks_mut(stripe_width)) {
                stripe.rows.push(row);
            }
        }
        stripes.par_iter_mut().try_for_each(|stripe| self.fill(stripe, samples.start, stacking))?;
        if stacking {
            let scale: Vec<f32> = folds.iter().map(|&fold| 1.0 / fold.max(1) as f32).collect();
            section.par_chunks_mut(width).for_each(|row| {
                for (amplitude, scale) in row.iter_mut().zip(&scale) {
                    *amplitude *= scale;
                }
            });
        }
        Ok(section)
    }

    /// Reads the traces of a stripe and puts their samples from `first` on in place, a batch after the other.
    fn fill(&self, stripe: &mut Stripe, first: usize, stacking: bool) -> Result<(), SegyError> {
        let Stripe { columns, rows } = stripe;
        let mut rest = columns.as_slice();
        while !rest.is_empty() {
            let batch = self.batch(rest);
            rest = &rest[batch.places.len()..];
            self.with_bytes(batch.bytes, |bytes| {
                let mut unread = &mut bytes[..];
                for read in &batch.reads {
                    let traces = (read.end - read.start) as usize;
                    let (now, later) = unread.split_at_mut(traces * self.layout.trace_bytes as usize);
                    self.read_bytes("traces", now, self.layout.trace_offset(read.start))?;
                    unread = later;
                }
                // Several traces of a column must not meet in one tile.
                for places in batch.places.chunks(if stacking { 1 } else { TILE }) {
                    self.put(bytes, places, first, rows, stacking);
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// What to read next for `columns`, by rising trace: whole tiles, as many as the processor's second cache holds. The
    /// traces between two of them are read along where that saves time.
    fn batch(&self, columns: &[Column]) -> Batch {
        let trace_bytes = self.layout.trace_bytes;
        let tiles = (CACHED_BYTES / trace_bytes) as usize / TILE;
        let most = tiles.max(1) * TILE;
        let mut batch =
            Batch { reads: Vec::new(), places: Vec::with_capacity(most.min(columns.len())), bytes: 0 };
        for &Column { trace, column } in columns.iter().take(most) {
            let gap = batch.reads.last().map(|read| trace - read.end);
            let gap = gap.filter(|&gap| gap.saturating_mul(trace_bytes) <= MERGED_GAP_BYTES);
            let bytes = batch.bytes.saturating_add((gap.unwrap_or(0) + 1).saturating_mul(trace_bytes));
            if bytes > KEPT_BYTES && !batch.reads.is_empty() {
                break;
            }
            match batch.reads.last_mut() {
                Some(read) if gap.is_some() => read.end = trace + 1,
                _ => batch.reads.push(trace..trace + 1),
            }
            batch.bytes = bytes;
            batch.places.push(Place { end: bytes as usize, column });
        }
        // Tiles are of neighbours, whichever way the file runs.
        batch.places.sort_by_key(|place| place.column);
        batch
    }

    /// Decodes the traces at `places` of `bytes`, from their sample `first` on, into their columns of `rows`; adds them to what
    /// is there if `stacking`.
    fn put(&self, bytes: &[u8], places: &[Place], first: usize, rows: &mut [&mut [f32]], stacking: bool) {
        let (format, order) = (self.layout.format, self.layout.order);
        let stored = (self.layout.sample_count - first) * format.bytes();
        let mut tile = [[0.0; ROWS]; TILE];
        let neighbours = places.windows(2).all(|pair| pair[0].column + 1 == pair[1].column);
        let whole = places.len() == TILE && neighbours && !stacking;
        for (block, rows) in rows.chunks_mut(ROWS).enumerate() {
            for (samples, place) in tile.iter_mut().zip(places) {
                let trace = &bytes[place.end - stored..place.end];
                format.decode(order, &trace[block * ROWS * format.bytes()..], &mut samples[..rows.len()]);
            }
            if whole {
                put_tile(&tile, rows, places[0].column);
                continue;
            }
            for (place, samples) in places.iter().zip(&tile) {
                for (row, &sample) in rows.iter_mut().zip(samples) {
                    let amplitude = &mut row[place.column];
                    *amplitude = if stacking { *amplitude + sample } else { sample };
                }
            }
        }
    }

    /// Cuts columns, by rising trace, into what one read takes.
    pub(super) fn batches<'a>(&self, columns: &'a [Column]) -> Vec<&'a [Column]> {
        let trace_bytes = self.layout.trace_bytes;
        let mut batches = Vec::new();
        let mut start = 0;
        for end in 1..=columns.len() {
            let full = end == columns.len() || {
                let gap = (columns[end].trace - columns[end - 1].trace - 1).saturating_mul(trace_bytes);
                let bytes = (columns[end].trace - columns[start].trace + 1).saturating_mul(trace_bytes);
                gap > MERGED_GAP_BYTES || bytes > READ_BYTES
            };
            if full {
                batches.push(&columns[start..end]);
                start = end;
            }
        }
        batches
    }

    /// The samples of the batch's traces, `[traces, samples]`.
    pub(super) fn read_batch(&self, batch: &[Column]) -> Result<Vec<f32>, SegyError> {
        let (Some(first), Some(last)) = (batch.first(), batch.last()) else { return Ok(Vec::new()) };
        let samples = self.layout.sample_count;
        let mut amplitudes = vec![0.0; batch.len() * samples];
        self.with_span(first.trace, (last.trace - first.trace + 1) as usize, |span| {
            for (column, amplitudes) in batch.iter().zip(amplitudes.chunks_exact_mut(samples)) {
                self.decode(span, (column.trace - first.trace) as usize, amplitudes);
            }
        })?;
        Ok(amplitudes)
    }

    /// Reads the bytes of consecutive traces, headers included, and hands them to `used`.
    pub(super) fn with_span(
        &self,
        first: u64,
        traces: usize,
        used: impl FnOnce(&[u8]),
    ) -> Result<(), SegyError> {
        self.with_bytes(self.layout.trace_bytes.saturating_mul(traces as u64), |span| {
            self.read_bytes("traces", span, self.layout.trace_offset(first))?;
            used(span);
            Ok(())
        })
    }

    /// Hands out a buffer of so many bytes, whatever they hold, for traces to be read into.
    fn with_bytes(
        &self,
        bytes: u64,
        used: impl FnOnce(&mut [u8]) -> Result<(), SegyError>,
    ) -> Result<(), SegyError> {
        thread_local! {
            /// Kept from call to call: fresh memory would cost more than filling it.
            static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        let too_large = || SegyError::TooLarge {
            name: self.name.clone(),
            what: "traces",
            samples: bytes / self.layout.format.bytes() as u64,
        };
        let bytes = usize::try_from(bytes).map_err(|_| too_large())?;
        BUFFER.with_borrow_mut(|buffer| {
            if buffer.len() < bytes {
                buffer.try_reserve_exact(bytes - buffer.len()).map_err(|_| too_large())?;
                buffer.resize(bytes, 0);
            }
            let result = used(&mut buffer[..bytes]);
            if buffer.len() as u64 > KEPT_BYTES {
                *buffer = Vec::new();
            }
            result
        })
    }

    /// Decodes the `trace`-th trace of a span.
    fn decode(&self, span: &[u8], trace: usize, samples: &mut [f32]) {
        let start = trace * self.layout.trace_bytes as usize + self.layout.header_bytes as usize;
        self.layout.format.decode(self.layout.order, &span[start..], samples);
    }

    pub(super) fn zeros(
        &self,
        what: &'static str,
        rows: usize,
        columns: usize,
    ) -> Result<Vec<f32>, SegyError> {
        let too_large = || SegyError::TooLarge {
            name: self.name.clone(),
            what,
            samples: (rows as u64).saturating_mul(columns as u64),
        };
        let count = rows.checked_mul(columns).ok_or_else(too_large)?;
        let mut zeros = Vec::new();
        zeros.try_reserve_exact(count).map_err(|_| too_large())?;
        zeros.resize(count, 0.0);
        Ok(zeros)
    }

    fn check_buffer(&self, found: usize, expected: usize) -> Result<(), SegyError> {
        if found == expected {
            return Ok(());
        }
        Err(SegyError::BufferLength { name: self.name.clone(), what: "traces", found, expected })
    }

    pub(super) fn check_stacked(&self) -> Result<(), SegyError> {
        match self.gathers() {
            Some(gathers) if self.options.prestack == Prestack::Refuse => {
                Err(SegyError::Prestack { name: self.name.clone(), summary: gathers.summary.clone() })
            }
            _ => Ok(()),
        }
    }

    pub(super) fn no_such_sample(&self, sample: usize) -> SegyError {
        SegyError::NoSuchSample { name: self.name.clone(), sample, count: self.samples().count }
    }

    fn no_such_line(&self, direction: Direction, line: i32, lines: LineAxis) -> SegyError {
        let LineAxis { first, step, count } = lines;
        let available = match self.geometry() {
            Geometry::Volume(_) => {
                format!("its {direction}s are {first} to {} by {step} ({count})", lines.last())
            }
            Geometry::Line(LineGeometry { line, .. }) => format!("it is a 2-D line, read as inline {line}"),
        };
        SegyError::NoSuchLine { name: self.name.clone(), direction, line, available }
    }
}

/// Writes decoded traces into neighbouring columns, from `column` on, four rows at a time: squares of 4 × 4 with lengths
/// known to the compiler become vector shuffles.
fn put_tile(tile: &[[f32; ROWS]; TILE], rows: &mut [&mut [f32]], column: usize) {
    let (fours, rest) = rows.as_chunks_mut::<4>();
    for (four, rows) in fours.iter_mut().enumerate() {
        let [Some(row0), Some(row1), Some(row2), Some(row3)] =
            rows.each_mut().map(|row| row[column..].first_chunk_mut::<TILE>())
        else {
            return;
        };
        for traces in (0..TILE).step_by(4) {
            let [a, b, c, d]: [[f32; 4]; 4] = std::array::from_fn(|trace| {
                std::array::from_fn(|sample| tile[traces + trace][4 * four + sample])
            });
            for (row, sample) in [&mut *row0, &mut *row1, &mut *row2, &mut *row3].into_iter().zip(0..) {
                row[traces..traces + 4].copy_from_slice(&[a[sample], b[sample], c[sample], d[sample]]);
            }
        }
    }
    for (row, sample) in rest.iter_mut().zip(4 * fours.len()..) {
        for (amplitude, trace) in row[column..].iter_mut().zip(tile) {
            *amplitude = trace[sample];
        }
    }
}
