//! Queries that are boxes on sections: the amplitudes, as an image like the library's tiles, and where they lie.

use super::section_box::{BoxError, SectionBox};
use crate::Place;
use refcon_image::GreyImage;
use refcon_seismic::tiling::{Normalisation, Normaliser};
use refcon_seismic::{Direction, Geometry, Survey, SurveyError, TileBox};

/// A box that was read from its survey.
#[derive(Debug, Clone, PartialEq)]
pub struct BoxQuery {
    /// Its amplitudes, `[samples, traces]`.
    pub amplitudes: Vec<f32>,
    /// Their image, made as the library's tiles were.
    pub image: GreyImage,
    /// Where it lies.
    pub place: Place,
}

/// Why a box could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BoxQueryError {
    /// It does not lie on the section.
    #[error(transparent)]
    Outside(#[from] BoxError),
    /// The survey cannot be read.
    #[error(transparent)]
    Survey(#[from] SurveyError),
    /// It is too large for an image.
    #[error(transparent)]
    Size(#[from] refcon_image::ImageSizeError),
}

impl BoxQuery {
    /// Reads the box `on` a section of `survey`, and makes it grey by `normalisation`.
    ///
    /// # Errors
    /// The box does not lie on the section, or the survey cannot be read.
    pub fn read(
        survey: &Survey,
        on: SectionBox,
        normalisation: Normalisation,
    ) -> Result<Self, BoxQueryError> {
        let bounds = on.bounds(survey)?;
        let amplitudes = survey.read_tile(on.direction, on.line, bounds)?;
        let mut grey = amplitudes.clone();
        let ends = Normaliser::new(normalisation).normalise(&mut grey);
        let image = GreyImage::new(bounds.traces, bounds.samples, grey)?;
        Ok(Self { amplitudes, image, place: place(survey, on, bounds, ends)? })
    }
}

fn place(survey: &Survey, on: SectionBox, bounds: TileBox, grey: [f64; 2]) -> Result<Place, SurveyError> {
    let (direction, line, geometry) = (on.direction, on.line, survey.geometry());
    let ends = [bounds.first_trace, bounds.first_trace + bounds.traces - 1];
    let traces = geometry.traces(direction);
    let numbers = ends.map(|index| traces.map_or(0, |traces| traces.number(index)));
    let (inlines, crosslines) = match direction {
        Direction::Inline => ([line; 2], numbers),
        Direction::Crossline => (numbers, [line; 2]),
    };
    let corners = match geometry {
        Geometry::Volume(volume) => {
            let index = geometry.lines(direction).and_then(|lines| lines.index_of(line));
            volume.grid.zip(index).map(|(grid, index)| {
                ends.map(|end| match direction {
                    Direction::Inline => grid.position(index, end),
                    Direction::Crossline => grid.position(end, index),
                })
            })
        }
        Geometry::Line(_) => match survey.segy() {
            Some(segy) => {
                let [first, last] = numbers.map(|number| segy.position_on_line(number));
                first.map_err(SurveyError::from)?.zip(last.map_err(SurveyError::from)?).map(Into::into)
            }
            None => None,
        },
    };
    let samples = survey.samples();
    let range =
        [bounds.first_sample, bounds.first_sample + bounds.samples - 1].map(|at| samples.position(at));
    Ok(Place { direction, line, bounds, inlines, crosslines, range, domain: samples.domain, corners, grey })
}
