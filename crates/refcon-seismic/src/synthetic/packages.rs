//! The stack of packages: three levels, two of them divided into cells of two facies, one plain background with channels.

use super::channels::Belt;
use super::classes::SeismicClass;
use super::layering::{BedColumn, Bedding};
use super::random_fields::{ColumnField, MapField, Stream, VolumeField, between, sign, smoothstep, stream};
use super::salt::SaltBodies;
use super::spec::SyntheticSpec;
use super::wedges::{Wedge, WedgeOnColumn};
use rand::seq::SliceRandom;

/// Levels that packages are arranged in, from the top down.
const LEVELS: usize = 3;
/// Contrast of a bright package's beds over that of the background's.
const BRIGHT: f64 = 2.6;
/// Contrast of a transparent package's beds over that of the background's.
const FAINT: f64 = 0.25;
/// Share of its level, from its middle, that a transparent package takes up; the rest is background that bounds it.
const TRANSPARENT_SHARE: f64 = 0.68;

/// What fills a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Facies {
    Background,
    BrightPlanar,
    BrightChaotic,
    Converging,
    TransparentPlanar,
}

/// An interval of layers and the line on the map that divides it.
#[derive(Debug)]
struct Level {
    top: f64,
    base: f64,
    cells: [Facies; 2],
    /// Unit vector on the map, from the first cell to the second.
    across: [f64; 2],
    /// A place on the dividing line.
    divide: [f64; 2],
    /// Traces that the dividing line moves over from top to base.
    lean: f64,
}

/// The packages of a survey, in depositional coordinates: map position, and sample before any folding or faulting.
#[derive(Debug)]
pub(super) struct Packages {
    levels: [Level; LEVELS],
    extent: [f64; 2],
    wander: MapField,
    relief: MapField,
    loudness: [MapField; 2],
    background: BedColumn,
    bright: BedColumn,
    chaotic: BedColumn,
    contortion: VolumeField,
    crumpling: VolumeField,
    slides: VolumeField,
    patches: VolumeField,
    wedge: Wedge,
    /// Departure of the transparent package's impedance from its neighbours': what makes its bounding reflectors.
    transparent_contrast: f64,
    texture: VolumeField,
    period: f64,
}

/// The packages below one column.
#[derive(Debug)]
pub(super) struct PackagesOnColumn {
    /// Bounds of the levels, the first top and the last base included.
    bounds: [f64; LEVELS + 1],
    /// Traces past each level's dividing line.
    past_divide: [f64; LEVELS],
    mix: [f64; 2],
    contortion: ColumnField,
    crumpling: ColumnField,
    slides: ColumnField,
    patches: ColumnField,
    texture: ColumnField,
    wedge: WedgeOnColumn,
}

impl Packages {
    pub(super) fn draw(spec: &SyntheticSpec) -> Self {
        let extent = [spec.inlines as f64, spec.crosslines as f64];
        let samples = spec.samples as f64;
        let period = spec.period();
        let shorter = extent[0].min(extent[1]);
        let levels = draw_levels(spec);

        let mut rng = stream(spec.seed, Stream::Layers, 0);
        // Folding, dragging and contortion reach beyond the volume's own samples.
        let reach = [-0.5 * samples, 1.5 * samples];
        let bedding = |thin: f64, thick: f64, weak: f64, strong: f64| Bedding {
            thickness: [thin * period, thick * period],
            contrast: [weak, strong],
        };
        let background = BedColumn::draw(&mut rng, reach, bedding(0.28, 0.85, 0.15, 1.0));
        let bright = BedColumn::draw(&mut rng, reach, bedding(0.34, 0.68, 0.6, 1.0));
        let chaotic = BedColumn::draw(&mut rng, reach, bedding(0.4, 0.9, 0.6, 1.0));
        let converging = levels.iter().find(|level| level.cells.contains(&Facies::Converging));
        let interval = converging.map_or([0.0, samples], |level| [level.top, level.base]);
        let wedge = Wedge::draw(&mut rng, spec, interval);
        let transparent_contrast = sign(&mut rng) * between(&mut rng, 2.2, 2.8);

        let mut rng = stream(spec.seed, Stream::Chaos, 0);
        let mut chaos = |traces: f64, periods: f64| {
            VolumeField::draw(&mut rng, extent, reach, [traces, periods * period])
        };
        Self {
            levels,
            contortion: chaos(15.0, 1.9),
            crumpling: chaos(6.0, 0.9),
            slides: chaos(20.0, 1.8),
            patches: chaos(9.0, 1.2),
            texture: chaos(11.0, 2.2),
            wander: MapField::draw(&mut rng, extent, shorter * 0.12),
            relief: MapField::draw(&mut rng, extent, shorter * 0.07),
            loudness: [(); 2].map(|()| MapField::draw(&mut rng, extent, shorter * 0.25)),
            extent,
            background,
            bright,
            chaotic,
            wedge,
            transparent_contrast,
            period,
        }
    }

