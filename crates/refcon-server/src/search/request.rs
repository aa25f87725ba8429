//! What a search asks for.

use crate::app::Shared;
use crate::error::ApiError;
use crate::limits::Limits;
use crate::tiles::SectionDirection;
use refcon_library::EncodedTiles;
use refcon_library::retrieval::filter::Filter;
use refcon_library::retrieval::region::Region;
use refcon_library::retrieval::section_box::{Numbers, Positions};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchRequest {
    /// What to look for.
    pub query: QueryRequest,
    /// Matches, at most.
    #[serde(default = "fifty")]
    pub k: usize,
    /// The greatest distance of a match.
    #[serde(default)]
    pub within: Option<f32>,
    /// The least confidence of a match, from 0 to 1; only where the server has a calibration.
    #[serde(default)]
    pub min_confidence: Option<f32>,
    /// Leaves out tiles that show the place of the query itself.
    #[serde(default = "yes")]
    pub exclude_same_place: bool,
    /// Of tiles in the same place, leaves out all but the nearest.
    #[serde(default = "yes")]
    pub suppress_overlap: bool,
    /// Matches of one survey, at most.
    #[serde(default)]
    pub per_survey: Option<usize>,
    /// Which tiles are looked at.
    #[serde(default)]
    pub filters: FilterRequest,
}

fn fifty() -> usize {
    50
}

fn yes() -> bool {
    true
}

/// What to look for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum QueryRequest {
    /// A box on a section.
    Box(BoxRequest),
    /// A tile of the library.
    Tile {
        /// The tile.
        id: u64,
    },
    /// An image: PNG, JPEG or TIFF.
    Image {
        /// Its bytes in Base64.
        png_base64: String,
    },
    /// Tiles that one likes and dislikes.
    Examples {
        /// Tiles that show what is sought.
        #[serde(default)]
        like: Vec<u64>,
        /// Tiles that do not.
        #[serde(default)]
        unlike: Vec<u64>,
        /// The box that the search began with.
        #[serde(default, rename = "box")]
        of_box: Option<BoxRequest>,
    },
}

/// A box on a section, by the numbers of its axes; ends may stand in either order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BoxRequest {
    /// The survey.
    pub survey: String,
    /// Which way the section runs.
    pub direction: SectionDirection,
    /// Its line number.
    pub line: i32,
    /// Numbers of the first and last trace: crosslines on an inline, inlines on a crossline.
    pub traces: [i32; 2],
    /// Times (ms) or depths of the first and last sample.
    pub range: [f64; 2],
}

/// Which tiles are looked at; what is empty or `null` asks for nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FilterRequest {
    /// Of one of these surveys.
    pub surveys: Vec<String>,
    /// Of none of these surveys.
    pub not_surveys: Vec<String>,
    /// On sections that run in one of these directions.
    pub directions: Vec<SectionDirection>,
    /// On lines with a number in this range.
    pub lines: Option<[i32; 2]>,
    /// With a sample in this range of times or depths.
    pub range: Option<[f64; 2]>,
    /// Of one of these classes of the library. Labels given here do not count.
    pub classes: Vec<String>,
    /// With a point inside this polygon, X and Y.
    pub region: Option<Vec<[f64; 2]>>,
}

/// Corners of a region, at most.
const MOST_CORNERS: usize = 10_000;
/// Surveys and classes of a filter, at most.
const MOST_NAMES: usize = 1000;

impl SearchRequest {
    /// Whether it asks for no more than is given.
    pub(super) fn check(&self, limits: &Limits) -> Result<(), ApiError> {
        if !(1..=limits.matches).contains(&self.k) {
            let asked = self.k;
            return Err(ApiError::bad_request(format_args!(
                "k {asked}: expected 1 to {} matches",
                limits.matches
            )));
        }
        if let QueryRequest::Examples { like, unlike, .. } = &self.query
            && like.len() + unlike.len() > limits.examples
        {
            let examples = like.len() + unlike.len();
            return Err(ApiError::bad_request(format_args!(
                "{examples} examples: expected at most {}",
                limits.examples
            )));
        }
        if let Some(least) = self.min_confidence
            && !(least > 0.0 && least <= 1.0)
        {
            return Err(ApiError::bad_request(format_args!(
                "min_confidence {least}: expected a share above 0, at most 1"
            )));
        }
        let FilterRequest { surveys, not_surveys, classes, region, .. } = &self.filters;
        if [surveys, not_surveys, classes].iter().any(|names| names.len() > MOST_NAMES) {
            return Err(ApiError::bad_request(format_args!(
                "a filter names at most {MOST_NAMES} surveys or classes"
            )));
        }
        if region.as_ref().is_some_and(|region| region.len() > MOST_CORNERS) {
            return Err(ApiError::bad_request(format_args!("a region has at most {MOST_CORNERS} corners")));
        }
        Ok(())
    }
}

impl FilterRequest {
    /// The library's filter, with the names that it knows surveys by.
    pub(super) fn filter(&self, app: &Shared, tiles: &EncodedTiles) -> Result<Filter, ApiError> {
        let names = |ids: &[String]| -> Result<Vec<String>, ApiError> {
            ids.iter().map(|id| name_of(app, tiles, id)).collect()
        };
        let region = match &self.region {
            Some(corners) if corners.iter().flatten().any(|value| !value.is_finite()) => {
                return Err(ApiError::bad_request("the corners of a region are finite numbers"));
            }
            Some(corners) => Some(Region::new(vec![vec![corners.clone()]]).map_err(ApiError::bad_request)?),
            None => None,
        };
        Ok(Filter {
            surveys: names(&self.surveys)?,
            not_surveys: names(&self.not_surveys)?,
            directions: self.directions.iter().map(|&direction| direction.into()).collect(),
            lines: self.lines.map(numbers),
            traces: None,
            positions: self.range.map(positions).transpose()?,
            classes: self.classes.clone(),
            region,
        })
    }
}

/// What the library calls a survey: requests use its id, or its name.
fn name_of(app: &Shared, tiles: &EncodedTiles, id: &str) -> Result<String, ApiError> {
    if let Ok(entry) = app.surveys.by_id(id) {
        return Ok(entry.name.clone());
    }
    for block in tiles.blocks() {
        if block.columns()?.survey.words.iter().any(|name| name == id) {
            return Ok(id.to_owned());
        }
    }
    Err(ApiError::bad_request(format_args!("there is no survey {id:?}")).hint("/api/surveys lists them"))
}

/// A range of numbers, its ends in either order.
pub(super) fn numbers([a, b]: [i32; 2]) -> Numbers {
    Numbers { from: a.min(b), to: a.max(b) }
}

/// A range of positions, its ends in either order.
pub(super) fn positions([a, b]: [f64; 2]) -> Result<Positions, ApiError> {
    if !(a.is_finite() && b.is_finite()) {
        return Err(ApiError::bad_request("the ends of a range are finite numbers"));
    }
    Ok(Positions { from: a.min(b), to: a.max(b), domain: None })
}
