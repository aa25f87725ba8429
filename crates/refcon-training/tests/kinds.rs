//! Every kind of tuning, loss, miner, sampling and schedule trains, and what is written embeds as what was trained.

// A helper of a test may unwrap as a test does; the lint's own exception sees test functions only.
#![allow(clippy::unwrap_used)]

use burn::module::Module;
use refcon_encoders::{Execution, device, open_encoder};
use refcon_image::figure::encode_png;
use refcon_image::{DecodeLimits, GreyImage};
use refcon_training::config::Config;
use refcon_training::fit::{Ending, Task, fit};
use refcon_training::metric_learning::{Prepared, plan, prepare};
use refcon_training::optimise::{Parameters, prepared};
use refcon_training::runs::{Facts, Method, Run, RunState, RunSummary, read_records};
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// Three classes of stripes, six tiles each.
fn tiles(folder: &Path) {
    for (class, period) in [("coarse", 12.0f32), ("fine", 5.0), ("middle", 8.0)] {
        std::fs::create_dir_all(folder.join(class)).unwrap();
        for n in 0..6 {
            let level = |at: usize| {
                let (x, y) = ((at % 40) as f32, (at / 40) as f32);
                0.5 + 0.4
                    * ((y + 0.1 * n as f32 * x) * std::f32::consts::TAU / (period + 0.1 * n as f32)).sin()
            };
            let tile = GreyImage::new(40, 40, (0..1600).map(level).collect()).unwrap();
            std::fs::write(folder.join(class).join(format!("{n}.png")), encode_png(&tile)).unwrap();
        }
    }
}

fn vit() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../refcon-encoders/tests/golden/vit").display().to_string()
}

struct Trained {
    _scratch: tempfile::TempDir,
    run: std::path::PathBuf,
    best: std::path::PathBuf,
    data: std::path::PathBuf,
    trained: Vec<String>,
}

/// Two epochs of two batches.
#[track_caller]
fn train(settings: &[&str]) -> Trained {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("train");
    tiles(&data);
    let mut given = vec![
        format!("data.train={}", data.display()),
        "device=cpu".to_owned(),
        "stopping.epochs=2".into(),
        "stopping.batches=2".into(),
        "sampling={kind: classes, classes: 3, tiles: 3}".into(),
    ];
    given.extend(settings.iter().map(ToString::to_string));
    let config = Config::parse("", &given).unwrap();
    let Prepared { config, mut task, network, manifest, .. } = prepare(config, false).unwrap();
    let trained = Parameters::of(&prepared(network.clone(), &|name| task.trains(name)));
    let mut facts = Facts {
        name: String::new(),
        method: Method::FineTuning,
        started: 0,
        state: RunState::Running,
        seed: config.seed,
        data: manifest.hash.clone(),
        tiles: [0, 0],
        encoder: [String::new(), String::new()],
        parameters: trained.count(),
        code: String::new(),
        device: "cpu".into(),
        precision: "f32".into(),
        test_data: Vec::new(),
        decisive: Some(plan(&config).decisive()),
    };
    let mut run =
        Run::create(&scratch.path().join("runs"), &config.to_yaml(), &mut facts, &manifest.csv).unwrap();
    let stop = AtomicBool::new(false);
    let (ending, progress) = fit(&mut task, network, &plan(&config), &mut run, &stop, &mut |_| {}).unwrap();
    assert_eq!((ending, progress.epoch), (Ending::Finished, 2), "{settings:?}");
    let names = trained.0.keys().cloned().collect();
    Trained { run: run.folder().into(), best: run.best_encoder(), data, trained: names, _scratch: scratch }
}

fn embedding(encoder: &Path, data: &Path) -> Vec<f32> {
    let tile = refcon_image::read(&data.join("fine/3.png"), &DecodeLimits::default()).unwrap();
    open_encoder(encoder, None, &device::cpu(), Execution::F32).unwrap().embed(&[tile]).unwrap()
}

#[test]
fn every_loss_and_miner_trains_a_head() {
    for settings in [
        &["loss=multi_similarity"][..],
        &["loss=proxy_anchor"],
        &["loss=sub_centre_arcface", "sampling={kind: shuffled, batch: 6}"],
        &["loss={kind: triplet, distance: cosine}", "mining=batch_hard"],
        &["loss=triplet", "mining=semi_hard", "head={kind: perceptron, hidden: 16, components: 8}"],
        &["loss=triplet", "mining=distance_weighted", "optimiser.clip_norm=0.1"],
        &["loss=triplet", "sampling={kind: triplets, batch: 4}", "schedule=warm_up_cosine"],
        &[
            "optimiser.average=0.9",
            "optimiser.accumulate=2",
            "head={kind: linear, components: 8, residual: false}",
        ],
    ] {
        let done = train(settings);
        let summary = RunSummary::read(&done.run).unwrap();
        assert!(
            summary.last["train/loss"].is_finite() && summary.best.is_some_and(f64::is_finite),
            "{settings:?}"
        );
        assert!(embedding(&done.best, &done.data).iter().all(|value| value.is_finite()), "{settings:?}");
    }
}

