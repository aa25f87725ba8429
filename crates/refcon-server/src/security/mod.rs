//! Who may ask, from where, and for what.
//!
//! | danger | what stands against it |
//! |---|---|
//! | others on the network | loopback only, unless there is a token ([`Access`]) |
//! | a web page of another site that has the browser send requests | its origin is looked at ([`origin`]); bodies must be JSON; the cookie is `SameSite=Strict` |
//! | a name of another site that comes to mean this machine (DNS rebinding) | the `Host` header is looked at ([`host`]) |
//! | scripts that get into the page, frames around it | the content-security policy and its kin ([`headers`]) |
//! | paths that lead out of the configured folders | [`folders`] |

pub(crate) mod folders;
pub(crate) mod headers;
mod host;
mod origin;
mod token;

pub(crate) use host::AllowedHosts;
pub(crate) use token::cookie_of;
pub use token::{Token, TokenError};

use crate::app::Shared;
use crate::error::ApiError;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Where a client tells its token.
const SESSION: &str = "/api/session";

/// Who may ask.
#[derive(Debug)]
pub(crate) struct Access {
    /// What clients must know.
    pub(crate) token: Option<Token>,
    /// Names that the server answers to.
    pub(crate) hosts: AllowedHosts,
    /// Whether the connection is encrypted, so that the cookie can ask for that.
    pub(crate) encrypted: bool,
}

/// Lets pass what may pass.
pub(crate) async fn guard(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let (places, taken) = if request.uri().path() == SESSION {
        (&app.sessions, "as many clients tell their token as may at once")
    } else {
        (&app.requests, "the server works on as many requests as it can")
    };
    let Ok(_permit) = places.try_acquire() else {
        return ApiError::busy(taken).into_response();
    };
    match app.access.check(&request) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}

impl Access {
    fn check(&self, request: &Request) -> Result<(), ApiError> {
        host::check(request, &self.hosts, self.token.is_some())?;
        origin::check(request)?;
        let open = !request.uri().path().starts_with("/api/") || request.uri().path() == SESSION;
        match &self.token {
            Some(token) if !open && !token.is_known_to(request.headers()) => {
                Err(ApiError::new(StatusCode::UNAUTHORIZED, "this server wants to be told its token first")
                    .hint("the page asks for it; programs send the header `Authorization: Bearer TOKEN`"))
            }
            _ => Ok(()),
        }
    }
}
