//! What a request gets that cannot be answered: a status, a line for people, and what to try.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use refcon_library::LibraryError;
use refcon_library::retrieval::RetrievalError;
use refcon_library::retrieval::filter::FilterError;
use serde::{Deserialize, Serialize};
use std::fmt::{self, Display};
use utoipa::ToSchema;

/// The body of every answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong, one line.
    pub error: String,
    /// What to try.
    pub hint: Option<String>,
}

/// Why a request is not answered.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    status: StatusCode,
    body: ErrorBody,
    /// Seconds after which it is worth asking again.
    retry_after: Option<u32>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, error: impl Display) -> Self {
        Self { status, body: ErrorBody { error: error.to_string(), hint: None }, retry_after: None }
    }

    /// The request itself is wrong.
    pub(crate) fn bad_request(error: impl Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    /// There is no such thing.
    pub(crate) fn not_found(error: impl Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, error)
    }

    /// Not from there.
    pub(crate) fn forbidden(error: impl Display) -> Self {
        Self::new(StatusCode::FORBIDDEN, error)
    }

    /// Something on this side cannot be read or written.
    pub(crate) fn internal(error: impl Display) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error)
    }

    /// Too much is being asked at once.
    pub(crate) fn busy(error: impl Display) -> Self {
        Self {
            retry_after: Some(1),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, error).hint("ask again in a moment")
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.body.hint = Some(hint.into());
        self
    }
}

impl Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.body.error)
    }
}

impl std::error::Error for ApiError {}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if self.status.is_server_error() {
            tracing::warn!("{}: {}", self.status, self.body.error);
        }
        let mut response = (self.status, Json(self.body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<LibraryError> for ApiError {
    fn from(error: LibraryError) -> Self {
        match error {
            LibraryError::Busy { .. } => Self::busy(error),
            _ => Self::internal(error),
        }
    }
}

impl From<RetrievalError> for ApiError {
    fn from(error: RetrievalError) -> Self {
        match error {
            RetrievalError::Library(error) | RetrievalError::Filter(FilterError::Library(error)) => {
                error.into()
            }
            RetrievalError::Filter(_) | RetrievalError::Feedback(_) => Self::bad_request(error),
            RetrievalError::Exact(_) => Self::internal(error),
        }
    }
}
