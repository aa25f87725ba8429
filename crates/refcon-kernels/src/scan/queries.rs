//! Queries as codes, laid out for the products, and the products.

use super::ZERO_CODE;
use super::quantise::code_stride;
use super::sift::{QueryTerms, RowTerms, Sifted, assert_terms, sift};
use super::tier::{Instructions, ScanTier};
#[cfg(target_arch = "x86_64")]
use super::{amx, vnni, vnni_rows};
use super::{dot, panel::Panels};
use std::ops::Range;

/// Queries whose values of one row lie side by side, at most.
pub(super) const MOST_VALUES: usize = 48;

/// Rows times values that are sifted at once, at most: the products, and what is known of the rows, stay in the first cache.
const MOST_PRODUCTS: usize = 64 * MOST_VALUES;
/// Rows that are sifted at once, at most.
const MOST_ROWS: usize = 512;

/// Code vectors that are multiplied with a row while it is at hand.
pub(super) const MOST_VECTORS: usize = 4;

/// Code vectors from which on they are laid out in panels, where a tier multiplies those.
const VECTORS_WORTH_PANELS: usize = 9;

/// How finely queries are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fineness {
    /// In one code vector: steps of 1/127 of the largest component. For many queries.
    Coarse,
    /// In two, for its upper and its lower bits: steps of 1/16256. For few queries, whose products cost nothing beside reading the
    /// rows.
    Fine,
}

/// What queries' codes mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QueryCode {
    /// The query is about `scale · code`; 1 for a query of zeros.
    pub scale: f64,
    /// `‖q − scale · code‖`, or a little more.
    pub error: f64,
    /// `‖q‖`, or a little more.
    pub norm: f64,
}

/// Queries of one dimension as codes, and what multiplies them.
#[derive(Debug, Clone)]
pub struct QueryCodes {
    tier: ScanTier,
    stride: usize,
    fineness: Fineness,
    known: Vec<QueryCode>,
    layout: Layout,
}

#[derive(Debug, Clone)]
enum Layout {
    /// `[vectors, stride]`; of a fine query first the upper, then the lower vector. For each vector the sum of its codes
    /// times −128, for what was added to the codes of the rows.
    Plain {
        codes: Vec<i8>,
        corrections: Vec<i32>,
    },
    Panels(Panels),
}

impl QueryCodes {
    /// Codes `queries`, each `dimension` long and with no component above [`CODED_RANGE`](super::CODED_RANGE).
    ///
    /// # Panics
    /// When a query is of another dimension.
    #[must_use]
    pub fn new(tier: ScanTier, fineness: Fineness, dimension: usize, queries: &[&[f32]]) -> Self {
        let stride = code_stride(dimension);
        let vectors = queries.len() * fineness.vectors();
        let mut codes = vec![0; vectors * stride];
        let mut known = Vec::with_capacity(queries.len());
        for (query, codes) in queries.iter().zip(codes.chunks_exact_mut(stride * fineness.vectors())) {
            assert_eq!(query.len(), dimension, "components of a query");
            known.push(code_query(query, fineness, codes));
        }
        let corrections = codes.chunks_exact(stride).map(|vector| {
            let sum: i32 = vector.iter().map(|&code| i32::from(code)).sum();
            -i32::from(ZERO_CODE) * sum
        });
        let corrections = corrections.collect();
        let panels = vectors >= VECTORS_WORTH_PANELS
            && fineness == Fineness::Coarse
            && matches!(tier.0, Instructions::Avx512Vnni | Instructions::AmxInt8);
        let layout = if panels {
            Layout::Panels(Panels::pack(stride, &codes, corrections))
        } else {
            Layout::Plain { codes, corrections }
        };
        Self { tier, stride, fineness, known, layout }
    }

    /// What each query's codes mean.
    #[must_use]
    pub fn known(&self) -> &[QueryCode] {
        &self.known
    }

    /// The queries group by group, as [`QueryCodes::sift`] takes them.
    #[must_use]
    pub fn groups(&self) -> Vec<QueryGroup> {
        let (queries, widths) = match &self.layout {
            Layout::Plain { .. } => (MOST_VECTORS / self.fineness.vectors(), None),
            Layout::Panels(_) => (panels_a_group(self.tier) * Panels::LANES, Some(Panels::LANES)),
        };
        let groups = (0..self.known.len()).step_by(queries).map(|first| {
            let queries = first..(first + queries).min(self.known.len());
            let width = widths.map_or(queries.len(), |lanes| queries.len().next_multiple_of(lanes));
            QueryGroup { queries, width, rows: (MOST_PRODUCTS / width).min(MOST_ROWS) }
        });
        groups.collect()
    }

