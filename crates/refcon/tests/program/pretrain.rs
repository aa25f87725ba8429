//! Pretraining through the program: from tiles and surveys to an encoder.

use crate::scratch::Scratch;
use crate::train::{metrics, only_run, spawn, wait_for_lines};
use std::fs;
use std::path::Path;

/// A tiny model on small images, a few steps.
const SMALL: [&str; 18] = [
    "--device",
    "cpu",
    "--precision",
    "f32",
    "--set",
    "model.image_size=32",
    "--set",
    "model.patch_size=8",
    "--set",
    "decoder={width: 64, layers: 1}",
    "--set",
    "batch=8",
    "--set",
    "optimiser.learning_rate=1e-2",
    "--set",
    "stopping.epochs=3",
    "--set",
    "data.held_out=3",
];

fn tiles(scratch: &Scratch) {
    for n in 0..40u8 {
        scratch.tile(&format!("tiles/{n}.png"), 5.0 + f32::from(n % 7), 0.05 * f32::from(n % 11));
    }
}

fn losses(run: &Path, name: &str) -> Vec<f64> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let records = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    records.filter(|record| record["name"] == name).map(|record| record["value"].as_f64().unwrap()).collect()
}

#[test]
fn a_masked_autoencoder_learns_and_is_an_encoder_then() {
    let scratch = Scratch::new();
    tiles(&scratch);
    scratch.refcon(&[&["pretrain", "mae", "tiles"], &SMALL[..]].concat()).done();
    let run = only_run(&scratch.path("runs"));
    let validation = losses(&run, "validation/reconstruction_loss");
    assert_eq!(validation.len(), 3);
    assert!(validation[2] < validation[0], "{validation:?}");
    let best = run.join("best");
    let best = best.to_str().unwrap();
    scratch.refcon(&["embed", "tiles", "--encoder", best, "-o", "embeddings.npy"]).done();
    scratch.refcon(&["show", "mae", "tiles", "--checkpoint", best, "-o", "mae.png"]).done();
    assert!(fs::metadata(scratch.path("mae.png")).unwrap().len() > 5000);
}

#[test]
fn a_pretraining_that_is_killed_goes_on_to_the_same_numbers_and_weights() {
    let scratch = Scratch::new();
    tiles(&scratch);
    let arguments = |runs: &'static str| {
        let often = ["pretrain", "mae", "tiles", "--runs", runs, "--set", "checkpoint_every_steps=3"];
        [&often[..], &SMALL[..]].concat()
    };
    scratch.refcon(&arguments("whole")).done();
    let whole = only_run(&scratch.path("whole"));
    let mut child = spawn(&scratch, &arguments("killed"));
    assert!(wait_for_lines(&mut child, &scratch.path("killed"), 14), "the program was too fast to be killed");
    child.kill().unwrap();
    child.wait().unwrap();
    let killed = only_run(&scratch.path("killed"));
    scratch.refcon(&["pretrain", "mae", "--resume", killed.to_str().unwrap()]).done();
    assert_eq!(metrics(&killed), metrics(&whole));
    let weights = |run: &Path| fs::read(run.join("best/model.safetensors")).unwrap();
    assert!(weights(&killed) == weights(&whole), "the weights differ");
}

#[test]
fn tiles_of_surveys_and_shards_are_learned_from_where_they_lie() {
    let scratch = Scratch::new();
    scratch
        .refcon(&["synth", "--inlines", "64", "--crosslines", "64", "--samples", "128", "-o", "survey.npy"])
        .done();
    scratch
        .refcon(&["tile", "survey.npy", "-o", "shards", "--size", "48x48", "--every", "16", "--shards", "50"])
        .done();
    let dry = ["--dry", "--set", "data.cut.size=[48, 48]"];
    let run = scratch.refcon(&[&["pretrain", "mae", "survey.npy", "shards"], &SMALL[..14], &dry].concat());
    run.done();
    assert!(run.stderr.contains("tiles to learn from"), "{}", run.stderr);
}

#[test]
fn what_cannot_be_learned_from_is_refused_with_a_reason() {
    let scratch = Scratch::new();
    tiles(&scratch);
    fs::rename(scratch.path("tiles"), scratch.path("image_corpus")).unwrap();
    let run = scratch.refcon(&["pretrain", "mae", "image_corpus"]);
    assert!(run.code == 3 && run.stderr.contains("never trained on"), "{}", run.stderr);
    let run = scratch.refcon(&["pretrain", "mae"]);
    assert!(run.code == 3 && run.stderr.contains("names no tiles"), "{}", run.stderr);
    let run = scratch.refcon(&["pretrain", "mae", "image_corpus", "--set", "maskd=0.5"]);
    assert!(run.code == 2 && run.stderr.contains("did you mean `masked`?"), "{}", run.stderr);
}
