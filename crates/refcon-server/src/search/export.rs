//! `POST /api/search/export`: what was found, as a file.

use super::{Answer, SearchRequest, answer};
use crate::app::Shared;
use crate::blocking::blocking;
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Body, Query};
use crate::tiles::picture_of;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use refcon_library::Snapshot;
use refcon_library::retrieval::results::pictures::Picture;
use refcon_library::retrieval::results::{ResultList, page, ranked};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(export))
}

/// What kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// A table.
    Csv,
    /// Lines on the map.
    Geojson,
    /// The search and its matches.
    Json,
    /// A page with pictures.
    Html,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Download {
    /// What kind of file.
    #[param(inline)]
    format: Format,
}

impl Format {
    fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Geojson => "application/geo+json",
            Self::Json => "application/json",
            Self::Html => "text/html; charset=utf-8",
        }
    }

    fn disposition(self) -> &'static str {
        match self {
            Self::Csv => "attachment; filename=\"matches.csv\"",
            Self::Geojson => "attachment; filename=\"matches.geojson\"",
            Self::Json => "attachment; filename=\"matches.json\"",
            Self::Html => "attachment; filename=\"matches.html\"",
        }
    }
}

/// Searches, and answers with a file: a table, lines on the map, JSON, or a page with pictures that needs nothing else.
#[utoipa::path(post, path = "/api/search/export", tag = "search", params(Download), request_body = SearchRequest, responses(
    (status = 200, description = "The file", content(
        (String = "text/csv"), (String = "application/geo+json"), (String = "application/json"), (String = "text/html"))),
    (status = 400, description = "It cannot be searched for like that", body = ErrorBody),
    (status = 404, description = "There is no such survey, section or tile", body = ErrorBody),
    (status = 413, description = "The image is too large", body = ErrorBody),
    (status = 503, description = "As many searches wait as may wait", body = ErrorBody),
))]
async fn export(
    State(app): State<Shared>,
    Query(Download { format }): Query<Download>,
    Body(request): Body<SearchRequest>,
) -> Result<impl IntoResponse, ApiError> {
    let Answer { question, found, confidence_kind, confidences, current, .. } = answer(&app, request).await?;
    let rows: Vec<usize> = found.selected.matches.iter().map(|found| found.row).collect();
    let encoder = app.library.encoder();
    let list = ResultList {
        query: question.text,
        method: found.method,
        encoder: encoder.name().to_owned(),
        encoder_hash: encoder.hash().to_owned(),
        tiles: found.tiles,
        compared: found.compared,
        not_covered: current.not_covered() as usize,
        only_by_others: current.snapshot.only_by_others(encoder),
        same_place: found.selected.same_place,
        of_query: found.selected.of_query,
        survey_full: found.selected.survey_full,
        epsg: shared_epsg(&current.snapshot),
        confidence_kind,
        matches: ranked(found.selected.matches, |_| confidences),
    };
    let mut pictures: Vec<Picture> = Vec::new();
    if format == Format::Html {
        for row in rows {
            let picture = picture_of(&app, &current, row).await;
            pictures.push(picture.map_or(Picture::Missing, |(_, picture)| picture));
        }
    }
    let file = blocking(move || match format {
        Format::Csv => list.to_csv().map_err(ApiError::internal),
        Format::Geojson => Ok(list.to_geojson()),
        Format::Json => Ok(list.to_json()),
        Format::Html => Ok(page::page(&list, question.shown, pictures, Vec::new()).to_html()),
    });
    Ok((
        [(header::CONTENT_TYPE, format.content_type()), (header::CONTENT_DISPOSITION, format.disposition())],
        file.await?,
    ))
}

/// The coordinate reference system of all surveys, where they share one.
fn shared_epsg(snapshot: &Snapshot) -> Option<u32> {
    let mut systems =
        snapshot.sources().iter().filter_map(|source| source.survey.as_ref()).map(|access| access.epsg);
    let first = systems.next()??;
    systems.all(|system| system == Some(first)).then_some(first)
}
