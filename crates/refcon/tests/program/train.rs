//! Training through the program: runs, resumption after a kill, guards.

use crate::scratch::Scratch;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A checkpoint of two blocks of width 32.
pub(crate) fn tiny_vit() -> String {
    format!("{}/../refcon-encoders/tests/golden/vit", env!("CARGO_MANIFEST_DIR"))
}

/// Three classes of reflectors that differ in period and dip, eight tiles each.
pub(crate) fn tiles() -> Scratch {
    let scratch = Scratch::new();
    for (class, period, dip) in [("flat", 9.0, 0.0), ("steep", 9.0, 0.9), ("thin", 5.0, 0.1)] {
        for n in 0..8u8 {
            let change = f32::from(n);
            scratch.tile(&format!("train/{class}/{n}.png"), period + 0.2 * change, dip + 0.02 * change);
        }
    }
    scratch
}

/// The lines of a run's numbers without the time that they took.
pub(crate) fn metrics(run: &Path) -> Vec<String> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let without_time = |line: &str| {
        let mut record: Value = serde_json::from_str(line).unwrap();
        record.as_object_mut().unwrap().remove("seconds");
        record.to_string()
    };
    text.lines().map(without_time).collect()
}

pub(crate) fn only_run(runs: &Path) -> std::path::PathBuf {
    let mut entries = fs::read_dir(runs).unwrap();
    entries.next().unwrap().unwrap().path()
}

/// The challenge's recipe on a tiny model: triplets, crops, every weight.
const RECIPE: [&str; 16] = [
    "--data",
    "train",
    "--device",
    "cpu",
    "--precision",
    "f32",
    "--set",
    "sampling.batch=4",
    "--set",
    "stopping.epochs=4",
    "--set",
    "checkpoint_every_steps=1",
    "--set",
    "optimiser.learning_rate=1e-4",
    "--set",
    "validation.choose_by=map_at_r",
];

fn recipe<'a>(vit: &'a str, runs: &'a str) -> Vec<&'a str> {
    let mut arguments = vec!["train", "challenge-vit", "--encoder", vit, "--runs", runs];
    arguments.extend(RECIPE);
    arguments
}

