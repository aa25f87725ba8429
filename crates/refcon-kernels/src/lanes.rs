//! Sums of a row. One running sum a lane, and always the same number of lanes: the compiler keeps them in vectors, and the result
//! is the same whatever their width.

use crate::vector::MulAdd;

/// Running sums side by side.
pub(crate) const LANES: usize = 16;

#[inline(always)]
pub(crate) fn sum_of_products<M: MulAdd>(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for (sum, (&a, &b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum = M::mul_add(a, b, *sum);
        }
    }
    if !a_rest.is_empty() {
        // Filled up, so that the sums stay in their vectors.
        let (a, b) = (filled(a_rest), filled(b_rest));
        for (sum, (&a, &b)) in sums.iter_mut().zip(a.iter().zip(&b)) {
            *sum = M::mul_add(a, b, *sum);
        }
    }
    total(sums)
}

/// `Σ term(value)`.
#[inline(always)]
pub(crate) fn sum_of(values: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let mut sums = [0.0f32; LANES];
    let (lanes, rest) = values.as_chunks::<LANES>();
    for values in lanes {
        for (sum, &value) in sums.iter_mut().zip(values) {
            *sum += term(value);
        }
    }
    for (sum, &value) in sums.iter_mut().zip(rest) {
        *sum += term(value);
    }
    total(sums)
}

/// Fewer values than there are lanes, and zeros after them.
#[inline(always)]
fn filled(values: &[f32]) -> [f32; LANES] {
    let mut lanes = [0.0; LANES];
    lanes[..values.len()].copy_from_slice(values);
    lanes
}

/// The sum of all lanes, half of them onto the other half until one is left.
#[inline(always)]
pub(crate) fn total(mut sums: [f32; LANES]) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            sums[lane] += sums[lane + half];
        }
        half /= 2;
    }
    sums[0]
}
