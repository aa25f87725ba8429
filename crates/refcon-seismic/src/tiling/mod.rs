//! Tiles: which rectangles of a survey's sections to look at, and their amplitudes as grey images.
//!
//! A [`Tiling`] is a rule ([`TileRule::Grid`] or [`TileRule::Pretraining`]) laid over a survey. It describes tiles one at a
//! time, section by section, without reading the survey and without holding more than one section's worth of tile
//! corners; what it says of a section depends on that section alone, so that sections can be cut in any order, on any
//! number of threads, and again after an interruption. [`Tiling::cut_tiles`] leaves out what is empty; a [`Normaliser`] makes
//! grey images.

mod normalisation;
mod rules;
mod sizes;

pub use normalisation::{Normalisation, Normaliser};
pub use rules::{GridRule, PretrainingRule, TileRule};
pub use sizes::{SizeHistogram, TileSize};

use crate::{Direction, Domain, Geometry, LineAxis, SampleAxis, Survey, SurveyError, TileBox};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Why tiles cannot be cut by a rule.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TilingError {
    /// A length of the rule that must not be 0 is.
    #[error("cannot cut tiles: {what} is 0, expected at least 1")]
    Zero {
        /// Which one.
        what: &'static str,
    },
    /// There is nothing to draw tile sizes from.
    #[error(
        "cannot draw tile sizes: the histogram of sizes is empty, expected at least one size with a count above 0"
    )]
    NoSizes,
    /// The survey has no lines in the directions asked for.
    #[error("cannot cut tiles of {survey}: it has no {directions}s; ask for inlines")]
    NoLines {
        /// The survey.
        survey: String,
        /// The directions asked for.
        directions: Direction,
    },
    /// The window holds no sample.
    #[error(
        "cannot cut tiles of {survey}: the window from {from} to {to} {unit} holds none of its samples, which lie from \
         {first} to {last} {unit}", unit = .domain.unit()
    )]
    EmptyWindow {
        /// The survey.
        survey: String,
        /// Start of the window.
        from: f64,
        /// End of the window.
        to: f64,
        /// Position of the first sample.
        first: f64,
        /// Position of the last sample.
        last: f64,
        /// Time or depth.
        domain: Domain,
    },
    /// The minimum live fraction is no fraction.
    #[error("cannot cut tiles with a live fraction of at least {found}: expected 0 to 1")]
    LiveFraction {
        /// What was given.
        found: f64,
    },
}

/// Share of a sample interval that is taken for a rounding error.
const ROUNDING: f64 = 1e-6;

/// Which sections tiles are cut from, and which part of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TileSelection {
    /// Along inlines, crosslines, or both, in this order. A 2-D line has its inline only, whatever else is listed.
    pub directions: Vec<Direction>,
    /// Every n-th line of a direction, beginning with its first; at least 1.
    pub every: usize,
    /// Only samples from the first to the second position, both included, in ms or m; `None` for all samples.
    pub window: Option<[f64; 2]>,
    /// Least share of a tile's samples that are finite and not 0, 0 to 1. Heeded by [`Tiling::cut_tiles`].
    pub minimum_live_fraction: f64,
}

/// Every line in both directions, all samples, empty tiles too.
impl Default for TileSelection {
    fn default() -> Self {
        Self {
            directions: vec![Direction::Inline, Direction::Crossline],
            every: 1,
            window: None,
            minimum_live_fraction: 0.0,
        }
    }
}

/// Where a trace of a tile lies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TilePlace {
    /// Inline number; on a 2-D line, the line's own number.
    pub inline: i32,
    /// Crossline number; on a 2-D line, the number along it.
    pub crossline: i32,
    /// X and Y, where the survey has a bin grid. A tile stands upright: those of its first and of its last trace are all
    /// its corners.
    pub position: Option<[f64; 2]>,
}

/// A tile: a rectangle of a section, and where it lies.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tile {
    /// Name of the survey.
    #[serde(serialize_with = "as_str")]
    pub survey: Arc<str>,
    /// Which way its section runs.
    pub direction: Direction,
    /// Number of its section.
    pub line: i32,
    /// The rectangle, by indices of the section's traces and samples.
    pub bounds: TileBox,
    /// Its first trace.
    pub first_trace: TilePlace,
    /// Its last trace.
    pub last_trace: TilePlace,
    /// Time or depth.
    pub domain: Domain,
    /// Position of its first sample, ms or m.
    pub first_sample: f64,
    /// Position of its last sample, ms or m.
    pub last_sample: f64,
}

