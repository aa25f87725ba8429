//! Pretraining through the program: from tiles and surveys to an encoder.

use crate::encoders::golden;
use crate::scratch::Scratch;
use crate::train::{metrics, only_run, spawn, wait_for_lines};
use std::fs;
use std::path::Path;

/// A tiny model on small images, a few steps.
const SMALL: [&str; 16] = [
    "--device",
    "cpu",
    "--precision",
    "f32",
    "--set",
    "model.image_size=32",
    "--set",
    "model.patch_size=8",
    "--set",
    "batch=8",
    "--set",
    "optimiser.learning_rate=1e-2",
    "--set",
    "stopping.epochs=3",
    "--set",
    "data.held_out=3",
];

/// Small parts of each method.
const MAE: [&str; 3] = ["mae", "--set", "decoder={width: 64, layers: 1}"];
const DINO: [&str; 7] = [
    "dino",
    "--set",
    "local_crops={count: 1, size: 16}",
    "--set",
    "projector={hidden: 64, bottleneck: 32, prototypes: 64}",
    "--set",
    "teacher={momentum: [0.9, 1.0], centring: centre}",
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
    scratch.refcon(&[&["pretrain"], &MAE[..], &["tiles"], &SMALL].concat()).done();
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
fn a_student_of_dino_learns_and_its_teacher_is_an_encoder_then() {
    let scratch = Scratch::new();
    tiles(&scratch);
    // A centre takes some dozen steps to settle, in which the loss rises; Sinkhorn-Knopp is right from the first one.
    let at_once = "teacher.centring=sinkhorn_knopp";
    let others =
        ["tiles", "--set", "pooling=class_and_mean", "--set", at_once, "--set", "projector.frozen_epochs=0"];
    scratch.refcon(&[&["pretrain"], &DINO[..], &others, &SMALL].concat()).done();
    let run = only_run(&scratch.path("runs"));
    for name in
        ["validation/view_reciprocal_rank", "validation/teacher_entropy", "validation/embedding_deviation"]
    {
        assert_eq!(losses(&run, name).len(), 3, "{name}");
    }
    let epochs = losses(&run, "train/epoch_loss");
    assert!(epochs[2] < epochs[0], "{epochs:?}");
    let best = run.join("best");
    scratch.refcon(&["embed", "tiles", "--encoder", best.to_str().unwrap(), "-o", "embeddings.npy"]).done();
    let bytes = fs::read(scratch.path("embeddings.npy")).unwrap();
    // 40 tiles, class token and mean of the patches of width 192.
    assert!(String::from_utf8_lossy(&bytes[..128]).contains("(40, 384"));
    let listed = scratch.refcon(&["runs"]);
    let best = losses(&run, "validation/view_reciprocal_rank").into_iter().fold(0.0, f64::max);
    let said = format!("view_reciprocal_rank {best:.4}");
    assert!(listed.stdout.contains("dino") && listed.stdout.contains(&said), "{said}: {}", listed.stdout);
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.contains("best view_reciprocal_rank") && !page.contains("best embedding_deviation"));
    let run = run.to_str().unwrap();
    scratch.refcon(&["pretrain", "mae", "--resume", run]).failed_with(2, &["refcon pretrain dino --resume"]);
}

#[test]
fn a_tile_that_cannot_be_read_is_left_out_and_fewer_held_out_ones_are_said() {
    let scratch = Scratch::new();
    tiles(&scratch);
    scratch.write("tiles/0.png", b"\x89PNG\r\n\x1a\nnothing more");
    let more = ["tiles", "--set", "data.held_out=30", "--dry"];
    for method in [&MAE[..], &DINO] {
        let run = scratch.refcon(&[&["pretrain"], method, &SMALL[..12], &more].concat());
        let said = &run.done().stderr;
        assert!(said.contains("4 held out (data.held_out asks for 30, and a tenth of all"), "{said}");
        assert_eq!(said.matches("0.png is damaged").count(), 1, "{said}");
    }
    let dry = scratch.refcon(&["runs"]);
    assert_eq!(dry.done().stdout.matches("\ndry-").count(), 2, "{dry:?}");
    for n in 0..40 {
        scratch.write(&format!("none/{n}.png"), b"\x89PNG\r\n\x1a\nnothing more");
    }
    let none = [&["pretrain"], &MAE[..], &["none", "--runs", "none-runs"]].concat();
    scratch.refcon(&none).failed_with(3, &["none of 36 images could be read", ".png is damaged"]);
    assert!(!scratch.path("none-runs").exists());
}

#[test]
fn small_crops_larger_than_a_tile_are_warned_of() {
    let scratch = Scratch::new();
    tiles(&scratch);
    let more = ["--dry", "--set", "local_crops={count: 1, size: 64}", "tiles"];
    let run = scratch.refcon(&[&["pretrain"], &DINO[..], &SMALL[..12], &more].concat());
    let said = &run.done().stderr;
    assert!(said.contains("small crops of 64 pixels") && said.contains("48 × 48"), "{said}");
}

