//! Iterative training through the program: rounds, kills, reviews, guards.

use crate::scratch::{Run, Scratch};
use crate::train::{metrics, spawn, tiny_vit};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

/// Reflectors that differ in period and dip.
const CLASSES: [(&str, f32, f32); 3] = [("flat", 9.0, 0.0), ("steep", 9.0, 0.9), ("thin", 5.0, 0.1)];

/// Six labelled tiles a class, ten without a label, and the classes of those.
pub(crate) fn tiles() -> Scratch {
    let scratch = Scratch::new();
    let mut gold = String::from("part,file,label\n");
    for (class, period, dip) in CLASSES {
        for n in 0..6u8 {
            let change = f32::from(n);
            scratch.tile(&format!("train/{class}/{n}.png"), period + 0.2 * change, dip + 0.02 * change);
        }
        for n in 0..10u8 {
            let change = f32::from(n) + 0.5;
            scratch.tile(&format!("pool/{n}/{class}.png"), period + 0.15 * change, dip + 0.03 * change);
            writeln!(gold, "image_corpus,{n}/{class}.png,{class}").unwrap();
        }
    }
    scratch.write("gold.csv", gold.as_bytes());
    scratch
}

/// A few epochs, generous thresholds.
const ITERATE: [&str; 15] = [
    "iterate",
    "--data",
    "train",
    "--unlabelled",
    "pool",
    "--set",
    "stopping.epochs=3",
    "--set",
    "iteration.curated_threshold=0.6",
    "--set",
    "iteration.neighbours=2",
    "--set",
    "sampling={kind: classes, classes: 3, tiles: 2}",
    "--set",
    "checkpoint_every_steps=1",
];

/// Without held-out tiles nothing ends it early.
const ALL_ROUNDS: [&str; 4] = ["--set", "data.validation_share=0", "--rounds", "2"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&ITERATE[..], more].concat()
}

fn said(run: &Run) -> Value {
    serde_json::from_str(&run.done().stdout).unwrap()
}

/// Asserts that it waits for a person.
#[track_caller]
fn waits(run: &Run) {
    assert_eq!(run.code, 5, "{run:?}");
    assert!(run.stderr.contains("waiting for you: `refcon iterate --resume"), "{run:?}");
    assert!(!run.stderr.contains("error"), "{run:?}");
}

fn files_of(report: &Value) -> BTreeSet<String> {
    report["found"].as_array().unwrap().iter().map(|found| found["file"].as_str().unwrap().into()).collect()
}

#[test]
fn rounds_find_label_draw_and_train_and_the_best_encoder_predicts() {
    let scratch = tiles();
    let run = scratch.refcon(&with(&[&["--json", "--gold", "gold.csv"], &ALL_ROUNDS[..]].concat()));
    let said = said(&run);
    assert_eq!((&said["ending"], &said["best_round"]), (&"rounds".into(), &2.into()), "{said}");
    let rounds = said["rounds"].as_array().unwrap();
    assert_eq!((rounds.len(), &rounds[0]["added"]), (3, &0.into()));
    let first = scratch.json("iteration/found/round-1.json");
    let second = scratch.json("iteration/found/round-2.json");
    let (one, two) = (files_of(&first), files_of(&second));
    assert!(!one.is_empty() && one.is_disjoint(&two), "{one:?} {two:?}");
    assert_eq!(rounds[1]["added"], one.len());
    assert_eq!(rounds[2]["added"], one.len() + two.len());
    assert!(rounds[1]["purity_share"].as_f64().unwrap() > 0.9, "{said}");
    for found in first["found"].as_array().unwrap() {
        let distance = found["distance"].as_f64().unwrap();
        assert!(distance > 0.0 && distance <= 0.6, "{found}");
        let query = found["query"].as_str().unwrap();
        assert!(query.starts_with(found["label"].as_str().unwrap()), "{found}");
    }
    let picture = first["pictures"][0].as_str().unwrap();
    assert!(scratch.path(&format!("iteration/found/{picture}")).is_file());
    let runs = scratch.refcon(&["runs", "--runs", "iteration/rounds"]);
    assert!(runs.done().stdout.contains("round-2"), "{runs:?}");
    let data = fs::read_to_string(scratch.path("iteration/rounds/round-1/data.csv")).unwrap();
    assert_eq!(data.lines().filter(|line| line.contains(",added,")).count(), one.len());
    let predict = ["predict", "--query", "train", "--corpus", "pool", "-o", "r.json"];
    scratch.refcon(&[&predict[..], &["--encoder", "iteration/best"]].concat()).done();
    let weights = |folder: &str| fs::read(scratch.path(folder).join("head.safetensors")).unwrap();
    assert!(weights("iteration/best") == weights("iteration/rounds/round-2/best"));
    // What is done is told again, and nothing is done twice.
    let again = scratch.refcon(&["--json", "iterate", "--resume", "iteration", "--gold", "gold.csv"]);
    assert_eq!(serde_json::from_str::<Value>(&again.done().stdout).unwrap(), said);
}

