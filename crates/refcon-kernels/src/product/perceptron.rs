//! Two products with an activation in between, whose hidden values never leave the working memory.

use super::{Form, PackedWeights, blocks, multiply_f32, packed_tiles};
use crate::activation::Activation;
use crate::engine::words;
use crate::epilogue::Epilogue;
use crate::matrix::Matrix;
use crate::scratch::{with_tiles, with_values};
use crate::tile::Side;
use blocks::{Destination, Factors, multiply_tiles};

/// `c = epilogue(activation(x · up + up_bias) · down)`, the perceptron of a transformer block.
///
/// The hidden values are packed for the second product as they are computed, rounded to bf16 in the bf16 tiers: a quarter or a half of the
/// memory traffic of two separate products, and the same result.
///
/// # Shapes
/// - `x`: `[m, k]`, any strides; `up`: `[k, hidden]`; `up_bias`: `[hidden]`; `down`: `[hidden, n]`; `c`: `[m, n]`, row after row
///
/// # Error
/// Exactly the result of two products ([`super::multiply`]) in the bf16 tiers and in f32.
///
/// # Panics
/// When the shapes do not fit, or the weights are packed for different tiers.
pub fn perceptron(
    x: Matrix<'_>,
    up: &PackedWeights,
    up_bias: Option<&[f32]>,
    activation: Activation,
    down: &PackedWeights,
    epilogue: &Epilogue<'_>,
    c: &mut [f32],
) {
    /// Rows whose hidden values are kept at once: enough work for many cores, a few MiB.
    const ROWS: usize = 2048;
    assert_eq!(up.tier, down.tier, "one tier for both products");
    assert_eq!(x.columns(), up.rows, "the input's width and the first weight's rows");
    assert_eq!(up.columns, down.rows, "the first weight's columns and the second's rows");
    let (rows, hidden, columns) = (x.rows(), up.columns, down.columns);
    let first_epilogue = Epilogue { bias: up_bias, activation: Some(activation), residual: None };
    first_epilogue.check(rows, hidden);
    epilogue.check(rows, columns);
    assert_eq!(c.len(), rows * columns, "a product of {rows} × {columns} values");
    for first in (0..rows).step_by(ROWS) {
        let count = ROWS.min(rows - first);
        let x = x.part(first..first + count);
        let values = first * columns..(first + count) * columns;
        let epilogue = Epilogue { residual: epilogue.residual.map(|all| &all[values.clone()]), ..*epilogue };
        let c = &mut c[values];
        match (&up.form, &down.form) {
            (Form::Tiles(up), Form::Tiles(right)) => {
                let (tier, words) = (down.tier, words(down.tier));
                with_tiles(packed_tiles(words, count, x.columns()), |left| {
                    with_tiles(packed_tiles(words, count, hidden), |between| {
                        words.pack(x, Side::Left, left);
                        let factors = Factors { left, right: up, depth: words.tiles(x.columns()), tier };
                        let hidden_tiles = Destination::tiles(words, between, count, hidden);
                        multiply_tiles(factors, hidden_tiles, &first_epilogue);
                        let factors = Factors { left: between, right, depth: words.tiles(hidden), tier };
                        multiply_tiles(factors, Destination::rows(c, count, columns), &epilogue);
                    });
                });
            }
            (Form::Values(up), Form::Values(down)) => with_values(count * hidden, |between| {
                multiply_f32(x, Matrix::new(up, x.columns(), hidden), &first_epilogue, between);
                let between = Matrix::new(between, count, hidden);
                multiply_f32(between, Matrix::new(down, hidden, columns), &epilogue, c);
            }),
            _ => unreachable!("one tier packs in one form"),
        }
    }
}
