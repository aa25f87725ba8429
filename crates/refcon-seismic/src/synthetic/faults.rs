//! Normal faults.

use super::random_fields::{Stream, between, sign, smoothstep, stream};
use super::salt::SaltBodies;
use super::spec::SyntheticSpec;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// One normal fault. Displacement is largest at its centre and dies out towards an elliptical tip line and away from the
/// surface, as Barnett et al. (1987), "Displacement geometry in the volume containing a single normal fault", AAPG
/// Bulletin 71(8), describe.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    /// Inline, crossline and sample of the centre.
    pub(super) centre: [f64; 3],
    /// Unit vector on the map, down the dip.
    pub(super) down_dip: [f64; 2],
    /// Samples down per trace along the dip.
    pub(super) slope: f64,
    /// How much the surface flattens downwards: horizontal distance grows by this share over `half_height`.
    pub(super) listric: f64,
    /// Traces from the centre to the tip along strike.
    pub(super) half_length: f64,
    /// Samples from the centre to the tip upwards and downwards.
    pub(super) half_height: f64,
    /// Vertical separation of a layer across the centre, samples.
    pub(super) throw: f64,
    /// Traces over which the displacement falls to half, away from the surface.
    pub(super) reach: f64,
    /// Traces by which the surface bends to and fro along strike.
    pub(super) bend: f64,
}

/// The share of the throw that the hanging wall moves down; the footwall moves up by the rest.
const HANGING_WALL_SHARE: f64 = 0.65;

/// A [`Fault`] seen from one column.
#[derive(Debug, Clone, Copy)]
pub(super) struct FaultOnColumn {
    across: f64,
    along_squared: f64,
}

/// A [`Fault`] at one point.
#[derive(Debug, Clone, Copy)]
pub(super) struct FaultAt {
    /// Traces to the surface; positive in the hanging wall.
    pub(super) distance: f64,
    /// Throw of the surface at this depth, samples.
    pub(super) throw: f64,
    /// How far down the rock has moved, samples.
    pub(super) displacement: f64,
}

impl Fault {
    /// The fault along the column at `map`, unless the column lies past its tips.
    pub(super) fn on_column(&self, map: [f64; 2]) -> Option<FaultOnColumn> {
        let offset = [map[0] - self.centre[0], map[1] - self.centre[1]];
        let along = (offset[1] * self.down_dip[0] - offset[0] * self.down_dip[1]) / self.half_length;
        let along_squared = along * along;
        let bend = self.bend * (along * (1.0 - along_squared));
        let across = offset[0] * self.down_dip[0] + offset[1] * self.down_dip[1] + bend;
        (along_squared < 1.0).then_some(FaultOnColumn { across, along_squared })
    }

    pub(super) fn at(&self, column: FaultOnColumn, z: f64) -> FaultAt {
        let below = z - self.centre[2];
        let height = below / self.half_height;
        let surface = below / self.slope * (1.0 + self.listric * height);
        let distance = column.across - surface;
        let inside = 1.0 - column.along_squared - height * height;
        let throw = self.throw * smoothstep(inside);
        let away = distance / self.reach;
        let share = if distance > 0.0 { HANGING_WALL_SHARE } else { HANGING_WALL_SHARE - 1.0 };
        FaultAt { distance, throw, displacement: throw * share / (1.0 + away * away) }
    }
}

/// Faults of one family and its conjugates, the youngest first.
pub(super) fn draw(spec: &SyntheticSpec, salt: &SaltBodies) -> Vec<Fault> {
    let mut rng = stream(spec.seed, Stream::Faults, 0);
    let extent = [spec.inlines as f64, spec.crosslines as f64];
    // Oblique to both directions, so that inlines and crosslines both show a dipping fault.
    let (steep, flat) = (between(&mut rng, 0.5, 0.85), sign(&mut rng));
    let family = [steep, flat * (1.0 - steep * steep).sqrt()];
    let count = rng.random_range(4..=6_u32);
    let mut faults: Vec<Fault> = Vec::new();
    for index in 0..count {
        let map = roomiest_place(&mut rng, extent, &faults, salt);
        faults.push(draw_one(&mut rng, spec, map, family, index == 0));
    }
    faults
}

/// Of a handful of random places the one farthest from other faults and from salt.
fn roomiest_place(rng: &mut ChaCha8Rng, extent: [f64; 2], faults: &[Fault], salt: &SaltBodies) -> [f64; 2] {
    let mut best = (f64::MIN, [0.0; 2]);
    for _ in 0..24 {
        let map = extent.map(|extent| extent * between(rng, 0.12, 0.88));
        let to_faults = faults.iter().map(|fault| {
            let offset = [map[0] - fault.centre[0], map[1] - fault.centre[1]];
            (offset[0] * offset[0] + offset[1] * offset[1]).sqrt()
        });
        let room = to_faults.fold(1.3 * salt.traces_to_flank(map), f64::min);
        if room > best.0 {
            best = (room, map);
        }
    }
    best.1
}

fn draw_one(
    rng: &mut ChaCha8Rng,
    spec: &SyntheticSpec,
    map: [f64; 2],
    family: [f64; 2],
    largest: bool,
) -> Fault {
    let samples = spec.samples as f64;
    let shorter = spec.inlines.min(spec.crosslines) as f64;
    let turn = between(rng, -0.2, 0.2);
    // Most faults step down the same way; the others make grabens with them.
    let side = if between(rng, 0.0, 1.0) < 0.7 { 1.0 } else { -1.0 };
    let turned = [family[0] - turn * family[1], family[1] + turn * family[0]];
    let length = (turned[0] * turned[0] + turned[1] * turned[1]).sqrt();
    let throw_periods = if largest { between(rng, 2.2, 3.0) } else { between(rng, 1.2, 2.6) };
    Fault {
        centre: [map[0], map[1], samples * between(rng, 0.3, 0.7)],
        down_dip: turned.map(|part| side * part / length),
        slope: between(rng, 2.6, 4.6),
        listric: between(rng, 0.0, 0.25),
        half_length: shorter * between(rng, 0.25, 0.42),
        half_height: samples * between(rng, 0.27, 0.42),
        throw: throw_periods * spec.period(),
        reach: shorter * between(rng, 0.2, 0.4),
        bend: between(rng, -12.0, 12.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn walls_of_a_fault_are_apart_by_its_throw(
            steep in 0.1..0.99_f64, slope in 1.0..6.0_f64, throw in 2.0..40.0_f64, bend in -10.0..10.0_f64,
        ) {
            let fault = Fault {
                centre: [50.0, 60.0, 100.0],
                down_dip: [steep, (1.0 - steep * steep).sqrt()],
                slope, throw, bend,
                listric: 0.2,
                half_length: 40.0,
                half_height: 90.0,
                reach: 30.0,
            };
            let beside = |traces: f64| {
                let map = [50.0 + traces * fault.down_dip[0], 60.0 + traces * fault.down_dip[1]];
                fault.on_column(map).map_or(f64::NAN, |column| fault.at(column, 100.0).displacement)
            };
            let offset = beside(1e-9) - beside(-1e-9);
            prop_assert!((offset - throw).abs() < 1e-6, "{offset} across a throw of {throw}");
            prop_assert!(beside(30.0) < 0.51 * beside(1e-9), "the displacement dies out");
            let tip = [50.0 - 40.1 * fault.down_dip[1], 60.0 + 40.1 * fault.down_dip[0]];
            prop_assert!(fault.on_column(tip).is_none(), "and ends at the tip");
        }
    }
}
