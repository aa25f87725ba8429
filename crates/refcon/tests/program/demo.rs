//! The demo, the pictures and the synthetic survey, through the program itself.

use crate::scratch::Scratch;
use std::fs;

#[test]
fn the_demo_needs_nothing_and_leaves_a_scored_report() {
    let scratch = Scratch::new();
    let run = scratch.refcon(&["demo", "--json"]);
    let result: serde_json::Value = serde_json::from_str(&run.done().stdout).unwrap();
    // Eight classes of up to 4 queries and 20 corpus tiles; every class is there.
    let classes = result["scores"]["classes"].as_object().unwrap();
    assert_eq!(classes.len(), 8);
    assert!(classes.values().all(|class| class["corpus"].as_u64().unwrap() >= 3), "{result}");
    // A guess would be right one time in eight.
    assert!(result["scores"]["overall"]["precision_at_1"]["mean"].as_f64().unwrap() > 0.6, "{result}");
    for file in ["survey.sgy", "section.png", "classes.png", "gold.csv", "results.json", "report.html"] {
        assert!(fs::metadata(scratch.path("refcon-demo").join(file)).unwrap().len() > 500, "{file}");
    }
    // Once more, over the first.
    scratch.refcon(&["demo", "--quiet"]).done();
}

#[test]
fn tile_names_do_not_tell_the_class() {
    let scratch = Scratch::new();
    scratch.refcon(&["demo", "-o", "d", "-q"]).done();
    let tiles = scratch
        .files()
        .into_iter()
        .filter(|file| file.starts_with("d/query/") || file.starts_with("d/corpus/"));
    let names: Vec<String> = tiles.map(|file| file.to_lowercase()).collect();
    assert!(names.len() > 100);
    for class in ["boring", "planar", "chaotic", "channel", "converging", "fault", "salt"] {
        assert!(names.iter().all(|name| !name.contains(class)), "{class}");
    }
}

#[test]
fn pictures_are_png_files() {
    let scratch = Scratch::new();
    scratch.tile("train/Flat/a.png", 9.0, 0.0);
    scratch.tile("train/Steep/a.png", 9.0, 1.0);
    scratch.refcon(&["show", "classes", "train", "-o", "classes.png"]).done();
    scratch.refcon(&["show", "preprocess", "train/Flat/a.png", "-o", "steps.png"]).done();
    for picture in ["classes.png", "steps.png"] {
        let bytes = fs::read(scratch.path(picture)).unwrap();
        assert!(bytes.starts_with(b"\x89PNG") && bytes.len() > 5000, "{picture}");
    }
    let wrong = ["show", "preprocess", "train/Flat/a.png", "-o", "steps.png", "--contrast", "-3"];
    scratch.refcon(&wrong).failed_with(2, &["contrast factor -3"]);
    let again = fs::read(scratch.path("classes.png")).unwrap();
    scratch.refcon(&["show", "classes", "train", "-o", "classes.png"]).done();
    assert_eq!(fs::read(scratch.path("classes.png")).unwrap(), again);
}

#[test]
fn one_seed_is_one_survey_and_another_seed_another() {
    let scratch = Scratch::new();
    let synth = |name: &str, seed: &str| {
        let size = ["--inlines", "64", "--crosslines", "64", "--samples", "128"];
        scratch.refcon(&[&["synth", "-q", "-o", name, "--seed", seed], size.as_slice()].concat()).done();
        fs::read(scratch.path(name)).unwrap()
    };
    let first = synth("a.npy", "1");
    assert_eq!(first, synth("b.npy", "1"));
    assert_ne!(first, synth("c.npy", "2"));
    assert!(scratch.path("a-labels.npy").exists());
}

#[test]
fn a_synthetic_survey_replaces_nothing_unasked_and_is_checked_first() {
    let scratch = Scratch::new();
    let synth = |more: &[&str]| {
        let size = ["--inlines", "64", "--crosslines", "64", "--samples", "128"];
        scratch.refcon(&[&["synth", "-q", "-o", "mine.npy"], &size[..], more].concat())
    };
    scratch.write("mine-labels.npy", b"interpreted by hand");
    synth(&[]).failed_with(4, &["mine-labels.npy", "is there already", "--replace"]);
    assert_eq!(scratch.files(), ["mine-labels.npy"]);
    synth(&["--replace"]).done();
    synth(&[]).failed_with(4, &["mine.npy: it is there already"]);
    fs::remove_file(scratch.path("mine.npy")).unwrap();
    let tiles = synth(&["--replace", "--tiles", "tiles", "--tile-side", "1000"]);
    tiles.failed_with(2, &["1000 samples × 1000 traces", "128 × 64"]);
    assert_eq!(scratch.files(), ["mine-labels.npy"]);
}

#[test]
fn a_demo_that_cannot_be_made_leaves_no_folder() {
    let scratch = Scratch::new();
    scratch.refcon(&["demo", "-o", "d", "--inlines", "10"]).failed_with(2, &["at least 64 inlines"]);
    scratch.refcon(&["demo", "-o", "d", "--inlines", "64"]).failed_with(2, &["96", "more --inlines"]);
    assert!(!scratch.path("d").exists());
}

#[test]
fn help_names_every_command_in_plain_words() {
    let scratch = Scratch::new();
    let help = scratch.refcon(&["--help"]).done().stdout.clone();
    for word in ["demo", "predict", "score", "show", "synth", "Exit codes", "tile", "Nothing is downloaded"] {
        assert!(help.contains(word), "{word}");
    }
}
