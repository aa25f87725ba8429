//! Statistics of whole surveys, against sorting everything.

use crate::fixtures::{Scratch, field_data, npy};
use proptest::prelude::*;
use refcon_seismic::statistics::{AmplitudeStatistics, PERCENTILES, absolute_percentiles, sha256_f32le};
use refcon_seismic::{Survey, SurveyOptions, absolute_percentile};

/// A survey of `traces × samples` amplitudes on one inline.
fn survey(scratch: &Scratch, samples: usize, amplitudes: &[f32]) -> Survey {
    let bytes: Vec<u8> = amplitudes.iter().flat_map(|amplitude| amplitude.to_le_bytes()).collect();
    let shape = [1, amplitudes.len() / samples, samples];
    Survey::open(&scratch.file("v.npy", &npy("<f4", false, &shape, &bytes)), &SurveyOptions::default())
        .unwrap()
}

proptest! {
    #[test]
    fn percentiles_and_moments_equal_those_of_all_amplitudes_sorted(
        samples in 1..6_usize,
        bits in proptest::collection::vec(prop_oneof![any::<u32>(), (0..400_u32).prop_map(|n| (n as f32 - 200.0).to_bits())], 6..600)
    ) {
        let mut amplitudes: Vec<f32> = bits.into_iter().map(f32::from_bits).collect();
        amplitudes.truncate(amplitudes.len() / samples * samples);
        let scratch = Scratch::new();
        let survey = survey(&scratch, samples, &amplitudes);
        let found = AmplitudeStatistics::measure(&survey, &mut |_| ())?;
        let mut sorted: Vec<f32> = amplitudes.iter().copied().filter(|a| a.is_finite()).collect();
        sorted.sort_by(f32::total_cmp);
        prop_assert_eq!(found.samples as usize, amplitudes.len());
        prop_assert_eq!(found.not_finite as usize, amplitudes.len() - sorted.len());
        prop_assert_eq!(found.live_traces + found.dead_traces, survey.trace_count());
        let Some(distribution) = found.distribution else {
            prop_assert!(sorted.is_empty());
            return Ok(());
        };
        prop_assert_eq!(distribution.minimum, sorted[0]);
        prop_assert_eq!(distribution.maximum, sorted[sorted.len() - 1]);
        for (percentile, percent) in distribution.percentiles.iter().zip(PERCENTILES) {
            let rank = ((sorted.len() - 1) as f64 * percent / 100.0).round() as usize;
            prop_assert_eq!((percentile.percent, percentile.amplitude), (percent, sorted[rank]));
        }
        let mean = sorted.iter().map(|&a| f64::from(a)).sum::<f64>() / sorted.len() as f64;
        let variance = sorted.iter().map(|&a| (f64::from(a) - mean).powi(2)).sum::<f64>() / sorted.len() as f64;
        let scale = variance.sqrt().max(mean.abs()).max(f64::MIN_POSITIVE);
        prop_assert!((distribution.mean - mean).abs() <= 1e-9 * scale);
        prop_assert!((distribution.standard_deviation - variance.sqrt()).abs() <= 1e-9 * scale);
        for percent in [0.0, 12.5, 99.0, 100.0] {
            prop_assert_eq!(absolute_percentiles(&survey, &[percent], &mut |_| ())?, [absolute_percentile(&amplitudes, percent)]);
        }
    }
}

/// More than one block, and several chunks to a block.
#[test]
fn statistics_of_many_blocks_are_those_of_all_amplitudes() {
    let samples = 1000;
    let amplitudes: Vec<f32> =
        (0..5_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 8) as f32 / 1000.0 + 1e6).collect();
    let scratch = Scratch::new();
    let survey = survey(&scratch, samples, &amplitudes);
    assert!(survey.traces().count() > 1);
    let found = AmplitudeStatistics::measure(&survey, &mut |_| ()).unwrap();
    let distribution = found.distribution.unwrap();
    let mut sorted = amplitudes.clone();
    sorted.sort_by(f32::total_cmp);
    for percentile in &distribution.percentiles {
        let rank = ((sorted.len() - 1) as f64 * percentile.percent / 100.0).round() as usize;
        assert_eq!(percentile.amplitude, sorted[rank], "{}", percentile.percent);
    }
    let mean = amplitudes.iter().map(|&a| f64::from(a)).sum::<f64>() / amplitudes.len() as f64;
    let squares: f64 = amplitudes.iter().map(|&a| (f64::from(a) - mean).powi(2)).sum();
    assert!((distribution.mean - mean).abs() < 1e-6);
    assert!(
        (distribution.standard_deviation / (squares / amplitudes.len() as f64).sqrt() - 1.0).abs() < 1e-9
    );
}