#[test]
fn small_crops_are_whole_patches_of_the_checkpoint_that_is_started_from() {
    let scratch = Scratch::new();
    tiles(&scratch);
    // Its patches are of 8, unlike the default of `model.patch_size`.
    let start = golden("dinov2");
    let with = |size: &'static str| {
        let start = ["tiles", "--start", &start, "--dry", "--set", size, "--set", "batch=8"];
        let small = ["--set", "projector={hidden: 64, bottleneck: 32, prototypes: 64}", "--device", "cpu"];
        scratch.refcon(&[&["pretrain", "dino"], &start[..], &small].concat())
    };
    with("local_crops={count: 1, size: 24}").done();
    with("local_crops={count: 1, size: 20}").failed_with(3, &["local_crops.size", "patch of 8"]);
}

#[test]
fn a_pretraining_that_is_killed_goes_on_to_the_same_numbers_and_weights() {
    for method in [&MAE[..], &DINO] {
        let scratch = Scratch::new();
        tiles(&scratch);
        let arguments = |runs: &'static str| {
            let often = ["tiles", "--runs", runs, "--set", "checkpoint_every_steps=3"];
            [&["pretrain"], method, &often, &SMALL].concat()
        };
        scratch.refcon(&arguments("whole")).done();
        let whole = only_run(&scratch.path("whole"));
        let lines = metrics(&whole).len();
        let mut child = spawn(&scratch, &arguments("killed"));
        // A third of the way: behind the first checkpoint, and between two.
        let in_time = wait_for_lines(&mut child, &scratch.path("killed"), lines / 3);
        assert!(in_time, "the program was too fast to be killed");
        child.kill().unwrap();
        child.wait().unwrap();
        let killed = only_run(&scratch.path("killed"));
        let name = killed.file_name().unwrap().to_str().unwrap();
        scratch.refcon(&["pretrain", method[0], "--resume", name, "--runs", "killed"]).done();
        assert_eq!(metrics(&killed), metrics(&whole));
        let weights = |run: &Path| fs::read(run.join("best/model.safetensors")).unwrap();
        assert!(weights(&killed) == weights(&whole), "the weights differ");
    }
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
    for method in [&MAE[..], &DINO] {
        let run =
            scratch.refcon(&[&["pretrain"], method, &["survey.npy", "shards"], &SMALL[..12], &dry].concat());
        run.done();
        assert!(run.stderr.contains("tiles to learn from"), "{}", run.stderr);
    }
}

#[test]
fn what_cannot_be_learned_from_is_refused_with_a_reason() {
    let scratch = Scratch::new();
    tiles(&scratch);
    fs::rename(scratch.path("tiles"), scratch.path("image_corpus")).unwrap();
    for method in ["mae", "dino"] {
        let run = scratch.refcon(&["pretrain", method, "image_corpus"]);
        assert!(run.code == 3 && run.stderr.contains("never trained on"), "{}", run.stderr);
        let run = scratch.refcon(&["pretrain", method]);
        assert!(run.code == 3 && run.stderr.contains("names no tiles"), "{}", run.stderr);
    }
    let run = scratch.refcon(&["pretrain", "mae", "image_corpus", "--set", "maskd=0.5"]);
    assert!(run.code == 2 && run.stderr.contains("did you mean `masked`?"), "{}", run.stderr);
    // A run that is taken up again has its own settings; nothing is passed over in silence.
    for command in [&["pretrain", "mae"][..], &["pretrain", "dino"], &["train"], &["iterate"]] {
        for option in
            [&["--device", "cpu"][..], &["--precision", "f32"], &["--print-config"], &["--allow-test-data"]]
        {
            let run = scratch.refcon(&[command, &["--resume", "x"], option].concat());
            assert!(run.code == 2 && run.stderr.contains("cannot be used with"), "{command:?} {option:?}");
        }
    }
}

#[test]
fn the_challenge_s_recipe_is_shown_with_all_its_settings() {
    let scratch = Scratch::new();
    let recipe = ["pretrain", "dino", "tiles", "--config", "pretrain-dino-challenge", "--print-config"];
    let run = scratch.refcon(&[&recipe[..], &["--set", "weights.koleo=0.2"]].concat());
    for says in ["prototypes: 1000", "koleo: 0.2", "- 0.994", "count: 0", "frozen_epochs: 1", "polarity: 0"] {
        assert!(run.done().stdout.contains(says), "{says:?} is not in {}", run.stdout);
    }
    scratch
        .refcon(&["pretrain", "dino", "tiles", "--config", "challenge"])
        .failed_with(3, &["pretrain-dino-challenge"]);
}

#[test]
fn shares_of_a_batch_take_the_step_of_the_whole() {
    let scratch = Scratch::new();
    tiles(&scratch);
    let losses_on = |devices: &str| {
        let runs = format!("runs-{}", devices.len());
        let on = ["tiles", "--runs", &runs, "--device", devices];
        scratch.refcon(&[&["pretrain"], &MAE[..], &on, &SMALL[2..]].concat()).done();
        losses(&only_run(&scratch.path(&runs)), "train/loss")
    };
    let one = losses_on("cpu");
    assert!(one[0] > one[one.len() - 1], "{one:?}");
    // Eight tiles have no third.
    for devices in ["cpu,cpu", "cpu,cpu,cpu"] {
        let several = losses_on(devices);
        assert_eq!(several.len(), one.len());
        assert!(one.iter().zip(&several).all(|(a, b)| (a - b).abs() < 1e-4), "{one:?} {several:?}");
    }
    let dino = scratch.refcon(&["pretrain", "dino", "tiles", "--device", "cpu,cpu"]);
    dino.failed_with(3, &["device: cpu,cpu", "expected one"]);
}