impl Tile {
    /// Looks up where its ends lie on the map, if it is one of a 2-D line; tiles of a volume know from its bin grid.
    ///
    /// # Errors
    /// A trace header cannot be read.
    pub fn locate(&mut self, survey: &Survey) -> Result<(), SurveyError> {
        let (Geometry::Line(_), Some(segy)) = (survey.geometry(), survey.segy()) else { return Ok(()) };
        for end in [&mut self.first_trace, &mut self.last_trace] {
            end.position = segy.position_on_line(end.crossline)?;
        }
        Ok(())
    }
}

// Serde serialises shared pointers only with a feature of its own; a name is a string all the same.
fn as_str<S: serde::Serializer>(name: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(name)
}

/// A rule laid over a survey. Cheap to clone; it does not keep the survey open.
#[derive(Debug, Clone)]
pub struct Tiling {
    survey: Arc<str>,
    geometry: Geometry,
    samples: SampleAxis,
    /// Samples inside the window.
    first_sample: usize,
    sample_count: usize,
    selection: TileSelection,
    rule: TileRule,
}

impl Tiling {
    /// Lays `rule` over the sections of `survey` that `selection` names.
    ///
    /// # Errors
    /// The rule has a length of 0, the selection fits no line or no sample, or its live fraction is not in 0..=1.
    pub fn of_survey(
        survey: &Survey,
        selection: &TileSelection,
        rule: TileRule,
    ) -> Result<Self, TilingError> {
        Self::new(survey.name(), survey.geometry(), survey.samples(), selection, rule)
    }

    /// As [`Tiling::of_survey`], of a survey whose name and axes are known.
    ///
    /// # Errors
    /// As [`Tiling::of_survey`].
    pub fn new(
        survey: &str,
        geometry: &Geometry,
        samples: SampleAxis,
        selection: &TileSelection,
        rule: TileRule,
    ) -> Result<Self, TilingError> {
        rule.check()?;
        if selection.every == 0 {
            return Err(TilingError::Zero { what: "the distance of lines" });
        }
        let found = selection.minimum_live_fraction;
        if !(0.0..=1.0).contains(&found) {
            return Err(TilingError::LiveFraction { found });
        }
        if !selection.directions.iter().any(|&direction| geometry.lines(direction).is_some()) {
            let directions = selection.directions.first().copied().unwrap_or(Direction::Inline);
            return Err(TilingError::NoLines { survey: survey.to_owned(), directions });
        }
        let window = selection.window.unwrap_or([f64::NEG_INFINITY, f64::INFINITY]);
        // Positions are products; one that is equal to an end but for rounding is inside.
        let rounding = samples.interval.abs() * ROUNDING;
        let [from, to] = [window[0] - rounding, window[1] + rounding];
        let inside = |&index: &usize| (from..=to).contains(&samples.position(index));
        let first = (0..samples.count).find(inside);
        let last = (0..samples.count).rev().find(inside);
        let (Some(first_sample), Some(last_sample)) = (first, last) else {
            return Err(TilingError::EmptyWindow {
                survey: survey.to_owned(),
                from: window[0],
                to: window[1],
                first: samples.first,
                last: samples.position(samples.count.saturating_sub(1)),
                domain: samples.domain,
            });
        };
        Ok(Self {
            survey: survey.into(),
            geometry: geometry.clone(),
            samples,
            first_sample,
            sample_count: last_sample + 1 - first_sample,
            selection: selection.clone(),
            rule,
        })
    }

    /// Traces and samples of the largest section inside the window, where no section has room for a tile; else `None`.
    #[must_use]
    pub fn too_small(&self) -> Option<[usize; 2]> {
        let traces =
            self.selection.directions.iter().filter_map(|&direction| self.geometry.traces(direction));
        let most = traces.map(|traces| traces.count).max().unwrap_or(0);
        (!self.rule.has_room(self.sample_count, most)).then_some([most, self.sample_count])
    }

