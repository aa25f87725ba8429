//! Training as a job: on labels and on folders, followed, stopped, refused.

use crate::jobs::{events, wait_for, write_images};
use crate::site::Site;
use crate::surveys::TILES;
use axum::body::Body;
use serde_json::{Value, json};

/// Labels the left tiles of the survey and those at its right end.
async fn label(site: &Site) {
    for tile in 0..TILES {
        let place = site.get(&format!("/api/tiles/{tile}")).await.ok()["place"].take();
        let class = match place["first_crossline"].as_i64().unwrap() {
            ..350 => "Fine",
            500.. => "Coarse",
            _ => continue,
        };
        site.json("PUT", &format!("/api/labels/{tile}"), &json!({"class": class})).await.ok();
    }
}

async fn train(site: &Site, more: &Value) -> Value {
    let mut request = json!({"kind": "train"});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = site.json("POST", "/api/jobs", &request).await;
    assert_eq!(answer.status, 202, "{}", String::from_utf8_lossy(&answer.body));
    answer.ok()["id"].clone()
}

#[tokio::test]
async fn labels_become_an_encoder_and_a_run_that_can_be_looked_at() {
    let site = Site::new().await;
    label(&site).await;
    let id = train(&site, &json!({"epochs": 3, "seed": 7})).await;
    let events = events(&site, &id).await;
    let (last, end) = events.last().unwrap();
    assert_eq!(
        (last.as_str(), &end["kind"], &end["status"]),
        ("end", &"train".into(), &"done".into()),
        "{end}"
    );
    assert_eq!((&end["progress"], &end["done"]), (&1.0.into(), &end["total"]));
    let lines: Vec<&str> = events.iter().filter_map(|(_, data)| data["line"].as_str()).collect();
    for epoch in ["epoch 1/3  loss", "epoch 2/3  loss", "epoch 3/3  loss"] {
        assert!(lines.iter().any(|line| line.starts_with(epoch) && line.contains("map_at_r")), "{lines:?}");
    }
    let runs = site.get("/api/runs").await.ok();
    let [run] = runs.as_array().unwrap().as_slice() else { panic!("{runs}") };
    assert_eq!((&run["status"], &run["encoder"]), (&"finished".into(), &"texture".into()));
    assert_eq!((&run["method"], &run["report"]), (&"fine_tuning".into(), &true.into()), "{run}");
    assert_eq!(run["best"]["measure"], "validation/map_at_r", "{run}");
    assert!(run["best"]["value"].is_f64(), "{run}");
    let name = run["name"].as_str().unwrap();
    let said = end["message"].as_str().unwrap();
    assert!(
        said.starts_with("best map_at_r") && said.ends_with(&format!("{name}/best for --encoder")),
        "{said}"
    );
    let best = site.path("runs").join(name).join("best");
    refcon_encoders::open_encoder(
        &best,
        None,
        &refcon_encoders::Device::default(),
        refcon_encoders::Execution::F32,
    )
    .unwrap();
    let facts = std::fs::read_to_string(site.path("runs").join(name).join("run.json")).unwrap();
    let facts: Value = serde_json::from_str(&facts).unwrap();
    assert_eq!((&facts["code"], &facts["seed"]), (&"the tests".into(), &7.into()));
    // Its page was drawn, and the tiles that it was trained on are needed no more.
    assert!(lines.iter().any(|line| line.starts_with("page: ")), "{lines:?}");
    let page = site.get(&format!("/api/runs/{name}/report.html")).await;
    assert_eq!((page.status.as_u16(), page.body.as_slice()), (200, b"<!doctype html>".as_slice()));
    assert!(page.header("content-disposition").starts_with("attachment"));
    assert!(labelled_tiles(&site).is_empty());
}

