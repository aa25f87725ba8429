//! Search by box, tile, image and examples.

use crate::site::Site;
use crate::surveys::TILES;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use refcon_server::SearchView;
use serde_json::{Value, json};

async fn found(site: &Site, request: &Value) -> SearchView {
    serde_json::from_value(site.json("POST", "/api/search", request).await.ok()).unwrap()
}

fn ids(found: &SearchView) -> Vec<u64> {
    found.matches.iter().map(|found| found.tile.id).collect()
}

/// The box of a tile.
async fn box_of(site: &Site, id: u64) -> Value {
    let place = site.get(&format!("/api/tiles/{id}")).await.ok()["place"].clone();
    json!({"kind": "box", "survey": "cube", "direction": place["direction"], "line": place["line"],
        "traces": [place["first_crossline"], place["last_crossline"]], "range": [place["from"], place["to"]]})
}

#[tokio::test]
async fn a_box_drawn_on_a_tile_finds_that_tile_unless_its_place_is_left_out() {
    let site = Site::new().await;
    let query = box_of(&site, 7).await;
    let request = json!({"query": query, "k": 5, "exclude_same_place": false, "suppress_overlap": false});
    let with = found(&site, &request).await;
    assert_eq!((ids(&with)[0], with.matches.len()), (7, 5));
    assert!(with.matches[0].distance < 1e-5, "{}", with.matches[0].distance);
    assert!(with.matches.windows(2).all(|pair| pair[0].distance <= pair[1].distance));
    assert_eq!((with.query.width, with.query.height), (Some(50), Some(40)));
    assert!(with.query.picture.as_ref().unwrap().starts_with("data:image/png;base64,"));
    assert_eq!((with.tiles_searched, with.tiles_passed), (TILES, TILES));

    let without = found(&site, &json!({"query": query, "k": 5})).await;
    // Lines are two numbers apart, so that the same rectangle on all of them is the same place.
    let place = with.matches[0].tile.place.as_ref().unwrap();
    for found in &without.matches {
        let other = found.tile.place.as_ref().unwrap();
        assert!(
            other.first_crossline != place.first_crossline || other.from.to_bits() != place.from.to_bits()
        );
    }
    assert!(without.of_query > 0);
    // Either end may come first.
    let mut turned = query.clone();
    turned["traces"] = json!([query["traces"][1], query["traces"][0]]);
    turned["range"] = json!([query["range"][1], query["range"][0]]);
    assert_eq!(ids(&found(&site, &json!({"query": turned, "k": 5})).await), ids(&without));
}

#[tokio::test]
async fn tile_image_and_examples_ask_for_the_same_in_other_words() {
    let site = Site::new().await;
    let all = json!({"suppress_overlap": false, "exclude_same_place": false, "k": 10});
    let ask = |query: Value| {
        let mut request = all.clone();
        request["query"] = query;
        request
    };
    let by_tile = found(&site, &ask(json!({"kind": "tile", "id": 20}))).await;
    assert!(!ids(&by_tile).contains(&20) && by_tile.matches.len() == 10);
    let png = site.get("/api/tiles/20/picture.png").await.body;
    let by_image = found(&site, &ask(json!({"kind": "image", "png_base64": STANDARD.encode(&png)}))).await;
    assert_eq!(ids(&by_image)[0], 20);
    let address = format!("data:image/png;base64,{}", STANDARD.encode(&png));
    assert_eq!(
        ids(&found(&site, &ask(json!({"kind": "image", "png_base64": address}))).await),
        ids(&by_image)
    );
    let disliked = ids(&by_tile)[0];
    let examples = json!({"kind": "examples", "like": [20], "unlike": [disliked], "box": null});
    let by_examples = found(&site, &ask(examples)).await;
    assert!(!ids(&by_examples).contains(&disliked));
    assert_eq!(by_examples.method, "means");
    let with_box = json!({"kind": "examples", "like": [20], "unlike": [], "box": box_of(&site, 21).await});
    assert_eq!(found(&site, &ask(with_box)).await.matches.len(), 10);
}

