//! Every family and naming scheme against the original implementations' own outputs.
//!
//! `golden/make_encoders.py` made the checkpoints and the expected embeddings.

// A helper of a test may unwrap as a test does; the lint's own exception sees test functions only.
#![allow(clippy::unwrap_used)]

use burn::tensor::{Device, Distribution, Tensor, TensorData};
use refcon_encoders::model::{Architecture, Pooling, VisionTransformer};
use refcon_encoders::{Encoder, Execution, MaskedAutoencoder, Pretrained, device};
use refcon_image::GreyImage;
use refcon_kernels::Tier;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// Largest difference that rounding may make, f32.
const TOLERANCE: f32 = 1e-5;

#[derive(Deserialize)]
struct Case {
    pooling: Value,
    image_size: usize,
    channels: usize,
    #[serde(default)]
    normalise: bool,
    embedding: Vec<f32>,
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The images of `make_encoders.py`.
fn pixels(side: usize, channels: usize) -> Vec<f32> {
    (0..2 * channels * side * side).map(|at| (at * 7919 % 1009) as f32 / 1008.0).collect()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// A copy of a checkpoint, whose `refcon-encoder.json` can be changed.
fn copy_of(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(golden(name)).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    folder
}

fn check(name: &str, cases: &str) {
    let folder = copy_of(name);
    let file = folder.path().join("refcon-encoder.json");
    let given = if file.exists() { read(&file) } else { json!({}) };
    let cases: Vec<Case> = serde_json::from_value(read(&golden(name).join(cases))).unwrap();
    assert!(!cases.is_empty());
    for (at, case) in cases.iter().enumerate() {
        let mut settings = given.clone();
        settings["pooling"] = case.pooling.clone();
        settings["normalise"] = case.normalise.into();
        settings["channels"] = case.channels.into();
        settings["preprocessing"] =
            json!({"contrast": 1.0, "resize_shorter_side": case.image_size, "crop": case.image_size});
        fs::write(&file, settings.to_string()).unwrap();
        let encoder = Pretrained::open(folder.path()).unwrap();
        let embedding = encoder.embed_pixels(pixels(case.image_size, case.channels), 2);
        let difference = largest_difference(&embedding, &case.embedding);
        let what = format!("{name} case {at}, {} at {}", case.pooling, case.image_size);
        println!("{what}: {difference}");
        assert_eq!(encoder.dimension() * 2, case.embedding.len(), "{what}");
        assert!(difference <= TOLERANCE, "{what}: {difference}");
    }
}

#[test]
fn a_vit_equals_transformers_in_every_pooling_size_and_number_of_channels() {
    check("vit", "cases.json");
}

#[derive(Deserialize)]
struct Stored {
    pixels: Vec<f32>,
    embedding: Vec<f32>,
}

/// The outputs of `make_vit.py`, whose images are stored.
fn check_stored(name: &str) {
    let expected: Stored = serde_json::from_value(read(&golden(name).join("expected.json"))).unwrap();
    let embedding = Pretrained::open(&golden(name)).unwrap().embed_pixels(expected.pixels, 2);
    let difference = largest_difference(&embedding, &expected.embedding);
    assert!(difference <= TOLERANCE, "{name}: {difference}");
}

#[test]
fn the_pooled_embedding_equals_transformers() {
    check_stored("vit");
}

#[test]
fn a_classifiers_class_token_from_bf16_weights_equals_transformers() {
    check_stored("vit-classifier");
}

#[test]
fn tiles_of_any_size_embed_alone_as_in_a_batch() {
    let encoder = Pretrained::open(&golden("vit")).unwrap();
    let tile = |width: usize, height: usize| {
        let pixels = (0..width * height).map(|at| ((at * 37) % 101) as f32 / 100.0).collect();
        GreyImage::new(width, height, pixels).unwrap()
    };
    let tiles: Vec<GreyImage> = (0..11).map(|n| tile(1 + 13 * n, 40 + n)).collect();
    let together = encoder.embed(&tiles).unwrap();
    for (tile, together) in tiles.iter().zip(together.chunks(encoder.dimension())) {
        let alone = encoder.embed(std::slice::from_ref(tile)).unwrap();
        assert!(largest_difference(&alone, together) < TOLERANCE);
    }
}

#[test]
fn images_of_several_parts_embed_as_each_of_them_alone() {
    const IMAGES: usize = 60;
    let device = device::cpu();
    // 17 tokens an image: parts of 23, 23 and 14.
    let architecture = Architecture::vit([32, 8], 1, 64, 2);
    let images = Tensor::<4>::random([IMAGES, 1, 32, 32], Distribution::Default, &device);
    for tier in Tier::here() {
        let model = VisionTransformer::initial(&architecture, 1, &device, Execution::in_tier(tier));
        let values = |images: Tensor<4>| model.embed(images, Pooling::Class).into_data().try_to_vec::<f32>();
        let together = values(images.clone()).unwrap();
        let alone = images.clone().split(1, 0).into_iter().flat_map(|image| values(image).unwrap());
        let alone: Vec<f32> = alone.collect();
        assert_eq!(together.len(), IMAGES * 64);
        assert!(largest_difference(&alone, &together) < TOLERANCE, "{tier}");
    }
}

#[test]
fn preprocessing_and_pooling_are_part_of_the_identity() {
    let folder = copy_of("vit");
    let challenge = Pretrained::open(folder.path()).unwrap();
    assert_eq!(challenge.preprocessing().contrast(), 15.0);
    let mut ids = vec![challenge.id().clone()];
    for own in [
        r#"{"preprocessing": {"contrast": 1.0, "resize_shorter_side": 40, "crop": 32}}"#,
        r#"{"pooling": "class"}"#,
        r#"{"normalise": true}"#,
        r#"{"mean": [0.5], "std": [0.5]}"#,
        r#"{"channels": 1}"#,
    ] {
        fs::write(folder.path().join("refcon-encoder.json"), own).unwrap();
        let id = Pretrained::open(folder.path()).unwrap().id().clone();
        assert!(!ids.contains(&id), "{own}");
        ids.push(id);
    }
}

#[test]
fn a_mean_and_standard_deviation_are_applied_to_each_channel() {
    let folder = copy_of("vit");
    let tile = GreyImage::new(32, 32, (0..1024).map(|at| (at % 97) as f32 / 96.0).collect()).unwrap();
    let settings = r#"{"preprocessing": {"contrast": 1.0, "resize_shorter_side": 32, "crop": 32},
        "mean": [0.1, 0.2, 0.3], "std": [0.5, 1.0, 2.0]}"#;
    fs::write(folder.path().join("refcon-encoder.json"), settings).unwrap();
    let encoder = Pretrained::open(folder.path()).unwrap();
    let by_hand: Vec<f32> = [(0.1, 0.5), (0.2, 1.0), (0.3, 2.0)]
        .iter()
        .flat_map(|(mean, std)| tile.pixels().iter().map(move |value| (value - mean) / std))
        .collect();
    let embedding = encoder.embed(std::slice::from_ref(&tile)).unwrap();
    assert!(largest_difference(&embedding, &encoder.embed_pixels(by_hand, 1)) < TOLERANCE);
}

#[test]
fn deit_with_its_distillation_token_equals_transformers() {
    check("deit", "expected.json");
}

#[test]
fn torchvisions_logits_and_resampled_positions_equal_torchvision() {
    check("torchvision", "expected.json");
}

#[test]
fn a_headless_torchvision_model_with_published_names_in_f16_and_the_old_format_equals_torchvision() {
    check("torchvision-headless", "expected.json");
}

#[test]
fn clips_vision_tower_equals_transformers() {
    check("clip", "expected.json");
}

#[test]
fn clip_with_both_towers_in_shards_equals_transformers() {
    check("clip-both-towers-sharded", "expected.json");
}

#[test]
fn dinov2_equals_transformers() {
    check("dinov2", "expected.json");
}

#[test]
fn dinov2_with_swiglu_equals_transformers() {
    check("dinov2-swiglu", "expected.json");
}

#[test]
fn dinov2_with_registers_equals_transformers() {
    check("dinov2-registers", "expected.json");
}

#[test]
fn the_teacher_of_a_dinov2_training_run_under_metas_names_equals_transformers() {
    check("dinov2-meta", "expected.json");
}

#[test]
fn a_masked_autoencoder_embeds_with_nothing_masked() {
    check("mae", "expected.json");
}

#[test]
fn a_seismic_foundation_model_of_one_channel_under_mae_names_equals_transformers() {
    check("mae-meta-grey", "expected.json");
}

#[test]
fn timms_vit_in_a_lightning_checkpoint_equals_timm() {
    check("timm-lightning", "expected.json");
}

#[test]
fn timms_vit_with_registers_and_a_norm_after_pooling_equals_timm() {
    check("timm-registers", "expected.json");
}

#[derive(Deserialize)]
struct Masked {
    noise: Vec<f32>,
    mask: Vec<f32>,
    logits: Vec<f32>,
    loss: f32,
}

#[test]
fn a_masked_autoencoder_rebuilds_what_transformers_rebuilds() {
    let device = Device::default();
    for (name, channels) in [("mae", 3), ("mae-meta-grey", 1)] {
        let expected: Masked =
            serde_json::from_value(read(&golden(name).join("reconstruction.json"))).unwrap();
        let (model, sizes) = MaskedAutoencoder::open(&golden(name), &device).unwrap();
        let side = sizes.blocks.image_size;
        let images = pixels(side, channels);
        let input = TensorData::new(images.clone(), [2, channels, side, side]);
        let noise = Tensor::from_data(TensorData::new(expected.noise, [2, 16]), &device);
        let rebuilt = model.reconstruct(Tensor::from_data(input, &device), noise, 4);
        let mask: Vec<f32> = rebuilt.mask.into_data().iter::<f32>().collect();
        let patches: Vec<f32> = rebuilt.patches.into_data().iter::<f32>().collect();
        assert_eq!(mask, expected.mask, "{name}");
        let difference = largest_difference(&patches, &expected.logits);
        println!("{name}: {difference}");
        assert!(difference <= TOLERANCE, "{name}: {difference}");

        // Patches are rows of pixels with the channel last: only then is the loss Transformers' loss.
        let patch = sizes.blocks.patch_size;
        let mut loss = 0.0;
        for (at, rebuilt) in patches.iter().enumerate() {
            let values = patch * patch * channels;
            let (image, of_image) = (at / (16 * values), at % (16 * values));
            let (number, of_patch) = (of_image / values, of_image % values);
            let (row, column, channel) =
                (of_patch / (patch * channels), of_patch / channels % patch, of_patch % channels);
            let (y, x) = (number / 4 * patch + row, number % 4 * patch + column);
            let pixel = images[((image * channels + channel) * side + y) * side + x];
            loss += mask[image * 16 + number] * (rebuilt - pixel).powi(2) / values as f32;
        }
        loss /= mask.iter().sum::<f32>();
        assert!((loss - expected.loss).abs() <= 1e-4 * expected.loss, "{name}: {loss} {}", expected.loss);
    }
}

const ALL: [&str; 15] = [
    "vit",
    "vit-classifier",
    "deit",
    "torchvision",
    "torchvision-headless",
    "timm-lightning",
    "timm-registers",
    "mae",
    "mae-meta-grey",
    "clip",
    "clip-both-towers-sharded",
    "dinov2",
    "dinov2-swiglu",
    "dinov2-meta",
    "dinov2-registers",
];

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn the_kernels_compute_what_burns_operations_compute_in_every_family_and_tier() {
    for name in ALL {
        let open = |execution| Pretrained::open_on(&golden(name), None, &device::cpu(), execution).unwrap();
        let plain = open(Execution::PLAIN);
        let sizes = plain.architecture();
        let images = pixels(sizes.image_size, sizes.channels);
        let exact = plain.embed_pixels(images.clone(), 2);
        for tier in Tier::here() {
            let kernels = open(Execution::in_tier(tier));
            assert_eq!((kernels.tier(), kernels.id()), (tier.name(), plain.id()));
            let embedding = kernels.embed_pixels(images.clone(), 2);
            let difference = largest_difference(&embedding, &exact);
            let dimension = plain.dimension();
            let pairs = embedding.chunks(dimension).zip(exact.chunks(dimension));
            let least = pairs.map(|(a, b)| cosine(a, b)).fold(1.0, f64::min);
            println!("{name} in {tier}: {difference}, cosine {least}");
            assert_ne!(embedding, exact, "{name} in {tier}: computed by the same operations");
            match tier.rounds_to_bf16() {
                true => assert!(least >= 0.999, "{name} in {tier}: cosine {least}"),
                false => assert!(difference <= TOLERANCE, "{name} in {tier}: {difference}"),
            }
        }
    }
}
