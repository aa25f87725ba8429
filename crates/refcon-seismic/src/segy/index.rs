//! The saved index of a file's trace headers.
//!
//! ```text
//! 8 bytes   magic
//! u32       version
//! u32       length of the head
//! head      JSON: which file and options it is for, and the survey found
//! runs      28 bytes each: first trace u64, count u32, start 2 × i32, step 2 × i32
//! shifts    12 bytes each: first trace u64, samples u32
//! u64       checksum (FNV-1a) of all bytes before it
//! ```
//!
//! Numbers are little-endian. An index of another version, file or choice of options is not an error: the headers are
//! read again.

use super::OpenOptions;
use super::arrange::{Arrangement, Gathers};
use super::delays::{ShiftRun, TraceShifts};
use super::detect::{Detected, GeometryCandidate, NumberFields};
use super::layout::Layout;
use super::oddity::Oddity;
use super::runs::{Run, TraceRuns};
use crate::Geometry;
use crate::whole_file::create_beside;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

const MAGIC: &[u8; 8] = b"RFCNSGYI";
/// Raised whenever what is saved, or how it is found, changes.
const VERSION: u32 = 2;
const RUN_BYTES: usize = 28;
const SHIFT_BYTES: usize = 12;
/// More bytes than the head of an index ever has: what is larger is not one.
const HEAD_BYTES: u64 = 1 << 20;

/// Which state of a file an index is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileState {
    bytes: u64,
    /// Time of the last change, since 1970.
    seconds: u64,
    nanoseconds: u32,
}

impl FileState {
    /// The present state of the file at `path`.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs_err::metadata(path)?;
        let changed = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self { bytes: metadata.len(), seconds: changed.as_secs(), nanoseconds: changed.subsec_nanos() })
    }
}

/// What the index holds besides the runs.
#[derive(Serialize, Deserialize)]
struct Head {
    file: FileState,
    options: OpenOptions,
    traces: u64,
    runs: u64,
    /// Runs of traces that are moved alike.
    shifts: u64,
    fields: NumberFields,
    candidates: Vec<GeometryCandidate>,
    geometry: Geometry,
    gathers: Option<Gathers>,
    first_sample: f64,
    oddities: Vec<Oddity>,
}

/// Saves what was found; the file appears complete or not at all.
pub(super) fn save(
    path: &Path,
    file: FileState,
    options: &OpenOptions,
    traces: u64,
    detected: &Detected,
    found: &Arrangement,
) -> io::Result<()> {
    let runs = found.runs.runs();
    let shifts = found.shifts.as_ref().map_or(&[][..], TraceShifts::runs);
    let head = serde_json::to_vec(&Head {
        file,
        options: options.clone(),
        traces,
        runs: runs.len() as u64,
        shifts: shifts.len() as u64,
        fields: detected.fields,
        candidates: detected.candidates.clone(),
        geometry: found.geometry.clone(),
        gathers: found.gathers.clone(),
        first_sample: found.first_sample,
        oddities: found.oddities.clone(),
    })?;
    let head_bytes = u32::try_from(head.len()).map_err(io::Error::other)?;
    let mut bytes = Vec::with_capacity(32 + head.len() + runs.len() * RUN_BYTES + shifts.len() * SHIFT_BYTES);
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(head_bytes.to_le_bytes());
    bytes.extend(head);
    for run in runs {
        bytes.extend(run.first_trace.to_le_bytes());
        bytes.extend(run.count.to_le_bytes());
        for number in run.start.into_iter().chain(run.step) {
            bytes.extend(number.to_le_bytes());
        }
    }
    for shift in shifts {
        bytes.extend(shift.first_trace.to_le_bytes());
        bytes.extend(shift.samples.to_le_bytes());
    }
    bytes.extend(checksum(&bytes).to_le_bytes());
    if let Some(folder) = path.parent() {
        fs_err::create_dir_all(folder)?;
    }
    let mut file = create_beside(path)?;
    io::Write::write_all(&mut file, &bytes)?;
    file.persist(path)?;
    Ok(())
}

/// What was saved for this state of the file and these options, or `None` where nothing usable was.
pub(super) fn load(
    path: &Path,
    file: FileState,
    options: &OpenOptions,
    layout: &Layout,
) -> Option<(Detected, Arrangement)> {
    let traces = layout.trace_count;
    // A run and a shift for every trace is the most there can be.
    let most = traces.saturating_mul((RUN_BYTES + SHIFT_BYTES) as u64).saturating_add(HEAD_BYTES);
    if fs_err::metadata(path).ok()?.len() > most {
        return None;
    }
    let bytes = fs_err::read(path).ok()?;
    let (content, sum) = bytes.split_last_chunk::<8>()?;
    if checksum(content) != u64::from_le_bytes(*sum) {
        return None;
    }
    let content = content.strip_prefix(MAGIC)?;
    let (version, content) = content.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*version) != VERSION {
        return None;
    }
    let (head_bytes, content) = content.split_first_chunk::<4>()?;
    let (head, runs) = content.split_at_checked(u32::from_le_bytes(*head_bytes) as usize)?;
    let head: Head = serde_json::from_slice(head).ok()?;
    // The path of the index is no part of the question it answers.
    let asked = OpenOptions { index: None, ..options.clone() };
    if head.file != file || head.options != asked || head.traces != traces {
        return None;
    }
    let run_bytes = usize::try_from(head.runs).ok()?.checked_mul(RUN_BYTES)?;
    let (runs, shifts) = runs.split_at_checked(run_bytes)?;
    let (runs, _) = runs.as_chunks::<RUN_BYTES>();
    let (shifts, rest) = shifts.as_chunks::<SHIFT_BYTES>();
    if !rest.is_empty() || shifts.len() as u64 != head.shifts {
        return None;
    }
    let shifts = if shifts.is_empty() {
        None
    } else {
        let shifts = shifts.iter().map(shift).collect();
        Some(TraceShifts::from_runs(shifts, traces, layout.sample_count)?)
    };
    let runs = TraceRuns::from_runs(runs.iter().map(run).collect(), traces)?;
    let detected = Detected { fields: head.fields, candidates: head.candidates };
    let (geometry, gathers) = (head.geometry, head.gathers);
    let (first_sample, oddities) = (head.first_sample, head.oddities);
    let arrangement = Arrangement { geometry, runs, gathers, first_sample, shifts, oddities };
    arrangement.is_possible(traces).then_some((detected, arrangement))
}

fn shift(bytes: &[u8; SHIFT_BYTES]) -> ShiftRun {
    let (mut first, mut samples) = ([0; 8], [0; 4]);
    first.copy_from_slice(&bytes[..8]);
    samples.copy_from_slice(&bytes[8..]);
    ShiftRun { first_trace: u64::from_le_bytes(first), samples: u32::from_le_bytes(samples) }
}

fn run(bytes: &[u8; RUN_BYTES]) -> Run {
    let number = |at: usize| {
        let mut four = [0; 4];
        four.copy_from_slice(&bytes[at..at + 4]);
        i32::from_le_bytes(four)
    };
    let mut first = [0; 8];
    first.copy_from_slice(&bytes[..8]);
    Run {
        first_trace: u64::from_le_bytes(first),
        count: number(8).cast_unsigned(),
        start: [number(12), number(16)],
        step: [number(20), number(24)],
    }
}

/// FNV-1a, 64 bits: finds damage, not forgery.
fn checksum(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
