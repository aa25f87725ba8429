//! Checkpoints that are not what they should be: one clear line that names tensor, found and expected.
//!
//! `golden/make_vit.py` and `golden/make_encoders.py` made the good ones.

// A helper of a test may unwrap as a test does; the lint's own exception sees test functions only.
#![allow(clippy::unwrap_used)]

use burn::tensor::Device;
use proptest::prelude::*;
use refcon_encoders::checkpoint::Checkpoint;
use refcon_encoders::{Execution, Family, MaskedAutoencoder, Pretrained};
use std::fs;
use std::path::{Path, PathBuf};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// A copy of a checkpoint, to be damaged.
fn copy_of(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(golden(name)).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
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
fn a_config_that_contradicts_the_tensors_says_what_does_not_fit() {
    let folder = copy_of("vit");
    let config = fs::read_to_string(folder.path().join("config.json")).unwrap();
    let says = |from: &str, to: &str, parts: &[&str]| {
        assert!(config.contains(from));
        fs::write(folder.path().join("config.json"), config.replace(from, to)).unwrap();
        assert_says(&message(folder.path()), parts);
    };
    says(
        "\"num_hidden_layers\": 2",
        "\"num_hidden_layers\": 3",
        &["config.json", "num_hidden_layers is 3, but the tensors' is 2"],
    );
    says(
        "\"intermediate_size\": 48",
        "\"intermediate_size\": 64",
        &["intermediate_size is 64, but the tensors' is 48"],
    );
    says(
        "\"image_size\": 32",
        "\"image_size\": 64",
        &["image_size is 64, but the positions are those of an image of 32 pixels"],
    );
    says("\"patch_size\": 8", "\"patch_size\": 7", &["image_size 32 is not a multiple of patch_size 7"]);
    says("\"num_attention_heads\": 4", "\"num_attention_heads\": 5", &["32", "num_attention_heads 5"]);
    says("\"hidden_act\": \"gelu\"", "\"hidden_act\": \"relu\"", &["hidden_act is relu, expected gelu"]);
    says(
        "\"model_type\": \"vit\"",
        "\"model_type\": \"bert\"",
        &["config.json", "\"bert\"", "expected \"vit\""],
    );
    says("\"hidden_size\": 32", "\"hidden_size\": -1", &["config.json", "-1"]);
    says(
        "\"model_type\": \"vit\"",
        "\"model_type\": \"dinov2\"",
        &[
            "model.safetensors",
            "family dinov2 (config.json) was expected",
            "encoder.layer.0.attention",
            "Transformers' ViT",
        ],
    );
    fs::remove_file(folder.path().join("config.json")).unwrap();
    assert_says(
        &message(folder.path()),
        &["how many attention heads a model of width 32 has", "config.json"],
    );
}

#[test]
fn a_family_that_is_forced_and_wrong_is_refused_with_whose_names_were_found() {
    for (name, forced, library) in [
        ("vit", Family::Clip, "Transformers' ViT (family vit)"),
        ("clip", Family::Dinov2, "Transformers' CLIP (family clip)"),
        ("torchvision", Family::Mae, "torchvision's ViT (family vit)"),
        ("dinov2-meta", Family::Vit, "Meta's DINOv2 (family dinov2)"),
    ] {
        let error = Pretrained::open_on(&golden(name), Some(forced), &Device::default(), Execution::F32)
            .unwrap_err()
            .to_string();
        assert_says(&error, &["asked for", &forced.to_string(), library]);
    }
    // These share their names.
    Pretrained::open_on(&golden("timm-lightning"), Some(Family::Mae), &Device::default(), Execution::F32)
        .unwrap();
}

#[test]
fn an_image_size_that_the_patch_does_not_divide_is_refused() {
    let folder = copy_of("vit");
    let says = |settings: &str, parts: &[&str]| {
        fs::write(folder.path().join("refcon-encoder.json"), settings).unwrap();
        assert_says(&message(folder.path()), parts);
    };
    says(
        r#"{"preprocessing": {"contrast": 1.0, "resize_shorter_side": 40, "crop": 36}}"#,
        &["refcon-encoder.json", "36 pixels", "multiple of the model's patch_size 8"],
    );
    says(
        r#"{"preprocessing": {"contrast": 1.0, "resize_shorter_side": 16384, "crop": 16384}}"#,
        &["16384 pixels, 4194304 patches of 8 pixels, expected at most"],
    );
    says(r#"{"pooling": "projected"}"#, &["refcon-encoder.json", "no projection"]);
    says(r#"{"pooling": {"gem": -1.0}}"#, &["refcon-encoder.json", "power -1"]);
    says(r#"{"channels": 4}"#, &["refcon-encoder.json", "channels is 4, expected 3"]);
    says(r#"{"std": [1.0, 0.0, 1.0]}"#, &["refcon-encoder.json", "std holds 0"]);
    says(r#"{"mean": [1.0, 0.0]}"#, &["refcon-encoder.json", "mean has 2 values"]);
    says(r#"{"crop": 32}"#, &["refcon-encoder.json", "unknown field `crop`"]);
}

#[test]
fn half_a_shard_set_names_the_missing_shard_and_a_tensor_of_it() {
    let folder = copy_of("clip-both-towers-sharded");
    fs::remove_file(folder.path().join("model-00002-of-00002.safetensors")).unwrap();
    assert_says(
        &message(folder.path()),
        &[
            "model.safetensors.index.json",
            "shard model-00002-of-00002.safetensors is missing (one of 2)",
            "it holds text_projection.weight and 22 more",
        ],
    );
    // Naming the shard that is there asks for the whole set all the same.
    let shard = folder.path().join("model-00001-of-00002.safetensors");
    assert_says(&message(&shard), &["shard model-00002-of-00002.safetensors is missing (one of 2)"]);
    let index = folder.path().join("model.safetensors.index.json");
    let elsewhere = fs::read_to_string(&index).unwrap().replace("model-00002", "../model-00002");
    fs::write(&index, elsewhere).unwrap();
    assert_says(&message(folder.path()), &["../model-00002-of-00002.safetensors", "outside"]);
    fs::remove_file(&index).unwrap();
    assert_says(&message(&shard), &["it is one of 2 shards", "model.safetensors.index.json"]);
}

#[test]
fn a_pickle_with_code_in_it_is_refused_by_name_and_not_run() {
    for file in ["zip.pth", "legacy.pth"] {
        let error = message(&golden("pickle-with-code").join(file));
        assert_says(&error, &[file, "system", "expected tensors and plain values"]);
        assert!(!Path::new("refcon-was-here").exists());
    }
}

#[test]
fn a_cut_pytorch_file_is_damaged_wherever_it_is_cut() {
    for (name, file) in
        [("torchvision", "vit.pth"), ("torchvision-headless", "vit.pth"), ("timm-lightning", "last.ckpt")]
    {
        let folder = copy_of(name);
        let path = folder.path().join(file);
        let bytes = fs::read(&path).unwrap();
        for cut in [0, 1, 10, 100, 1000, bytes.len() / 2, bytes.len() - 1] {
            fs::write(&path, &bytes[..cut]).unwrap();
            assert_says(&message(folder.path()), &[file]);
        }
    }
}

#[test]
fn a_file_with_another_network_says_whose_names_are_known() {
    let folder = copy_of("vit");
    edit_header(folder.path(), |header| {
        let renamed =
            header.iter().map(|(name, tensor)| (name.replace("embeddings", "stem"), tensor.clone()));
        *header = renamed.collect();
    });
    assert_says(
        &message(folder.path()),
        &["no known encoder, such as", "expected those of Transformers' ViT"],
    );
}

#[test]
fn a_folder_without_weights_or_with_several_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert_says(&message(folder.path()), &["no weights' file", "model.safetensors"]);
    fs::write(folder.path().join("a.pth"), b"").unwrap();
    fs::write(folder.path().join("b.pth"), b"").unwrap();
    assert_says(&message(folder.path()), &["2 weights' files", "a.pth", "b.pth"]);
    assert_says(&message(&folder.path().join("c.pth")), &["c.pth", "No such file"]);
}

#[test]
fn a_masked_autoencoder_without_its_decoder_is_said_to_lack_it() {
    let device = Device::default();
    let error = MaskedAutoencoder::open(&golden("vit"), &device).unwrap_err().to_string();
    assert_says(&error, &["missing: decoder.decoder_embed.weight"]);
    let error = MaskedAutoencoder::open(&golden("clip"), &device).unwrap_err().to_string();
    assert_says(&error, &["Transformers' CLIP", "expected a masked autoencoder"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_a_checkpoint_or_an_error(
        start in prop::sample::select(vec![&b""[..], b"PK\x03\x04", b"\x80\x02", b"\x80\x02}", b"\x10\0\0\0\0\0\0\0{"]),
        bytes in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.pth");
        fs::write(&path, [start, &bytes].concat()).unwrap();
        let _ = Checkpoint::open(&path);
    }

    #[test]
    fn a_pytorch_file_with_changed_bytes_never_panics(
        file in prop::sample::select(vec!["torchvision/vit.pth", "torchvision-headless/vit.pth", "timm-lightning/last.ckpt"]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = fs::read(golden(file)).unwrap();
        // The pickle and the archive's directory are where harm can be done.
        let places: Vec<usize> = (0..8000.min(bytes.len())).chain(bytes.len().saturating_sub(6000)..bytes.len()).collect();
        for (place, value) in changes {
            bytes[places[place.index(places.len())]] = value;
        }
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("w.pth"), bytes).unwrap();
        fs::write(folder.path().join("refcon-encoder.json"), r#"{"heads": 4}"#).unwrap();
        let _ = Pretrained::open(folder.path());
    }
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
