//! Encoders with weights, through the program: list, inspect, embed, export.

use crate::scratch::Scratch;
use crate::train::only_run;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, RowAccessor};
use std::fs;
use std::path::Path;

/// The checkpoint folders that the encoders' own tests compare with the original implementations.
pub(crate) fn golden(name: &str) -> String {
    format!("{}/../refcon-encoders/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn tiles() -> Scratch {
    let scratch = Scratch::new();
    for n in 0..3u8 {
        scratch.tile(&format!("tiles/{n}.png"), 7.0 + f32::from(n), 0.1 * f32::from(n));
    }
    scratch
}

/// Shape and values of a NumPy file of 32-bit floats, as version 1 of its format has them.
fn read_npy(bytes: &[u8]) -> (String, Vec<f32>) {
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let text = String::from_utf8(bytes[10..10 + header].to_vec()).unwrap();
    let values = bytes[10 + header..].as_chunks().0.iter().map(|&value| f32::from_le_bytes(value)).collect();
    (text, values)
}

#[test]
fn the_list_names_every_family_with_dimensions_and_parameters() {
    let scratch = Scratch::new();
    let run = scratch.refcon(&["encoders"]);
    for text in
        ["texture", "vit-b16", "clip-l14", "dinov2-b14-reg", "mae-l16", "SFM", "303.3 M", "components"]
    {
        assert!(run.done().stdout.contains(text), "{text}: {run:?}");
    }
    let json = scratch.refcon(&["encoders", "--json"]);
    let entries: Vec<serde_json::Value> = serde_json::from_str(&json.done().stdout).unwrap();
    let clip = entries.iter().find(|entry| entry["name"] == "clip-l14").unwrap();
    assert_eq!((&clip["dimension"], &clip["parameters"]), (&768.into(), &303_966_208.into()));
}

#[test]
fn inspect_says_what_a_checkpoint_is_and_what_of_it_is_not_needed() {
    let scratch = Scratch::new();
    let run = scratch.refcon(&["encoder", "inspect", &golden("timm-lightning"), "--tensors"]);
    for text in [
        "family vit",
        "timm's ViT, after `state_dict.encoder.`",
        "2 blocks of width 32",
        "missing     none",
        "not needed  2:",
        "state_dict.triplet_loss.weight",
        "state_dict.encoder.blocks.1.attn.qkv.weight",
    ] {
        assert!(run.done().stdout.contains(text), "{text}: {run:?}");
    }
    let json = scratch.refcon(&["--json", "encoder", "inspect", &golden("clip-both-towers-sharded")]);
    let found: serde_json::Value = serde_json::from_str(&json.done().stdout).unwrap();
    assert_eq!((&found["family"], &found["dimension"]), (&"clip".into(), &24.into()));
    assert_eq!(found["tensors"]["blocks.0.qkv.weight"].as_array().unwrap().len(), 3);
    let code = scratch.refcon(&["encoder", "inspect", &format!("{}/zip.pth", golden("pickle-with-code"))]);
    code.failed_with(3, &["system", "expected tensors and plain values"]);
    scratch
        .refcon(&["encoder", "inspect", &golden("vit"), "--family", "clip"])
        .failed_with(3, &["family clip (asked for)", "Transformers' ViT"]);
}

#[test]
fn embeddings_are_written_as_numpy_with_the_names_of_their_rows() {
    let scratch = tiles();
    let run =
        scratch.refcon(&["embed", "tiles", "--encoder", &golden("clip"), "-o", "e.npy", "--device", "cpu"]);
    assert!(run.done().stdout.contains("3 images embedded by clip-32x2-p8"), "{run:?}");
    let (header, values) = read_npy(&fs::read(scratch.path("e.npy")).unwrap());
    assert!(header.contains("'<f4'") && header.contains("(3, 24"), "{header}");
    assert!(values.len() == 72 && values.iter().all(|value| value.is_finite()));
    assert_ne!(values[..24], values[24..48]);
    assert_eq!(fs::read_to_string(scratch.path("e.csv")).unwrap(), "row,file\n0,0.png\n1,1.png\n2,2.png\n");
    scratch.refcon(&["embed", "tiles", "-o", "e.png"]).failed_with(2, &["e.png", ".parquet or .npy"]);
    // Someone's table is not taken for one of an earlier run.
    scratch.write("mine.csv", b"a,b\n");
    scratch.refcon(&["embed", "tiles", "-o", "mine.npy"]).failed_with(2, &["mine.csv is there already"]);
    assert_eq!(fs::read_to_string(scratch.path("mine.csv")).unwrap(), "a,b\n");
}

#[test]
fn a_parquet_file_holds_names_vectors_and_the_encoder() {
    let scratch = tiles();
    let embed = |out: &str| scratch.refcon(&["embed", "tiles", "--encoder", &golden("clip"), "-o", out]);
    embed("e.npy").done();
    let run = embed("e.parquet");
    assert!(!run.done().stdout.contains("names:"), "{run:?}");
    let (_, expected) = read_npy(&fs::read(scratch.path("e.npy")).unwrap());
    let file = SerializedFileReader::new(fs::File::open(scratch.path("e.parquet")).unwrap()).unwrap();
    let metadata = file.metadata().file_metadata().key_value_metadata().unwrap();
    assert!(metadata.iter().any(|entry| entry.value.as_deref() == Some("clip-32x2-p8")), "{metadata:?}");
    let mut values = Vec::new();
    for (n, row) in file.get_row_iter(None).unwrap().enumerate() {
        let row = row.unwrap();
        assert_eq!(row.get_string(0).unwrap(), &format!("{n}.png"));
        values.extend(row.get_list(1).unwrap().elements().iter().map(|value| match value {
            Field::Float(value) => *value,
            other => panic!("{other:?}"),
        }));
    }
    assert_eq!(values, expected);
}

#[test]
fn an_exported_encoder_embeds_as_the_checkpoint_it_came_from() {
    let scratch = tiles();
    let from = golden("torchvision");
    let export = ["encoder", "export", "--encoder", &from, "-o", "exported", "--metric", "mAP=0.5"];
    assert!(scratch.refcon(&export).done().stdout.contains("README.md"));
    assert!(fs::read_to_string(scratch.path("exported/README.md")).unwrap().contains("| mAP | 0.5 |"));
    for (encoder, out) in [(from.as_str(), "before.npy"), ("exported", "after.npy")] {
        scratch.refcon(&["embed", "tiles", "--encoder", encoder, "-o", out]).done();
    }
    assert_eq!(fs::read(scratch.path("before.npy")).unwrap(), fs::read(scratch.path("after.npy")).unwrap());
    scratch.refcon(&export).failed_with(4, &["exported", "there already"]);
}

#[test]
fn the_precision_is_chosen_and_every_result_says_what_was_computed_in() {
    let scratch = tiles();
    let embed = |precision: &str, out: &str| {
        let encoder = golden("dinov2");
        let line = ["embed", "tiles", "--encoder", &encoder, "-o", out, "--precision", precision, "--json"];
        scratch.refcon(&line)
    };
    let said = |run: &crate::scratch::Run| -> serde_json::Value {
        serde_json::from_str(&run.done().stdout).unwrap()
    };
    let (exact, fastest) = (said(&embed("f32", "exact.npy")), said(&embed("auto", "fastest.npy")));
    assert_eq!(exact["tier"], "f32");
    assert!(["f32", "avx512-bf16", "amx-bf16"].contains(&fastest["tier"].as_str().unwrap()), "{fastest}");
    assert_eq!(exact["encoder_hash"], fastest["encoder_hash"]);
    let rounded = embed("bf16", "bf16.npy");
    if fastest["tier"] == "f32" {
        rounded.failed_with(2, &["precision bf16", "tier f32", "--precision auto"]);
    } else {
        assert_eq!(said(&rounded)["tier"], fastest["tier"]);
        let of = |name: &str| fs::read(scratch.path(name)).unwrap();
        assert!(of("bf16.npy") == of("fastest.npy") && of("bf16.npy") != of("exact.npy"));
        // Weights are written as they are, whatever they would be multiplied in.
        for (folder, precision) in [("rounded", "bf16"), ("whole", "f32")] {
            let export =
                ["encoder", "export", "--encoder", &golden("dinov2"), "-o", folder, "--precision", precision];
            scratch.refcon(&export).done();
        }
        assert!(of("rounded/model.safetensors") == of("whole/model.safetensors"));
    }
    let run = embed("f16", "none.npy");
    assert!(run.code == 2 && run.stderr.contains("expected auto, f32 or bf16"), "{run:?}");
}

#[test]
fn a_device_that_is_none_or_not_there_is_one_line() {
    let scratch = tiles();
    let embed = |device: &str| {
        scratch.refcon(&["embed", "tiles", "--encoder", &golden("vit"), "-o", "e.npy", "--device", device])
    };
    let run = embed("tpu");
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("expected auto, cpu, gpu"), "{run:?}");
    embed("gpu:1000").failed_with(2, &["gpu:1000", "--device cpu"]);
}

