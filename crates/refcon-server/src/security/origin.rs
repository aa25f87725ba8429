//! Which page sent a request.
//!
//! A page of another site can have the browser send requests here. It cannot read the answers, since none of them allows it to,
//! but it could change things; browsers say where such requests come from.

use super::host::authority;
use crate::error::ApiError;
use axum::extract::Request;
use axum::http::{Method, header};

/// Refuses requests that a page of another origin sent. Programs other than browsers say nothing of this, and pass.
pub(super) fn check(request: &Request) -> Result<(), ApiError> {
    let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let refused = |from: &str| {
        ApiError::forbidden(format_args!("a page of another site ({from}) may not ask this server"))
            .hint("open the server's own page")
    };
    if let Some(site) = text("sec-fetch-site") {
        let followed_a_link = reads && text("sec-fetch-mode") == Some("navigate");
        if !matches!(site, "same-origin" | "none") && !followed_a_link {
            return Err(refused(site));
        }
    }
    if reads {
        return Ok(());
    }
    match request.headers().get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default()) {
        None => Ok(()),
        Some(origin) => {
            let page = origin.split_once("://").map(|(_, page)| page.to_ascii_lowercase());
            let here = authority(request).map(|here| here.to_ascii_lowercase());
            if page.is_some() && page == here { Ok(()) } else { Err(refused(origin)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn passes(method: &str, headers: &[(&str, &str)]) -> bool {
        let mut request =
            Request::builder().method(method).uri("/api/jobs").header(header::HOST, "localhost:7878");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        check(&request.body(Body::empty()).unwrap()).is_ok()
    }

    #[test]
    fn pages_of_other_origins_cannot_change_anything() {
        for headers in [
            [("origin", "http://evil.example")].as_slice(),
            &[("origin", "null")],
            &[("origin", "http://localhost:3000")],
            &[("origin", "http://localhost:7878.evil.example")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site"), ("origin", "http://localhost:7878")],
            &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")],
        ] {
            assert!(!passes("POST", headers), "{headers:?}");
            assert!(!passes("DELETE", headers), "{headers:?}");
        }
    }

    #[test]
    fn the_servers_own_page_and_other_programs_pass() {
        assert!(passes("POST", &[]));
        assert!(passes("PUT", &[("origin", "http://localhost:7878"), ("sec-fetch-site", "same-origin")]));
        assert!(passes("DELETE", &[("origin", "https://LOCALHOST:7878")]));
        assert!(passes("GET", &[("sec-fetch-site", "none")]));
        assert!(passes("GET", &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")]));
        assert!(!passes("GET", &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")]));
    }
}
