//! The ViT against Transformers' own outputs, and checkpoints that are not what they should be.
//!
//! `golden/make_vit.py` made the checkpoints and the expected embeddings.

// A helper of a test may unwrap as a test does; the lint's own exception sees test functions only.
#![allow(clippy::unwrap_used)]

use refcon_encoders::{Encoder, Pretrained};
use refcon_image::GreyImage;
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
struct Expected {
    pixels: Vec<f32>,
    embedding: Vec<f32>,
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn assert_equals_transformers(name: &str) {
    let expected: Expected =
        serde_json::from_slice(&fs::read(golden(name).join("expected.json")).unwrap()).unwrap();
    let encoder = Pretrained::open(&golden(name)).unwrap();
    let embedding = encoder.embed_pixels(expected.pixels, 2);
    let difference = largest_difference(&embedding, &expected.embedding);
    assert!(difference <= 1e-5, "{name}: {difference}");
}

#[test]
fn the_pooled_embedding_equals_transformers() {
    assert_equals_transformers("vit");
}

#[test]
fn a_classifiers_class_token_from_bf16_weights_equals_transformers() {
    assert_equals_transformers("vit-classifier");
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
        assert!(largest_difference(&alone, together) < 1e-5);
    }
}

#[test]
fn preprocessing_is_part_of_the_identity() {
    let folder = copy_of("vit");
    let challenge = Pretrained::open(folder.path()).unwrap();
    assert_eq!(challenge.preprocessing().contrast(), 15.0);
    let own = r#"{"preprocessing": {"contrast": 1.0, "resize_shorter_side": 40, "crop": 32}}"#;
    fs::write(folder.path().join("refcon-encoder.json"), own).unwrap();
    let plain = Pretrained::open(folder.path()).unwrap();
    assert_eq!(plain.preprocessing().resize_shorter_side(), 40);
    assert_ne!(challenge.id(), plain.id());
}

fn copy_of(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors"] {
        fs::copy(golden(name).join(file), folder.path().join(file)).unwrap();
    }
    folder
}

/// Changes the header of `model.safetensors`, keeping the tensors' bytes.
fn edit_header(folder: &Path, edit: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>)) {
    let path = folder.join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    let length = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    let mut header = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    edit(&mut header);
    let header = serde_json::to_vec(&header).unwrap();
    let mut edited = (header.len() as u64).to_le_bytes().to_vec();
    edited.extend(header);
    edited.extend(&bytes[8 + length..]);
    fs::write(path, edited).unwrap();
}

fn message(folder: &Path) -> String {
    let message = Pretrained::open(folder).unwrap_err().to_string();
    assert!(!message.contains('\n'), "one line: {message}");
    message
}

fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

#[test]
fn a_missing_and_an_extra_tensor_are_both_named() {
    let folder = copy_of("vit");
    edit_header(folder.path(), |header| {
        let tensor = header.remove("layernorm.bias").unwrap();
        header.insert("layernorm.biass".into(), tensor);
    });
    let expected = ["model.safetensors", "missing: layernorm.bias [32]", "not expected: layernorm.biass"];
    assert_says(&message(folder.path()), &expected);
}

#[test]
fn a_misshapen_tensor_is_named_with_found_and_expected_shape() {
    let folder = copy_of("vit");
    edit_header(folder.path(), |header| {
        header["encoder.layer.1.output.dense.weight"]["shape"] = [48, 32].into();
    });
    let expected = ["encoder.layer.1.output.dense.weight found [48, 32] expected [32, 48]"];
    assert_says(&message(folder.path()), &expected);
}

#[test]
fn a_config_of_another_size_says_what_does_not_fit() {
    let folder = copy_of("vit");
    let config = fs::read_to_string(folder.path().join("config.json")).unwrap();
    let write = |from: &str, to: &str| {
        fs::write(folder.path().join("config.json"), config.replace(from, to)).unwrap();
    };
    write("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3");
    assert_says(
        &message(folder.path()),
        &["missing: encoder.layer.2.attention.attention.query.weight", "more"],
    );
    write("\"patch_size\": 8", "\"patch_size\": 7");
    assert_says(&message(folder.path()), &["config.json", "image_size 32 is not a multiple of patch_size 7"]);
    write("\"model_type\": \"vit\"", "\"model_type\": \"bert\"");
    assert_says(&message(folder.path()), &["config.json", "\"bert\"", "expected \"vit\""]);
    write("\"hidden_size\": 32", "\"hidden_size\": -1");
    assert_says(&message(folder.path()), &["config.json", "-1"]);
    fs::remove_file(folder.path().join("config.json")).unwrap();
    assert_says(&message(folder.path()), &["config.json", "No such file"]);
}

#[test]
fn a_cut_or_foreign_file_is_no_safetensors_file() {
    let folder = copy_of("vit");
    let path = folder.path().join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
    assert_says(&message(folder.path()), &["model.safetensors", "cut short"]);
    fs::write(&path, b"").unwrap();
    assert_says(&message(folder.path()), &["model.safetensors", "0 bytes"]);
    fs::write(&path, b"this is a text file, not a checkpoint").unwrap();
    assert_says(&message(folder.path()), &["model.safetensors", "expected a .safetensors file"]);
}

#[test]
fn a_nan_weight_is_named_with_its_place() {
    let folder = copy_of("vit");
    let path = folder.path().join("model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    assert_says(&message(folder.path()), &["pooler.dense.weight", "NaN", "element 1023"]);
}
