//! Tiles of the library: what is known of them, and what they look like.

use crate::app::Shared;
use crate::blocking::blocking;
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Path, Query};
use crate::library::Current;
use crate::picture::{from_file, from_survey, png};
use crate::sections::{Colours, checked_clip};
use crate::surveys::domain_name;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use refcon_library::retrieval::results::pictures::Picture;
use refcon_library::{Place, TileRecord};
use refcon_seismic::Direction;
use serde::{Deserialize, Serialize};
use std::path::Path as FilePath;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(tile)).routes(routes!(picture))
}

/// A tile of the library.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TileView {
    /// Its number; given once, never to another tile.
    pub id: u64,
    /// The survey that it was cut from, an id of `/api/surveys`; or the folder of images, an id of `/api/library`.
    pub survey: String,
    /// What the library calls that survey.
    pub survey_name: String,
    /// Its image file below the folder; empty for tiles cut from surveys.
    pub file: String,
    /// Traces.
    pub width: u32,
    /// Samples.
    pub height: u32,
    /// Its label, else its class in the library.
    pub class: Option<String>,
    /// Where it lies.
    pub place: Option<PlaceView>,
}

/// Where a tile lies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlaceView {
    /// `inline` or `crossline`.
    pub direction: SectionDirection,
    /// Number of its section.
    pub line: i32,
    /// Inline number of its first trace.
    pub first_inline: i32,
    /// Inline number of its last trace.
    pub last_inline: i32,
    /// Crossline number of its first trace; on a 2-D line, the number along it.
    pub first_crossline: i32,
    /// Crossline number of its last trace.
    pub last_crossline: i32,
    /// Time or depth of its first sample.
    pub from: f64,
    /// Time or depth of its last sample.
    pub to: f64,
    /// `time` or `depth`.
    pub domain: String,
    /// `ms`, `m` or `ft`.
    pub unit: String,
    /// X and Y of its first and last trace.
    pub corners: Option<[[f64; 2]; 2]>,
}

/// Which way a section runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SectionDirection {
    /// Along an inline.
    Inline,
    /// Along a crossline.
    Crossline,
}

impl From<Direction> for SectionDirection {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Inline => Self::Inline,
            Direction::Crossline => Self::Crossline,
        }
    }
}

impl From<SectionDirection> for Direction {
    fn from(direction: SectionDirection) -> Self {
        match direction {
            SectionDirection::Inline => Self::Inline,
            SectionDirection::Crossline => Self::Crossline,
        }
    }
}

impl From<&Place> for PlaceView {
    fn from(place: &Place) -> Self {
        Self {
            direction: place.direction.into(),
            line: place.line,
            first_inline: place.inlines[0],
            last_inline: place.inlines[1],
            first_crossline: place.crosslines[0],
            last_crossline: place.crosslines[1],
            from: place.range[0],
            to: place.range[1],
            domain: domain_name(place.domain).to_owned(),
            unit: place.domain.unit().to_owned(),
            corners: place.corners,
        }
    }
}

/// A tile as the API shows it.
pub(crate) fn view_of(app: &Shared, record: TileRecord) -> TileView {
    TileView {
        id: record.id,
        survey: app.surveys.id_of(&record.survey),
        survey_name: record.survey,
        file: record.file,
        width: record.width,
        height: record.height,
        class: app.labels.class_of(record.id).or(record.class),
        place: record.place.as_ref().map(PlaceView::from),
    }
}

/// A tile.
#[utoipa::path(get, path = "/api/tiles/{id}", tag = "tiles", params(("id" = u64, Path, description = "The tile")), responses(
    (status = 200, description = "The tile", body = TileView),
    (status = 404, description = "There is no such tile", body = ErrorBody),
    (status = 500, description = "The library cannot be read", body = ErrorBody),
))]
async fn tile(State(app): State<Shared>, Path(id): Path<u64>) -> Result<Json<TileView>, ApiError> {
    let current = app.library.current().await?;
    let row = current.row_of(id)?;
    let view = blocking(move || Ok(view_of(&app, current.searched()?.record(row)?)));
    Ok(Json(view.await?))
}

/// How a tile is drawn.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Drawing {
    /// How grey becomes colours.
    #[serde(default)]
    #[param(inline)]
    colours: Colours,
    /// The amplitude that is white, its negative being black; by default as the encoder saw the tile.
    clip: Option<f32>,
}

/// A tile's picture, one pixel a sample and trace: from its survey where that can be reached, else from the library.
#[utoipa::path(get, path = "/api/tiles/{id}/picture.png", tag = "tiles",
    params(("id" = u64, Path, description = "The tile"), Drawing), responses(
    (status = 200, description = "The picture", body = Vec<u8>, content_type = "image/png"),
    (status = 400, description = "It cannot be drawn like that", body = ErrorBody),
    (status = 404, description = "There is no such tile, or no picture of it", body = ErrorBody),
    (status = 500, description = "It cannot be read", body = ErrorBody),
))]
async fn picture(
    State(app): State<Shared>,
    Path(id): Path<u64>,
    Query(drawing): Query<Drawing>,
) -> Result<impl IntoResponse, ApiError> {
    let clip = checked_clip(drawing.clip)?;
    let current = app.library.current().await?;
    let row = current.row_of(id)?;
    let (record, picture) = picture_of(&app, &current, row).await?;
    let png = blocking(move || {
        png(&picture, record.place.as_ref(), clip, drawing.colours.into()).ok_or_else(|| {
            ApiError::not_found(format_args!("there is no picture of tile {id}"))
                .hint("its survey cannot be reached, and the library keeps no image of it")
        })
    })
    .await?;
    Ok(([(header::CONTENT_TYPE, "image/png"), (header::CACHE_CONTROL, "private, max-age=600")], png))
}

/// A tile, and what it looks like: its amplitudes, its image file, or the image that the library keeps.
pub(crate) async fn picture_of(
    app: &Shared,
    current: &Arc<Current>,
    row: usize,
) -> Result<(TileRecord, Picture), ApiError> {
    let record = {
        let current = Arc::clone(current);
        blocking(move || Ok(current.searched()?.record(row)?)).await?
    };
    let survey = app.surveys.by_name(&record.survey);
    let opened = match (&record.place, survey) {
        (Some(_), Some(survey)) => survey.open().await.ok(),
        _ => None,
    };
    let (limits, current) = (app.limits.image, Arc::clone(current));
    blocking(move || {
        let again = match (opened, &record.place) {
            (Some(opened), Some(place)) => from_survey(&opened.survey, place).ok(),
            _ => from_file(&current.snapshot, &record, &limits),
        };
        if let Some(picture) = again {
            return Ok((record, picture));
        }
        let Some(thumbnail) = current.searched()?.thumbnail(row)? else {
            return Ok((record, Picture::Missing));
        };
        let image =
            refcon_image::decode(FilePath::new("the library's image of the tile"), &thumbnail, &limits);
        let image = image.map_err(ApiError::internal)?;
        let picture = match &record.place {
            Some(place) => Picture::of_image(image, place.grey),
            None => Picture::Image(image),
        };
        Ok((record, picture))
    })
    .await
}
