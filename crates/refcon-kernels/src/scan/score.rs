//! What two vectors are to each other, in f32: the numbers that a search answers with.
//!
//! Sixteen running sums side by side, products and sums rounded one by one (never fused), the sums added up in order. So every
//! processor gives the same bits, whatever the width of its vectors.

use crate::lanes::LANES;
use crate::vector::vectorised;

/// `Σ query[i] · row[i]` for each of `rows`, `[n, dimension]`; into `scores`, `[n]`.
///
/// Every processor gives the same bits. The rounding error is at most `(dimension / 16 + 40) · 2⁻²⁴ · ‖query‖ · ‖row‖` as long as
/// nothing overflows.
///
/// # Panics
/// When the query is empty, or `rows` are not as many vectors of its length as there are `scores`.
pub fn inner_products(query: &[f32], rows: &[f32], scores: &mut [f32]) {
    assert_rows(query, rows, scores);
    inner_products_of(query, rows, scores);
}

/// `Σ (query[i] − row[i])²` for each of `rows`, `[n, dimension]`; into `scores`, `[n]`.
///
/// Every processor gives the same bits.
///
/// # Panics
/// As [`inner_products`].
pub fn squared_distances(query: &[f32], rows: &[f32], scores: &mut [f32]) {
    assert_rows(query, rows, scores);
    squared_distances_of(query, rows, scores);
}

fn assert_rows(query: &[f32], rows: &[f32], scores: &[f32]) {
    assert!(!query.is_empty(), "a query without components");
    assert_eq!(rows.len(), query.len() * scores.len(), "as many rows as scores");
}

vectorised! {
    fn inner_products_of<M>(query: &[f32], rows: &[f32], scores: &mut [f32]) {
        for (row, score) in rows.chunks_exact(query.len()).zip(scores) {
            *score = sum_over_pairs(query, row, |a, b| a * b);
        }
    }
}

vectorised! {
    fn squared_distances_of<M>(query: &[f32], rows: &[f32], scores: &mut [f32]) {
        for (row, score) in rows.chunks_exact(query.len()).zip(scores) {
            *score = sum_over_pairs(query, row, |a, b| (a - b) * (a - b));
        }
    }
}

#[inline(always)]
fn sum_over_pairs(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let (a_lanes, a_rest) = a.as_chunks::<LANES>();
    let (b_lanes, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0f32; LANES];
    for (a, b) in a_lanes.iter().zip(b_lanes) {
        for (sum, (&a, &b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += term(a, b);
        }
    }
    let rest = a_rest.iter().zip(b_rest).fold(0.0, |sum, (&a, &b)| sum + term(a, b));
    sums.iter().fold(0.0, |total, sum| total + sum) + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn scores_have_the_bits_of_the_plain_loop_and_are_close_to_f64(
            (dimension, values) in (1usize..100).prop_flat_map(|d| (Just(d), prop::collection::vec(-1e3f32..1e3, 4 * d))),
        ) {
            let (query, rows) = values.split_at(dimension);
            let (mut products, mut distances) = ([0.0; 3], [0.0; 3]);
            inner_products(query, rows, &mut products);
            squared_distances(query, rows, &mut distances);
            for (index, row) in rows.chunks_exact(dimension).enumerate() {
                // Compiled here without wider vectors than every processor has.
                let product = sum_over_pairs(query, row, |a, b| a * b);
                let distance = sum_over_pairs(query, row, |a, b| (a - b) * (a - b));
                prop_assert_eq!(products[index].to_bits(), product.to_bits());
                prop_assert_eq!(distances[index].to_bits(), distance.to_bits());
                let norm = |v: &[f32]| v.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
                let exact: f64 = query.iter().zip(row).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
                let bound = (dimension / 16 + 40) as f64 * (0.5f64).powi(24) * norm(query) * norm(row);
                prop_assert!((f64::from(product) - exact).abs() <= bound + 1e-40);
            }
        }
    }
}
