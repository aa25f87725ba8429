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
    /// The least that an upper bound must be; never NaN.
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

impl RowTerms<'_> {
    /// Scale, error, norm and offset of a row.
    #[inline(always)]
    pub(super) fn of(&self, row: usize) -> [f32; 4] {
        [self.scales[row], self.errors[row], self.norms[row], self.offsets[row]]
    }

    fn count(&self) -> Option<usize> {
        let count = self.scales.len();
        ([self.errors.len(), self.norms.len(), self.offsets.len()] == [count; 3]).then_some(count)
    }
}

impl QueryTerms<'_> {
    fn count(&self) -> Option<usize> {
        let count = self.threshold.len();
        ([self.error.len(), self.norm.len(), self.offset.len()] == [count; 3]).then_some(count)
    }
}

/// Panics unless there is a number for each of `rows` and `width` values.
pub(super) fn assert_terms(
    rows: usize,
    width: usize,
    row_terms: &RowTerms<'_>,
    query_terms: &QueryTerms<'_>,
) {
    assert_eq!(row_terms.count(), Some(rows), "numbers of each row");
    assert_eq!(query_terms.count(), Some(width), "numbers of each value");
}

/// Calls `found` for every one of `products`, `[rows, values]`, whose upper bound (see [`Sifted::upper`]) is not below the query's
/// threshold; a bound that is NaN is not below anything.
///
/// # Panics
/// When there is not a number for each row and each value.
pub(super) fn sift(
    products: &[f32],
    rows: &RowTerms<'_>,
    queries: &QueryTerms<'_>,
    found: &mut dyn FnMut(Sifted),
) {
    let width = queries.threshold.len();
    for (row, products) in products.chunks_exact(width).enumerate() {
        let terms = rows.of(row);
        if passing(products, terms, queries) == 0 {
            continue;
        }
        for (value, &product) in products.iter().enumerate() {
            let query =
                [queries.error[value], queries.norm[value], queries.offset[value], queries.threshold[value]];
            if passes(product, terms, query) {
                found(Sifted { row, value, upper: upper_bound(product, terms, query) });
            }
        }
    }
}

vectorised! {
    /// How many of a row's values pass.
    fn passing<M>(products: &[f32], row: [f32; 4], queries: &QueryTerms<'_>) -> u32 {
        let QueryTerms { error, norm, offset, threshold } = queries;
        let width = products.len();
        // Cut to one length, so that nothing in the loop has to be checked.
        let (error, norm, offset, threshold) =
            (&error[..width], &norm[..width], &offset[..width], &threshold[..width]);
        let mut passing = 0;
        for (value, &product) in products.iter().enumerate() {
            let query = [error[value], norm[value], offset[value], threshold[value]];
            passing += u32::from(passes(product, row, query));
        }
        passing
    }
}

#[inline(always)]
fn passes(product: f32, row: [f32; 4], query: [f32; 4]) -> bool {
    let upper = upper_bound(product, row, query);
    upper >= query[3] || upper.is_nan()
}

#[inline(always)]
fn upper_bound(product: f32, row: [f32; 4], query: [f32; 4]) -> f32 {
    product * row[0] + query[0] * row[1] + query[1] * row[2] - query[2] * row[3]
}
