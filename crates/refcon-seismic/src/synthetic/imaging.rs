//! From reflectivity to an image: wavelet, migration's lateral resolution, noise, loss of amplitude with depth.

use super::geology::Geology;
use super::random_fields::{Stream, stream};
use super::spec::SyntheticSpec;
use super::wavelet::{exp_of_minus, ricker};
use rand::RngExt;
use rayon::prelude::*;

/// Standard deviation, in traces, of the smoothing that stands for the lateral resolution of a migrated image.
const LATERAL_RESOLUTION: f64 = 0.85;
/// Traces to either side that the smoothing reaches.
const LATERAL_REACH: usize = 3;
/// Share of the amplitude that is lost from the top of the volume to its bottom.
const LOSS_WITH_DEPTH: f64 = 0.3;
/// RMS amplitude of the signal in a finished volume.
const RMS_AMPLITUDE: f64 = 1.0;

/// Amplitudes and labels of a survey, both `[inline, crossline, sample]`.
pub(super) fn image(spec: &SyntheticSpec, geology: &Geology) -> (Vec<f32>, Vec<u8>) {
    let slab = spec.crosslines * spec.samples;
    let losses: Vec<f32> = (0..spec.samples)
        .map(|sample| (1.0 - LOSS_WITH_DEPTH * sample as f64 / spec.samples as f64) as f32)
        .collect();
    let mut labels = vec![0; spec.inlines * slab];
    let mut sharp = vec![0.0; spec.inlines * slab];
    sharp.par_chunks_exact_mut(slab).zip(labels.par_chunks_exact_mut(slab)).enumerate().for_each_init(
        Filter::of(spec),
        |filter, (inline, (amplitudes, labels))| {
            let traces = amplitudes.chunks_exact_mut(spec.samples);
            for (crossline, (trace, labels)) in traces.zip(labels.chunks_exact_mut(spec.samples)).enumerate()
            {
                geology.column(inline, crossline, trace, labels);
            }
            filter.apply(amplitudes);
            for trace in amplitudes.chunks_exact_mut(spec.samples) {
                trace.iter_mut().zip(&losses).for_each(|(amplitude, loss)| *amplitude *= loss);
            }
        },
    );
    let mut image = vec![0.0; spec.inlines * slab];
    add_smoothed_across_inlines(&sharp, slab, 1.0, &mut image);
    let signal = rms(&image, slab);

    if spec.signal_to_noise.is_finite() {
        sharp.par_chunks_exact_mut(slab).enumerate().for_each_init(
            Filter::of(spec),
            |filter, (inline, amplitudes)| {
                white_noise(spec.seed, inline, amplitudes);
                filter.apply(amplitudes);
            },
        );
        let noise = filtered_noise_rms(spec);
        add_smoothed_across_inlines(&sharp, slab, signal / (spec.signal_to_noise * noise), &mut image);
    }
    drop(sharp);

    let gain = (RMS_AMPLITUDE / signal) as f32;
    image.par_iter_mut().for_each(|amplitude| *amplitude *= gain);
    (image, labels)
}

/// Weights of the lateral smoothing; they sum to 1.
fn lateral_weights() -> Vec<f32> {
    let reach = LATERAL_REACH as i32;
    let weights: Vec<f64> = (-reach..=reach)
        .map(|trace| {
            let deviations = f64::from(trace) / LATERAL_RESOLUTION;
            exp_of_minus(0.5 * deviations * deviations)
        })
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| (weight / sum) as f32).collect()
}

/// What happens to one inline on its own: the wavelet down each trace, the smoothing across its traces.
struct Filter {
    samples: usize,
    wavelet: Vec<f32>,
    lateral: Vec<f32>,
    padded: Vec<f32>,
    convolved: Vec<f32>,
}

impl Filter {
    fn of(spec: &SyntheticSpec) -> impl Fn() -> Self + Sync + Send {
        let (samples, period) = (spec.samples, spec.period());
        move || Self {
            samples,
            wavelet: ricker(period),
            lateral: lateral_weights(),
            padded: Vec::new(),
            convolved: Vec::new(),
        }
    }