#[tokio::test]
async fn filters_leave_only_what_passes_them() {
    let site = Site::new().await;
    let ask = |filters: Value| {
        json!({"query": {"kind": "tile", "id": 0}, "k": 1000, "exclude_same_place": false, "suppress_overlap": false,
            "filters": filters})
    };
    let of_lines = found(&site, &ask(json!({"surveys": ["cube"], "lines": [104, 102]}))).await;
    let lines: std::collections::BTreeSet<i32> =
        of_lines.matches.iter().map(|found| found.tile.place.as_ref().unwrap().line).collect();
    assert_eq!(lines.into_iter().collect::<Vec<_>>(), [102, 104]);
    assert_eq!(of_lines.tiles_passed, TILES / 3);
    let of_range = found(&site, &ask(json!({"range": [400, 500]}))).await;
    assert!(of_range.matches.iter().all(|found| found.tile.place.as_ref().unwrap().from <= 500.0));
    let region =
        json!([[600_000, 5_999_990], [600_100, 5_999_990], [600_100, 6_000_010], [600_000, 6_000_010]]);
    let of_region = found(&site, &ask(json!({"region": region}))).await;
    assert!(of_region.tiles_passed > 0 && of_region.tiles_passed < TILES / 6);
    for (filters, says) in [
        (json!({"surveys": ["nowhere"]}), "there is no survey"),
        (json!({"classes": ["Salt"]}), "no tile of class"),
        (json!({"lines": [9000, 9001]}), "no tile passes"),
        (json!({"region": [[0, 0], [1, 1]]}), "corners"),
        (json!({"colour": "red"}), "unknown field"),
    ] {
        let error = site.json("POST", "/api/search", &ask(filters.clone())).await;
        let line = String::from_utf8_lossy(&error.body).into_owned();
        assert!(error.status.is_client_error() && line.contains(says), "{filters}: {} {line}", error.status);
    }
    let near = found(
        &site,
        &json!({"query": {"kind": "tile", "id": 0}, "k": 1000, "within": 0.05, "suppress_overlap": false}),
    )
    .await;
    assert!(near.matches.iter().all(|found| found.distance <= 0.05) && near.matches.len() < TILES as usize);
    let few = found(&site, &json!({"query": {"kind": "tile", "id": 0}, "per_survey": 2})).await;
    assert_eq!((few.matches.len(), few.survey_full > 0), (2, true));
}

#[tokio::test]
async fn what_cannot_be_searched_for_is_told() {
    let site = Site::new().await;
    let tile = json!({"kind": "tile", "id": 0});
    let many: Vec<u64> = vec![0; 1001];
    for (request, status, says) in [
        (json!({"query": tile, "k": 0}), 400, "expected 1 to 1000"),
        (json!({"query": tile, "k": 1001}), 400, "expected 1 to 1000"),
        (json!({"query": {"kind": "tile", "id": 5000}}), 404, "no tile 5000"),
        (json!({"query": {"kind": "image", "png_base64": "%%"}}), 400, "not Base64"),
        (json!({"query": {"kind": "image", "png_base64": STANDARD.encode("no image")}}), 400, "not an image"),
        (
            json!({"query": {"kind": "examples", "like": [], "unlike": []}}),
            400,
            "nothing says what to look for",
        ),
        (json!({"query": {"kind": "examples", "like": many}}), 400, "1001 examples"),
        (
            json!({"query": {"kind": "box", "survey": "cube", "direction": "inline", "line": 101, "traces": [300, 340], "range": [400, 480]}}),
            400,
            "no inline 101",
        ),
        (
            json!({"query": {"kind": "box", "survey": "cube", "direction": "inline", "line": 100, "traces": [0, 40], "range": [400, 480]}}),
            400,
            "traces 0..40",
        ),
        (json!({"query": {"kind": "sound"}}), 422, "unknown variant"),
        (json!({}), 422, "missing field"),
    ] {
        let error = site.json("POST", "/api/search", &request).await.failed_with(status);
        assert!(error.contains(says), "{request}: {error}");
    }
}

#[tokio::test]
async fn searches_that_come_together_have_the_answers_of_searches_alone() {
    let site = Site::new().await;
    let request = |id: u64| json!({"query": {"kind": "tile", "id": id}, "k": 3 + id % 4});
    let mut alone = Vec::new();
    for id in 0..24 {
        alone.push(ids(&found(&site, &request(id)).await));
    }
    let requests: Vec<Value> = (0..24).map(request).collect();
    let together = futures_util::future::join_all(requests.iter().map(|request| found(&site, request))).await;
    assert_eq!(together.iter().map(ids).collect::<Vec<_>>(), alone);
}

