//! Searching in a library through the program itself.

use crate::scratch::{Run, Scratch};
use serde_json::Value;
use std::fs;

/// A synthetic survey (inlines 1001 to 1064, crosslines 2001 to 2070, 0 to 508 ms) and a library of its tiles of 32 × 32.
fn library() -> Scratch {
    let scratch = Scratch::new();
    let size = ["--inlines", "64", "--crosslines", "70", "--samples", "128"];
    scratch.refcon(&[&["synth", "-q", "-o", "s.sgy"], size.as_slice()].concat()).done();
    let index =
        ["index", "s.sgy", "--library", "L", "--size", "32x32", "--every", "4", "--min-live", "0", "-q"];
    scratch.refcon(&index).done();
    scratch
}

fn search(scratch: &Scratch, more: &[&str]) -> Run {
    scratch.refcon(&[&["search", "--library", "L"], more].concat())
}

fn found(scratch: &Scratch, more: &[&str]) -> Value {
    serde_json::from_str(&search(scratch, &[more, &["--json"]].concat()).done().stdout).unwrap()
}

fn matches(found: &Value) -> &Vec<Value> {
    found["matches"].as_array().unwrap()
}

/// The box of the first tile of inline 1009.
const BOX: [&str; 8] =
    ["--survey", "s.sgy", "--inline", "1009", "--traces", "2001..2032", "--time", "0..124ms"];

