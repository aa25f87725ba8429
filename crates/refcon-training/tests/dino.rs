//! The terms of DINO pretraining against PyTorch (`golden/make_dino.py`), and a small pretraining from end to end.

// A helper of a test may unwrap as a test does; the lint's own exception sees test functions only.
#![allow(clippy::unwrap_used)]

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use refcon_encoders::{Execution, Head, HeadSizes, device, open_encoder};
use refcon_image::GreyImage;
use refcon_image::figure::encode_png;
use refcon_training::fit::{Ending, Task, fit};
use refcon_training::optimise::{Parameters, prepared};
use refcon_training::pretraining::dino::losses::{centred, dino, ibot, koleo, move_centre, sinkhorn_knopp};
use refcon_training::pretraining::dino::{DinoConfig, DinoPretraining, MEASURE, Projector};
use refcon_training::pretraining::{PretrainConfig, Pretraining};
use refcon_training::runs::{Facts, Method, Run, RunState};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Golden values are of f64, ours of f32.
const TOLERANCE: f64 = 2e-5;

#[derive(Deserialize)]
struct Expected {
    value: f64,
    gradients: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct ProjectorParts {
    weights: Vec<Vec<f32>>,
    biases: Vec<Vec<f32>>,
    directions: Vec<f32>,
    tested: Vec<f32>,
    of_class_tokens: Expected,
}

#[derive(Deserialize)]
struct Golden {
    prototypes: usize,
    masked_patches: Vec<usize>,
    student_temperature: f64,
    teacher_temperature: f64,
    centre_momentum: f32,
    student_global: Vec<f32>,
    student_local: Vec<f32>,
    teacher_global: Vec<f32>,
    student_patches: Vec<f32>,
    teacher_patches: Vec<f32>,
    class_tokens: Vec<f32>,
    centre: Vec<f32>,
    next_centre: Vec<f64>,
    centred: Vec<f64>,
    sinkhorn_knopp: Vec<f64>,
    dino_centred: Expected,
    dino_sinkhorn_knopp: Expected,
    dino_without_local: Expected,
    ibot_centred: Expected,
    ibot_sinkhorn_knopp: Expected,
    koleo: Expected,
    projector: ProjectorParts,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/dino.json")).unwrap()
}

/// Of a leaf of the graph.
fn leaf(values: &[f32], columns: usize) -> Tensor<2> {
    rows(values, columns, &Device::flex().autodiff()).require_grad()
}

fn rows(values: &[f32], columns: usize, device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len() / columns, columns]), device)
}

/// Value and slopes are PyTorch's, relative to the largest slope.
#[track_caller]
fn same(name: &str, loss: &Tensor<1>, leaves: &[&Tensor<2>], expected: &Expected) {
    let value = loss.clone().into_scalar::<f64>();
    let tolerance = TOLERANCE * expected.value.abs().max(1.0);
    assert!((value - expected.value).abs() <= tolerance, "{name}: {value}, expected {}", expected.value);
    let gradients = loss.backward();
    assert_eq!(leaves.len(), expected.gradients.len(), "{name}");
    for (leaf, expected) in leaves.iter().zip(&expected.gradients) {
        let found: Vec<f32> = leaf.grad(&gradients).unwrap().into_data().iter::<f32>().collect();
        let largest = expected.iter().fold(0.0f64, |most, value| most.max(value.abs()));
        assert!(largest > 0.0 && found.len() == expected.len(), "{name}");
        for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
            let difference = (f64::from(*found) - expected).abs();
            assert!(difference <= 1e-4 * largest, "{name}: slope {at} is {found}, expected {expected}");
        }
    }
}

#[track_caller]
fn close(name: &str, found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{name}");
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (f64::from(*found) - expected).abs() < TOLERANCE,
            "{name} {at}: {found}, expected {expected}"
        );
    }
}

#[test]
fn the_teacher_says_what_pytorch_says() {
    let golden = golden();
    let cpu = device::cpu();
    let logits = || rows(&golden.teacher_global, golden.prototypes, &cpu);
    let centre = rows(&golden.centre, golden.prototypes, &cpu);
    let values = |tensor: Tensor<2>| tensor.into_data().iter::<f32>().collect::<Vec<f32>>();
    let temperature = golden.teacher_temperature;
    close("centred", &values(centred(logits(), centre, temperature)), &golden.centred);
    let spread = values(sinkhorn_knopp(logits(), temperature, 3));
    close("sinkhorn-knopp", &spread, &golden.sinkhorn_knopp);
    let mut centre = golden.centre.clone();
    let mean = values(logits().mean_dim(0));
    move_centre(&mut centre, &[&mean], golden.centre_momentum);
    close("centre", &centre, &golden.next_centre);
}

