//! Indexing, through the program itself: what is done once is not done again, and no kill loses or doubles a tile.

use crate::scratch::{Run, Scratch};
use refcon_encoders::{Encoder, Texture};
use refcon_library::{Library, TileRecord};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A small synthetic survey.
fn synth(scratch: &Scratch, name: &str, seed: &str) {
    let size = ["--inlines", "64", "--crosslines", "64", "--samples", "128", "--seed", seed];
    scratch.refcon(&[&["synth", "-q", "--replace", "-o", name], size.as_slice()].concat()).done();
}

const TILES: [&str; 4] = ["--size", "20x24", "--every", "8"];

fn index(scratch: &Scratch, sources: &[&str], more: &[&str]) -> Run {
    scratch.refcon(&[&["index", "--library", "L", "--json"], sources, more].concat())
}

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.done().stdout).unwrap()
}

fn states(summary: &Value) -> Vec<(String, String, u64, u64)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let sources = summary["sources"].as_array().unwrap().iter();
    let all = sources.map(|source| {
        let count = |name: &str| source[name].as_u64().unwrap();
        (text(&source["name"]), text(&source["state"]), count("tiles"), count("removed"))
    });
    all.collect()
}

/// What the library holds of the texture descriptor: each live tile and its embedding, by where it comes from.
#[track_caller]
fn held(folder: &Path) -> BTreeMap<String, (TileRecord, Vec<f32>)> {
    let library = Library::open(folder).unwrap();
    let snapshot = library.snapshot().unwrap();
    assert!(snapshot.missing().is_empty(), "{:?}", snapshot.missing());
    let report = library.check(&|_| ()).unwrap();
    assert_eq!(report.damaged, []);
    let mut held = BTreeMap::new();
    let Ok(tiles) = snapshot.tiles(Texture::new().id()) else { return held };
    for row in tiles.live().iter() {
        let record = tiles.record(row).unwrap();
        let place = record.place.as_ref().map(|place| (place.direction, place.line, place.bounds));
        let key = format!("{} {} {place:?}", record.survey, record.file);
        assert!(held.insert(key.clone(), (record, tiles.embedding(row))).is_none(), "{key} is there twice");
    }
    assert_eq!(held.len(), report.tiles);
    held
}

#[test]
fn a_survey_is_indexed_once_and_again_when_it_has_changed() {
    let scratch = Scratch::new();
    synth(&scratch, "s.npy", "1");
    let summary = json(&index(&scratch, &["s.npy"], &TILES));
    let tiles = summary["tiles"].as_u64().unwrap();
    assert!(tiles > 100, "{summary}");
    assert_eq!((summary["library_tiles"].as_u64(), summary["stopped"].as_bool()), (Some(tiles), Some(false)));
    let first = held(&scratch.path("L"));
    let (record, _) = first.values().next().unwrap();
    assert_eq!((record.survey.as_str(), record.width, record.height), ("s", 20, 24));
    assert!(record.place.is_some());

    let again = json(&index(&scratch, &["s.npy"], &TILES));
    assert_eq!(states(&again), [("s".into(), "unchanged".into(), 0, 0)]);
    // Other settings are not taken up by mistake.
    let other = index(&scratch, &["s.npy"], &["--size", "22x24", "--every", "8"]);
    other.failed_with(
        2,
        &[
            "s.npy is in the library already, made with the width of tiles (traces) 20, now it is 22",
            "--replace",
        ],
    );
    assert_eq!(held(&scratch.path("L")), first);
    let replaced = json(&index(&scratch, &["s.npy"], &["--size", "22x24", "--every", "8", "--replace"]));
    assert_eq!((&*states(&replaced)[0].1, states(&replaced)[0].3), ("replaced", tiles));

    synth(&scratch, "s.npy", "2");
    let changed = json(&index(&scratch, &["s.npy"], &[TILES.as_slice(), &["--replace"]].concat()));
    assert_eq!((&*states(&changed)[0].1, states(&changed)[0].2), ("replaced", tiles));
    let second = held(&scratch.path("L"));
    assert!(second.keys().eq(first.keys()) && second != first);
}

