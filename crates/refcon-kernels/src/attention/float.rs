//! Attention of one head in f32, its products through the `gemm` crate.

use super::{Backward, Forward, rows};
use crate::matrix::Matrix;
use crate::product::gemm_f32;
use crate::scratch::with_values;
use crate::softmax::exponentials;
use gemm::Parallelism;
use std::ops::Range;

/// Rows of scores at a time.
const ROWS: usize = 128;

pub(super) fn forward(task: &Forward<'_>, range: Range<usize>) {
    let (keys, width) = (task.k.rows(), task.v.columns());
    let rows_at_once = ROWS.min(range.len());
    with_values(rows_at_once * (keys + width), |values| {
        let (scores, sums) = values.split_at_mut(rows_at_once * keys);
        for first in range.clone().step_by(ROWS) {
            let range = first..(first + ROWS).min(range.end);
            let scores = &mut scores[..range.len() * keys];
            multiply(task.q.part(range.clone()), task.k.transposed(), false, scores);
            let mut totals = [0.0; ROWS];
            for ((row, total), at) in range.clone().zip(&mut totals).zip(0..) {
                let (sum, log_sum) = exponentials(&mut scores[at * keys..(at + 1) * keys], task.scale);
                *total = sum;
                // SAFETY: the task's own row.
                unsafe { task.log_sums.row(row)[0] = log_sum };
            }
            let sums = &mut sums[..range.len() * width];
            multiply(Matrix::new(scores, range.len(), keys), task.v, false, sums);
            for ((row, total), at) in range.zip(totals).zip(0..) {
                // SAFETY: the task's own row.
                let output = unsafe { task.output.row(row) };
                rows::scale_into(&sums[at * width..(at + 1) * width], 1.0 / total, output);
            }
        }
    });
}

pub(super) fn backward(task: &Backward<'_>) {
    let (queries, keys, width) = (task.q.rows(), task.k.rows(), task.q.columns());
    let rows_at_once = ROWS.min(queries);
    let sizes = [rows_at_once * keys, rows_at_once * keys, rows_at_once * width, keys * width, keys * width];
    with_values(sizes.iter().sum(), |values| {
        let (scores, values) = values.split_at_mut(sizes[0]);
        let (gradients, values) = values.split_at_mut(sizes[1]);
        let (q_gradient, values) = values.split_at_mut(sizes[2]);
        let (k_gradient, v_gradient) = values.split_at_mut(sizes[3]);
        k_gradient.fill(0.0);
        v_gradient.fill(0.0);
        for first in (0..queries).step_by(ROWS) {
            let range = first..(first + ROWS).min(queries);
            let count = range.len();
            let (scores, gradients) = (&mut scores[..count * keys], &mut gradients[..count * keys]);
            let (q, output_gradient) = (task.q.part(range.clone()), task.output_gradient.part(range.clone()));
            multiply(q, task.k.transposed(), false, scores);
            multiply(output_gradient, task.v.transposed(), false, gradients);
            for (row, at) in range.clone().zip(0..) {
                let row_of = at * keys..(at + 1) * keys;
                rows::score_gradients(
                    &mut scores[row_of.clone()],
                    &mut gradients[row_of],
                    task.scale,
                    task.log_sums[row],
                    rows::dot(task.output.row(row), task.output_gradient.row(row)),
                );
            }
            let weights = Matrix::new(scores, count, keys);
            let gradients = Matrix::new(gradients, count, keys);
            multiply(weights.transposed(), output_gradient, true, v_gradient);
            multiply(gradients.transposed(), q, true, k_gradient);
            multiply(gradients, task.k, false, &mut q_gradient[..count * width]);
            // SAFETY: the head is the task's own.
            unsafe { task.q_gradient.write(range, q_gradient, width.max(1)) };
        }
        // SAFETY: the head is the task's own.
        unsafe {
            task.k_gradient.write(0..keys, k_gradient, width.max(1));
            task.v_gradient.write(0..keys, v_gradient, width.max(1));
        }
    });
}

fn multiply(a: Matrix<'_>, b: Matrix<'_>, accumulate: bool, c: &mut [f32]) {
    gemm_f32(a, b, b.columns(), accumulate, Parallelism::None, c);
}