#[tokio::test]
async fn more_searches_than_may_wait_are_told_to_come_again() {
    let site = Site::with(|options| options.limits.searches = 0).await;
    let answer = site.json("POST", "/api/search", &json!({"query": {"kind": "tile", "id": 0}})).await;
    answer.failed_with(503);
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn results_are_exported_in_every_format() {
    let site = Site::new().await;
    let request = json!({"query": box_of(&site, 7).await, "k": 5});
    let export = async |format: &str| {
        site.json("POST", &format!("/api/search/export?format={format}"), &request).await
    };
    let csv = export("csv").await;
    assert!(csv.header("content-disposition").contains("matches.csv"));
    assert_eq!(String::from_utf8(csv.body).unwrap().lines().count(), 6);
    assert_eq!(export("geojson").await.ok()["type"], "FeatureCollection");
    assert_eq!(export("json").await.ok()["matches"].as_array().map(Vec::len), Some(5));
    let html = String::from_utf8(export("html").await.body).unwrap();
    assert!(html.contains("data:image/png;base64,") && html.contains("crosslines"));
    export("pdf").await.failed_with(400);
}

#[tokio::test]
async fn the_map_of_all_tiles_has_a_point_for_each() {
    let site = Site::new().await;
    let projection = site.get("/api/projection").await.ok();
    let points = projection["points"].as_array().unwrap();
    assert_eq!((points.len() as u64, &projection["method"]), (TILES, &"pca".into()));
    assert!(points.iter().all(|point| point["x"].is_number() && point["survey"] == "cube"));
    assert_eq!(site.get("/api/projection").await.ok(), projection);
}

/// A calibration on the library's own tiles, in two classes: those near to one of them, and the others.
fn calibration(library: &std::path::Path) -> refcon_evaluation::Calibration {
    use refcon_encoders::{Embeddings, Encoder, Texture};
    let texture = Texture::new();
    let tiles =
        refcon_library::Library::open(library).unwrap().snapshot().unwrap().tiles(texture.id()).unwrap();
    let rows: Vec<Vec<f32>> = (0..tiles.rows()).map(|row| tiles.embedding(row)).collect();
    let distance = |row: &Vec<f32>| row.iter().zip(&rows[7]).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
    let mut distances: Vec<f32> = rows.iter().map(distance).collect();
    distances.sort_unstable_by(f32::total_cmp);
    let middle = distances[rows.len() / 2];
    let classes: Vec<String> = rows.iter().map(|row| (distance(row) < middle).to_string()).collect();
    let embeddings = Embeddings::new(texture.id().clone(), texture.dimension(), rows.concat()).unwrap();
    let tiles =
        refcon_evaluation::LabelledEmbeddings { embeddings: &embeddings, classes: &classes, groups: None };
    refcon_evaluation::fit_calibration(tiles, refcon_library::Metric::Cosine, 0.9).unwrap()
}

#[tokio::test]
async fn with_a_calibration_matches_have_probabilities_and_can_be_asked_for_by_them() {
    let site = Site::with(|options| options.calibration = Some(calibration(&options.library))).await;
    let query = json!({"kind": "tile", "id": 7});
    let all = found(&site, &json!({"query": query, "k": 40})).await;
    assert_eq!((all.confidence_kind.as_str(), &all.not_calibrated), ("calibrated", &None));
    let confidences: Vec<f32> = all.matches.iter().map(|found| found.confidence.unwrap()).collect();
    assert!(confidences.is_sorted_by(|a, b| a >= b), "{confidences:?}");
    let least = confidences[3];
    let some = found(&site, &json!({"query": query, "k": 40, "min_confidence": least})).await;
    let expected: Vec<u64> =
        ids(&all).into_iter().zip(&confidences).filter(|(_, c)| **c >= least).map(|(id, _)| id).collect();
    assert_eq!(ids(&some), expected);

    // A vector made of several tiles is none that distances were calibrated to.
    let liked = json!({"query": {"kind": "examples", "like": [7, 8], "unlike": [20]}, "k": 5});
    let liked = found(&site, &liked).await;
    assert_eq!(liked.confidence_kind, "challenge");
    assert!(liked.not_calibrated.is_some_and(|why| why.contains("several tiles")));

    let without = Site::new().await;
    let refused = without.json("POST", "/api/search", &json!({"query": query, "min_confidence": 0.5})).await;
    assert_eq!(refused.status, 400);
    let said = String::from_utf8_lossy(&refused.body).into_owned();
    assert!(said.contains("not calibrated") && said.contains("--calibration"), "{said}");
}
