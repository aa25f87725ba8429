//! An order of many tiles that takes no memory: a permutation computed number by number.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Rounds of the network; four make a permutation that looks random (Luby & Rackoff, 1988).
const ROUNDS: usize = 4;

/// A permutation of `0..count`: a Feistel network over the next larger even power of two, applied again to whatever falls outside
/// (cycle walking; Black & Rogaway, 2002).
#[derive(Debug, Clone)]
pub struct Permutation {
    count: u64,
    half: u32,
    keys: [u64; ROUNDS],
}

impl Permutation {
    /// A permutation drawn from a stream.
    #[must_use]
    pub fn draw(count: usize, draw: &mut ChaCha8Rng) -> Self {
        let count = count as u64;
        let bits = u64::BITS - count.saturating_sub(1).leading_zeros();
        Self { count, half: bits.div_ceil(2).max(1), keys: std::array::from_fn(|_| draw.random()) }
    }

    /// Where `index` goes.
    ///
    /// # Panics
    /// If it is not below the count.
    #[must_use]
    pub fn at(&self, index: usize) -> usize {
        let mut value = index as u64;
        assert!(value < self.count, "{index} of {}", self.count);
        loop {
            value = self.once(value);
            if value < self.count {
                return value as usize;
            }
        }
    }

    fn once(&self, value: u64) -> u64 {
        let mask = (1 << self.half) - 1;
        let (mut left, mut right) = (value >> self.half, value & mask);
        for key in self.keys {
            (left, right) = (right, left ^ (mixed(right ^ key) & mask));
        }
        left << self.half | right
    }
}

/// The finaliser of `SplitMix64` (Steele, Lea & Flood, 2014).
fn mixed(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;

    proptest! {
        #[test]
        fn every_number_comes_once(count in 1usize..5000, seed in 0u64..1000) {
            let permutation = Permutation::draw(count, &mut ChaCha8Rng::seed_from_u64(seed));
            let mut found: Vec<usize> = (0..count).map(|index| permutation.at(index)).collect();
            found.sort_unstable();
            prop_assert_eq!(found, (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn neighbours_are_torn_apart() {
        let count = 10_000;
        let permutation = Permutation::draw(count, &mut ChaCha8Rng::seed_from_u64(1));
        let steps = (1..count).map(|index| permutation.at(index).abs_diff(permutation.at(index - 1)));
        // Two random places of n lie n / 3 apart on average.
        let mean = steps.sum::<usize>() as f64 / (count - 1) as f64;
        assert!((mean / count as f64 - 1.0 / 3.0).abs() < 0.02, "{mean}");
    }
}
