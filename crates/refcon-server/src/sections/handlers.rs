//! `/api/surveys/{id}/section/…`.

use super::cache::Key;
use super::picture::picture;
use super::reading::{Reading, Which};
use super::{Cut, TILE_SIZE};
use crate::app::Shared;
use crate::blocking::blocking;
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Path, Query};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::response::IntoResponse;
use refcon_image::ColourMap;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Surveys are read, never written: what was seen once stays true for a while.
const KEPT_FOR: &str = "private, max-age=3600";

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(section)).routes(routes!(tile)).routes(routes!(image))
}

/// A section, or a slice: what its axes are, and how it is cut into tiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SectionView {
    /// Which way it cuts the survey.
    pub direction: Cut,
    /// Its line number; the time or depth of a slice.
    pub line: f64,
    /// Traces.
    pub width: usize,
    /// Samples; of a slice, inlines.
    pub height: usize,
    /// The axis from left to right.
    pub horizontal: HorizontalAxis,
    /// The axis from top to bottom.
    pub vertical: VerticalAxis,
    /// Zoom levels: 0 is the full resolution, each further one halves it.
    pub levels: usize,
    /// Width and height of a tile.
    pub tile_size: usize,
    /// X and Y of its first and last trace, where known.
    pub corners: Option<[[f64; 2]; 2]>,
}

/// The numbers of the traces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HorizontalAxis {
    /// What they count: `crossline`, `inline`, `cdp`, `shot` or `trace`.
    pub label: String,
    /// The first.
    pub first: i32,
    /// From one to the next; may be negative.
    pub step: i32,
    /// How many.
    pub count: usize,
}

/// The positions of the samples; of a slice, the inline numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VerticalAxis {
    /// `time`, `depth` or `inline`.
    pub label: String,
    /// `ms`, `m` or `ft`.
    pub unit: Option<String>,
    /// The first.
    pub first: f64,
    /// From one to the next.
    pub interval: f64,
    /// How many.
    pub count: usize,
}

/// Which section.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct SectionPath {
    /// The survey.
    id: String,
    /// Which way it cuts the survey.
    direction: Cut,
    /// Its line number; the time (ms) or depth of a slice.
    line: f64,
}

/// Which tile of which section.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct TilePath {
    /// The survey.
    id: String,
    /// Which way the section cuts the survey.
    direction: Cut,
    /// Its line number; the time (ms) or depth of a slice.
    line: f64,
    /// Zoom level; 0 is the full resolution.
    level: usize,
    /// Column of tiles, from the left.
    column: usize,
    /// Row of tiles, from the top.
    row: usize,
}

/// How amplitudes become colours.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Colours {
    /// Black to white.
    #[default]
    Grey,
    /// Negative amplitudes blue, zero white, positive ones red.
    RedWhiteBlue,
    /// Dark violet to yellow.
    Viridis,
}

impl From<Colours> for ColourMap {
    fn from(colours: Colours) -> Self {
        match colours {
            Colours::Grey => Self::Grey,
            Colours::RedWhiteBlue => Self::Seismic,
            Colours::Viridis => Self::Viridis,
        }
    }
}

/// How a section is drawn.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Drawing {
    /// How amplitudes become colours.
    #[serde(default)]
    #[param(inline)]
    colours: Colours,
    /// The amplitude that is white; by default the survey's 99th percentile.
    clip: Option<f32>,
    /// Pixels across; by default one a trace.
    width: Option<u32>,
}

/// A clip is an amplitude above 0.
pub(crate) fn checked_clip(clip: Option<f32>) -> Result<Option<f32>, ApiError> {
    match clip {
        Some(clip) if !(clip.is_finite() && clip > 0.0) => {
            Err(ApiError::bad_request(format_args!("clip {clip}: expected an amplitude above 0")))
        }
        clip => Ok(clip),
    }
}

async fn reading(app: &Shared, id: &str, cut: Cut, line: f64) -> Result<Arc<Reading>, ApiError> {
    let opened = app.surveys.by_id(id)?.open().await?;
    let which = Which::of(&opened.survey, cut, line)?;
    let line = match which {
        Which::Vertical(_, line) => i64::from(line),
        Which::Slice(sample) => sample as i64,
    };
    let limits = app.limits.clone();
    let read = move || Reading::read(&opened, which, &limits).map(Arc::new);
    app.sections.get(Key { survey: id.to_owned(), cut, line }, read).await
}

