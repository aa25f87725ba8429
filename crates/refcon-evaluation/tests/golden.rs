//! Metrics and calibration against scikit-learn, torchmetrics, pytorch-metric-learning and `SciPy`; `golden/make_golden.py`
//! made the values.

// A helper of a test may unwrap as a test does; the lint's own exception sees test functions only.
#![allow(clippy::unwrap_used)]

use refcon_encoders::{Embeddings, EncoderId};
use refcon_evaluation::calibration::{
    Binning, Isotonic, Logistic, Reliability, area_under_roc, wilson_interval,
};
use refcon_evaluation::{Confusion, LabelledEmbeddings, Metric, Outcome, mean_over_queries, rank_labelled};
use serde::de::DeserializeOwned;
use serde_json::Value;

fn golden(name: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn get<T: DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

fn outcomes(golden: &Value, metric: refcon_library::Metric) -> Vec<Outcome> {
    let embeddings = |side: &str| {
        let rows: Vec<Vec<f32>> = get(&golden[side]);
        Embeddings::new(EncoderId::new("golden", &[]), rows[0].len(), rows.concat()).unwrap()
    };
    let classes = |side: &str| -> Vec<String> {
        get::<Vec<u8>>(&golden[side]).iter().map(ToString::to_string).collect()
    };
    let (queries, query_classes) = (embeddings("queries"), classes("query_classes"));
    let (library, library_classes) = (embeddings("library"), classes("library_classes"));
    let side = |embeddings, classes| LabelledEmbeddings { embeddings, classes, groups: None };
    let ranked =
        rank_labelled(side(&queries, &query_classes), side(&library, &library_classes), metric).unwrap();
    ranked.iter().map(|ranking| ranking.outcome("q")).collect()
}

const METRICS: [(&str, refcon_library::Metric); 2] =
    [("cosine", refcon_library::Metric::Cosine), ("l2", refcon_library::Metric::L2)];

#[track_caller]
fn assert_close(found: f64, expected: f64, within: f64, what: &str) {
    assert!((found - expected).abs() <= within, "{what}: {found}, expected {expected}");
}

#[test]
fn every_querys_metrics_are_those_of_torchmetrics_and_scikit_learn() {
    let golden = golden("metrics.json");
    for (name, metric) in METRICS {
        let outcomes = outcomes(&golden, metric);
        let each = golden[name]["each"].as_object().unwrap();
        assert_eq!(each.len(), 9);
        for (key, expected) in each {
            let metric = Metric::ALL.into_iter().find(|metric| metric.key() == *key).unwrap();
            for (outcome, expected) in outcomes.iter().zip(get::<Vec<f64>>(expected)) {
                // torchmetrics answers in f32.
                assert_close(metric.of(outcome).unwrap(), expected, 1e-6, key);
            }
        }
    }
}

#[test]
fn means_are_those_of_pytorch_metric_learning() {
    let golden = golden("metrics.json");
    for (name, metric) in METRICS {
        let outcomes = outcomes(&golden, metric);
        let means = golden[name]["means"].as_object().unwrap();
        assert_eq!(means.len(), 5);
        for (key, expected) in means {
            let metric = Metric::ALL.into_iter().find(|metric| metric.key() == *key).unwrap();
            let found = mean_over_queries(metric, &outcomes).unwrap();
            assert_close(found, expected.as_f64().unwrap(), 1e-6, key);
        }
    }
}

#[test]
fn confusion_is_that_of_scikit_learn() {
    let golden = golden("metrics.json");
    for (name, metric) in METRICS {
        let confusion = Confusion::of(&outcomes(&golden, metric));
        assert_eq!(confusion.counts, get::<Vec<Vec<usize>>>(&golden[name]["confusion"]));
        let expected = |what: &str, class: usize| golden[name]["agreement"][what][class].as_f64().unwrap();
        for (class, agreement) in confusion.agreements().into_iter().enumerate() {
            assert_close(agreement.precision.unwrap(), expected("precision", class), 1e-12, "precision");
            assert_close(agreement.recall.unwrap(), expected("recall", class), 1e-12, "recall");
            assert_close(agreement.f1.unwrap(), expected("f1", class), 1e-12, "F1");
        }
    }
}

fn truths(value: &Value) -> Vec<bool> {
    get::<Vec<u8>>(value).into_iter().map(|truth| truth == 1).collect()
}

#[test]
fn isotonic_regression_is_scikit_learns() {
    let golden = golden("calibration.json");
    let (at, happened): (Vec<f64>, Vec<bool>) = (get(&golden["at"]), truths(&golden["happened"]));
    let fit = Isotonic::fit(at.into_iter().zip(happened));
    let (asked, expected): (Vec<f64>, Vec<f64>) = (get(&golden["asked"]), get(&golden["isotonic"]));
    for (asked, expected) in asked.into_iter().zip(expected) {
        assert_close(fit.of(asked), expected, 1e-9, "isotonic");
    }
}

#[test]
fn logistic_regression_is_scikit_learns() {
    let golden = golden("calibration.json");
    let (at, second): (Vec<f64>, Vec<f64>) = (get(&golden["at"]), get(&golden["second"]));
    let happened = truths(&golden["happened"]);
    let both: Vec<f64> = at.iter().zip(&second).flat_map(|(at, second)| [*at, *second]).collect();
    for (name, features) in [("platt", &at), ("logistic", &both)] {
        let expected: Vec<f64> = get(&golden[name]);
        let fit = Logistic::fit(features, expected.len() - 1, &happened);
        assert_close(fit.intercept, expected[0], 1e-5, name);
        for (weight, expected) in fit.weights.iter().zip(&expected[1..]) {
            assert_close(*weight, *expected, 1e-5, name);
        }
    }
}

#[test]
fn area_under_the_roc_curve_and_wilsons_interval_are_scikit_learns_and_scipys() {
    let golden = golden("calibration.json");
    let area = area_under_roc(&get::<Vec<f64>>(&golden["at"]), &truths(&golden["happened"])).unwrap();
    assert_close(area, golden["auroc"].as_f64().unwrap(), 1e-9, "AUROC");
    for (successes, trials, low, high) in get::<Vec<(usize, usize, f64, f64)>>(&golden["wilson"]) {
        let interval = wilson_interval(successes, trials);
        assert_close(interval.low, low, 1e-9, "Wilson's interval, low");
        assert_close(interval.high, high, 1e-9, "Wilson's interval, high");
    }
}

#[test]
fn expected_calibration_error_is_torchmetrics_and_scikit_learns() {
    let golden = golden("calibration.json");
    let (confidence, right): (Vec<f64>, Vec<bool>) = (get(&golden["confidence"]), truths(&golden["right"]));
    for (binning, key) in [
        (Binning::EqualWidth, "expected_error_equal_width"),
        (Binning::EqualMass, "expected_error_equal_mass"),
    ] {
        let found = Reliability::of(&confidence, &right, binning).unwrap().expected_error;
        assert_close(found, golden[key].as_f64().unwrap(), 1e-6, key);
    }
}
