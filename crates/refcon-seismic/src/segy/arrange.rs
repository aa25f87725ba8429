//! From the numbers of all traces to the geometry of the survey.

use super::delays::TraceShifts;
use super::detect::NumberFields;
use super::layout::Layout;
use super::oddity::{Oddity, OddityKind};
use super::runs::{Run, TraceRuns};
use super::scan::HeaderScan;
use crate::{BinGrid, Geometry, LineAxis, LineGeometry, LineNumbering, PlacedBin, VolumeGeometry};
use serde::{Deserialize, Serialize};

/// An axis may have so many times more lines than numbers were found, and a grid so many times more bins than there
/// are traces, before the numbers are taken for nonsense.
const SPARSE_AXIS: u64 = 16;
const SPARSE_GRID: u64 = 64;
/// A gap of so many usual steps separates stray numbers from the survey's.
const STRAY_GAP: u64 = 64;
/// Traces a bin from which on repeated numbers are taken for gathers even without offsets.
const GATHER_FOLD: f64 = 1.5;
/// Share of extra traces from which on different offsets mean pre-stack data.
const GATHER_SHARE: f64 = 0.05;
/// Trace identification code of a dead trace.
const DEAD: i64 = 2;

/// Several offsets in each bin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gathers {
    /// Mean number of traces in a bin that has any.
    pub fold: f64,
    /// Smallest and largest offset (of the first 64 different ones).
    pub offsets: [i64; 2],
    /// The finding in words.
    pub summary: String,
}

/// The survey that the trace headers describe.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Arrangement {
    pub geometry: Geometry,
    pub runs: TraceRuns,
    pub gathers: Option<Gathers>,
    /// Position of the first sample, ms or m.
    pub first_sample: f64,
    /// How traces of different delays are moved onto one axis; `None` where nothing is to be moved.
    pub shifts: Option<TraceShifts>,
    pub oddities: Vec<Oddity>,
}

impl Arrangement {
    /// Whether its axes are such as [`arrange`] makes them for so many traces; one that was saved may be damaged.
    pub(super) fn is_possible(&self, traces: u64) -> bool {
        let axis = |axis: &LineAxis| axis.count > 0 && axis.step != 0;
        let bins = match &self.geometry {
            Geometry::Volume(volume) if axis(&volume.inlines) && axis(&volume.crosslines) => volume.bins(),
            Geometry::Line(line) if axis(&line.traces) => line.traces.count as u64,
            _ => return false,
        };
        bins <= most_bins(traces)
    }
}

/// The most bins that a grid of so many traces may have.
fn most_bins(traces: u64) -> u64 {
    SPARSE_GRID.saturating_mul(traces).saturating_add(1024)
}

struct Occupancy {
    live: u64,
    extra: u64,
    /// Traces whose numbers are on no line.
    stray: u64,
}

