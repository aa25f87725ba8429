//! The earth model, read column by column.

use super::channels::{Channels, ChannelsOnColumn};
use super::classes::SeismicClass;
use super::faults::{self, Fault, FaultOnColumn};
use super::packages::{Packages, PackagesOnColumn};
use super::salt::SaltBodies;
use super::spec::SyntheticSpec;
use super::structure::Folds;

/// Traces to either side of a fault surface that are labelled as fault.
const FAULT_LABEL_TRACES: f64 = 1.6;
/// Throw, in periods of the wavelet, from which on a fault is plain to see and labelled.
const VISIBLE_THROW_PERIODS: f64 = 0.8;
/// Share of a sample that must be salt for its label.
const SALT_LABEL_SHARE: f64 = 0.5;

/// Everything that is in the ground. What lies at a place now is found by undoing what happened to it, the last first:
/// faulting, salt movement, folding; at the depositional depth that comes out, the packages and channels are read.
#[derive(Debug)]
pub(super) struct Geology {
    samples: usize,
    period: f64,
    pub(super) faults: Vec<Fault>,
    pub(super) salt: SaltBodies,
    folds: Folds,
    packages: Packages,
    channels: Channels,
}

impl Geology {
    pub(super) fn draw(spec: &SyntheticSpec) -> Self {
        let salt = SaltBodies::draw(spec);
        let packages = Packages::draw(spec);
        Self {
            samples: spec.samples,
            period: spec.period(),
            faults: faults::draw(spec, &salt),
            folds: Folds::draw(spec),
            channels: Channels::draw(spec, packages.channel_belt(&salt)),
            packages,
            salt,
        }
    }

    /// Fills in the reflectivity and the labels of the column at inline index `inline`, crossline index `crossline`.
    pub(super) fn column(
        &self,
        inline: usize,
        crossline: usize,
        reflectivity: &mut [f32],
        labels: &mut [u8],
    ) {
        let map = [inline as f64, crossline as f64];
        let faults: Vec<(&Fault, FaultOnColumn)> =
            self.faults.iter().filter_map(|fault| Some((fault, fault.on_column(map)?))).collect();
        let salt = self.salt.on_column(map);
        let shift = self.folds.at(map);
        let packages = self.packages.on_column(map);
        let channels = self.channels.on_column(map);
        // Depositional depth, and whether a fault passes.
        let undeform = |z: f64| {
            let (mut z, mut on_fault) = (z, false);
            for (fault, column) in &faults {
                let at = fault.at(*column, z);
                on_fault |=
                    at.distance.abs() < FAULT_LABEL_TRACES && at.throw > VISIBLE_THROW_PERIODS * self.period;
                z -= at.displacement;
            }
            (shift.unfold(self.salt.undrag(&salt, z)), on_fault)
        };

        let mut above = undeform(-0.5).0;
        let mut impedance_above = None;
        for sample in 0..self.samples {
            let z = sample as f64;
            let (below, on_fault) = undeform(z + 0.5);
            let sediment = self.sediment(&packages, &channels, above, below);
            let coverage = self.salt.coverage(&salt, z);
            let impedance = sediment + coverage * (SaltBodies::log_impedance() - sediment);
            // Small contrasts: half the difference of the logarithms is the reflection coefficient.
            let over = impedance_above.replace(impedance).unwrap_or(impedance);
            reflectivity[sample] = (0.5 * (impedance - over)) as f32;
            labels[sample] = if coverage > SALT_LABEL_SHARE {
                SeismicClass::Salt
            } else if on_fault {
                SeismicClass::Fault
            } else {
                self.class(&packages, &channels, 0.5 * (above + below))
            }
            .label();
            above = below;
        }
    }

    fn sediment(&self, packages: &PackagesOnColumn, channels: &ChannelsOnColumn, a: f64, b: f64) -> f64 {
        match Channels::holding(channels, 0.5 * (a + b)) {
            Some(incision) => {
                let fill = self.channels.log_impedance(incision, a, b);
                let covered = incision.share_between(a, b);
                if covered < 1.0 {
                    covered * fill + (1.0 - covered) * self.packages.log_impedance(packages, a, b)
                } else {
                    fill
                }
            }
            None => self.packages.log_impedance(packages, a, b),
        }
    }

    fn class(&self, packages: &PackagesOnColumn, channels: &ChannelsOnColumn, at: f64) -> SeismicClass {
        match Channels::holding(channels, at) {
            Some(_) => SeismicClass::Channel,
            None => self.packages.class(packages, at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::wavelet::ricker;
    use super::*;

    /// The trace at inline 96, crossline 145, without lateral smoothing.
    fn trace(geology: &Geology) -> Vec<f32> {
        let (mut reflectivity, mut labels) = (vec![0.0; geology.samples], vec![0; geology.samples]);
        geology.column(96, 145, &mut reflectivity, &mut labels);
        let wavelet = ricker(geology.period);
        let half = wavelet.len() / 2;
        let at = |sample: usize| {
            let taps = wavelet
                .iter()
                .enumerate()
                .map(|(tap, weight)| (sample + tap).checked_sub(half).zip(Some(weight)));
            taps.flatten().map(|(place, weight)| weight * reflectivity.get(place).unwrap_or(&0.0)).sum()
        };
        (0..geology.samples).map(at).collect()
    }

    #[test]
    fn reflectors_are_offset_by_the_throw_put_in() {
        let spec = SyntheticSpec::default();
        for throw in [0.0, 7.0, 18.0] {
            // The same trace in the hanging wall and, the fault turned around, in the footwall.
            let [hanging_wall, footwall] = [1.0, -1.0].map(|dip| {
                let fault = Fault {
                    centre: [96.0, 144.9, 190.0],
                    down_dip: [0.0, dip],
                    slope: 1e6,
                    listric: 0.0,
                    half_length: 90.0,
                    half_height: 300.0,
                    throw,
                    reach: 60.0,
                    bend: 0.0,
                };
                let salt = SaltBodies::none(&spec);
                trace(&Geology { faults: vec![fault], salt, ..Geology::draw(&spec) })
            });
            let likeness = |lag: usize| -> f32 {
                (150..230).map(|sample| footwall[sample] * hanging_wall[sample + lag]).sum()
            };
            let best = (0..40).max_by(|&one, &other| likeness(one).total_cmp(&likeness(other)));
            let off = best.map(|lag| lag as f64 - throw);
            assert!(off.is_some_and(|off| off.abs() <= 1.0), "found at {best:?}, throw {throw}");
        }
    }
}
