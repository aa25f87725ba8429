//! Surveys that are one array in a file: `.npy`, or samples without any header.

use super::SurveyError;
use super::options::{ArrayAxes, ArrayShape, RawArray};
use crate::segy::{ReadAt, TraceBlock};
use crate::{
    Direction, Geometry, LineAxis, LineGeometry, LineNumbering, SampleAxis, Section, TimeSlice,
    VolumeGeometry,
};
use rayon::prelude::*;
use std::cmp::Ordering;
use std::path::{Path, PathBuf};

/// Bytes not needed that are read along where that saves a call, which costs about as much.
const MERGED_GAP_BYTES: usize = 6144;
/// Bytes a read may take; several reads make a task for each thread.
const READ_BYTES: usize = 512 << 10;
/// Bytes of a block of the streaming iterator.
const BLOCK_BYTES: usize = 8 << 20;
/// Samples and traces that are transposed together: 16 amplitudes are one cache line.
const TILE: usize = 16;

/// An array and the order of its traces.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct StoredArray {
    pub(super) array: RawArray,
    /// Whether the samples of a trace lie together.
    pub(super) trace_by_trace: bool,
}

/// An array in a file, read where it lies.
#[derive(Debug)]
pub(super) struct ArrayFile {
    path: PathBuf,
    source: Box<dyn ReadAt>,
    stored: StoredArray,
    geometry: Geometry,
    samples: SampleAxis,
}

/// Rows of an array, equally long and equally far apart, all counted in samples.
#[derive(Debug, Clone, Copy)]
struct Rows {
    start: usize,
    length: usize,
    stride: usize,
}

impl ArrayFile {
    /// Checks that the array is not empty and lies inside its file, and numbers its lines.
    pub(super) fn new(
        path: &Path,
        source: Box<dyn ReadAt>,
        stored: StoredArray,
        axes: &ArrayAxes,
    ) -> Result<Self, SurveyError> {
        let lengths = stored.array.shape.lengths();
        if lengths.contains(&0) {
            return Err(SurveyError::Shape { path: path.to_owned(), found: wide(lengths) });
        }
        let samples = SampleAxis {
            domain: axes.domain,
            first: axes.first_sample,
            interval: axes.sample_interval,
            count: stored.array.shape.samples(),
        };
        let problem = |problem| SurveyError::Axes { path: path.to_owned(), problem };
        if !(samples.first.is_finite() && samples.interval.is_finite() && samples.interval > 0.0) {
            let (first, interval) = (samples.first, samples.interval);
            return Err(problem(format!(
                "the first sample lies at {first} and the sample interval is {interval}, expected two finite numbers, \
                 the interval above 0"
            )));
        }
        let geometry = geometry(stored.array.shape, axes).map_err(problem)?;
        Ok(Self { path: path.to_owned(), source, stored, geometry, samples })
    }

    pub(super) fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    pub(super) fn samples(&self) -> SampleAxis {
        self.samples
    }

    /// Traces of the array; they all have one.
    pub(super) fn trace_count(&self) -> u64 {
        self.traces_in_all() as u64
    }

    fn traces_in_all(&self) -> usize {
        match self.stored.array.shape {
            ArrayShape::Volume([inlines, crosslines, _]) => inlines * crosslines,
            ArrayShape::Section([_, traces]) => traces,
        }
    }

    /// The section along the line called `line`, `[samples, traces]`.
    pub(super) fn read_section(&self, direction: Direction, line: i32) -> Result<Section, SurveyError> {
        let length = self.samples.count;
        let (lines, traces) = match (&self.geometry, direction) {
            (Geometry::Volume(volume), Direction::Inline) => (volume.inlines, volume.crosslines),
            (Geometry::Volume(volume), Direction::Crossline) => (volume.crosslines, volume.inlines),
            (Geometry::Line(geometry), Direction::Inline) => (geometry.only_line(), geometry.traces),
            (Geometry::Line(_), Direction::Crossline) => return Err(self.not_a_volume("crosslines")),
        };
        let index = lines.index_of(line).ok_or_else(|| SurveyError::NoSuchLine {
            path: self.path.clone(),
            direction,
            line,
            first: lines.first,
            last: lines.last(),
            step: lines.step,
        })?;
        let rows = match direction {
            _ if !self.stored.trace_by_trace => Rows { start: 0, length: traces.count, stride: traces.count },
            Direction::Inline => Rows { start: index * traces.count * length, length, stride: length },
            Direction::Crossline => Rows { start: index * length, length, stride: lines.count * length },
        };
        let mut amplitudes = self.zeros(length, traces.count)?;
        if self.stored.trace_by_trace {
            let mut panel = self.zeros(traces.count, length)?;
            self.read_rows(rows, &mut panel)?;
            transpose(&panel, length, &mut amplitudes);
        } else {
            self.read_rows(rows, &mut amplitudes)?;
        }
        Ok(Section { direction, line, traces, samples: self.samples, amplitudes })
    }

