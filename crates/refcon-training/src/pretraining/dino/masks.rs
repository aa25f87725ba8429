//! Which patches of the large crops are hidden from the student.

use super::config::{MaskShape, Masking};
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Patches of the smallest block.
const SMALLEST_BLOCK: f64 = 4.0;

/// Least and greatest width over height of a block.
const RATIO: [f64; 2] = [0.3, 1.0 / 0.3];

/// Tries at a block that hides something and not too much.
const TRIES: usize = 10;

/// Hidden patches of some crops.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Masks {
    /// 1 where a patch is hidden, `[crops, patches]`.
    pub(super) hidden: Vec<f32>,
    /// Numbers of the hidden patches among those of all crops.
    pub(super) places: Vec<i64>,
    /// One over the number of hidden patches of a patch's crop and over the number of crops.
    pub(super) weights: Vec<f32>,
}

impl Masks {
    /// Hides patches of some of the crops, each a grid of `side × side`. The shares of the crops that have any are spread evenly over
    /// the range that they may be from.
    pub(super) fn draw(masking: &Masking, crops: usize, side: usize, draw: &mut ChaCha8Rng) -> Self {
        let patches = side * side;
        let masked = (crops as f64 * masking.crops).round() as usize;
        let [least, most] = masking.patches;
        let step = (most - least) / masked.max(1) as f64;
        let mut counts = vec![0; crops];
        for (number, count) in counts.iter_mut().take(masked).enumerate() {
            let share = least + step * (number as f64 + draw.random::<f64>());
            *count = ((patches as f64 * share) as usize).clamp(1, patches);
        }
        counts.shuffle(draw);
        let (mut hidden, mut places, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        for (crop, count) in counts.into_iter().enumerate() {
            let of_crop = match masking.shape {
                MaskShape::Blocks => blocks(count, side, draw),
                MaskShape::Random => completed(vec![false; patches], count, draw),
            };
            let places_of_crop = (0..patches).filter(|&patch| of_crop[patch]);
            places.extend(places_of_crop.map(|patch| (crop * patches + patch) as i64));
            weights.extend(std::iter::repeat_n(1.0 / (count * crops) as f32, count));
            hidden.extend(of_crop.into_iter().map(|is| f32::from(u8::from(is))));
        }
        Self { hidden, places, weights }
    }
}

/// Blocks of random size and ratio until `count` patches are hidden; what no block fits is hidden patch by patch.
fn blocks(count: usize, side: usize, draw: &mut ChaCha8Rng) -> Vec<bool> {
    let mut hidden = vec![false; side * side];
    let mut left = count;
    while left > 0 {
        let block = (0..TRIES).find_map(|_| {
            let area = SMALLEST_BLOCK + (left as f64 - SMALLEST_BLOCK).max(0.0) * draw.random::<f64>();
            let [low, high] = RATIO.map(f64::ln);
            let ratio = (low + (high - low) * draw.random::<f64>()).exp();
            let [width, height] = [area * ratio, area / ratio].map(|square| square.sqrt().round() as usize);
            if !(1..=side).contains(&width) || !(1..=side).contains(&height) {
                return None;
            }
            let (top, left_edge) =
                (draw.random_range(0..=side - height), draw.random_range(0..=side - width));
            let places = (top..top + height)
                .flat_map(|row| (left_edge..left_edge + width).map(move |column| row * side + column));
            let new: Vec<usize> = places.filter(|&place| !hidden[place]).collect();
            (1..=left).contains(&new.len()).then_some(new)
        });
        let Some(block) = block else { break };
        left -= block.len();
        block.into_iter().for_each(|place| hidden[place] = true);
    }
    completed(hidden, count, draw)
}

/// Hides any patches until there are `count`.
fn completed(mut hidden: Vec<bool>, count: usize, draw: &mut ChaCha8Rng) -> Vec<bool> {
    let mut seen: Vec<usize> = (0..hidden.len()).filter(|&patch| !hidden[patch]).collect();
    let missing = count - (hidden.len() - seen.len());
    seen.shuffle(draw);
    seen.into_iter().take(missing).for_each(|patch| hidden[patch] = true);
    hidden
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};

    #[test]
    fn as_many_crops_and_patches_are_hidden_as_asked_for() {
        for (shape, side) in [(MaskShape::Blocks, 14), (MaskShape::Random, 14), (MaskShape::Blocks, 2)] {
            let masking = Masking { crops: 0.5, patches: [0.1, 0.5], shape };
            for number in 0..50 {
                let mut draw = stream(1, Purpose::Masking, [number, 0]);
                let masks = Masks::draw(&masking, 12, side, &mut draw);
                let patches = side * side;
                let counts: Vec<usize> = masks
                    .hidden
                    .chunks(patches)
                    .map(|crop| crop.iter().filter(|hidden| **hidden > 0.5).count())
                    .collect();
                let masked: Vec<usize> = counts.iter().copied().filter(|count| *count > 0).collect();
                assert_eq!(masked.len(), 6, "{counts:?}");
                let range = (patches / 10).max(1)..=patches / 2;
                assert!(masked.iter().all(|count| range.contains(count)), "{counts:?}");
                assert!(masks.places.iter().all(|&place| masks.hidden[place as usize] > 0.5));
                assert_eq!(masks.places.len(), counts.iter().sum::<usize>());
                // A mean over each crop's patches, then over all crops.
                let sum: f32 = masks.weights.iter().sum();
                assert!((sum - 6.0 / 12.0).abs() < 1e-5, "{sum}");
            }
        }
    }

    /// Hidden patches whose right neighbour is hidden too.
    fn runs(shape: MaskShape) -> usize {
        let masking = Masking { crops: 1.0, patches: [0.3, 0.3], shape };
        let masks = Masks::draw(&masking, 40, 14, &mut stream(1, Purpose::Masking, [0, 0]));
        masks.hidden.chunks(14).flat_map(|row| row.windows(2)).filter(|pair| pair[0] * pair[1] > 0.5).count()
    }

    #[test]
    fn blocks_hang_together() {
        assert!(runs(MaskShape::Blocks) > 2 * runs(MaskShape::Random));
    }
}
