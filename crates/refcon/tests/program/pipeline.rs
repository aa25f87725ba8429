//! The whole job of one file of settings.

use crate::iterate::tiles;
use crate::scratch::Scratch;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Queries and a corpus of two classes, beside the folders to train on.
fn folders() -> Scratch {
    let scratch = tiles();
    let mut gold = String::from("part,file,label\n");
    for (class, period, dip) in [("flat", 9.1, 0.0), ("steep", 9.1, 0.9)] {
        scratch.tile(&format!("query/{class}.png"), period, dip);
        gold += &format!("query,{class}.png,{class}\n");
        for n in 0..4u8 {
            scratch.tile(&format!("corpus/{class}{n}.png"), period + 0.3 * f32::from(n), dip);
            gold += &format!("image_corpus,{class}{n}.png,{class}\n");
        }
    }
    scratch.write("test-gold.csv", gold.as_bytes());
    scratch
}

const PREDICT: &str = "predict: {query: query, corpus: corpus, k: 2, gold: test-gold.csv}\n";
const TRAIN: &str =
    "data: {train: train}\nstopping: {epochs: 2}\nsampling: {kind: classes, classes: 3, tiles: 2}\n";

fn pipeline(scratch: &Scratch, settings: &str, more: &[&str]) -> Value {
    scratch.write("pipeline.yml", settings.as_bytes());
    let run = scratch.refcon(&[&["--json", "pipeline", "pipeline.yml", "-o", "out"], more].concat());
    serde_json::from_str(&run.done().stdout).unwrap()
}

fn came_out(scratch: &Scratch) {
    let results = scratch.json("out/results.json");
    assert_eq!(results["flat.png"].as_array().unwrap().len(), 2, "{results}");
    for file in
        ["config.yml", "results.csv", "report.html", "scores.json", "evaluation.html", "evaluation.json"]
    {
        assert!(scratch.path(&format!("out/{file}")).is_file(), "{file}");
    }
}

#[test]
fn an_encoder_predicts_and_is_scored() {
    let scratch = folders();
    let done = pipeline(&scratch, PREDICT, &[]);
    assert_eq!((&done["mode"], &done["encoder"]), (&"predict".into(), &"texture".into()));
    assert_eq!(done["evaluation"]["scores"]["overall"]["map_at_r"]["mean"], 1.0);
    came_out(&scratch);
    assert!(!scratch.path("out/training").exists());
    // The command of its own says the same.
    let predict = ["predict", "--query", "query", "--corpus", "corpus", "-k", "2", "-o", "alone.json"];
    scratch.refcon(&predict).done();
    assert_eq!(scratch.json("alone.json"), scratch.json("out/results.json"));
    // Everything that is printed may be given back.
    let print = scratch.refcon(&["pipeline", "pipeline.yml", "--print-config"]);
    let all = pipeline(&scratch, &print.done().stdout, &["--set", "predict.k=all"]);
    assert_eq!(all["prediction"]["matches_per_query"], 8);
}

#[test]
fn an_encoder_is_trained_once_and_predicts() {
    let scratch = folders();
    let settings = format!("{TRAIN}{PREDICT}");
    let done = pipeline(&scratch, &settings, &[]);
    assert_eq!(
        (&done["mode"], &done["prediction"]["encoder"]),
        (&"train_and_predict".into(), &"texture+head".into())
    );
    came_out(&scratch);
    let numbers = fs::read(scratch.path("out/training/metrics.jsonl")).unwrap();
    let again = pipeline(&scratch, &settings, &["--set", "predict.k=3"]);
    assert_eq!(again["prediction"]["encoder_hash"], done["prediction"]["encoder_hash"]);
    assert!(numbers == fs::read(scratch.path("out/training/metrics.jsonl")).unwrap(), "it trained again");
    assert_eq!(scratch.json("out/results.json")["flat.png"].as_array().unwrap().len(), 3);
    let other = ["pipeline", "pipeline.yml", "-o", "out", "--set", "seed=7"];
    scratch.refcon(&other).failed_with(3, &["trained with other settings", "-o"]);
    // A prediction into the same folder says nothing of what was trained there.
    pipeline(&scratch, PREDICT, &[]);
    pipeline(&scratch, &settings, &[]);
    assert!(numbers == fs::read(scratch.path("out/training/metrics.jsonl")).unwrap(), "it trained again");
    scratch.refcon(&other).failed_with(3, &["trained with other settings"]);
}

#[cfg(unix)]
#[test]
fn an_interrupt_while_it_trains_or_predicts_is_told_by_the_exit_code() {
    let scratch = folders();
    let tile = scratch.path("corpus/flat0.png");
    for n in 0..1500 {
        fs::copy(&tile, scratch.path(&format!("corpus/more{n}.png"))).unwrap();
    }
    let interrupted = |settings: &str, out: &str, now: &str| {
        scratch.write("pipeline.yml", settings.as_bytes());
        let mut child = Command::new(env!("CARGO_BIN_EXE_refcon"))
            .args(["--plain", "pipeline", "pipeline.yml", "-o", out])
            .current_dir(scratch.path(""))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.any(|line| line.starts_with(now)), "it never said {now:?}");
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        let rest = lines.collect::<Vec<_>>().join("\n");
        assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
        assert!(rest.contains("the same `refcon pipeline` goes on"), "{rest}");
        assert!(!scratch.path(&format!("{out}/results.json")).exists());
    };
    let predict = "predict: {query: query, corpus: corpus}\n";
    interrupted(&format!("{TRAIN}{predict}"), "predicting", "predicting");
    let long = TRAIN.replace("epochs: 2", "epochs: 100000");
    interrupted(&format!("{long}{predict}"), "training", "epoch 1/");
}

