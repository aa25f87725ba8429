//! Converging packages: opposed growth wedges, or a delta's clinoforms.

use super::layering::{BedColumn, Bedding};
use super::random_fields::{MapField, between, sign, wave};
use super::spec::SyntheticSpec;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Contrast of the beds over that of the background's.
const CONTRAST: f64 = 2.0;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Style {
    /// A surface zigzags through the package; beds fan out below it, and run out against it above.
    Fan {
        /// Traces from one turn of the surface to the second next.
        wavelength: f64,
        phase: f64,
        /// How much the beds above the surface follow it instead of lying level.
        conformity: f64,
    },
    /// Sigmoidal beds build out sideways, running together at their tops and at their toes.
    Clinoforms {
        /// Traces from the break of slope to where the bed has flattened by a third.
        flattening: f64,
    },
}

/// The converging package of a survey.
#[derive(Debug)]
pub(super) struct Wedge {
    interval: [f64; 2],
    /// Unit vector on the map along which the package thins or builds out; oblique, to show on every section.
    along: [f64; 2],
    style: Style,
    undulation: MapField,
    beds: BedColumn,
}

/// The package below one column.
#[derive(Debug, Clone, Copy)]
pub(super) struct WedgeOnColumn {
    /// Sample of the surface between the two fans, or traces of progradation.
    place: f64,
}

impl Wedge {
    pub(super) fn draw(rng: &mut ChaCha8Rng, spec: &SyntheticSpec, interval: [f64; 2]) -> Self {
        let extent = [spec.inlines as f64, spec.crosslines as f64];
        let shorter = extent[0].min(extent[1]);
        let thickness = interval[1] - interval[0];
        let period = spec.period();
        let one = between(rng, 0.6, 0.8);
        let along = [sign(rng) * one, sign(rng) * (1.0 - one * one).sqrt()];
        let fan = Style::Fan {
            wavelength: shorter * between(rng, 0.8, 1.1),
            phase: between(rng, 0.0, 1.0),
            conformity: between(rng, 0.55, 0.9),
        };
        let clinoforms = Style::Clinoforms { flattening: thickness * between(rng, 0.32, 0.45) };
        let style = if rng.random::<bool>() { fan } else { clinoforms };
        // Fan beds are counted in samples where the wedge is thickest, clinoforms in traces of progradation.
        let (reach, thickness) = match style {
            Style::Fan { .. } => ([-2.0 * thickness, 3.0 * thickness], [0.8 * period, 1.5 * period]),
            Style::Clinoforms { .. } => {
                let far = 2.0 * (extent[0] + extent[1]) + 10.0 * thickness;
                ([-far, far], [0.6 * period, 1.4 * period])
            }
        };
        let beds = BedColumn::draw(rng, reach, Bedding { thickness, contrast: [0.45, 1.0] });
        Self { interval, along, style, undulation: MapField::draw(rng, extent, shorter * 0.2), beds }
    }

    pub(super) fn on_column(&self, map: [f64; 2]) -> WedgeOnColumn {
        let along = map[0] * self.along[0] + map[1] * self.along[1];
        let undulation = self.undulation.at(map);
        let [top, base] = self.interval;
        let place = match self.style {
            Style::Fan { wavelength, phase, .. } => {
                let swing = 0.41 * wave(along / wavelength + phase) + 0.06 * undulation;
                top + (base - top) * (0.5 + swing).clamp(0.06, 0.94)
            }
            Style::Clinoforms { .. } => along + 7.0 * undulation,
        };
        WedgeOnColumn { place }
    }

    pub(super) fn log_impedance(&self, column: &WedgeOnColumn, a: f64, b: f64, mix: [f64; 2]) -> f64 {
        CONTRAST * self.beds.mean(self.bed(column, a), self.bed(column, b), mix)
    }

    /// Which bed lies at depositional sample `at`.
    fn bed(&self, column: &WedgeOnColumn, at: f64) -> f64 {
        let [top, base] = self.interval;
        let thickness = base - top;
        match self.style {
            Style::Fan { conformity, .. } => {
                let surface = column.place;
                if at > surface {
                    thickness * (1.0 + (at - surface) / (base - surface))
                } else {
                    let proportional = (at - top) / (surface - top);
                    conformity * thickness * proportional + (1.0 - conformity) * (at - top)
                }
            }
            Style::Clinoforms { flattening } => {
                // A sigmoid with algebraic tails: its inverse needs no logarithm.
                let height = (2.0 * (at - top) / thickness - 1.0).clamp(-0.985, 0.985);
                column.place - flattening * height / (1.0 - height * height).sqrt()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::random_fields::{Stream, stream};
    use super::*;

    #[test]
    fn the_same_beds_are_thinner_further_along_a_fan() {
        let spec = SyntheticSpec::default();
        let mut wedge = Wedge::draw(&mut stream(1, Stream::Layers, 0), &spec, [100.0, 200.0]);
        wedge.style = Style::Fan { wavelength: 200.0, phase: 0.0, conformity: 0.5 };
        let beds_below = |surface: f64| {
            let column = WedgeOnColumn { place: surface };
            (wedge.bed(&column, surface + 1e-6), wedge.bed(&column, 200.0))
        };
        let (thick, thin) = (beds_below(110.0), beds_below(185.0));
        assert!((thick.0 - thin.0).abs() < 1e-3 && (thick.1 - thin.1).abs() < 1e-3);
    }

    #[test]
    fn clinoforms_flatten_towards_top_and_base() {
        let spec = SyntheticSpec::default();
        let mut wedge = Wedge::draw(&mut stream(1, Stream::Layers, 0), &spec, [100.0, 200.0]);
        wedge.style = Style::Clinoforms { flattening: 40.0 };
        let column = WedgeOnColumn { place: 50.0 };
        // Traces of progradation that one sample spans: many where a bed lies flat, few where it is steep.
        let traces = |at: f64| (wedge.bed(&column, at + 0.5) - wedge.bed(&column, at - 0.5)).abs();
        assert!(traces(108.0) > 3.0 * traces(150.0) && traces(192.0) > 3.0 * traces(150.0));
    }
}
