//! Folding of the layers.

use super::random_fields::{MapField, Stream, between, sign, stream};
use super::spec::SyntheticSpec;
use rand_chacha::ChaCha8Rng;

/// Regional dip, gentle folds and small undulations, growing with depth.
///
/// Layers are moved up and down only, as in Wu et al. (2020), "Building realistic structure models to train
/// convolutional neural networks for seismic structural interpretation", Geophysics 85(4), WA27–WA39.
#[derive(Debug)]
pub(super) struct Folds {
    dip: [f64; 2],
    broad: MapField,
    broad_height: f64,
    fine: MapField,
    fine_height: f64,
    growth: MapField,
    growth_height: f64,
    middle: [f64; 2],
    samples: f64,
}

/// How far down the layers of one column lie of where they were laid down, in samples.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shift {
    top: f64,
    per_sample: f64,
}

impl Folds {
    pub(super) fn draw(spec: &SyntheticSpec) -> Self {
        let mut rng = stream(spec.seed, Stream::Structure, 0);
        let extent = [spec.inlines as f64, spec.crosslines as f64];
        let samples = spec.samples as f64;
        let shorter = extent[0].min(extent[1]);
        let dip_across = |rng: &mut ChaCha8Rng| sign(rng) * samples * between(rng, 0.0, 0.05);
        Self {
            dip: [dip_across(&mut rng) / extent[0], dip_across(&mut rng) / extent[1]],
            broad: MapField::draw(&mut rng, extent, shorter * 0.4),
            broad_height: samples * between(&mut rng, 0.012, 0.03),
            fine: MapField::draw(&mut rng, extent, shorter * 0.14),
            fine_height: samples * between(&mut rng, 0.002, 0.005),
            growth: MapField::draw(&mut rng, extent, shorter * 0.5),
            growth_height: samples * between(&mut rng, 0.01, 0.03),
            middle: extent.map(|extent| extent / 2.0),
            samples,
        }
    }

    pub(super) fn at(&self, map: [f64; 2]) -> Shift {
        let tilt = self.dip[0] * (map[0] - self.middle[0]) + self.dip[1] * (map[1] - self.middle[1]);
        let top = tilt + self.broad_height * self.broad.at(map) + self.fine_height * self.fine.at(map);
        Shift { top, per_sample: self.growth_height * self.growth.at(map) / self.samples }
    }
}

impl Shift {
    /// The depth at which what now lies at `z` was laid down.
    pub(super) fn unfold(self, z: f64) -> f64 {
        z - self.top - self.per_sample * z
    }
}
