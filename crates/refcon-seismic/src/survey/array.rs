//! Surveys that are one array in a file: `.npy`, or samples without any header.

use super::SurveyError;
use super::frame::{Frame, SectionPlace, transpose, wide};
use super::options::{ArrayAxes, RawArray};
use super::panel::Panel;
use super::source::{BLOCK_BYTES, Blocks, SurveySource};
use crate::segy::{ByteOrder, ReadAt, SampleFormat, TraceBlock};
use crate::{Direction, Geometry, SampleAxis, Section, TileBox, TimeSlice};
use rayon::prelude::*;
use std::cmp::Ordering;
use std::path::Path;

/// Bytes not needed that are read along where that saves a call, which costs about as much.
const MERGED_GAP_BYTES: usize = 6144;
/// Bytes a read may take; several reads make a task for each thread.
const READ_BYTES: usize = 512 << 10;

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
    frame: Frame,
    source: Box<dyn ReadAt>,
    stored: StoredArray,
}

/// Rows of an array, equally long and equally far apart, all counted in samples.
#[derive(Debug, Clone, Copy)]
struct Rows {
    start: usize,
    length: usize,
    stride: usize,
}

impl ArrayFile {
    /// Checks that the array is not empty, and numbers its lines.
    pub(super) fn new(
        path: &Path,
        source: Box<dyn ReadAt>,
        stored: StoredArray,
        axes: &ArrayAxes,
    ) -> Result<Self, SurveyError> {
        Ok(Self { frame: Frame::new(path, stored.array.shape, axes)?, source, stored })
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
                if self.is_native() && (rows.stride == rows.length || span_rows == 1) {
                    return self.read_bytes(bytemuck::cast_slice_mut(amplitudes), start);
                }
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

    /// Whether the file holds amplitudes as the processor does.
    fn is_native(&self) -> bool {
        self.stored.array.format == SampleFormat::Float32 && self.stored.array.byte_order == ByteOrder::NATIVE
    }

    /// Fills `bytes` from the sample at index `start` on.
    fn read_bytes(&self, bytes: &mut [u8], start: usize) -> Result<(), SurveyError> {
        let offset = self.stored.array.offset + start as u64 * self.stored.array.format.bytes() as u64;
        self.source.read_exact_at(bytes, offset).map_err(|source| SurveyError::Read {
            path: self.frame.path.clone(),
            offset,
            bytes: bytes.len(),
            source,
        })
    }
}

impl SurveySource for ArrayFile {
    fn kind(&self) -> &'static str {
        "NumPy or raw array"
    }

    fn geometry(&self) -> &Geometry {
        &self.frame.geometry
    }

    fn samples(&self) -> SampleAxis {
        self.frame.samples
    }

    /// Traces of the array; they all have one.
    fn trace_count(&self) -> u64 {
        self.frame.traces() as u64
    }

    fn read_section(&self, direction: Direction, line: i32) -> Result<Section, SurveyError> {
        let place = self.frame.place(direction, line)?;
        let (traces, samples) = (place.traces.count, self.frame.samples.count);
        let whole = TileBox { first_trace: 0, traces, first_sample: 0, samples };
        let amplitudes = self.read_tile(direction, line, whole)?;
        Ok(self.frame.section(direction, line, place, amplitudes))
    }

    fn read_tile(&self, direction: Direction, line: i32, bounds: TileBox) -> Result<Vec<f32>, SurveyError> {
        let place = self.frame.place(direction, line)?;
        let (length, traces) = (self.frame.samples.count, place.traces.count);
        let mut amplitudes = self.frame.zeros(bounds.samples, bounds.traces)?;
        if !self.stored.trace_by_trace {
            let start = bounds.first_sample * traces + bounds.first_trace;
            self.read_rows(Rows { start, length: bounds.traces, stride: traces }, &mut amplitudes)?;
            return Ok(amplitudes);
        }
        let (first, step) = first_and_step(direction, place);
        let start = (first + bounds.first_trace * step) * length + bounds.first_sample;
        let rows = Rows { start, length: bounds.samples, stride: step * length };
        let mut panel = self.frame.zeros(bounds.traces, bounds.samples)?;
        self.read_rows(rows, &mut panel)?;
        transpose(&panel, bounds.samples, 0..bounds.samples, &mut amplitudes);
        Ok(amplitudes)
    }

    fn read_panel(&self, direction: Direction, line: i32, panel: &mut Panel) -> Result<bool, SurveyError> {
        let place = self.frame.place(direction, line)?;
        if self.stored.trace_by_trace {
            let (length, traces) = (self.frame.samples.count, place.traces.count);
            let (first, step) = first_and_step(direction, place);
            panel.samples = length;
            panel.amplitudes.resize(traces * length, 0.0);
            self.read_rows(
                Rows { start: first * length, length, stride: step * length },
                &mut panel.amplitudes,
            )?;
        }
        Ok(self.stored.trace_by_trace)
    }

    fn read_time_slice(&self, sample: usize) -> Result<TimeSlice, SurveyError> {
        let mut slice = self.frame.empty_slice(sample)?;
        let rows = Rows { start: sample, length: 1, stride: self.frame.samples.count };
        self.read_rows(rows, &mut slice.amplitudes)?;
        Ok(slice)
    }

    /// Inline by inline, or along the section.
    fn traces(&self) -> Blocks<'_> {
        let count = self.frame.traces();
        let length = self.frame.samples.count;
        let per_block = (BLOCK_BYTES / (length * size_of::<f32>())).max(1);
        Box::new((0..count).step_by(per_block).map(move |first| {
            let traces = per_block.min(count - first);
            let mut amplitudes = self.frame.zeros(traces, length)?;
            if self.stored.trace_by_trace {
                self.read_rows(Rows { start: first * length, length, stride: length }, &mut amplitudes)?;
            } else {
                let mut rows = self.frame.zeros(length, traces)?;
                self.read_rows(Rows { start: first, length: traces, stride: count }, &mut rows)?;
                transpose(&rows, traces, 0..traces, &mut amplitudes);
            }
            Ok(TraceBlock { first_trace: first as u64, samples: length, amplitudes })
        }))
    }
}

/// The first trace of a section, and from one of its traces to the next, counted in traces.
fn first_and_step(direction: Direction, place: SectionPlace) -> (usize, usize) {
    match direction {
        Direction::Inline => (place.index * place.traces.count, 1),
        Direction::Crossline => (place.index, place.lines.count),
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
