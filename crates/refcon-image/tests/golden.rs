//! The preprocessing and the colour conversion against torchvision 0.17.2 and Pillow.
//!
//! `golden/make_golden.py` makes the files and says what is in them.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use refcon_image::{DecodeLimits, GreyImage, Preprocessing, read};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Demanded: at most two 8-bit levels anywhere, a tenth of one on average.
const DEMANDED_LARGEST: f64 = 2.0 / 255.0;
const DEMANDED_MEAN: f64 = 0.1 / 255.0;
/// Reached: torch places its filter in f32, we in f64.
const REACHED_LARGEST: f64 = 1e-4;

#[derive(Deserialize)]
struct Case {
    case: String,
    input: String,
    contrast: f32,
    resize_shorter_side: u32,
    crop: u32,
    rows: Vec<usize>,
    mean: f64,
}

#[derive(Deserialize)]
struct Levels {
    width: usize,
    height: usize,
    levels: Vec<u8>,
}

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn read_golden(name: &str) -> GreyImage {
    read(&golden(name), &DecodeLimits::default()).unwrap()
}

#[test]
fn preprocessing_equals_torchvision() {
    let manifest = std::fs::read(golden("preprocessing.json")).unwrap();
    let cases: Vec<Case> = serde_json::from_slice(&manifest).unwrap();
    assert!(cases.len() >= 16, "{} cases", cases.len());

    for case in cases {
        let preprocessing = Preprocessing::new(case.contrast, case.resize_shorter_side, case.crop).unwrap();
        let ours = preprocessing.apply(&read_golden(&case.input));

        let crop = case.crop as usize;
        assert_eq!((ours.width(), ours.height()), (crop, crop), "{}", case.case);
        let bytes = std::fs::read(golden(&format!("{}.f32", case.case))).unwrap();
        let theirs: Vec<f32> =
            bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        assert_eq!(theirs.len(), case.rows.len() * crop, "{}", case.case);

        let ours_in_rows = case.rows.iter().flat_map(|row| &ours.pixels()[row * crop..(row + 1) * crop]);
        let differences: Vec<f64> =
            ours_in_rows.zip(&theirs).map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs()).collect();
        let largest = differences.iter().copied().fold(0.0, f64::max);
        let mean = differences.iter().sum::<f64>() / differences.len() as f64;
        let mean_of_ours = ours.pixels().iter().map(|&v| f64::from(v)).sum::<f64>() / (crop * crop) as f64;
        println!("{:<45} largest {largest:.2e}  mean {mean:.2e}", case.case);

        assert!(largest <= DEMANDED_LARGEST && mean <= DEMANDED_MEAN, "{}: {largest:e}, {mean:e}", case.case);
        assert!(largest <= REACHED_LARGEST, "{}: {largest:e}", case.case);
        // The rows left out count here.
        assert!((mean_of_ours - case.mean).abs() <= REACHED_LARGEST, "{}: {mean_of_ours}", case.case);
    }
}

#[test]
fn colour_becomes_the_grey_levels_of_pillow() {
    let manifest = std::fs::read(golden("colour.json")).unwrap();
    let files: BTreeMap<String, Levels> = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(files.len(), 5);

    for (name, expected) in files {
        let ours = read_golden(&name);
        assert_eq!((ours.width(), ours.height()), (expected.width, expected.height), "{name}");
        // Two JPEG decoders may round the cosine transform differently; everything else is exact.
        let tolerance = if name.ends_with(".jpg") { 2 } else { 0 };
        for (ours, theirs) in ours.to_8bit().iter().zip(&expected.levels) {
            assert!(ours.abs_diff(*theirs) <= tolerance, "{name}: {ours}, Pillow {theirs}");
        }
    }
}
