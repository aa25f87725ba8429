//! Evaluation and calibrated confidence, through the program itself.

use crate::scratch::{Run, Scratch, field_data};
use std::fmt::Write as _;
use std::fs;

/// Flat and steep reflectors, of many periods: a training folder with near-duplicate groups, queries, corpus, gold.
fn survey() -> Scratch {
    let scratch = Scratch::new();
    let mut gold = String::from("part,file,label\n");
    let mut groups = String::from("path,label,near_duplicate_group\n");
    let tile = |folder: &str, class: &str, n: usize, period: f32| {
        let dip = if class == "flat" { 0.0 } else { 1.1 };
        scratch.tile(&format!("{folder}/{n}.png"), period, dip);
    };
    for (side, class) in ["flat", "steep"].into_iter().enumerate() {
        for n in 0..14 {
            tile(&format!("train/{class}"), class, n, 6.0 + 0.4 * n as f32);
            let group = 100 * side + n / 2;
            writeln!(groups, "train/{class}/{n}.png,{class},{group}").unwrap();
        }
        for n in 0..3 {
            tile(&format!("query/{side}"), class, n, 7.1 + n as f32);
            writeln!(gold, "query,{side}/{n}.png,{class}").unwrap();
        }
        for n in 0..6 {
            tile(&format!("corpus/{side}"), class, n, 6.7 + 0.9 * n as f32);
            writeln!(gold, "image_corpus,{side}/{n}.png,{class}").unwrap();
        }
    }
    scratch.write("gold.csv", gold.as_bytes());
    scratch.write("groups.csv", groups.as_bytes());
    scratch
}

const EVALUATE: [&str; 7] = ["evaluate", "--query", "query", "--corpus", "corpus", "--gold", "gold.csv"];

fn evaluated(scratch: &Scratch, more: &[&str]) -> Run {
    scratch.refcon(&[&EVALUATE, more].concat())
}

fn json(run: &Run) -> serde_json::Value {
    serde_json::from_str(&run.done().stdout).unwrap()
}

#[test]
fn a_calibration_is_fitted_saved_and_used_by_predict() {
    let scratch = survey();
    let fit =
        ["--train", "train", "--groups", "groups.csv", "--save-calibration", "calibration.json", "--json"];
    let result = json(&evaluated(&scratch, &fit));
    assert_eq!(result["scores"]["overall"]["mean_average_precision"]["mean"], 1.0);
    assert_eq!(result["confusion"]["counts"], serde_json::json!([[3, 0], [0, 3]]));
    assert_eq!(result["calibration"]["fit"]["queries"], 28);
    assert_eq!(result["confidence"].as_array().unwrap().len(), 3);

    let predict = ["predict", "--query", "query", "--corpus", "corpus", "-k", "all", "-o", "r.json"];
    let calibrated = ["--confidence", "calibrated", "--calibration", "calibration.json", "--table", "t.csv"];
    scratch.refcon(&[&predict[..], &calibrated].concat()).done();
    for matches in scratch.json("r.json").as_object().unwrap().values() {
        let confidences: Vec<f64> =
            matches.as_array().unwrap().iter().map(|found| found["confidence"].as_f64().unwrap()).collect();
        assert!(confidences.is_sorted_by(|a, b| a >= b), "{confidences:?}");
        assert!(confidences[0] > 0.8 && confidences[11] < 0.2, "{confidences:?}");
    }
    // What is read back says what was fitted.
    let again = json(&evaluated(&scratch, &["--calibration", "calibration.json", "--json"]));
    assert_eq!(again["calibration"], result["calibration"]);
    assert_eq!(again["confidence"], result["confidence"]);
}

