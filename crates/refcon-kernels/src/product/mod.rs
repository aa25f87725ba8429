//! Matrix products `C = A · B`, with the right factor packed once or on the way.

mod blocks;
mod perceptron;

pub use perceptron::perceptron;

use crate::engine::{BLOCK, packs_tiles, words};
use crate::epilogue::Epilogue;
use crate::matrix::{Element, Matrix};
use crate::scratch::with_tiles;
use crate::tier::Tier;
use crate::tile::{Side, Tile, Words};
use blocks::{Destination, Factors, multiply_tiles};
use rayon::prelude::*;

/// The right factor of a product, `[k, n]`, in the form that its tier reads fastest.
///
/// The bf16 tiers share one form of 2 bytes a value (rounded to nearest, ties to even; `k` and `n` filled up with zeros to
/// multiples of 32). In the f32 tier it takes 4 bytes a value (`k` filled up to a multiple of 16, `n` of 32).
#[derive(Debug)]
pub struct PackedWeights {
    tier: Tier,
    rows: usize,
    columns: usize,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// Row after row, for the `gemm` crate.
    Values(Vec<f32>),
    /// Group of 16 columns after group, an even number of them.
    Tiles(Vec<Tile>),
}

impl PackedWeights {
    /// Packs `weights`, `[k, n]`; a transposed view packs the transpose (for `dX = dY · Wᵀ`).
    #[must_use]
    pub fn pack<T: Element>(tier: Tier, weights: Matrix<'_, T>) -> PackedWeights {
        let (rows, columns) = (weights.rows(), weights.columns());
        let form = if packs_tiles(tier) {
            let words = words(tier);
            let mut tiles = vec![Tile::ZERO; packed_tiles(words, columns, rows)];
            words.pack(weights.transposed(), Side::Right, &mut tiles);
            Form::Tiles(tiles)
        } else {
            let mut values = vec![0.0; rows * columns];
            if columns > 0 {
                values.par_chunks_mut(columns).enumerate().for_each(|(row, values)| {
                    for (column, value) in values.iter_mut().enumerate() {
                        *value = weights.at(row, column).widened();
                    }
                });
            }
            Form::Values(values)
        };
        PackedWeights { tier, rows, columns, form }
    }

    /// `c = epilogue(a · weights)`.
    ///
    /// # Shapes
    /// - `a`: `[m, k]`, any strides (a stride of 1 along one of them is fast)
    /// - `c`: `[m, n]`, row after row
    ///
    /// # Error
    /// That of [`multiply`].
    ///
    /// # Panics
    /// When the shapes do not fit.
    pub fn multiply(&self, a: Matrix<'_>, epilogue: &Epilogue<'_>, c: &mut [f32]) {
        check(a, [self.rows, self.columns], epilogue, c);
        match &self.form {
            Form::Values(values) => {
                multiply_f32(a, Matrix::new(values, self.rows, self.columns), epilogue, c);
            }
            Form::Tiles(tiles) => multiply_packed(self.tier, a, tiles, self.columns, epilogue, c),
        }
    }

    /// The tier that it is packed for, and multiplies with.
    #[must_use]
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// `[k, n]`.
    #[must_use]
    pub fn shape(&self) -> [usize; 2] {
        [self.rows, self.columns]
    }

    /// Bytes of memory that it holds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.form {
            Form::Values(values) => size_of_val(values.as_slice()),
            Form::Tiles(tiles) => size_of_val(tiles.as_slice()),
        }
    }
}