    /// Where channels run: the half of the level of plain background with more room beside the salt. The other half stays
    /// plain.
    pub(super) fn channel_belt(&self, salt: &SaltBodies) -> Belt {
        let host = |level: &&Level| level.cells.contains(&Facies::Background);
        let level = self.levels.iter().find(host).unwrap_or(&self.levels[0]);
        let width =
            0.5 * (self.extent[0] * level.across[0].abs()).max(self.extent[1] * level.across[1].abs());
        let middle =
            |side: f64| [0, 1].map(|axis| level.divide[axis] + side * 0.5 * width * level.across[axis]);
        let (one, other) = (middle(-1.0), middle(1.0));
        let centre = if salt.traces_to_flank(one) > salt.traces_to_flank(other) { one } else { other };
        let along = [level.across[1], -level.across[0]];
        Belt { centre, along, width, interval: [level.top, level.base] }
    }

    pub(super) fn on_column(&self, map: [f64; 2]) -> PackagesOnColumn {
        let wander = 9.0 * self.wander.at(map);
        let past_divide = [0, 1, 2].map(|index| {
            let Level { across, divide, .. } = &self.levels[index];
            (map[0] - divide[0]) * across[0] + (map[1] - divide[1]) * across[1] + wander
        });
        let mut bounds = [0.0; LEVELS + 1];
        for (index, level) in self.levels.iter().enumerate() {
            // Mass transport leaves a hummocky top and scours its base.
            let chaotic = |cell: usize| if level.cells[cell] == Facies::BrightChaotic { 1.0 } else { 0.0 };
            let share = smoothstep(past_divide[index] / 12.0 + 0.5);
            let relief =
                (chaotic(0) * (1.0 - share) + chaotic(1) * share) * self.relief.at(map) * self.period;
            bounds[index] += 0.5 * relief;
            bounds[index + 1] += 0.9 * relief;
        }
        for (bound, level) in bounds.iter_mut().zip(&self.levels) {
            *bound += level.top;
        }
        bounds[LEVELS] += self.levels[LEVELS - 1].base;
        let [first, second] = [0, 1].map(|index| self.loudness[index].at(map));
        PackagesOnColumn {
            bounds,
            past_divide,
            mix: [0.85 + 0.3 * first, 0.6 * second],
            contortion: self.contortion.column(map),
            crumpling: self.crumpling.column(map),
            slides: self.slides.column(map),
            patches: self.patches.column(map),
            texture: self.texture.column(map),
            wedge: self.wedge.on_column(map),
        }
    }

    /// Share of the second cell in `level` at depositional sample `at`.
    fn second_share(&self, level: usize, column: &PackagesOnColumn, at: f64) -> f64 {
        let Level { top, base, lean, cells, .. } = &self.levels[level];
        // Planar packages pass into each other over some distance; a chaotic one ends abruptly.
        let blend = if cells.contains(&Facies::BrightChaotic) { 4.0 } else { 14.0 };
        let leaning = lean * ((at - top) / (base - top) - 0.5);
        smoothstep((column.past_divide[level] + leaning) / blend + 0.5)
    }

    pub(super) fn class(&self, column: &PackagesOnColumn, at: f64) -> SeismicClass {
        let Some(level) = self.level_holding(column, at) else { return SeismicClass::Boring };
        let second = self.second_share(level, column, at) > 0.5;
        match self.levels[level].cells[usize::from(second)] {
            Facies::Background => SeismicClass::Boring,
            Facies::BrightPlanar => SeismicClass::BrightPlanar,
            Facies::BrightChaotic => SeismicClass::BrightChaotic,
            Facies::Converging => SeismicClass::ConvergingAmplitudes,
            Facies::TransparentPlanar if self.transparency(level, at, at) > 0.5 => {
                SeismicClass::TransparentPlanar
            }
            Facies::TransparentPlanar => SeismicClass::Boring,
        }
    }

    /// How much of the interval between `a` and `b` the transparent package of `level` takes up, 0 to 1.
    fn transparency(&self, level: usize, a: f64, b: f64) -> f64 {
        let Level { top, base, .. } = self.levels[level];
        let (middle, half) = (0.5 * (top + base), 0.5 * TRANSPARENT_SHARE * (base - top));
        let inside = b.min(middle + half) - a.max(middle - half);
        if b > a {
            (inside / (b - a)).clamp(0.0, 1.0)
        } else if inside >= 0.0 {
            1.0
        } else {
            0.0
        }
    }

    fn level_holding(&self, column: &PackagesOnColumn, at: f64) -> Option<usize> {
        (0..LEVELS).find(|&level| (column.bounds[level]..column.bounds[level + 1]).contains(&at))
    }

    /// Mean logarithmic impedance between depositional samples `a` and `b`.
    pub(super) fn log_impedance(&self, column: &PackagesOnColumn, a: f64, b: f64) -> f64 {
        let (low, high) = (a.min(b), a.max(b));
        match column.bounds.into_iter().find(|&bound| low < bound && bound < high) {
            None => self.within_level(column, low, high),
            Some(bound) => {
                let share = (bound - low) / (high - low);
                share * self.within_level(column, low, bound)
                    + (1.0 - share) * self.within_level(column, bound, high)
            }
        }
    }