#[test]
fn a_search_in_a_library_gives_calibrated_confidences_and_only_matches_as_sure_as_asked_for() {
    let scratch = survey();
    evaluated(&scratch, &["--train", "train", "--groups", "groups.csv", "--save-calibration", "c.json"])
        .done();
    scratch.refcon(&["index", "corpus", "--library", "L", "-q"]).done();
    let search = |more: &[&str]| {
        let asked = ["search", "--library", "L", "--image", "query/0/0.png", "-k", "all", "--json"];
        scratch.refcon(&[&asked[..], more].concat())
    };
    let confidences = |found: &serde_json::Value| -> Vec<f64> {
        let matches = found["matches"].as_array().unwrap();
        matches.iter().map(|found| found["confidence"].as_f64().unwrap()).collect()
    };
    assert_eq!(json(&search(&[]))["confidence_kind"], "challenge");
    let all = json(&search(&["--calibration", "c.json"]));
    let sure = confidences(&all);
    assert_eq!((&all["confidence_kind"], sure.len()), (&"calibrated".into(), 12));
    assert!(sure.is_sorted_by(|a, b| a >= b) && sure[0] > 0.8 && sure[11] < 0.2, "{sure:?}");

    let some = json(&search(&["--calibration", "c.json", "--min-confidence", "0.5"]));
    let expected: Vec<f64> = sure.iter().copied().filter(|&confidence| confidence >= 0.5).collect();
    assert_eq!(confidences(&some), expected);
    assert!(!expected.is_empty() && expected.len() < 12);
    assert_eq!(
        json(&search(&["--calibration", "c.json", "--min-confidence", "1"]))["matches"],
        serde_json::json!([])
    );
    search(&["--min-confidence", "0.5"]).usage_error(&["--calibration"]);
    let several = ["--like", "1,2", "--calibration", "c.json"];
    let run = search(&several);
    assert_eq!(json(&run)["confidence_kind"], "challenge");
    assert!(run.stderr.contains("not used"), "{}", run.stderr);
    search(&[&several[..], &["--min-confidence", "0.5"]].concat()).usage_error(&["--min-confidence"]);
}

#[test]
fn a_calibration_is_not_used_among_tiles_unlike_those_of_its_fit() {
    let scratch = survey();
    evaluated(&scratch, &["--train", "train", "--groups", "groups.csv", "--save-calibration", "c.json"])
        .done();
    let size = ["--inlines", "64", "--crosslines", "70", "--samples", "128"];
    scratch.refcon(&[&["synth", "-q", "-o", "s.sgy"], size.as_slice()].concat()).done();
    scratch.refcon(&["index", "corpus", "--library", "L", "-q"]).done();
    scratch.refcon(&["index", "s.sgy", "--library", "L", "--size", "32x32", "--every", "4", "-q"]).done();
    let search = |more: &[&str]| {
        let asked =
            ["search", "--library", "L", "--image", "query/0/0.png", "--calibration", "c.json", "--json"];
        scratch.refcon(&[&asked[..], more].concat())
    };
    let mixed = search(&[]);
    assert_eq!(json(&mixed)["confidence_kind"], "challenge");
    assert!(mixed.stderr.contains("not used") && mixed.stderr.contains("fitted on"), "{}", mixed.stderr);
    search(&["--min-confidence", "0.5"]).usage_error(&["fitted on", "filter"]);
    assert_eq!(json(&search(&["--in-survey", "corpus"]))["confidence_kind"], "calibrated");
}

#[test]
fn another_encoders_calibration_is_refused() {
    let scratch = survey();
    evaluated(&scratch, &["--train", "train", "--save-calibration", "c.json"]).done();
    let checkpoint = concat!(env!("CARGO_MANIFEST_DIR"), "/../refcon-encoders/tests/golden/vit");
    let predict = ["predict", "--query", "query", "--corpus", "corpus", "-o", "r.json"];
    let calibrated = ["--confidence", "calibrated", "--calibration", "c.json"];
    let run = scratch.refcon(&[&predict[..], &calibrated, &["--encoder", checkpoint]].concat());
    run.failed_with(3, &["belongs to the encoder texture", "vit-32x2-p8", "refcon evaluate --train"]);
    let run = scratch.refcon(&[&predict[..], &calibrated, &["--metric", "l2"]].concat());
    run.failed_with(3, &["--metric cosine"]);
    let run = scratch.refcon(&[&predict[..], &["--calibration", "c.json"]].concat());
    run.failed_with(2, &["--confidence calibrated"]);
    scratch.refcon(&[&predict[..], &["--confidence", "calibrated"]].concat()).usage_error(&["--calibration"]);
    scratch.write("c.json", b"{\"format\": \"x\", \"version\": 1}");
    let run = scratch.refcon(&[&predict[..], &calibrated].concat());
    run.failed_with(3, &["c.json is no calibration"]);
}

