//! Surveys through the program itself: what it says of them, pictures of them, tiles of them.

use crate::scratch::{Run, Scratch, field_data};
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A small synthetic survey, SEG-Y, with its labels.
fn synth(scratch: &Scratch, name: &str) {
    let size = ["--inlines", "64", "--crosslines", "70", "--samples", "128"];
    scratch.refcon(&[&["synth", "-q", "-o", name], size.as_slice()].concat()).done();
}

fn json(run: &Run) -> serde_json::Value {
    serde_json::from_str(&run.done().stdout).unwrap()
}

#[test]
fn a_survey_that_was_cut_short_is_used_as_far_as_it_goes_and_the_loss_is_told() {
    let scratch = Scratch::new();
    synth(&scratch, "s.sgy");
    let whole = fs::read(scratch.path("s.sgy")).unwrap();
    fs::write(scratch.path("s.sgy"), &whole[..whole.len() - 100]).unwrap();
    let told = "The file ends inside a trace: after 4479 whole traces";
    let shown = scratch.refcon(&["show", "section", "s.sgy", "--inline", "1010", "-o", "s.png"]);
    assert!(shown.done().stderr.contains(told), "{}", shown.stderr);
    let tiled = scratch.refcon(&["tile", "s.sgy", "-o", "tiles", "--size", "32x32"]);
    assert!(tiled.done().stderr.contains(told), "{}", tiled.stderr);
    let info = scratch.refcon(&["info", "s.sgy"]);
    assert!(info.done().stdout.contains(told) && !info.stderr.contains(told), "{}", info.stderr);
}

#[test]
fn info_says_what_a_survey_is_in_words_and_as_json() {
    let scratch = Scratch::new();
    synth(&scratch, "s.sgy");
    let text = scratch.refcon(&["info", "s.sgy", "--hash"]).done().stdout.clone();
    for says in [
        "SEG-Y revision 1, big-endian, samples 5 (IEEE float",
        "4480 of 128 samples",
        "two-way time, 0 to 508 ms, every 4 ms",
        "3-D, inlines 1001 to 1064 by 1 (64)",
        "crosslines 2001 to 2070 by 1 (70)",
        "4480 of 4480 bins have a trace",
        "25.000 m between inlines, 12.500 m between crosslines; inlines run 30.0",
        "inline at byte 189, crossline at byte 193",
        "percentiles: 0.1 %",
        "Nothing odd was found.",
        "Textual header (EBCDIC)",
        "SYNTHETIC SURVEY",
    ] {
        assert!(text.contains(says), "{says:?} is not in\n{text}");
    }
    let info = json(&scratch.refcon(&["info", "s.sgy", "--hash", "--json"]));
    assert_eq!(info["segy"]["format"]["code"], 5);
    assert_eq!(info["samples"]["interval"], 4.0);
    assert_eq!(info["geometry"]["volume"]["inlines"]["count"], 64);
    let hash = info["sha256_f32le"].as_str().unwrap();
    assert!(hash.len() == 64 && text.contains(hash));
    // The same amplitudes in another file have the same hash.
    synth(&scratch, "s.npy");
    let array = json(&scratch.refcon(&["info", "s.npy", "--hash", "--json"]));
    assert_eq!(array["sha256_f32le"], hash);
    let headers = json(&scratch.refcon(&["info", "s.sgy", "--headers-only", "--json"]));
    assert!(headers["amplitudes"].is_null() && headers["geometry"] == info["geometry"]);
}

#[test]
fn a_raw_volume_is_read_with_the_shape_given() {
    let scratch = Scratch::new();
    let samples: Vec<u8> = (0..6 * 5 * 4_i16).flat_map(i16::to_be_bytes).collect();
    scratch.write("block.raw", &[b"head", samples.as_slice()].concat());
    let raw = ["--shape", "6x5x4", "--sample-format", "3", "--byte-order", "big", "--offset", "4"];
    let lines =
        ["--first-inline", "100", "--inline-step", "-1", "--sample-interval", "2", "--first-sample", "-8"];
    let info = json(&scratch.refcon(&[&["info", "block.raw", "--json"], &raw[..], &lines[..]].concat()));
    assert_eq!(info["amplitudes"]["distribution"]["maximum"], 119.0);
    assert_eq!(
        info["geometry"]["volume"]["inlines"],
        serde_json::json!({"first": 100, "step": -1, "count": 6})
    );
    assert_eq!((&info["samples"]["first"], &info["samples"]["interval"]), (&(-8.0).into(), &2.0.into()));
    scratch
        .refcon(&["info", "block.raw", "--shape", "6x5x5"])
        .failed_with(3, &["600 bytes", "the file has 244"]);
}

