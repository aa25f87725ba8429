//! Wrong, damaged and hostile input: one clear line, an exit code, never a half-written file.

use crate::scratch::{Run, Scratch, png_that_claims, reflectors};
use refcon_image::GreyImage;
use refcon_image::figure::encode_png;
use std::fs;

fn good() -> Scratch {
    let scratch = Scratch::new();
    scratch.tile("query/q.png", 9.0, 0.2);
    for n in 0..4u8 {
        scratch.tile(&format!("corpus/{n}.png"), 7.0 + f32::from(n), 0.1 * f32::from(n));
    }
    scratch
}

fn predict(scratch: &Scratch, more: &[&str]) -> Run {
    let fixed = ["predict", "--query", "query", "--corpus", "corpus", "-o", "results.json"];
    scratch.refcon(&[&fixed, more].concat())
}

/// Nothing was written beside what the test itself put there.
#[track_caller]
fn nothing_written(scratch: &Scratch, before: &[String]) {
    assert_eq!(scratch.files(), before);
}

#[test]
fn folders_that_are_missing_empty_or_without_images_are_named() {
    let scratch = good();
    let before = scratch.files();
    fs::create_dir(scratch.path("empty")).unwrap();
    let with_corpus = |corpus: &str| {
        scratch.refcon(&["predict", "--query", "query", "--corpus", corpus, "-o", "results.json"])
    };
    with_corpus("empty").failed_with(3, &["empty"]);
    with_corpus("nowhere").failed_with(3, &["nowhere"]);
    with_corpus("query/q.png").failed_with(3, &["q.png"]);
    nothing_written(&scratch, &before);
    scratch.write("texts/a.txt", b"no image");
    with_corpus("texts").failed_with(3, &["texts", ".png"]);
}

#[test]
fn broken_tiles_among_good_ones_are_reported_skipped_and_counted() {
    let scratch = good();
    let whole = reflectors(9.0, 0.2);
    scratch.write("corpus/truncated.png", &whole[..whole.len() / 2]);
    scratch.write("corpus/zero.png", b"");
    scratch.write("corpus/text.png", b"this is a text file\n");
    scratch.write("corpus/huge.png", &png_that_claims(60_000));
    let run = predict(&scratch, &["-k", "all"]);
    run.done();
    for name in ["truncated.png", "zero.png", "text.png", "huge.png"] {
        let lines: Vec<&str> = run.stderr.lines().filter(|line| line.contains(name)).collect();
        assert_eq!(lines.len(), 1, "{name}: {run:?}");
        assert!(lines[0].contains("skipped"), "{run:?}");
    }
    assert!(run.stdout.contains("4 tiles could not be read and were skipped"), "{run:?}");
    assert!(run.stderr.contains("60000"), "{run:?}");
    assert_eq!(scratch.json("results.json")["q.png"].as_array().unwrap().len(), 4);

    fs::remove_file(scratch.path("results.json")).unwrap();
    let before = scratch.files();
    predict(&scratch, &["--strict"]).failed_with(3, &["corpus"]);
    nothing_written(&scratch, &before);
}

#[test]
fn a_folder_of_nothing_but_broken_tiles_is_an_error() {
    let scratch = good();
    scratch.write("broken/a.png", b"");
    scratch.write("broken/b.png", b"text");
    let run = scratch.refcon(&["predict", "--query", "broken", "--corpus", "corpus", "-o", "results.json"]);
    run.failed_with(3, &["none of the 2 image files in broken", "a.png"]);
}

#[cfg(unix)]
#[test]
fn an_unreadable_tile_is_named() {
    let scratch = good();
    // A dangling link: also unreadable for a superuser, whom permissions do not stop.
    std::os::unix::fs::symlink(scratch.path("gone.png"), scratch.path("corpus/link.png")).unwrap();
    let run = predict(&scratch, &[]);
    run.done();
    assert!(run.stderr.contains("link.png"), "{run:?}");
}

#[test]
fn files_of_one_name_in_two_folders_stay_apart() {
    let scratch = good();
    scratch.tile("corpus/a/same.png", 9.0, 0.2);
    scratch.tile("corpus/b/same.png", 30.0, 1.0);
    predict(&scratch, &["-k", "all"]).done();
    let matches = scratch.json("results.json")["q.png"].clone();
    let labels: Vec<&str> =
        matches.as_array().unwrap().iter().map(|m| m["label"].as_str().unwrap()).collect();
    // 2.png holds the same picture as a/same.png: equal distance, then by name.
    assert_eq!(labels[..2], ["2.png", "a/same.png"]);
    assert!(labels[2..].contains(&"b/same.png"), "{labels:?}");
}