#[test]
fn the_page_is_self_contained_and_shows_everything() {
    let scratch = survey();
    scratch.write(
        "runs/brave-fox-1/metrics.jsonl",
        b"{\"step\": 1, \"epoch\": 0.5, \"name\": \"train/loss\", \"value\": 0.9, \"seconds\": 1.5}\n\
          {\"step\": 2, \"epoch\": 1.0, \"name\": \"train/loss\", \"value\": null}\n\
          {\"step\": 3, \"epoch\": 1.5, \"name\": \"train/loss\", \"value\": 0.4}\n\
          {\"step\": 3, \"epoch\": 1.5, \"name\": \"validation/loss\", \"value\": 0.5}\n",
    );
    let more = ["--train", "train", "--groups", "groups.csv", "-o", "page.html", "--run", "runs/brave-fox-1"];
    let told = evaluated(&scratch, &more).done().stdout.clone();
    for says in
        ["expected calibration error", "AUROC", "class of the nearest tile", "page.html", "MRR", "nDCG"]
    {
        assert!(told.contains(says), "{says} is not in {told}");
    }
    let page = fs::read_to_string(scratch.path("page.html")).unwrap();
    for outside in ["http:", "https:", "src=\"/", "url(", "@import", "<script"] {
        assert!(!page.contains(outside), "{outside}");
    }
    for part in ["Retrieval", "Confidence", "t-SNE", "principal components", "Training", "did worst"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(page.contains("validation/loss") && page.matches("<image").count() > 10);
}

#[test]
fn without_training_tiles_there_are_metrics_and_the_originals_confidence() {
    let scratch = survey();
    let result = json(&evaluated(&scratch, &["--json"]));
    assert_eq!(result["calibration"], serde_json::Value::Null);
    let first = &result["confidence"][0];
    assert_eq!(first["expected_calibration_error"], serde_json::Value::Null);
    assert!(first["expected_calibration_error_of_the_challenge"]["equal_width"].as_f64().unwrap() < 1.0);
}

#[test]
fn what_cannot_be_evaluated_is_said_in_a_line() {
    let scratch = survey();
    scratch.write("short.csv", b"part,file,label\nquery,0/0.png,flat\n");
    let run = scratch.refcon(&["evaluate", "--query", "query", "--corpus", "corpus", "--gold", "short.csv"]);
    run.failed_with(3, &["query 0/1.png has no class in the gold"]);
    evaluated(&scratch, &["--train", "query"]).failed_with(2, &["to fit on and to evaluate on"]);
    scratch.tile("flat-folder/a.png", 8.0, 0.0);
    evaluated(&scratch, &["--train", "flat-folder"]).failed_with(3, &["lies in no class's folder"]);
    scratch.write("g.csv", b"path,near_duplicate_group\ntrain/flat/0.png,1\n");
    let run = evaluated(&scratch, &["--train", "train", "--groups", "g.csv"]);
    run.failed_with(3, &["flat/1.png has no near-duplicate group"]);
    scratch.tile("few/a/1.png", 8.0, 0.0);
    scratch.tile("few/b/1.png", 8.0, 1.0);
    evaluated(&scratch, &["--train", "few"]).failed_with(3, &["few: 0 of 2 labelled tiles"]);
    evaluated(&scratch, &["-o", "page.html", "--run", "nowhere"]).failed_with(3, &["metrics.jsonl"]);
}

#[test]
fn confidences_of_real_tiles_mean_what_they_say() {
    let Some(tiles) = field_data("f3-tiles") else { return };
    let scratch = Scratch::new();
    let path = |name: &str| tiles.join(name).to_str().unwrap().to_owned();
    let (query, corpus, gold) = (path("test/query"), path("test/image_corpus"), path("gold.csv"));
    let (train, groups) = (path("train"), path("groups.csv"));
    let run = scratch.refcon(&[
        "evaluate", "--query", &query, "--corpus", &corpus, "--gold", &gold, "--train", &train, "--groups",
        &groups, "--json",
    ]);
    let result = json(&run);
    for depth in result["confidence"].as_array().unwrap() {
        for bins in ["equal_width", "equal_mass"] {
            let error = depth["expected_calibration_error"][bins].as_f64().unwrap();
            assert!(error <= 0.05, "{bins}: {depth}");
        }
    }
    assert!(result["no_match_auroc"].as_f64().unwrap() > 0.95, "{result}");
}

#[test]
fn a_calibration_is_not_fitted_on_test_data() {
    let scratch = survey();
    fs::rename(scratch.path("train"), scratch.path("test")).unwrap();
    let fit = |more: &[&str]| evaluated(&scratch, &[&["--train", "test"], more].concat());
    fit(&[]).failed_with(3, &["test looks like test data", "--allow-test-data"]);
    fit(&["--allow-test-data"]).done();
}
