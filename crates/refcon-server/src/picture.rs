//! What a tile looks like.

use crate::error::ApiError;
use crate::sections::coloured;
use refcon_image::{ColourMap, DecodeLimits, GreyImage};
use refcon_library::store::SourceKind;
use refcon_library::{Place, Snapshot, TileRecord};
use refcon_seismic::Survey;
use std::path::Path;

/// A tile's image, as its encoder saw it, and what its black and white mean.
#[derive(Debug)]
pub(crate) struct TilePicture {
    /// Black is 0, white 1; amplitudes beyond both are not cut off where they are known.
    image: GreyImage,
    /// The amplitudes that are black and white.
    ends: Option<[f64; 2]>,
}

impl TilePicture {
    /// An image whose black and white mean no amplitudes that are known.
    pub(crate) fn of_image(image: GreyImage) -> Self {
        Self { image, ends: None }
    }

    /// As PNG: between black and white as the encoder saw it, or from −`clip` to `clip` where its amplitudes are known.
    pub(crate) fn png(&self, clip: Option<f32>, colours: ColourMap) -> Result<Vec<u8>, ApiError> {
        let (Some(clip), Some([black, white])) = (clip, self.ends) else {
            return Ok(coloured(&self.image, colours));
        };
        let clip = f64::from(clip);
        let shown = |&grey: &f32| {
            let amplitude = black + f64::from(grey) * (white - black);
            ((amplitude + clip) / (2.0 * clip)) as f32
        };
        let pixels = self.image.pixels().iter().map(shown).collect();
        let image =
            GreyImage::new(self.image.width(), self.image.height(), pixels).map_err(ApiError::internal)?;
        Ok(coloured(&image, colours))
    }
}

/// A tile from its survey.
pub(crate) fn amplitudes_of(survey: &Survey, place: &Place) -> Result<TilePicture, ApiError> {
    let amplitudes =
        survey.read_tile(place.direction, place.line, place.bounds).map_err(ApiError::internal)?;
    let [black, white] = place.grey;
    let spread = white - black;
    let grey = |amplitude: f32| {
        let amplitude = if amplitude.is_finite() { f64::from(amplitude) } else { 0.0 };
        // Without spread all of it is one grey.
        if spread > 0.0 { ((amplitude - black) / spread) as f32 } else { 0.5 }
    };
    let pixels = amplitudes.into_iter().map(grey).collect();
    let image =
        GreyImage::new(place.bounds.traces, place.bounds.samples, pixels).map_err(ApiError::internal)?;
    Ok(TilePicture { image, ends: (spread > 0.0).then_some(place.grey) })
}

/// A tile that is an image file, from its folder; `None` where that is gone, or the file lies elsewhere.
pub(crate) fn image_file(
    snapshot: &Snapshot,
    record: &TileRecord,
    limits: &DecodeLimits,
) -> Option<TilePicture> {
    let sources = snapshot.sources().iter();
    let source =
        sources.clone().find(|source| source.kind == SourceKind::Images && source.name == record.survey)?;
    let folder = source.path.canonicalize().ok()?;
    let file = folder.join(&record.file).canonicalize().ok().filter(|file| file.starts_with(&folder))?;
    refcon_image::read(&file, limits).ok().map(TilePicture::of_image)
}

/// A tile from the image that the library keeps of it.
pub(crate) fn stored(
    png: &[u8],
    place: Option<&Place>,
    limits: &DecodeLimits,
) -> Result<TilePicture, ApiError> {
    let image = refcon_image::decode(png, Path::new("the library's image of the tile"), limits)
        .map_err(ApiError::internal)?;
    Ok(TilePicture { image, ends: place.map(|place| place.grey).filter(|[black, white]| black < white) })
}