#[test]
fn an_iteration_predicts_with_its_best_round_and_a_review_stops_it() {
    let scratch = folders();
    let settings = format!(
        "{TRAIN}{PREDICT}iteration: {{unlabelled: pool, curated_threshold: 0.6, rounds: 1, review: true}}\n"
    );
    scratch.write("pipeline.yml", settings.as_bytes());
    let run = scratch.refcon(&["--json", "pipeline", "pipeline.yml", "-o", "out"]);
    assert!(run.code == 5 && run.stderr.contains("the same `refcon pipeline` goes on"), "{run:?}");
    let plain = scratch.refcon(&["pipeline", "pipeline.yml", "-o", "other"]);
    assert!(plain.code == 5 && plain.stdout.contains("the same `refcon pipeline` goes on then"), "{plain:?}");
    assert!(!plain.stdout.contains("--resume") && !plain.stderr.contains("--resume"), "{plain:?}");
    let waiting: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(waiting["training"]["ending"], "review", "{waiting}");
    assert!(!scratch.path("out/results.json").exists());
    let done = pipeline(&scratch, &settings, &[]);
    assert_eq!(
        (&done["mode"], &done["encoder"]),
        (&"iterate_and_predict".into(), &"out/iteration/best".into())
    );
    came_out(&scratch);
}

#[test]
fn only_an_empty_folder_or_a_pipeline_s_own_is_written_into_and_no_input_is_replaced() {
    let scratch = folders();
    scratch.write("config.yml", PREDICT.as_bytes());
    scratch.write("mine/report.html", b"mine");
    let refused = ["not empty and no earlier pipeline's", "-o"];
    for folder in [".", "mine"] {
        scratch.refcon(&["pipeline", "config.yml", "-o", folder]).failed_with(4, &refused);
    }
    assert_eq!(fs::read(scratch.path("config.yml")).unwrap(), PREDICT.as_bytes());
    assert_eq!(fs::read(scratch.path("mine/report.html")).unwrap(), b"mine");
    fs::create_dir(scratch.path("out")).unwrap();
    for _ in 0..2 {
        scratch.refcon(&["pipeline", "config.yml", "-o", "out"]).done();
    }
    // Its own settings may be given again, and are not replaced by others.
    let own = ["pipeline", "out/config.yml", "-o", "out"];
    scratch.refcon(&own).done();
    let before = fs::read(scratch.path("out/config.yml")).unwrap();
    scratch
        .refcon(&[&own[..], &["--set", "predict.k=3"]].concat())
        .failed_with(4, &["out/config.yml is read"]);
    assert_eq!(fs::read(scratch.path("out/config.yml")).unwrap(), before);
}

#[test]
fn settings_to_start_from_come_with_the_program() {
    let scratch = folders();
    let print = scratch.refcon(&["pipeline", "pipeline-predict", "--print-config"]);
    scratch.write("mine.yml", print.done().stdout.as_bytes());
    let folders = ["--set", "predict.query=query", "--set", "predict.corpus=corpus"];
    scratch.refcon(&[&["pipeline", "mine.yml", "-o", "out"], &folders[..]].concat()).done();
    for name in ["pipeline-train", "pipeline-iterate"] {
        scratch.refcon(&["pipeline", name, "--print-config"]).done();
    }
    scratch
        .refcon(&["pipeline", "nowhere.yml"])
        .failed_with(3, &["no settings nowhere.yml", "pipeline-train"]);
    let help = scratch.refcon(&["pipeline", "--help"]);
    for says in
        ["--print-config > mine.yml", "Paths in the settings count from the folder that refcon is started in"]
    {
        assert!(help.done().stdout.contains(says), "{says}");
    }
}

#[test]
fn what_is_predicted_with_is_never_trained_on_and_unread_settings_are_refused() {
    let scratch = folders();
    let refused = |settings: &str, code: i32, says: &[&str]| {
        scratch.write("pipeline.yml", settings.as_bytes());
        scratch.refcon(&["pipeline", "pipeline.yml", "-o", "out"]).failed_with(code, says);
    };
    let calibrated = "predict: {query: query, corpus: corpus, confidence: calibrated}\n";
    refused(calibrated, 3, &["predict.calibration is not set"]);
    let inside = "data: {train: train}\npredict: {query: train/flat, corpus: corpus}\n";
    refused(inside, 3, &["data.train", "never trained on"]);
    let pool =
        "data: {train: train}\niteration: {unlabelled: corpus}\npredict: {query: query, corpus: corpus}\n";
    refused(pool, 3, &["iteration.unlabelled", "never trained on"]);
    scratch.write("added.csv", b"path,label\npool/0/flat.png,flat\ncorpus/flat0.png,flat\n");
    let added = "data: {train: train, added: added.csv}\npredict: {query: query, corpus: corpus}\n";
    refused(added, 3, &["data.added", "corpus/flat0.png", "never trained on"]);
    refused(&format!("loss: proxy_anchor\n{PREDICT}"), 3, &["loss is set", "data.train is not"]);
    refused(&format!("{TRAIN}iteration: {{rounds: 1}}\n{PREDICT}"), 3, &["iteration.unlabelled"]);
    refused("predict: {query: query}\n", 3, &["predict.corpus is not set"]);
    refused("predict: {query: query, corpus: corpus, k: none}\n", 3, &["`predict.k`", "none", "or `all`"]);
    refused("predict: {query: query, korpus: corpus}\n", 3, &["did you mean `corpus`?"]);
    assert!(!scratch.path("out").exists());
}
