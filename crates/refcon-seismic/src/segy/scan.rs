//! One pass over all trace headers.

use super::SegyError;
use super::delays::TraceDelays;
use super::layout::Layout;
use super::positions::PositionSource;
use super::runs::TraceRuns;
use super::source::ReadAt;
use super::trace_extension::TraceHeaderExtension;
use super::trace_header::{HeaderField, TRACE_HEADER_BYTES, TraceHeader};
use rayon::prelude::*;
use std::ops::Range;

/// Below this trace length headers are read together with the samples between them: a call for each header costs as
/// much (measured: 1.1 µs a call, 6 GB/s), and from a disk skipping less than two pages saves nothing.
const SKIP_SAMPLES_FROM: u64 = 8192;
/// Bytes read at a time in that case: no more than a processor's second cache holds.
const CHUNK_BYTES: u64 = 256 << 10;
/// Bytes to a task in that case.
const TASK_BYTES: u64 = 4 << 20;
/// Headers to a task in the other.
const CHUNK_HEADERS: u64 = 16_384;
/// Positions kept for fitting the bin grid, about.
const FITTED_POSITIONS: u64 = 65_536;
/// Different values of a field that are counted one by one.
const TALLIED_VALUES: usize = 64;

/// Where the two numbers of a trace come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    /// A header field.
    Field(HeaderField),
    /// Always 0.
    Zero,
}

/// Which fields a pass reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ScannedFields {
    pub numbers: [Number; 2],
    pub position: PositionSource,
}

/// How often each value of a field occurs; the first [`TALLIED_VALUES`] different ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    counts: Vec<(i64, u64)>,
    /// Occurrences of values beyond those.
    uncounted: u64,
}

impl Tally {
    fn add(&mut self, value: i64, times: u64) {
        if let Some(count) = self.counts.iter_mut().find(|(counted, _)| *counted == value) {
            count.1 += times;
        } else if self.counts.len() < TALLIED_VALUES {
            self.counts.push((value, times));
        } else {
            self.uncounted += times;
        }
    }

    fn append(&mut self, other: &Self) {
        for &(value, times) in &other.counts {
            self.add(value, times);
        }
        self.uncounted += other.uncounted;
    }

    /// The value that occurs most often; the smallest of several.
    pub(super) fn most_common(&self) -> Option<i64> {
        self.counts
            .iter()
            .max_by_key(|(value, times)| (*times, std::cmp::Reverse(*value)))
            .map(|&(value, _)| value)
    }

    /// How often `value` occurs, as far as counted.
    pub(super) fn times(&self, value: i64) -> u64 {
        self.counts.iter().find(|(counted, _)| *counted == value).map_or(0, |&(_, times)| times)
    }

    /// How often values other than 0 and `value` occur.
    pub(super) fn differing(&self, value: i64) -> u64 {
        let counted = self.counts.iter().filter(|(other, _)| *other != 0 && *other != value);
        self.uncounted + counted.map(|(_, times)| times).sum::<u64>()
    }

    /// Different values, and whether there may be more.
    pub(super) fn distinct(&self) -> (usize, bool) {
        (self.counts.len(), self.uncounted > 0)
    }

    /// Smallest and largest of the counted values.
    pub(super) fn range(&self) -> Option<(i64, i64)> {
        let values = || self.counts.iter().map(|&(value, _)| value);
        values().min().zip(values().max())
    }
}

/// Line numbers and position of one trace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Placed {
    pub numbers: [i32; 2],
    pub position: [f64; 2],
}

/// What one pass over the trace headers found.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct HeaderScan {
    pub runs: TraceRuns,
    pub sample_counts: Tally,
    pub intervals: Tally,
    pub delays: TraceDelays,
    pub coordinate_scalars: Tally,
    pub coordinate_units: Tally,
    pub kinds: Tally,
    pub offsets: Tally,
    /// A sample of the traces whose coordinates are not both 0.
    pub placed: Vec<Placed>,
}

impl HeaderScan {
    fn append(&mut self, other: Self) {
        self.runs.append(&other.runs);
        self.sample_counts.append(&other.sample_counts);
        self.intervals.append(&other.intervals);
        self.delays.append(&other.delays);
        self.coordinate_scalars.append(&other.coordinate_scalars);
        self.coordinate_units.append(&other.coordinate_units);
        self.kinds.append(&other.kinds);
        self.offsets.append(&other.offsets);
        self.placed.extend(other.placed);
    }

    fn add(
        &mut self,
        trace: u64,
        header: &TraceHeader,
        extension: Option<&TraceHeaderExtension>,
        fields: &ScannedFields,
        keep_position: bool,
    ) {
        let get = |field| i64::from(header.get(field));
        let numbers = fields.numbers.map(|number| match number {
            Number::Field(field) => header.get(field),
            Number::Zero => 0,
        });
        self.runs.push(trace, numbers);
        self.sample_counts.add(get(HeaderField::SAMPLE_COUNT), 1);
        self.intervals.add(get(HeaderField::SAMPLE_INTERVAL), 1);
        self.delays.push(trace, header);
        self.coordinate_scalars.add(get(HeaderField::COORDINATE_SCALAR), 1);
        self.coordinate_units.add(get(HeaderField::COORDINATE_UNITS), 1);
        self.kinds.add(get(HeaderField::TRACE_KIND), 1);
        self.offsets.add(get(HeaderField::OFFSET), 1);
        if keep_position {
            let position = fields.position.position(header, extension);
            if position != [0.0; 2] {
                self.placed.push(Placed { numbers, position });
            }
        }
    }
}

