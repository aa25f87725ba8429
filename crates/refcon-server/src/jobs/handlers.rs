//! `/api/jobs`.

use super::{JobView, events, index, train};
use crate::app::Shared;
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Body, Path};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::response::sse::{KeepAlive, Sse};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(job, cancel)).routes(routes!(events))
}

/// Long work that is to be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobRequest {
    /// Cuts a survey into tiles, or reads a folder of images, and adds them to the library.
    Index(IndexRequest),
    /// Trains a head on the server's encoder, as a run of `/api/runs`.
    Train(TrainRequest),
}

/// What to add to the library. Either `survey` or `path` is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IndexRequest {
    /// A survey of `/api/surveys`.
    #[serde(default)]
    pub survey: Option<String>,
    /// A file or folder, by its path below one of the configured survey folders.
    #[serde(default)]
    pub path: Option<String>,
    /// Samples of a tile of a survey; 143 where nothing is said.
    #[serde(default)]
    pub tile_height: Option<usize>,
    /// Traces of a tile of a survey; 118 where nothing is said.
    #[serde(default)]
    pub tile_width: Option<usize>,
    /// Reads it again where it was read with other settings, and replaces its tiles.
    #[serde(default)]
    pub replace: bool,
}

/// What to train on, and for how long. The encoder is the server's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainRequest {
    /// A folder with one folder of tiles a class, by its path below one of the configured survey folders; the labels of `/api/labels`
    /// where nothing is said.
    #[serde(default)]
    pub path: Option<String>,
    /// Times that all tiles are gone through, at most; 50 where nothing is said.
    #[serde(default)]
    pub epochs: Option<u64>,
    /// Everything random follows from it; 42 where nothing is said.
    #[serde(default)]
    pub seed: Option<u64>,
}

/// Jobs that wait, run or have ended, oldest first. They are forgotten when the server stops.
#[utoipa::path(get, path = "/api/jobs", tag = "jobs", responses((status = 200, description = "The jobs", body = Vec<JobView>)))]
async fn list(State(app): State<Shared>) -> Json<Vec<JobView>> {
    Json(app.jobs.all().iter().map(|job| job.view()).collect())
}

/// Begins a job, when those before it have ended.
#[utoipa::path(post, path = "/api/jobs", tag = "jobs", request_body = JobRequest, responses(
    (status = 202, description = "The job", body = JobView),
    (status = 400, description = "It cannot be done like that", body = ErrorBody),
    (status = 404, description = "There is no such survey, file or folder", body = ErrorBody),
    (status = 503, description = "Too many jobs wait", body = ErrorBody),
))]
async fn add(
    State(app): State<Shared>,
    Body(request): Body<JobRequest>,
) -> Result<impl IntoResponse, ApiError> {
    let (kind, (title, work)) = match request {
        JobRequest::Index(request) => ("index", index::work(&app, &request)?),
        JobRequest::Train(request) => ("train", train::work(&app, &request)?),
    };
    let job = app.jobs.add(kind, title, work)?;
    Ok((StatusCode::ACCEPTED, Json(job.view())))
}

/// A job with its log.
#[utoipa::path(get, path = "/api/jobs/{id}", tag = "jobs", params(("id" = u64, Path, description = "The job")), responses(
    (status = 200, description = "The job", body = JobView),
    (status = 404, description = "There is no such job", body = ErrorBody),
))]
async fn job(State(app): State<Shared>, Path(id): Path<u64>) -> Result<Json<JobView>, ApiError> {
    Ok(Json(app.jobs.by_id(id)?.view()))
}

/// Asks a job to stop. What it has finished stays: tiles in the library, a training's run to go on with.
#[utoipa::path(delete, path = "/api/jobs/{id}", tag = "jobs", params(("id" = u64, Path, description = "The job")), responses(
    (status = 202, description = "It is stopping, or has ended", body = JobView),
    (status = 404, description = "There is no such job", body = ErrorBody),
))]
async fn cancel(State(app): State<Shared>, Path(id): Path<u64>) -> Result<impl IntoResponse, ApiError> {
    let job = app.jobs.by_id(id)?;
    app.jobs.cancel(&job);
    Ok((StatusCode::ACCEPTED, Json(job.view())))
}

/// What happens to a job: `progress` (the job without its log), `log` (`{"line": …}`), and last `end` (the job without its
/// log).
#[utoipa::path(get, path = "/api/jobs/{id}/events", tag = "jobs", params(("id" = u64, Path, description = "The job")), responses(
    (status = 200, description = "Server-sent events", body = String, content_type = "text/event-stream"),
    (status = 404, description = "There is no such job", body = ErrorBody),
    (status = 503, description = "Too many streams are open", body = ErrorBody),
))]
async fn events(State(app): State<Shared>, Path(id): Path<u64>) -> Result<impl IntoResponse, ApiError> {
    let job = app.jobs.by_id(id)?;
    let permit = Arc::clone(&app.event_streams)
        .try_acquire_owned()
        .map_err(|_| ApiError::busy("as many streams of events are open as there may be"))?;
    Ok(Sse::new(events::of(&job, permit)).keep_alive(KeepAlive::default()))
}
