//! `GET /api/surveys`.

use super::{Entry, SurveyView};
use crate::app::Shared;
use crate::blocking::blocking;
use crate::error::{ApiError, ErrorBody};
use axum::Json;
use axum::extract::State;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How long the list waits for surveys that are being opened: large SEG-Y files without an index take minutes.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list))
}

/// All surveys: those of the library, then others in the configured folders. Folders of images are none: `/api/library` has them. One that takes long to open is listed as not
/// available until it is open.
#[utoipa::path(get, path = "/api/surveys", tag = "surveys", responses(
    (status = 200, description = "The surveys", body = Vec<SurveyView>),
    (status = 500, description = "The library cannot be read", body = ErrorBody),
))]
async fn list(State(app): State<Shared>) -> Result<Json<Vec<SurveyView>>, ApiError> {
    let library = app.library.current().await?;
    let entries = {
        let (app, library) = (Arc::clone(&app), Arc::clone(&library));
        blocking(move || {
            let all = app.surveys.after_change(&library.snapshot);
            Ok(all.iter().filter(|entry| !entry.is_folder()).cloned().collect::<Vec<_>>())
        })
        .await?
    };
    let until = Instant::now() + PATIENCE;
    let opening: Vec<_> = entries
        .iter()
        .cloned()
        .map(|entry| tokio::spawn(async move { drop(timeout_at(until, entry.open()).await) }))
        .collect();
    for opened in opening {
        // What came of it is asked below.
        drop(opened.await);
    }
    let view = |entry: &Arc<Entry>| SurveyView::of(entry, entry.now(), library.tiles_of(&entry.name));
    Ok(Json(entries.iter().map(view).collect()))
}
