//! Energy by spatial frequency and dip.

use super::plane::Plane;
use refcon_kernels::filters::sum_of_rows;
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
    /// For each place of the quarter of the frequency plane that [`mean_density`] gives, in its order, the bands that it belongs to, and
    /// with which share of the band's mean.
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
        let places = height / 2 + 1;
        let mut bands = vec![[(0, 0.0); 4]; places * (width / 2 + 1)];
        let mut weight = [0.0f32; LENGTH];
        for (at, bands) in bands.iter_mut().enumerate() {
            let (kx, ky) = (at / places, at % places);
            let (across, down) = (kx as f32 / width as f32, ky as f32 / height as f32);
            let frequency = across.hypot(down);
            if frequency == 0.0 || frequency > 0.5 {
                continue;
            }
            let counted = if has_mirror(kx, width) { 2.0 } else { 1.0 };
            let band = (frequency / LOWEST_FREQUENCY).ln() / FREQUENCY_STEP.ln();
            let angle = across.atan2(down) / FRAC_PI_2 * (ANGLES - 1) as f32;
            let shares = neighbours(band, FREQUENCIES).into_iter().flat_map(|band| {
                neighbours(angle, ANGLES).map(|angle| (band.0 * ANGLES + angle.0, band.1 * angle.1))
            });
            for (kept, (band, share)) in bands.iter_mut().zip(shares) {
                *kept = (band as u8, share);
                weight[band] += counted * share;
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

/// Whether frequency `kx` of `width` has another that is as fast, but falls to the other side.
fn has_mirror(kx: usize, width: usize) -> bool {
    kx > 0 && 2 * kx < width
}

/// Mean power spectral density over windows, grey levels² per unit of the frequency plane: of frequencies that fall to either side
/// together, for the upper half of the plane, `[width / 2 + 1, height / 2 + 1]`, column by column. A real image's spectrum is symmetric
/// about zero.
fn mean_density(plane: &Plane, window: &Window) -> Vec<f32> {
    let &Window { width, height, .. } = window;
    let (taper_across, taper_down) = (&window.taper_across, &window.taper_down);
    let taper_energy: f32 =
        taper_across.iter().map(|t| t * t).sum::<f32>() * taper_down.iter().map(|t| t * t).sum::<f32>();

    let places = height / 2 + 1;
    let mut density = vec![0.0; (width / 2 + 1) * places];
    let mut windows = 0.0;
    // Two rows at a time are transformed as the real and the imaginary part of one.
    let mut pairs = vec![Complex::default(); width * height.div_ceil(2)];
    let mut columns = vec![Complex::default(); (width / 2 + 1) * height];
    for top in window_starts(plane.height, height) {
        for left in window_starts(plane.width, width) {
            let row = |y: usize| &plane.levels[(top + y) * plane.width + left..][..width];
            let (first, last) = (top * plane.width + left, (top + height - 1) * plane.width + left + width);
            let sum = sum_of_rows(&plane.levels[first..last], plane.width, width);
            let mean = (sum / (width * height) as f64) as f32;
            for (pair, out) in pairs.chunks_exact_mut(width).enumerate() {
                // The last row of an odd number of them goes with itself, and half of that is not looked at.
                let (y, next) = (2 * pair, (2 * pair + 1).min(height - 1));
                let (down, next_down) = (taper_down[y], taper_down[next]);
                for (((out, &level), &next), &across) in
                    out.iter_mut().zip(row(y)).zip(row(next)).zip(taper_across)
                {
                    *out = Complex::new((level - mean) * across * down, (next - mean) * across * next_down);
                }
            }
            window.across.process(&mut pairs);
            for (pair, row) in pairs.chunks_exact(width).enumerate() {
                for (x, column) in columns.chunks_exact_mut(height).enumerate() {
                    let (value, mirrored) = (row[x], row[(width - x) % width].conj());
                    column[2 * pair] = (value + mirrored) * 0.5;
                    if let Some(next) = column.get_mut(2 * pair + 1) {
                        *next = (value - mirrored) * Complex::new(0.0, -0.5);
                    }
                }
            }
            window.down.process(&mut columns);
            for ((x, column), out) in
                columns.chunks_exact(height).enumerate().zip(density.chunks_exact_mut(places))
            {
                for (out, value) in out.iter_mut().zip(column) {
                    *out += value.norm_sqr();
                }
                if has_mirror(x, width) {
                    // Where it lies upside down in the column, since the spectrum is symmetric about zero.
                    let mirrored = std::iter::once(&column[0]).chain(column.iter().rev());
                    for (out, value) in out.iter_mut().zip(mirrored) {
                        *out += value.norm_sqr();
                    }
                }
            }
            windows += 1.0;
        }
    }
    density.iter_mut().for_each(|value| *value /= taper_energy * windows);
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
        // The first row and the last row are their own mirror images; all other rows count twice.
        let density = mean_density(&plane, &Window::new(96, 96));
        let total: f32 =
            density.iter().enumerate().map(|(at, v)| if at % 49 % 48 == 0 { *v } else { 2.0 * v }).sum();
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
