//! The texture descriptor: an encoder without weights.
//!
//! Five blocks of features are measured on the tile as it is (no resize, no contrast). Each feature is standardised with
//! fixed statistics, and each block scaled by `weight / √length`, so that it counts by its weight and not by its length:
//!
//! | block | what it measures | source |
//! |---|---|---|
//! | spectrum | log energy by spatial frequency and dip, the f–k plane | averaged periodogram, Welch 1967 |
//! | binary patterns | fine texture, whatever its rotation | Ojala, Pietikäinen & Mäenpää 2002 |
//! | dips | directions of reflectors, weighted by amplitude | structure tensor, Bigün & Granlund 1987 |
//! | coherence | how parallel reflectors run | the same tensor; for seismic: Bakker 2002 |
//! | amplitude | distribution, correlation lengths, evenness | – |
//!
//! A tile and its left–right mirror image get the same embedding: a fault that dips the other way is still a fault.

mod amplitude;
mod binary_patterns;
mod orientation;
mod plane;
mod spectrum;
mod standardisation;

use crate::{EncodeError, Encoder, EncoderId};
use orientation::StructureTensor;
use plane::{Plane, Smoothed};
use rayon::prelude::*;
use refcon_image::GreyImage;
use standardisation::STANDARDISATION;

/// Raised whenever the same tile would get another embedding, but for rounding.
const VERSION: &str = "texture descriptor 1";

/// Components of a texture embedding.
pub const DIMENSION: usize = spectrum::LENGTH
    + binary_patterns::LENGTH
    + 2 * orientation::DIPS
    + 2 * orientation::COHERENCES
    + amplitude::LENGTH;

/// Length and weight of each block, in the order of the vector.
///
/// Weights were chosen on the labelled training tiles of a real survey (near-duplicates kept apart, no query or corpus tile
/// used): the spectrum alone does most of the work, and the others help only while they are quieter than it.
const BLOCKS: [(usize, f32); 5] = [
    (spectrum::LENGTH, 1.0),
    (binary_patterns::LENGTH, 0.2),
    (2 * orientation::DIPS, 0.3),
    (2 * orientation::COHERENCES, 0.2),
    (amplitude::LENGTH, 0.2),
];

/// A feature further from the mean than this many standard deviations is cut off there, so that one odd pixel pattern
/// cannot outshout everything else.
const LARGEST_DEVIATION: f32 = 5.0;

/// The texture descriptor. It needs no weights and no download.
#[derive(Debug, Clone)]
pub struct Texture {
    id: EncoderId,
}

impl Texture {
    /// The descriptor with its built-in standardisation.
    #[must_use]
    pub fn new() -> Self {
        let statistics: Vec<u8> = STANDARDISATION.iter().flatten().flat_map(|v| v.to_le_bytes()).collect();
        let weights: Vec<u8> = BLOCKS.iter().flat_map(|(_, weight)| weight.to_le_bytes()).collect();
        Self { id: EncoderId::new("texture", &[VERSION.as_bytes(), &statistics, &weights]) }
    }

    /// The embedding of one tile, on the thread that calls, [`DIMENSION`] components.
    #[must_use]
    pub fn describe(tile: &GreyImage) -> Vec<f32> {
        standardise(Self::features(tile))
    }

    /// The features of one tile before standardisation, [`DIMENSION`] of them: what the built-in statistics are taken of.
    #[must_use]
    pub fn features(tile: &GreyImage) -> Vec<f32> {
        let plane = Plane::from_image(tile);
        // What each of these is smoothed by, in pixels.
        let (fine, coarse) = (Smoothed::of(&plane, 1.0), Smoothed::of(&plane, 2.0));
        let mut features = Vec::with_capacity(DIMENSION);
        spectrum::measure(&plane, &mut features);
        binary_patterns::measure(
            [&plane, &fine.levels.transposed(), &coarse.levels.transposed()],
            &mut features,
        );
        let (fine, coarse) = (StructureTensor::of(&fine, 2.0), StructureTensor::of(&coarse, 5.0));
        fine.dips(&mut features);
        coarse.dips(&mut features);
        fine.coherences(&mut features);
        coarse.coherences(&mut features);
        amplitude::measure(&plane, &mut features);
        features
    }
}

impl Default for Texture {
    fn default() -> Self {
        Self::new()
    }
}

