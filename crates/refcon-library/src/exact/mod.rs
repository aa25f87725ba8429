//! Exact search: the answers of a full f32 scan, to the bit, without reading every vector in f32.
//!
//! Each vector is kept a second time as codes of 8 bits ([`quantise`]). A search multiplies the codes of all rows with those of the
//! queries, bounds each score from above and below, and computes distances in f32 only for rows that may still be among the wanted
//! ones. What it answers does not depend on the bounds being tight, only on their being bounds; here is why they are.
//!
//! ```
//! use refcon_library::Metric;
//! use refcon_library::exact::{Corpus, Request, Rows, nearest, quantise};
//!
//! let values = [1.0, 0.0, 0.6, 0.8, 0.0, -2.0];
//! let codes = quantise(2, &values)?;
//! let vectors = Rows::new(2, &values);
//! let corpus = Corpus::new(2, vec![codes.block()], &vectors)?;
//! let found = nearest(&corpus, &[0.0, 1.0], &Request::best(2, Metric::Cosine))?;
//! assert_eq!(found[0].iter().map(|n| n.row).collect::<Vec<_>>(), [1, 0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Why the answers are exact
//!
//! Write `u` for 2⁻²⁴, half the distance from 1 to the next f32, and `d` for the dimension. A row `x` has the codes' vector
//! `x̂ = scale · (codes − 128)` and `e ≥ ‖x − x̂‖`; a query `q` (for the cosine, scaled to length 1) has `q̂` and `E ≥ ‖q − q̂‖`.
//! Products of codes are whole numbers and exact: sums of `d ≤ 2¹⁶` terms of at most `255 · 127` fit into 32 bits. So `q̂·x̂` is known.
//!
//! **From codes to the inner product.** `q·x = q̂·x̂ + (q − q̂)·x̂ + q·(x − x̂)`, so by Cauchy and Schwarz
//!
//! ```text
//! |q·x − q̂·x̂|  ≤  E ‖x̂‖ + ‖q‖ e.
//! ```
//!
//! Both `‖x‖` and `‖x̂‖` are at most `n = norm · (1 + 2⁻¹⁸) + e`, since `norm` is right to 2⁻²² of itself.
//!
//! **From the inner product to the f32 score.** Distances in f32 are sums in 16 lanes of `d / 16` terms: each term passes through at
//! most `d / 16 + 36` roundings, so the sum differs from `q·x` by at most `(d / 16 + 36) u Σ|qᵢ xᵢ| ≤ (d / 16 + 36) u ‖q‖ ‖x‖`.
//! Scaling `x` to length 1 rounds each component once or twice (2 `u`), `1 / norm` and its products cost 6 `u`, numbers above 2²⁴ that
//! become f32 and the two halves of a fine query's product 4 `u`, and the sum that makes the bound 5 `u`. All that is less than
//! `Γ = (d / 16 + 64) u`, so the computed score `s` lies within
//!
//! ```text
//! (E + Γ (‖q‖ + E)) n + ‖q‖ e      of the computed q̂·x̂.
//! ```
//!
//! The weights of `n` and `e` are rounded up, and made 2⁻¹⁸ larger for what is lost in multiplying them.
//!
//! **L2.** The score is `½ (‖q‖² − S)` with `S` the f32 sum of `(qᵢ − xᵢ)²`, that is `q·x − ½‖x‖²` before rounding. `S` is right to
//! `(d / 16 + 36) u` of itself, since each difference is, and `‖q − x‖² ≤ 2 ‖q‖² + 2 ‖x‖²`: another `Γ ‖q‖²`, and `2 Γ` of the term
//! `½‖x‖²`, which also covers how it is computed.
//!
//! **Underflow and overflow.** A vector is coded only if its largest component is 0 or within 2⁻³⁰ to 2³⁰; otherwise its error is
//! infinite and its row measured in f32 by every search. A query out of that range is answered by the full scan. Within it nothing
//! overflows, and what products lose to underflow, below `d · 2⁻¹⁴⁹`, vanishes beside `u ‖q‖ ‖x‖ ≥ 2⁻⁸⁴`. A bound that is NaN
//! passes.
//!
//! **From scores to distances.** The distance is the f32 result of a non-increasing function of the score: its negative, 1 minus
//! it, the root of `‖q‖² − 2 s`. Two rounded results can be equal where the scores are not, by at most `4 u` (cosine) or `4 u S`
//! (L2). Rows tie then, and the lower one wins; so a threshold is lowered by twice that before rows are dropped by it.
//!
//! **What is dropped.** Let `L` be the `k`-th largest lower bound on a score found so far. `k` rows are at least as near as `L` says,
//! so a row whose upper bound is below `L` (lowered as above) is further away than all of them, and not wanted. The same holds for
//! the `k`-th least distance measured in f32, and for a distance that was asked for. Nothing else is ever dropped, and what is not
//! dropped is measured.
//!
//! # What it costs
//!
//! One byte a component and 12 bytes a row, read once for a batch of queries. Vectors that are read in f32: for independent random
//! vectors of 768 components some dozens a query in a million; in clusters tighter than the codes can tell apart, as many as the
//! cluster has. In the worst case, all of them equal, every vector is read for each query, as in a full scan.

