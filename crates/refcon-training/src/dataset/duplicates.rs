//! Near-duplicates: tiles of neighbouring lines that show the same.
//!
//! Two tiles are near-duplicates where the zero-shift correlation of their pixels is above a threshold, and groups are what such
//! pairs connect. Tiles are compared at one size, 64 × 64 pixels.

use rayon::prelude::*;
use refcon_image::GreyImage;
use refcon_image::augment::{CropBox, resized_crop};

/// Side at which tiles are compared.
const SIDE: u32 = 64;

/// Correlation above which tiles count as near-duplicates, unless the user says otherwise.
pub const USUAL_THRESHOLD: f32 = 0.7;

/// Two tiles and how alike they are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// The one with the smaller number.
    pub first: usize,
    /// The other.
    pub second: usize,
    /// Zero-shift correlation, −1 to 1.
    pub correlation: f32,
}

/// A tile made ready for comparison: mean 0, length 1.
#[must_use]
pub fn signature(tile: &GreyImage) -> Vec<f32> {
    let whole = CropBox { left: 0, top: 0, width: tile.width(), height: tile.height() };
    let mut values = resized_crop(tile, whole, SIDE).pixels().to_vec();
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len() as f64;
    values.iter_mut().for_each(|value| *value -= mean as f32);
    let length = values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
    if length > 0.0 {
        values.iter_mut().for_each(|value| *value = (f64::from(*value) / length) as f32);
    }
    values
}

/// All pairs of `signatures` whose correlation is above `threshold`, in order of their numbers.
#[must_use]
pub fn pairs(signatures: &[Vec<f32>], threshold: f32) -> Vec<Pair> {
    (0..signatures.len())
        .into_par_iter()
        .flat_map_iter(|first| {
            (first + 1..signatures.len()).filter_map(move |second| {
                // Rounding may take the sum just beyond 1.
                let correlation = dot(&signatures[first], &signatures[second]).clamp(-1.0, 1.0);
                (correlation > threshold).then_some(Pair { first, second, correlation })
            })
        })
        .collect()
}

/// The group of each of `tiles` tiles: the smallest number among those that pairs connect it with.
#[must_use]
pub fn groups(tiles: usize, pairs: &[Pair]) -> Vec<usize> {
    let mut parent: Vec<usize> = (0..tiles).collect();
    fn root(parent: &mut [usize], mut tile: usize) -> usize {
        while parent[tile] != tile {
            parent[tile] = parent[parent[tile]];
            tile = parent[tile];
        }
        tile
    }
    for pair in pairs {
        let (a, b) = (root(&mut parent, pair.first), root(&mut parent, pair.second));
        parent[a.max(b)] = a.min(b);
    }
    (0..tiles).map(|tile| root(&mut parent, tile)).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let (a, _) = a.as_chunks::<LANES>();
    let (b, _) = b.as_chunks::<LANES>();
    let mut sums = [0.0f32; LANES];
    for (a, b) in a.iter().zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};
    use rand::RngExt;

    fn tile(seed: u64, brighter: f32) -> GreyImage {
        let mut draw = stream(seed, Purpose::Split, [0, 0]);
        let pixels = (0..99 * 99).map(|_| draw.random::<f32>() / 1.5 + brighter).collect();
        GreyImage::new(99, 99, pixels).unwrap()
    }

    #[test]
    fn a_brighter_copy_is_a_duplicate_and_another_tile_is_none() {
        let tiles = [tile(1, 0.0), tile(2, 0.0), tile(1, 0.2), tile(3, 0.0)];
        let signatures: Vec<Vec<f32>> = tiles.iter().map(signature).collect();
        let found = pairs(&signatures, USUAL_THRESHOLD);
        assert_eq!(found.iter().map(|pair| (pair.first, pair.second)).collect::<Vec<_>>(), [(0, 2)]);
        assert!(found[0].correlation > 0.999);
        for seed in 0..20 {
            let copies = [0, 1].map(|_| signature(&tile(seed, 0.0)));
            assert!(pairs(&copies, USUAL_THRESHOLD)[0].correlation <= 1.0, "{seed}");
        }
        assert_eq!(groups(4, &found), [0, 1, 0, 3]);
    }

    #[test]
    fn groups_are_what_pairs_connect() {
        let pair = |first, second| Pair { first, second, correlation: 1.0 };
        assert_eq!(groups(6, &[pair(1, 4), pair(2, 4), pair(3, 5)]), [0, 1, 1, 3, 1, 3]);
    }
}