/// The folders of labelled tiles that were written for trainings.
fn labelled_tiles(site: &Site) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(site.path("runs/labels")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn a_page_that_cannot_be_drawn_costs_nothing_but_the_page() {
    let site = Site::with(|options| {
        options.training.as_mut().unwrap().draw_report = |_| Err("the disk is full".into());
    })
    .await;
    label(&site).await;
    let id = train(&site, &json!({"epochs": 1})).await;
    let job = wait_for(&site, &id).await;
    assert_eq!(job["status"], "done", "{job}");
    assert!(job["log"].to_string().contains("no page: the disk is full"), "{job}");
    let run = site.get("/api/runs").await.ok()[0].take();
    assert_eq!(run["report"], false, "{run}");
    let path = format!("/api/runs/{}/report.html", run["name"].as_str().unwrap());
    assert!(site.get(&path).await.failed_with(404).contains("no page"));
}

#[tokio::test]
async fn a_training_that_is_cancelled_is_a_run_to_go_on_with() {
    let site = Site::new().await;
    label(&site).await;
    let id = train(&site, &json!({"epochs": 1000})).await;
    // Watched until it trains: a job that waits would end before it began.
    loop {
        let job = site.get(&format!("/api/jobs/{id}")).await.ok();
        assert!(matches!(job["status"].as_str(), Some("queued" | "running")), "{job}");
        if job["done"].as_u64() > Some(0) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    site.send("DELETE", &format!("/api/jobs/{id}"), &[], Body::empty()).await.ok();
    let job = wait_for(&site, &id).await;
    assert_eq!(job["status"], "cancelled", "{job}");
    let run = site.get("/api/runs").await.ok()[0].take();
    assert_eq!(run["status"], "interrupted");
    let advice = format!("{}`", run["name"].as_str().unwrap());
    let said = job["message"].as_str().unwrap();
    assert!(said.contains("refcon train --resume") && said.contains(&advice), "{said}");
    // It reads its tiles again then: those of the labels, as the page shows them.
    let labelled = labelled_tiles(&site);
    assert_eq!(
        std::fs::read(labelled[0].join("train/Fine/cube-00000000.png")).unwrap(),
        site.get("/api/tiles/0/picture.png").await.body
    );
    // Once it has ended as planned, the next server takes them away.
    let facts = site.path("runs").join(run["name"].as_str().unwrap()).join("run.json");
    let ended = std::fs::read_to_string(&facts).unwrap().replace("\"interrupted\"", "\"finished\"");
    std::fs::write(facts, ended).unwrap();
    drop(refcon_server::Server::open(crate::site::options(site.folder.path())).await.unwrap());
    assert!(labelled_tiles(&site).is_empty());
}

#[tokio::test]
async fn a_folder_of_classes_is_trained_on_where_it_is_named_and_test_data_is_not() {
    let site = Site::new().await;
    write_images(&site, "surveys/tiles/Salt", 6);
    write_images(&site, "surveys/tiles/Fault", 6);
    write_images(&site, "surveys/query/Salt", 6);
    write_images(&site, "surveys/query/Fault", 6);
    write_images(&site, "surveys/alone/Salt", 6);
    let id = train(&site, &json!({"path": "tiles", "epochs": 1})).await;
    let job = wait_for(&site, &id).await;
    assert_eq!((&job["status"], &job["title"]), (&"done".into(), &"train on tiles".into()), "{job}");
    for (path, reason) in [("query", "looks like test data"), ("alone", "needed at least two")] {
        let id = train(&site, &json!({"path": path})).await;
        let job = wait_for(&site, &id).await;
        assert_eq!(job["status"], "failed", "{job}");
        assert!(job["message"].as_str().unwrap().contains(reason), "{job}");
    }
    assert_eq!(site.get("/api/runs").await.ok().as_array().map(Vec::len), Some(1));
    for path in ["../outside", "/etc", "nothing", "cube.sgy", "tiles/../tiles"] {
        site.json("POST", "/api/jobs", &json!({"kind": "train", "path": path})).await.failed_with(404);
    }
}

#[tokio::test]
async fn what_cannot_be_trained_is_refused_with_what_to_try() {
    let site = Site::with(|options| (options.runs, options.training) = (None, None)).await;
    label(&site).await;
    let answer = site.json("POST", "/api/jobs", &json!({"kind": "train"})).await;
    answer.failed_with(400);
    assert!(String::from_utf8_lossy(&answer.body).contains("start it with --runs DIR"));

    let site = Site::new().await;
    let refused = async |request: Value| site.json("POST", "/api/jobs", &request).await.failed_with(400);
    assert!(refused(json!({"kind": "train"})).await.contains("(none)"));
    site.json("PUT", "/api/labels/3", &json!({"class": "Salt"})).await.ok();
    assert!(refused(json!({"kind": "train"})).await.contains("(Salt)"));
    site.json("PUT", "/api/labels/5", &json!({"class": "Fault"})).await.ok();
    for epochs in [0, 1_000_000] {
        assert!(refused(json!({"kind": "train", "epochs": epochs})).await.contains("1 to 1000"));
    }
    let settings = json!({"kind": "train", "set": ["encoder=/etc/passwd"]});
    site.json("POST", "/api/jobs", &settings).await.failed_with(422);
    // One tile a class is too few; what was written for it is taken away again.
    let id = train(&site, &json!({})).await;
    let job = wait_for(&site, &id).await;
    assert_eq!(job["status"], "failed", "{job}");
    assert!(job["message"].as_str().unwrap().contains("expected at least 2"), "{job}");
    assert!(labelled_tiles(&site).is_empty());
    assert_eq!(site.get("/api/runs").await.ok(), json!([]));
}