/// Arranges the scanned traces. `line` is the number of a 2-D line.
pub(super) fn arrange(scan: HeaderScan, fields: NumberFields, layout: &Layout, line: i32) -> Arrangement {
    let mut oddities = Vec::new();
    check_headers(&scan, layout, &mut oddities);
    let (first_sample, shifts) = scan.delays.common_axis(layout, &mut oddities);
    let traces = layout.trace_count;
    // A 2-D line's numbers are all on line 0.
    let zeros = matches!(fields, NumberFields::Volume { .. }) && scan.runs.zeros_mean_nothing();
    let inlines = axis(&scan.runs, 0, zeros);
    let crosslines = axis(&scan.runs, 1, zeros);
    let grid = inlines.zip(crosslines).filter(|(inlines, crosslines)| {
        let bins = (inlines.count as u64).checked_mul(crosslines.count as u64);
        bins.is_some_and(|bins| bins <= most_bins(traces))
    });
    let mut runs = scan.runs;
    let (geometry, occupancy) = match (fields, grid) {
        (NumberFields::Volume { .. }, Some((inlines, crosslines))) => {
            let occupancy = occupancy(&runs, inlines, crosslines);
            let grid = fit_grid(&scan.placed, inlines, crosslines, &mut oddities);
            let (live_bins, extra_traces) = (occupancy.live, occupancy.extra);
            let volume = VolumeGeometry { inlines, crosslines, live_bins, extra_traces, grid };
            (Geometry::Volume(volume), occupancy)
        }
        (fields, grid) => {
            let numbered_by = match fields {
                NumberFields::Line { number: Some(_), numbered_by } => numbered_by,
                NumberFields::Line { number: None, .. } | NumberFields::Volume { .. } => LineNumbering::Trace,
            };
            if matches!(fields, NumberFields::Volume { .. }) {
                let text = "The inline and crossline numbers make no grid; the file is read as a 2-D line, trace by \
                            trace. Give the right bytes by hand if it is a volume.";
                oddities.push(Oddity::new(OddityKind::LineNumbers, text));
            }
            let numbered = numbered_by != LineNumbering::Trace;
            if numbered && grid.is_none() {
                let text = "The numbers along the line are too far apart; traces count as they come.";
                oddities.push(Oddity::new(OddityKind::LineNumbers, text));
            }
            let (axis, numbered_by) = match grid {
                Some((_, axis)) if numbered => (axis, numbered_by),
                _ => {
                    runs = sequence(traces);
                    (
                        LineAxis { first: 1, step: 1, count: usize::try_from(traces).unwrap_or(usize::MAX) },
                        LineNumbering::Trace,
                    )
                }
            };
            let occupancy = occupancy(&runs, LineAxis { first: 0, step: 1, count: 1 }, axis);
            let geometry = LineGeometry {
                line,
                traces: axis,
                numbered_by,
                live_traces: occupancy.live,
                extra_traces: occupancy.extra,
                ends: None,
            };
            (Geometry::Line(geometry), occupancy)
        }
    };
    let gathers = gathers(&scan.offsets, &occupancy);
    describe_occupancy(&geometry, &occupancy, gathers.as_ref(), &mut oddities);
    Arrangement { geometry, runs, gathers, first_sample, shifts, oddities }
}

/// Traces numbered 1, 2, … on line 0.
fn sequence(traces: u64) -> TraceRuns {
    let mut runs = Vec::new();
    let mut first_trace = 0;
    while first_trace < traces {
        let count = u32::try_from(traces - first_trace).unwrap_or(u32::MAX);
        // Numbers past 32 bits repeat the last one; such a line could not be asked for anyway.
        let start = i32::try_from(first_trace.saturating_add(1)).unwrap_or(i32::MAX);
        runs.push(Run { first_trace, count, start: [0, start], step: [0, 1] });
        first_trace += u64::from(count);
    }
    TraceRuns::from_runs(runs, traces).unwrap_or_default()
}

/// The axis on which the numbers of the traces lie, or `None` where they make no axis.
fn axis(runs: &TraceRuns, which: usize, zeros_mean_nothing: bool) -> Option<LineAxis> {
    let numbers = runs.distinct(which, zeros_mean_nothing);
    let axis = regular(&numbers).or_else(|| regular(largest_cluster(&numbers, STRAY_GAP)))?;
    if !runs.falls(which) || axis.count == 1 {
        return Some(axis);
    }
    Some(LineAxis { first: axis.last(), step: axis.step.checked_neg()?, count: axis.count })
}

/// The axis of rising, different `numbers`, unless it would be mostly holes.
fn regular(numbers: &[i32]) -> Option<LineAxis> {
    let (&first, &last) = numbers.first().zip(numbers.last())?;
    let step =
        numbers.windows(2).fold(0, |step, pair| gcd(step, u64::from(pair[1].abs_diff(pair[0])))).max(1);
    let count = u64::from(last.abs_diff(first)) / step + 1;
    if count > SPARSE_AXIS.saturating_mul(numbers.len() as u64) {
        return None;
    }
    Some(LineAxis { first, step: i32::try_from(step).ok()?, count: usize::try_from(count).ok()? })
}

