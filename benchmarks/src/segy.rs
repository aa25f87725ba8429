//! Opening and reading SEG-Y, beside segyio and NumPy.

use crate::measure::{Run, median, time};
use crate::outcome::Report;
use crate::sides::Sides;
use crate::survey_files::{self, Shape};
use crate::{Failure, Settings};
use rayon::prelude::*;
use refcon_seismic::segy::{
    BINARY_HEADER_BYTES, ByteOrder, OpenOptions, SampleFormat, SegyFile, TEXT_HEADER_BYTES,
    TRACE_HEADER_BYTES,
};
use refcon_seismic::{Direction, LineAxis, Section, TimeSlice};
use std::cell::RefCell;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Samples in a trace: 4 s at 4 ms, with both ends.
const SAMPLES: usize = 1001;
/// Inlines to crosslines.
const ASPECT: [usize; 2] = [3, 4];
/// Bytes that are converted or copied at once from memory to memory: far more than the caches hold.
const CONVERTED_BYTES: usize = 256 << 20;
/// Bytes to a task of converting or copying.
const PIECE_BYTES: usize = 256 << 10;
/// What the conversion is called.
const CONVERSION: &str = "IBM to f32 in memory";
/// Time slices read in one pass where all are read.
const SLICES_AT_A_TIME: usize = 128;

/// Runs the comparison.
///
/// # Errors
/// A survey cannot be made or read, or both sides read different things.
pub(crate) fn compare(settings: &Settings, report: &mut Report) -> Result<(), Failure> {
    let shape = shape_of(settings.gigabytes);
    for format in [SampleFormat::Ibm32, SampleFormat::Float32] {
        let path = survey_files::segy(&settings.data, shape, format)?;
        survey_files::bring_into_cache(&path)?;
        compare_format(settings, report, &path, shape, format)?;
    }
    Ok(())
}

/// A survey of about so many gigabytes of samples.
fn shape_of(gigabytes: f64) -> Shape {
    let unit = (gigabytes * 1e9 / (4 * SAMPLES * ASPECT[0] * ASPECT[1]) as f64).sqrt();
    let lines = |share: usize| ((unit * share as f64).round() as usize).max(64);
    Shape { inlines: lines(ASPECT[0]), crosslines: lines(ASPECT[1]), samples: SAMPLES }
}

fn compare_format(
    settings: &Settings,
    report: &mut Report,
    path: &Path,
    shape: Shape,
    format: SampleFormat,
) -> Result<(), Failure> {
    let Shape { inlines, crosslines, samples } = shape;
    let traces = CONVERTED_BYTES / (4 * samples);
    let traces = traces.min(inlines * crosslines);
    let peer = settings.peer("segy", &[path.as_os_str(), traces.to_string().as_ref()], report);
    let mut sides = Sides { settings, report, peer, peer_name: "segyio" };
    let open = || SegyFile::open(path, &OpenOptions::default());
    let file = open()?;
    let volume = file.geometry().volume().ok_or("the survey that was made is no volume")?;
    // One pass over the headers does not depend on the format of the samples.
    if format == SampleFormat::Ibm32 {
        let numbers = || {
            let volume = open()?.geometry().volume().cloned().ok_or("it is no volume")?;
            let sum = |one: LineAxis, other: LineAxis| {
                let numbers: f64 = (0..one.count).map(|index| f64::from(one.number(index))).sum();
                numbers * other.count as f64
            };
            Ok(sum(volume.inlines, volume.crosslines) + sum(volume.crosslines, volume.inlines))
        };
        sides.compare("open, every header read | regularity trusted", "open", numbers)?;
        sides.compare("scan of all headers | line numbers only", "scan-numbers", numbers)?;
        sides.compare("scan of all headers | same fields", "scan", numbers)?;
    }
    let of = |work: &str| format!("{work}, {}", if format == SampleFormat::Ibm32 { "IBM" } else { "IEEE" });
    for (work, key, direction, lines) in [
        ("all inlines", "inlines", Direction::Inline, volume.inlines),
        ("all crosslines", "crosslines", Direction::Crossline, volume.crosslines),
    ] {
        sides.compare(&of(work), key, || sections(&file, direction, lines))?;
    }
    sides.compare(&of("one time slice"), "slice", || Ok(middle(&file.read_time_slice(samples / 2)?)))?;
    sides.compare(&of("all time slices"), "slices", || {
        let mut check = 0.0;
        for first in (0..samples).step_by(SLICES_AT_A_TIME) {
            let slices = file.read_time_slices(first..samples.min(first + SLICES_AT_A_TIME))?;
            check += slices.iter().map(middle).sum::<f64>();
        }
        Ok(check)
    })?;
    if format == SampleFormat::Ibm32 && CONVERSION.contains(&settings.only) {
        convert(&mut sides, path, traces, samples)?;
    }
    Ok(())
}