    /// Calls `found` for the rows that may be wanted for a query of a group: where the upper bound (see [`Sifted::upper`]), made of
    /// the product `Σ (row code − 128) · query code`, is not below the query's threshold. A bound that is NaN is not below anything.
    /// Values past the group's queries have the product 0.
    ///
    /// `codes` are `[n, code_stride(dimension)]`, `rows` which of them, at most [`QueryGroup::rows`], each with its `row_terms`;
    /// `query_terms` has a number for each of the group's values. Bounds may differ from tier to tier by rounding, as if each step
    /// of the sum was rounded to f32 once or twice.
    ///
    /// # Panics
    /// When a row lies outside of `codes`, there are too many, or there is not a number for each row and value.
    pub fn sift(
        &self,
        group: &QueryGroup,
        codes: &[u8],
        rows: &[u32],
        (row_terms, query_terms): (&RowTerms<'_>, &QueryTerms<'_>),
        mut found: impl FnMut(Sifted),
    ) {
        assert_terms(rows.len(), group.width, row_terms, query_terms);
        self.assert_rows(group, codes, rows);
        #[cfg(target_arch = "x86_64")]
        match &self.layout {
            Layout::Panels(panels) => {
                let sift = if self.tier.0 == Instructions::AmxInt8 { amx::sift } else { vnni::sift };
                return sift(panels, panels_of(group), codes, rows, (row_terms, query_terms), &mut found);
            }
            Layout::Plain { codes: vectors, corrections } if self.tier.has_vnni() => {
                let (few, pairs) = (self.few(group, vectors, corrections), self.fineness == Fineness::Fine);
                return vnni_rows::sift(&few, pairs, codes, rows, (row_terms, query_terms), &mut found);
            }
            _ => {}
        }
        let mut products = [0.0; MOST_PRODUCTS];
        let products = &mut products[..rows.len() * group.width];
        let Layout::Plain { codes: vectors, corrections } = &self.layout else {
            unreachable!("no tier here multiplies panels")
        };
        let pairs = self.fineness == Fineness::Fine;
        self.few(group, vectors, corrections).products(self.tier.0, pairs, codes, rows, products);
        sift(products, row_terms, query_terms, &mut found);
    }

    /// The code vectors of a group.
    fn few<'a>(&self, group: &QueryGroup, vectors: &'a [i8], corrections: &'a [i32]) -> dot::Few<'a> {
        let planes = self.fineness.vectors();
        let which = group.queries.start * planes..group.queries.end * planes;
        let vectors = &vectors[which.start * self.stride..which.end * self.stride];
        dot::Few { stride: self.stride, vectors, corrections: &corrections[which] }
    }

    fn assert_rows(&self, group: &QueryGroup, codes: &[u8], rows: &[u32]) {
        assert!(rows.len() <= group.rows, "{} rows at once", rows.len());
        let within = codes.len() / self.stride;
        assert!(rows.iter().all(|&row| (row as usize) < within), "rows of the codes");
    }
}

fn panels_of(group: &QueryGroup) -> Range<usize> {
    let first = group.queries.start / Panels::LANES;
    first..first + group.width / Panels::LANES
}

/// Queries whose products are had together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryGroup {
    /// Which queries.
    pub queries: Range<usize>,
    /// Values a row: as many as there are queries, or a few more.
    pub width: usize,
    /// Rows that are sifted at once, at most.
    pub rows: usize,
}

fn panels_a_group(tier: ScanTier) -> usize {
    match tier.0 {
        Instructions::AmxInt8 => 2,
        _ => 3,
    }
}

impl Fineness {
    fn vectors(self) -> usize {
        match self {
            Fineness::Coarse => 1,
            Fineness::Fine => 2,
        }
    }
}

/// From the lower to the upper vector of a fine query.
pub(super) const UPPER: i32 = 128;

/// Codes one query into one or two vectors.
fn code_query(query: &[f32], fineness: Fineness, codes: &mut [i8]) -> QueryCode {
    const STEPS: i32 = 127;
    let values = || query.iter().map(|&value| f64::from(value));
    let largest = values().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    let steps = match fineness {
        Fineness::Coarse => f64::from(STEPS),
        Fineness::Fine => f64::from(STEPS * UPPER),
    };
    let scale = if largest > 0.0 { largest / steps } else { 1.0 };
    let mut squares = (0.0, 0.0);
    let (upper, lower) = codes.split_at_mut(codes.len() / fineness.vectors());
    for (at, value) in values().enumerate() {
        let code = (value / scale).round();
        squares.0 += value * value;
        squares.1 += (value - scale * code).powi(2);
        let code = code as i32;
        match fineness {
            Fineness::Coarse => upper[at] = code as i8,
            Fineness::Fine => {
                let high = (code + UPPER / 2).div_euclid(UPPER);
                upper[at] = high as i8;
                lower[at] = (code - UPPER * high) as i8;
            }
        }
    }
    // What f64 rounds on the way: less than 2⁻³⁰ of the norm.
    let slack = 1.0 + (0.5f64).powi(30);
    let norm = squares.0.sqrt() * slack;
    QueryCode { scale, error: squares.1.sqrt() * slack + norm * (0.5f64).powi(30), norm }
}