#[test]
fn asking_for_more_matches_than_there_are_tiles_gives_all_and_says_so() {
    let scratch = good();
    let run = predict(&scratch, &["-k", "9"]);
    run.done();
    assert!(run.stderr.contains("-k 9") && run.stderr.contains("(4)"), "{run:?}");
    assert_eq!(scratch.json("results.json")["q.png"].as_array().unwrap().len(), 4);
    assert_eq!(predict(&scratch, &["-k", "0"]).code, 2);
    assert_eq!(predict(&scratch, &["-k", "some"]).code, 2);
}

#[test]
fn outputs_that_cannot_be_written_stop_the_work_before_it_starts() {
    let scratch = good();
    let before = scratch.files();
    let to =
        |output: &str| scratch.refcon(&["predict", "--query", "query", "--corpus", "corpus", "-o", output]);
    to("nowhere/results.json").failed_with(4, &["nowhere/results.json", "does not exist"]);
    to("corpus").failed_with(4, &["corpus", "it is a folder"]);
    predict(&scratch, &["--report", "nowhere/r.html"]).failed_with(4, &["nowhere/r.html"]);
    nothing_written(&scratch, &before);
    scratch.refcon(&["show", "classes", ".", "-o", "nowhere/c.png"]).failed_with(4, &["nowhere/c.png"]);
    scratch.refcon(&["synth", "-o", "nowhere/s.npy"]).failed_with(4, &["nowhere/s.npy"]);
    nothing_written(&scratch, &before);
}

#[test]
fn outputs_never_overwrite_each_other_or_a_tile() {
    let scratch = good();
    let before = scratch.files();
    predict(&scratch, &["--report", "results.json"]).failed_with(2, &["results.json", "two outputs"]);
    predict(&scratch, &["--table", "corpus/0.png"]).failed_with(2, &["corpus/0.png", "name of an image"]);
    predict(&scratch, &["--report", "page.json"]).failed_with(2, &["page.json", "ends in .html"]);
    predict(&scratch, &["--table", "t.txt"]).failed_with(2, &["t.txt", "ends in .csv"]);
    scratch
        .refcon(&["predict", "--query", "query", "--corpus", "corpus", "-o", "results.csv"])
        .failed_with(2, &["results.csv", "ends in .json"]);
    let show = |output: &str| scratch.refcon(&["show", "preprocess", "query/q.png", "-o", output]);
    show("query/q.png").failed_with(2, &["query/q.png", "itself"]);
    show("steps.jpg").failed_with(2, &["steps.jpg", ".png"]);
    nothing_written(&scratch, &before);
}

#[test]
fn a_query_that_is_in_the_corpus_too_is_pointed_out() {
    let scratch = good();
    let run = scratch.refcon(&["predict", "--query", "corpus", "--corpus", "corpus", "-o", "results.json"]);
    assert!(run.done().stderr.contains("4 queries are in the corpus too"), "{run:?}");
}

#[test]
fn a_checkpoint_that_does_not_fit_is_one_line_and_writes_nothing() {
    let scratch = good();
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../refcon-encoders/tests/golden/vit/");
    scratch.write("vit/config.json", &fs::read(format!("{golden}config.json")).unwrap());
    scratch.write("vit/model.safetensors", b"not a checkpoint, only text");
    let before = scratch.files();
    predict(&scratch, &["--encoder", "vit"]).failed_with(3, &["model.safetensors"]);
    predict(&scratch, &["--encoder", "vitt"]).failed_with(3, &["no encoder vitt", "texture"]);
    nothing_written(&scratch, &before);
}

#[test]
fn results_and_gold_of_different_data_sets_are_told_apart() {
    let scratch = good();
    predict(&scratch, &[]).done();
    let score = |gold: &[u8]| {
        scratch.write("gold.csv", gold);
        scratch.refcon(&["score", "results.json", "--gold", "gold.csv"])
    };
    score(b"part,file,label\nquery,other.png,Salt\n").failed_with(3, &["results.json", "query q.png"]);
    score(b"part,file,label\nquery,q.png,Salt\n").failed_with(3, &["results.json", "a match of query q.png"]);
    score(b"file,label\nq.png,Salt\n").failed_with(3, &["gold.csv", "no column part"]);
    score(&[0xff, 0xfe, 0, 1, 2]).failed_with(3, &["gold.csv"]);
    scratch.write("results.json", b"[]");
    score(b"part,file,label\n").failed_with(3, &["results.json is no results file"]);
}

