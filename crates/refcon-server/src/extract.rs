//! What a request holds, parsed at the door; what cannot be parsed is answered as every other error is.

use crate::error::ApiError;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use serde::de::DeserializeOwned;

/// The JSON body of a request.
pub(crate) struct Body<T>(pub(crate) T);

/// The parts of a request's path.
pub(crate) struct Path<T>(pub(crate) T);

/// What follows the question mark.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let axum::Json(body) =
            axum::Json::from_request(request, state).await.map_err(|rejection| refused_body(&rejection))?;
        Ok(Self(body))
    }
}

fn refused_body(rejection: &JsonRejection) -> ApiError {
    let status = rejection.status();
    let error =
        ApiError::new(status, format_args!("the request's body cannot be used: {}", rejection.body_text()));
    match status {
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            error.hint(format!("send JSON, with the header {}: application/json", header::CONTENT_TYPE))
        }
        StatusCode::PAYLOAD_TOO_LARGE => error.hint("send a smaller image"),
        _ => error.hint("/api/docs says what each request holds"),
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let found: Result<axum::extract::Path<T>, PathRejection> =
            axum::extract::Path::from_request_parts(parts, state).await;
        found.map(|axum::extract::Path(found)| Self(found)).map_err(|rejection| {
            ApiError::not_found(format_args!("there is nothing at this address: {}", rejection.body_text()))
        })
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let found: Result<axum::extract::Query<T>, QueryRejection> =
            axum::extract::Query::from_request_parts(parts, state).await;
        found.map(|axum::extract::Query(found)| Self(found)).map_err(|rejection| {
            ApiError::bad_request(rejection.body_text())
                .hint("/api/docs says what may follow the question mark")
        })
    }
}