#[test]
fn a_sharp_temperature_does_not_overflow() {
    let golden = golden();
    let logits = rows(&golden.teacher_global, golden.prototypes, &device::cpu());
    let spread = sinkhorn_knopp(logits, 1e-3, 3);
    let sums: Vec<f32> = spread.sum_dim(1).into_data().iter::<f32>().collect();
    assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-4), "{sums:?}");
}

#[test]
fn losses_and_their_slopes_are_those_of_pytorch() {
    let golden = golden();
    let (prototypes, temperature) = (golden.prototypes, golden.student_temperature);
    let graph = Device::flex().autodiff();
    let targets = |logits: &[f32], spread: bool| {
        let logits = rows(logits, prototypes, &graph);
        if spread {
            sinkhorn_knopp(logits, golden.teacher_temperature, 3)
        } else {
            centred(logits, rows(&golden.centre, prototypes, &graph), golden.teacher_temperature)
        }
    };
    for (name, spread, expected) in
        [("centred", false, &golden.dino_centred), ("spread", true, &golden.dino_sinkhorn_knopp)]
    {
        let [large, small] =
            [&golden.student_global, &golden.student_local].map(|values| leaf(values, prototypes));
        let targets = targets(&golden.teacher_global, spread);
        let loss = dino(large.clone(), Some(small.clone()), &targets, temperature);
        same(name, &loss, &[&large, &small], expected);
    }
    let large = leaf(&golden.student_global, prototypes);
    let loss = dino(large.clone(), None, &targets(&golden.teacher_global, false), temperature);
    same("two crops", &loss, &[&large], &golden.dino_without_local);

    let crops = golden.masked_patches.len() as f32;
    let weights = golden.masked_patches.iter().flat_map(|&count| vec![1.0 / (count as f32 * crops); count]);
    let weights = rows(&weights.collect::<Vec<f32>>(), 1, &graph);
    for (name, spread, expected) in
        [("iBOT", false, &golden.ibot_centred), ("iBOT, spread", true, &golden.ibot_sinkhorn_knopp)]
    {
        let patches = leaf(&golden.student_patches, prototypes);
        let targets = targets(&golden.teacher_patches, spread);
        let loss = ibot(patches.clone(), targets, weights.clone(), temperature);
        same(name, &loss, &[&patches], expected);
    }

    let tokens = leaf(&golden.class_tokens, 6);
    same("KoLeo", &koleo(tokens.clone()).unwrap(), &[&tokens], &golden.koleo);
    assert!(koleo(tokens.narrow(0, 0, 1)).is_none());
}

#[test]
fn the_projector_is_pytorchs() {
    let ProjectorParts { weights, biases, directions, tested, of_class_tokens } = golden().projector;
    let graph = Device::flex().autodiff();
    let sizes = HeadSizes { inputs: 6, layers: biases.iter().map(Vec::len).collect(), residual: false };
    let head = Head::new(&sizes, weights.into_iter().zip(biases).collect(), &graph).unwrap();
    let directions = leaf(&directions, 5);
    let projector = Projector::new(head, directions.clone());
    let tokens = leaf(&golden().class_tokens, 6);
    let loss = (projector.logits(tokens.clone(), false) * rows(&tested, 7, &graph)).sum();
    same("projector", &loss, &[&tokens, &directions], &of_class_tokens);

    let frozen = (projector.logits(tokens.clone(), true) * rows(&tested, 7, &graph)).sum().backward();
    assert!(directions.grad(&frozen).is_none() && tokens.grad(&frozen).is_some());
}

/// Stripes of twenty periods and dips.
fn tiles(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    for n in 0..40 {
        let level = |at: usize| {
            let (x, y) = ((at % 40) as f32, (at / 40) as f32);
            let (period, dip) = (4.0 + 0.4 * (n % 20) as f32, 0.1 * (n % 7) as f32);
            0.5 + 0.4 * ((y + dip * x) * std::f32::consts::TAU / period).sin()
        };
        let tile = GreyImage::new(40, 40, (0..1600).map(level).collect()).unwrap();
        std::fs::write(folder.join(format!("{n}.png")), encode_png(&tile)).unwrap();
    }
}