#[test]
fn sections_and_slices_are_drawn() {
    let scratch = Scratch::new();
    synth(&scratch, "s.sgy");
    let draw = |name: &str, arguments: &[&str]| {
        scratch.refcon(&[&["show", "section", "s.sgy", "-o", name], arguments].concat()).done();
        let picture = fs::read(scratch.path(name)).unwrap();
        assert!(picture.starts_with(b"\x89PNG") && picture.len() > 5000, "{name}");
        picture
    };
    let middle = draw("middle.png", &[]);
    assert_eq!(draw("inline.png", &["--inline", "1033"]), middle);
    let crossline = draw("crossline.png", &["--crossline", "2040", "--colours", "red-white-blue"]);
    let slice = draw("slice.png", &["--slice", "250", "--colours", "viridis", "--clip", "98"]);
    assert!(crossline != middle && slice != middle);
}

#[test]
fn arrays_and_label_volumes_are_drawn_as_what_they_are() {
    let scratch = Scratch::new();
    synth(&scratch, "s.npy");
    let draw = |survey: &str, name: &str, more: &[&str]| {
        scratch.refcon(&[&["show", "section", survey, "-o", name], more].concat()).done();
        fs::read(scratch.path(name)).unwrap()
    };
    // Of an array nobody knows how far apart its samples are: the axis is another one where it is told.
    let counted = draw("s.npy", "a.png", &[]);
    assert_ne!(draw("s.npy", "b.png", &["--sample-interval", "1ms"]), counted);
    assert_eq!(
        draw("s.npy", "c.png", &["--sample-interval", "4"]),
        draw("s.npy", "d.png", &["--sample-interval", "4ms"])
    );
    let info = scratch.refcon(&["info", "s.npy"]);
    assert!(info.done().stdout.contains("0 to 127; nothing says which times or depths they are"), "{info:?}");
    // Labels of 0 to 7 use both ends of the colours.
    draw("s-labels.npy", "labels.png", &[]);
    let picture =
        refcon_image::read(&scratch.path("labels.png"), &refcon_image::DecodeLimits::default()).unwrap();
    let share = |of: fn(f32) -> bool| {
        picture.pixels().iter().filter(|&&value| of(value)).count() as f64 / picture.pixels().len() as f64
    };
    assert!(share(|value| value < 0.01) > 0.05, "no label is black");
}

#[test]
fn times_are_taken_with_and_without_their_unit() {
    let scratch = Scratch::new();
    synth(&scratch, "s.sgy");
    let slice = |position: &str| {
        let run = scratch.refcon(&["show", "section", "s.sgy", "-o", "p.png", "--slice", position]);
        (run.code == 0).then(|| fs::read(scratch.path("p.png")).unwrap()).ok_or(run)
    };
    let plain = slice("250").unwrap();
    assert_eq!((slice("250ms").unwrap(), slice("0.25s").unwrap()), (plain.clone(), plain));
    slice("250m").unwrap_err().failed_with(2, &["--slice is in m", "in ms"]);
    slice("soon").unwrap_err().usage_error(&["--slice", "1200ms"]);
    let tile = |folder: &str, window: &str| {
        scratch
            .refcon(&["tile", "s.sgy", "-o", folder, "--size", "32x32", "--every", "16", "--window", window])
    };
    tile("a", "100..400").done();
    tile("b", "0.1..0.4s").done();
    let table = |folder: &str| fs::read_to_string(scratch.path(folder).join("tiles.csv")).unwrap();
    assert_eq!(table("a"), table("b"));
    tile("c", "100..400m").failed_with(2, &["--window 100..400m is in m", "in ms"]);
    assert!(!scratch.path("c").exists());
}

#[test]
fn tiles_larger_than_the_sections_are_refused_with_their_sizes() {
    let scratch = Scratch::new();
    synth(&scratch, "s.sgy");
    let run = scratch.refcon(&["tile", "s.sgy", "-o", "t", "--size", "500x500"]);
    run.failed_with(3, &["500 traces × 500 samples", "70 traces × 128 samples of s"]);
    assert!(!scratch.path("t").exists());
    scratch.refcon(&["tile", "s.sgy", "-o", "t", "--size", "64x64", "--every", "64", "-q"]).done();
    let other = scratch.refcon(&["tile", "s.sgy", "-o", "t", "--size", "64x48", "--every", "64"]);
    other.failed_with(2, &["the height of tiles (samples) was 64, now it is 48"]);
}

#[test]
fn what_is_no_survey_is_called_what_it_is() {
    let scratch = Scratch::new();
    scratch.write("table.sgy", "inline,crossline,time\n".repeat(400).as_bytes());
    let text = scratch.refcon(&["info", "table.sgy"]);
    text.failed_with(3, &["table.sgy looks like a text file", "“inline,crossline,time"]);
    scratch.tile("tile.npy", 9.0, 0.0);
    scratch.refcon(&["info", "tile.npy"]).failed_with(3, &["tile.npy", "it is a PNG image"]);
    synth(&scratch, "s.sgy");
    let wrong = scratch.refcon(&["info", "s.sgy", "--inline-byte", "17"]);
    wrong.failed_with(3, &["inline number", "byte 17, which is 0 in all traces"]);
}

