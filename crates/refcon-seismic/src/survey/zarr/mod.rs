//! Zarr v3 arrays, and the MDIO v1 data sets that are made of them.

mod array;
mod dimensions;
mod live;
mod mdio;
mod store;

use super::SurveyError;
use super::frame::{Frame, transpose};
use super::options::{ArrayAxes, ArrayShape};
use super::place::Place;
use super::source::{BLOCK_BYTES, Blocks, SurveySource};
use crate::segy::TraceBlock;
use crate::{Direction, Geometry, SampleAxis, Section, TimeSlice};
use array::ChunkedArray;
use dimensions::Order;
use live::LiveTraces;
use rayon::prelude::*;
use serde_json::Value;
use std::iter;
use std::ops::Range;

/// The file that makes a folder a Zarr v3 node.
const NODE: &str = "zarr.json";
/// Files that make a folder a Zarr v2 node.
const OLD_NODES: [&str; 3] = [".zarray", ".zgroup", ".zmetadata"];
/// Longest metadata that is read.
const LONGEST_METADATA: u64 = 64 << 20;
/// Most samples of a section or slice.
const MOST_SAMPLES: u64 = 1 << 28;
/// Most bins of a survey.
const MOST_BINS: u64 = 1 << 28;
/// Amplitudes that are held to read a chunk no more often than need be when all traces are read, in bytes.
const SLAB_BYTES: usize = 256 << 20;

/// What the metadata of a Zarr store say beyond its geometry.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct ZarrMetadata {
    /// The name of the amplitudes' array in its group; `None` where the store is that array.
    pub variable: Option<String>,
    /// The version of MDIO that the data set says it follows, where it is one.
    pub mdio_version: Option<String>,
    /// The unit of the amplitudes.
    pub amplitude_unit: Option<String>,
    /// The unit of the sample positions as stored; [`Survey::samples`](super::Survey::samples) has them in that of its
    /// domain.
    pub sample_unit: Option<String>,
    /// The unit of the bins' coordinates.
    pub coordinate_unit: Option<String>,
    /// The attributes of the group.
    pub attributes: serde_json::Map<String, Value>,
    /// The attributes of the amplitudes' array.
    pub variable_attributes: serde_json::Map<String, Value>,
}

/// Amplitudes in a chunked store.
#[derive(Debug)]
pub(super) struct ChunkedSurvey {
    frame: Frame,
    array: ChunkedArray,
    order: Order,
    /// Where traces are; everywhere, if nothing says otherwise.
    live: Option<LiveTraces>,
    metadata: ZarrMetadata,
}

/// Opens the store in `folder`; `None` where there is none.
pub(super) fn open(folder: &Place, axes: &ArrayAxes) -> Result<Option<ChunkedSurvey>, SurveyError> {
    let Some(node) = read_node(folder)? else { return Ok(None) };
    let survey = if node["node_type"] == "array" {
        ChunkedSurvey::new(ChunkedArray::new(folder, node)?, axes)?
    } else {
        mdio::open(folder, &node, axes)?
    };
    Ok(Some(survey))
}

/// The metadata of the node in `folder`; `None` where it is none.
fn read_node(folder: &Place) -> Result<Option<Value>, SurveyError> {
    let failed = |source| SurveyError::Open { path: folder.child(NODE).shown(), source };
    let refused = |problem: String| SurveyError::Zarr { path: folder.shown(), problem };
    let Some(bytes) = folder.child(NODE).fetch(None, LONGEST_METADATA).map_err(failed)? else {
        for old in OLD_NODES {
            if folder.child(old).fetch(None, LONGEST_METADATA).map_err(failed)?.is_some() {
                return Err(refused(format!(
                    "it is Zarr version 2 ({old}), as MDIO before version 1 wrote it, expected version 3; convert it, or \
                     convert the SEG-Y file again with a current multidimio"
                )));
            }
        }
        return Ok(None);
    };
    let node: Value = serde_json::from_slice(&bytes).map_err(|error| refused(format!("{NODE}: {error}")))?;
    if node["zarr_format"] != 3 {
        return Err(refused(format!("{NODE} says version {}, expected 3", node["zarr_format"])));
    }
    Ok(Some(node))
}

