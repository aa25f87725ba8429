//! Jobs, from the request to the last event.

use crate::site::Site;
use crate::surveys::TILES;
use refcon_image::GreyImage;
use refcon_image::figure::encode_png;
use serde_json::{Value, json};
use std::time::Duration;

pub(crate) fn write_images(site: &Site, folder: &str, count: usize) {
    let folder = site.path(folder);
    std::fs::create_dir_all(&folder).unwrap();
    for n in 0..count {
        let pixels = (0..48 * 48).map(|at| ((at * (n + 3)) % 97) as f32 / 96.0).collect();
        std::fs::write(folder.join(format!("{n}.png")), encode_png(&GreyImage::new(48, 48, pixels).unwrap()))
            .unwrap();
    }
}

/// The events of a job, to its end.
pub(crate) async fn events(site: &Site, id: &Value) -> Vec<(String, Value)> {
    let path = format!("/api/jobs/{id}/events");
    let stream = site.get(&path);
    let answer = tokio::time::timeout(Duration::from_secs(120), stream).await.unwrap();
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let text = String::from_utf8(answer.body).unwrap();
    let event = |event: &str| {
        let part = |name: &str| {
            event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
        };
        (part("event:"), serde_json::from_str(&part("data:")).unwrap_or_default())
    };
    text.split("\n\n").filter(|event| event.contains("event:")).map(event).collect()
}

#[tokio::test]
async fn a_folder_of_images_is_indexed_with_progress_and_found_afterwards() {
    let site = Site::new().await;
    write_images(&site, "surveys/images/Salt", 3);
    let answer = site.json("POST", "/api/jobs", &json!({"kind": "index", "path": "images"})).await;
    assert_eq!(answer.status, 202);
    let id = answer.ok()["id"].clone();
    let events = events(&site, &id).await;
    let (last, end) = events.last().unwrap();
    assert_eq!((last.as_str(), &end["status"], &end["progress"]), ("end", &"done".into(), &1.0.into()));
    assert!(
        events.iter().any(|(kind, data)| kind == "log" && data["line"].as_str().unwrap().contains("3 tiles"))
    );
    // What the library holds is looked at again after half a second.
    tokio::time::sleep(Duration::from_millis(600)).await;
    let library = site.get("/api/library").await.ok();
    assert_eq!((&library["tiles"], &library["classes"][0]["name"]), (&(TILES + 3).into(), &"Salt".into()));
    // It is no survey, and its tiles can be filtered by all the same.
    assert_eq!(library["folders"], json!([{"id": "images", "name": "images", "tiles": 3}]));
    let surveys = site.get("/api/surveys").await.ok();
    let ids: Vec<&str> =
        surveys.as_array().unwrap().iter().filter_map(|survey| survey["id"].as_str()).collect();
    assert_eq!(ids, ["cube"]);
    let only = json!({"query": {"kind": "tile", "id": 0}, "filters": {"surveys": ["images"]}});
    let found = site.json("POST", "/api/search", &only).await.ok();
    assert_eq!(found["tiles_passed"], 3, "{found}");
    let tile = site.get(&format!("/api/tiles/{TILES}/picture.png")).await;
    assert_eq!(tile.header("content-type"), "image/png");
    let again = site.json("POST", "/api/jobs", &json!({"kind": "index", "path": "images"})).await.ok();
    let job = wait_for(&site, &again["id"]).await;
    assert_eq!(job["message"], "all of it was in the library already");
}

pub(crate) async fn wait_for(site: &Site, id: &Value) -> Value {
    events(site, id).await;
    site.get(&format!("/api/jobs/{id}")).await.ok()
}

#[tokio::test]
async fn a_job_that_cannot_be_done_fails_and_says_why() {
    let site = Site::new().await;
    std::fs::write(site.path("surveys/broken.sgy"), "no survey at all").unwrap();
    let id = site.json("POST", "/api/jobs", &json!({"kind": "index", "path": "broken.sgy"})).await.ok()["id"]
        .clone();
    let job = wait_for(&site, &id).await;
    assert_eq!(job["status"], "failed");
    assert!(job["message"].as_str().unwrap().contains("broken.sgy"), "{job}");
    // The survey is in the library with other settings.
    let id =
        site.json("POST", "/api/jobs", &json!({"kind": "index", "survey": "cube"})).await.ok()["id"].clone();
    let job = wait_for(&site, &id).await;
    assert_eq!(job["status"], "failed", "{job}");
    let stopped = site.send("DELETE", &format!("/api/jobs/{id}"), &[], axum::body::Body::empty()).await;
    assert_eq!((stopped.status.as_u16(), stopped.ok()["status"].clone()), (202, "failed".into()));
    assert_eq!(site.get("/api/jobs").await.ok().as_array().map(Vec::len), Some(2));
    site.get("/api/jobs/77").await.failed_with(404);
}

#[tokio::test]
async fn a_job_names_files_in_the_survey_folders_only() {
    let site = Site::new().await;
    let outside = site.path("outside.sgy");
    std::fs::copy(site.path("surveys/cube.sgy"), &outside).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("../outside.sgy", site.path("surveys/link.sgy")).unwrap();
    for path in [
        "../outside.sgy",
        outside.to_str().unwrap(),
        "link.sgy",
        "/etc/passwd",
        "%2e%2e/outside.sgy",
        "a\0b",
        "",
        ".",
        "nothing",
    ] {
        let answer = site.json("POST", "/api/jobs", &json!({"kind": "index", "path": path})).await;
        answer.failed_with(404);
    }
    for request in [
        json!({"kind": "index"}),
        json!({"kind": "index", "path": "a", "survey": "cube"}),
        json!({"kind": "index", "survey": "cube", "tile_width": 0}),
        json!({"kind": "index", "survey": "cube", "tile_height": 1_000_000}),
    ] {
        site.json("POST", "/api/jobs", &request).await.failed_with(400);
    }
    assert_eq!(site.get("/api/jobs").await.ok(), json!([]));
}
