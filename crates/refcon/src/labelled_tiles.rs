//! Labelled tiles of a synthetic survey, as pictures.

use crate::failure::Failure;
use crate::section_picture::grey;
use rayon::prelude::*;
use refcon_image::GreyImage;
use refcon_image::figure::encode_png;
use refcon_library::files;
use refcon_seismic::Direction;
use refcon_seismic::synthetic::{LabelledTile, SyntheticSurvey};
use std::path::Path;

/// A labelled tile as a picture.
pub(crate) struct CutTile {
    pub(crate) tile: LabelledTile,
    /// Tells where the tile lies, and not what it shows.
    pub(crate) name: String,
    pub(crate) image: GreyImage,
}

impl CutTile {
    /// Cuts tiles from their survey; amplitudes beyond ±`clip` are clipped.
    pub(crate) fn all(
        survey: &SyntheticSurvey,
        tiles: &[LabelledTile],
        clip: f32,
    ) -> Result<Vec<Self>, Failure> {
        tiles.par_iter().enumerate().map(|(number, tile)| Self::new(survey, *tile, number, clip)).collect()
    }

    fn new(survey: &SyntheticSurvey, tile: LabelledTile, number: usize, clip: f32) -> Result<Self, Failure> {
        let section = survey.volume.section(tile.direction, tile.line);
        // Labelled tiles lie on lines of their survey and inside its sections.
        let amplitudes = section.and_then(|section| section.cut(tile.tile_box)).unwrap_or_default();
        let direction = match tile.direction {
            Direction::Inline => "inline",
            Direction::Crossline => "crossline",
        };
        let name = format!("{direction}-{}-{number:03}.png", tile.line);
        let image = grey(amplitudes, tile.tile_box.traces, clip)?;
        Ok(Self { tile, name, image })
    }

    /// Writes it into a folder that is there.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), Failure> {
        let path = folder.join(&self.name);
        files::write_whole(&path, |out| out.write_all(&encode_png(&self.image))).map_err(Failure::output)
    }
}
