//! Tiles of a survey, section by section.

use super::IndexError;
use super::pipeline::{Cut, Unit, Units};
use crate::store::{NewTile, SurveyAccess};
use crate::tile_record::{Place, TileRecord};
use refcon_image::GreyImage;
use refcon_image::figure::encode_png;
use refcon_seismic::export::LabelVolume;
use refcon_seismic::tiling::{Normalisation, Normaliser, Tile, TileRule, TileSelection, Tiling};
use refcon_seismic::{Direction, Survey, SurveyOptions};
use serde_json::{Value, json};

/// A survey, and how it is cut into tiles.
#[derive(Debug, Clone)]
pub struct SurveyTiles<'a> {
    /// The survey.
    pub survey: &'a Survey,
    /// What it was opened with: kept, so that it can be opened again.
    pub options: SurveyOptions,
    /// Which sections.
    pub selection: TileSelection,
    /// Which rectangles of them.
    pub rule: TileRule,
    /// How amplitudes become grey.
    pub normalisation: Normalisation,
    /// Labels of its samples: the most frequent one of a tile becomes its class.
    pub labels: Option<&'a LabelVolume>,
    /// Share of a tile's samples that a label needs, 0 to 1; with less, a tile has no class.
    pub least_label_share: f64,
}

/// Amplitudes of the sections that are worked on together, about: 64 MiB.
const AMPLITUDES_AT_A_TIME: usize = 16 << 20;
/// Sections a thread may get of those.
const SECTIONS_A_THREAD: usize = 4;

impl SurveyTiles<'_> {
    /// Everything that the tiles depend on, but the survey itself.
    pub(super) fn made_with(&self) -> Value {
        let labels = self.labels.map(|labels| {
            json!({"path": labels.survey().path().to_string_lossy(), "names": labels.names(), "share": self.least_label_share})
        });
        json!({
            "selection": self.selection,
            "rule": self.rule,
            "normalisation": self.normalisation,
            "geometry": self.survey.geometry(),
            "samples": self.survey.samples(),
            "labels": labels,
        })
    }

    pub(super) fn access(&self) -> SurveyAccess {
        let mut options = self.options.clone();
        // Where an index of trace headers is kept is this machine's business.
        options.segy.index = None;
        SurveyAccess {
            options,
            normalisation: self.normalisation,
            epsg: self.survey.epsg(),
            map_unit: self.survey.map_unit().map(str::to_owned),
        }
    }
}

/// The sections of a survey.
pub(super) struct Sections<'a> {
    source: &'a SurveyTiles<'a>,
    name: &'a str,
    tiling: Tiling,
    sections: Vec<(Direction, i32)>,
    thumbnails: bool,
}

impl<'a> Sections<'a> {
    pub(super) fn new(
        source: &'a SurveyTiles<'a>,
        name: &'a str,
        thumbnails: bool,
    ) -> Result<Self, IndexError> {
        if let Some(labels) = source.labels {
            labels.check(source.survey)?;
        }
        let tiling = Tiling::of_survey(source.survey, &source.selection, source.rule.clone())?;
        let sections = tiling.sections().collect();
        Ok(Self { source, name, tiling, sections, thumbnails })
    }

    fn new_tile(
        &self,
        mut tile: Tile,
        mut grey: Vec<f32>,
        class: Option<String>,
    ) -> Result<Option<Cut>, IndexError> {
        tile.locate(self.source.survey)?;
        let ends = Normaliser::new(self.source.normalisation).normalise(&mut grey);
        let bounds = tile.bounds;
        // Both sides come from a section, whose samples and traces are counted in 32 bits.
        let (width, height) = (bounds.traces as u32, bounds.samples as u32);
        // A rule has no empty tiles.
        let Ok(image) = GreyImage::new(bounds.traces, bounds.samples, grey) else { return Ok(None) };
        let (first, last) = (tile.first_trace, tile.last_trace);
        let place = Place {
            direction: tile.direction,
            line: tile.line,
            bounds,
            inlines: [first.inline, last.inline],
            crosslines: [first.crossline, last.crossline],
            range: [tile.first_sample, tile.last_sample],
            domain: tile.domain,
            corners: first.position.zip(last.position).map(|(first, last)| [first, last]),
            grey: ends,
        };
        let record = TileRecord {
            id: 0,
            survey: self.name.to_owned(),
            file: String::new(),
            width,
            height,
            class,
            place: Some(place),
        };
        let thumbnail = self.thumbnails.then(|| encode_png(&image));
        Ok(Some((NewTile { record, thumbnail, stamp: None }, image)))
    }
}

impl Units for Sections<'_> {
    fn count(&self) -> usize {
        self.sections.len()
    }

    fn at_a_time(&self) -> usize {
        let traces =
            |direction| self.source.survey.geometry().traces(direction).map_or(1, |traces| traces.count);
        let longest = traces(Direction::Inline).max(traces(Direction::Crossline));
        let section = self.source.survey.samples().count * longest;
        (AMPLITUDES_AT_A_TIME / section.max(1)).clamp(1, SECTIONS_A_THREAD * rayon::current_num_threads())
    }

    fn read(&self, unit: usize) -> Result<Unit, IndexError> {
        let (direction, line) = self.sections[unit];
        let survey = self.source.survey;
        // A grid's tiles are all of a section; a few tiles are read each on their own.
        let section = match self.tiling.coverage(direction) >= 1.0 {
            true => Some(survey.read_section(direction, line)?),
            false => None,
        };
        let read = |bounds| match section.as_ref().and_then(|section| section.cut(bounds)) {
            Some(amplitudes) => Ok(amplitudes),
            None => survey.read_tile(direction, line, bounds),
        };
        let labels = self.source.labels.map(|volume| Ok((volume, volume.under(survey, direction, line)?)));
        let labels = labels.transpose().map_err(IndexError::Labels)?;
        let mut tiles = Vec::new();
        for found in self.tiling.cut_tiles(direction, line, read) {
            let (tile, grey) = found?;
            let class = match &labels {
                Some((volume, labels)) => {
                    let majority = volume.majority(labels, tile.bounds)?;
                    let enough = majority.filter(|found| found.share >= self.source.least_label_share);
                    enough.map(|found| found.name)
                }
                None => None,
            };
            tiles.extend(self.new_tile(tile, grey, class)?);
        }
        Ok(Unit { tiles, skipped: None })
    }
}
