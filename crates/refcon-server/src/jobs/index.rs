//! Adding a survey or a folder of images to the library, as a job.

use super::{IndexRequest, Work};
use crate::app::Shared;
use crate::error::ApiError;

/// What is to be done, and what to call it.
pub(super) fn work(app: &Shared, request: IndexRequest) -> Result<(String, Work), ApiError> {
    let _ = (app, request);
    Err(ApiError::bad_request("x"))
}
