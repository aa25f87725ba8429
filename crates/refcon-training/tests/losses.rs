//! Losses and miners against pytorch-metric-learning and PyTorch (`golden/make_losses.py`).

// A helper of a test may unwrap as a test does; the lint's own exception sees test functions only.
#![allow(clippy::unwrap_used)]

use burn::tensor::{Device, Tensor, TensorData};
use refcon_training::config::Distance;
use refcon_training::losses::triplet::{TripletRows, triplet, triplet_on_host};
use refcon_training::losses::{
    ClassMasks, multi_similarity, proxy_anchor, sub_centre_arcface, supervised_contrastive,
};
use refcon_training::mining::{Distances, batch_hard, distance_weights, semi_hard};
use serde::Deserialize;
use std::collections::BTreeSet;

/// Golden values are of f64, ours of f32.
const TOLERANCE: f64 = 2e-4;

#[derive(Deserialize)]
struct Expected {
    value: f64,
    gradients: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Golden {
    labels: Vec<usize>,
    classes: usize,
    embeddings: Vec<f32>,
    proxies: Vec<f32>,
    centres: Vec<f32>,
    triplets: [Vec<usize>; 3],
    triplet_euclidean_swap: Expected,
    triplet_euclidean: Expected,
    triplet_cosine_swap: Expected,
    multi_similarity: Expected,
    supervised_contrastive: Expected,
    proxy_anchor: Expected,
    sub_centre_arcface: Expected,
    batch_hard: [Vec<usize>; 3],
    semi_hard: [Vec<usize>; 3],
    distance_weights: Vec<f64>,
}

const COMPONENTS: usize = 6;

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/losses.json")).unwrap()
}

fn tensor(values: &[f32]) -> Tensor<2> {
    let shape = [values.len() / COMPONENTS, COMPONENTS];
    Tensor::from_data(TensorData::new(values.to_vec(), shape), &Device::flex().autodiff()).require_grad()
}

/// Value and slopes are PyTorch's, relative to the largest slope.
#[track_caller]
fn same(name: &str, loss: &Tensor<1>, points: &[&Tensor<2>], expected: &Expected) {
    let value = loss.clone().into_scalar::<f64>();
    assert!(
        (value - expected.value).abs() <= TOLERANCE * expected.value.abs().max(1.0),
        "{name}: {value}, expected {}",
        expected.value
    );
    let gradients = loss.backward();
    for (point, expected) in points.iter().zip(&expected.gradients) {
        let found: Vec<f32> = point.grad(&gradients).unwrap().into_data().iter::<f32>().collect();
        let largest = expected.iter().fold(0.0f64, |most, value| most.max(value.abs()));
        for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
            let difference = (f64::from(*found) - expected).abs();
            assert!(difference <= 1e-3 * largest, "{name}: slope {at} is {found}, expected {expected}");
        }
    }
}

#[test]
fn triplet_losses_are_pytorchs() {
    let golden = golden();
    let [anchors, positives, negatives] = golden.triplets.clone();
    let rows = TripletRows { anchors, positives, negatives };
    for (name, distance, swap, expected) in [
        ("euclidean, swap", Distance::Euclidean, true, &golden.triplet_euclidean_swap),
        ("euclidean", Distance::Euclidean, false, &golden.triplet_euclidean),
        ("cosine, swap", Distance::Cosine, true, &golden.triplet_cosine_swap),
    ] {
        let embeddings = tensor(&golden.embeddings);
        let loss = triplet(embeddings.clone(), &rows, distance, 1.0, swap);
        same(name, &loss, &[&embeddings], expected);
        let row = |row: usize| golden.embeddings[row * COMPONENTS..][..COMPONENTS].to_vec();
        let on_host = triplet_on_host(row, &rows, distance, 1.0, swap);
        assert!((on_host - expected.value).abs() < 1e-5, "{name} on the host: {on_host}");
    }
}

#[test]
fn losses_over_pairs_and_proxies_are_those_of_pytorch_metric_learning() {
    let golden = golden();
    let masks = ClassMasks::new(&golden.labels, golden.classes, &Device::flex().autodiff());
    let embeddings = || tensor(&golden.embeddings);

    let e = embeddings();
    same(
        "multi-similarity",
        &multi_similarity(e.clone(), &masks, 2.0, 50.0, 0.5),
        &[&e],
        &golden.multi_similarity,
    );
    let e = embeddings();
    let loss = supervised_contrastive(e.clone(), &masks, 0.1).unwrap();
    same("supervised contrastive", &loss, &[&e], &golden.supervised_contrastive);
    let (e, proxies) = (embeddings(), tensor(&golden.proxies));
    let loss = proxy_anchor(e.clone(), proxies.clone(), &masks, 0.1, 32.0);
    same("ProxyAnchor", &loss, &[&e, &proxies], &golden.proxy_anchor);
    let (e, centres) = (embeddings(), tensor(&golden.centres));
    let loss = sub_centre_arcface(e.clone(), centres.clone(), &masks, 28.6f64.to_radians(), 64.0);
    same("sub-centre ArcFace", &loss, &[&e, &centres], &golden.sub_centre_arcface);
}

fn as_set(anchors: &[usize], positives: &[usize], negatives: &[usize]) -> BTreeSet<[usize; 3]> {
    anchors.iter().zip(positives).zip(negatives).map(|((&a, &p), &n)| [a, p, n]).collect()
}

#[test]
fn miners_find_the_triplets_that_pytorch_metric_learning_finds() {
    let golden = golden();
    let distances = Distances::of(&golden.embeddings, golden.labels.len(), Distance::Euclidean);
    let found = batch_hard(&distances, &golden.labels);
    let set = |rows: &TripletRows| as_set(&rows.anchors, &rows.positives, &rows.negatives);
    let [a, p, n] = &golden.batch_hard;
    assert_eq!(set(&found), as_set(a, p, n));
    let found = semi_hard(&distances, &golden.labels, 1.0);
    let [a, p, n] = &golden.semi_hard;
    assert!(!found.is_empty());
    assert_eq!(set(&found), as_set(a, p, n));
}

#[test]
fn negatives_are_weighted_as_in_pytorch_metric_learning() {
    let golden = golden();
    let count = golden.labels.len();
    let unit: Vec<f32> = golden
        .embeddings
        .chunks(COMPONENTS)
        .flat_map(|row| {
            let length = row.iter().map(|value| value * value).sum::<f32>().sqrt();
            row.iter().map(move |value| value / length).collect::<Vec<_>>()
        })
        .collect();
    let distances = Distances::of(&unit, count, Distance::Euclidean);
    for anchor in 0..count {
        let found = distance_weights(&distances, &golden.labels, anchor, COMPONENTS, 0.5, 1.4);
        for (found, expected) in found.iter().zip(&golden.distance_weights[anchor * count..]) {
            assert!((found - expected).abs() < 1e-4, "anchor {anchor}: {found}, expected {expected}");
        }
    }
}
