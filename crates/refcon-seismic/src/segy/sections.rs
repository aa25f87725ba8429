//! Reading traces, sections and time slices: no more bytes than they need, in parallel.

use super::runs::Run;
use super::{Prestack, SegyError, SegyFile};
use crate::{Direction, Geometry, LineAxis, LineGeometry, SampleAxis, Section, TimeSlice, VolumeGeometry};
use rayon::prelude::*;
use std::cell::RefCell;
use std::ops::Range;

/// Bytes not needed that are read along where that saves a call, which costs about as much (measured: 1.1 µs a call,
/// 6 GB/s).
const MERGED_GAP_BYTES: u64 = 6144;
/// Bytes a read may take; several reads make a task for each thread.
const READ_BYTES: u64 = 512 << 10;
/// Bytes of a block of the streaming iterator.
const BLOCK_BYTES: u64 = 8 << 20;
/// Samples and traces that are transposed together: 16 amplitudes are one cache line.
const TILE: usize = 16;
/// Rows of a section that a thread fills at a time: they stay in the processor's second cache.
const ROWS: usize = 4 * TILE;
/// Traces to a task of a time slice.
const SLICE_TRACES: u32 = 8192;

/// A trace and the column of the section that it belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub trace: u64,
    pub column: usize,
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
        self.check_stacked()?;
        let lines = self
            .lines(direction)
            .ok_or_else(|| SegyError::NotAVolume { name: self.name.clone(), what: "crosslines" })?;
        lines.index_of(line).ok_or_else(|| self.no_such_line(direction, line, lines))?;
        let (traces, axis, number) = match (self.geometry(), direction) {
            (Geometry::Volume(volume), Direction::Inline) => (volume.crosslines, 0, line),
            (Geometry::Volume(volume), Direction::Crossline) => (volume.inlines, 1, line),
            // The traces of a 2-D line are indexed on line 0.
            (Geometry::Line(geometry), _) => (geometry.traces, 0, 0),
        };
        let mut columns = Vec::new();
        self.arrangement.runs.on_line(axis, number, |trace, other| {
            if let Some(column) = traces.index_of(other) {
                columns.push(Column { trace, column });
            }
        });
        let amplitudes = match &self.arrangement.shifts {
            None => self.read_columns(&mut columns, traces.count)?,
            Some(shifts) => self.read_shifted_columns(&mut columns, traces.count, shifts)?,
        };
        Ok(Section { direction, line, traces, samples: self.samples(), amplitudes })
    }

    /// Reads one sample of every trace of a volume: the time or depth slice at index `sample`.
    ///
    /// # Errors
    /// [`SegyError::NoSuchSample`], and as [`SegyFile::read_section`].
    pub fn read_time_slice(&self, sample: usize) -> Result<TimeSlice, SegyError> {
        let mut slices = self.read_time_slices(sample..sample.saturating_add(1))?;
        slices.pop().ok_or_else(|| self.no_such_sample(sample))
    }

    /// Reads neighbouring time or depth slices in one pass over the traces, which takes hardly longer than one of them.
    ///
    /// # Errors
    /// As [`SegyFile::read_time_slice`]; [`SegyError::TooLarge`] where so many do not fit into memory.
    pub fn read_time_slices(&self, samples: Range<usize>) -> Result<Vec<TimeSlice>, SegyError> {
        let Geometry::Volume(volume) = self.geometry() else {
            return Err(SegyError::NotAVolume { name: self.name.clone(), what: "time slices" });
        };
        self.check_stacked()?;
        if samples.is_empty() {
            return Ok(Vec::new());
        }
        let axis = self.samples();
        if samples.end > axis.count {
            return Err(self.no_such_sample(samples.start.max(axis.count)));
        }
        if let Some(shifts) = &self.arrangement.shifts {
            let slices = self.read_shifted_slices(volume, samples.clone(), shifts)?;
            return Ok(placed_slices(volume, axis, samples, slices));
        }
        let VolumeGeometry { inlines, crosslines, .. } = *volume;
        let what = "time slices";
        let slices: Result<Vec<Vec<f32>>, SegyError> =
            samples.clone().map(|_| self.zeros(what, inlines.count, crosslines.count)).collect();
        let mut slices = slices?;
        let stacking = self.gathers().is_some();
        let mut folds = vec![0_u32; inlines.count * crosslines.count];
        let runs = self.arrangement.runs.runs();
        let pieces = runs.iter().flat_map(|run| {
            let starts = (0..run.count).step_by(SLICE_TRACES as usize);
            starts.map(move |start| (run, start..run.count.min(start.saturating_add(SLICE_TRACES))))
        });
        let pieces: Vec<(&Run, Range<u32>)> = pieces.collect();
        // In rounds, so that what waits to be put in place stays small.
        let mut start = 0;
        while start < pieces.len() {
            let mut held = 0;
            let round = pieces[start..].iter().take_while(|(_, indices)| {
                held += indices.len() * samples.len();
                held <= HELD_SAMPLES || held == indices.len() * samples.len()
            });
            let round = &pieces[start..start + round.count()];
            start += round.len();
            let read: Result<Vec<Vec<f32>>, SegyError> = round
                .par_iter()
                .map(|(run, indices)| {
                    let first = run.first_trace + u64::from(indices.start);
                    self.read_samples_of(first, indices.len(), samples.clone())
                })
                .collect();
            for ((run, indices), values) in round.iter().zip(read?) {
                for (index, values) in indices.clone().zip(values.chunks_exact(samples.len())) {
                    let [inline, crossline] = run.numbers(index);
                    let Some((i, j)) = inlines.index_of(inline).zip(crosslines.index_of(crossline)) else {
                        continue;
                    };
                    let bin = i * crosslines.count + j;
                    folds[bin] += 1;
                    for (slice, &value) in slices.iter_mut().zip(values) {
                        if stacking {
                            slice[bin] += value;
                        } else if folds[bin] == 1 {
                            slice[bin] = value;
                        }
                    }
                }
            }
        }
        if stacking {
            for slice in &mut slices {
                for (amplitude, &fold) in slice.iter_mut().zip(&folds) {
                    *amplitude /= fold.max(1) as f32;
                }
            }
        }
        Ok(placed_slices(volume, axis, samples, slices))
    }

    /// Some samples of consecutive traces, `[traces, samples]`.
    pub(super) fn read_samples_of(
        &self,
        first: u64,
        traces: usize,
        samples: Range<usize>,
    ) -> Result<Vec<f32>, SegyError> {
        let (format, order) = (self.layout.format, self.layout.order);
        let inside = self.layout.header_bytes + (samples.start * format.bytes()) as u64;
        let wanted = samples.len() * format.bytes();
        let mut values = vec![0.0; traces * samples.len()];
        if self.layout.trace_bytes < wanted as u64 + MERGED_GAP_BYTES {
            let per_read = (READ_BYTES / self.layout.trace_bytes).max(1) as usize;
            for (index, values) in values.chunks_mut(per_read * samples.len()).enumerate() {
                let traces = values.len() / samples.len();
                self.with_span(first + (index * per_read) as u64, traces, |span| {
                    let spans = span.chunks_exact(self.layout.trace_bytes as usize);
                    for (values, trace) in values.chunks_exact_mut(samples.len()).zip(spans) {
                        format.decode(order, &trace[inside as usize..], values);
                    }
                })?;
            }
        } else {
            let mut bytes = vec![0; wanted];
            for (values, trace) in values.chunks_exact_mut(samples.len()).zip(first..) {
                self.read_bytes("samples", &mut bytes, self.layout.trace_offset(trace) + inside)?;
                format.decode(order, &bytes, values);
            }
        }
        Ok(values)
    }

    /// Reads `columns` into a section of `width` traces, `[samples, width]`.
    fn read_columns(&self, columns: &mut [Column], width: usize) -> Result<Vec<f32>, SegyError> {
        let samples = self.layout.sample_count;
        let mut section = self.zeros("a section", samples, width)?;
        let stacking = self.gathers().is_some();
        columns.sort_unstable_by_key(|column| column.trace);
        let mut folds = vec![0_u32; width];
        // The first trace of a bin is the one that counts, unless all do.
        let used: Vec<Column> = columns
            .iter()
            .filter(|column| {
                folds[column.column] += 1;
                stacking || folds[column.column] == 1
            })
            .copied()
            .collect();
        let batches: Vec<&[Column]> = self.batches(&used);
        // Groups of batches bound the memory of a gather's many traces.
        for group in batches.chunks(BATCHES_AT_A_TIME) {
            let decoded: Result<Vec<Vec<f32>>, SegyError> =
                group.par_iter().map(|batch| self.read_batch(batch)).collect();
            let decoded = decoded?;
            let traces = group.iter().zip(&decoded).flat_map(|(batch, decoded)| {
                batch.iter().map(|column| column.column).zip(decoded.chunks_exact(samples))
            });
            let traces: Vec<(usize, &[f32])> = traces.collect();
            section.par_chunks_mut(ROWS * width).enumerate().for_each(|(block, rows)| {
                for traces in traces.chunks(TILE) {
                    for (tile, rows) in rows.chunks_mut(TILE * width).enumerate() {
                        put_columns(rows, width, traces, block * ROWS + tile * TILE, stacking);
                    }
                }
            });
        }
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
    fn with_span(&self, first: u64, traces: usize, used: impl FnOnce(&[u8])) -> Result<(), SegyError> {
        thread_local! {
            /// Kept from call to call: fresh memory would cost more than filling it.
            static SPAN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        let too_large = || SegyError::TooLarge {
            name: self.name.clone(),
            what: "traces",
            samples: traces as u64 * self.layout.sample_count as u64,
        };
        let bytes = usize::try_from(self.layout.trace_bytes).ok().and_then(|bytes| bytes.checked_mul(traces));
        let bytes = bytes.ok_or_else(too_large)?;
        SPAN.with_borrow_mut(|span| {
            if span.len() < bytes {
                span.try_reserve_exact(bytes - span.len()).map_err(|_| too_large())?;
                span.resize(bytes, 0);
            }
            self.read_bytes("traces", &mut span[..bytes], self.layout.trace_offset(first))?;
            used(&span[..bytes]);
            if span.len() > KEPT_BYTES {
                *span = Vec::new();
            }
            Ok(())
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

    fn check_stacked(&self) -> Result<(), SegyError> {
        match self.gathers() {
            Some(gathers) if self.options.prestack == Prestack::Refuse => {
                Err(SegyError::Prestack { name: self.name.clone(), summary: gathers.summary.clone() })
            }
            _ => Ok(()),
        }
    }

    fn no_such_sample(&self, sample: usize) -> SegyError {
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

/// Slices of these samples, with where they lie.
fn placed_slices(
    volume: &VolumeGeometry,
    axis: SampleAxis,
    samples: Range<usize>,
    slices: Vec<Vec<f32>>,
) -> Vec<TimeSlice> {
    let VolumeGeometry { inlines, crosslines, .. } = *volume;
    let slices = samples.zip(slices).map(|(sample, amplitudes)| {
        let position = axis.position(sample);
        TimeSlice { sample, position, inlines, crosslines, amplitudes }
    });
    slices.collect()
}

/// Puts the samples of `traces` from `first` on into the columns of `rows`, each `width` wide; adds them to what is
/// there if `stacking`.
fn put_columns(rows: &mut [f32], width: usize, traces: &[(usize, &[f32])], first: usize, stacking: bool) {
    let height = rows.len() / width;
    let neighbours = traces.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0);
    if !stacking && neighbours && traces.len() == TILE && height == TILE {
        // Lengths known to the compiler, so that each row is written a cache line at a time without checks.
        let tile: [&[f32; TILE]; TILE] =
            std::array::from_fn(|trace| traces[trace].1[first..].first_chunk().unwrap_or(&[0.0; TILE]));
        for (sample, row) in rows.chunks_exact_mut(width).enumerate().take(TILE) {
            if let Some(row) = row[traces[0].0..].first_chunk_mut::<TILE>() {
                *row = std::array::from_fn(|trace| tile[trace][sample]);
            }
        }
        return;
    }
    for (column, trace) in traces {
        for (row, &sample) in rows.chunks_exact_mut(width).zip(&trace[first..]) {
            row[*column] = if stacking { row[*column] + sample } else { sample };
        }
    }
}

/// A thread keeps a buffer of at most so many bytes.
const KEPT_BYTES: usize = 4 << 20;
/// Reads of a section that are held at a time.
const BATCHES_AT_A_TIME: usize = 256;
/// Samples of time slices that wait to be put in place, about.
pub(super) const HELD_SAMPLES: usize = 16 << 20;
