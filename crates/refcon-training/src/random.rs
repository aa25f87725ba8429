//! Random numbers by their place in a training: what is drawn at a step follows from the seed and the step alone, never from what was
//! drawn before, so that a training taken up in the middle goes on as if it had not been interrupted.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What numbers are drawn for; each draws from streams of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Which tiles are held out.
    Split = 1,
    /// The fixed triplets of a validation.
    ValidationTriplets,
    /// The training tiles that the held-out ones are searched in.
    Library,
    /// The order of an epoch.
    Order,
    /// Positives and negatives of an epoch's anchors.
    Triplets,
    /// Classes and tiles of a batch.
    Batch,
    /// What is done to a tile of a batch.
    Augmentation,
    /// Negatives that a miner draws.
    Mining,
    /// Weights before training.
    Weights,
    /// A run's name.
    Name,
    /// Which patches are masked.
    Masking,
    /// Views of held-out tiles.
    HeldOutViews,
}

/// The numbers for a purpose at a place, such as `[epoch, number of the tile]`.
#[must_use]
pub fn stream(seed: u64, purpose: Purpose, place: [u64; 2]) -> ChaCha8Rng {
    let mut key = [0; 32];
    for (bytes, word) in key.chunks_exact_mut(8).zip([seed, purpose as u64, place[0], place[1]]) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// A normally distributed number (Box & Muller, 1958).
pub(crate) fn normal(draw: &mut ChaCha8Rng) -> f32 {
    let radius = (-2.0 * (1.0 - draw.random::<f32>()).ln()).sqrt();
    radius * (std::f32::consts::TAU * draw.random::<f32>()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_always_gives_the_same_numbers_and_another_place_others() {
        let draw = |seed, purpose, place| stream(seed, purpose, place).random::<u64>();
        let first = draw(42, Purpose::Order, [3, 0]);
        assert_eq!(first, draw(42, Purpose::Order, [3, 0]));
        for other in [
            draw(43, Purpose::Order, [3, 0]),
            draw(42, Purpose::Batch, [3, 0]),
            draw(42, Purpose::Order, [4, 0]),
            draw(42, Purpose::Order, [3, 1]),
        ] {
            assert_ne!(first, other);
        }
    }
}
