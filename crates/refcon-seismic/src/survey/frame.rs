//! The grid of lines and samples that an array, a stack of images or a chunked store fills.

use super::SurveyError;
use super::options::{ArrayAxes, ArrayShape};
use crate::{
    Direction, Geometry, LineAxis, LineGeometry, LineNumbering, SampleAxis, Section, TimeSlice,
    VolumeGeometry,
};
use rayon::prelude::*;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Samples and traces that are transposed together: 16 amplitudes are one cache line.
const TILE: usize = 16;

/// A survey's axes, and where it lies, for messages.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) path: PathBuf,
    pub(super) geometry: Geometry,
    pub(super) samples: SampleAxis,
}

/// A section's place in its survey: its own index, the axis that the index is of, and its traces.
#[derive(Debug, Clone, Copy)]
pub(super) struct SectionPlace {
    pub(super) index: usize,
    pub(super) lines: LineAxis,
    pub(super) traces: LineAxis,
}

impl Frame {
    /// Numbers the lines and samples of an array; checks that it is not empty and that the numbers make sense.
    pub(super) fn new(path: &Path, shape: ArrayShape, axes: &ArrayAxes) -> Result<Self, SurveyError> {
        if shape.lengths().contains(&0) {
            return Err(SurveyError::Shape { path: path.to_owned(), found: wide(shape.lengths()) });
        }
        let samples = SampleAxis {
            domain: axes.domain,
            first: axes.first_sample,
            interval: axes.sample_interval,
            count: shape.samples(),
        };
        let problem = |problem| SurveyError::Axes { path: path.to_owned(), problem };
        if !(samples.first.is_finite() && samples.interval.is_finite() && samples.interval > 0.0) {
            let (first, interval) = (samples.first, samples.interval);
            return Err(problem(format!(
                "the first sample lies at {first} and the sample interval is {interval}, expected two finite numbers, \
                 the interval above 0"
            )));
        }
        let geometry = geometry(shape, axes).map_err(problem)?;
        Ok(Self { path: path.to_owned(), geometry, samples })
    }

    /// Traces of the whole grid.
    pub(super) fn traces(&self) -> usize {
        match &self.geometry {
            Geometry::Volume(volume) => volume.inlines.count * volume.crosslines.count,
            Geometry::Line(line) => line.traces.count,
        }
    }

    /// Where the line called `line` is.
    pub(super) fn place(&self, direction: Direction, line: i32) -> Result<SectionPlace, SurveyError> {
        let lines = self.geometry.lines(direction).zip(self.geometry.traces(direction));
        let (lines, traces) = lines.ok_or_else(|| self.not_a_volume("crosslines"))?;
        let index = lines.index_of(line).ok_or_else(|| SurveyError::NoSuchLine {
            path: self.path.clone(),
            direction,
            line,
            first: lines.first,
            last: lines.last(),
            step: lines.step,
        })?;
        Ok(SectionPlace { index, lines, traces })
    }

    /// The section called `line`, of `amplitudes`.
    pub(super) fn section(
        &self,
        direction: Direction,
        line: i32,
        place: SectionPlace,
        amplitudes: Vec<f32>,
    ) -> Section {
        Section { direction, line, traces: place.traces, samples: self.samples, amplitudes }
    }

    /// The slice at index `sample`, all 0; checks that there is one.
    pub(super) fn empty_slice(&self, sample: usize) -> Result<TimeSlice, SurveyError> {
        let Geometry::Volume(VolumeGeometry { inlines, crosslines, .. }) = self.geometry else {
            return Err(self.not_a_volume("time slices"));
        };
        if sample >= self.samples.count {
            let last = self.samples.count - 1;
            return Err(SurveyError::NoSuchSample { path: self.path.clone(), sample, last });
        }
        let amplitudes = self.zeros(inlines.count, crosslines.count)?;
        let position = self.samples.position(sample);
        Ok(TimeSlice { sample, position, inlines, crosslines, amplitudes })
    }

    /// `rows × columns` zeros, or an error where there is no room for them.
    pub(super) fn zeros(&self, rows: usize, columns: usize) -> Result<Vec<f32>, SurveyError> {
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

pub(super) fn wide(lengths: &[usize]) -> Vec<u64> {
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

/// Turns the `values` of rows of `width` into columns: `turned` is `[values, rows]`.
pub(super) fn transpose(rows: &[f32], width: usize, values: Range<usize>, turned: &mut [f32]) {
    let columns = rows.len() / width;
    turned.par_chunks_mut(TILE * columns).enumerate().for_each(|(index, turned)| {
        let first = values.start + index * TILE;
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