    fn apply(&mut self, inline: &mut [f32]) {
        let half = self.wavelet.len() / 2;
        self.convolved.clear();
        self.convolved.resize(inline.len(), 0.0);
        for (trace, convolved) in
            inline.chunks_exact(self.samples).zip(self.convolved.chunks_exact_mut(self.samples))
        {
            self.padded.clear();
            self.padded.resize(half, 0.0);
            self.padded.extend_from_slice(trace);
            self.padded.resize(self.samples + 2 * half, 0.0);
            for (offset, &weight) in self.wavelet.iter().enumerate() {
                for (sum, &value) in convolved.iter_mut().zip(&self.padded[offset..]) {
                    *sum += weight * value;
                }
            }
        }
        let traces = inline.len() / self.samples;
        for (trace, smoothed) in inline.chunks_exact_mut(self.samples).enumerate() {
            smoothed.fill(0.0);
            for (tap, &weight) in self.lateral.iter().enumerate() {
                let neighbour = neighbour(trace, tap, traces) * self.samples;
                add(smoothed, &self.convolved[neighbour..], weight);
            }
        }
    }
}

/// The line that `tap` of the lateral smoothing reads for line `line` of `count`; the edge line stands for those beyond.
fn neighbour(line: usize, tap: usize, count: usize) -> usize {
    (line + tap).saturating_sub(LATERAL_REACH).min(count - 1)
}

fn add(sums: &mut [f32], values: &[f32], weight: f32) {
    for (sum, &value) in sums.iter_mut().zip(values) {
        *sum += weight * value;
    }
}

/// Adds `scale` times `volume`, smoothed across inlines, to `image`.
fn add_smoothed_across_inlines(volume: &[f32], slab: usize, scale: f64, image: &mut [f32]) {
    let inlines = volume.len() / slab;
    let lateral = lateral_weights();
    image.par_chunks_exact_mut(slab).enumerate().for_each(|(inline, sums)| {
        for (tap, &weight) in lateral.iter().enumerate() {
            let neighbour = neighbour(inline, tap, inlines) * slab;
            add(sums, &volume[neighbour..neighbour + slab], weight * scale as f32);
        }
    });
}

/// Root mean square, summed inline by inline so that the number of threads cannot change its last bits.
fn rms(volume: &[f32], slab: usize) -> f64 {
    let sums: Vec<f64> = volume
        .par_chunks_exact(slab)
        .map(|inline| inline.iter().map(|&amplitude| f64::from(amplitude) * f64::from(amplitude)).sum())
        .collect();
    (sums.iter().sum::<f64>() / volume.len() as f64).sqrt()
}

/// Independent samples of unit variance: sums of four 16-bit uniform numbers, close enough to normal before a filter
/// that sums dozens more.
fn white_noise(seed: u64, inline: usize, amplitudes: &mut [f32]) {
    let mut rng = stream(seed, Stream::Noise, inline as u64);
    // The variance of a sum of four numbers that are uniform over 0..65536.
    let deviation = (4.0 * 65536.0 * 65536.0 / 12.0_f32).sqrt();
    for amplitude in amplitudes {
        let bits: u64 = rng.random();
        let sum: u64 = [0, 16, 32, 48].iter().map(|shift| (bits >> shift) & 0xffff).sum();
        *amplitude = (sum as f32 - 2.0 * 65535.0) / deviation;
    }
}

/// RMS amplitude of [`white_noise`] once it has been through the wavelet and both lateral smoothings.
fn filtered_noise_rms(spec: &SyntheticSpec) -> f64 {
    let power =
        |weights: Vec<f32>| weights.iter().map(|&weight| f64::from(weight) * f64::from(weight)).sum::<f64>();
    power(ricker(spec.period())).sqrt() * power(lateral_weights())
}
