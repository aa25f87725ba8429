//! Counting amplitudes by the bits that order them.

/// Buckets of 16 bits.
const BUCKETS: usize = 1 << 16;
const SIGN: u32 = 1 << 31;

/// An order of amplitudes: 32-bit keys that rise as the amplitudes do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order {
    absolute: bool,
}

/// By amplitude.
pub(super) const SIGNED: Order = Order { absolute: false };
/// By absolute amplitude.
pub(super) const ABSOLUTE: Order = Order { absolute: true };

impl Order {
    /// The leading and the other 16 bits of an amplitude's key.
    #[inline]
    fn key(self, amplitude: f32) -> (u16, u16) {
        // Adding 0 makes −0 and 0 the same amplitude.
        let bits = (amplitude + 0.0).to_bits();
        let key = match self.absolute {
            true => bits & !SIGN,
            // Negative numbers fall as their bits rise.
            false if bits & SIGN != 0 => !bits,
            false => bits | SIGN,
        };
        ((key >> 16) as u16, key as u16)
    }

    /// The amplitude with this key.
    pub(super) fn amplitude(self, leading: u16, other: u16) -> f32 {
        let key = u32::from(leading) << 16 | u32::from(other);
        f32::from_bits(match self.absolute {
            true => key,
            false if key & SIGN != 0 => key & !SIGN,
            false => !key,
        })
    }
}

/// How many amplitudes each of 65 536 buckets holds.
#[derive(Debug)]
pub(super) struct BucketCounts {
    counts: Vec<u64>,
}

/// Where the amplitude of some rank lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) bucket: u16,
    /// Its rank among those of its bucket, from 0.
    pub(super) rank: u64,
}

impl BucketCounts {
    pub(super) fn new() -> Self {
        Self { counts: vec![0; BUCKETS] }
    }

    /// Finite amplitudes by the leading bits of their keys.
    pub(super) fn of(amplitudes: &[f32], order: Order) -> Self {
        let mut buckets = Self::new();
        for &amplitude in amplitudes.iter().filter(|amplitude| amplitude.is_finite()) {
            buckets.add_one(order.key(amplitude).0);
        }
        buckets
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, other)| *count += other);
    }

    pub(super) fn add_one(&mut self, bucket: u16) {
        self.counts[usize::from(bucket)] += 1;
    }

    pub(super) fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Where the amplitude of `rank` lies; past the last amplitude, the last bucket.
    pub(super) fn place_of(&self, mut rank: u64) -> Place {
        for (bucket, &count) in (0..=u16::MAX).zip(&self.counts) {
            if rank < count {
                return Place { bucket, rank };
            }
            rank -= count;
        }
        Place { bucket: u16::MAX, rank: 0 }
    }
}

/// The amplitudes in the `wanted` buckets: the index of each one's bucket among those, and the other bits of its key.
///
/// A list and not counts, since few amplitudes lie in so few buckets; at worst it is as long as `amplitudes`.
pub(super) fn in_buckets(amplitudes: &[f32], order: Order, wanted: &[u16]) -> Vec<(usize, u16)> {
    let finite = amplitudes.iter().filter(|amplitude| amplitude.is_finite());
    finite
        .filter_map(|&amplitude| {
            let (leading, other) = order.key(amplitude);
            // A handful of buckets: looking at each is faster than searching.
            wanted.iter().position(|&bucket| bucket == leading).map(|index| (index, other))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_rise_as_amplitudes_do_and_lead_back_to_them(bits in [any::<u32>(), any::<u32>()]) {
            let [a, b] = bits.map(f32::from_bits);
            prop_assume!(a.is_finite() && b.is_finite());
            for (order, a, b) in [(SIGNED, a, b), (ABSOLUTE, a.abs(), b.abs())] {
                prop_assert_eq!(order.key(a).cmp(&order.key(b)), a.partial_cmp(&b).unwrap());
                let (leading, other) = order.key(a);
                prop_assert_eq!(order.amplitude(leading, other), a);
            }
        }
    }

    #[test]
    fn both_zeros_are_one_amplitude() {
        assert_eq!(SIGNED.key(-0.0), SIGNED.key(0.0));
        assert_eq!(
            SIGNED.key(f32::MIN_POSITIVE).0.cmp(&SIGNED.key(-f32::MIN_POSITIVE).0),
            std::cmp::Ordering::Greater
        );
    }
}