#[test]
fn it_ends_when_the_validation_gets_no_better_and_keeps_the_best_round() {
    let scratch = tiles();
    let said = said(&scratch.refcon(&with(&["--json", "--rounds", "9"])));
    assert_eq!(said["ending"], "no_improvement", "{said}");
    let rounds = said["rounds"].as_array().unwrap();
    let value = |round: usize| rounds[round]["validation"].as_f64().unwrap();
    let best = said["best_round"].as_u64().unwrap() as usize;
    assert_eq!(best + 2, rounds.len(), "{said}");
    assert!(value(best) >= value(best + 1), "{said}");
    let weights = |folder: &str| fs::read(scratch.path(folder).join("head.safetensors")).unwrap();
    assert!(weights("iteration/best") == weights(&format!("iteration/rounds/round-{best}/best")));
    // The held-out tiles are those of the first round.
    let held_out = |round: usize| {
        let table =
            fs::read_to_string(scratch.path(&format!("iteration/rounds/round-{round}/data.csv"))).unwrap();
        table.lines().filter(|line| line.contains(",held_out,")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(held_out(0), held_out(1));
    assert_eq!(held_out(0).len(), 3);
}

/// Waits until something is so; false where the program ended before.
fn wait_until(child: &mut Child, reached: impl Fn() -> bool) -> bool {
    let began = Instant::now();
    loop {
        if reached() {
            return true;
        }
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        assert!(began.elapsed() < Duration::from_secs(600), "it was never so");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn an_iteration_that_is_killed_goes_on_to_the_same_end() {
    let scratch = tiles();
    scratch.refcon(&with(&[&ALL_ROUNDS[..], &["-o", "whole"]].concat())).done();
    let mut child = spawn(&scratch, &with(&[&ALL_ROUNDS[..], &["-o", "killed"]].concat()));
    let numbers = |round: usize, lines: usize| {
        let path = scratch.path(&format!("killed/rounds/round-{round}/metrics.jsonl"));
        fs::read_to_string(path).is_ok_and(|text| text.lines().count() >= lines)
    };
    let exists = |name: &str| scratch.path(&format!("killed/{name}")).exists();
    let moments: [&dyn Fn() -> bool; 7] = [
        &|| exists("config.yml"),
        &|| exists("rounds/round-0/run.json"),
        &|| numbers(0, 7),
        &|| exists("best"),
        &|| exists("found/round-1.json"),
        &|| numbers(1, 4),
        &|| exists("found/round-2-1.png"),
    ];
    let mut killed = 0;
    for moment in moments {
        // How many are in time depends on the machine; behind the first lies nearly all the work.
        let reached = wait_until(&mut child, moment);
        killed += usize::from(reached && child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        child = spawn(&scratch, &["iterate", "--resume", "killed"]);
    }
    assert!(child.wait().unwrap().success());
    assert!(killed > 0, "the program was too fast to be killed");
    for round in 0..3 {
        let run = |folder: &str| scratch.path(&format!("{folder}/rounds/round-{round}"));
        assert_eq!(metrics(&run("killed")), metrics(&run("whole")));
    }
    for file in [
        "iteration.json",
        "found/round-1.json",
        "found/round-1.csv",
        "found/round-1-1.png",
        "found/round-2.json",
        "best/head.safetensors",
    ] {
        let bytes = |folder: &str| fs::read(scratch.path(folder).join(file)).unwrap();
        assert!(bytes("killed") == bytes("whole"), "{file} differs");
    }
}

#[test]
fn a_review_waits_and_a_vetoed_tile_is_never_added_again() {
    let scratch = tiles();
    let start = with(&[&["--json", "--review", "-o", "it"], &ALL_ROUNDS[..]].concat());
    let run = scratch.refcon(&start);
    waits(&run);
    let waiting: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&waiting["ending"], &waiting["review"]["round"]), (&"review".into(), &1.into()));
    assert_eq!(waiting["review"]["vetoes"], "it/vetoes.csv");
    assert!(!scratch.path("it/rounds/round-1").exists());
    let found = scratch.json("it/found/round-1.json");
    let veto = found["found"][0]["file"].as_str().unwrap().to_owned();
    let resume = ["iterate", "--resume", "it"];

    scratch.write("it/vetoes.csv", b"file\n0/flatt.png\n");
    scratch.refcon(&resume).failed_with(3, &["vetoes.csv", "0/flatt.png is none of the unlabelled tiles"]);
    scratch.write("it/vetoes.csv", format!("why,file\nnot so,{veto}\n").as_bytes());
    let run = scratch.refcon(&resume);
    waits(&run);
    let text = &run.stdout;
    assert!(text.contains("waiting for you to look; `refcon iterate --resume it` goes on then"), "{text}");
    assert!(text.contains("all added"), "{text}");
    assert!(text.contains("it/found/round-2-1.png") && text.contains("it/vetoes.csv"), "{text}");
    let first = fs::read_to_string(scratch.path("it/found/round-1.csv")).unwrap();
    assert_eq!(first.lines().count(), files_of(&found).len(), "a header and all but one");
    assert!(!first.contains(&veto));
    let second = scratch.json("it/found/round-2.json");
    assert!(!files_of(&second).contains(&veto), "{veto} was found again");

    // Both rounds' finds may be vetoed until the next training begins.
    let late = files_of(&found).into_iter().find(|file| *file != veto).unwrap();
    scratch.write("it/vetoes.csv", format!("file\n{veto}\n{late}\n").as_bytes());
    let done = said(&scratch.refcon(&["--json", "iterate", "--resume", "it"]));
    assert_eq!(done["ending"], "rounds");
    let table = fs::read_to_string(scratch.path("it/found/round-2.csv")).unwrap();
    assert!(!table.contains(&veto) && !table.contains(&late), "{table}");
    assert_eq!(table.lines().count(), files_of(&found).len() + files_of(&second).len() - 1);
}

#[test]
fn a_model_iterates_by_the_challenges_recipe() {
    let scratch = tiles();
    let vit = tiny_vit();
    let settings = [
        "stopping.epochs=1",
        "sampling.batch=8",
        "precision=f32",
        "iteration.curated_threshold=0.5",
        "data.validation_share=0",
    ];
    let mut arguments = vec![
        "--json",
        "iterate",
        "challenge-vit",
        "--encoder",
        &vit,
        "--data",
        "train",
        "--unlabelled",
        "pool",
    ];
    arguments.extend(settings.iter().flat_map(|setting| ["--set", *setting]));
    arguments.extend(["--rounds", "1", "--device", "cpu"]);
    let said = said(&scratch.refcon(&arguments));
    assert_eq!((&said["ending"], &said["best_round"]), (&"rounds".into(), &1.into()), "{said}");
    assert!(said["rounds"][1]["added"].as_u64().unwrap() > 0);
    let weights = |folder: &str| fs::read(scratch.path(folder).join("model.safetensors")).unwrap();
    assert!(weights("iteration/best") == weights("iteration/rounds/round-1/best"));
    assert!(weights("iteration/best") != weights("iteration/rounds/round-0/best"));
}

#[test]
fn nothing_near_enough_ends_it_with_the_first_encoder() {
    let scratch = tiles();
    let narrow = with(&["--json", "--set", "iteration.curated_threshold=1e-9"]);
    let said = said(&scratch.refcon(&narrow));
    assert_eq!((&said["ending"], &said["best_round"]), (&"nothing_found".into(), &0.into()));
    assert!(scratch.path("iteration/best").is_dir());
    assert_eq!(scratch.json("iteration/found/round-1.json")["found"], serde_json::json!([]));
}

#[test]
fn test_data_is_neither_labelled_nor_trained_on() {
    let scratch = tiles();
    fs::rename(scratch.path("pool"), scratch.path("image_corpus")).unwrap();
    let corpus = with(&["--unlabelled", "image_corpus"]);
    let corpus: Vec<&str> = corpus.iter().copied().filter(|word| *word != "pool").collect();
    let at = corpus.iter().position(|word| *word == "--unlabelled").unwrap();
    let corpus = [&corpus[..at], &corpus[at + 1..]].concat();
    scratch.refcon(&corpus).failed_with(3, &["image_corpus", "test data", "--allow-test-data"]);
    assert!(!scratch.path("iteration").exists());
    scratch.refcon(&[&corpus[..], &["--allow-test-data"], &ALL_ROUNDS[..]].concat()).done();
    let file = fs::read_to_string(scratch.path("iteration/best/refcon-encoder.json")).unwrap();
    assert!(file.contains("trained_on_test_data") && file.contains("image_corpus"), "{file}");
    // A table of added tiles is no way around it.
    let table = fs::read_to_string(scratch.path("iteration/found/round-1.csv")).unwrap();
    scratch.write("added.csv", table.as_bytes());
    let train = ["train", "--data", "train", "--set", "data.added=added.csv", "--set", "stopping.epochs=1"];
    scratch.refcon(&train).failed_with(3, &["image_corpus", "test data"]);
    // Nor does it help to name a folder deep inside.
    scratch.tile("image_corpus/line1/inline/0.png", 8.0, 0.1);
    scratch.write("deep.csv", b"path,label\nimage_corpus/line1/inline/0.png,flat\n");
    let train = ["train", "--data", "train", "--set", "data.added=deep.csv", "--set", "stopping.epochs=1"];
    scratch.refcon(&train).failed_with(3, &["image_corpus/line1/inline", "test data"]);
    let pool = ["iterate", "--data", "train", "--unlabelled", "image_corpus/line1/inline", "-o", "deep"];
    scratch.refcon(&pool).failed_with(3, &["image_corpus/line1/inline", "test data"]);
}

#[cfg(unix)]
#[test]
fn groups_hold_through_links_and_a_file_of_two_names_is_one_tile() {
    use std::os::unix::fs::symlink;
    let scratch = tiles();
    fs::create_dir(scratch.path("store")).unwrap();
    let mut groups = String::from("path,near_duplicate_group\n");
    for (class, ..) in CLASSES {
        for n in 0..10 {
            writeln!(groups, "train/{class}/{n}.png,{class}{n}\npool/{n}/{class}.png,{class}{n}").unwrap();
        }
    }
    scratch.write("groups.csv", groups.as_bytes());
    scratch.tile("pool/other.png", 7.0, 0.2);
    for folder in ["train", "pool"] {
        fs::rename(scratch.path(folder), scratch.path(&format!("store/{folder}"))).unwrap();
        symlink(scratch.path(&format!("store/{folder}")), scratch.path(folder)).unwrap();
    }
    symlink(scratch.path("pool/0/flat.png"), scratch.path("pool/z.png")).unwrap();
    let run = scratch.refcon(&with(&["--groups", "groups.csv", "--review", "--rounds", "1"]));
    waits(&run);
    assert!(run.stderr.contains("1 unlabelled tiles are not in the groups' table"), "{}", run.stderr);
    let report = scratch.json("iteration/found/round-1.json");
    assert_eq!((&report["near_held_out_left_out"], &report["copies_left_out"]), (&3.into(), &1.into()));
    let run = scratch.refcon(&["iterate", "--resume", "iteration"]);
    assert!(run.done().stdout.contains("done: "), "{}", run.stdout);
}

#[cfg(unix)]
#[test]
fn an_iteration_goes_on_from_another_folder_with_the_encoder_that_it_began_with() {
    use std::os::unix::fs::symlink;
    let scratch = tiles();
    symlink(tiny_vit(), scratch.path("vit")).unwrap();
    let start = with(&["--encoder", "vit", "--device", "cpu", "--review", "--rounds", "1"]);
    waits(&scratch.refcon(&start));
    let iteration = scratch.path("iteration");
    let resume = ["iterate", "--resume", iteration.to_str().unwrap()];
    let elsewhere = Scratch::new();
    fs::remove_file(scratch.path("vit")).unwrap();
    symlink(Path::new(&tiny_vit()).with_file_name("dinov2"), scratch.path("vit")).unwrap();
    elsewhere.refcon(&resume).failed_with(3, &["not the one that the first round started from"]);
    fs::remove_file(scratch.path("vit")).unwrap();
    symlink(tiny_vit(), scratch.path("vit")).unwrap();
    assert!(elsewhere.refcon(&resume).done().stdout.contains("done: "));
}

#[test]
fn copies_and_near_duplicates_of_held_out_tiles_are_left_out() {
    let scratch = tiles();
    fs::copy(scratch.path("train/flat/0.png"), scratch.path("pool/copy.png")).unwrap();
    // Each labelled tile and one of the pool are a group.
    let mut groups = String::from("path,near_duplicate_group\n");
    for (class, ..) in CLASSES {
        for n in 0..6 {
            writeln!(groups, "train/{class}/{n}.png,{class}{n}\npool/{n}/{class}.png,{class}{n}").unwrap();
        }
    }
    scratch.write("groups.csv", groups.as_bytes());
    scratch.refcon(&with(&["--groups", "groups.csv", "--rounds", "1"])).done();
    let report = scratch.json("iteration/found/round-1.json");
    assert_eq!((&report["copies_left_out"], &report["near_held_out_left_out"]), (&1.into(), &3.into()));
    assert_eq!(report["searched"], 27);
    let data = fs::read_to_string(scratch.path("iteration/rounds/round-0/data.csv")).unwrap();
    let held_out = data.lines().filter(|line| line.contains(",held_out,"));
    let found = files_of(&report);
    for tile in held_out.map(|line| line.split(',').next().unwrap()) {
        let (class, file) = tile.split_once('/').unwrap();
        let twin = format!("{}/{class}.png", file.trim_end_matches(".png"));
        assert!(!found.contains(&twin), "{twin} is like the held-out {tile}");
    }
}

#[test]
fn an_iteration_that_never_began_blocks_no_folder() {
    let scratch = tiles();
    let command = |pool: &'static str| {
        let at = ITERATE.iter().position(|word| *word == "pool").unwrap();
        [&ITERATE[..at], &[pool], &ITERATE[at + 1..], &["-o", "it", "--rounds", "1"]].concat()
    };
    scratch.refcon(&command("train")).failed_with(3, &["no unlabelled tile is left", "--unlabelled"]);
    assert!(!scratch.path("it").exists());
    // Without the weights it is one whose first training never began.
    let no_encoder = [&command("pool")[..], &["--encoder", "nowhere"]].concat();
    scratch.refcon(&no_encoder).failed_with(3, &["no encoder nowhere"]);
    assert!(!scratch.path("it").exists());
    // All that the first training itself refuses comes after the folder was made.
    let anchors = "sampling={kind: triplets, batch: 4, exclude_anchor_classes: [flat, steep, thin]}";
    let no_anchors = [&command("pool")[..], &["--set", "loss=triplet", "--set", anchors]].concat();
    scratch.refcon(&no_anchors).failed_with(3, &["no anchors are left"]);
    assert!(scratch.path("it/config.yml").is_file());
    scratch.refcon(&command("pool")).done();
    scratch.refcon(&command("pool")).failed_with(3, &["it holds an iteration"]);
}

#[test]
fn settings_are_printed_and_folders_and_changed_tiles_refused() {
    let scratch = tiles();
    let print = scratch.refcon(&with(&["--print-config", "--review"]));
    let yaml = &print.done().stdout;
    for line in
        ["  neighbours: 2", "  review: true", "  unlabelled: pool", "  curated_threshold: 0.6", "seed: 42"]
    {
        assert!(yaml.contains(line), "{line:?} is not in {yaml}");
    }
    scratch
        .refcon(&with(&["--set", "iteration.neighbors=2"]))
        .failed_with(2, &["iteration.neighbors", "did you mean `neighbours`?"]);
    scratch.refcon(&["iterate", "--data", "train"]).failed_with(3, &["--unlabelled"]);
    scratch.refcon(&with(&["--rounds", "1"])).done();
    scratch.refcon(&with(&[])).failed_with(3, &["iteration holds an iteration", "--resume"]);
    scratch.tile("pool/new.png", 8.0, 0.1);
    scratch.refcon(&["iterate", "--resume", "iteration"]).failed_with(3, &["no longer what they were"]);
    scratch.refcon(&["iterate", "--resume", "train"]).failed_with(3, &["no iteration"]);
}
