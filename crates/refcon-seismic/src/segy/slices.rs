//! Reading time and depth slices: some samples of every trace, in parallel.

use super::runs::Run;
use super::sections::{MERGED_GAP_BYTES, READ_BYTES};
use super::{SegyError, SegyFile};
use crate::{Geometry, SampleAxis, TimeSlice, VolumeGeometry};
use rayon::prelude::*;
use std::ops::Range;

/// Samples of time slices that wait to be put in place, about.
pub(super) const HELD_SAMPLES: usize = 16 << 20;
/// Traces to a task of a time slice.
const SLICE_TRACES: u32 = 8192;

impl SegyFile {
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
