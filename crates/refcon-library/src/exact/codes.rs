//! Vectors as codes of 8 bits, as they are kept beside the vectors themselves.

use super::ExactError;
use rayon::prelude::*;
use refcon_kernels::scan::{self, code_stride};

/// Codes of some vectors: a column for each thing that is known of a vector, a row a vector.
///
/// These are the columns that a library keeps on disk; [`Codes::block`] and [`CodedBlock::new`] are the two ways back to a search.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Codes {
    /// `[rows, stride]`, a byte a component: `round(x / scale) + 128`; 128 past the last component. The stride is
    /// [`code_stride`] of the dimension.
    pub codes: Vec<u8>,
    /// `[rows]`: what one step of the codes is worth.
    pub scales: Vec<f32>,
    /// `[rows]`: the Euclidean length of what rounding took away, or a little more; infinite for a vector that is not coded (its
    /// largest component is below 2⁻³⁰ or above 2³⁰) and is looked at in f32 each time.
    pub errors: Vec<f32>,
    /// `[rows]`: the vector's Euclidean length.
    pub norms: Vec<f32>,
}

/// Codes `values`, `[rows, dimension]`, on all threads.
///
/// What is coded has to be what [`Vectors::read`](super::Vectors::read) gives back later, to the bit: where vectors are kept as
/// f16, code what comes out of them.
///
/// # Errors
/// When `values` do not divide into vectors, or one of them is NaN or infinite.
pub fn quantise(dimension: usize, values: &[f32]) -> Result<Codes, ExactError> {
    super::check_vectors(dimension, values)?;
    let rows = values.len() / dimension;
    let stride = code_stride(dimension);
    let mut codes = vec![0; rows * stride];
    let known: Vec<scan::RowCode> = codes
        .par_chunks_exact_mut(stride)
        .zip(values.par_chunks_exact(dimension))
        .map(|(codes, vector)| scan::quantise(vector, codes))
        .collect();
    Ok(Codes {
        codes,
        scales: known.iter().map(|row| row.scale).collect(),
        errors: known.iter().map(|row| row.error).collect(),
        norms: known.iter().map(|row| row.norm).collect(),
    })
}

impl Codes {
    /// How many vectors are coded.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.scales.len()
    }

    /// The codes as a search takes them.
    #[must_use]
    pub fn block(&self) -> CodedBlock<'_> {
        CodedBlock::trusted(&self.codes, &self.scales, &self.errors, &self.norms)
    }
}

/// Codes that lie somewhere in memory: those of a fragment, say. Columns as in [`Codes`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CodedBlock<'a> {
    pub(super) codes: &'a [u8],
    pub(super) scales: &'a [f32],
    pub(super) errors: &'a [f32],
    pub(super) norms: &'a [f32],
}

impl<'a> CodedBlock<'a> {
    /// A block of `dimension`-long vectors from its columns.
    ///
    /// # Errors
    /// When the columns are of different numbers of rows, or an error or a length is negative.
    pub fn new(
        dimension: usize,
        codes: &'a [u8],
        scales: &'a [f32],
        errors: &'a [f32],
        norms: &'a [f32],
    ) -> Result<Self, ExactError> {
        let block = Self::trusted(codes, scales, errors, norms);
        if !block.is_of(dimension) {
            return Err(block.columns(dimension));
        }
        let sound = |value: &f32| *value >= 0.0;
        if !(scales.iter().all(sound) && errors.iter().all(sound) && norms.iter().all(sound)) {
            return Err(ExactError::Negative);
        }
        Ok(block)
    }

    /// Whether there are as many codes as rows of this dimension have, and as many of everything else as rows.
    pub(super) fn is_of(&self, dimension: usize) -> bool {
        let rows = self.scales.len();
        self.codes.len() == rows * code_stride(dimension)
            && [self.errors.len(), self.norms.len()] == [rows; 2]
    }

    /// The error that says it is not.
    pub(super) fn columns(&self, dimension: usize) -> ExactError {
        ExactError::Columns {
            dimension,
            codes: self.codes.len(),
            scales: self.scales.len(),
            errors: self.errors.len(),
            norms: self.norms.len(),
        }
    }

    /// As [`CodedBlock::new`], of columns that have passed it before or were made by [`quantise`].
    pub(crate) fn trusted(codes: &'a [u8], scales: &'a [f32], errors: &'a [f32], norms: &'a [f32]) -> Self {
        Self { codes, scales, errors, norms }
    }

    /// How many vectors are coded.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.scales.len()
    }
}
