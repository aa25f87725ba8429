//! A small synthetic survey with all eight classes of the challenge in it.
//!
//! For demonstrations and tests where no field data can be shipped: the geology is made up, from a seed, and so it is known
//! what lies where. From the ground to the image:
//!
//! 1. `packages` stack three levels of beds: plain background cut by meandering `channels`, and two levels
//!    shared by a bright planar, a bright chaotic, a transparent and a converging (`wedges`) package.
//! 2. They are folded (`structure`), pierced and dragged up by two diapirs (`salt`) and offset by normal `faults`.
//!    As in Wu et al. (2019), "`FaultSeg3D`", Geophysics 84(3), IM35–IM45, everything moves up and down only, so each
//!    column of the earth model (`geology`) is found on its own by undoing the movements, the last one first.
//! 3. `imaging` convolves each column's reflectivity with a Ricker `wavelet`, smooths it over about a trace, as
//!    migration does, lets it fade with depth and adds noise of the wavelet's band.
//! 4. `tiles` picks examples of each class where the labels show one well.
//!
//! Positions inside the generator are in traces and samples, beds and throws are measured in periods of the wavelet, larger
//! bodies in shares of the volume: a survey of any size or sampling has the same look.

mod channels;
mod classes;
mod faults;
mod geology;
mod imaging;
mod layering;
mod packages;
mod random_fields;
mod salt;
mod spec;
mod structure;
mod tile_rules;
mod tiles;
mod wavelet;
mod wedges;

pub use classes::SeismicClass;
pub use spec::{MAX_VOLUME_SAMPLES, MIN_LINES, MIN_SAMPLES, SyntheticError, SyntheticSpec};
pub use tiles::{LabelledTile, Shortfall, Split, TileRequest, TileSelection};

use crate::{Domain, LineAxis, SampleAxis, Volume};
use geology::Geology;

/// Number of the first inline of a synthetic survey.
const FIRST_INLINE: i32 = 1001;
/// Number of the first crossline of a synthetic survey.
const FIRST_CROSSLINE: i32 = 2001;

/// A synthetic volume and what is in it.
#[derive(Debug, Clone, PartialEq)]
pub struct SyntheticSurvey {
    /// What the survey was made from.
    pub spec: SyntheticSpec,
    /// The image, in time; RMS amplitude about 1.
    pub volume: Volume,
    /// [`SeismicClass::label`] of each amplitude, `[inline, crossline, sample]`.
    pub labels: Vec<u8>,
}

/// Makes the survey that `spec` describes.
///
/// # Errors
/// A value of `spec` that is out of range.
pub fn generate(spec: &SyntheticSpec) -> Result<SyntheticSurvey, SyntheticError> {
    spec.validate()?;
    let (amplitudes, labels) = imaging::image(spec, &Geology::draw(spec));
    let volume = Volume {
        inlines: LineAxis { first: FIRST_INLINE, step: 1, count: spec.inlines },
        crosslines: LineAxis { first: FIRST_CROSSLINE, step: 1, count: spec.crosslines },
        samples: SampleAxis {
            domain: Domain::Time,
            first: 0.0,
            interval: spec.interval_ms,
            count: spec.samples,
        },
        amplitudes,
    };
    Ok(SyntheticSurvey { spec: spec.clone(), volume, labels })
}

#[cfg(test)]
mod tests;
