//! The main job, through the program itself.

use crate::scratch::{Run, Scratch, field_tiles};
use std::fs;

/// Two kinds of tiles, flat and steep, three of each in the corpus.
fn survey() -> Scratch {
    let scratch = Scratch::new();
    for (n, period) in [8.0, 9.0, 10.0].into_iter().enumerate() {
        scratch.tile(&format!("corpus/flat-{n}.png"), period, 0.0);
        scratch.tile(&format!("corpus/steep-{n}.png"), period, 1.2);
    }
    scratch.tile("query/q-flat.png", 8.5, 0.0);
    scratch.tile("query/q-steep.png", 8.5, -1.2);
    scratch.write(
        "gold.csv",
        b"part,file,label\nquery,q-flat.png,flat\nquery,q-steep.png,steep\nimage_corpus,flat-0.png,flat\n\
          image_corpus,flat-1.png,flat\nimage_corpus,flat-2.png,flat\nimage_corpus,steep-0.png,steep\n\
          image_corpus,steep-1.png,steep\nimage_corpus,steep-2.png,steep\n",
    );
    scratch
}

const PREDICT: [&str; 7] = ["predict", "--query", "query", "--corpus", "corpus", "-o", "results.json"];

fn predict(scratch: &Scratch, more: &[&str]) -> Run {
    scratch.refcon(&[&PREDICT, more].concat())
}

#[test]
fn every_query_gets_its_three_nearest_tiles_in_the_challenges_format() {
    let scratch = survey();
    predict(&scratch, &["-k", "3"]).done();
    let results = scratch.json("results.json");
    assert_eq!(results.as_object().unwrap().keys().collect::<Vec<_>>(), ["q-flat.png", "q-steep.png"]);
    for (query, kind) in [("q-flat.png", "flat"), ("q-steep.png", "steep")] {
        let matches = results[query].as_array().unwrap();
        assert_eq!(matches.len(), 3);
        for found in matches {
            assert_eq!(found.as_object().unwrap().keys().collect::<Vec<_>>(), ["label", "confidence"]);
            assert!(found["label"].as_str().unwrap().starts_with(kind), "{results}");
            assert!((0.0..=1.0).contains(&found["confidence"].as_f64().unwrap()));
        }
        assert_eq!(matches[0]["confidence"], 1.0);
    }
}

#[test]
fn both_metrics_rank_alike_and_the_table_holds_the_raw_distance() {
    let scratch = survey();
    predict(&scratch, &["-k", "all", "--table", "cosine.csv"]).done();
    let cosine = scratch.json("results.json");
    predict(&scratch, &["-k", "all", "--metric", "l2", "--table", "l2.csv"]).done();
    let l2 = scratch.json("results.json");
    let order = |results: &serde_json::Value| -> Vec<String> {
        results["q-flat.png"].as_array().unwrap().iter().map(|m| m["label"].to_string()).collect()
    };
    assert_eq!(order(&cosine), order(&l2));
    // Of unit vectors: ‖a − b‖² = 2 (1 − a·b).
    let distances = |name: &str| -> Vec<f64> {
        let table = fs::read_to_string(scratch.path(name)).unwrap();
        table.lines().skip(1).map(|line| line.split(',').nth(3).unwrap().parse().unwrap()).collect()
    };
    for (cosine, l2) in distances("cosine.csv").iter().zip(distances("l2.csv")) {
        assert!((2.0 * cosine - l2 * l2).abs() < 1e-5, "{cosine} {l2}");
    }
}

#[test]
fn the_report_shows_queries_and_marks_matches_by_gold() {
    let scratch = survey();
    predict(&scratch, &["-k", "4", "--report", "report.html", "--gold", "gold.csv"]).done();
    let page = fs::read_to_string(scratch.path("report.html")).unwrap();
    assert_eq!(page.matches("class=\"hit\"").count(), 6);
    assert_eq!(page.matches("class=\"miss\"").count(), 2);
    assert!(page.contains("q-flat.png") && page.contains("data:image/png;base64,"));
}

#[test]
fn a_full_ranking_scores_every_metric_and_a_short_one_says_what_it_lacks() {
    let scratch = survey();
    predict(&scratch, &["-k", "all"]).done();
    let scores = scratch.refcon(&["score", "results.json", "--gold", "gold.csv", "--json"]);
    let scores: serde_json::Value = serde_json::from_str(&scores.done().stdout).unwrap();
    assert_eq!(scores["overall"]["mean_average_precision"]["mean"], 1.0);
    assert_eq!(scores["macro"]["map_at_r"]["mean"], 1.0);
    assert_eq!(scores["classes"]["steep"]["precision_at_3"]["mean"], 1.0);
    assert_eq!(scores["overall"]["precision_at_10"], serde_json::Value::Null);

    predict(&scratch, &["-k", "1"]).done();
    let table = scratch.refcon(&["score", "results.json", "--gold", "gold.csv"]);
    assert!(table.done().stdout.contains("cannot be told from lists of 1 match;"), "{table:?}");
}

#[test]
fn the_same_tiles_give_the_same_bytes_on_any_number_of_threads() {
    let scratch = survey();
    predict(&scratch, &["-k", "all", "--threads", "1"]).done();
    let alone = fs::read(scratch.path("results.json")).unwrap();
    predict(&scratch, &["-k", "all", "--threads", "3"]).done();
    assert_eq!(fs::read(scratch.path("results.json")).unwrap(), alone);
}

#[test]
fn a_vit_checkpoint_embeds_the_tiles() {
    let scratch = survey();
    let checkpoint = concat!(env!("CARGO_MANIFEST_DIR"), "/../refcon-encoders/tests/golden/vit");
    let run = predict(&scratch, &["--encoder", checkpoint, "--json"]);
    let summary: serde_json::Value = serde_json::from_str(&run.done().stdout).unwrap();
    assert_eq!((summary["encoder"].as_str(), summary["queries"].as_u64()), (Some("vit-32x2-p8"), Some(2)));
}

#[test]
fn real_tiles_are_found_as_well_as_the_texture_descriptor_promises() {
    let Some(tiles) = field_tiles() else { return };
    let scratch = Scratch::new();
    let path = |name: &str| tiles.join(name).to_str().unwrap().to_owned();
    let (query, corpus, gold) = (path("test/query"), path("test/image_corpus"), path("gold.csv"));
    scratch.refcon(&["predict", "--query", &query, "--corpus", &corpus, "-k", "all", "-o", "r.json"]).done();
    let scores = scratch.refcon(&["score", "r.json", "--gold", &gold, "--json"]);
    let scores: serde_json::Value = serde_json::from_str(&scores.done().stdout).unwrap();
    for (metric, least) in [("mean_average_precision", 0.80), ("map_at_r", 0.66), ("precision_at_3", 0.93)] {
        let found = scores["overall"][metric]["mean"].as_f64().unwrap();
        assert!(found >= least, "{metric} {found}, expected at least {least}");
    }
}
