//! Tiles cut from a survey when they are asked for.

use super::Tiles;
use crate::error::TrainError;
use refcon_image::GreyImage;
use refcon_seismic::tiling::{
    Normalisation, Normaliser, PretrainingRule, SizeHistogram, TileRule, TileSelection, TileSize, Tiling,
    live_fraction,
};
use refcon_seismic::{Direction, Survey, SurveyOptions};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A tile with less live samples than this makes place for another.
const LEAST_LIVE: f64 = 0.5;

/// How tiles are cut from surveys: by the pretraining rule, each made grey from its least to its greatest amplitude.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// Width (traces) and height (samples) of a tile.
    pub size: [usize; 2],
    /// Every n-th line.
    pub every: usize,
    /// Tiles of a section.
    pub per_section: usize,
}

impl Default for Cut {
    /// The challenge's most frequent size, four tiles of every section.
    fn default() -> Self {
        Self { size: [118, 143], every: 1, per_section: 4 }
    }
}

/// A survey and the tiles that the rule lays over it.
#[derive(Debug)]
pub(super) struct CutSurvey {
    survey: Survey,
    tiling: Tiling,
    sections: Vec<(Direction, i32)>,
    per_section: usize,
}

impl CutSurvey {
    pub(super) fn open(path: &Path, cut: &Cut) -> Result<Self, TrainError> {
        let setting =
            |error: &dyn std::fmt::Display| TrainError::Setting(format!("{}: {error}", path.display()));
        let survey = Survey::open(path, &SurveyOptions::default()).map_err(|error| setting(&error))?;
        let [width, height] = cut.size;
        let sizes = SizeHistogram::of_sizes([TileSize { height, width }]).map_err(|error| setting(&error))?;
        // The corners of tiles are the same in every run: what is random of a training is the order.
        let rule =
            PretrainingRule { per_section: cut.per_section, ..PretrainingRule::of_challenge(sizes, 0) };
        let selection = TileSelection { every: cut.every, ..TileSelection::default() };
        let tiling = Tiling::of_survey(&survey, &selection, TileRule::Pretraining(rule))
            .map_err(|error| setting(&error))?;
        let sections: Vec<(Direction, i32)> = tiling.sections().collect();
        // As many as the direction with the fewest gives; sections of a direction are equally large.
        let counts = sections.iter().map(|&(direction, line)| tiling.tiles_of(direction, line).count());
        let per_section = counts.min().unwrap_or(0);
        Ok(Self { survey, tiling, sections, per_section })
    }
}

impl Tiles for CutSurvey {
    fn count(&self) -> usize {
        self.sections.len() * self.per_section
    }

    fn name(&self, tile: usize) -> String {
        let (direction, line) = self.sections[tile / self.per_section];
        format!("{}, tile {} of {direction} {line}", self.survey.path().display(), tile % self.per_section)
    }

    /// The tile; where it is dead, the next one of its section that is not.
    fn read(&self, tile: usize) -> Result<GreyImage, TrainError> {
        let (direction, line) = self.sections[tile / self.per_section];
        let tiles: Vec<_> = self.tiling.tiles_of(direction, line).collect();
        let mut last = None;
        for step in 0..tiles.len() {
            let bounds = tiles[(tile + step) % tiles.len()].bounds;
            let amplitudes = self.survey.read_tile(direction, line, bounds);
            let amplitudes =
                amplitudes.map_err(|error| TrainError::Setting(format!("{}: {error}", self.name(tile))))?;
            let live = live_fraction(&amplitudes) >= LEAST_LIVE;
            last = Some((bounds, amplitudes));
            if live {
                break;
            }
        }
        let Some((bounds, mut grey)) = last else {
            return Err(TrainError::Setting(format!("{}: the section holds no tile", self.name(tile))));
        };
        Normaliser::new(Normalisation::MinMax).normalise(&mut grey);
        GreyImage::new(bounds.traces, bounds.samples, grey)
            .map_err(|error| TrainError::Setting(format!("{}: {error}", self.name(tile))))
    }
}
