//! Takes the statistics that the texture descriptor standardises its features with, and writes them as Rust source:
//!
//! ```sh
//! cargo run --release -p refcon-encoders --example fit_texture_standardisation
//! ```
//!
//! They come from random tiles of synthetic surveys of varied geology, wavelet, noise and gain; no real survey and no label
//! has a part in them, so that no data set is favoured.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use refcon_encoders::{Texture, texture};
use refcon_image::GreyImage;
use refcon_seismic::synthetic::{SyntheticSpec, generate};
use refcon_seismic::{Direction, Section, TileBox, absolute_percentile};
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

const SURVEYS: u64 = 24;
/// Surveys of the demo and of tests have small seeds: these are others.
const FIRST_SEED: u64 = 1000;
const TILES_A_SURVEY: usize = 250;
/// Sides of tiles, in pixels.
const SIDES: std::ops::RangeInclusive<usize> = 64..=160;
/// Percent of amplitudes that are not clipped.
const CLIP_PERCENT: std::ops::Range<f64> = 97.0..99.9;

fn main() -> Result<(), Box<dyn Error>> {
    let mut features: Vec<Vec<f32>> = Vec::new();
    for seed in FIRST_SEED..FIRST_SEED + SURVEYS {
        let tiles = tiles_of_survey(seed)?;
        features.par_extend(tiles.par_iter().map(Texture::features));
        eprintln!("survey {seed}: {} tiles so far", features.len());
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/texture/standardisation.rs");
    std::fs::write(&path, source(&features))?;
    println!("wrote {}", path.display());
    Ok(())
}

fn tiles_of_survey(seed: u64) -> Result<Vec<GreyImage>, Box<dyn Error>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let spec = SyntheticSpec {
        seed,
        inlines: 160,
        crosslines: 240,
        samples: 256,
        peak_frequency_hz: random.random_range(18.0..45.0),
        signal_to_noise: random.random_range(3.0..15.0),
        ..SyntheticSpec::default()
    };
    let volume = generate(&spec)?.volume;
    let mut tiles = Vec::with_capacity(TILES_A_SURVEY);
    while tiles.len() < TILES_A_SURVEY {
        let (direction, lines) = match random.random_range(0..2) {
            0 => (Direction::Inline, volume.inlines),
            _ => (Direction::Crossline, volume.crosslines),
        };
        let line = lines.number(random.random_range(0..lines.count));
        let section = volume.section(direction, line).ok_or("a line of the survey's own axis")?;
        let clip = absolute_percentile(&section.amplitudes, random.random_range(CLIP_PERCENT));
        tiles.push(random_tile(&section, clip, &mut random).ok_or("a tile inside its section")?);
    }
    Ok(tiles)
}

fn random_tile(section: &Section, clip: f32, random: &mut ChaCha8Rng) -> Option<GreyImage> {
    let traces = random.random_range(SIDES).min(section.traces.count);
    let samples = random.random_range(SIDES).min(section.samples.count);
    let first_trace = random.random_range(0..=section.traces.count - traces);
    let first_sample = random.random_range(0..=section.samples.count - samples);
    let amplitudes = section.cut(TileBox { first_trace, traces, first_sample, samples })?;
    // As an 8-bit picture would hold it, rounding included.
    let level = |amplitude: &f32| (127.5 + 127.5 * amplitude / clip).clamp(0.0, 255.0).round() as u8;
    let levels: Vec<u8> = amplitudes.iter().map(level).collect();
    GreyImage::from_8bit(traces, samples, &levels).ok()
}

/// The Rust source of the statistics: mean and standard deviation of every feature.
fn source(features: &[Vec<f32>]) -> String {
    let count = features.len() as f64;
    let mut source = format!(
        "//! Mean and standard deviation of every feature over {} tiles of {SURVEYS} synthetic surveys.\n//!\n\
         //! Written by `cargo run --release -p refcon-encoders --example fit_texture_standardisation`; not edited by hand.\n\n\
         pub(super) const STANDARDISATION: [[f32; 2]; super::DIMENSION] = [\n",
        features.len()
    );
    for column in 0..texture::DIMENSION {
        let values = features.iter().map(|row| f64::from(row[column]));
        let mean = values.clone().sum::<f64>() / count;
        let deviation = (values.map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
        // Writing to a String cannot fail.
        let _ = writeln!(source, "    [{mean:.5}, {deviation:.5}],");
    }
    source.push_str("];\n");
    source
}
