//! `/api/labels`.

use super::{archive, checked_class};
use crate::app::Shared;
use crate::blocking::blocking;
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Body, Path};
use crate::tiles::{TileView, view_of};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(set, remove)).routes(routes!(export))
}

/// A labelled tile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LabelView {
    /// The tile.
    pub tile: TileView,
    /// The class that it was given.
    pub class: String,
}

/// A class for a tile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LabelRequest {
    /// Its name: up to 64 characters that a folder's name can have.
    pub class: String,
}

/// All labelled tiles. Tiles that are no longer in the library are left out; their labels are kept.
#[utoipa::path(get, path = "/api/labels", tag = "labels", responses(
    (status = 200, description = "The labels", body = Vec<LabelView>),
    (status = 500, description = "The library cannot be read", body = ErrorBody),
))]
async fn list(State(app): State<Shared>) -> Result<Json<Vec<LabelView>>, ApiError> {
    let current = app.library.current().await?;
    let views = blocking(move || {
        let mut views = Vec::new();
        for (tile, class) in app.labels.all() {
            if let (Ok(row), Some(tiles)) = (current.row_of(tile), &current.tiles) {
                views.push(LabelView { tile: view_of(&app, tiles.record(row)?), class });
            }
        }
        Ok(views)
    });
    Ok(Json(views.await?))
}

/// Gives a tile a class. When this is answered, the label is on disk.
#[utoipa::path(put, path = "/api/labels/{tile}", tag = "labels", params(("tile" = u64, Path, description = "The tile")),
    request_body = LabelRequest, responses(
    (status = 200, description = "The label", body = LabelView),
    (status = 400, description = "The class's name cannot be used", body = ErrorBody),
    (status = 404, description = "There is no such tile", body = ErrorBody),
    (status = 500, description = "The label cannot be written; nothing has changed", body = ErrorBody),
))]
async fn set(
    State(app): State<Shared>,
    Path(tile): Path<u64>,
    Body(LabelRequest { class }): Body<LabelRequest>,
) -> Result<Json<LabelView>, ApiError> {
    let class = checked_class(&class)?;
    let current = app.library.current().await?;
    let view = blocking(move || {
        let row = current.row_of(tile)?;
        app.labels.set(tile, Some(class.clone())).map_err(ApiError::internal)?;
        Ok(LabelView { tile: view_of(&app, current.searched()?.record(row)?), class })
    });
    Ok(Json(view.await?))
}

/// Takes a tile's label away, if it has one.
#[utoipa::path(delete, path = "/api/labels/{tile}", tag = "labels", params(("tile" = u64, Path, description = "The tile")), responses(
    (status = 204, description = "It has no label"),
    (status = 500, description = "The change cannot be written; nothing has changed", body = ErrorBody),
))]
async fn remove(State(app): State<Shared>, Path(tile): Path<u64>) -> Result<StatusCode, ApiError> {
    blocking(move || app.labels.set(tile, None).map_err(ApiError::internal)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The labelled set as a ZIP archive: `train/<class>/<tile>.png`, ready for `refcon train`, and `labels.csv`, which says where each
/// tile lies.
#[utoipa::path(get, path = "/api/labels/export.zip", tag = "labels", responses(
    (status = 200, description = "The archive", body = Vec<u8>, content_type = "application/zip"),
    (status = 404, description = "There are no labels", body = ErrorBody),
    (status = 500, description = "The library cannot be read", body = ErrorBody),
))]
async fn export(State(app): State<Shared>) -> Result<impl IntoResponse, ApiError> {
    let current = app.library.current().await?;
    if app.labels.all().is_empty() {
        return Err(ApiError::not_found("no tile has a label yet").hint("accept some results first"));
    }
    let body = archive::stream(Arc::clone(&app), current);
    let headers = [
        (header::CONTENT_TYPE, "application/zip"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"refcon-labels.zip\""),
    ];
    Ok((headers, body))
}
