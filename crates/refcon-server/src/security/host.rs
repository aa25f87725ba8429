//! The names that the server answers to.
//!
//! Without a look at the `Host` header, a web site could let its own name point to 127.0.0.1 once its page is loaded, and read
//! everything here as its own ("DNS rebinding"). An address in numbers cannot be turned like that.

use crate::error::ApiError;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use std::net::IpAddr;

/// Names by which the server may be asked, beside `localhost` and addresses in numbers.
#[derive(Debug, Clone, Default)]
pub(crate) struct AllowedHosts(Vec<String>);

impl AllowedHosts {
    /// These names, without port.
    #[must_use]
    pub(crate) fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self(names.into_iter().map(|name| name.to_ascii_lowercase()).collect())
    }

    fn holds(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        name == "localhost" || self.0.contains(&name)
    }
}

/// Refuses what was asked by a name that is not known. With a token any name will do: what a browser knows of it belongs to
/// the name that it was told for.
pub(super) fn check(request: &Request, allowed: &AllowedHosts, has_token: bool) -> Result<(), ApiError> {
    let Some(authority) = authority(request) else {
        return Err(ApiError::bad_request("the request has no Host header"));
    };
    let name = without_port(&authority);
    let in_numbers = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
    if in_numbers || has_token || allowed.holds(name) {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::MISDIRECTED_REQUEST,
        format_args!("this server does not answer to the name {name}"),
    )
    .hint("ask by http://127.0.0.1, or start the server with --allow-host NAME"))
}

/// Name and port that the request was sent to.
pub(super) fn authority(request: &Request) -> Option<String> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => Some(host.to_str().ok()?.to_owned()),
        (None, _) => request.uri().authority().map(ToString::to_string),
        (Some(_), Some(_)) => None,
    }
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn asked(host: Option<&str>, has_token: bool) -> bool {
        let mut request = Request::builder().uri("/api/library");
        if let Some(host) = host {
            request = request.header(header::HOST, host);
        }
        let allowed = AllowedHosts::new(["Refcon.Example".to_owned()]);
        check(&request.body(Body::empty()).unwrap(), &allowed, has_token).is_ok()
    }

    #[test]
    fn only_known_names_and_addresses_in_numbers_are_answered() {
        for host in [
            "localhost",
            "LOCALHOST:7878",
            "127.0.0.1:7878",
            "[::1]:7878",
            "192.168.0.2",
            "refcon.example:80",
        ] {
            assert!(asked(Some(host), false), "{host}");
        }
        for host in
            ["evil.example", "evil.example:7878", "127.0.0.1.evil.example", "localhost.evil.example:7878", ""]
        {
            assert!(!asked(Some(host), false), "{host}");
        }
        assert!(!asked(None, false) && !asked(None, true));
        assert!(asked(Some("anything.example"), true));
    }
}