impl Encoder for Texture {
    fn id(&self) -> &EncoderId {
        &self.id
    }

    fn dimension(&self) -> usize {
        DIMENSION
    }

    fn embed(&self, tiles: &[GreyImage]) -> Result<Vec<f32>, EncodeError> {
        let embeddings: Vec<Vec<f32>> = tiles.par_iter().map(Self::describe).collect();
        Ok(embeddings.concat())
    }
}

fn standardise(mut features: Vec<f32>) -> Vec<f32> {
    let scales = BLOCKS
        .iter()
        .flat_map(|&(length, weight)| std::iter::repeat_n(weight / (length as f32).sqrt(), length));
    for ((feature, [mean, deviation]), scale) in features.iter_mut().zip(STANDARDISATION).zip(scales) {
        let standardised = (*feature - mean) / deviation;
        *feature = scale * standardised.clamp(-LARGEST_DEVIATION, LARGEST_DEVIATION);
    }
    features
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn embed(tile: &GreyImage) -> Vec<f32> {
        Texture::new().embed(std::slice::from_ref(tile)).unwrap()
    }

    fn distance(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt()
    }

    /// Reflectors of a period of `period` pixels that fall by `dip` pixels a trace.
    fn reflectors(width: usize, height: usize, period: f32, dip: f32) -> GreyImage {
        let pixels = (0..width * height)
            .map(|at| {
                let (x, y) = ((at % width) as f32, (at / width) as f32);
                0.5 + 0.3 * (std::f32::consts::TAU * (y - dip * x) / period).sin()
            })
            .collect();
        GreyImage::new(width, height, pixels).unwrap()
    }

    fn mirrored(tile: &GreyImage) -> GreyImage {
        let pixels = tile.pixels().chunks(tile.width()).flat_map(|row| row.iter().rev().copied()).collect();
        GreyImage::new(tile.width(), tile.height(), pixels).unwrap()
    }

    #[test]
    fn a_mirror_image_has_the_same_embedding() {
        let tile = reflectors(118, 143, 11.0, 0.4);
        let difference = distance(&embed(&tile), &embed(&mirrored(&tile)));
        assert!(difference < 0.02, "{difference}");
    }

    #[test]
    fn dip_and_period_move_the_embedding_far_more_than_a_shift_does() {
        let tile = |dip, period, shift: f32| {
            let mut pixels = reflectors(99, 100, period, dip).pixels().to_vec();
            pixels.rotate_left(99 * shift as usize);
            GreyImage::new(99, 99, pixels[..99 * 99].to_vec()).unwrap()
        };
        let shifted = distance(&embed(&tile(0.0, 10.0, 0.0)), &embed(&tile(0.0, 10.0, 3.0)));
        let dipping = distance(&embed(&tile(0.0, 10.0, 0.0)), &embed(&tile(0.8, 10.0, 0.0)));
        let longer = distance(&embed(&tile(0.0, 10.0, 0.0)), &embed(&tile(0.0, 22.0, 0.0)));
        assert!(dipping > 3.0 * shifted && longer > 3.0 * shifted, "{shifted} {dipping} {longer}");
    }

    #[test]
    fn a_tile_twice_as_large_of_the_same_texture_stays_close() {
        let (small, large) = (reflectors(96, 96, 9.0, 0.3), reflectors(192, 192, 9.0, 0.3));
        let other = reflectors(96, 96, 20.0, 0.0);
        let same = distance(&embed(&small), &embed(&large));
        let apart = distance(&embed(&small), &embed(&other));
        assert!(apart > 2.0 * same, "same texture {same}, another {apart}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn any_tile_has_a_finite_embedding(width in 1usize..70, height in 1usize..70, seed in 0u32..4) {
            let pixels = (0..width * height)
                .map(|at| match seed {
                    0 => 0.0,
                    1 => 1.0,
                    2 => f32::from(u8::from(at % 7 == 0)),
                    _ => ((at as u32).wrapping_mul(2_654_435_761) >> 8) as f32 / (1u32 << 24) as f32,
                })
                .collect();
            let embedding = embed(&GreyImage::new(width, height, pixels).unwrap());
            prop_assert_eq!(embedding.len(), DIMENSION);
            prop_assert!(embedding.iter().all(|v| v.is_finite()));
        }
    }
}