mod bounds;
mod candidates;
mod coded;
mod codes;
mod full;
mod metric;
mod nearest;
mod selection;
#[cfg(test)]
mod tests;

pub use codes::{CodedBlock, Codes, quantise};
pub use metric::{Metric, Neighbour};
pub use refcon_kernels::scan::{SCAN_TIER_VARIABLE, ScanTier, ScanTierError, code_stride};

use crate::RowSet;
use std::io;

/// Components that a vector may have: products of longer ones would not fit into 32 bits.
pub const MOST_COMPONENTS: usize = 1 << 16;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ExactError {
    /// The values do not divide into vectors, or these have no or too many components.
    #[error(
        "{values} values do not divide into vectors of {dimension}; expected 1 to {MOST_COMPONENTS} components each"
    )]
    Shape {
        /// Number of values.
        values: usize,
        /// Components that each vector was said to have.
        dimension: usize,
    },
    /// A vector holds a NaN or an infinity.
    #[error("vector {row} holds {value} at position {column}; only finite vectors can be searched")]
    NotFinite {
        /// Which vector.
        row: usize,
        /// Which of its components.
        column: usize,
        /// The component.
        value: f32,
    },
    /// The columns of a block do not belong together.
    #[error(
        "a block of vectors of {dimension} components has {codes} bytes of codes, {scales} scales, {errors} errors and {norms} \
         norms; expected {} bytes a row and one of each",
        code_stride(*dimension)
    )]
    Columns {
        /// Components of a vector.
        dimension: usize,
        /// Bytes of codes.
        codes: usize,
        /// Number of scales.
        scales: usize,
        /// Number of errors.
        errors: usize,
        /// Number of norms.
        norms: usize,
    },
    /// A scale, error or norm is less than zero or NaN.
    #[error("a block's scales, errors or norms hold a negative number or NaN; its file is damaged")]
    Negative,
    /// The set of rows to look at is one of another corpus.
    #[error("a set of {set} rows for a corpus of {corpus}; expected the same number")]
    OtherRows {
        /// Rows that the set knows.
        set: usize,
        /// Rows of the corpus.
        corpus: usize,
    },
    /// There are more rows than can be numbered.
    #[error("a corpus of {rows} rows; at most {} can be searched at once", u32::MAX)]
    ManyRows {
        /// Number of rows.
        rows: usize,
    },
    /// The distance to stay within is no number.
    #[error("neighbours within a distance of NaN were asked for; expected a number")]
    Within,
    /// The instructions asked for are not to be had.
    #[error(transparent)]
    Tier(#[from] ScanTierError),
    /// Vectors could not be read.
    #[error("cannot read the vectors of {rows} rows: {cause}")]
    Read {
        /// How many were asked for.
        rows: usize,
        /// What the source said.
        cause: io::Error,
    },
}

