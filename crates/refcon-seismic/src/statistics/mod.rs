//! Amplitude statistics of whole surveys, in bounded memory.
//!
//! Percentiles are exact: a first pass over the traces counts the leading 16 bits of every amplitude's place in the order
//! of floats, which says in which of 65 536 buckets a percentile lies; a second pass counts the other 16 bits in those
//! buckets only. Both passes together hold a block of traces and some MiB of counts, whatever the size of the survey.

mod radix;

use crate::segy::TraceBlock;
use crate::{Survey, SurveyError};
use radix::{ABSOLUTE, BucketCounts, Order, SIGNED, in_buckets};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The percentiles of [`AmplitudeStatistics`], percent.
pub const PERCENTILES: [f64; 5] = [0.1, 1.0, 50.0, 99.0, 99.9];

/// Amplitudes that one thread takes at a time, about. Fixed, so that sums are added in the same order on every machine.
const CHUNK: usize = 1 << 19;
/// Sums that are kept side by side, so that none waits for the one before it.
const LANES: usize = 16;
/// Amplitudes that are turned into bytes at a time.
const HASHED: usize = 1 << 14;

/// What the amplitudes of a survey are like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AmplitudeStatistics {
    /// Traces that have a finite sample other than 0.
    pub live_traces: u64,
    /// Traces that have none.
    pub dead_traces: u64,
    /// All samples of all traces.
    pub samples: u64,
    /// Samples that are NaN or infinite; the distribution leaves them out.
    pub not_finite: u64,
    /// The distribution of the finite samples, dead traces included; `None` where there are none.
    pub distribution: Option<AmplitudeDistribution>,
}

/// How finite amplitudes are distributed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AmplitudeDistribution {
    /// The least.
    pub minimum: f32,
    /// The greatest.
    pub maximum: f32,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation, of the whole population (divided by their number).
    pub standard_deviation: f64,
    /// The [`PERCENTILES`], exact.
    pub percentiles: Vec<AmplitudePercentile>,
}

/// An amplitude and the share of amplitudes that do not exceed it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AmplitudePercentile {
    /// Percent.
    pub percent: f64,
    /// The amplitude: of `n` in order, counted from 0, the one at `(n − 1) · percent / 100`, rounded.
    pub amplitude: f32,
}

impl AmplitudeStatistics {
    /// Measures all traces of `survey`, in two passes over them; `watch` is told how many traces each block had that was
    /// read, so it hears of each trace twice.
    ///
    /// # Errors
    /// Reading fails.
    pub fn measure(survey: &Survey, watch: &mut dyn FnMut(u64)) -> Result<Self, SurveyError> {
        let mut moments = Moments::default();
        let mut buckets = BucketCounts::new();
        for block in survey.traces() {
            let block = block?;
            watch(block.traces());
            let chunks: Vec<_> = chunks(&block)
                .map(|traces| (Moments::of(traces, block.samples), BucketCounts::of(traces, SIGNED)))
                .collect();
            for (chunk_moments, chunk_buckets) in chunks {
                moments = moments.and(chunk_moments);
                buckets.add(&chunk_buckets);
            }
        }
        let amplitudes = percentiles(survey, &buckets, SIGNED, &PERCENTILES, watch)?;
        let distribution = (moments.finite > 0).then(|| AmplitudeDistribution {
            minimum: moments.minimum,
            maximum: moments.maximum,
            mean: moments.mean,
            standard_deviation: (moments.squares / moments.finite as f64).sqrt(),
            percentiles: PERCENTILES
                .into_iter()
                .zip(amplitudes)
                .map(|(percent, amplitude)| AmplitudePercentile { percent, amplitude })
                .collect(),
        });
        Ok(Self {
            live_traces: moments.live_traces,
            dead_traces: moments.traces - moments.live_traces,
            samples: moments.samples,
            not_finite: moments.samples - moments.finite,
            distribution,
        })
    }
}

/// Percentiles of the absolute amplitudes of a whole survey, exact, in two passes over its traces: clips of a symmetric
/// colour scale, or of [`Normalisation::Clip`](crate::tiling::Normalisation::Clip).
///
/// As [`absolute_percentile`](crate::absolute_percentile) of all samples: NaN and infinite ones do not count; 0 where
/// there is no other. Percents outside 0..100 are taken as 0 and 100. `watch` is told how many traces each block had that
/// was read, so it hears of each trace twice.
///
/// # Errors
/// Reading fails.
pub fn absolute_percentiles(
    survey: &Survey,
    percents: &[f64],
    watch: &mut dyn FnMut(u64),
) -> Result<Vec<f32>, SurveyError> {
    let mut buckets = BucketCounts::new();
    for block in survey.traces() {
        let block = block?;
        watch(block.traces());
        let chunks: Vec<_> = chunks(&block).map(|traces| BucketCounts::of(traces, ABSOLUTE)).collect();
        chunks.iter().for_each(|chunk| buckets.add(chunk));
    }
    let amplitudes = percentiles(survey, &buckets, ABSOLUTE, percents, watch)?;
    Ok(if amplitudes.is_empty() { vec![0.0; percents.len()] } else { amplitudes })
}