impl ChunkedSurvey {
    /// A survey of an array alone: its lines and samples are numbered as `axes` say.
    fn new(array: ChunkedArray, axes: &ArrayAxes) -> Result<Self, SurveyError> {
        let found = || array.shape().to_vec();
        let names = array.dimension_names();
        let order = dimensions::order(&names).ok_or_else(|| {
            let path = array.path().to_owned();
            if names.iter().all(Option::is_none) {
                return SurveyError::Shape { path, found: found() };
            }
            let found = names.iter().map(|name| name.unwrap_or("(unnamed)").to_owned()).collect();
            SurveyError::Dimensions { path, found }
        })?;
        let length = |dimension: usize| {
            let length = array.shape()[dimension];
            usize::try_from(length)
                .map_err(|_| SurveyError::Shape { path: array.path().to_owned(), found: found() })
        };
        let (shape, bins) = match order {
            Order::Volume { inline, crossline, sample } => {
                let [inlines, crosslines, samples] = [length(inline)?, length(crossline)?, length(sample)?];
                let bins = (inlines as u64).saturating_mul(crosslines as u64);
                (ArrayShape::Volume([inlines, crosslines, samples]), bins)
            }
            Order::Section { sample, trace } => {
                let [samples, traces] = [length(sample)?, length(trace)?];
                (ArrayShape::Section([samples, traces]), traces as u64)
            }
        };
        if bins > MOST_BINS {
            let problem = format!("its shape is {:?}, expected at most {MOST_BINS} traces", found());
            return Err(SurveyError::Zarr { path: array.path().to_owned(), problem });
        }
        let mut axes = *axes;
        let sample_name = match order {
            Order::Volume { sample, .. } | Order::Section { sample, .. } => names[sample],
        };
        axes.domain = sample_name.and_then(dimensions::domain).unwrap_or(axes.domain);
        let frame = Frame::new(array.path(), shape, &axes)?;
        let variable_attributes = array.attributes().clone();
        let amplitude_unit = mdio::unit(&variable_attributes);
        let metadata = ZarrMetadata { amplitude_unit, variable_attributes, ..ZarrMetadata::default() };
        Ok(Self { frame, array, order, live: None, metadata })
    }

    /// `[rows, columns]` of the array, where `rows` and `columns` are dimensions and the other one is `fixed` at an index.
    fn read_plane(
        &self,
        [rows, columns]: [usize; 2],
        fixed: Option<(usize, usize)>,
    ) -> Result<Vec<f32>, SurveyError> {
        let mut ranges = self.array.everything();
        if let Some((dimension, index)) = fixed {
            ranges[dimension] = index as u64..index as u64 + 1;
        }
        let [height, width] = [rows, columns].map(|dimension| self.array.shape()[dimension]);
        if height.saturating_mul(width) > MOST_SAMPLES {
            let samples = u128::from(height) * u128::from(width);
            return Err(SurveyError::TooLarge { path: self.frame.path.clone(), samples });
        }
        let plane = self.array.read(&ranges)?;
        if rows < columns {
            return Ok(plane);
        }
        let mut turned = self.frame.zeros(height as usize, width as usize)?;
        transpose(&plane, height as usize, 0..height as usize, &mut turned);
        Ok(turned)
    }

    fn is_live(&self, bin: usize) -> bool {
        self.live.as_ref().is_none_or(|live| live.contains(bin))
    }

    /// Crosslines of an inline; 1 where the traces are those of a section.
    fn traces_a_row(&self) -> usize {
        self.frame.geometry.volume().map_or(1, |volume| volume.crosslines.count)
    }

    /// The amplitudes of whole inlines (of a section: of traces), `[traces, samples]`.
    fn read_rows(&self, rows: Range<usize>) -> Result<Vec<f32>, SurveyError> {
        let wide = rows.start as u64..rows.end as u64;
        let mut ranges = self.array.everything();
        let samples = self.frame.samples.count;
        match self.order {
            Order::Section { sample, trace } => {
                ranges[trace] = wide;
                let read = self.array.read(&ranges)?;
                if trace < sample {
                    return Ok(read);
                }
                let mut traces = self.frame.zeros(rows.len(), samples)?;
                transpose(&read, rows.len(), 0..rows.len(), &mut traces);
                Ok(traces)
            }
            Order::Volume { inline, crossline, sample } => {
                ranges[inline] = wide;
                let read = self.array.read(&ranges)?;
                if inline < crossline && crossline < sample {
                    return Ok(read);
                }
                let lengths: Vec<usize> =
                    ranges.iter().map(|range| (range.end - range.start) as usize).collect();
                let stride = |dimension: usize| lengths[dimension + 1..].iter().product::<usize>();
                let (inline, crossline, sample) = (stride(inline), stride(crossline), stride(sample));
                let across = self.traces_a_row();
                let mut traces = self.frame.zeros(rows.len() * across, samples)?;
                traces.par_chunks_mut(samples).enumerate().for_each(|(index, trace)| {
                    let start = index / across * inline + index % across * crossline;
                    let stored = read[start..].iter().step_by(sample);
                    trace.iter_mut().zip(stored).for_each(|(amplitude, &stored)| *amplitude = stored);
                });
                Ok(traces)
            }
        }
    }