#[test]
fn every_kind_of_tuning_trains_its_weights_alone_and_writes_an_encoder() {
    let encoder = format!("encoder={}", vit());
    let before = open_encoder(Path::new(&vit()), None, &device::cpu(), Execution::F32).unwrap();
    for (tuning, one_of, none_of) in [
        ("full", "backbone.positions", "adapters"),
        ("{kind: last_blocks, blocks: 1}", "backbone.blocks.1.qkv.weight", "backbone.blocks.0"),
        ("{kind: lora, rank: 2}", "adapters.layers.1.down", "backbone"),
        ("head", "head.layers.0.weight", "backbone"),
    ] {
        let tuning = format!("tuning={tuning}");
        let crops = "augmentation={kind: crops, scale: [0.5, 1.0]}";
        let rates = ["optimiser.learning_rate=1e-2", "optimiser.layer_decay=0.8"];
        let done = train(&[&encoder, &tuning, crops, rates[0], rates[1]]);
        assert!(done.trained.iter().any(|name| name == one_of), "{tuning}: {:?}", done.trained);
        assert!(!done.trained.iter().any(|name| name.starts_with(none_of)), "{tuning}: {:?}", done.trained);
        let tile = refcon_image::read(&done.data.join("fine/3.png"), &DecodeLimits::default()).unwrap();
        assert_ne!(embedding(&done.best, &done.data), before.embed(&[tile]).unwrap(), "{tuning}");
    }
}

#[test]
fn low_rank_changes_are_in_the_weights_that_are_written() {
    let done = train(&[
        &format!("encoder={}", vit()),
        "tuning={kind: lora, rank: 2}",
        "head=none",
        "optimiser.learning_rate=1e-2",
    ]);
    // The network of the best weights, embedding as it does in training.
    let config = Config::parse(&std::fs::read_to_string(done.run.join("config.yml")).unwrap(), &[]).unwrap();
    let ready = prepare(config, false).unwrap();
    let checkpoint =
        refcon_training::fit::checkpoint::Checkpoint::read(&done.run.join("checkpoints/best.safetensors"))
            .unwrap();
    let network = prepared(ready.network, &|name| ready.task.trains(name));
    let network = checkpoint.weights.put_into(network).valid();
    let scores =
        |measures: Vec<(String, f64)>| measures.into_iter().map(|(_, value)| value).collect::<Vec<_>>();
    let measured = scores(ready.task.validate(&network).unwrap());
    let folder = done.run.join("again");
    ready.task.write_encoder(&network, &folder).unwrap();
    assert_eq!(embedding(&folder, &done.data), embedding(&done.best, &done.data));
    assert!(measured.iter().all(|value| value.is_finite()));
    // The written model without its changes would embed as the encoder that training began with.
    assert_ne!(embedding(&folder, &done.data), embedding(Path::new(&vit()), &done.data));
}

#[test]
fn a_head_that_the_encoder_has_is_trained_further_or_replaced_on_request() {
    for encoder in ["texture".to_owned(), vit()] {
        let first = train(&[&format!("encoder={encoder}"), "optimiser.learning_rate=1e-2"]);
        let start = format!("encoder={}", first.best.display());
        // At this rate a step changes nothing that can be seen.
        let still = "optimiser.learning_rate=1e-12";
        let own = embedding(&first.best, &first.data);
        let apart = |settings: &[&str]| {
            let done = train(&[&[start.as_str(), still], settings].concat());
            let found = embedding(&done.best, &first.data);
            found.iter().zip(&own).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
        };
        assert!(apart(&[]) < 1e-5, "{encoder}");
        assert!(apart(&["head=linear"]) > 1e-3, "{encoder}");
    }
    let first = train(&["encoder=texture"]);
    let tuned = Config::parse(
        "",
        &[
            format!("data.train={}", first.data.display()),
            format!("encoder={}", first.best.display()),
            "tuning=full".into(),
        ],
    );
    let message = prepare(tuned.unwrap(), false).unwrap_err().to_string();
    assert!(message.contains("only a head can be trained"), "{message}");
}

#[test]
fn shares_of_a_batch_take_the_step_of_the_whole() {
    let encoder = format!("encoder={}", vit());
    for loss in [
        &["loss=triplet", "sampling={kind: triplets, batch: 3}"][..],
        &["loss=supervised_contrastive"],
        &["loss=multi_similarity", "tuning={kind: lora, rank: 2}"],
    ] {
        let losses = |devices: &str| {
            let rates = ["optimiser.learning_rate=1e-3", "tuning=full"];
            let done = train(&[&[encoder.as_str(), devices, rates[0], rates[1]], loss].concat());
            let records = read_records(&done.run.join("metrics.jsonl")).unwrap();
            records.into_iter().filter(|record| record.name.starts_with("train/")).collect::<Vec<_>>()
        };
        let one = losses("device=cpu");
        // Nine tiles do not halve.
        for devices in ["device=cpu,cpu", "device=cpu,cpu,cpu"] {
            let several = losses(devices);
            assert_eq!(several.len(), one.len());
            for (one, several) in one.iter().zip(&several) {
                let apart = (one.value - several.value).abs() / one.value.abs().max(1.0);
                assert!(apart < 1e-5, "{loss:?}, {devices}: {one:?} {several:?}");
            }
        }
        assert!(one[0].value != one[one.len() - 1].value, "{loss:?}: nothing was learned");
    }
}
