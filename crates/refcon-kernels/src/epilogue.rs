//! What is done to a product's sums before they are written: bias, activation, residual.

use crate::activation::{Activation, VALUES_A_TASK};
use crate::engine::BLOCK;
use crate::vector::{MulAdd, vectorised};
use rayon::prelude::*;

/// `c = activation(sums + bias) + residual`; each part may be left out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Epilogue<'a> {
    /// Added to each row: `[columns]`.
    pub bias: Option<&'a [f32]>,
    /// Applied to each value after the bias.
    pub activation: Option<Activation>,
    /// Added last: `[rows, columns]`.
    pub residual: Option<&'a [f32]>,
}

impl Epilogue<'_> {
    /// Panics unless bias and residual fit a product of `rows` × `columns`.
    pub(crate) fn check(&self, rows: usize, columns: usize) {
        if let Some(bias) = self.bias {
            assert_eq!(bias.len(), columns, "a bias for {columns} columns");
        }
        if let Some(residual) = self.residual {
            assert_eq!(residual.len(), rows * columns, "a residual for {rows} × {columns} values");
        }
    }

    /// Finishes sums that lie in the result already, row after row.
    pub(crate) fn finish_in_place(&self, columns: usize, c: &mut [f32]) {
        if columns == 0 || (self.bias.is_none() && self.activation.is_none() && self.residual.is_none()) {
            return;
        }
        let rows_a_task = VALUES_A_TASK.div_ceil(columns);
        c.par_chunks_mut(rows_a_task * columns).enumerate().for_each(|(task, rows)| {
            let first = task * rows_a_task;
            for (row, values) in rows.chunks_exact_mut(columns).enumerate() {
                let residual = self.residual.map(|residual| &residual[(first + row) * columns..][..columns]);
                finish_row(values, self.bias, self.activation, residual);
            }
        });
    }
}

vectorised! {
    /// One row, in place.
    fn finish_row<M>(
        row: &mut [f32],
        bias: Option<&[f32]>,
        activation: Option<Activation>,
        residual: Option<&[f32]>,
    ) {
        for (part, values) in row.chunks_mut(BLOCK).enumerate() {
            let first = part * BLOCK;
            let part_of = |from: &[f32]| padded(&from[first..first + values.len()]);
            let mut line = padded(values);
            finish::<M>(&mut line, bias.map(part_of).as_ref(), activation, residual.map(part_of).as_ref());
            for (value, &finished) in values.iter_mut().zip(&line) {
                *value = finished;
            }
        }
    }
}

/// Up to 32 values, and zeros after them.
#[inline(always)]
pub(crate) fn padded(values: &[f32]) -> [f32; BLOCK] {
    let mut line = [0.0; BLOCK];
    for (value, &from) in line.iter_mut().zip(values) {
        *value = from;
    }
    line
}

/// 32 values of a row with the same 32 of bias and residual.
#[inline(always)]
pub(crate) fn finish<M: MulAdd>(
    line: &mut [f32; BLOCK],
    bias: Option<&[f32; BLOCK]>,
    activation: Option<Activation>,
    residual: Option<&[f32; BLOCK]>,
) {
    if let Some(bias) = bias {
        for (value, bias) in line.iter_mut().zip(bias) {
            *value += bias;
        }
    }
    if let Some(activation) = activation {
        activation.apply::<M, BLOCK>(line);
    }
    if let Some(residual) = residual {
        for (value, residual) in line.iter_mut().zip(residual) {
            *value += residual;
        }
    }
}
