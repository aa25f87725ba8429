//! The router: every address, and what each request passes on its way there.

use crate::batching::Scans;
use crate::error::{ApiError, ErrorBody};
use crate::extract::Body;
use crate::jobs::Jobs;
use crate::labels::Labels;
use crate::library::OpenLibrary;
use crate::limits::Limits;
use crate::search::FilterCache;
use crate::sections::SectionCache;
use crate::security::{self, Access};
use crate::server::Training;
use crate::surveys::Surveys;
use crate::{jobs, labels, library, pages, projection, runs, search, sections, surveys, tiles};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use refcon_encoders::Encoder;
use refcon_evaluation::Calibration;
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Everything that requests share.
pub(crate) struct App {
    pub(crate) limits: Limits,
    pub(crate) access: Access,
    pub(crate) library: OpenLibrary,
    pub(crate) encoder: Arc<dyn Encoder>,
    /// What confidences mean, where that is known.
    pub(crate) calibration: Option<Calibration>,
    pub(crate) surveys: Surveys,
    pub(crate) sections: SectionCache,
    pub(crate) labels: Labels,
    pub(crate) jobs: Jobs,
    pub(crate) scans: Scans,
    pub(crate) filters: FilterCache,
    pub(crate) projections: projection::Projections,
    /// The folder of training runs.
    pub(crate) runs: Option<PathBuf>,
    pub(crate) training: Option<Training>,
    /// A permit for each request that may be worked on.
    pub(crate) requests: Semaphore,
    /// A permit for each client that tells its token.
    pub(crate) sessions: Semaphore,
    /// A permit for each search.
    pub(crate) searches: Arc<Semaphore>,
    /// A permit for each stream of events.
    pub(crate) event_streams: Arc<Semaphore>,
}

pub(crate) type Shared = Arc<App>;

#[derive(OpenApi)]
#[openapi(info(
    title = "refcon",
    description = "The REST API of a tile library: surveys and their sections, search by example, labels, jobs, runs. Times are in ms, \
        lengths in the survey's unit."
))]
struct Documentation;

/// The API's routes, and their documentation, made from the same handlers.
pub(crate) fn api() -> (Router<Shared>, utoipa::openapi::OpenApi) {
    OpenApiRouter::with_openapi(Documentation::openapi())
        .merge(library::routes())
        .merge(surveys::routes())
        .merge(sections::routes())
        .merge(search::routes())
        .merge(tiles::routes())
        .merge(labels::routes())
        .merge(projection::routes())
        .merge(jobs::routes())
        .merge(runs::routes())
        .routes(routes!(begin_session))
        .split_for_parts()
}

/// The whole server, ready to be asked.
pub(crate) fn router(app: Shared) -> Router {
    let (api, documentation) = api();
    let openapi = Json(documentation);
    let routes = api.route("/api/openapi.json", get(async move || openapi.clone())).merge(pages::routes());
    guarded(routes, app)
}

/// Routes behind everything that a request passes first.
fn guarded(routes: Router<Shared>, app: Shared) -> Router {
    let limits = &app.limits;
    let compressed = DefaultPredicate::new()
        // Amplitudes hardly shrink, and pictures not at all.
        .and(NotForContentType::const_new("application/octet-stream"))
        .and(NotForContentType::const_new("application/zip"));
    // Of layers, the last added is passed first.
    routes
        .method_not_allowed_fallback(async || {
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "this address is not asked like that")
                .hint("/api/docs says how")
        })
        .layer(DefaultBodyLimit::max(limits.body_bytes))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, limits.request_time))
        .layer(from_fn_with_state(Arc::clone(&app), security::guard))
        .layer(CompressionLayer::new().compress_when(compressed))
        .layer(CatchPanicLayer::custom(|panic: Box<dyn Any + Send>| after_panic(&*panic)))
        .layer(from_fn(security::headers::add))
        .layer(TraceLayer::new_for_http())
        .with_state(app)
}