/// Reads all sections of a direction; the sum of their middle amplitudes.
fn sections(file: &SegyFile, direction: Direction, lines: LineAxis) -> Result<f64, Failure> {
    let mut check = 0.0;
    for index in 0..lines.count {
        let Section { traces, samples, amplitudes, .. } =
            file.read_section(direction, lines.number(index))?;
        check += f64::from(amplitudes[samples.count / 2 * traces.count + traces.count / 2]);
    }
    Ok(check)
}

fn middle(slice: &TimeSlice) -> f64 {
    f64::from(slice.amplitudes[slice.inlines.count / 2 * slice.crosslines.count + slice.crosslines.count / 2])
}

/// Conversion of IBM floats from memory to memory, beside the peer and beside the rate of copying.
fn convert(sides: &mut Sides, path: &Path, traces: usize, samples: usize) -> Result<(), Failure> {
    let stored = stored_samples(path, traces, samples)?;
    let mut converted = vec![0.0_f32; stored.len() / 4];
    let mut copied = vec![0_u8; stored.len()];
    let threads = sides.settings.threads;
    // Copying takes turns with the rest: the limit is that of the same minutes.
    let copying = RefCell::new(Vec::new());
    let mut ours = || {
        copying.borrow_mut().push(copy(&stored, &mut copied, threads)?);
        time(|| {
            let pieces = converted.par_chunks_mut(PIECE_BYTES / 4).zip(stored.par_chunks(PIECE_BYTES));
            pieces.for_each(|(samples, bytes)| SampleFormat::Ibm32.decode(ByteOrder::Big, bytes, samples));
            Ok(f64::from(converted[converted.len() / 2]))
        })
    };
    let amount = (4 * traces * samples) as f64 / 1e9;
    let limit = || median(&mut copying.borrow_mut());
    sides.compare_rates(CONVERSION, "convert", (amount, "GB/s"), &mut ours, limit)
}

/// The samples of the first traces as they are stored, without their headers.
fn stored_samples(path: &Path, traces: usize, samples: usize) -> Result<Vec<u8>, Failure> {
    let trace_bytes = TRACE_HEADER_BYTES + 4 * samples;
    let mut file = fs_err::File::open(path)?;
    file.seek(SeekFrom::Start((TEXT_HEADER_BYTES + BINARY_HEADER_BYTES) as u64))?;
    let mut stored = Vec::with_capacity(traces * 4 * samples);
    let mut trace = vec![0; trace_bytes];
    for _ in 0..traces {
        file.read_exact(&mut trace)?;
        stored.extend_from_slice(&trace[TRACE_HEADER_BYTES..]);
    }
    Ok(stored)
}

/// Seconds that copying takes, the faster of two ways: one large piece a thread, for which the system's copy goes round
/// the caches, and small pieces.
fn copy(from: &[u8], to: &mut [u8], threads: usize) -> Result<f64, Failure> {
    let mut fastest = f64::INFINITY;
    for piece in [from.len().div_ceil(threads), PIECE_BYTES] {
        let Run { seconds, .. } = time(|| {
            to.par_chunks_mut(piece)
                .zip(from.par_chunks(piece))
                .for_each(|(to, from)| to.copy_from_slice(from));
            Ok(f64::from(to[to.len() / 2]))
        })?;
        fastest = fastest.min(seconds);
    }
    Ok(fastest)
}