/// The longest part of rising, different `numbers` without a gap of more than `gap` usual steps.
pub(super) fn largest_cluster(numbers: &[i32], gap: u64) -> &[i32] {
    let mut steps: Vec<u32> = numbers.windows(2).map(|pair| pair[1].abs_diff(pair[0])).collect();
    if steps.is_empty() {
        return numbers;
    }
    let middle = steps.len() / 2;
    let (_, &mut usual, _) = steps.select_nth_unstable(middle);
    let far = gap.saturating_mul(u64::from(usual));
    numbers
        .chunk_by(|one, next| u64::from(next.abs_diff(*one)) <= far)
        .max_by_key(|cluster| cluster.len())
        .unwrap_or(numbers)
}

pub(super) fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Counts live bins, traces beyond the first of their bin, and traces on no line.
fn occupancy(runs: &TraceRuns, inlines: LineAxis, crosslines: LineAxis) -> Occupancy {
    let bins = inlines.count.saturating_mul(crosslines.count);
    let mut taken = vec![0_u64; bins.div_ceil(64)];
    let mut found = Occupancy { live: 0, extra: 0, stray: 0 };
    for run in runs.runs() {
        for index in 0..run.count {
            let [inline, crossline] = run.numbers(index);
            let Some((i, j)) = inlines.index_of(inline).zip(crosslines.index_of(crossline)) else {
                found.stray += 1;
                continue;
            };
            let bin = i * crosslines.count + j;
            let bit = 1 << (bin % 64);
            if taken[bin / 64] & bit == 0 {
                found.live += 1;
            } else {
                found.extra += 1;
            }
            taken[bin / 64] |= bit;
        }
    }
    found
}

fn gathers(offsets: &super::scan::Tally, occupancy: &Occupancy) -> Option<Gathers> {
    let placed = occupancy.live + occupancy.extra;
    if occupancy.extra == 0 {
        return None;
    }
    let fold = placed as f64 / occupancy.live as f64;
    let (distinct, more) = offsets.distinct();
    let by_offset = distinct > 1 && occupancy.extra as f64 > GATHER_SHARE * placed as f64;
    if !by_offset && fold < GATHER_FOLD {
        return None;
    }
    let (least, most) = offsets.range().unwrap_or((0, 0));
    let at_least = if more { "at least " } else { "" };
    let bins = occupancy.live;
    let offsets = match distinct {
        1 => format!("all of offset {least}, so these may not be the line numbers"),
        _ => format!("with {at_least}{distinct} different offsets ({least} to {most})"),
    };
    let summary = format!("{placed} traces in {bins} bins, {fold:.1} a bin on average, {offsets}");
    Some(Gathers { fold, offsets: [least, most], summary })
}

/// So many traces and what they do.
fn traces(count: u64, one: &str, many: &str) -> String {
    if count == 1 { format!("1 trace {one}") } else { format!("{count} traces {many}") }
}

fn describe_occupancy(
    geometry: &Geometry,
    occupancy: &Occupancy,
    gathers: Option<&Gathers>,
    oddities: &mut Vec<Oddity>,
) {
    if let Some(gathers) = gathers {
        oddities.push(Oddity::new(OddityKind::Prestack, format!("Pre-stack: {}.", gathers.summary)));
    } else if occupancy.extra > 0 {
        let repeat = traces(occupancy.extra, "repeats", "repeat");
        let text = format!("{repeat} the numbers of an earlier one; the first of each bin is used.");
        oddities.push(Oddity::new(OddityKind::Duplicates, text));
    }
    if occupancy.stray > 0 {
        let have = traces(occupancy.stray, "has", "have");
        let text = format!("{have} no line numbers or some far from all others; sections leave them out.");
        oddities.push(Oddity::new(OddityKind::LineNumbers, text));
    }
    let (missing, all, bins) = match geometry {
        Geometry::Volume(volume) => (volume.missing_bins(), volume.bins(), "bins of the grid"),
        Geometry::Line(line) => {
            let all = line.traces.count as u64;
            (all.saturating_sub(line.live_traces), all, "numbers along the line")
        }
    };
    if missing > 0 {
        let share = 100.0 * missing as f64 / all as f64;
        let text = format!("{missing} of the {all} {bins} ({share:.1} %) have no trace; they read as zeros.");
        oddities.push(Oddity::new(OddityKind::MissingTraces, text));
    }
}

