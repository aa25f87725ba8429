//! Energy by spatial frequency and dip.

use super::plane::Plane;
use rustfft::num_complex::Complex;
use rustfft::{Fft, FftPlanner};
use std::cell::RefCell;
use std::f32::consts::{FRAC_PI_2, PI};
use std::rc::Rc;
use std::sync::Arc;

/// Centres of the frequency bands, cycles a pixel: even steps in the logarithm, from one cycle in 50 pixels on.
const FREQUENCIES: usize = 6;
const LOWEST_FREQUENCY: f32 = 0.02;
const FREQUENCY_STEP: f32 = 1.7;

/// Centres of the dip bands, evenly from flat reflectors to vertical ones.
const ANGLES: usize = 9;

pub(super) const LENGTH: usize = FREQUENCIES * ANGLES;

/// Longest side of the window that is transformed, in pixels. A larger tile is the mean over windows that overlap by half
/// (Welch 1967), so that a tile's size does not change its spectrum.
const LONGEST_WINDOW: usize = 128;

/// Noise floor, grey levels² per unit of the frequency plane: the density that rounding to 8 bits adds (1/12).
const FLOOR: f32 = 1.0 / 12.0;

/// Appends the log of the mean spectral density in each band, `[FREQUENCIES, ANGLES]`.
pub(super) fn measure(plane: &Plane, features: &mut Vec<f32>) {
    let (width, height) = (plane.width.min(LONGEST_WINDOW), plane.height.min(LONGEST_WINDOW));
    let window = Window::of(width, height);
    let density = mean_density(plane, &window);
    let mut energy = [0.0f32; LENGTH];
    for (share, bands) in density.iter().zip(&window.bands) {
        for &(band, in_band) in bands {
            energy[usize::from(band)] += in_band * share;
        }
    }
    features.extend(energy.map(|energy| (energy + FLOOR).ln()));
}

/// What transforming windows of one size takes. Tiles of a set are mostly of one size, so each thread keeps the last.
struct Window {
    width: usize,
    height: usize,
    across: Arc<dyn Fft<f32>>,
    down: Arc<dyn Fft<f32>>,
    taper_across: Vec<f32>,
    taper_down: Vec<f32>,
    /// For each place of the upper half of the frequency plane, row by row, the bands that it belongs to, and with which
    /// share of the band's mean.
    bands: Vec<[(u8, f32); 4]>,
}

impl Window {
    fn of(width: usize, height: usize) -> Rc<Self> {
        thread_local!(static LAST: RefCell<Option<Rc<Window>>> = const { RefCell::new(None) });
        LAST.with_borrow_mut(|last| match last {
            Some(last) if (last.width, last.height) == (width, height) => Rc::clone(last),
            _ => Rc::clone(last.insert(Rc::new(Self::new(width, height)))),
        })
    }

    fn new(width: usize, height: usize) -> Self {
        let mut bands = vec![[(0, 0.0); 4]; width * (height / 2 + 1)];
        let mut weight = [0.0f32; LENGTH];
        for (at, bands) in bands.iter_mut().enumerate() {
            let (kx, ky) = (at % width, at / width);
            let down = ky as f32 / height as f32;
            let across = kx.min(width - kx) as f32 / width as f32;
            let frequency = across.hypot(down);
            if frequency == 0.0 || frequency > 0.5 {
                continue;
            }
            let band = (frequency / LOWEST_FREQUENCY).ln() / FREQUENCY_STEP.ln();
            let angle = across.atan2(down) / FRAC_PI_2 * (ANGLES - 1) as f32;
            let shares = neighbours(band, FREQUENCIES).into_iter().flat_map(|band| {
                neighbours(angle, ANGLES).map(|angle| (band.0 * ANGLES + angle.0, band.1 * angle.1))
            });
            for (kept, (band, share)) in bands.iter_mut().zip(shares) {
                *kept = (band as u8, share);
                weight[band] += share;
            }
        }
        for (band, share) in bands.iter_mut().flatten() {
            *share /= weight[usize::from(*band)].max(1e-6);
        }
        let mut planner = FftPlanner::new();
        let (across, down) = (planner.plan_fft_forward(width), planner.plan_fft_forward(height));
        Self { width, height, across, down, taper_across: hann(width), taper_down: hann(height), bands }
    }
}

/// The two centres of `count` that `position` lies between and how much it belongs to each; outside, the outermost one.
fn neighbours(position: f32, count: usize) -> [(usize, f32); 2] {
    let position = position.clamp(0.0, (count - 1) as f32);
    let below = (position as usize).min(count.saturating_sub(2));
    let share = position - below as f32;
    [(below, 1.0 - share), (below + 1, share)]
}