    /// How many inlines (traces of a section) are read at a time.
    fn rows_at_a_time(&self) -> usize {
        let row_bytes =
            self.traces_a_row().saturating_mul(self.frame.samples.count).saturating_mul(size_of::<f32>());
        let dimension = match self.order {
            Order::Volume { inline, .. } => inline,
            Order::Section { trace, .. } => trace,
        };
        let chunk = self.array.chunk_length(dimension).max(1);
        let chunks = BLOCK_BYTES / row_bytes.saturating_mul(chunk).max(1);
        if chunks > 0 { chunks * chunk } else { (SLAB_BYTES / row_bytes).clamp(1, chunk) }
    }
}

impl SurveySource for ChunkedSurvey {
    fn kind(&self) -> &'static str {
        if self.metadata.mdio_version.is_some() { "MDIO" } else { "Zarr" }
    }

    fn geometry(&self) -> &Geometry {
        &self.frame.geometry
    }

    fn samples(&self) -> SampleAxis {
        self.frame.samples
    }

    fn trace_count(&self) -> u64 {
        self.live.as_ref().map_or(self.frame.traces() as u64, LiveTraces::count)
    }

    fn live_bins(&self) -> Option<Vec<bool>> {
        let live = self.live.as_ref()?;
        let bins = self.frame.traces();
        (live.count() < bins as u64).then(|| (0..bins).map(|bin| live.contains(bin)).collect())
    }

    fn zarr(&self) -> Option<&ZarrMetadata> {
        Some(&self.metadata)
    }

    fn read_section(&self, direction: Direction, line: i32) -> Result<Section, SurveyError> {
        let place = self.frame.place(direction, line)?;
        let mut amplitudes = match (self.order, direction) {
            (Order::Section { sample, trace }, _) => self.read_plane([sample, trace], None)?,
            (Order::Volume { inline, crossline, sample }, Direction::Inline) => {
                self.read_plane([sample, crossline], Some((inline, place.index)))?
            }
            (Order::Volume { inline, crossline, sample }, Direction::Crossline) => {
                self.read_plane([sample, inline], Some((crossline, place.index)))?
            }
        };
        if self.live.is_some() {
            let bin = |trace: usize| match direction {
                Direction::Inline => place.index * place.traces.count + trace,
                Direction::Crossline => trace * place.lines.count + place.index,
            };
            let dead: Vec<usize> =
                (0..place.traces.count).filter(|&trace| !self.is_live(bin(trace))).collect();
            for row in amplitudes.chunks_exact_mut(place.traces.count) {
                dead.iter().for_each(|&trace| row[trace] = 0.0);
            }
        }
        Ok(self.frame.section(direction, line, place, amplitudes))
    }

    fn read_time_slice(&self, index: usize) -> Result<TimeSlice, SurveyError> {
        let mut slice = self.frame.empty_slice(index)?;
        if let Order::Volume { inline, crossline, sample } = self.order {
            slice.amplitudes = self.read_plane([inline, crossline], Some((sample, index)))?;
        }
        for (bin, amplitude) in slice.amplitudes.iter_mut().enumerate() {
            if !self.is_live(bin) {
                *amplitude = 0.0;
            }
        }
        Ok(slice)
    }

    /// Live traces, inline by inline. As many inlines are read together as a chunk is thick, up to [`SLAB_BYTES`]; of
    /// larger ones each chunk is decoded several times.
    fn traces(&self) -> Blocks<'_> {
        let across = self.traces_a_row();
        let samples = self.frame.samples.count;
        let rows = self.frame.traces() / across;
        let per_block = (BLOCK_BYTES / (samples * size_of::<f32>())).max(1);
        let mut first_trace = 0;
        let mut row = 0;
        let mut slab = Vec::new().into_iter();
        Box::new(iter::from_fn(move || {
            loop {
                if let Some(amplitudes) = slab.next() {
                    let amplitudes: Vec<f32> = amplitudes;
                    let block = TraceBlock { first_trace, samples, amplitudes };
                    first_trace += (block.amplitudes.len() / samples) as u64;
                    return Some(Ok(block));
                }
                if row >= rows {
                    return None;
                }
                let start = row;
                row = rows.min(row + self.rows_at_a_time());
                let read = match self.read_rows(start..row) {
                    Ok(read) => read,
                    Err(error) => {
                        let bins = start * across..row * across;
                        first_trace += bins.filter(|&bin| self.is_live(bin)).count() as u64;
                        return Some(Err(error));
                    }
                };
                let bins = read.chunks_exact(samples).enumerate();
                let live: Vec<&[f32]> = bins
                    .filter(|(index, _)| self.is_live(start * across + index))
                    .map(|(_, trace)| trace)
                    .collect();
                let blocks: Vec<Vec<f32>> = live.chunks(per_block).map(<[&[f32]]>::concat).collect();
                slab = blocks.into_iter();
            }
        }))
    }
}