/// Reads every trace header once, in parallel.
pub(super) fn scan(
    name: &str,
    source: &dyn ReadAt,
    layout: &Layout,
    fields: &ScannedFields,
) -> Result<HeaderScan, SegyError> {
    let whole = layout.trace_bytes < SKIP_SAMPLES_FROM;
    let chunk = if whole { TASK_BYTES / layout.trace_bytes } else { CHUNK_HEADERS };
    let chunks = layout.trace_count.div_ceil(chunk);
    let stride = layout.trace_count.div_ceil(FITTED_POSITIONS);
    let scan_chunk = |index: u64| {
        let first = index * chunk;
        let traces = first..(first + chunk).min(layout.trace_count);
        let mut part = HeaderScan::default();
        for_each_header(name, source, layout, traces, |trace, header, extension| {
            part.add(trace, header, extension, fields, is_kept(trace, stride));
        })?;
        Ok(part)
    };
    // Chunks in groups, so that what waits to be put together stays small however many there are.
    let mut scan = HeaderScan::default();
    let group = 16 * rayon::current_num_threads() as u64;
    for start in (0..chunks).step_by(usize::try_from(group).unwrap_or(1)) {
        let parts: Result<Vec<HeaderScan>, SegyError> =
            (start..(start + group).min(chunks)).into_par_iter().map(scan_chunk).collect();
        for part in parts? {
            scan.append(part);
        }
    }
    Ok(scan)
}

/// Keeps one trace of every `stride`, at places that do not fall in step with the lines.
fn is_kept(trace: u64, stride: u64) -> bool {
    let (cell, place) = (trace / stride, trace % stride);
    place == scatter(cell) % stride
}

/// Bits of `value` well mixed (the finaliser of splitmix64).
pub(super) fn scatter(value: u64) -> u64 {
    let mut bits = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Calls `found` with the header of each of `traces`, which must be traces of the file, and with its extension where it
/// has one.
pub(super) fn for_each_header(
    name: &str,
    source: &dyn ReadAt,
    layout: &Layout,
    traces: Range<u64>,
    mut found: impl FnMut(u64, &TraceHeader, Option<&TraceHeaderExtension>),
) -> Result<(), SegyError> {
    let failed = |offset, bytes, source| SegyError::Read {
        name: name.to_owned(),
        what: "trace headers",
        offset,
        bytes,
        source,
    };
    if layout.trace_bytes >= SKIP_SAMPLES_FROM {
        let mut headers = [0; 2 * TRACE_HEADER_BYTES];
        let headers = &mut headers[..if layout.extended { 2 } else { 1 } * TRACE_HEADER_BYTES];
        for trace in traces {
            let offset = layout.trace_offset(trace);
            source.read_exact_at(headers, offset).map_err(|source| failed(offset, headers.len(), source))?;
            hand_on(layout, trace, headers, &mut found);
        }
        return Ok(());
    }
    // Shorter than that, so this fits any address space.
    let trace_bytes = layout.trace_bytes as usize;
    let per_read = (CHUNK_BYTES / layout.trace_bytes).min(traces.end.saturating_sub(traces.start));
    let mut buffer = vec![0; per_read as usize * trace_bytes];
    let mut next = traces.start;
    while next < traces.end {
        let count = per_read.min(traces.end - next);
        let bytes = &mut buffer[..count as usize * trace_bytes];
        let offset = layout.trace_offset(next);
        source.read_exact_at(bytes, offset).map_err(|source| failed(offset, bytes.len(), source))?;
        for (trace, bytes) in (next..).zip(bytes.chunks_exact(trace_bytes)) {
            hand_on(layout, trace, bytes, &mut found);
        }
        next += count;
    }
    Ok(())
}

/// Hands on the header, and the extension, that `bytes` of a trace start with.
#[inline]
fn hand_on(
    layout: &Layout,
    trace: u64,
    bytes: &[u8],
    found: &mut impl FnMut(u64, &TraceHeader, Option<&TraceHeaderExtension>),
) {
    let Some((header, rest)) = bytes.split_first_chunk() else { return };
    let extension = if layout.extended {
        rest.first_chunk().and_then(|bytes| TraceHeaderExtension::new(*bytes, layout.order))
    } else {
        None
    };
    found(trace, &TraceHeader::new(*header, layout.order), extension.as_ref());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_counts_and_stays_small() {
        let mut tally = Tally::default();
        for value in 0..1000 {
            tally.add(value % 100, 1);
            tally.add(7, 1);
        }
        assert_eq!(tally.most_common(), Some(7));
        assert_eq!(tally.distinct(), (TALLIED_VALUES, true));
        assert_eq!(tally.differing(7), 980);
    }

    #[test]
    fn one_trace_of_every_stride_is_kept() {
        for stride in [1, 2, 7, 100] {
            let kept = (0..stride * 50).filter(|&trace| is_kept(trace, stride)).count();
            assert_eq!(kept, 50);
        }
    }
}
