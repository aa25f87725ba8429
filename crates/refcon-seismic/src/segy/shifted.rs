//! Reading sections and slices of a survey whose traces start at different times.
//!
//! Kept apart from the ordinary way, which has nothing to look up.

use super::delays::TraceShifts;
use super::sections::Column;
use super::slices::HELD_SAMPLES;
use super::{SegyError, SegyFile};
use crate::{SampleAxis, VolumeGeometry};
use rayon::prelude::*;
use std::ops::Range;

/// Reads of a section, or pieces of a slice, that are held at a time.
const HELD_READS: usize = 64;
/// Traces to a piece of a slice.
const PIECE_TRACES: u64 = 8192;

/// Traces next to each other in the file, all moved alike.
struct Piece {
    first: u64,
    traces: usize,
    shift: usize,
}

impl SegyFile {
    /// The samples that `trace` itself has, as [`SegyFile::read_trace`] gives them: where delay recording times differ,
    /// a part of [`SegyFile::samples`].
    #[must_use]
    pub fn samples_of(&self, trace: u64) -> SampleAxis {
        let axis = self.samples();
        let shift = self.arrangement.shifts.as_ref().map_or(0, |shifts| shifts.of(trace).0);
        SampleAxis { first: axis.position(shift), count: self.layout.sample_count, ..axis }
    }

    /// Reads `columns` into a section of `width` traces on the common axis, `[samples, width]`. Where bins are stacked, a
    /// sample is the mean of the traces that reach it.
    pub(super) fn read_shifted_columns(
        &self,
        columns: &mut [Column],
        width: usize,
        shifts: &TraceShifts,
    ) -> Result<Vec<f32>, SegyError> {
        let (own, rows) = (self.layout.sample_count, self.samples().count);
        let mut section = Placed::new(self, "a section", rows, width)?;
        columns.sort_unstable_by_key(|column| column.trace);
        let mut taken = vec![false; width];
        let used: Vec<Column> = columns
            .iter()
            .filter(|column| !std::mem::replace(&mut taken[column.column], true) || section.folds.is_some())
            .copied()
            .collect();
        for group in self.batches(&used).chunks(HELD_READS) {
            let read: Result<Vec<Vec<f32>>, SegyError> =
                group.par_iter().map(|batch| self.read_batch(batch)).collect();
            for (batch, amplitudes) in group.iter().zip(read?) {
                for (column, amplitudes) in batch.iter().zip(amplitudes.chunks_exact(own)) {
                    let (shift, _) = shifts.of(column.trace);
                    for (row, &amplitude) in (shift..).zip(amplitudes) {
                        section.put(row * width + column.column, amplitude);
                    }
                }
            }
        }
        Ok(section.finish())
    }

    /// Reads `samples` of the common axis of every trace: slices `[inlines, crosslines]`. Bins are stacked as in
    /// [`SegyFile::read_shifted_columns`].
    pub(super) fn read_shifted_slices(
        &self,
        volume: &VolumeGeometry,
        samples: Range<usize>,
        shifts: &TraceShifts,
    ) -> Result<Vec<Vec<f32>>, SegyError> {
        let VolumeGeometry { inlines, crosslines, .. } = *volume;
        let bins = inlines.count * crosslines.count;
        let slices: Result<Vec<Placed>, SegyError> = samples
            .clone()
            .map(|_| Placed::new(self, "time slices", inlines.count, crosslines.count))
            .collect();
        let mut slices = slices?;
        let mut taken = vec![false; bins];
        // The samples of the slices that a trace moved by `shift` has, counted from its own first.
        let own = |shift: usize| {
            let count = self.layout.sample_count;
            samples.start.saturating_sub(shift).min(count)..samples.end.saturating_sub(shift).min(count)
        };
        let held = (HELD_SAMPLES / PIECE_TRACES as usize / samples.len().max(1)).clamp(1, HELD_READS);
        for group in self.pieces(shifts).chunks(held) {
            let read: Result<Vec<Vec<f32>>, SegyError> = group
                .par_iter()
                .map(|piece| match own(piece.shift) {
                    none if none.is_empty() => Ok(Vec::new()),
                    some => self.read_samples_of(piece.first, piece.traces, some),
                })
                .collect();
            for (piece, values) in group.iter().zip(read?) {
                let own = own(piece.shift);
                for (index, trace) in (piece.first..).take(piece.traces).enumerate() {
                    let Some([inline, crossline]) = self.numbers(trace) else { continue };
                    let Some((i, j)) = inlines.index_of(inline).zip(crosslines.index_of(crossline)) else {
                        continue;
                    };
                    let bin = i * crosslines.count + j;
                    // The first trace of a bin counts even where it does not reach the slice, as in a section.
                    if std::mem::replace(&mut taken[bin], true) && self.gathers().is_none() {
                        continue;
                    }
                    let values = &values[index * own.len()..][..own.len()];
                    for (sample, &value) in own.clone().zip(values) {
                        slices[sample + piece.shift - samples.start].put(bin, value);
                    }
                }
            }
        }
        Ok(slices.into_iter().map(Placed::finish).collect())
    }

    /// All traces, cut where the shift changes.
    fn pieces(&self, shifts: &TraceShifts) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut first = 0;
        while first < self.trace_count() {
            let (shift, next) = shifts.of(first);
            let end = next.min(first + PIECE_TRACES).min(self.trace_count());
            pieces.push(Piece { first, traces: (end - first) as usize, shift });
            first = end;
        }
        pieces
    }
}

/// Amplitudes put in their places: as they are, or as the mean of all put into one place.
struct Placed {
    amplitudes: Vec<f32>,
    /// How many amplitudes each place got, where bins are stacked.
    folds: Option<Vec<f32>>,
}

impl Placed {
    fn new(file: &SegyFile, what: &'static str, rows: usize, columns: usize) -> Result<Self, SegyError> {
        let zeros = || file.zeros(what, rows, columns);
        let folds = file.gathers().map(|_| zeros()).transpose()?;
        Ok(Self { amplitudes: zeros()?, folds })
    }

    fn put(&mut self, place: usize, amplitude: f32) {
        match &mut self.folds {
            Some(folds) => {
                self.amplitudes[place] += amplitude;
                folds[place] += 1.0;
            }
            None => self.amplitudes[place] = amplitude,
        }
    }

    fn finish(self) -> Vec<f32> {
        let Self { mut amplitudes, folds } = self;
        for (amplitude, fold) in amplitudes.iter_mut().zip(folds.iter().flatten()) {
            *amplitude /= fold.max(1.0);
        }
        amplitudes
    }
}
