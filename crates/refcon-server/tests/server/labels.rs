//! Labels: given, kept, exported.

use crate::site::{Site, options};
use refcon_server::Server;
use serde_json::json;
use std::io::{Cursor, Read};

#[tokio::test]
async fn labels_are_given_changed_taken_away_and_there_after_a_restart() {
    let site = Site::new().await;
    let salt = json!({"class": "Salt"});
    assert_eq!(site.json("PUT", "/api/labels/3", &salt).await.ok()["tile"]["class"], "Salt");
    site.json("PUT", "/api/labels/5", &salt).await.ok();
    site.json("PUT", "/api/labels/5", &json!({"class": "Fault"})).await.ok();
    site.json("PUT", "/api/labels/6", &salt).await.ok();
    assert_eq!(site.send("DELETE", "/api/labels/6", &[], axum::body::Body::empty()).await.status, 204);
    site.json("PUT", "/api/labels/5000", &salt).await.failed_with(404);
    site.json("PUT", "/api/labels/3", &json!({"class": "../../etc"})).await.failed_with(400);
    assert_eq!(site.get("/api/tiles/5").await.ok()["class"], "Fault");

    let again = Site { server: Server::open(options(site.folder.path())).await.unwrap(), ..site };
    let labels = again.get("/api/labels").await.ok();
    let kept: Vec<(u64, &str)> = labels
        .as_array()
        .unwrap()
        .iter()
        .map(|label| (label["tile"]["id"].as_u64().unwrap(), label["class"].as_str().unwrap()))
        .collect();
    assert_eq!(kept, [(3, "Salt"), (5, "Fault")]);
}

#[tokio::test]
async fn the_archive_is_a_training_folder() {
    let site = Site::new().await;
    site.get("/api/labels/export.zip").await.failed_with(404);
    site.json("PUT", "/api/labels/3", &json!({"class": "Salt"})).await.ok();
    site.json("PUT", "/api/labels/5", &json!({"class": "Fault"})).await.ok();
    let answer = site.get("/api/labels/export.zip").await;
    assert_eq!(answer.header("content-type"), "application/zip");
    let mut archive = zip::ZipArchive::new(Cursor::new(answer.body)).unwrap();
    let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    assert_eq!(names, ["train/Salt/cube-00000003.png", "train/Fault/cube-00000005.png", "labels.csv"]);
    let mut png = Vec::new();
    archive.by_name(&names[0]).unwrap().read_to_end(&mut png).unwrap();
    let picture = site.get("/api/tiles/3/picture.png").await.body;
    assert_eq!(png, picture);
    let mut table = String::new();
    archive.by_name("labels.csv").unwrap().read_to_string(&mut table).unwrap();
    assert!(
        table.lines().nth(1).unwrap().starts_with("train/Salt/cube-00000003.png,Salt,3,cube,inline,"),
        "{table}"
    );
}
