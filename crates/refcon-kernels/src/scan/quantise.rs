//! From f32 to codes of 8 bits, with what the rounding cost.

use crate::lanes::LANES;
use crate::vector::vectorised;

/// The code of zero: codes are whole numbers −127 to 127, stored with 128 added.
pub const ZERO_CODE: u8 = 128;

/// Largest absolute component of a vector that is coded, and one over the least: far from where f32 over- and underflows, so that
/// nothing computed from codes has to think of that.
pub const CODED_RANGE: f32 = (1u64 << 30) as f32;

/// What a vector's codes mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowCode {
    /// The vector is about `scale · (code − 128)`.
    pub scale: f32,
    /// `‖x − scale · (code − 128)‖`, or a little more. Infinite where the vector is not coded: where its largest component is not
    /// within [`CODED_RANGE`].
    pub error: f32,
    /// `‖x‖`, correct to `2⁻²²` of it.
    pub norm: f32,
}

/// Bytes of one vector's codes: its dimension, rounded up to whole lines of the cache, since no kernel then has a rest to think of.
#[must_use]
pub const fn code_stride(dimension: usize) -> usize {
    dimension.next_multiple_of(64)
}

/// Codes one vector: `codes` are [`code_stride`] bytes, those past the last component [`ZERO_CODE`].
///
/// The same codes on every processor; `error` and `norm` too.
///
/// # Panics
/// When `codes` are not as many as the stride.
pub fn quantise(vector: &[f32], codes: &mut [u8]) -> RowCode {
    assert_eq!(codes.len(), code_stride(vector.len()), "bytes of a vector's codes");
    let largest = largest(vector);
    codes.fill(ZERO_CODE);
    if largest == 0.0 {
        return RowCode { scale: 0.0, error: 0.0, norm: 0.0 };
    }
    let norm = sum_of_squares(vector).sqrt() as f32;
    if !(1.0 / CODED_RANGE..=CODED_RANGE).contains(&largest) {
        return RowCode { scale: 0.0, error: f32::INFINITY, norm };
    }
    let scale = largest / 127.0;
    round(vector, scale, codes);
    let error = squared_error(vector, scale, codes).sqrt();
    // Each difference is exact to 2⁻⁵² of the largest component; adding up and rounding to f32 costs less than 2⁻²² of the sum.
    let rounding = f64::from(largest) * (vector.len() as f64).sqrt() * (0.5f64).powi(50);
    let error = (error + rounding) * (1.0 + (0.5f64).powi(22));
    RowCode { scale, error: error as f32, norm }
}

vectorised! {
    fn largest<M>(vector: &[f32]) -> f32 {
        vector.iter().fold(0.0f32, |largest, value| largest.max(value.abs()))
    }
}

vectorised! {
    fn round<M>(vector: &[f32], scale: f32, codes: &mut [u8]) {
        // Adding it leaves the whole number nearest to `value / scale`, plus 128, in the lowest bits of the mantissa.
        const SHIFT: f32 = (3u32 << 22) as f32;
        let inverse = 1.0 / scale;
        for (code, &value) in codes.iter_mut().zip(vector) {
            *code = ((value * inverse + SHIFT).to_bits() as u8).wrapping_add(ZERO_CODE);
        }
    }
}

vectorised! {
    fn sum_of_squares<M>(vector: &[f32]) -> f64 {
        sum_in_lanes(vector, |_, value| f64::from(value) * f64::from(value))
    }
}

vectorised! {
    fn squared_error<M>(vector: &[f32], scale: f32, codes: &[u8]) -> f64 {
        let scale = f64::from(scale);
        let codes = &codes[..vector.len()];
        sum_in_lanes(vector, |at, value| {
            let difference = f64::from(value) - scale * f64::from(i32::from(codes[at]) - i32::from(ZERO_CODE));
            difference * difference
        })
    }
}

#[inline(always)]
fn sum_in_lanes(vector: &[f32], term: impl Fn(usize, f32) -> f64) -> f64 {
    let mut sums = [0.0f64; LANES];
    let (lanes, rest) = vector.as_chunks::<LANES>();
    for (block, values) in lanes.iter().enumerate() {
        for (lane, (sum, &value)) in sums.iter_mut().zip(values).enumerate() {
            *sum += term(block * LANES + lane, value);
        }
    }
    for (lane, (sum, &value)) in sums.iter_mut().zip(rest).enumerate() {
        *sum += term(lanes.len() * LANES + lane, value);
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_error_is_never_less_than_what_rounding_cost(
            values in prop::collection::vec(prop_oneof![-1f32..1.0, -1e-3f32..1e-3, Just(0.0), -1e8f32..1e8, Just(1e-41)], 1..200),
        ) {
            let mut codes = vec![0; code_stride(values.len())];
            let RowCode { scale, error, norm } = quantise(&values, &mut codes);
            let decoded = |at: usize| f64::from(scale) * (f64::from(codes[at]) - 128.0);
            let squares = values.iter().enumerate().map(|(at, &x)| (f64::from(x) - decoded(at)).powi(2));
            prop_assert!(f64::from(error) >= squares.sum::<f64>().sqrt());
            let exact = values.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
            prop_assert!((f64::from(norm) - exact).abs() <= exact * (0.5f64).powi(22) + 1e-45);
            prop_assert!(codes[values.len()..].iter().all(|&code| code == ZERO_CODE));
            if error.is_finite() {
                prop_assert!(codes.iter().all(|&code| code != 0));
                prop_assert!(f64::from(error) <= f64::from(scale) * 0.51 * (values.len() as f64).sqrt());
            }
        }
    }

    #[test]
    fn vectors_out_of_range_are_not_coded() {
        let mut codes = [0; 64];
        for vector in [[3e38, -3e38], [1e-40, 0.0]] {
            assert_eq!(quantise(&vector, &mut codes).error, f32::INFINITY);
            assert_eq!(codes, [ZERO_CODE; 64]);
        }
        assert_eq!(quantise(&[0.0, -0.0], &mut codes), RowCode { scale: 0.0, error: 0.0, norm: 0.0 });
    }
}