/// States what trace headers say differently from the file's layout.
fn check_headers(scan: &HeaderScan, layout: &Layout, oddities: &mut Vec<Oddity>) {
    let mut odd = |kind, text: String| oddities.push(Oddity::new(kind, text));
    let count = layout.sample_count;
    let differing = scan.sample_counts.differing(count as i64);
    // More samples than the field can hold leave it empty or wrapped.
    if differing > 0 && count <= usize::from(u16::MAX) {
        let text = format!(
            "{differing} of {} trace headers (115–116) say another number of samples than {count}, which is used.",
            layout.trace_count
        );
        odd(OddityKind::SampleCount, text);
    }
    let interval = (layout.interval * 1000.0).round() as i64;
    let differing = scan.intervals.differing(interval);
    if differing > 0 && interval <= i64::from(u16::MAX) {
        let text = format!(
            "{differing} of {} trace headers (117–118) say another sample interval than {interval} µs, which is used.",
            layout.trace_count
        );
        odd(OddityKind::SampleInterval, text);
    }
    let (scalars, _) = scan.coordinate_scalars.distinct();
    if scalars > 1 {
        let text = "Coordinate scalars (71–72) differ between traces; each trace's own is used.".to_owned();
        odd(OddityKind::Coordinates, text);
    }
    let units = match scan.coordinate_units.most_common() {
        Some(2) => Some("seconds of arc"),
        Some(3) => Some("decimal degrees"),
        Some(4) => Some("degrees, minutes, seconds"),
        _ => None,
    };
    if let Some(units) = units {
        let text = format!("Coordinates are geographic ({units}, bytes 89–90); bin sizes are in that unit.");
        odd(OddityKind::Coordinates, text);
    }
    let dead = scan.kinds.times(DEAD);
    if dead > 0 {
        odd(OddityKind::DeadTraces, format!("{} marked as dead (29–30).", traces(dead, "is", "are")));
    }
}

fn fit_grid(
    placed: &[super::scan::Placed],
    inlines: LineAxis,
    crosslines: LineAxis,
    oddities: &mut Vec<Oddity>,
) -> Option<BinGrid> {
    let bins: Vec<PlacedBin> = placed
        .iter()
        .filter_map(|placed| {
            let inline = inlines.index_of(placed.numbers[0])?;
            let crossline = crosslines.index_of(placed.numbers[1])?;
            Some(([inline as f64, crossline as f64], placed.position))
        })
        .collect();
    if bins.is_empty() {
        let text = "No trace has coordinates; where the survey lies on the map is not known.";
        oddities.push(Oddity::new(OddityKind::Coordinates, text));
        return None;
    }
    let fit = BinGrid::fit(&bins)?;
    let size = fit.grid.bin_size().into_iter().filter(|size| *size > 0.0).fold(f64::INFINITY, f64::min);
    if size.is_infinite() || fit.rms > size / 2.0 || fit.outliers > bins.len() / 2 {
        let text = format!(
            "The coordinates do not lie on a grid of bins (off by {:.1} on average); where the survey lies on the map \
             is not known.",
            fit.rms
        );
        oddities.push(Oddity::new(OddityKind::Coordinates, text));
        return None;
    }
    if fit.outliers > 0 {
        let text = format!("{} of {} coordinates checked are off the bin grid.", fit.outliers, bins.len());
        oddities.push(Oddity::new(OddityKind::Coordinates, text));
    }
    Some(fit.grid)
}
