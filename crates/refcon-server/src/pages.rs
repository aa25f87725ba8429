//! The page and the API's documentation, both built into the program.

use crate::app::Shared;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rust_embed::{EmbeddedFile, RustEmbed};

/// What the page's build made (`web/`, `npm run build`).
#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Page;

/// The documentation's page, and one that stands for the page where this program was built without it.
#[derive(RustEmbed)]
#[folder = "assets"]
struct Assets;

const INDEX: &str = "index.html";
const ICON: &str = "icon.svg";

/// Whether the page itself was built in.
#[must_use]
pub fn has_page() -> bool {
    Page::get(INDEX).is_some()
}

/// Everything outside `/api`, and the documentation.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/docs", get(async || file(Assets::get("docs.html"), "docs.html", None)))
        .route("/api/docs/{name}", get(docs))
        // What browsers ask for where a page names no icon, and programs that never read one.
        .route("/favicon.ico", get(icon))
        .fallback(page)
}

async fn docs(axum::extract::Path(name): axum::extract::Path<String>, headers: HeaderMap) -> Response {
    file(Assets::get(&name), &name, headers.get(header::IF_NONE_MATCH))
}

async fn icon(headers: HeaderMap) -> Response {
    file(Page::get(ICON), ICON, headers.get(header::IF_NONE_MATCH))
}

/// A file of the page.
async fn page(method: axum::http::Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let known = headers.get(header::IF_NONE_MATCH);
    if path.starts_with("api/") || path == "api" {
        return crate::error::ApiError::not_found("there is nothing at this address")
            .hint("/api/docs lists what there is")
            .into_response();
    }
    if !matches!(method, axum::http::Method::GET | axum::http::Method::HEAD) {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    // Views of the page are told apart behind the `#`, which is never sent.
    let (name, found) = if path.is_empty() {
        (INDEX, Page::get(INDEX).or_else(|| Assets::get(INDEX)))
    } else {
        (path, Page::get(path))
    };
    file(found, name, known)
}

fn file(found: Option<EmbeddedFile>, name: &str, known: Option<&HeaderValue>) -> Response {
    let Some(found) = found else {
        return (StatusCode::NOT_FOUND, "there is nothing at this address\n").into_response();
    };
    let hash: String =
        found.metadata.sha256_hash().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{hash}\"");
    let headers = [
        (header::CONTENT_TYPE, content_type(name).to_owned()),
        // The next version of the program has other files under the same names.
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        (header::ETAG, tag.clone()),
    ];
    if known.is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, Body::from(found.data)).into_response()
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
