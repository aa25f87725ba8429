//! Who may ask, from where, for what.

use crate::site::Site;
use axum::body::Body;
use refcon_server::{Limits, Token};
use serde_json::json;

const TOKEN: &str = "correct-horse-battery";

#[tokio::test]
async fn every_answer_forbids_what_the_page_does_not_need() {
    let site = Site::new().await;
    for path in ["/", "/api/library", "/api/docs", "/api/nothing", "/nothing.js"] {
        let answer = site.get(path).await;
        let policy = answer.header("content-security-policy");
        for needed in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
        {
            assert!(policy.contains(needed), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
    }
}

#[tokio::test]
async fn other_names_and_pages_of_other_sites_get_nothing() {
    let site = Site::new().await;
    let label = || Body::from(json!({"class": "Salt"}).to_string());
    let evil = site.send("GET", "/api/library", &[("host", "evil.example:7878")], Body::empty()).await;
    evil.failed_with(421);
    for headers in [
        [("content-type", "application/json"), ("origin", "http://evil.example")],
        [("content-type", "application/json"), ("sec-fetch-site", "cross-site")],
    ] {
        site.send("PUT", "/api/labels/1", &headers, label()).await.failed_with(403);
    }
    // What a form of another site can send without asking.
    for content_type in ["text/plain", "application/x-www-form-urlencoded"] {
        site.send("POST", "/api/search", &[("content-type", content_type)], label()).await.failed_with(415);
    }
    assert_eq!(site.get("/api/labels").await.ok(), json!([]));
    let own = [
        ("content-type", "application/json"),
        ("origin", "http://127.0.0.1:7878"),
        ("sec-fetch-site", "same-origin"),
    ];
    site.send("PUT", "/api/labels/1", &own, label()).await.ok();
    let known = Site::with(|options| options.allowed_hosts = vec!["refcon.example".into()]).await;
    known.send("GET", "/api/library", &[("host", "refcon.example")], Body::empty()).await.ok();
}

#[tokio::test]
async fn with_a_token_only_those_who_know_it_are_answered() {
    let site = Site::with(|options| options.token = Some(Token::new(TOKEN).unwrap())).await;
    for path in [
        "/api/library",
        "/api/surveys",
        "/api/openapi.json",
        "/api/docs",
        "/api/jobs/1/events",
        "/api/labels/export.zip",
    ] {
        site.get(path).await.failed_with(401);
    }
    // The page itself holds no data, and asks for the token.
    assert_eq!(site.get("/").await.status, 200);
    let bearer = format!("Bearer {TOKEN}");
    site.send("GET", "/api/library", &[("authorization", &bearer)], Body::empty()).await.ok();
    site.json("POST", "/api/session", &json!({"token": "wrong"})).await.failed_with(401);
    let answer = site.json("POST", "/api/session", &json!({"token": TOKEN})).await;
    assert_eq!(answer.status, 204);
    let cookie = answer.header("set-cookie");
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains(TOKEN));
    let kept = cookie.split(';').next().unwrap();
    site.send("GET", "/api/library", &[("cookie", kept)], Body::empty()).await.ok();
    site.send("GET", "/api/library", &[("cookie", "refcon_session=0123")], Body::empty())
        .await
        .failed_with(401);
    let open = Site::new().await;
    open.json("POST", "/api/session", &json!({"token": TOKEN})).await.failed_with(404);
}

#[tokio::test]
async fn no_file_of_the_system_can_be_reached() {
    let site = Site::new().await;
    std::fs::write(site.path("secret.txt"), "the secret").unwrap();
    for path in [
        "/../secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/etc/passwd",
        "//etc/passwd",
        "/assets/../../Cargo.toml",
        "/assets/..%5c..%5cCargo.toml",
        "/api/docs/..%2f..%2fCargo.toml",
        "/api/docs/%2fetc%2fpasswd",
        "/api/surveys/..%2f..%2fsecret/section/inline/1",
        "/api/surveys/%2fetc%2fpasswd/section/inline/1",
        "/api/surveys/cube%00/section/inline/100",
        "/api/runs/..%2flibrary/metrics",
        "/api/runs/%2e%2e/metrics",
        "/library/labels.json",
        "/api/tiles/..%2f3/picture.png",
    ] {
        let answer = site.get(path).await;
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(
            !body.contains("the secret") && !body.contains("root:") && !body.contains("[package]"),
            "{path}: {body}"
        );
        assert!(
            answer.status.is_client_error() || answer.header("content-type").starts_with("text/html"),
            "{path}: {}",
            answer.status
        );
    }
}

#[tokio::test]
async fn bodies_and_images_beyond_the_limits_are_refused() {
    let site = Site::with(|options| options.limits.body_bytes = 10_000).await;
    let image = json!({"query": {"kind": "image", "png_base64": "A".repeat(20_000)}});
    site.json("POST", "/api/search", &image).await.failed_with(413);
    // A small file that claims 30 000 × 30 000 pixels.
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    png.extend(30_000_u32.to_be_bytes().repeat(2));
    png.extend([8, 0, 0, 0, 0]);
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, png);
    let error =
        site.json("POST", "/api/search", &json!({"query": {"kind": "image", "png_base64": base64}})).await;
    assert!(error.failed_with(413).contains("30000 × 30000"));
}

#[tokio::test]
async fn a_section_that_would_fill_the_memory_is_refused() {
    let site = Site::with(|options| options.limits.section_samples = 1000).await;
    let error = site.get("/api/surveys/cube/section/inline/100").await.failed_with(413);
    assert!(error.contains("36000 samples"), "{error}");
}

#[tokio::test]
async fn clients_that_guess_tokens_do_not_take_the_places_of_others() {
    let limits = Limits { sessions: 2, requests: 1, ..Limits::default() };
    let site = Site::with(|options| {
        options.token = Some(Token::new(TOKEN).unwrap());
        options.limits = limits;
    })
    .await;
    let wrong = json!({"token": "wrong"});
    let guess = || site.json("POST", "/api/session", &wrong);
    let bearer = format!("Bearer {TOKEN}");
    let known = [("authorization", bearer.as_str())];
    let ask = site.send("GET", "/api/library", &known, Body::empty());
    let (first, second, third, asked) = tokio::join!(guess(), guess(), guess(), ask);
    assert_eq!([first.status.as_u16(), second.status.as_u16(), third.status.as_u16()], [401, 401, 503]);
    asked.ok();
}