#[test]
fn pictures_of_wrong_input_are_refused_in_one_line() {
    let scratch = good();
    let show = |arguments: &[&str]| scratch.refcon(&[&["show"], arguments].concat());
    show(&["preprocess", "nowhere.png", "-o", "steps.png"]).failed_with(3, &["nowhere.png"]);
    show(&["preprocess", "query/q.png", "-o", "steps.png", "--crop", "0"]).failed_with(2, &["crop"]);
    show(&["classes", "query", "-o", "classes.png"]).failed_with(3, &["query"]);
    assert!(!scratch.path("steps.png").exists() && !scratch.path("classes.png").exists());
}

#[test]
fn a_synthetic_survey_of_impossible_size_or_name_is_refused() {
    let scratch = Scratch::new();
    scratch.refcon(&["synth", "-o", "s.npy", "--inlines", "3"]).failed_with(2, &["inlines", "3"]);
    scratch.refcon(&["synth", "-o", "s.npy", "--samples", "999999999"]).failed_with(2, &["999999999"]);
    scratch.refcon(&["synth", "-o", "s.txt"]).failed_with(2, &["s.txt", ".sgy"]);
    assert!(scratch.files().is_empty());
}

#[test]
fn a_demo_never_replaces_a_folder_that_it_did_not_make() {
    let scratch = good();
    let before = scratch.files();
    scratch.refcon(&["demo", "-o", "."]).failed_with(4, &["not empty"]);
    nothing_written(&scratch, &before);
}

#[test]
fn what_is_read_is_never_overwritten() {
    let scratch = good();
    let gold = b"part,file,label\nquery,q.png,Salt\n";
    scratch.write("gold.csv", gold);
    let arguments = ["--gold", "gold.csv", "--report", "r.html", "--table", "./gold.csv"];
    predict(&scratch, &arguments).failed_with(2, &["gold.csv is read, and would be overwritten"]);
    assert_eq!(fs::read(scratch.path("gold.csv")).unwrap(), gold);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        scratch.write("results.json", b"kept");
        fs::set_permissions(scratch.path("results.json"), fs::Permissions::from_mode(0o444)).unwrap();
        predict(&scratch, &[]).failed_with(4, &["results.json", "read-only"]);
        assert_eq!(fs::read(scratch.path("results.json")).unwrap(), b"kept");
    }
}

#[test]
fn a_survey_that_is_given_for_a_folder_of_tiles_is_to_be_cut_first() {
    let scratch = good();
    scratch.write("survey.sgy", b"");
    let corpus = ["predict", "--query", "query", "--corpus", "survey.sgy", "-o", "results.json"];
    scratch.refcon(&corpus).failed_with(3, &["survey.sgy has the name of a survey", "refcon tile"]);
    scratch.refcon(&["embed", "survey.sgy", "-o", "x.npy"]).failed_with(3, &["refcon tile"]);
}

#[test]
fn tiles_that_use_little_of_the_grey_range_are_pointed_out() {
    let scratch = good();
    let dim = |n: usize| {
        GreyImage::new(20, 20, (0..400).map(|at| (at * n % 50) as f32 / 1000.0).collect()).unwrap()
    };
    for n in 1..4 {
        scratch.write(&format!("dim/{n}.png"), &encode_png(&dim(n)));
    }
    let run = scratch.refcon(&["embed", "dim", "-o", "x.npy"]);
    assert!(run.done().stderr.contains("3 of 3 tiles in dim use less than an eighth"), "{run:?}");
    assert!(!scratch.refcon(&["embed", "corpus", "-o", "y.npy"]).done().stderr.contains("eighth"));
}

#[test]
fn queries_without_a_result_are_counted() {
    let scratch = good();
    scratch.write(
        "gold.csv",
        b"part,file,label\nquery,q.png,Salt\nquery,other.png,Salt\nimage_corpus,0.png,Salt\n",
    );
    scratch.write("results.json", br#"{"q.png": [{"label": "0.png", "confidence": 1.0}]}"#);
    let score =
        |more: &[&str]| scratch.refcon(&[&["score", "results.json", "--gold", "gold.csv"], more].concat());
    assert!(score(&[]).done().stdout.contains("1 query of the true classes without a result"));
    let told: serde_json::Value = serde_json::from_str(&score(&["--json"]).done().stdout).unwrap();
    assert_eq!(told["queries_without_result"], 1);
}
