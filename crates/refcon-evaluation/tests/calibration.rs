//! What a fitted calibration promises.

// A helper of a test may unwrap as a test does; the lint's own exception sees test functions only.
#![allow(clippy::unwrap_used)]

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use refcon_encoders::{Embeddings, EncoderId};
use refcon_evaluation::calibration::{Binning, FitError, Reliability, background_distances};
use refcon_evaluation::{Calibration, LabelledEmbeddings, fit_calibration, rank_labelled};
use refcon_library::Metric;

/// Tiles of four classes around four corners; `spread` of about 0.5 makes them overlap.
struct Tiles {
    embeddings: Embeddings,
    classes: Vec<String>,
}

fn tiles(count: usize, spread: f32, seed: u64) -> Tiles {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut values = Vec::new();
    let mut classes = Vec::new();
    for tile in 0..count {
        let class = tile % 4;
        for axis in 0..4 {
            let noise: f32 = (0..6).map(|_| random.random::<f32>() - 0.5).sum();
            values.push(f32::from(u8::from(axis == class)) + spread * noise);
        }
        classes.push(format!("class {class}"));
    }
    let embeddings = Embeddings::new(EncoderId::new("corners", &[]), 4, values).unwrap().normalised();
    Tiles { embeddings, classes }
}

impl Tiles {
    fn labelled(&self) -> LabelledEmbeddings<'_> {
        LabelledEmbeddings { embeddings: &self.embeddings, classes: &self.classes, groups: None }
    }
}

fn fitted() -> Calibration {
    fit_calibration(tiles(240, 0.45, 1).labelled(), Metric::Cosine, 0.9).unwrap()
}

#[test]
fn confidences_of_tiles_that_it_has_not_seen_mean_what_they_say() {
    let calibration = fitted();
    let (queries, library) = (tiles(80, 0.45, 2), tiles(200, 0.45, 3));
    let rankings = rank_labelled(queries.labelled(), library.labelled(), Metric::Cosine).unwrap();
    let backgrounds = background_distances(&queries.embeddings, &library.embeddings, Metric::Cosine).unwrap();
    let (mut confidences, mut right) = (Vec::new(), Vec::new());
    for (ranking, background) in rankings.iter().zip(backgrounds) {
        let found = calibration.confidences(&ranking.distances(), background);
        assert_eq!(found, calibration.confidences_of_ranking(&ranking.distances()));
        assert!(found.is_sorted_by(|a, b| a >= b), "the further, the less certain");
        confidences.extend(found.into_iter().map(f64::from));
        right.extend(&ranking.hits);
    }
    for binning in [Binning::EqualWidth, Binning::EqualMass] {
        let error = Reliability::of(&confidences, &right, binning).unwrap().expected_error;
        assert!(error < 0.03, "{binning:?}: {error}");
    }
    assert!(calibration.fit.no_match_auroc.unwrap() > 0.7, "{calibration:?}");
}

#[test]
fn queries_of_a_class_that_the_library_lacks_are_told_from_the_others() {
    let calibration = fit_calibration(tiles(240, 0.25, 1).labelled(), Metric::Cosine, 0.9).unwrap();
    assert!(calibration.fit.no_match_auroc.unwrap() > 0.95, "{calibration:?}");
    let threshold = calibration.threshold.unwrap();
    assert!(threshold.found.interval.low >= 0.9 && threshold.found.of == 480, "{threshold:?}");
    let (queries, library) = (tiles(80, 0.25, 2), tiles(200, 0.25, 3));
    let rankings = rank_labelled(queries.labelled(), library.labelled(), Metric::Cosine).unwrap();
    let lacks = |distances: Vec<f32>| calibration.has_no_match(distances[0], distances[distances.len() / 2]);
    let wrongly = rankings.iter().filter(|ranking| lacks(ranking.distances())).count();
    let rightly = rankings.iter().filter(|ranking| lacks(ranking.without_its_class().distances())).count();
    assert!(wrongly < 16 && rightly > 64, "{wrongly} and {rightly} of 80");
}

#[test]
fn a_file_reads_back_equal_and_applies_to_its_own_encoder_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calibration.json");
    let calibration = fitted();
    calibration.write(&path).unwrap();
    let read = Calibration::read(&path).unwrap();
    assert_eq!(read, calibration);
    assert_eq!(read.check(&EncoderId::new("corners", &[]), Metric::Cosine), Ok(()));
    let other = read.check(&EncoderId::new("other", &[]), Metric::Cosine).unwrap_err().to_string();
    assert!(
        other.contains("belongs to the encoder corners") && other.contains("embedded by other"),
        "{other}"
    );
    let metric = read.check(&EncoderId::new("corners", &[]), Metric::L2).unwrap_err().to_string();
    assert!(metric.contains("metric cosine"), "{metric}");
}

#[test]
fn damaged_files_are_refused_with_what_was_expected() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calibration.json");
    fitted().write(&path).unwrap();
    let whole = std::fs::read_to_string(&path).unwrap();
    for (text, says) in [
        ("{}".to_owned(), "missing field `format`"),
        (whole.replace("refcon-calibration", "something"), "its format is \"something\""),
        (whole.replace("\"version\": 2", "\"version\": 9"), "version 9, expected 2"),
        (whole.replace("\"weights\": [", "\"weights\": [-1000.0,"), "near tiles more probable"),
        (whole[..whole.len() / 2].to_owned(), "EOF"),
    ] {
        std::fs::write(&path, &text).unwrap();
        let message = Calibration::read(&path).unwrap_err().to_string();
        assert!(message.contains(says) && message.contains("calibration.json"), "{says}: {message}");
    }
}

#[test]
fn classes_that_distances_say_nothing_of_give_no_calibration() {
    let mut tiles = tiles(120, 0.3, 4);
    // Along an arc, tiles of one class lie half of its length apart.
    let values: Vec<f32> = (0..120).flat_map(|tile| [1.0, 0.01 * tile as f32]).collect();
    tiles.embeddings = Embeddings::new(EncoderId::new("line", &[]), 2, values).unwrap();
    tiles.classes = (0..120).map(|tile| (tile % 60).to_string()).collect();
    let error = fit_calibration(tiles.labelled(), Metric::Cosine, 0.9).unwrap_err();
    assert!(matches!(error, FitError::Uninformative { .. }), "{error}");
}

#[test]
fn too_few_tiles_and_one_class_are_refused() {
    let few = tiles(4, 0.1, 5);
    let error = fit_calibration(few.labelled(), Metric::Cosine, 0.9).unwrap_err().to_string();
    assert!(error.contains("0 of 4 labelled tiles"), "{error}");
    let mut one_class = tiles(40, 0.1, 6);
    one_class.classes.fill("Salt".into());
    assert!(fit_calibration(one_class.labelled(), Metric::Cosine, 0.9).is_err());
}
