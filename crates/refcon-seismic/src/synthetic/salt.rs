//! Salt diapirs.

use super::random_fields::{MapField, Stream, between, sign, smoothstep, stream};
use super::spec::SyntheticSpec;
use rand_chacha::ChaCha8Rng;

/// Logarithmic impedance of salt over the trend of the sediments, in units of an ordinary bed's contrast.
const SALT_CONTRAST: f64 = 6.0;
/// Traces over which migration smears a steep flank.
const FLANK_BLUR: f64 = 1.5;

/// One diapir: a rounded top on a steep-flanked stem that widens to its root, layers dragged up around it.
#[derive(Debug)]
struct Diapir {
    centre: [f64; 2],
    /// Unit vector on the map, along the longer axis.
    long_axis: [f64; 2],
    /// Half lengths of the axes at the shoulder, traces.
    radii: [f64; 2],
    /// Sample of the crest.
    crest: f64,
    /// Samples from the crest down to the shoulder.
    dome: f64,
    /// Share by which the stem is narrower than the shoulder.
    neck: f64,
    /// Samples by which the layers at the flank are dragged up.
    drag: f64,
    /// Traces, then samples, over which the drag dies out.
    reach: [f64; 2],
}

/// Every diapir of a survey.
#[derive(Debug)]
pub(super) struct SaltBodies {
    diapirs: Vec<Diapir>,
    roughness: MapField,
    samples: f64,
}

/// The diapirs seen from one column: distance to the axis of each over its radius at the shoulder.
pub(super) type SaltOnColumn = Vec<f64>;

impl SaltBodies {
    /// A large diapir in one corner of the survey and a smaller one in the opposite corner.
    pub(super) fn draw(spec: &SyntheticSpec) -> Self {
        let mut rng = stream(spec.seed, Stream::Salt, 0);
        let extent = [spec.inlines as f64, spec.crosslines as f64];
        let corner = [sign(&mut rng), sign(&mut rng)];
        let large = Diapir::draw(&mut rng, spec, corner, 1.0);
        let small = Diapir::draw(&mut rng, spec, corner.map(|side| -side), 0.65);
        let roughness = MapField::draw(&mut rng, extent, extent[0].min(extent[1]) * 0.09);
        Self { diapirs: vec![large, small], roughness, samples: spec.samples as f64 }
    }

    #[cfg(test)]
    pub(super) fn none(spec: &SyntheticSpec) -> Self {
        Self { diapirs: Vec::new(), ..Self::draw(spec) }
    }

    pub(super) fn on_column(&self, map: [f64; 2]) -> SaltOnColumn {
        let rough = 1.0 + 0.09 * self.roughness.at(map);
        self.diapirs.iter().map(|diapir| diapir.radius_share(map) * rough).collect()
    }

    /// Traces from `map` to the shoulder of the nearest diapir; negative within it.
    pub(super) fn traces_to_flank(&self, map: [f64; 2]) -> f64 {
        self.diapirs
            .iter()
            .map(|diapir| (diapir.radius_share(map) - 1.0) * diapir.mean_radius())
            .fold(f64::INFINITY, f64::min)
    }

    /// The depth that what lies at `z` would have without salt.
    pub(super) fn undrag(&self, column: &SaltOnColumn, z: f64) -> f64 {
        self.diapirs
            .iter()
            .zip(column)
            .map(|(diapir, &share)| diapir.uplift(share, z))
            .fold(z, |z, up| z + up)
    }

    /// How much of the sample at `z` is salt, 0 to 1.
    pub(super) fn coverage(&self, column: &SaltOnColumn, z: f64) -> f64 {
        self.diapirs
            .iter()
            .zip(column)
            .map(|(diapir, &share)| diapir.coverage(share, z, self.samples))
            .fold(0.0, f64::max)
    }

    /// Logarithmic impedance of salt.
    pub(super) fn log_impedance() -> f64 {
        SALT_CONTRAST
    }
}

