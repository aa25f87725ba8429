//! Pictures of tiles at their survey's amplitudes.
//!
//! Where the survey of a tile can be opened the amplitudes are read again. Else the image that the library keeps is turned back into
//! amplitudes by those that are its black and white: 256 steps, and clipped there. What has no amplitudes stays an image.

use crate::store::{Source, SourceKind};
use crate::{EncodedTiles, Snapshot, TileRecord};
use refcon_image::figure::encode_png;
use refcon_image::{DecodeLimits, GreyImage};
use refcon_seismic::Survey;
use refcon_seismic::tiling::{Normalisation, Normaliser};
use std::collections::HashMap;
use std::path::Path;

/// What can be shown of a tile.
#[derive(Debug, Clone, PartialEq)]
pub enum Picture {
    /// Amplitudes, `[samples, traces]`, of so many traces.
    Amplitudes {
        /// The amplitudes.
        values: Vec<f32>,
        /// Traces across.
        traces: usize,
        /// Whether they were turned back from an image.
        from_image: bool,
    },
    /// An image, whose amplitudes nobody knows.
    Image(GreyImage),
    /// Nothing: neither survey nor image is at hand.
    Missing,
}

impl Picture {
    /// The picture as a PNG file: amplitudes from black at −`clip` to white at `clip`; `None` where there is nothing to show.
    #[must_use]
    pub fn png(&self, clip: f32) -> Option<Vec<u8>> {
        match self {
            Self::Amplitudes { values, traces, .. } => {
                let mut grey = values.clone();
                Normaliser::new(Normalisation::Clip { amplitude: clip }).normalise(&mut grey);
                let samples = grey.len() / (*traces).max(1);
                GreyImage::new(*traces, samples, grey).ok().map(|image| encode_png(&image))
            }
            Self::Image(image) => Some(encode_png(image)),
            Self::Missing => None,
        }
    }

    /// Amplitudes turned back from an image by those that are its black and white; the image itself where these have no spread.
    #[must_use]
    pub fn of_image(image: GreyImage, [black, white]: [f64; 2]) -> Self {
        if !(black.is_finite() && white.is_finite() && black < white) {
            return Self::Image(image);
        }
        let values =
            image.pixels().iter().map(|&grey| (black + f64::from(grey) * (white - black)) as f32).collect();
        Self::Amplitudes { values, traces: image.width(), from_image: true }
    }
}

/// Reads pictures of a library's tiles, opening each survey once.
#[derive(Debug)]
pub struct PictureReader<'a> {
    snapshot: &'a Snapshot,
    tiles: &'a EncodedTiles,
    /// By the source's number; `None` where it could not be opened.
    surveys: HashMap<u32, Option<Survey>>,
    problems: Vec<String>,
}

impl<'a> PictureReader<'a> {
    /// Of the tiles that one encoder embedded.
    #[must_use]
    pub fn new(snapshot: &'a Snapshot, tiles: &'a EncodedTiles) -> Self {
        Self { snapshot, tiles, surveys: HashMap::new(), problems: Vec::new() }
    }

    /// What could not be read, a line each.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// The picture of the tile in a row.
    pub fn read(&mut self, row: usize, tile: &TileRecord) -> Picture {
        let source = self.source_of(row);
        let original = source.and_then(|source| match source.kind {
            SourceKind::Survey => self.amplitudes(source, tile),
            SourceKind::Images => self.image_file(&source.path.join(&tile.file)).map(Picture::Image),
            SourceKind::Embeddings => None,
        });
        original.or_else(|| self.stored(row, tile)).unwrap_or(Picture::Missing)
    }

    fn source_of(&self, row: usize) -> Option<&'a Source> {
        let blocks = self.tiles.blocks();
        let block = blocks.get(blocks.partition_point(|block| block.first_row() <= row).checked_sub(1)?)?;
        let number = (*block.columns().ok()?.sources().get(row - block.first_row())?)?;
        self.snapshot.sources().iter().find(|source| source.id == number)
    }

    fn amplitudes(&mut self, source: &Source, tile: &TileRecord) -> Option<Picture> {
        let place = tile.place.as_ref()?;
        if !self.surveys.contains_key(&source.id) {
            let options = source.survey.as_ref().map(|access| access.options.clone()).unwrap_or_default();
            let opened = Survey::open(&source.path, &options);
            let opened = opened.map_err(|error| self.problems.push(format!("{}: {error}", source.name))).ok();
            self.surveys.insert(source.id, opened);
        }
        let survey = self.surveys.get(&source.id)?.as_ref()?;
        match survey.read_tile(place.direction, place.line, place.bounds) {
            Ok(values) => {
                Some(Picture::Amplitudes { values, traces: place.bounds.traces, from_image: false })
            }
            Err(error) => {
                self.problems.push(format!("tile {}: {error}", tile.id));
                None
            }
        }
    }

    fn image_file(&mut self, path: &Path) -> Option<GreyImage> {
        let read = refcon_image::read(path, &DecodeLimits::default());
        read.map_err(|error| self.problems.push(error.to_string())).ok()
    }

    fn stored(&mut self, row: usize, tile: &TileRecord) -> Option<Picture> {
        let stored =
            self.tiles.thumbnail(row).map_err(|error| self.problems.push(error.to_string())).ok()??;
        let name = format!("the stored image of tile {}", tile.id);
        let decoded = refcon_image::decode(Path::new(&name), &stored, &DecodeLimits::default());
        let image = decoded.map_err(|error| self.problems.push(error.to_string())).ok()?;
        Some(match &tile.place {
            Some(place) => Picture::of_image(image, place.grey),
            None => Picture::Image(image),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_becomes_the_amplitudes_that_it_was_made_from() {
        let image = GreyImage::from_8bit(2, 1, &[0, 255]).unwrap();
        let picture = Picture::of_image(image.clone(), [-3.0, 5.0]);
        assert_eq!(picture, Picture::Amplitudes { values: vec![-3.0, 5.0], traces: 2, from_image: true });
        assert_eq!(Picture::of_image(image.clone(), [2.0, 2.0]), Picture::Image(image));
    }

    #[test]
    fn a_picture_is_black_at_minus_the_clip_and_white_at_the_clip() {
        let picture =
            Picture::Amplitudes { values: vec![-9.0, -1.0, 0.0, 1.0], traces: 2, from_image: false };
        let decoded =
            refcon_image::decode(Path::new("a"), &picture.png(2.0).unwrap(), &DecodeLimits::default())
                .unwrap();
        assert_eq!((decoded.width(), decoded.height()), (2, 2));
        assert_eq!(decoded.to_8bit(), [0, 64, 128, 191]);
        assert_eq!(Picture::Missing.png(1.0), None);
    }
}
