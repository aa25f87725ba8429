//! What a tile looks like, for the page.

use crate::sections::coloured;
use refcon_image::{ColourMap, DecodeLimits, GreyImage};
use refcon_library::retrieval::results::pictures::Picture;
use refcon_library::store::SourceKind;
use refcon_library::{Place, Snapshot, TileRecord};
use refcon_seismic::{Survey, SurveyError};

/// A picture as PNG; `None` where there is nothing to show. Amplitudes are drawn from −`clip` to `clip`, without one between those that
/// were black and white for the encoder.
pub(crate) fn png(
    picture: &Picture,
    place: Option<&Place>,
    clip: Option<f32>,
    colours: ColourMap,
) -> Option<Vec<u8>> {
    match picture {
        Picture::Missing => None,
        Picture::Image(image) => Some(coloured(image, colours)),
        Picture::Amplitudes { values, traces, .. } => {
            let ends = place.map_or([-1.0, 1.0], |place| place.grey);
            let [black, white] = clip.map_or(ends, |clip| [-f64::from(clip), f64::from(clip)]);
            let spread = white - black;
            let grey = |&amplitude: &f32| {
                let amplitude = if amplitude.is_finite() { f64::from(amplitude) } else { 0.0 };
                // Without spread all of it is one grey.
                if spread > 0.0 { ((amplitude - black) / spread) as f32 } else { 0.5 }
            };
            let samples = values.len() / (*traces).max(1);
            let image = GreyImage::new(*traces, samples, values.iter().map(grey).collect());
            image.ok().map(|image| coloured(&image, colours))
        }
    }
}

/// A tile from its survey.
pub(crate) fn from_survey(survey: &Survey, place: &Place) -> Result<Picture, SurveyError> {
    let values = survey.read_tile(place.direction, place.line, place.bounds)?;
    Ok(Picture::Amplitudes { values, traces: place.bounds.traces, from_image: false })
}

/// A tile that is an image file, from its folder; `None` where that is gone, or the file lies elsewhere.
pub(crate) fn from_file(snapshot: &Snapshot, record: &TileRecord, limits: &DecodeLimits) -> Option<Picture> {
    let is_source = |kind, name: &str| kind == SourceKind::Images && name == record.survey;
    let source = snapshot.sources().iter().find(|source| is_source(source.kind, &source.name))?;
    let folder = source.path.canonicalize().ok()?;
    let file = folder.join(&record.file).canonicalize().ok().filter(|file| file.starts_with(&folder))?;
    refcon_image::read(&file, limits).ok().map(Picture::Image)
}
