//! Fifty steps of fine-tuning against PyTorch's: `golden/make_training.py` made the expected losses.

// A helper of a test may unwrap as a test does; the lint's own exception sees test functions only.
#![allow(clippy::unwrap_used)]

use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use refcon_encoders::model::{Pooling, VisionTransformer};
use refcon_encoders::optimiser::AdamW;
use refcon_encoders::{Execution, Pretrained, device};
use refcon_kernels::Tier;
use serde::Deserialize;
use std::path::{Path, PathBuf};

const SIDE: usize = 32;
const IMAGES: usize = 24;
const CLASSES: usize = 4;
const TRIPLETS: usize = 4;
const LEARNING_RATE: f64 = 1e-5;
const MARGIN: f32 = 12.0;

#[derive(Deserialize)]
struct Expected {
    losses: Vec<f32>,
    embedding: Vec<f32>,
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/training")
}

/// Stripes of the class under noise, three channels.
fn image(number: usize) -> impl Iterator<Item = f32> {
    let kind = number % CLASSES;
    (0..3 * SIDE * SIDE).map(move |at| {
        let (x, y) = (at % SIDE, at / SIDE % SIDE);
        let stripes = ((x * (kind + 1) + y * (CLASSES - 1 - kind)) % 8) as f32 / 7.0;
        let noise = ((at * 7919 + number * 104_729) % 1009) as f32 / 1008.0;
        2.0 * (stripes + noise) - 2.0
    })
}

fn images(numbers: &[usize], device: &Device) -> Tensor<4> {
    let pixels: Vec<f32> = numbers.iter().flat_map(|&number| image(number)).collect();
    Tensor::from_data(TensorData::new(pixels, [numbers.len(), 3, SIDE, SIDE]), device)
}

/// Anchors, then positives, then negatives.
fn triplets(step: usize, device: &Device) -> Tensor<4> {
    let anchors: Vec<usize> = (0..TRIPLETS).map(|k| (5 * step + 7 * k) % IMAGES).collect();
    let positives = anchors.iter().map(|anchor| (anchor + CLASSES * (1 + step % 5)) % IMAGES);
    let negatives = anchors.iter().zip(0..).map(|(anchor, k)| (anchor + 1 + (step + k) % 3) % IMAGES);
    images(&anchors.iter().copied().chain(positives).chain(negatives).collect::<Vec<_>>(), device)
}

/// As PyTorch's `triplet_margin_loss`.
fn triplet_loss(embedded: &Tensor<2>) -> Tensor<1> {
    let part = |at: usize| embedded.clone().narrow(0, at * TRIPLETS, TRIPLETS);
    let distance = |other: Tensor<2>| (part(0) - other + 1e-6).square().sum_dim(1).sqrt();
    (distance(part(1)) - distance(part(2)) + MARGIN).clamp_min(0.0).mean()
}

/// The losses of all steps, and the trained model's embeddings of two images.
fn train(execution: Execution, steps: usize) -> (Vec<f32>, Vec<f32>) {
    let opened = Pretrained::open_to_train(&golden(), None, &device::cpu(), execution).unwrap();
    let device = opened.device();
    let mut model: VisionTransformer = opened.model().clone();
    let mut optimiser = AdamW { weight_decay: 0.05, ..AdamW::default() }.init();
    let mut losses = Vec::new();
    for step in 0..steps {
        let loss = triplet_loss(&model.embed(triplets(step, device), Pooling::Pooled));
        losses.push(loss.clone().into_scalar::<f32>());
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimiser.step(LEARNING_RATE, model, gradients);
    }
    let embedded = model.embed(images(&[0, 1], device), Pooling::Pooled);
    (losses, embedded.into_data().iter::<f32>().collect())
}

fn largest_relative_difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(a, b)| (a - b).abs() / b).fold(0.0, f32::max)
}

#[test]
fn fifty_steps_follow_pytorchs_losses_within_one_percent_in_every_precision() {
    let text = std::fs::read_to_string(golden().join("expected.json")).unwrap();
    let expected: Expected = serde_json::from_str(&text).unwrap();
    let executions = Tier::here().into_iter().map(Execution::in_tier).chain([Execution::PLAIN]);
    for execution in executions {
        let (losses, embedding) = train(execution, expected.losses.len());
        let largest = largest_relative_difference(&losses, &expected.losses);
        let apart = embedding.iter().zip(&expected.embedding).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        println!("{execution:?}: losses within {largest:.1e}, embeddings within {apart:.1e}");
        assert!(largest <= 0.01, "{execution:?}: {largest}");
        if execution.name() == "f32" {
            assert!(largest <= 1e-4 && apart <= 1e-3, "{execution:?}: {largest}, {apart}");
        }
    }
}
