//! Fifty steps of the challenge's recipe follow PyTorch's from the same weights on the same triplets (`golden/make_steps.py`).

// A helper of a test may unwrap as a test does; the lint's own exception sees test functions only.
#![allow(clippy::unwrap_used)]

use burn::tensor::Tensor;
use refcon_encoders::{Execution, Pretrained, device};
use refcon_image::GreyImage;
use refcon_training::config::{Config, Distance, OptimiserSettings};
use refcon_training::losses::triplet::{TripletRows, triplet};
use refcon_training::optimise::{AdamW, Gradients, Parameters, prepared};
use serde::Deserialize;
use std::path::Path;

const TILES: usize = 12;
const CLASSES: usize = 3;
const BATCH: usize = 4;
const SIDE: usize = 32;
const LEARNING_RATE: f64 = 1e-3;

/// Losses of PyTorch, a step each.
#[derive(Deserialize)]
struct Golden {
    euclidean: Vec<f64>,
    cosine: Vec<f64>,
}

/// Stripes whose period is the class's.
fn tile(number: usize) -> GreyImage {
    let period = 4.0 + 2.5 * (number % CLASSES) as f64;
    let level = |at: usize| {
        let (x, y) = ((at % SIDE) as f64, (at / SIDE) as f64);
        (0.5 + 0.4 * (std::f64::consts::TAU * (y + 0.1 * number as f64 * x) / period).sin()) as f32
    };
    GreyImage::new(SIDE, SIDE, (0..SIDE * SIDE).map(level).collect()).unwrap()
}

/// Tiles of a step: anchors, positives, negatives.
fn triplets(step: usize) -> Vec<usize> {
    let anchors: Vec<usize> = (0..BATCH).map(|at| (step * BATCH + at) % TILES).collect();
    let positives = anchors.iter().map(|anchor| (anchor + CLASSES) % TILES);
    let negatives = anchors.iter().map(|anchor| (anchor + 1 + step % 2) % TILES);
    anchors.iter().copied().chain(positives).chain(negatives).collect()
}

fn losses(distance: Distance, steps: usize) -> Vec<f64> {
    let vit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../refcon-encoders/tests/golden/vit");
    let pretrained = Pretrained::open_to_train(&vit, None, &device::cpu(), Execution::F32).unwrap();
    let mut model = prepared(pretrained.model().clone(), &|_| true);
    let mut weights = Parameters::of(&model);
    let settings = OptimiserSettings { learning_rate: LEARNING_RATE, ..Config::default().optimiser };
    let mut optimiser = AdamW::new(&settings);
    let rows = TripletRows {
        anchors: (0..BATCH).collect(),
        positives: (BATCH..2 * BATCH).collect(),
        negatives: (2 * BATCH..3 * BATCH).collect(),
    };
    let mut losses = Vec::new();
    for step in 0..steps {
        let images: Vec<GreyImage> = triplets(step).into_iter().map(tile).collect();
        let embeddings: Tensor<2> = model.embed(pretrained.input(&images), pretrained.pooling());
        let loss = triplet(embeddings, &rows, distance, 1.0, true);
        losses.push(loss.clone().into_scalar::<f64>());
        let mut gradients = Gradients::default();
        gradients.add(&model, loss.backward(), 1.0);
        optimiser.step(&mut weights, &gradients, &|_| LEARNING_RATE);
        model = weights.put_into(model);
    }
    losses
}

#[test]
fn fifty_steps_follow_pytorchs_losses_within_a_hundredth() {
    let golden: Golden = serde_json::from_str(include_str!("golden/steps.json")).unwrap();
    for (distance, expected) in [(Distance::Euclidean, &golden.euclidean), (Distance::Cosine, &golden.cosine)]
    {
        let found = losses(distance, expected.len());
        assert_eq!(found.len(), 50);
        let furthest =
            found.iter().zip(expected).map(|(found, expected)| (found - expected).abs() / expected.max(0.1));
        let furthest = furthest.fold(0.0, f64::max);
        println!("{distance:?}: {furthest:.2e}, from {:.4} to {:.4}", found[0], found[49]);
        assert!(furthest < 0.01, "{distance:?}: {furthest}\n{found:?}\n{expected:?}");
    }
}