/// Where the vectors themselves are: in memory, in a file.
pub trait Vectors: Sync {
    /// Reads some vectors, `[rows, dimension]`, in the order asked for; row numbers are those of the whole corpus. Called from
    /// several threads.
    ///
    /// # Errors
    /// What the file or the system says; a search that needs the vectors ends with it.
    fn read(&self, rows: &[usize], into: &mut [f32]) -> io::Result<()>;
}

/// Vectors in memory, `[rows, dimension]`.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    dimension: usize,
    values: &'a [f32],
}

impl<'a> Rows<'a> {
    /// Vectors of `dimension` components, one after the other.
    #[must_use]
    pub fn new(dimension: usize, values: &'a [f32]) -> Self {
        Self { dimension, values }
    }
}

impl Vectors for Rows<'_> {
    fn read(&self, rows: &[usize], into: &mut [f32]) -> io::Result<()> {
        for (&row, into) in rows.iter().zip(into.chunks_exact_mut(self.dimension)) {
            let vector = self.values.get(row * self.dimension..(row + 1) * self.dimension);
            into.copy_from_slice(vector.ok_or(io::ErrorKind::UnexpectedEof)?);
        }
        Ok(())
    }
}

/// What is searched: blocks of codes one after the other, and where to read the vectors. Rows count through the blocks, from 0.
///
/// Of equal distances the lower row comes first, so rows should be in the order of what names them.
#[derive(Clone)]
pub struct Corpus<'a> {
    dimension: usize,
    blocks: Vec<CodedBlock<'a>>,
    rows: usize,
    vectors: &'a dyn Vectors,
}

impl<'a> Corpus<'a> {
    /// A corpus of `dimension`-long vectors.
    ///
    /// # Errors
    /// When no vector can have so many components, or a block is one of vectors of another dimension.
    pub fn new(
        dimension: usize,
        blocks: Vec<CodedBlock<'a>>,
        vectors: &'a dyn Vectors,
    ) -> Result<Self, ExactError> {
        check_vectors(dimension, &[])?;
        // What else can be wrong with a block was looked for when it was made.
        if let Some(other) = blocks.iter().find(|block| !block.is_of(dimension)) {
            return Err(other.columns(dimension));
        }
        let rows = blocks.iter().map(CodedBlock::rows).sum();
        if u32::try_from(rows).is_err() {
            return Err(ExactError::ManyRows { rows });
        }
        Ok(Self { dimension, blocks, rows, vectors })
    }

    /// A corpus of `rows` vectors without codes, each of which is read for every search: for a corpus that is searched once.
    ///
    /// # Errors
    /// When no vector can have so many components.
    pub fn uncoded(dimension: usize, rows: usize, vectors: &'a dyn Vectors) -> Result<Self, ExactError> {
        check_vectors(dimension, &[])?;
        Ok(Self { dimension, blocks: Vec::new(), rows, vectors })
    }

    /// How many vectors there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    fn read(&self, rows: &[usize], into: &mut [f32]) -> Result<(), ExactError> {
        self.vectors.read(rows, into).map_err(|cause| ExactError::Read { rows: rows.len(), cause })
    }
}

/// What is wanted of a search.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// How distances are measured.
    pub metric: Metric,
    /// At most so many neighbours; `None` for all.
    pub k: Option<usize>,
    /// Only neighbours at this distance or nearer.
    pub within: Option<f32>,
    /// Only these rows; the others are not even looked at.
    pub rows: Option<&'a RowSet>,
    /// On which instructions; `None` for what [`ScanTier::fastest`] says. The answer is the same on all.
    pub tier: Option<ScanTier>,
}

