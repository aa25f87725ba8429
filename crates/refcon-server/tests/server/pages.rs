//! The page and the documentation.

use crate::site::Site;
use axum::body::Body;

#[tokio::test]
async fn the_page_is_there_with_all_its_files() {
    let site = Site::new().await;
    let page = site.get("/").await;
    assert!(page.status.is_success() && page.header("content-type").starts_with("text/html"));
    let text = String::from_utf8(page.body.clone()).unwrap();
    // Every file that the page names is there, and none of another host.
    for part in text.split(['"', '\'']).filter(|part| part.starts_with("./") || part.contains("://")) {
        let answer = site.get(part.strip_prefix('.').unwrap_or(part)).await;
        assert!(answer.status.is_success(), "{part}");
    }
    assert_eq!(site.get("/nothing.js").await.status, 404);
    for path in ["/favicon.ico", "/icon.svg"] {
        let icon = site.get(path).await;
        assert_eq!((icon.status.as_u16(), icon.header("content-type")), (200, "image/svg+xml"), "{path}");
    }
    let tag = page.header("etag").to_owned();
    let again = site.send("GET", "/", &[("if-none-match", &tag)], Body::empty()).await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    assert_eq!(site.send("POST", "/", &[], Body::empty()).await.status, 405);
}

#[tokio::test]
async fn nothing_in_the_documentation_comes_from_elsewhere() {
    let site = Site::new().await;
    for path in ["/api/docs", "/api/docs/docs.js", "/api/docs/docs.css"] {
        let answer = site.get(path).await;
        assert!(answer.status.is_success(), "{path}");
        let text = String::from_utf8(answer.body).unwrap();
        assert!(!text.contains("http://") && !text.contains("https://"), "{path}");
    }
}