pub(crate) fn spawn(scratch: &Scratch, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_refcon"))
        .args(arguments)
        .current_dir(scratch.path(""))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits until a run below `runs` has written that many numbers; false where the program ended before.
pub(crate) fn wait_for_lines(child: &mut Child, runs: &Path, lines: usize) -> bool {
    let began = Instant::now();
    loop {
        let entries = fs::read_dir(runs).into_iter().flatten().flatten();
        let written = entries
            .filter_map(|entry| fs::read_to_string(entry.path().join("metrics.jsonl")).ok())
            .map(|text| text.lines().count())
            .max();
        if written.unwrap_or(0) >= lines {
            return true;
        }
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "no {lines} numbers in {}", runs.display());
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_trained_head_is_an_encoder_that_predicts() {
    let scratch = tiles();
    let run = scratch.refcon(&["--json", "train", "--data", "train", "--set", "stopping.epochs=3"]);
    let done: Value = serde_json::from_str(&run.done().stdout).unwrap();
    assert_eq!((&done["ending"], &done["epochs"]), (&"finished".into(), &3.into()));
    let folder = only_run(&scratch.path("runs"));
    for file in ["config.yml", "run.json", "data.csv", "metrics.jsonl", "checkpoints/last.safetensors"] {
        assert!(folder.join(file).is_file(), "{file}");
    }
    let facts: Value = serde_json::from_slice(&fs::read(folder.join("run.json")).unwrap()).unwrap();
    assert_eq!((&facts["state"], &facts["encoder"][0]), (&"finished".into(), &"texture".into()));
    assert_eq!(facts["tiles"], serde_json::json!([18, 6]));
    let best = folder.join("best");
    let predict =
        ["--json", "predict", "--query", "train/flat", "--corpus", "train", "-o", "r.json", "--encoder"];
    let run = scratch.refcon(&[&predict[..], &[best.to_str().unwrap()]].concat());
    let said: Value = serde_json::from_str(&run.done().stdout).unwrap();
    assert_eq!(said["encoder"], "texture+head");
    let plain = scratch.refcon(&[&predict[..], &["texture"]].concat());
    let plain: Value = serde_json::from_str(&plain.done().stdout).unwrap();
    assert_ne!(said["encoder_hash"], plain["encoder_hash"]);
    let inspect = scratch.refcon(&["encoder", "inspect", best.to_str().unwrap()]);
    inspect.failed_with(3, &["those of a head", "no model"]);
    let list = scratch.refcon(&["runs"]);
    assert!(list.done().stdout.contains("supervised_contrastive"), "{list:?}");
}

#[test]
fn a_class_that_no_validation_looks_at_is_told_by_the_program_and_on_the_page() {
    let scratch = tiles();
    let mut groups = String::from("path,near_duplicate_group\n");
    for class in ["flat", "steep", "thin"] {
        for n in 0..8 {
            let group = if class == "thin" { "copies".into() } else { format!("{class}-{n}") };
            groups += &format!("{class}/{n}.png,{group}\n");
        }
    }
    scratch.write("groups.csv", groups.as_bytes());
    let train = ["train", "--data", "train", "--groups", "groups.csv", "--set", "stopping.epochs=1"];
    let run = scratch.refcon(&train);
    assert!(run.done().stderr.contains("nothing of class thin is held out, since its 8 tiles"), "{run:?}");
    let page = fs::read_to_string(only_run(&scratch.path("runs")).join("report.html")).unwrap();
    assert!(page.contains("Nothing of class thin is held out"));
}

#[test]
fn a_run_ends_with_a_page_that_is_drawn_anew_on_request() {
    let scratch = tiles();
    scratch.refcon(&["train", "--data", "train", "--set", "stopping.epochs=3"]).done();
    let run = only_run(&scratch.path("runs"));
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    for part in [
        "train/epoch_loss",
        "learning rate",
        "MAP@R",
        "Class of the nearest tile",
        "temperature: 0.1",
        "did worst",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(
        page.matches("<image").count() > 5 && !page.contains("http"),
        "pictures, and nothing from elsewhere"
    );
    fs::remove_file(run.join("report.html")).unwrap();
    let name = run.file_name().unwrap().to_str().unwrap();
    let again = scratch.refcon(&["runs", name, "--report"]);
    assert!(again.done().stdout.contains("report.html"), "{again:?}");
    assert_eq!(fs::read_to_string(run.join("report.html")).unwrap(), page);
    scratch.refcon(&["runs", "--report"]).usage_error(&["RUN"]);
}

#[test]
fn runs_are_compared_by_the_settings_in_which_they_differ() {
    let scratch = tiles();
    let train = ["train", "--data", "train", "--set", "stopping.epochs=1"];
    scratch.refcon(&train).done();
    scratch.refcon(&[&train[..], &["--set", "loss.temperature=0.2", "--set", "seed=7"]].concat()).done();
    let mut names: Vec<String> = fs::read_dir(scratch.path("runs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_by_key(|name| name.rsplit('-').next().unwrap().to_owned());
    let run = scratch.refcon(&["runs", &names[0], &names[1]]);
    let lines: Vec<&str> = run.done().stdout.lines().collect();
    assert!(
        lines.iter().any(|line| line.split_whitespace().eq(["loss.temperature", "0.1", "|", "0.2"])),
        "{run:?}"
    );
    assert!(lines.iter().any(|line| line.split_whitespace().eq(["seed", "42", "|", "7"])), "{run:?}");
    assert_eq!(lines.len(), 5, "{run:?}");
    scratch.refcon(&["runs", "deep-salt-99"]).failed_with(3, &["deep-salt-99", &names[0]]);
}

#[test]
fn trackers_are_chosen_by_settings() {
    let scratch = tiles();
    let train = ["train", "--data", "train", "--set", "stopping.epochs=1", "--set"];
    scratch
        .refcon(&[&train[..], &["tracking={report: false, tensorboard: false, wandb: true}"]].concat())
        .done();
    let run = only_run(&scratch.path("runs"));
    assert!(!run.join("tensorboard").exists() && !run.join("report.html").exists());
    let offline = only_run(&run.join("wandb"));
    assert!(offline.file_name().unwrap().to_str().unwrap().starts_with("offline-run-"));
    let config: Value =
        serde_json::from_slice(&fs::read(offline.join("files/refcon-config.json")).unwrap()).unwrap();
    assert_eq!(
        (&config["loss"]["temperature"], &config["run"]["method"]),
        (&0.1.into(), &"fine_tuning".into())
    );
}

#[cfg(unix)]
#[test]
fn a_full_disk_stops_a_training_and_loses_no_checkpoint() {
    let scratch = tiles();
    let vit = tiny_vit();
    scratch.refcon(&recipe(&vit, "whole")).done();
    let whole = only_run(&scratch.path("whole"));
    let mut child = spawn(&scratch, &recipe(&vit, "runs"));
    assert!(wait_for_lines(&mut child, &scratch.path("runs"), 20), "the program was too fast to be killed");
    child.kill().unwrap();
    child.wait().unwrap();
    let run = only_run(&scratch.path("runs"));
    let checkpoint = run.join("checkpoints/last.safetensors");
    let before = fs::read(&checkpoint).unwrap();
    // No file may grow beyond 32 KiB, which no checkpoint fits in: the system refuses as it does on a full disk.
    let limited = format!(
        "trap '' XFSZ; ulimit -f 64; exec {} train --resume {}",
        env!("CARGO_BIN_EXE_refcon"),
        run.display()
    );
    let done = Command::new("sh").args(["-c", &limited]).current_dir(scratch.path("")).output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(4), "{said}");
    // Which file it is first depends on where the kill struck.
    let named = said.contains(".safetensors") || said.contains(".best-new");
    assert!(named && said.contains("--resume"), "{said}");
    assert!(fs::read(&checkpoint).unwrap() == before, "the checkpoint changed");
    scratch.refcon(&["train", "--resume", run.to_str().unwrap()]).done();
    assert_eq!(metrics(&run), metrics(&whole));
}

#[test]
fn a_model_is_tuned_by_triplets_from_end_to_end() {
    let scratch = tiles();
    let vit = tiny_vit();
    let dry = [&recipe(&vit, "runs")[..], &["--dry"]].concat();
    let run = scratch.refcon(&dry);
    assert!(run.done().stdout.contains("2 epochs, 6 steps"), "{run:?}");
    let best = only_run(&scratch.path("runs")).join("best");
    let run = scratch.refcon(&["embed", "train", "-o", "e.npy", "--encoder", best.to_str().unwrap()]);
    assert!(run.done().stdout.contains("24 images embedded"), "{run:?}");
}

#[test]
fn every_recipe_of_the_challenge_trains_a_model_of_its_family() {
    let scratch = tiles();
    for (recipe, checkpoint) in [
        ("challenge-clip", "clip"),
        ("challenge-dinov2", "dinov2"),
        ("challenge-mae", "mae"),
        ("challenge-vit", "vit"),
        ("challenge-vit-torchvision", "torchvision"),
    ] {
        let encoder = format!("{}/../refcon-encoders/tests/golden/{checkpoint}", env!("CARGO_MANIFEST_DIR"));
        let small = ["--device", "cpu", "--set", "sampling.batch=2", "--runs", recipe, "--dry"];
        scratch
            .refcon(&[&["train", recipe, "--data", "train", "--encoder", &encoder], &small[..]].concat())
            .done();
        let run = only_run(&scratch.path(recipe));
        let facts: Value = serde_json::from_slice(&fs::read(run.join("run.json")).unwrap()).unwrap();
        assert_eq!(facts["state"], "finished", "{recipe}");
        let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
        assert!(text.contains("validation/triplet_loss"), "{recipe}");
        let best = run.join("best");
        scratch.refcon(&["embed", "train", "-o", "e.npy", "--encoder", best.to_str().unwrap()]).done();
    }
}

#[test]
fn a_training_that_is_killed_goes_on_to_the_same_numbers_and_weights() {
    let scratch = tiles();
    let vit = tiny_vit();
    scratch.refcon(&recipe(&vit, "whole")).done();
    let whole = only_run(&scratch.path("whole"));
    // Three kills in a row, each a little further on.
    let mut child = spawn(&scratch, &recipe(&vit, "killed"));
    let mut killed = 0;
    for lines in [5, 17, 40] {
        if wait_for_lines(&mut child, &scratch.path("killed"), lines) {
            killed += 1;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let run = only_run(&scratch.path("killed"));
        child = spawn(&scratch, &["train", "--resume", run.to_str().unwrap()]);
    }
    assert!(child.wait().unwrap().success());
    assert!(killed >= 2, "the program was too fast to be killed");
    let run = only_run(&scratch.path("killed"));
    assert_eq!(metrics(&run), metrics(&whole));
    let weights = |run: &Path| fs::read(run.join("best/model.safetensors")).unwrap();
    assert!(weights(&run) == weights(&whole), "the weights differ");
    // Every step once: times aside, whose fields are of one length, the event files are the same.
    let events = |run: &Path| fs::metadata(only_run(&run.join("tensorboard"))).unwrap().len();
    assert_eq!(events(&run), events(&whole));
}

#[test]
fn a_run_is_trained_by_one_at_a_time_and_one_that_was_killed_says_so() {
    let scratch = tiles();
    let vit = tiny_vit();
    let long = [&recipe(&vit, "runs")[..], &["--set", "stopping.epochs=500"]].concat();
    let mut child = spawn(&scratch, &long);
    assert!(wait_for_lines(&mut child, &scratch.path("runs"), 6));
    let run = only_run(&scratch.path("runs"));
    let state = || {
        let runs: Value = serde_json::from_str(&scratch.refcon(&["runs", "--json"]).done().stdout).unwrap();
        runs[0]["run"]["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state(), "running");
    let resume = ["train", "--resume", run.to_str().unwrap()];
    scratch.refcon(&resume).failed_with(3, &["another training works on this run"]);
    assert_eq!(state(), "running", "what was refused has changed nothing");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(state(), "killed");
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let mut child = spawn(&scratch, &resume);
    assert!(wait_for_lines(&mut child, &scratch.path("runs"), text.lines().count() + 3));
    assert_eq!(state(), "running");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[cfg(unix)]
#[test]
fn an_interrupt_keeps_everything_and_exits_cleanly() {
    let scratch = tiles();
    let vit = tiny_vit();
    let long = [&recipe(&vit, "runs")[..], &["--set", "stopping.epochs=500"]].concat();
    let mut child = Command::new(env!("CARGO_BIN_EXE_refcon"))
        .args(&long)
        .current_dir(scratch.path(""))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    assert!(wait_for_lines(&mut child, &scratch.path("runs"), 12));
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success());
    let run = only_run(&scratch.path("runs"));
    let said = String::from_utf8(done.stdout).unwrap();
    let goes_on = format!("`refcon train --resume runs/{}` goes on", run.file_name().unwrap().display());
    assert!(said.contains(&goes_on), "{said}");
    let facts: Value = serde_json::from_slice(&fs::read(run.join("run.json")).unwrap()).unwrap();
    assert_eq!(facts["state"], "interrupted");
    let before = metrics(&run);
    let mut child = spawn(&scratch, &["train", "--resume", run.to_str().unwrap()]);
    assert!(wait_for_lines(&mut child, &scratch.path("runs"), before.len() + 3));
    child.kill().unwrap();
    child.wait().unwrap();
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    assert!(text.lines().count() > before.len());
}

#[test]
fn test_data_is_refused_or_remembered_for_ever() {
    let scratch = tiles();
    fs::rename(scratch.path("train"), scratch.path("image_corpus")).unwrap();
    let train = ["train", "--data", "image_corpus", "--set", "stopping.epochs=1"];
    scratch.refcon(&train).failed_with(3, &["image_corpus", "test data", "--allow-test-data"]);
    scratch.refcon(&[&train[..], &["--allow-test-data"]].concat()).done();
    let best = only_run(&scratch.path("runs")).join("best");
    let file = fs::read_to_string(best.join("refcon-encoder.json")).unwrap();
    assert!(file.contains("trained_on_test_data") && file.contains("image_corpus"), "{file}");
}

#[test]
fn settings_are_printed_and_a_misspelt_one_is_answered_with_what_was_meant() {
    let scratch = tiles();
    let run = scratch.refcon(&["train", "challenge-clip", "--set", "loss.distance=cosine", "--print-config"]);
    let yaml = &run.done().stdout;
    assert!(yaml.contains("distance: cosine") && yaml.contains("learning_rate: 5e-6"), "{yaml}");
    let run = scratch.refcon(&["train", "--data", "train", "--set", "optimiser.learning_rat=1"]);
    run.failed_with(2, &["optimiser.learning_rat", "did you mean `learning_rate`?"]);
    scratch.write("mine.yml", b"lss: triplet\n");
    scratch.refcon(&["train", "mine.yml"]).failed_with(3, &["mine.yml", "did you mean `loss`?"]);
    scratch.refcon(&["train", "challenge-klip"]).failed_with(3, &["challenge-klip", "challenge-clip"]);
}

#[test]
fn a_loss_that_is_not_finite_stops_with_its_step_rate_and_tiles() {
    let scratch = tiles();
    let vit = tiny_vit();
    let wild = [&recipe(&vit, "runs")[..], &["--set", "optimiser.learning_rate=1e30"]].concat();
    scratch.refcon(&wild).failed_with(1, &["at step", "learning rate 1e30", ".png"]);
    let run = only_run(&scratch.path("runs"));
    assert!(run.join("checkpoints/last.safetensors").exists());
}

#[test]
fn a_tile_that_cannot_be_read_is_named_before_there_is_a_run() {
    let scratch = tiles();
    scratch.write("train/flat/9.png", b"\x89PNG\r\n\x1a\nnothing more");
    let vit = tiny_vit();
    let head = ["train", "--data", "train"];
    for command in [&recipe(&vit, "runs")[..], &head, &["duplicates", "train"]] {
        scratch.refcon(command).failed_with(3, &["9.png", "mend this one, or take it out of the folder"]);
    }
    assert!(!scratch.path("runs").exists());
}

#[test]
fn the_example_of_a_setting_works_and_a_key_of_another_kind_is_answered_with_what_to_add() {
    let scratch = tiles();
    let example = "optimiser.learning_rate=3e-4";
    assert!(scratch.refcon(&["train", "--help"]).done().stdout.contains(&format!("such as `{example}`")));
    scratch.refcon(&["train", "--set", example, "--print-config"]).done();
    let of_another = scratch.refcon(&["train", "--set", "loss.margin=0.5"]);
    of_another.failed_with(2, &["`loss.margin` of this kind", "as in --set loss.kind=triplet"]);
}

#[test]
fn a_recipe_without_its_weights_asks_for_their_folder() {
    let scratch = tiles();
    let run = scratch.refcon(&["train", "challenge-vit", "--data", "train"]);
    run.failed_with(3, &["vit-base-patch16-224-in21k", "nothing is downloaded", "--encoder FOLDER"]);
}

#[test]
fn a_run_is_gone_on_with_by_its_name() {
    let scratch = tiles();
    let one = ["train", "--data", "train", "--runs", "mine", "--set", "stopping.epochs=1"];
    let run = scratch.refcon(&one);
    assert!(run.done().stdout.starts_with("done: 1 epoch, "), "{run:?}");
    let folder = only_run(&scratch.path("mine"));
    let name = folder.file_name().unwrap().to_str().unwrap();
    let again = scratch.refcon(&["train", "--resume", name, "--runs", "mine"]);
    assert!(again.done().stdout.contains(&format!("run mine/{name}")), "{again:?}");
    scratch.refcon(&["train", "--resume", name]).failed_with(3, &[name, "no run"]);
}

#[test]
fn a_trial_is_named_so_and_no_epoch_is_no_training() {
    let scratch = tiles();
    let train = ["train", "--data", "train"];
    scratch.refcon(&[&train[..], &["--dry"]].concat()).done();
    let listed = scratch.refcon(&["runs"]);
    assert!(listed.done().stdout.lines().nth(1).unwrap().starts_with("dry-"), "{listed:?}");
    for setting in ["stopping.epochs=0", "stopping.batches=0"] {
        scratch
            .refcon(&[&train[..], &["--set", setting]].concat())
            .failed_with(2, &["is 0, expected at least 1"]);
    }
}

#[test]
fn leaks_across_the_split_are_warned_of_where_no_groups_are_given() {
    let scratch = tiles();
    let train = ["train", "--data", "train", "--set", "stopping.epochs=1", "--set", "tracking.report=false"];
    let says = |more: &[&str]| {
        let run = scratch.refcon(&[&train[..], more].concat());
        run.done().stderr.contains("no --groups (data.groups): near-duplicates among the training tiles")
    };
    assert!(says(&[]));
    assert!(!says(&["--set", "data.validation_share=0"]));
    let mut groups = String::from("path,near_duplicate_group\n");
    for class in ["flat", "steep", "thin"] {
        (0..8).for_each(|n| groups += &format!("{class}/{n}.png,{class}-{n}\n"));
    }
    scratch.write("groups.csv", groups.as_bytes());
    assert!(!says(&["--groups", "groups.csv"]));
}

#[test]
fn a_changed_data_set_is_no_run_to_go_on_with() {
    let scratch = tiles();
    scratch.refcon(&["train", "--data", "train", "--set", "stopping.epochs=1"]).done();
    let run = only_run(&scratch.path("runs"));
    scratch.tile("train/flat/10.png", 11.0, 0.3);
    scratch.refcon(&["train", "--resume", run.to_str().unwrap()]).failed_with(3, &["no longer", "data.csv"]);
    scratch.refcon(&["train", "--resume", "train"]).failed_with(3, &["no run", "config.yml"]);
}

#[test]
fn near_duplicates_are_grouped_and_leaks_across_folders_named() {
    let scratch = Scratch::new();
    for (name, period) in
        [("a/1.png", 9.0), ("a/2.png", 9.02), ("a/3.png", 5.0), ("b/4.png", 9.01), ("b/5.png", 14.0)]
    {
        scratch.tile(name, period, 0.3);
    }
    let run = scratch.refcon(&["--json", "duplicates", "a", "b", "-o", "groups.csv"]);
    let found: Value = serde_json::from_str(&run.done().stdout).unwrap();
    assert_eq!((&found["groups"], &found["largest_group"]), (&3.into(), &3.into()), "{found}");
    assert_eq!(found["leaks"].as_array().unwrap().len(), 2);
    assert!(run.stderr.contains("leak: "), "{run:?}");
    let table = fs::read_to_string(scratch.path("groups.csv")).unwrap();
    assert!(table.starts_with("path,label,near_duplicate_group\n") && table.lines().count() == 6, "{table}");
    for twice in [["a", "a"], ["a", "./a"], [".", "b"]] {
        scratch
            .refcon(&["duplicates", twice[0], twice[1]])
            .failed_with(2, &["give each tile once", twice[1]]);
    }
}