fn checkpoint(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../refcon-encoders/tests/golden").join(name)
}

/// A few seconds' worth, from a small ViT.
fn small(folder: &Path) -> DinoConfig {
    let text = "
        device: cpu
        precision: f32
        projector: {hidden: 64, bottleneck: 32, prototypes: 64, frozen_epochs: 0}
        local_crops: {count: 2, size: 16}
        teacher: {momentum: [0.9, 1.0], warm_up: 0.0, centring: sinkhorn_knopp}
        batch: 12
        optimiser: {learning_rate: 0.05}
        stopping: {epochs: 6}";
    let paths = [
        format!("data.paths=[{}]", folder.display()),
        format!("model.start={}", checkpoint("vit").display()),
    ];
    DinoConfig::parse(text, &paths).unwrap()
}

fn facts() -> Facts {
    Facts {
        name: String::new(),
        method: Method::Dino,
        started: 0,
        state: RunState::Running,
        seed: 1,
        data: String::new(),
        tiles: [0, 0],
        encoder: [String::new(), String::new()],
        parameters: 0,
        code: String::new(),
        device: "cpu".into(),
        precision: "f32".into(),
        test_data: Vec::new(),
        decisive: None,
    }
}

/// Numbers of a run's steps and validations, without the time that they took.
fn numbers(run: &Run) -> Vec<(u64, String, f64)> {
    let text = std::fs::read_to_string(run.metrics()).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<refcon_training::runs::Record>(line).unwrap());
    lines.map(|record| (record.step, record.name, record.value)).collect()
}

fn values(numbers: &[(u64, String, f64)], name: &str) -> Vec<f64> {
    numbers.iter().filter(|(_, of, _)| of == name).map(|(_, _, value)| *value).collect()
}

#[test]
fn a_student_learns_its_teacher_follows_and_a_run_that_is_taken_up_again_ends_the_same() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("tiles");
    tiles(&folder);
    let runs = scratch.path().join("runs");
    let train = |run: &mut Run, stop_after: Option<u64>| {
        let ready = DinoPretraining::prepare(small(&folder), false).unwrap();
        let (mut task, plan) = (ready.task, ready.config.common().plan(MEASURE, false));
        let stop = AtomicBool::new(false);
        let before = task.judged().unwrap().clone();
        let mut steps = 0;
        let done = fit(&mut task, ready.network.clone(), &plan, run, &stop, &mut |event| {
            if let refcon_training::fit::Event::Step { .. } = event {
                steps += 1;
                stop.store(stop_after == Some(steps), Ordering::Relaxed);
            }
        });
        (done.unwrap().0, before, task.judged().unwrap().clone(), ready.network)
    };
    let mut whole = Run::create(&runs, "", &mut facts(), "").unwrap();
    let (ending, before, teacher, network) = train(&mut whole, None);
    assert_eq!(ending, Ending::Finished);
    let found = numbers(&whole);
    let losses = values(&found, "train/epoch_loss");
    assert!(losses.len() == 6 && losses[5] < losses[0], "{losses:?}");
    for part in ["dino_loss", "ibot_loss", "koleo_loss", "teacher_entropy", "embedding_deviation"] {
        assert_eq!(values(&found, &format!("train/{part}")).len(), 18, "{part}");
    }
    assert_eq!(values(&found, MEASURE).len(), 6);

    let moved = |of: &Parameters, name: &str| of.0[name] != before.0[name];
    assert!(moved(&teacher, "backbone.blocks.1.qkv.weight") && moved(&teacher, "projector.prototypes"));
    let student = prepared(network, &|_| true);
    assert_eq!(
        Parameters::of(&student).0["mask_token"],
        before.0["mask_token"],
        "a teacher begins as its student"
    );

    let mut stopped = Run::create(&runs, "", &mut facts(), "").unwrap();
    assert_eq!(train(&mut stopped, Some(5)).0, Ending::Interrupted);
    let (ending, _, resumed, _) = train(&mut stopped, None);
    assert_eq!(ending, Ending::Finished);
    assert_eq!(numbers(&stopped), found);
    assert!(resumed == teacher, "the teachers differ");

    let best = whole.best_encoder();
    let [start, encoder] = [checkpoint("vit"), best.clone()]
        .map(|path| open_encoder(&path, None, &device::cpu(), Execution::F32).unwrap());
    assert_eq!(encoder.dimension(), start.dimension());
    let weights = std::fs::read(best.join("model.safetensors")).unwrap();
    assert!(std::fs::read(stopped.best_encoder().join("model.safetensors")).unwrap() == weights);
}

