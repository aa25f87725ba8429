//! Exported folders against those that Transformers itself writes.
//!
//! Transformers' own reading of them is tested in `tests/interoperability/test_exported_encoders.py`, which needs PyTorch.

// A helper of a test may unwrap as a test does; the lint's own exception sees test functions only.
#![allow(clippy::unwrap_used)]

use refcon_encoders::checkpoint::Checkpoint;
use refcon_encoders::{
    Encoder, Execution, ExportError, MaskedAutoencoder, ModelCard, Pretrained, StoredAs, device, export,
    export_masked_autoencoder,
};
use refcon_kernels::Tier;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn exported(name: &str, card: &ModelCard) -> (Pretrained, tempfile::TempDir, PathBuf) {
    let encoder = Pretrained::open(&golden(name)).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("exported");
    export(&encoder, encoder.model(), card, StoredAs::F32, &folder).unwrap();
    (encoder, scratch, folder)
}

/// Names, shapes and values of every tensor are those of the file that Transformers wrote, but for what embeds no image.
#[track_caller]
fn same_tensors(ours: &Path, theirs: &Path, not_ours: &[&str]) {
    let (mut ours, mut theirs) = (Checkpoint::open(ours).unwrap(), Checkpoint::open(theirs).unwrap());
    let names: Vec<String> =
        theirs.tensors().keys().filter(|name| !not_ours.contains(&name.as_str())).cloned().collect();
    assert_eq!(ours.tensors().keys().cloned().collect::<Vec<_>>(), names);
    for name in names {
        assert_eq!(ours.shape(&name), theirs.shape(&name), "{name}");
        assert_eq!(ours.read(&name).unwrap(), theirs.read(&name).unwrap(), "{name}");
    }
}

/// What our configuration says is what Transformers' own says.
#[track_caller]
fn same_config(ours: &Path, theirs: &Path) {
    let theirs = read(theirs);
    for (key, value) in read(ours).as_object().unwrap() {
        if key != "torch_dtype" {
            assert_eq!(&theirs[key], value, "{key}");
        }
    }
}

#[test]
fn exports_are_the_files_that_transformers_writes() {
    for name in ["vit", "deit", "clip", "dinov2", "dinov2-swiglu", "dinov2-registers"] {
        let (_, _scratch, folder) = exported(name, &ModelCard::default());
        same_tensors(&folder, &golden(name), &["embeddings.mask_token"]);
        if name != "dinov2-swiglu" {
            same_config(&folder.join("config.json"), &golden(name).join("config.json"));
        }
    }
}

#[test]
fn the_gated_perceptrons_ratio_gives_its_width_back() {
    let (encoder, _scratch, folder) = exported("dinov2-swiglu", &ModelCard::default());
    let config = read(&folder.join("config.json"));
    let ratio = config["mlp_ratio"].as_f64().unwrap();
    // Transformers' arithmetic.
    let hidden = ((32.0 * ratio) as usize as f64 * 2.0 / 3.0) as usize;
    assert_eq!(hidden.div_ceil(8) * 8, encoder.architecture().perceptron_width);
}

#[test]
fn a_masked_autoencoder_is_exported_with_its_decoder() {
    let (model, decoder) = MaskedAutoencoder::open(&golden("mae"), &device::cpu()).unwrap();
    let encoder = Pretrained::open(&golden("mae")).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("exported");
    export_masked_autoencoder(&model, encoder.architecture(), &decoder, None, &folder).unwrap();
    same_tensors(&folder, &golden("mae"), &[]);
    same_config(&folder.join("config.json"), &golden("mae").join("config.json"));
}

#[test]
fn an_export_opens_again_and_embeds_alike_whatever_it_came_from() {
    for name in [
        "vit",
        "vit-classifier",
        "deit",
        "torchvision",
        "torchvision-headless",
        "timm-lightning",
        "mae",
        "mae-meta-grey",
        "clip",
        "clip-both-towers-sharded",
        "dinov2",
        "dinov2-swiglu",
        "dinov2-meta",
        "dinov2-registers",
    ] {
        let (before, _scratch, folder) = exported(name, &ModelCard::default());
        let after = Pretrained::open(&folder).unwrap();
        assert_eq!(after.dimension(), before.dimension(), "{name}");
        let sizes = before.architecture();
        let pixels: Vec<f32> = (0..sizes.channels * sizes.image_size.pow(2))
            .map(|at| (at * 7919 % 1009) as f32 / 1008.0)
            .collect();
        assert_eq!(before.embed_pixels(pixels.clone(), 1), after.embed_pixels(pixels, 1), "{name}");
    }
}

#[test]
fn the_model_card_says_data_metrics_normalisation_and_polarity() {
    let card = ModelCard {
        title: "A test".into(),
        data: Some("Random numbers, public domain".into()),
        metrics: vec![("mAP on F3".into(), "0.5".into())],
        polarity: Some("an increase of impedance is a positive number".into()),
        notes: None,
    };
    let (_, _scratch, folder) = exported("clip", &card);
    let text = fs::read_to_string(folder.join("README.md")).unwrap();
    for part in [
        "# A test",
        "Random numbers, public domain",
        "| mAP on F3 | 0.5 |",
        "Contrast ×15",
        "no mean and standard deviation",
        "an increase of impedance",
        "CLIPVisionModelWithProjection",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    let (_, _scratch, folder) = exported("clip", &ModelCard::default());
    assert_eq!(fs::read_to_string(folder.join("README.md")).unwrap().matches("not said").count(), 3);
    let processor = read(&folder.join("preprocessor_config.json"));
    assert_eq!(processor["crop_size"]["height"], 32);
    assert_eq!(processor["do_normalize"], false);
}

#[test]
fn an_export_replaces_nothing_and_what_transformers_lacks_is_said() {
    let encoder = Pretrained::open(&golden("vit")).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let error =
        export(&encoder, encoder.model(), &ModelCard::default(), StoredAs::F32, scratch.path()).unwrap_err();
    assert!(matches!(error, ExportError::Exists(_)), "{error}");
    let late = Pretrained::open(&golden("timm-registers")).unwrap();
    let error =
        export(&late, late.model(), &ModelCard::default(), StoredAs::F32, &scratch.path().join("new"))
            .unwrap_err();
    assert!(error.to_string().contains("normalises after pooling"), "{error}");
    assert!(!scratch.path().join("new").exists());
}

#[test]
fn weights_that_were_packed_for_inference_are_not_written() {
    for tier in Tier::here() {
        let execution = Execution::in_tier(tier);
        let encoder = Pretrained::open_on(&golden("vit"), None, &device::cpu(), execution).unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("exported");
        let error =
            export(&encoder, encoder.model(), &ModelCard::default(), StoredAs::F32, &folder).unwrap_err();
        assert!(matches!(error, ExportError::Packed) && !folder.exists(), "{error}");
    }
}