    /// One sample of every trace, `[inlines, crosslines]`.
    pub(super) fn read_time_slice(&self, sample: usize) -> Result<TimeSlice, SurveyError> {
        let Geometry::Volume(VolumeGeometry { inlines, crosslines, .. }) = self.geometry else {
            return Err(self.not_a_volume("time slices"));
        };
        if sample >= self.samples.count {
            let last = self.samples.count - 1;
            return Err(SurveyError::NoSuchSample { path: self.path.clone(), sample, last });
        }
        let mut amplitudes = self.zeros(inlines.count, crosslines.count)?;
        self.read_rows(Rows { start: sample, length: 1, stride: self.samples.count }, &mut amplitudes)?;
        let position = self.samples.position(sample);
        Ok(TimeSlice { sample, position, inlines, crosslines, amplitudes })
    }

    /// All traces in blocks of some MiB: inline by inline, or along the section.
    pub(super) fn traces(&self) -> impl Iterator<Item = Result<TraceBlock, SurveyError>> + '_ {
        let count = self.traces_in_all();
        let length = self.samples.count;
        let per_block = (BLOCK_BYTES / (length * size_of::<f32>())).max(1);
        (0..count).step_by(per_block).map(move |first| {
            let traces = per_block.min(count - first);
            let mut amplitudes = self.zeros(traces, length)?;
            if self.stored.trace_by_trace {
                self.read_rows(Rows { start: first * length, length, stride: length }, &mut amplitudes)?;
            } else {
                let mut rows = self.zeros(length, traces)?;
                self.read_rows(Rows { start: first, length: traces, stride: count }, &mut rows)?;
                transpose(&rows, traces, &mut amplitudes);
            }
            Ok(TraceBlock { first_trace: first as u64, samples: length, amplitudes })
        })
    }

    /// Fills `amplitudes` with rows, one after the other.
    fn read_rows(&self, rows: Rows, amplitudes: &mut [f32]) -> Result<(), SurveyError> {
        let sample_bytes = self.stored.array.format.bytes();
        let merged = (rows.stride - rows.length) * sample_bytes <= MERGED_GAP_BYTES;
        let span_rows = if merged { (READ_BYTES / (rows.stride * sample_bytes)).max(1) } else { 1 };
        amplitudes.par_chunks_mut(span_rows * rows.length).enumerate().try_for_each_init(
            Vec::new,
            |span, (index, amplitudes)| {
                let start = rows.start + index * span_rows * rows.stride;
                let count = amplitudes.len() / rows.length;
                let values = (count - 1) * rows.stride + rows.length;
                span.resize(values * sample_bytes, 0);
                self.read_bytes(span, start)?;
                for (row, amplitudes) in amplitudes.chunks_exact_mut(rows.length).enumerate() {
                    let bytes = &span[row * rows.stride * sample_bytes..];
                    self.stored.array.format.decode(self.stored.array.byte_order, bytes, amplitudes);
                }
                Ok(())
            },
        )
    }

    /// Fills `bytes` from the sample at index `start` on.
    fn read_bytes(&self, bytes: &mut [u8], start: usize) -> Result<(), SurveyError> {
        let offset = self.stored.array.offset + start as u64 * self.stored.array.format.bytes() as u64;
        self.source.read_exact_at(bytes, offset).map_err(|source| SurveyError::Read {
            path: self.path.clone(),
            offset,
            bytes: bytes.len(),
            source,
        })
    }

    fn zeros(&self, rows: usize, columns: usize) -> Result<Vec<f32>, SurveyError> {
        let too_large =
            || SurveyError::TooLarge { path: self.path.clone(), samples: rows as u128 * columns as u128 };
        let count = rows.checked_mul(columns).ok_or_else(too_large)?;
        let mut zeros = Vec::new();
        zeros.try_reserve_exact(count).map_err(|_| too_large())?;
        zeros.resize(count, 0.0);
        Ok(zeros)
    }

    fn not_a_volume(&self, what: &'static str) -> SurveyError {
        let line = self.geometry.line().map_or(0, |line| line.line);
        SurveyError::NotAVolume { path: self.path.clone(), what, line }
    }
}