#[test]
fn a_checkpoint_of_another_family_is_pretrained_further_with_both_pools() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("tiles");
    tiles(&folder);
    let dinov2 = checkpoint("dinov2");
    let settings = [
        format!("model.start={}", dinov2.display()),
        "pooling=class_and_mean".into(),
        "teacher.centring=centre".into(),
        "projector.separate=true".into(),
        "local_crops.count=0".into(),
    ];
    let config = DinoConfig::parse(&small(&folder).to_yaml(), &settings).unwrap();
    let ready = DinoPretraining::prepare(config, false).unwrap();
    let network = prepared(ready.network, &|name| ready.task.trains(name));
    let found = ready.task.loss(&network, Default::default()).unwrap();
    assert!(found.loss.unwrap().into_scalar::<f64>().is_finite());
    let written = scratch.path().join("encoder");
    ready.task.write_encoder(&network.valid(), &written).unwrap();
    let before = open_encoder(&dinov2, None, &device::cpu(), Execution::F32).unwrap();
    let after = open_encoder(&written, None, &device::cpu(), Execution::F32).unwrap();
    assert_eq!(after.dimension(), 2 * before.dimension());
}

/// Trains two epochs, or as many as the further settings say. Gives the run and what the task said.
fn two_epochs(scratch: &Path, settings: &[&str]) -> (Run, Vec<String>) {
    let folder = scratch.join("tiles");
    tiles(&folder);
    let settings: Vec<String> =
        [&["stopping.epochs=2"], settings].concat().iter().map(ToString::to_string).collect();
    let config = DinoConfig::parse(&small(&folder).to_yaml(), &settings).unwrap();
    let ready = DinoPretraining::prepare(config, false).unwrap();
    let (mut task, plan) = (ready.task, ready.config.common().plan(MEASURE, false));
    let mut run = Run::create(&scratch.join("runs"), "", &mut facts(), "").unwrap();
    let mut said = Vec::new();
    let stop = AtomicBool::new(false);
    fit(&mut task, ready.network, &plan, &mut run, &stop, &mut |event| {
        if let refcon_training::fit::Event::Message(text) = event {
            said.push((*text).to_owned());
        }
    })
    .unwrap();
    (run, said)
}

#[test]
fn numbers_of_batches_that_make_a_step_together_are_recorded_once() {
    let scratch = tempfile::tempdir().unwrap();
    let (run, _) = two_epochs(scratch.path(), &["optimiser.accumulate=2"]);
    let found = numbers(&run);
    let steps = |name: &str| {
        found.iter().filter(|(_, of, _)| of == name).map(|(step, ..)| *step).collect::<Vec<u64>>()
    };
    // Three batches an epoch.
    assert_eq!(steps("train/loss"), [1, 2, 3, 4]);
    for part in ["train/dino_loss", "train/teacher_entropy"] {
        assert_eq!(steps(part), [1, 2, 3, 4], "{part}");
    }
    // The loss is the sum of its parts, in the mean over batches as in each.
    let part = |name: &str| values(&found, &format!("train/{name}_loss"))[0];
    let sum = part("dino") + part("ibot") + 0.1 * part("koleo");
    assert!((values(&found, "train/loss")[0] - sum).abs() < 1e-4, "{sum}: {found:?}");
}

#[test]
fn a_collapse_is_said_once_by_the_loop_when_there_were_steps_enough_to_tell() {
    let scratch = tempfile::tempdir().unwrap();
    let vague = ["teacher.temperature=[1000, 1000]", "schedule=constant"];
    let (_, said) = two_epochs(&scratch.path().join("few"), &vague);
    assert!(said.is_empty(), "{said:?}");
    let long = [&vague[..], &["stopping.epochs=8", "batch=5", "local_crops.count=0"]].concat();
    let (_, said) = two_epochs(&scratch.path().join("many"), &long);
    // Eight batches an epoch.
    assert!(said.len() == 1 && said[0].starts_with("epoch 7: collapse"), "{said:?}");
    assert!(said[0].contains("batch larger than 5") && !said[0].contains("sinkhorn"), "{said:?}");
}