/// Mean power spectral density over windows, grey levels² per unit of the frequency plane, for its upper half, `[height / 2 + 1,
/// width]`: a real image's spectrum is symmetric about zero.
fn mean_density(plane: &Plane, window: &Window) -> Vec<f32> {
    let &Window { width, height, .. } = window;
    let (taper_across, taper_down) = (&window.taper_across, &window.taper_down);
    let taper_energy: f32 =
        taper_across.iter().map(|t| t * t).sum::<f32>() * taper_down.iter().map(|t| t * t).sum::<f32>();

    let mut density = vec![0.0; width * (height / 2 + 1)];
    let mut windows = 0.0;
    let mut rows = vec![Complex::default(); width * height];
    let mut columns = rows.clone();
    for top in window_starts(plane.height, height) {
        for left in window_starts(plane.width, width) {
            let levels = plane.rows().skip(top).take(height).map(|row| &row[left..left + width]);
            let mean = levels.clone().flatten().sum::<f32>() / (width * height) as f32;
            for ((row, out), down) in levels.zip(rows.chunks_exact_mut(width)).zip(taper_down) {
                for ((&level, out), across) in row.iter().zip(out).zip(taper_across) {
                    *out = Complex::new((level - mean) * across * down, 0.0);
                }
            }
            window.across.process(&mut rows);
            for (x, column) in columns.chunks_exact_mut(height).enumerate() {
                for (value, row) in column.iter_mut().zip(rows.chunks_exact(width)) {
                    *value = row[x];
                }
            }
            window.down.process(&mut columns);
            for (x, column) in columns.chunks_exact(height).enumerate() {
                for (value, row) in column.iter().zip(density.chunks_exact_mut(width)) {
                    row[x] += value.norm_sqr() / taper_energy;
                }
            }
            windows += 1.0;
        }
    }
    density.iter_mut().for_each(|value| *value /= windows);
    density
}

/// First pixels of windows of `window` pixels that cover `length`, evenly, overlapping by half or more.
fn window_starts(length: usize, window: usize) -> impl Iterator<Item = usize> + Clone {
    let room = length - window;
    let steps = room.div_ceil((window / 2).max(1));
    (0..=steps).map(move |step| (room * step).checked_div(steps).unwrap_or(0))
}

/// A Hann taper that is nowhere zero, so that windows of one or two pixels work too.
fn hann(length: usize) -> Vec<f32> {
    (0..length).map(|at| (PI * (at as f32 + 0.5) / length as f32).sin().powi(2)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f32::consts::TAU;

    fn sine(width: usize, height: usize, across: f32, down: f32) -> Plane {
        let level = |at: usize| {
            let (x, y) = ((at % width) as f32, (at / width) as f32);
            100.0 + 50.0 * (TAU * (across * x + down * y)).sin()
        };
        Plane { width, height, levels: (0..width * height).map(level).collect() }
    }

    fn loudest(plane: &Plane) -> (usize, usize) {
        let mut features = Vec::new();
        measure(plane, &mut features);
        let at = (0..LENGTH).max_by(|&a, &b| features[a].total_cmp(&features[b])).unwrap();
        (at / ANGLES, at % ANGLES)
    }

    #[test]
    fn a_sine_is_loudest_in_its_own_band_and_dip() {
        let frequency = LOWEST_FREQUENCY * FREQUENCY_STEP.powi(3);
        assert_eq!(loudest(&sine(118, 143, 0.0, frequency)), (3, 0));
        assert_eq!(loudest(&sine(118, 143, frequency, 0.0)), (3, ANGLES - 1));
        let diagonal = frequency / 2f32.sqrt();
        assert_eq!(loudest(&sine(118, 143, diagonal, diagonal)), (3, ANGLES / 2));
    }

    #[test]
    fn the_density_integrates_to_the_variance() {
        let plane = sine(96, 96, 0.0, 0.125);
        // The upper half's first row and last row are their own mirror images; all other rows count twice.
        let density = mean_density(&plane, &Window::new(96, 96));
        let rows = density.chunks_exact(96).map(|row| row.iter().sum::<f32>()).enumerate();
        let total: f32 = rows.map(|(ky, sum)| if ky % 48 == 0 { sum } else { 2.0 * sum }).sum();
        let variance = total / (96.0 * 96.0);
        assert!((variance / 1250.0 - 1.0).abs() < 0.02, "{variance}");
    }

    #[test]
    fn windows_cover_a_tile_from_edge_to_edge() {
        let starts: Vec<usize> = window_starts(300, 128).collect();
        assert_eq!(starts, [0, 57, 114, 172]);
        assert_eq!(window_starts(99, 99).collect::<Vec<_>>(), [0]);
    }
}
