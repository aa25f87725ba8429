//! Dips and coherence of reflectors, from the structure tensor.

use super::plane::{Plane, Smoothed};
use refcon_kernels::filters::{Directions, directions};
use refcon_kernels::histograms::{histogram, shared_histogram};
use std::f32::consts::FRAC_PI_2;

/// Bins of dip, from flat reflectors (0) to vertical ones (π/2).
pub(super) const DIPS: usize = 9;
/// Bins of coherence, from 0 (no direction) to 1 (perfectly parallel).
pub(super) const COHERENCES: usize = 10;

/// Gradient energy, (grey levels a pixel)², that keeps the coherence of a flat tile at 0.
const FLOOR: f32 = 1e-3;

/// The structure tensor of a plane, reduced to what is asked of it; one value a pixel.
///
/// Bigün & Granlund, Optimal orientation detection of linear symmetry, ICCV 1987.
pub(super) struct StructureTensor {
    /// Dip of the reflectors, 0..π/2, left and right dips alike.
    dip: Vec<f32>,
    /// 0..1.
    coherence: Vec<f32>,
    /// Root of the gradient's energy, grey levels a pixel: how much a pixel counts.
    weight: Vec<f32>,
}

impl StructureTensor {
    /// Of a plane's gradients, averaged over `reach` pixels (the standard deviation of a Gaussian).
    pub(super) fn of(gradient: &Smoothed, reach: f32) -> Self {
        let Smoothed { across, down, .. } = gradient;
        let product = |a: &Plane, b: &Plane| {
            let levels = a.levels.iter().zip(&b.levels).map(|(a, b)| a * b).collect();
            Plane { levels, ..*a }.smoothed_and_transposed(reach).levels
        };
        let (xx, yy, xy) = (product(across, across), product(down, down), product(across, down));
        let empty = || vec![0.0; xx.len()];
        let mut tensor = Self { dip: empty(), coherence: empty(), weight: empty() };
        let Self { dip, coherence, weight: strength } = &mut tensor;
        directions(&xx, &yy, &xy, FLOOR, &mut Directions { dip, coherence, strength });
        tensor
    }

    /// Appends the square roots of the histogram of dips, weighted by amplitude, [`DIPS`] bins.
    pub(super) fn dips(&self, features: &mut Vec<f32>) {
        let mut bins = [0.0; DIPS];
        shared_histogram(&self.dip, (DIPS - 1) as f32 / FRAC_PI_2, &self.weight, &mut bins);
        extend_with_shares(features, &bins);
    }

    /// Appends the square roots of the histogram of coherence, weighted by amplitude, [`COHERENCES`] bins.
    pub(super) fn coherences(&self, features: &mut Vec<f32>) {
        let mut bins = [0.0; COHERENCES];
        histogram(&self.coherence, COHERENCES as f32, &self.weight, &mut bins);
        extend_with_shares(features, &bins);
    }
}

fn extend_with_shares(features: &mut Vec<f32>, bins: &[f32]) {
    let sum: f32 = bins.iter().sum();
    features.extend(bins.iter().map(|bin| (bin / (sum + 1e-6)).sqrt()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dipping(degrees: f32) -> StructureTensor {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let level = |at: usize| {
            let (x, y) = ((at % 64) as f32, (at / 64) as f32);
            100.0 + 50.0 * ((cos * y - sin * x) * 0.6).sin()
        };
        let plane = Plane { width: 64, height: 64, levels: (0..64 * 64).map(level).collect() };
        StructureTensor::of(&Smoothed::of(&plane, 1.0), 2.0)
    }

    #[test]
    fn parallel_reflectors_have_their_dip_and_full_coherence() {
        for degrees in [0.0, 22.5, -22.5, 45.0, 67.5, 90.0f32] {
            let tensor = dipping(degrees);
            let centre = 32 * 64 + 32;
            let found = tensor.dip[centre].to_degrees();
            assert!((found - degrees.abs()).abs() < 1.5, "{degrees}: {found}");
            assert!(tensor.coherence[centre] > 0.95);
        }
    }

    #[test]
    fn the_histogram_of_dips_peaks_at_the_dip() {
        let mut features = Vec::new();
        dipping(45.0).dips(&mut features);
        let peak = (0..DIPS).max_by(|&a, &b| features[a].total_cmp(&features[b])).unwrap();
        assert_eq!(peak, DIPS / 2);
        let sum: f32 = features.iter().map(|root| root * root).sum();
        assert!((sum - 1.0).abs() < 1e-3);
    }

    #[test]
    fn noise_is_less_coherent_than_reflectors() {
        let noise = (0..64 * 64u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as f32).collect();
        let noise = Plane { width: 64, height: 64, levels: noise };
        let noise = StructureTensor::of(&Smoothed::of(&noise, 1.0), 2.0);
        let mean = |tensor: &StructureTensor| tensor.coherence.iter().sum::<f32>() / 4096.0;
        assert!(mean(&noise) < 0.6 * mean(&dipping(10.0)));
    }
}