/// A handler's defect is the end of its request, and of nothing else.
fn after_panic(panic: &(dyn Any + Send)) -> Response {
    let said = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!("a request panicked: {}", said.unwrap_or("without a message"));
    ApiError::internal("the server met a defect of its own while it worked on this request")
        .hint("the server goes on; please report what you asked for")
        .into_response()
}

/// What a client knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionRequest {
    /// The server's token.
    pub token: String,
}

/// Tells the server its token; the answer sets a cookie that stands for it. Only where the server was started with one.
#[utoipa::path(post, path = "/api/session", tag = "session", request_body = SessionRequest, responses(
    (status = 204, description = "The token is right; the cookie is set"),
    (status = 401, description = "It is not", body = ErrorBody),
    (status = 404, description = "This server has no token: everyone who reaches it may ask", body = ErrorBody),
))]
async fn begin_session(
    State(app): State<Shared>,
    Body(request): Body<SessionRequest>,
) -> Result<Response, ApiError> {
    let Some(token) = &app.access.token else {
        return Err(ApiError::not_found("this server has no token; ask without one"));
    };
    if !token.is(&request.token) {
        // Guessing is slow even where many guess at once: the answer waits, and so does the place that it takes. There are few
        // places, and none of them is one of those that other requests need.
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        return Err(ApiError::new(StatusCode::UNAUTHORIZED, "this is not the server's token")
            .hint("whoever started the server knows it"));
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(cookie) = security::cookie_of(&app.access, token) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::server::tests::empty_app;
    use axum::body::Body;
    use axum::http::Request;
    use std::time::Duration;
    use tower::ServiceExt;

    fn request(path: &str) -> Request<Body> {
        Request::builder().uri(path).header(header::HOST, "localhost").body(Body::empty()).unwrap()
    }

    async fn defect() -> StatusCode {
        panic!("a defect")
    }

    #[tokio::test]
    async fn a_request_that_panics_is_answered_and_the_next_one_too() {
        let scratch = tempfile::tempdir().unwrap();
        let routes = Router::new().route("/api/defect", get(defect)).route("/api/fine", get(async || "fine"));
        let router = guarded(routes, empty_app(scratch.path(), Limits::default()));
        let answer = router.clone().oneshot(request("/api/defect")).await.unwrap();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(answer.headers().contains_key(header::CONTENT_SECURITY_POLICY));
        let answer = router.oneshot(request("/api/fine")).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn a_request_that_takes_too_long_is_ended_and_too_many_are_told_to_come_again() {
        let scratch = tempfile::tempdir().unwrap();
        let limits = Limits { request_time: Duration::from_millis(50), requests: 1, ..Limits::default() };
        let endless = async || tokio::time::sleep(Duration::from_secs(60)).await;
        let router =
            guarded(Router::new().route("/api/endless", get(endless)), empty_app(scratch.path(), limits));
        let (first, second) = tokio::join!(
            router.clone().oneshot(request("/api/endless")),
            router.oneshot(request("/api/endless"))
        );
        assert_eq!(first.unwrap().status(), StatusCode::GATEWAY_TIMEOUT);
        let second = second.unwrap();
        assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(second.headers().contains_key(header::RETRY_AFTER));
    }

    #[test]
    fn every_route_is_documented_and_every_documented_route_is_there() {
        let (router, documentation) = api();
        let documented: Vec<String> = documentation.paths.paths.keys().cloned().collect();
        // The router tells its addresses only so.
        let told = format!("{router:?}");
        let mut routed: Vec<String> =
            told.split('"').filter(|text| text.starts_with("/api/")).map(str::to_owned).collect();
        routed.sort();
        routed.dedup();
        let mut expected = documented.clone();
        expected.sort();
        assert_eq!(routed, expected);
        for (path, item) in &documentation.paths.paths {
            let operations = serde_json::to_value(item).unwrap();
            for (method, operation) in operations.as_object().unwrap() {
                assert!(operation["tags"][0].is_string(), "{method} {path} has no tag");
                assert!(
                    operation["responses"].as_object().is_some_and(|answers| !answers.is_empty()),
                    "{method} {path}"
                );
            }
        }
    }
}