/// The SHA-256 over all samples in the order of the file's traces as little-endian `f32`, 64 hexadecimal digits: the same
/// for the same amplitudes, however they are stored. `watch` is told how many traces each block had that was read.
///
/// # Errors
/// Reading fails.
pub fn sha256_f32le(survey: &Survey, watch: &mut dyn FnMut(u64)) -> Result<String, SurveyError> {
    let mut hash = Sha256::new();
    let mut bytes = Vec::with_capacity(HASHED * size_of::<f32>());
    for block in survey.traces() {
        let block = block?;
        watch(block.traces());
        for amplitudes in block.amplitudes.chunks(HASHED) {
            bytes.clear();
            bytes.extend(amplitudes.iter().flat_map(|amplitude| amplitude.to_le_bytes()));
            hash.update(&bytes);
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The second pass; empty where there is no finite amplitude.
fn percentiles(
    survey: &Survey,
    buckets: &BucketCounts,
    order: Order,
    percents: &[f64],
    watch: &mut dyn FnMut(u64),
) -> Result<Vec<f32>, SurveyError> {
    let total = buckets.total();
    if total == 0 {
        return Ok(Vec::new());
    }
    let rank = |percent: f64| ((total - 1) as f64 * percent.clamp(0.0, 100.0) / 100.0).round() as u64;
    let places: Vec<_> = percents.iter().map(|&percent| buckets.place_of(rank(percent))).collect();
    let mut wanted: Vec<u16> = places.iter().map(|place| place.bucket).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut within: Vec<BucketCounts> = wanted.iter().map(|_| BucketCounts::new()).collect();
    for block in survey.traces() {
        let block = block?;
        watch(block.traces());
        let chunks: Vec<_> = chunks(&block).map(|traces| in_buckets(traces, order, &wanted)).collect();
        for (index, other) in chunks.into_iter().flatten() {
            within[index].add_one(other);
        }
    }
    let amplitude = |place: &radix::Place| {
        let counts = &within[wanted.partition_point(|&bucket| bucket < place.bucket)];
        order.amplitude(place.bucket, counts.place_of(place.rank).bucket)
    };
    Ok(places.iter().map(amplitude).collect())
}

/// Whole traces of a block, about [`CHUNK`] samples at a time.
fn chunks(block: &TraceBlock) -> impl IndexedParallelIterator<Item = &[f32]> {
    let traces = (CHUNK / block.samples.max(1)).max(1);
    block.amplitudes.par_chunks(traces * block.samples.max(1))
}

/// Counts, range and moments of some traces.
#[derive(Debug, Clone, Copy)]
struct Moments {
    traces: u64,
    live_traces: u64,
    samples: u64,
    finite: u64,
    minimum: f32,
    maximum: f32,
    mean: f64,
    /// Sum of the squared distances from the mean.
    squares: f64,
}

impl Default for Moments {
    fn default() -> Self {
        let (minimum, maximum) = (f32::INFINITY, f32::NEG_INFINITY);
        let (traces, live_traces, samples, finite) = (0, 0, 0, 0);
        Self { traces, live_traces, samples, finite, minimum, maximum, mean: 0.0, squares: 0.0 }
    }
}

impl Moments {
    fn of(traces: &[f32], samples: usize) -> Self {
        let mut moments = Self { samples: traces.len() as u64, ..Self::default() };
        let mut sum = 0.0;
        for trace in traces.chunks(samples.max(1)) {
            let (mut finite, mut sums) = ([0_u32; LANES], [0.0_f64; LANES]);
            let (mut least, mut most) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
            for amplitudes in trace.chunks(LANES) {
                for (lane, &amplitude) in amplitudes.iter().enumerate() {
                    // Choices without branches, so that the lanes are worked on together.
                    let is_finite = amplitude.is_finite();
                    finite[lane] += u32::from(is_finite);
                    sums[lane] += if is_finite { f64::from(amplitude) } else { 0.0 };
                    least[lane] = if is_finite && amplitude < least[lane] { amplitude } else { least[lane] };
                    most[lane] = if is_finite && amplitude > most[lane] { amplitude } else { most[lane] };
                }
            }
            let least = least.into_iter().fold(f32::INFINITY, f32::min);
            let most = most.into_iter().fold(f32::NEG_INFINITY, f32::max);
            moments.finite += finite.into_iter().map(u64::from).sum::<u64>();
            moments.minimum = moments.minimum.min(least);
            moments.maximum = moments.maximum.max(most);
            sum += sums.into_iter().sum::<f64>();
            moments.traces += 1;
            moments.live_traces += u64::from(least < 0.0 || most > 0.0);
        }
        moments.mean = sum / moments.finite.max(1) as f64;
        let mut squares = [0.0_f64; LANES];
        for amplitudes in traces.chunks(LANES) {
            for (square, &amplitude) in squares.iter_mut().zip(amplitudes) {
                let apart = f64::from(amplitude) - moments.mean;
                *square += if amplitude.is_finite() { apart * apart } else { 0.0 };
            }
        }
        moments.squares = squares.into_iter().sum();
        moments
    }

    /// Both together; moments as Chan, Golub and `LeVeque` (1979) add them, which loses nothing to large means.
    fn and(self, other: Self) -> Self {
        let finite = self.finite + other.finite;
        let share = other.finite as f64 / finite.max(1) as f64;
        let apart = other.mean - self.mean;
        Self {
            traces: self.traces + other.traces,
            live_traces: self.live_traces + other.live_traces,
            samples: self.samples + other.samples,
            finite,
            minimum: self.minimum.min(other.minimum),
            maximum: self.maximum.max(other.maximum),
            mean: self.mean + apart * share,
            squares: self.squares + other.squares + apart * apart * self.finite as f64 * share,
        }
    }
}