/// `c = epilogue(a · b)`, both factors read where they lie.
///
/// The gradients of `Y = X · W` are products too: `dX = dY · Wᵀ` and `dW = Xᵀ · dY`, with [`Matrix::transposed`] views.
///
/// # Shapes
/// - `a`: `[m, k]`, `b`: `[k, n]`, any strides (a stride of 1 along one of them is fast)
/// - `c`: `[m, n]`, row after row
///
/// # Error
/// Before the epilogue, of each sum, with `s` = Σ |aᵢ bᵢ|: in f32 at most `k · 2⁻²³ · s`; in bf16, whose factors are rounded to
/// 8 bits and whose sums are f32, at most `(0.0079 + k · 2⁻²³) · s`. In bf16, numbers and sums below 1.2e-38 may count as zero, and
/// factors above 3.39e38 become infinite. Where `a` or `b` has NaN, so has every sum that it is part of, and no other.
/// The result does not depend on the number of threads in the bf16 tiers.
///
/// # Panics
/// When the shapes do not fit.
pub fn multiply(tier: Tier, a: Matrix<'_>, b: Matrix<'_>, epilogue: &Epilogue<'_>, c: &mut [f32]) {
    check(a, [b.rows(), b.columns()], epilogue, c);
    if tier.rounds_to_bf16() {
        let words = words(tier);
        with_tiles(packed_tiles(words, b.columns(), b.rows()), |tiles| {
            words.pack(b.transposed(), Side::Right, tiles);
            multiply_packed(tier, a, tiles, b.columns(), epilogue, c);
        });
    } else {
        multiply_f32(a, b, epilogue, c);
    }
}

fn check(a: Matrix<'_>, [k, n]: [usize; 2], epilogue: &Epilogue<'_>, c: &[f32]) {
    assert_eq!(a.columns(), k, "the left factor's columns and the right factor's rows");
    assert_eq!(c.len(), a.rows() * n, "a product of {} × {n} values", a.rows());
    epilogue.check(a.rows(), n);
}

fn multiply_f32(a: Matrix<'_>, b: Matrix<'_>, epilogue: &Epilogue<'_>, c: &mut [f32]) {
    gemm_f32(a, b, b.columns(), false, gemm::Parallelism::Rayon(0), c);
    epilogue.finish_in_place(b.columns(), c);
}

/// `c (+)= a · b`, with `stride` values from row to row of `c`.
pub(crate) fn gemm_f32(
    a: Matrix<'_>,
    b: Matrix<'_>,
    stride: usize,
    accumulate: bool,
    parallelism: gemm::Parallelism,
    c: &mut [f32],
) {
    let (m, k, n) = (a.rows(), a.columns(), b.columns());
    assert_eq!(k, b.rows(), "the left factor's columns and the right factor's rows");
    if m == 0 || n == 0 {
        return;
    }
    assert!(stride >= n && c.len() >= (m - 1) * stride + n, "room for {m} × {n} sums");
    if k == 0 {
        if !accumulate {
            c.chunks_mut(stride).take(m).for_each(|row| row[..n].fill(0.0));
        }
        return;
    }
    let [a_rows, a_columns] = a.strides().map(usize::cast_signed);
    let [b_rows, b_columns] = b.strides().map(usize::cast_signed);
    // SAFETY: a `Matrix` lies inside its slice, and the assertion above says the same of `c`, which is borrowed mutably.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            stride.cast_signed(),
            accumulate,
            a.values().as_ptr(),
            a_columns,
            a_rows,
            b.values().as_ptr(),
            b_columns,
            b_rows,
            1.0,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
}

/// Tiles that a factor of `lines` × `depth` takes: groups of 16 lines, an even number of them.
pub(crate) fn packed_tiles(words: Words, lines: usize, depth: usize) -> usize {
    lines.div_ceil(BLOCK) * 2 * words.tiles(depth)
}

fn multiply_packed(
    tier: Tier,
    a: Matrix<'_>,
    right: &[Tile],
    columns: usize,
    epilogue: &Epilogue<'_>,
    c: &mut [f32],
) {
    let words = words(tier);
    with_tiles(packed_tiles(words, a.rows(), a.columns()), |left| {
        words.pack(a, Side::Left, left);
        let factors = Factors { left, right, depth: words.tiles(a.columns()), tier };
        multiply_tiles(factors, Destination::rows(c, a.rows(), columns), epilogue);
    });
}

#[cfg(test)]
mod tests;
