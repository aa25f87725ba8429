//! Which rows may still be wanted, by the bounds on their scores.

use crate::vector::vectorised;

/// What is known of some rows, a number a row.
#[derive(Debug, Clone, Copy)]
pub struct RowTerms<'a> {
    /// Multiplies the products.
    pub scales: &'a [f32],
    /// Multiplies [`QueryTerms::error`].
    pub errors: &'a [f32],
    /// Multiplies [`QueryTerms::norm`].
    pub norms: &'a [f32],
    /// Multiplies [`QueryTerms::offset`].
    pub offsets: &'a [f32],
}

/// What is known of the queries of a group, a number for each value of a row.
#[derive(Debug, Clone, Copy)]
pub struct QueryTerms<'a> {
    /// Weights of the rows' errors.
    pub error: &'a [f32],
    /// Weights of the rows' norms.
    pub norm: &'a [f32],
    /// Weights of the rows' offsets.
    pub offset: &'a [f32],
    /// The least that an upper bound must be.
    pub threshold: &'a [f32],
}

/// A row that may be wanted for a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sifted {
    /// Which of the rows.
    pub row: usize,
    /// Which of the values of a row.
    pub value: usize,
    /// `scale · product + error · error + norm · norm − offset · offset` of row and query.
    pub upper: f32,
}

/// Calls `found` for every one of `products`, `[rows, queries]`, whose upper bound (see [`Sifted::upper`]) is not below the query's
/// threshold; a bound that is NaN is not below anything.
///
/// # Panics
/// When there is not a number for each row and each value.
pub fn sift(products: &[f32], rows: &RowTerms<'_>, queries: &QueryTerms<'_>, mut found: impl FnMut(Sifted)) {
    let width = queries.threshold.len();
    let count = rows.scales.len();
    assert!(products.len() == count * width, "a product for each row and query");
    assert!([rows.errors.len(), rows.norms.len(), rows.offsets.len()] == [count; 3], "a number a row");
    assert!(
        [queries.error.len(), queries.norm.len(), queries.offset.len()] == [width; 3],
        "a number a query"
    );
    if width == 0 {
        return;
    }
    for (row, products) in products.chunks_exact(width).enumerate() {
        let terms = [rows.scales[row], rows.errors[row], rows.norms[row], rows.offsets[row]];
        if passing(products, terms, queries) == 0 {
            continue;
        }
        for value in 0..width {
            let upper = upper_bound(products, terms, queries, value);
            if passes(upper, queries.threshold[value]) {
                found(Sifted { row, value, upper });
            }
        }
    }
}

vectorised! {
    /// How many of a row's values pass.
    fn passing<M>(products: &[f32], row: [f32; 4], queries: &QueryTerms<'_>) -> u32 {
        let mut passing = 0;
        for value in 0..products.len() {
            passing += u32::from(passes(upper_bound(products, row, queries, value), queries.threshold[value]));
        }
        passing
    }
}

#[inline(always)]
fn passes(upper: f32, threshold: f32) -> bool {
    // Not `>=`: NaN passes.
    !(upper < threshold)
}

#[inline(always)]
fn upper_bound(products: &[f32], row: [f32; 4], queries: &QueryTerms<'_>, value: usize) -> f32 {
    let [scale, error, norm, offset] = row;
    products[value] * scale + queries.error[value] * error + queries.norm[value] * norm
        - queries.offset[value] * offset
}