impl Diapir {
    fn draw(rng: &mut ChaCha8Rng, spec: &SyntheticSpec, corner: [f64; 2], size: f64) -> Self {
        let extent = [spec.inlines as f64, spec.crosslines as f64];
        let samples = spec.samples as f64;
        let shorter = extent[0].min(extent[1]);
        let centre = [0, 1].map(|axis| extent[axis] * (0.5 + corner[axis] * between(rng, 0.17, 0.24)));
        let along = between(rng, -1.0, 1.0);
        let radius = size * shorter * between(rng, 0.15, 0.2);
        let long = between(rng, 1.05, 1.5);
        Self {
            centre,
            long_axis: [along, (1.0 - along * along).sqrt()],
            radii: [radius * long, radius],
            crest: samples * between(rng, 0.34, 0.5) + samples * 0.1 * (1.0 - size),
            dome: samples * between(rng, 0.1, 0.17),
            neck: between(rng, 0.0, 0.25),
            drag: size * samples * between(rng, 0.08, 0.14),
            reach: [shorter * between(rng, 0.1, 0.16), samples * between(rng, 0.12, 0.2)],
        }
    }

    fn mean_radius(&self) -> f64 {
        (self.radii[0] * self.radii[1]).sqrt()
    }

    fn radius_share(&self, map: [f64; 2]) -> f64 {
        let offset = [map[0] - self.centre[0], map[1] - self.centre[1]];
        let along = (offset[0] * self.long_axis[0] + offset[1] * self.long_axis[1]) / self.radii[0];
        let across = (offset[1] * self.long_axis[0] - offset[0] * self.long_axis[1]) / self.radii[1];
        (along * along + across * across).sqrt()
    }

    /// Radius at depth `z` over the radius at the shoulder.
    fn profile(&self, z: f64, samples: f64) -> f64 {
        let below = (z - self.crest) / self.dome;
        if below <= 0.0 {
            return 0.0;
        }
        let dome = if below < 1.0 { (below * (2.0 - below)).sqrt() } else { 1.0 };
        let stem = (z - self.crest - self.dome) / (samples - self.crest - self.dome);
        dome * (1.0 - self.neck * smoothstep(2.0 * stem) + (0.5 + self.neck) * smoothstep(1.1 * stem - 0.2))
    }

    fn coverage(&self, share: f64, z: f64, samples: f64) -> f64 {
        if z < self.crest - 1.0 || share > 2.0 {
            return 0.0;
        }
        let radius = self.mean_radius();
        let inside = self.profile(z, samples) - share;
        // One sample of blur where the surface is flat, a few traces where it is steep.
        let per_sample = self.profile(z + 0.5, samples) - self.profile(z - 0.5, samples);
        let blur = FLANK_BLUR / radius;
        let width = (per_sample * per_sample + blur * blur * (1.0 - (per_sample * radius).min(1.0))).sqrt();
        smoothstep(0.5 + 0.5 * inside / width.max(1e-6))
    }

    fn uplift(&self, share: f64, z: f64) -> f64 {
        let radius = self.mean_radius();
        let above = ((self.crest - z) / self.reach[1]).max(0.0);
        // Over the crest the layers arch; the flanks stand where the arch is steepest.
        let out = share * radius / (0.8 * radius + self.reach[0]);
        let near = 1.0 + out * out + above * above;
        // The rim syncline that the withdrawn salt left.
        let rim = ((share - 1.0) * radius / self.reach[0] - 2.2) / 0.9;
        let sag = 0.3 / (1.0 + rim * rim + above * above);
        self.drag * (1.0 / (near * near) - sag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_rise_towards_the_flank_and_keep_their_order() {
        for seed in 0..20 {
            let salt = SaltBodies::draw(&SyntheticSpec { seed, ..SyntheticSpec::default() });
            let diapir = &salt.diapirs[0];
            let deep = diapir.crest + diapir.dome;
            assert!(diapir.uplift(1.0, deep) > diapir.uplift(1.8, deep) + 0.2 * diapir.drag);
            for share in [0.0, 1.0, 1.3, 2.0, 3.0] {
                for z in 0..384 {
                    let z = f64::from(z);
                    let spread = 1.0 + diapir.uplift(share, z + 1.0) - diapir.uplift(share, z);
                    assert!(spread > 0.1, "layers cross at {share} radii, sample {z}, seed {seed}");
                }
            }
        }
    }

    #[test]
    fn salt_fills_the_axis_from_its_crest_down() {
        let salt = SaltBodies::draw(&SyntheticSpec::default());
        let diapir = &salt.diapirs[0];
        let on_axis = |z| diapir.coverage(0.0, z, 384.0);
        assert!(on_axis(diapir.crest - 2.0) < 0.01);
        assert!(on_axis(diapir.crest + 3.0) > 0.99);
        assert!(on_axis(383.0) > 0.99);
        assert!(diapir.coverage(1.6, 300.0, 384.0) < 0.01);
    }
}