#[test]
fn dead_traces_are_those_without_a_finite_sample_other_than_0() {
    let scratch = Scratch::new();
    let survey = survey(&scratch, 2, &[0.0, -0.0, 0.0, 1.0, f32::NAN, 0.0, f32::INFINITY, -1.0]);
    let found = AmplitudeStatistics::measure(&survey, &mut |_| ()).unwrap();
    assert_eq!((found.live_traces, found.dead_traces, found.not_finite, found.samples), (2, 2, 2, 8));
}

#[test]
fn a_survey_without_a_finite_sample_has_no_distribution() {
    let scratch = Scratch::new();
    let survey = survey(&scratch, 1, &[f32::NAN, f32::NEG_INFINITY]);
    assert_eq!(AmplitudeStatistics::measure(&survey, &mut |_| ()).unwrap().distribution, None);
    assert_eq!(absolute_percentiles(&survey, &[50.0], &mut |_| ()).unwrap(), [0.0]);
}

/// `printf '\x00\x00\x80\x3f\x00\x00\x00\xc0' | sha256sum`: 1 and −2.
#[test]
fn the_hash_is_of_little_endian_floats_however_they_are_stored() {
    let scratch = Scratch::new();
    for (descr, bytes) in [
        ("<f4", [1_f32.to_le_bytes(), (-2_f32).to_le_bytes()].concat()),
        (">f8", [1_f64.to_be_bytes(), (-2_f64).to_be_bytes()].concat()),
        ("<i2", [1_i16.to_le_bytes(), (-2_i16).to_le_bytes()].concat()),
    ] {
        let path = scratch.file("v.npy", &npy(descr, false, &[1, 1, 2], &bytes));
        let survey = Survey::open(&path, &SurveyOptions::default()).unwrap();
        assert_eq!(
            sha256_f32le(&survey, &mut |_| ()).unwrap(),
            "ee4ac73c2bd27756ab82780f27c73a7bc4d3f0bb6acb37e008bc27eccd7e588b"
        );
    }
}

#[test]
fn real_surveys_have_the_statistics_that_another_reader_wrote_down() {
    let Some(path) = field_data("segy/manifest.json") else { return };
    let files: Vec<serde_json::Value> =
        serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert!(!files.is_empty());
    for expected in files {
        let name = expected["file"].as_str().unwrap();
        let survey = Survey::open(&path.with_file_name(name), &SurveyOptions::default()).unwrap();
        let hash = sha256_f32le(&survey, &mut |_| ()).unwrap();
        assert_eq!(hash.len(), 64);
        assert_eq!(hash[..16], *expected["sha256_f32le"].as_str().unwrap(), "{name}");
        let found = AmplitudeStatistics::measure(&survey, &mut |_| ()).unwrap();
        assert_eq!(found.live_traces + found.dead_traces, expected["ntr"].as_u64().unwrap(), "{name}");
        let distribution = found.distribution.unwrap();
        assert_eq!(f64::from(distribution.minimum), expected["min"].as_f64().unwrap(), "{name}");
        assert_eq!(f64::from(distribution.maximum), expected["max"].as_f64().unwrap(), "{name}");
        let deviation = expected["std"].as_f64().unwrap();
        // The reference was summed in single precision.
        assert!((distribution.standard_deviation - deviation).abs() <= 1e-4 * deviation, "{name}");
    }
}