    /// The sections that tiles are cut from, direction by direction.
    pub fn sections(&self) -> impl Iterator<Item = (Direction, i32)> + '_ {
        self.selection.directions.iter().flat_map(|&direction| {
            let lines = self.geometry.lines(direction);
            let count = lines.map_or(0, |lines| lines.count);
            let indices = (0..count).step_by(self.selection.every);
            indices.filter_map(move |index| Some((direction, lines?.number(index))))
        })
    }

    /// The tiles of all sections, described as they are asked for; their liveness is not looked at.
    pub fn tiles(&self) -> impl Iterator<Item = Tile> + '_ {
        self.sections().flat_map(|(direction, line)| self.tiles_of(direction, line))
    }

    /// The tiles of one section; their liveness is not looked at. None where the survey has no such line.
    pub fn tiles_of(&self, direction: Direction, line: i32) -> impl Iterator<Item = Tile> + '_ {
        let limit = self.rule.tiles_per_section();
        self.candidates(direction, line).take(limit)
    }

    /// The tiles of one section with their amplitudes `[samples, traces]`, which `read` gets, but for tiles with less than the
    /// minimum live fraction. The pretraining rule goes on to other corners in their place.
    pub fn cut_tiles<E>(
        &self,
        direction: Direction,
        line: i32,
        mut read: impl FnMut(TileBox) -> Result<Vec<f32>, E>,
    ) -> impl Iterator<Item = Result<(Tile, Vec<f32>), E>> {
        let least = self.selection.minimum_live_fraction;
        let limit = self.rule.tiles_per_section();
        let cut = self.candidates(direction, line).filter_map(move |tile| match read(tile.bounds) {
            Ok(amplitudes) => (live_fraction(&amplitudes) >= least).then_some(Ok((tile, amplitudes))),
            Err(error) => Some(Err(error)),
        });
        cut.take(limit)
    }

    /// About which share of a section the rule's tiles cover, those that overlap counted twice.
    #[must_use]
    pub fn coverage(&self, direction: Direction) -> f64 {
        let traces = self.geometry.traces(direction).map_or(0, |traces| traces.count);
        self.rule.area_per_section() / (self.samples.count * traces).max(1) as f64
    }

    fn candidates(&self, direction: Direction, line: i32) -> impl Iterator<Item = Tile> + '_ {
        let index = self.geometry.lines(direction).and_then(|lines| lines.index_of(line));
        let place = index.zip(self.geometry.traces(direction));
        place.into_iter().flat_map(move |(line_index, traces)| {
            let boxes = self.rule.boxes(self.sample_count, traces.count, (direction, line));
            boxes.map(move |mut bounds| {
                bounds.first_sample += self.first_sample;
                self.describe(direction, line, line_index, traces, bounds)
            })
        })
    }

    fn describe(
        &self,
        direction: Direction,
        line: i32,
        line_index: usize,
        traces: LineAxis,
        bounds: TileBox,
    ) -> Tile {
        let grid = self.geometry.volume().and_then(|volume| volume.grid);
        let place = |trace: usize| {
            let along = traces.number(trace);
            match direction {
                Direction::Inline => TilePlace {
                    inline: line,
                    crossline: along,
                    position: grid.map(|grid| grid.position(line_index, trace)),
                },
                Direction::Crossline => TilePlace {
                    inline: along,
                    crossline: line,
                    position: grid.map(|grid| grid.position(trace, line_index)),
                },
            }
        };
        Tile {
            survey: Arc::clone(&self.survey),
            direction,
            line,
            bounds,
            first_trace: place(bounds.first_trace),
            last_trace: place(bounds.first_trace + bounds.traces - 1),
            domain: self.samples.domain,
            first_sample: self.samples.position(bounds.first_sample),
            last_sample: self.samples.position(bounds.first_sample + bounds.samples - 1),
        }
    }
}

/// The share of amplitudes that are finite and not 0, in 0..=1; 0 of none.
#[must_use]
pub fn live_fraction(amplitudes: &[f32]) -> f64 {
    let live: usize = amplitudes.iter().map(|a| usize::from(a.is_finite() & (*a != 0.0))).sum();
    live as f64 / amplitudes.len().max(1) as f64
}