#[test]
fn images_that_are_new_or_changed_are_read_and_those_that_are_gone_go() {
    let scratch = Scratch::new();
    for n in 0..6 {
        scratch.tile(&format!("train/Salt/{n}.png"), 6.0 + n as f32, 0.0);
        scratch.tile(&format!("train/Fault/{n}.png"), 6.0 + n as f32, 1.0);
    }
    scratch.write("train/Fault/broken.png", b"no image");
    let run = index(&scratch, &["train"], &["--classes-from-folders", "--thumbnails"]);
    let summary = json(&run);
    assert_eq!(states(&summary), [("train".into(), "added".into(), 12, 0)]);
    assert_eq!(summary["sources"][0]["skipped"].as_array().unwrap().len(), 1);
    assert!(run.stderr.contains("broken.png"), "{run:?}");
    let classes: Vec<String> =
        held(&scratch.path("L")).into_values().map(|(record, _)| record.class.unwrap()).collect();
    assert_eq!(classes, [["Fault"; 6], ["Salt"; 6]].concat());
    let tiles = Library::open(&scratch.path("L")).unwrap().snapshot().unwrap();
    let image = tiles.tiles(Texture::new().id()).unwrap().thumbnail(0).unwrap().unwrap();
    assert!(image.starts_with(b"\x89PNG"));

    fs::remove_file(scratch.path("train/Salt/0.png")).unwrap();
    scratch.tile("train/Salt/1.png", 20.0, 0.5);
    scratch.tile("train/Fault/new.png", 9.0, 0.5);
    let changed = json(&index(&scratch, &["train"], &["--classes-from-folders"]));
    assert_eq!(states(&changed), [("train".into(), "updated".into(), 2, 2)]);
    assert_eq!(held(&scratch.path("L")).len(), 12);
    let again = json(&index(&scratch, &["train"], &["--classes-from-folders"]));
    assert_eq!(states(&again), [("train".into(), "unchanged".into(), 0, 0)]);
}

#[test]
fn two_encoders_live_side_by_side() {
    let scratch = Scratch::new();
    scratch.tile("a/1.png", 8.0, 0.0);
    scratch.tile("a/2.png", 8.0, 1.0);
    index(&scratch, &["a"], &[]).done();
    let checkpoint = concat!(env!("CARGO_MANIFEST_DIR"), "/../refcon-encoders/tests/golden/vit");
    let summary = json(&index(&scratch, &["a"], &["--encoder", checkpoint, "--half"]));
    assert_eq!((summary["tiles"].as_u64(), summary["library_tiles"].as_u64()), (Some(2), Some(2)));
    let info = json(&scratch.refcon(&["library", "info", "L", "--json"]));
    let encoders: Vec<(&str, &str)> = info["encoders"]
        .as_array()
        .unwrap()
        .iter()
        .map(|encoder| (encoder["encoder"]["name"].as_str().unwrap(), encoder["vectors"].as_str().unwrap()))
        .collect();
    assert_eq!(encoders, [("texture", "f32"), ("vit-32x2-p8", "f16")]);
}

#[test]
fn what_cannot_be_indexed_leaves_no_trace_and_says_why() {
    let scratch = Scratch::new();
    scratch.write("images/broken.png", b"no image");
    index(&scratch, &["images"], &[]).failed_with(3, &["none of the 1 images in", "broken.png"]);
    scratch.write("images/notes.txt", b"");
    fs::remove_file(scratch.path("images/broken.png")).unwrap();
    index(&scratch, &["images"], &[]).failed_with(3, &["no images in images"]);
    index(&scratch, &["nowhere.sgy"], &[]).failed_with(3, &["nowhere.sgy"]);
    assert!(held(&scratch.path("L")).is_empty());
    scratch.write("other/thesis.tex", b"");
    scratch.tile("a/1.png", 8.0, 0.0);
    scratch.refcon(&["index", "a", "--library", "other"]).failed_with(4, &["other", "not empty"]);
    index(&scratch, &["a", "./a"], &[]).failed_with(2, &["given twice"]);
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_said_and_the_same_command_goes_on_later() {
    let scratch = Scratch::new();
    synth(&scratch, "s.npy", "1");
    // No file may grow beyond 64 blocks of 1 KiB, as on a disk that is full.
    let program = env!("CARGO_BIN_EXE_refcon");
    let limited = format!(
        "ulimit -f 64; trap '' XFSZ; exec {program} index s.npy -l L --size 20x24 --every 8 --commit-every 60"
    );
    let folder = scratch.path("L").parent().unwrap().to_owned();
    let output = Command::new("bash").args(["-c", &limited]).current_dir(folder).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(4), "{message}");
    assert!(
        message.contains("cannot write") && message.contains("make room and run the same command again"),
        "{message}"
    );
    assert!(held(&scratch.path("L")).is_empty());
    let summary = json(&index(&scratch, &["s.npy"], &TILES));
    assert_eq!(states(&summary)[0].1, "resumed");
    assert_eq!(held(&scratch.path("L")).len() as u64, summary["tiles"].as_u64().unwrap());
}

/// Kills in the default run; the environment variable `REFCON_KILLS` asks for more.
const KILLS: u64 = 20;