/// What a section's axes are.
#[utoipa::path(get, path = "/api/surveys/{id}/section/{direction}/{line}", tag = "sections", params(SectionPath), responses(
    (status = 200, description = "The section", body = SectionView),
    (status = 404, description = "There is no such section", body = ErrorBody),
    (status = 413, description = "It is too large to be shown", body = ErrorBody),
    (status = 500, description = "It cannot be read", body = ErrorBody),
))]
async fn section(
    State(app): State<Shared>,
    Path(SectionPath { id, direction, line }): Path<SectionPath>,
) -> Result<Json<SectionView>, ApiError> {
    Ok(Json(reading(&app, &id, direction, line).await?.view.clone()))
}

/// Amplitudes of a tile: little-endian `f32`, row by row (rows are samples). The headers `x-width` and `x-height` say how many;
/// tiles at the right and lower edge are smaller.
#[utoipa::path(get, path = "/api/surveys/{id}/section/{direction}/{line}/tile/{level}/{column}/{row}", tag = "sections",
    params(TilePath), responses(
    (status = 200, description = "The amplitudes", body = Vec<u8>, content_type = "application/octet-stream",
        headers(("x-width" = u32, description = "Traces"), ("x-height" = u32, description = "Samples"))),
    (status = 404, description = "There is no such tile", body = ErrorBody),
    (status = 500, description = "It cannot be read", body = ErrorBody),
))]
async fn tile(State(app): State<Shared>, Path(path): Path<TilePath>) -> Result<impl IntoResponse, ApiError> {
    let reading = reading(&app, &path.id, path.direction, path.line).await?;
    let level = reading.pyramid.levels().get(path.level);
    let tile = level.and_then(|level| level.tile(path.column, path.row));
    let (width, height, amplitudes) = tile.ok_or_else(|| {
        let levels = reading.pyramid.levels().len();
        ApiError::not_found(format_args!(
            "the section has no tile in column {}, row {} of level {}",
            path.column, path.row, path.level
        ))
        .hint(format!("it has {levels} levels of tiles of {TILE_SIZE} × {TILE_SIZE}"))
    })?;
    let bytes: Vec<u8> = amplitudes.iter().flat_map(|amplitude| amplitude.to_le_bytes()).collect();
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CACHE_CONTROL, KEPT_FOR.to_owned()),
        (HeaderName::from_static("x-width"), width.to_string()),
        (HeaderName::from_static("x-height"), height.to_string()),
    ];
    Ok((headers, bytes))
}

/// A section as a picture, in its proportions of traces and samples.
#[utoipa::path(get, path = "/api/surveys/{id}/section/{direction}/{line}/image.png", tag = "sections",
    params(SectionPath, Drawing), responses(
    (status = 200, description = "The picture", body = Vec<u8>, content_type = "image/png"),
    (status = 400, description = "It cannot be drawn like that", body = ErrorBody),
    (status = 404, description = "There is no such section", body = ErrorBody),
    (status = 500, description = "It cannot be read", body = ErrorBody),
))]
async fn image(
    State(app): State<Shared>,
    Path(SectionPath { id, direction, line }): Path<SectionPath>,
    Query(drawing): Query<Drawing>,
) -> Result<impl IntoResponse, ApiError> {
    let most = app.limits.picture_side;
    if drawing.width.is_some_and(|width| !(1..=most).contains(&width)) {
        return Err(ApiError::bad_request(format_args!("width: expected 1 to {most} pixels")));
    }
    let clip = checked_clip(drawing.clip)?;
    let reading = reading(&app, &id, direction, line).await?;
    let png = blocking(move || {
        let most = most as usize;
        let width = drawing.width.map_or(reading.view.width.clamp(1, most), |width| width as usize);
        picture(&reading.pyramid, width, most, clip.unwrap_or(reading.clip), drawing.colours.into())
    })
    .await?;
    Ok(([(header::CONTENT_TYPE, "image/png"), (header::CACHE_CONTROL, KEPT_FOR)], png))
}