    fn within_level(&self, column: &PackagesOnColumn, a: f64, b: f64) -> f64 {
        let middle = 0.5 * (a + b);
        let Some(level) = self.level_holding(column, middle) else {
            return self.background(column, a, b);
        };
        let share = self.second_share(level, column, middle);
        let [first, second] = self.levels[level].cells;
        let mut value = 0.0;
        if share < 1.0 {
            value += (1.0 - share) * self.facies(first, level, column, a, b);
        }
        if share > 0.0 {
            value += share * self.facies(second, level, column, a, b);
        }
        value
    }

    fn facies(&self, facies: Facies, level: usize, column: &PackagesOnColumn, a: f64, b: f64) -> f64 {
        match facies {
            Facies::Background => self.background(column, a, b),
            Facies::BrightPlanar => {
                // Half the lateral change of the background: continuity is what the package is known by.
                let (shift, loudness) = self.texture(column, 0.5 * (a + b));
                let [main, other] = column.mix;
                let mix = [0.5 + 0.5 * main, 0.4 * other];
                BRIGHT * 0.5 * (1.0 + loudness) * self.bright.mean(a + 0.5 * shift, b + 0.5 * shift, mix)
            }
            Facies::TransparentPlanar => {
                let beds = self.background(column, a, b);
                let clear = self.transparency(level, a, b);
                beds + clear * (self.transparent_contrast + (FAINT - 1.0) * beds)
            }
            Facies::Converging => {
                let (shift, loudness) = self.texture(column, 0.5 * (a + b));
                loudness * self.wedge.log_impedance(&column.wedge, a + shift, b + shift, column.mix)
            }
            Facies::BrightChaotic => self.chaos(column, a, b),
        }
    }

    fn background(&self, column: &PackagesOnColumn, a: f64, b: f64) -> f64 {
        let (shift, loudness) = self.texture(column, 0.5 * (a + b));
        loudness * self.background.mean(a + shift, b + shift, column.mix)
    }

    /// The unevenness of real beds: a small shift, in samples, and a factor about 1.
    fn texture(&self, column: &PackagesOnColumn, at: f64) -> (f64, f64) {
        let texture = column.texture.at(at);
        (0.09 * self.period * texture, 1.0 + 0.35 * texture)
    }

    /// Bright beds, contorted by smooth warps, cut by internal slide planes, their amplitude broken into patches.
    fn chaos(&self, column: &PackagesOnColumn, a: f64, b: f64) -> f64 {
        let middle = 0.5 * (a + b);
        let slab = (2.6 * column.slides.at(middle)).floor();
        // Any spread of the slabs' offsets will do: a fixed irrational step never repeats itself.
        let offset = slab * 2.618 * self.period;
        let warped = |at: f64| {
            let warp = 1.5 * column.contortion.at(at) + 0.45 * column.crumpling.at(at);
            at + offset + warp * self.period
        };
        let patch = (0.75 + 0.7 * column.patches.at(middle)).clamp(0.15, 1.3);
        BRIGHT * patch * self.chaotic.mean(warped(a), warped(b), [1.1, 0.2])
    }
}

fn draw_levels(spec: &SyntheticSpec) -> [Level; LEVELS] {
    let mut rng = stream(spec.seed, Stream::Architecture, 0);
    let extent = [spec.inlines as f64, spec.crosslines as f64];
    let samples = spec.samples as f64;
    let mut facies =
        [Facies::BrightPlanar, Facies::BrightChaotic, Facies::Converging, Facies::TransparentPlanar];
    facies.shuffle(&mut rng);
    let mut cells = [[Facies::Background; 2], [facies[0], facies[1]], [facies[2], facies[3]]];
    // Plain background with channels lies above most of the salt, where there is room for it.
    cells[..2].shuffle(&mut rng);
    let shares = [(); LEVELS].map(|()| between(&mut rng, 0.9, 1.1));
    let total: f64 = shares.iter().sum();
    let mut top = samples * between(&mut rng, 0.05, 0.07);
    let thickness = samples * 0.9;
    let longer = usize::from(extent[1] >= extent[0]);
    [0, 1, 2].map(|index| {
        let base = top + thickness * shares[index] / total;
        let turn = between(&mut rng, -0.35, 0.35);
        let mut across = [turn; 2];
        across[longer] = sign(&mut rng) * (1.0 - turn * turn).sqrt();
        let mut divide = extent.map(|extent| extent / 2.0);
        divide[longer] += extent[longer] * between(&mut rng, -0.05, 0.05);
        let lean = sign(&mut rng) * between(&mut rng, 15.0, 45.0);
        let level = Level { top, base, cells: cells[index], across, divide, lean };
        top = base;
        level
    })
}