#[cfg(unix)]
#[test]
fn no_tile_is_lost_or_doubled_however_often_indexing_is_killed() {
    let kills = std::env::var("REFCON_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let scratch = Scratch::new();
    synth(&scratch, "s.npy", "1");
    for n in 0..40 {
        scratch.tile(&format!("images/{n}.png"), 5.0 + n as f32 / 4.0, 0.3);
    }
    let arguments = [
        "index",
        "s.npy",
        "images",
        "-l",
        "L",
        "-v",
        "--commit-every",
        "0",
        "--size",
        "20x24",
        "--every",
        "2",
    ];
    let started = Instant::now();
    scratch.refcon(&arguments).done();
    let whole = started.elapsed();
    let expected = held(&scratch.path("L"));
    fs::remove_dir_all(scratch.path("L")).unwrap();

    let embeddings = |held: &BTreeMap<String, (TileRecord, Vec<f32>)>| -> Vec<(String, Vec<f32>)> {
        held.iter().map(|(key, (_, embedding))| (key.clone(), embedding.clone())).collect()
    };
    let expected = embeddings(&expected);
    let (mut acknowledged, mut random, mut finished) = (BTreeSet::new(), 42u64, 0);
    for _ in 0..kills {
        // Knuth's generator; about six kills to an index.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let wait = whole.mul_f64((random >> 40) as f64 / f64::from(1 << 24) / 3.0);
        acknowledged.extend(killed_after(&scratch, &arguments, wait));
        if !scratch.path("L/library.json").exists() {
            assert!(acknowledged.is_empty());
            continue;
        }
        let held = held(&scratch.path("L"));
        let ids: BTreeSet<u64> = held.values().map(|(record, _)| record.id).collect();
        assert!(acknowledged.is_subset(&ids), "acknowledged, and lost: {:?}", acknowledged.difference(&ids));
        if embeddings(&held) == expected {
            finished += 1;
            acknowledged.clear();
            fs::remove_dir_all(scratch.path("L")).unwrap();
        }
    }
    scratch.refcon(&arguments).done();
    assert_eq!(embeddings(&held(&scratch.path("L"))), expected);
    println!("{kills} kills, {finished} times to the end in between");
}

/// Runs the program, kills it after a while, and returns the ids that it had acknowledged by then.
#[cfg(unix)]
fn killed_after(scratch: &Scratch, arguments: &[&str], wait: Duration) -> BTreeSet<u64> {
    let mut process = Command::new(env!("CARGO_BIN_EXE_refcon"))
        .args(arguments)
        .current_dir(scratch.path("L").parent().unwrap())
        .env_remove("RUST_LOG")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stderr.take().unwrap()).lines();
    std::thread::sleep(wait);
    process.kill().unwrap();
    process.wait().unwrap();
    let mut acknowledged = BTreeSet::new();
    for line in lines.map_while(Result::ok) {
        if let Some((from, to)) = line.split_once(", ids ").and_then(|(_, ids)| ids.split_once(" to ")) {
            acknowledged.extend(from.parse::<u64>().unwrap()..to.parse().unwrap());
        }
    }
    acknowledged
}

#[test]
fn surveys_of_one_name_that_are_indexed_together_keep_their_own() {
    let scratch = Scratch::new();
    scratch.write("other/here", b"");
    synth(&scratch, "s.npy", "1");
    synth(&scratch, "other/s.npy", "2");
    let both = json(&index(&scratch, &["s.npy", "other/s.npy"], &TILES));
    let names: Vec<String> = states(&both).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["s", "s-2"]);
    scratch.refcon(&["library", "remove", "L", "--survey", "s"]).done();
    let left = json(&scratch.refcon(&["library", "info", "L", "--json"]));
    assert_eq!(left["surveys"].as_object().unwrap().keys().collect::<Vec<_>>(), ["s-2"]);
}

#[test]
fn of_several_sources_the_good_ones_are_indexed_and_the_others_named() {
    let scratch = Scratch::new();
    synth(&scratch, "s.npy", "1");
    scratch.write("broken.sgy", b"no survey");
    scratch.write("surveys/a.sgy", b"no image");
    let sources = ["broken.sgy", "s.npy", "surveys"];
    let run = index(&scratch, &sources, &TILES);
    run.failed_with(3, &["2 of 3 sources could not be opened"]);
    let skipped: Vec<&str> = run.stderr.lines().filter(|line| line.contains("skipped: ")).collect();
    assert!(skipped[0].contains("broken.sgy") && skipped[1].contains("surveys/*.sgy"), "{run:?}");
    assert!(!held(&scratch.path("L")).is_empty());
    let large = index(&scratch, &["s.npy"], &["--size", "500x20"]);
    large.failed_with(3, &["no section of s is as large as a tile", "64 traces × 128 samples"]);
    let strict = index(&scratch, &["s.npy", "broken.sgy"], &["--strict"]);
    strict.failed_with(3, &["broken.sgy"]);
    index(&scratch, &["broken.sgy", "surveys"], &[]).failed_with(3, &["none of the 2 sources"]);
}