#[test]
fn the_compact_encoder_comes_with_the_program() {
    let scratch = tiles();
    let compact = ["--encoder", "compact"];
    let run = scratch.refcon(&["encoder", "inspect", "compact"]);
    assert!(run.done().stdout.contains("joined with the texture descriptor"), "{run:?}");
    // A library that holds its tiles alone goes on with it.
    scratch.refcon(&[&["index", "tiles", "--library", "L"], &compact[..]].concat()).done();
    for n in 0..2u8 {
        scratch.tile(&format!("more/{n}.png"), 11.0 + f32::from(n), 0.2);
    }
    scratch.refcon(&["index", "more", "--library", "L"]).done();
    let search = scratch.refcon(&["search", "--library", "L", "--image", "more/1.png", "--json"]);
    let found: serde_json::Value = serde_json::from_str(&search.done().stdout).unwrap();
    assert_eq!(found["encoder"], "compact");
    let info = scratch.refcon(&["library", "info", "L", "--json"]);
    let info: serde_json::Value = serde_json::from_str(&info.done().stdout).unwrap();
    assert_eq!(info["encoders"].as_array().map(Vec::len), Some(1), "{info}");
    // What another encoder alone has embedded is not searched, which is told.
    scratch.tile("others/0.png", 13.0, 0.4);
    scratch.refcon(&["index", "others", "--library", "L", "--encoder", "texture"]).done();
    let search = ["search", "--library", "L", "--image", "more/1.png"];
    let run = scratch.refcon(&[&search, &compact[..]].concat());
    assert!(run.done().stdout.contains("other encoders have embedded it: others"), "{run:?}");
    // A head on it trains, and training all of it is refused with a reason.
    for n in 0..12u8 {
        let class = if n % 2 == 0 { "Salt" } else { "Channel" };
        scratch.tile(&format!("train/{class}/{n}.png"), 5.0 + f32::from(n), 0.3 * f32::from(n % 2));
    }
    let train = ["train", "--data", "train", "--set", "stopping.epochs=2"];
    scratch.refcon(&[&train, &compact[..]].concat()).done();
    let run = only_run(&scratch.path("runs"));
    let embed = |encoder: &Path| {
        scratch.refcon(&["embed", "tiles", "--encoder", encoder.to_str().unwrap(), "-o", "trained.npy"])
    };
    embed(&run).failed_with(3, &["folder of a training", "/best"]);
    embed(&run.join("best")).done();
    let (shape, _) = read_npy(&fs::read(scratch.path("trained.npy")).unwrap());
    assert!(shape.contains("(3, 357"), "{shape}");
    let whole = scratch.refcon(&[&train, &compact[..], &["--set", "tuning=full"]].concat());
    whole.failed_with(3, &["only a head can be trained", "joins the texture descriptor"]);
}

#[test]
fn the_encoder_without_weights_is_no_checkpoint() {
    let scratch = tiles();
    for arguments in [&["encoder", "export", "-o", "e"][..], &["encoder", "inspect", "texture"]] {
        scratch.refcon(arguments).failed_with(2, &["the texture descriptor has no weights", "compact"]);
    }
    let family = scratch.refcon(&["embed", ".", "-o", "x.npy", "--family", "clip"]);
    family.failed_with(2, &["--family clip", "texture"]);
}