fn with_box(more: &[&'static str]) -> Vec<&'static str> {
    [&BOX, more].concat()
}

#[test]
fn a_box_finds_its_own_tile_at_distance_0_and_leaves_its_place_out_unless_told_to_keep_it() {
    let scratch = library();
    let kept = found(&scratch, &with_box(&["--keep-query"]));
    let first = &matches(&kept)[0];
    assert!(first["distance"].as_f64().unwrap() < 1e-5, "{first}");
    let place = &first["tile"]["place"];
    assert_eq!(
        (&place["line"], &place["first_crossline"], &place["to"]),
        (&1009.into(), &2001.into(), &124.0.into())
    );

    // The survey's name in the library stands for its path.
    let named = [&["--survey", "s"], &BOX[2..], &["--keep-query"]].concat();
    assert_eq!(found(&scratch, &named)["matches"], kept["matches"]);

    let list = found(&scratch, &with_box(&[]));
    assert!(list["of_query"].as_u64() >= Some(1) && matches(&list).len() == 10, "{list}");
    let places: Vec<[i64; 3]> = matches(&list)
        .iter()
        .filter(|found| found["tile"]["place"]["direction"] == "inline")
        .map(|found| {
            let place = &found["tile"]["place"];
            let line = place["line"].as_i64().unwrap();
            [line, place["first_crossline"].as_i64().unwrap(), place["from"].as_f64().unwrap() as i64]
        })
        .collect();
    let same = |a: &[i64; 3], b: &[i64; 3]| (a[0] - b[0]).abs() <= 10 && a[1..] == b[1..];
    assert!(places.iter().all(|place| !same(place, &[1009, 2001, 0])), "{places:?}");
    for (at, place) in places.iter().enumerate() {
        assert!(!places[..at].iter().any(|other| same(place, other)), "{places:?}");
    }
    let everything = found(&scratch, &with_box(&["-k", "all", "--keep-query", "--keep-overlaps"]));
    assert_eq!(matches(&everything).len() as u64, everything["tiles"].as_u64().unwrap());
}

#[test]
fn a_tile_by_its_number_finds_what_its_box_finds() {
    let scratch = library();
    let boxed = found(&scratch, &with_box(&["--keep-query"]));
    let id = matches(&boxed)[0]["tile"]["id"].to_string();
    let tiles = |list: &Value| -> Vec<Value> {
        matches(list).iter().map(|found| found["tile"]["id"].clone()).collect()
    };
    let (boxed, by_number) = (found(&scratch, &with_box(&[])), found(&scratch, &["--tile", &id]));
    assert_eq!(tiles(&boxed), tiles(&by_number));
}

#[test]
fn filters_say_which_tiles_are_compared() {
    let scratch = library();
    let list = found(
        &scratch,
        &with_box(&[
            "--in-direction",
            "crossline",
            "--in-lines",
            "2001..2030",
            "--in-time",
            "300..400ms",
            "-k",
            "all",
        ]),
    );
    assert!(list["compared"].as_u64() < list["tiles"].as_u64() && !matches(&list).is_empty());
    for found in matches(&list) {
        let place = &found["tile"]["place"];
        assert_eq!(place["direction"], "crossline");
        assert!((2001..=2030).contains(&place["line"].as_i64().unwrap()));
        assert!(place["from"].as_f64() <= Some(400.0) && place["to"].as_f64() >= Some(300.0));
    }
    // A region around the first match passes it again.
    let corner = matches(&list)[0]["tile"]["place"]["corners"][0].clone();
    let [x, y] = [0, 1].map(|axis| corner[axis].as_f64().unwrap());
    let ring = [[x - 1.0, y - 1.0], [x + 1.0, y - 1.0], [x, y + 1.0], [x - 1.0, y - 1.0]];
    let area = serde_json::json!({"type": "Polygon", "coordinates": [ring]});
    scratch.write("area.geojson", area.to_string().as_bytes());
    let corners = format!("{},{} {},{} {},{}", x - 1.0, y - 1.0, x + 1.0, y - 1.0, x, y + 1.0);
    let by_file = found(&scratch, &with_box(&["--region", "area.geojson"]));
    let by_corners = found(&scratch, &[&BOX[..], &["--region", &corners]].concat());
    assert_eq!(by_file["matches"], by_corners["matches"]);
    assert!(by_file["compared"].as_u64() < Some(60) && !matches(&by_file).is_empty(), "{by_file}");

    search(&scratch, &with_box(&["--in-lines", "5..6"]))
        .failed_with(3, &["no tile passes the filters: ", " tiles, of which 0 are on lines 5..6"]);
    search(&scratch, &with_box(&["--in-survey", "F3"])).failed_with(2, &["no survey \"F3\"; it has s"]);
    search(&scratch, &with_box(&["--region", "4,52 5,52 5,53"]))
        .failed_with(3, &["0 touch the region; the tiles lie at X "]);
}

#[test]
fn answers_sharpen_a_query_and_enough_of_them_make_a_model() {
    let scratch = library();
    let first = found(&scratch, &with_box(&["--within", "2"]));
    let id = |rank: usize| matches(&first)[rank]["tile"]["id"].to_string();
    let many = matches(&first).len();
    let like = (0..5).map(id).collect::<Vec<_>>().join(",");
    let unlike = (many - 5..many).map(id).collect::<Vec<_>>().join(",");
    let means = found(&scratch, &["--like", &like]);
    assert_eq!(means["method"], "means");
    let model = found(&scratch, &[&BOX[..], &["--like", &like, "--unlike", &unlike, "-k", "20"]].concat());
    assert_eq!(model["method"], "linear_model");
    let answered: Vec<&str> = like.split(',').chain(unlike.split(',')).collect();
    for found in matches(&model) {
        assert!(!answered.contains(&found["tile"]["id"].to_string().as_str()), "answered tiles come again");
    }
    search(&scratch, &["--unlike", &unlike]).failed_with(2, &["nothing says what to look for"]);
}

#[test]
fn a_second_look_shows_the_same_number_of_matches() {
    let scratch = library();
    let plain = found(&scratch, &with_box(&[]));
    for method in ["k-reciprocal", "query-expansion"] {
        let again = found(&scratch, &[&BOX[..], &["--rerank", method]].concat());
        assert_eq!(matches(&again).len(), matches(&plain).len(), "{method}");
    }
}

#[test]
fn results_are_written_as_their_names_say() {
    let scratch = library();
    let files = ["-o", "m.csv", "-o", "m.json", "-o", "m.geojson", "-o", "m.html"];
    let run = search(&scratch, &[&BOX[..], &files].concat());
    let table = &run.done().stdout;
    for says in
        ["like the box on s, inline 1009, traces 2001..2032, 0..124ms: ", "distance", "written: m.html"]
    {
        assert!(table.contains(says), "{says:?} is not in\n{table}");
    }
    let rows = fs::read_to_string(scratch.path("m.csv")).unwrap();
    assert_eq!(rows.lines().count(), 11);
    assert_eq!(matches(&scratch.json("m.json")).len(), 10);
    let map = scratch.json("m.geojson");
    assert_eq!(map["features"].as_array().unwrap().len(), 10);
    assert!(map["features"][0]["geometry"]["coordinates"].is_array() && map["crs"].is_null());
    let page = fs::read_to_string(scratch.path("m.html")).unwrap();
    assert_eq!(page.matches("data:image/png;base64,").count(), 11);
    assert!(page.contains("inline 1009, crosslines 2001–2032") && page.contains("±"));
    search(&scratch, &with_box(&["-o", "m.xlsx"]))
        .failed_with(2, &["m.xlsx", ".csv, .json, .geojson or .html"]);
    search(&scratch, &with_box(&["-o", "nowhere/m.csv"]))
        .failed_with(4, &["nowhere/m.csv", "does not exist"]);
}

#[test]
fn without_the_survey_the_page_shows_what_the_library_keeps() {
    let scratch = library();
    let index =
        ["index", "s.sgy", "--library", "kept", "--size", "32x32", "--every", "16", "--thumbnails", "-q"];
    scratch.refcon(&index).done();
    fs::remove_file(scratch.path("s.sgy")).unwrap();
    scratch.refcon(&["search", "--library", "kept", "--tile", "3", "-o", "kept.html", "-q"]).done();
    let page = fs::read_to_string(scratch.path("kept.html")).unwrap();
    assert!(page.contains("come from images in the library") && page.matches("data:image/png").count() > 5);
    search(&scratch, &["--tile", "3", "-o", "none.html", "-q"]).done();
    let page = fs::read_to_string(scratch.path("none.html")).unwrap();
    assert!(page.contains("no picture") && page.contains("A picture could not be read: "));
}

#[test]
fn a_survey_that_was_moved_is_said_to_be_and_found_at_its_new_place() {
    let scratch = library();
    fs::create_dir(scratch.path("new")).unwrap();
    fs::rename(scratch.path("s.sgy"), scratch.path("new/s.sgy")).unwrap();
    let by_name = |survey: &'static str| {
        let place = ["--inline", "1009", "--traces", "2001..2032", "--time", "0..124ms"];
        search(&scratch, &[&["--survey", survey], place.as_slice()].concat())
    };
    by_name("s")
        .failed_with(3, &["the survey s was indexed from", "s.sgy, which is not there now", "--survey"]);
    by_name("new/s.sgy").done();
}

#[test]
fn an_encoder_that_is_asked_for_is_looked_for_whatever_the_query_is() {
    let scratch = library();
    search(&scratch, &["--tile", "3", "--encoder", "nosuch"]).failed_with(3, &["nosuch"]);
}

#[test]
fn an_image_of_the_library_finds_the_others_and_not_itself() {
    let scratch = Scratch::new();
    for (n, period) in [8.0, 9.0, 10.0].into_iter().enumerate() {
        scratch.tile(&format!("tiles/flat-{n}.png"), period, 0.0);
        scratch.tile(&format!("tiles/steep-{n}.png"), period, 1.2);
    }
    scratch.refcon(&["index", "tiles", "--library", "L", "-q"]).done();
    let files = |list: &Value| -> Vec<String> {
        matches(list).iter().map(|found| found["tile"]["file"].as_str().unwrap().to_owned()).collect()
    };
    let list = found(&scratch, &["--image", "tiles/flat-1.png", "-k", "2"]);
    let mut nearest = files(&list);
    nearest.sort();
    assert_eq!(nearest, ["flat-0.png", "flat-2.png"]);
    scratch.tile("elsewhere.png", 9.0, 0.0);
    let list = found(&scratch, &["--image", "elsewhere.png", "-k", "1"]);
    assert_eq!(files(&list), ["flat-1.png"]);
    search(&scratch, &["--image", "tiles/flat-1.png", "-o", "m.html", "-q"]).done();
    assert_eq!(fs::read_to_string(scratch.path("m.html")).unwrap().matches("data:image/png").count(), 6);
}

#[test]
fn what_cannot_be_searched_for_is_refused_with_what_there_is() {
    let scratch = library();
    search(&scratch, &[]).failed_with(2, &["nothing says what to look for", "--image"]);
    search(&scratch, &["--survey", "s.sgy", "--inline", "1009"]).usage_error(&["--traces"]);
    search(&scratch, &with_box(&["--tile", "3"])).usage_error(&["cannot be used with"]);
    let at = |line: &'static str, traces: &'static str, range: [&'static str; 2]| {
        search(&scratch, &["--survey", "s.sgy", "--inline", line, "--traces", traces, range[0], range[1]])
    };
    at("99", "2001..2032", ["--time", "0..124ms"])
        .failed_with(2, &["no inline 99: its inlines are 1001 to 1064"]);
    at("1009", "1..32", ["--time", "0..124ms"]).failed_with(2, &["1..32", "its crosslines are 2001 to 2070"]);
    at("1009", "2001..2032", ["--time", "0..900ms"])
        .failed_with(2, &["0..900ms", "from 0 to 508 ms, every 4 ms"]);
    at("1009", "2001..2032", ["--depth", "0..124m"])
        .failed_with(2, &["0..124m is in m, and the samples of s in ms"]);
    at("1009", "2001..2032", ["--time", "0..124m"]).usage_error(&["times are in ms or s"]);
    search(&scratch, &["--tile", "99999999"]).failed_with(2, &["--tile 99999999", "numbers go up to"]);
    scratch.write("broken.png", b"no image");
    search(&scratch, &["--image", "broken.png"]).failed_with(3, &["broken.png is not an image"]);
    search(&scratch, &["--image", "nowhere.png"]).failed_with(3, &["nowhere.png"]);
    scratch
        .refcon(&["search", "--library", "nowhere", "--tile", "1"])
        .failed_with(3, &["nowhere is no library"]);
    scratch.tile("q.png", 8.0, 0.0);
    let vit = concat!(env!("CARGO_MANIFEST_DIR"), "/../refcon-encoders/tests/golden/vit");
    search(&scratch, &["--image", "q.png", "--encoder", vit])
        .failed_with(3, &["no embeddings of vit-32x2-p8", "it has those of texture"]);
}