#[test]
fn info_tells_other_numberings_only_where_they_are_as_likely() {
    let scratch = Scratch::new();
    synth(&scratch, "s.sgy");
    let told = |more: &[&str]| scratch.refcon(&[&["info", "s.sgy"], more].concat()).done().stdout.clone();
    let clean = told(&[]);
    assert!(!clean.contains("(score 0.6") && !clean.contains("0 % of the grid filled"), "{clean}");
    assert!(clean.contains("X at byte 181"), "{clean}");
    let nowhere = told(&["--x-byte", "225", "--y-byte", "229"]);
    assert!(nowhere.contains("positions     no trace has any"), "{nowhere}");
}

#[test]
fn a_section_that_is_not_there_is_refused_with_those_that_are() {
    let scratch = Scratch::new();
    synth(&scratch, "s.sgy");
    let draw = |arguments: &[&str]| {
        scratch.refcon(&[&["show", "section", "s.sgy", "-o", "p.png"], arguments].concat())
    };
    draw(&["--inline", "7"]).failed_with(3, &["no inline 7", "1001 to 1064"]);
    draw(&["--slice", "900"]).failed_with(2, &["--slice 900", "0 to 508 ms"]);
    for clip in ["101", "0", "-3", "NaN"] {
        draw(&["--clip", clip]).failed_with(2, &["percent of amplitudes", "more than 0, at most 100"]);
    }
    draw(&["--inline-byte", "240"]).usage_error(&["--inline-byte", "1 to 237"]);
    draw(&["--inline", "1001", "--crossline", "2001"]).usage_error(&["cannot be used with"]);
    assert!(!scratch.path("p.png").exists());
    scratch.write("notes.txt", b"nothing seismic");
    scratch.refcon(&["info", "notes.txt"]).failed_with(3, &["notes.txt"]);
    scratch.refcon(&["info", "nowhere.sgy"]).failed_with(3, &["cannot open", "nowhere.sgy"]);
}

#[test]
fn tiles_of_a_survey_can_be_searched_at_once() {
    let scratch = Scratch::new();
    synth(&scratch, "s.sgy");
    let grid = ["--size", "32x40", "--every", "16", "--normalise", "survey-percentile"];
    let made = json(&scratch.refcon(&[&["tile", "s.sgy", "-o", "tiles", "--json"], &grid[..]].concat()));
    // Four inlines with 3 × 4 tiles and five crosslines with 2 × 4.
    assert_eq!((&made["tiles"], &made["sections"]), (&(4 * 12 + 5 * 8).into(), &9.into()));
    let table = fs::read_to_string(scratch.path("tiles/tiles.csv")).unwrap();
    assert_eq!(table.lines().count(), 1 + 88);
    let again = scratch.refcon(&[&["tile", "s.sgy", "-o", "tiles"], &grid[..]].concat());
    assert!(again.done().stdout.contains("all 88 tiles were there already"), "{again:?}");
    let last = table.lines().last().unwrap().split(',').nth(1).unwrap();
    fs::remove_file(scratch.path("tiles").join(last)).unwrap();
    let mended = scratch.refcon(&[&["tile", "s.sgy", "-o", "tiles"], &grid[..]].concat());
    assert!(mended.done().stderr.contains("8 tiles are made again"), "{mended:?}");
    assert_eq!(fs::read_to_string(scratch.path("tiles/tiles.csv")).unwrap(), table);
    let other = scratch.refcon(&["tile", "s.sgy", "-o", "other", "--sizes-from", "tiles"]);
    other.failed_with(2, &["--sizes-from tiles", "--rule pretraining"]);
    fs::create_dir(scratch.path("query")).unwrap();
    let first = table.lines().nth(1).unwrap().split(',').nth(1).unwrap().to_owned();
    fs::copy(scratch.path("tiles").join(&first), scratch.path("query/box.png")).unwrap();
    scratch.refcon(&["predict", "--query", "query", "--corpus", "tiles", "-o", "r.json", "-q"]).done();
    assert_eq!(scratch.json("r.json")["box.png"][0]["label"], first);
}