/// Checks that an array lies inside its file; where `exact`, that it ends with it.
pub(super) fn check_size(path: &Path, array: &RawArray, found: u64, exact: bool) -> Result<(), SurveyError> {
    let lengths = array.shape.lengths();
    // Saturating: what does not fit into 128 bits does not fit into a file.
    let samples = lengths.iter().fold(1_u128, |product, &length| product.saturating_mul(length as u128));
    let expected =
        samples.saturating_mul(array.format.bytes() as u128).saturating_add(u128::from(array.offset));
    let hint = match u128::from(found).cmp(&expected) {
        Ordering::Equal => return Ok(()),
        Ordering::Greater if !exact => return Ok(()),
        _ if exact => "give the shape, sample format and offset that the file was written with",
        _ => "the file is cut off, copy it again",
    };
    Err(SurveyError::Size {
        path: path.to_owned(),
        shape: wide(lengths),
        sample_bytes: array.format.bytes(),
        offset: array.offset,
        expected,
        found,
        hint,
    })
}

fn wide(lengths: &[usize]) -> Vec<u64> {
    lengths.iter().map(|&length| length as u64).collect()
}

fn geometry(shape: ArrayShape, axes: &ArrayAxes) -> Result<Geometry, String> {
    let axis = |what: &str, first: i32, step: i32, count: usize| {
        let last = i128::from(first) + i128::from(step) * (count as i128 - 1);
        if step == 0 || i32::try_from(last).is_err() {
            return Err(format!(
                "{count} {what} from {first} by {step} would end at {last}, expected a step other than 0 and numbers of \
                 at most 32 bits"
            ));
        }
        Ok(LineAxis { first, step, count })
    };
    Ok(match shape {
        ArrayShape::Volume([inlines, crosslines, _]) => Geometry::Volume(VolumeGeometry {
            inlines: axis("inlines", axes.first_inline, axes.inline_step, inlines)?,
            crosslines: axis("crosslines", axes.first_crossline, axes.crossline_step, crosslines)?,
            live_bins: inlines as u64 * crosslines as u64,
            extra_traces: 0,
            grid: axes.grid,
        }),
        ArrayShape::Section([_, traces]) => Geometry::Line(LineGeometry {
            line: axes.first_inline,
            traces: axis("traces", axes.first_crossline, axes.crossline_step, traces)?,
            numbered_by: LineNumbering::Trace,
            live_traces: traces as u64,
            extra_traces: 0,
            ends: None,
        }),
    })
}

/// Turns rows of `width` into columns: `turned` is `[width, rows]`.
fn transpose(rows: &[f32], width: usize, turned: &mut [f32]) {
    let columns = rows.len() / width;
    turned.par_chunks_mut(TILE * columns).enumerate().for_each(|(index, turned)| {
        let first = index * TILE;
        for (tile, rows) in rows.chunks(TILE * width).enumerate() {
            turn_tile(rows, width, first, turned, columns, tile * TILE);
        }
    });
}

/// Turns at most [`TILE`] rows, from their value `first` on, into the columns of `turned` from `column` on.
fn turn_tile(rows: &[f32], width: usize, first: usize, turned: &mut [f32], columns: usize, column: usize) {
    let whole = rows.len() == TILE * width && turned.len() == TILE * columns;
    if whole {
        // Lengths known to the compiler, so that each row is written a cache line at a time without checks.
        let tile: [&[f32; TILE]; TILE] =
            std::array::from_fn(|row| rows[row * width + first..].first_chunk().unwrap_or(&[0.0; TILE]));
        for (place, turned) in turned.chunks_exact_mut(columns).enumerate().take(TILE) {
            if let Some(turned) = turned[column..].first_chunk_mut::<TILE>() {
                *turned = std::array::from_fn(|row| tile[row][place]);
            }
        }
        return;
    }
    for (row, values) in rows.chunks_exact(width).enumerate() {
        for (turned, &value) in turned.chunks_exact_mut(columns).zip(&values[first..]) {
            turned[column + row] = value;
        }
    }
}