impl Request<'_> {
    /// The `k` nearest of all rows.
    #[must_use]
    pub fn best(k: usize, metric: Metric) -> Self {
        Self { metric, k: Some(k), within: None, rows: None, tier: None }
    }

    fn most(&self) -> usize {
        self.k.unwrap_or(usize::MAX)
    }

    fn within_or_all(&self) -> f32 {
        self.within.unwrap_or(f32::INFINITY)
    }
}

/// For each of `queries`, `[n, dimension]`, its neighbours, nearest first; of equal distances the lower row first.
///
/// Rows and distances are those of a full f32 scan, to the bit, whatever the processor and the number of threads.
///
/// # Errors
/// When a query is no vector of the corpus's dimension or not finite, the set of rows is one of another corpus, or vectors cannot be
/// read.
pub fn nearest(
    corpus: &Corpus<'_>,
    queries: &[f32],
    request: &Request<'_>,
) -> Result<Vec<Vec<Neighbour>>, ExactError> {
    check_vectors(corpus.dimension, queries)?;
    if let Some(set) = request.rows
        && set.rows() != corpus.rows
    {
        return Err(ExactError::OtherRows { set: set.rows(), corpus: corpus.rows });
    }
    if request.within.is_some_and(f32::is_nan) {
        return Err(ExactError::Within);
    }
    let tier = request.tier.map_or_else(ScanTier::fastest, Ok)?;
    let looked_at = request.rows.map_or(corpus.rows, RowSet::count);
    let most_wanted = request.most().min(looked_at);
    if most_wanted == 0 {
        return Ok(vec![Vec::new(); queries.len() / corpus.dimension]);
    }
    let uncoded = corpus.blocks.is_empty() || wants_most(request, looked_at);
    let queries_at_once = (LOWER_BOUNDS / most_wanted).clamp(1, MOST_QUERIES_AT_ONCE);
    let mut answers = Vec::with_capacity(queries.len() / corpus.dimension);
    for queries in queries.chunks(queries_at_once * corpus.dimension) {
        let prepared: Vec<_> =
            queries.chunks_exact(corpus.dimension).map(|query| request.metric.prepare(query)).collect();
        let is_coded = |query: &[f32]| !uncoded && bounds::can_be_bounded(query);
        let only = |coded: bool| -> Vec<&[f32]> {
            let queries = prepared.iter().map(AsRef::as_ref);
            queries.filter(|query| is_coded(query) == coded).collect()
        };
        let mut by_codes = coded::scan(corpus, &only(true), request, tier)?.into_iter();
        let mut by_vectors = full::scan(corpus, &only(false), request)?.into_iter();
        let in_order = prepared
            .iter()
            .filter_map(|query| if is_coded(query) { by_codes.next() } else { by_vectors.next() });
        answers.extend(in_order.map(nearest::Nearest::into_sorted));
    }
    Ok(answers)
}

/// Queries that share a pass over the corpus, at most.
const MOST_QUERIES_AT_ONCE: usize = 1024;
/// Lower bounds that all queries of a pass may keep for each thread.
const LOWER_BOUNDS: usize = 1 << 22;

/// Whether so many rows are wanted that each might as well be read.
fn wants_most(request: &Request<'_>, looked_at: usize) -> bool {
    const SHARE: usize = 4;
    match request.k {
        Some(k) => k >= looked_at.div_ceil(SHARE),
        None => request.within.is_none(),
    }
}

fn check_vectors(dimension: usize, values: &[f32]) -> Result<(), ExactError> {
    if !(1..=MOST_COMPONENTS).contains(&dimension) || !values.len().is_multiple_of(dimension) {
        return Err(ExactError::Shape { values: values.len(), dimension });
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(at) => {
            let (row, column) = (at / dimension, at % dimension);
            Err(ExactError::NotFinite { row, column, value: values[at] })
        }
        None => Ok(()),
    }
}