#[test]
fn a_label_volume_sorts_tiles_into_classes() {
    let scratch = Scratch::new();
    synth(&scratch, "s.sgy");
    let names = "0=Boring,1=Bright_Planar,2=Bright_Chaotic,3=Channel,4=Converging_Amplitudes,5=Fault,6=Salt,7=Transparent_Planar";
    let arguments =
        ["tile", "s.sgy", "-o", "train", "--json", "--size", "24x24", "--every", "8", "--label-share", "0.7"];
    let labels = ["--sections-labels", "s-labels.sgy", "--label-names", names];
    let made = json(&scratch.refcon(&[&arguments[..], &labels[..]].concat()));
    assert!(made["tiles"].as_u64().unwrap() > 50 && made["unlabelled"].as_u64().unwrap() > 0, "{made}");
    let classes: std::collections::BTreeSet<String> = scratch
        .files()
        .iter()
        .filter(|file| file.ends_with(".png"))
        .map(|file| file.split('/').nth(1).unwrap().to_owned())
        .collect();
    assert!(classes.len() >= 3 && classes.iter().all(|class| names.contains(class.as_str())), "{classes:?}");
    scratch.refcon(&["show", "classes", "train", "-o", "classes.png"]).done();
    let two = ["tile", "s.sgy", "s.sgy", "-o", "x", "--sections-labels", "s-labels.sgy"];
    scratch.refcon(&two).failed_with(2, &["1 label volumes for 2 surveys"]);
}

#[test]
fn shards_and_the_pretraining_rule() {
    let scratch = Scratch::new();
    synth(&scratch, "s.npy");
    scratch.tile("train/Flat/a.png", 9.0, 0.0);
    let rule = ["--rule", "pretraining", "--sizes-from", "train", "--stride", "30x30", "--shards", "100"];
    let made = json(&scratch.refcon(&[&["tile", "s.npy", "-o", "out", "--json"], &rule[..]].concat()));
    assert_eq!(made["tiles"], 4 * (64 + 70));
    let shards: Vec<String> = scratch.files().into_iter().filter(|file| file.ends_with(".tar")).collect();
    assert_eq!(shards.len(), 6);
}

#[test]
fn tiling_that_is_killed_goes_on_and_ends_the_same() {
    let scratch = Scratch::new();
    synth(&scratch, "s.sgy");
    for layout in [&[][..], &["--shards", "300"][..]] {
        let _ = fs::remove_dir_all(scratch.path("whole"));
        let _ = fs::remove_dir_all(scratch.path("tiles"));
        let to = |folder| {
            let arguments = ["tile", "s.sgy", "-q", "--size", "16x16", "--stride", "7x7", "-o", folder];
            [&arguments[..], layout].concat()
        };
        scratch.refcon(&to("whole")).done();
        let arguments = to("tiles");
        let mut kills = 0;
        for milliseconds in [5, 20, 60, 150, 300, 600, 1200] {
            let mut child = Command::new(env!("CARGO_BIN_EXE_refcon"))
                .args(&arguments)
                .current_dir(scratch.path(""))
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_millis(milliseconds));
            kills += usize::from(child.try_wait().unwrap().is_none());
            child.kill().unwrap();
            child.wait().unwrap();
        }
        scratch.refcon(&arguments).done();
        assert!(kills > 0, "it was never killed at work");
        let files = |folder: &str| {
            let files =
                scratch.files().into_iter().filter_map(|file| file.strip_prefix(folder).map(str::to_owned));
            let files: Vec<String> =
                files.filter(|file| file != "tiles.json" && !file.ends_with(".partial")).collect();
            files
        };
        assert_eq!(files("tiles/"), files("whole/"));
        for file in files("whole/") {
            let read = |folder: &str| fs::read(scratch.path(folder).join(&file)).unwrap();
            assert!(read("tiles") == read("whole"), "{file}");
        }
    }
}

#[test]
fn real_surveys_are_described_with_their_true_hashes() {
    let Some(folder) = field_data("segy") else { return };
    let scratch = Scratch::new();
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    let mut files = 0;
    for expected in manifest.as_array().unwrap() {
        let path = folder.join(expected["file"].as_str().unwrap());
        let info = json(&scratch.refcon(&["info", path.to_str().unwrap(), "--hash", "--json", "-q"]));
        let hash = info["sha256_f32le"].as_str().unwrap();
        assert_eq!(&hash[..16], expected["sha256_f32le"].as_str().unwrap(), "{}", path.display());
        assert_eq!(info["traces"], expected["ntr"], "{}", path.display());
        assert_eq!(info["samples"]["count"], expected["ns"], "{}", path.display());
        files += 1;
    }
    assert!(files >= 18);
    let f3 = folder.join("f3-inlines-110-111.sgy");
    let drawn = scratch.refcon(&["show", "section", f3.to_str().unwrap(), "--inline", "110", "-o", "f3.png"]);
    drawn.done();
    let cut = ["tile", f3.to_str().unwrap(), "-o", "tiles", "--direction", "inline", "--json"];
    assert!(json(&scratch.refcon(&cut))["tiles"].as_u64().unwrap() >= 2 * 8 * 3);
}
