//! Attention without a stored score matrix: forward keeps one number a row, backward computes the scores again.
//!
//! Vaswani et al., Attention Is All You Need (arXiv 1706.03762); the recomputation follows Dao et al., `FlashAttention` (arXiv
//! 2205.14135), but with whole rows of scores, which fit a core's second cache at the lengths of vision transformers.

mod float;
mod heads;
mod rows;
mod tiles;

pub use heads::{HeadLayout, Heads, HeadsMut};

use crate::engine::{BLOCK, with_engine};
use crate::tier::Tier;
use heads::SharedHeads;
use rayon::prelude::*;
use std::ops::Range;

/// `output = softmax(scale · q · kᵀ) · v`, for each head of each image.
///
/// `log_sums` receives for each row the logarithm of the sum of e^score, which [`attention_backward`] needs.
///
/// # Shapes
/// - `q`, `output`: `[batch, heads, tokens, width]`; `k`, `v`: the same with a number of tokens of their own; any width
/// - `log_sums`: `[batch, heads, tokens]` of `q`
///
/// # Error
/// With V the largest |v| of the head, S the largest `|scale| · Σ |qᵢ kᵢ|` of a row, and n the number of keys: in f32 at most
/// `(e^(width · 2⁻²² · S) − 1 + 2e-6 + n · 2⁻²²) · V`; in bf16 at most `(e^(0.016 · S) − 1 + 0.009 + n · 2⁻²²) · V`. A NaN in a row of `q` makes that row's output NaN, one in `k` every row of its head, one in `v` its column.
///
/// # Panics
/// When the shapes do not fit, or there are queries and no keys.
pub fn attention(
    tier: Tier,
    scale: f32,
    q: Heads<'_>,
    k: Heads<'_>,
    v: Heads<'_>,
    mut output: HeadsMut<'_>,
    log_sums: &mut [f32],
) {
    let queries = q.layout();
    let HeadLayout { batch, heads, tokens, .. } = queries;
    same_shape("keys and values", k.layout(), v.layout());
    same_shape("queries and output", queries, output.layout());
    same_shape("queries and keys", HeadLayout { tokens: k.layout().tokens, ..queries }, k.layout());
    assert_eq!(log_sums.len(), batch * heads * tokens, "one logarithm a row of scores");
    assert!(tokens == 0 || k.layout().tokens > 0, "at least one key");
    let mut log_sums = HeadsMut::new(log_sums, HeadLayout::by_head(batch, heads, tokens, 1));
    let (output, log_sums) = (output.shared(), log_sums.shared());
    let parts = row_parts(batch * heads, tokens);
    (0..batch * heads * parts).into_par_iter().with_max_len(1).for_each(|task| {
        let (head, part) = (task / parts, task % parts);
        let (image, head) = (head / heads, head % heads);
        let blocks = tokens.div_ceil(BLOCK);
        let rows = BLOCK * (blocks * part / parts)..(BLOCK * (blocks * (part + 1) / parts)).min(tokens);
        let task = Forward {
            scale,
            q: q.head(image, head),
            k: k.head(image, head),
            v: v.head(image, head),
            output: HeadRows { of: &output, image, head },
            log_sums: HeadRows { of: &log_sums, image, head },
        };
        if tier.rounds_to_bf16() {
            with_engine!(tier, E => tiles::forward::<E>(&task, rows));
        } else {
            float::forward(&task, rows);
        }
    });
}

/// The gradients of [`attention`] from that of its output.
///
/// # Shapes
/// As in [`attention`]; `output` and `log_sums` are what it computed; the gradients are written, not added to.
///
/// # Error
/// Relative to the sum of the absolute values of the terms that a gradient is a sum of (with each output component taken as V), and
/// with S, V and n as in [`attention`]: in f32 at most `e^(width · 2⁻²² · S) − 1 + 1e-5 + n · 2⁻²²`; in bf16 at most
/// `e^(0.016 · S) − 1 + 0.04 + n · 2⁻²²`, where n is the larger of the numbers of queries and keys. A NaN stays in its head, and makes
/// the gradients NaN that it is a term of.
///
/// # Panics
/// When the shapes do not fit.
#[allow(clippy::too_many_arguments)] // the operation has as many operands
pub fn attention_backward(
    tier: Tier,
    scale: f32,
    [q, k, v]: [Heads<'_>; 3],
    output: Heads<'_>,
    log_sums: &[f32],
    output_gradient: Heads<'_>,
    [mut q_gradient, mut k_gradient, mut v_gradient]: [HeadsMut<'_>; 3],
) {
    let queries = q.layout();
    let HeadLayout { batch, heads, tokens, .. } = queries;
    same_shape("keys and values", k.layout(), v.layout());
    same_shape("queries and keys", HeadLayout { tokens: k.layout().tokens, ..queries }, k.layout());
    same_shape("queries and output", queries, output.layout());
    same_shape("queries and the output's gradient", queries, output_gradient.layout());
    same_shape("queries and their gradient", queries, q_gradient.layout());
    same_shape("keys and their gradient", k.layout(), k_gradient.layout());
    same_shape("values and their gradient", v.layout(), v_gradient.layout());
    assert_eq!(log_sums.len(), batch * heads * tokens, "one logarithm a row of scores");
    let gradients = [q_gradient.shared(), k_gradient.shared(), v_gradient.shared()];
    (0..batch * heads).into_par_iter().with_max_len(1).for_each(|task| {
        let (image, head) = (task / heads, task % heads);
        let [q_gradient, k_gradient, v_gradient] =
            gradients.each_ref().map(|of| HeadRows { of, image, head });
        let task = Backward {
            scale,
            q: q.head(image, head),
            k: k.head(image, head),
            v: v.head(image, head),
            output: output.head(image, head),
            log_sums: &log_sums[task * tokens..(task + 1) * tokens],
            output_gradient: output_gradient.head(image, head),
            q_gradient,
            k_gradient,
            v_gradient,
        };
        if tier.rounds_to_bf16() {
            with_engine!(tier, E => tiles::backward::<E>(&task));
        } else {
            float::backward(&task);
        }
    });
}

/// One head's work on some of its rows.
struct Forward<'a> {
    scale: f32,
    q: crate::Matrix<'a>,
    k: crate::Matrix<'a>,
    v: crate::Matrix<'a>,
    output: HeadRows<'a>,
    log_sums: HeadRows<'a>,
}

/// One head's work on all its rows.
struct Backward<'a> {
    scale: f32,
    q: crate::Matrix<'a>,
    k: crate::Matrix<'a>,
    v: crate::Matrix<'a>,
    output: crate::Matrix<'a>,
    log_sums: &'a [f32],
    output_gradient: crate::Matrix<'a>,
    q_gradient: HeadRows<'a>,
    k_gradient: HeadRows<'a>,
    v_gradient: HeadRows<'a>,
}

/// One head of a result; no other task has the same rows of it.
struct HeadRows<'a> {
    of: &'a SharedHeads<'a>,
    image: usize,
    head: usize,
}

impl HeadRows<'_> {
    /// # Safety
    /// The row is one of the calling task's.
    #[allow(clippy::mut_from_ref)] // exclusive by the caller's promise
    unsafe fn row(&self, row: usize) -> &mut [f32] {
        // SAFETY: by the caller's promise; image and head are the task's.
        unsafe { self.of.vector(self.image, self.head, row) }
    }

    /// Copies `rows` from `values`, which has `stride` values a row.
    ///
    /// # Safety
    /// The rows are the calling task's.
    unsafe fn write(&self, rows: Range<usize>, values: &[f32], stride: usize) {
        for (row, values) in rows.zip(values.chunks(stride)) {
            // SAFETY: by the caller's promise.
            let written = unsafe { self.row(row) };
            written.copy_from_slice(&values[..written.len()]);
        }
    }
}

fn same_shape(what: &str, one: HeadLayout, other: HeadLayout) {
    let shape = |layout: HeadLayout| [layout.batch, layout.heads, layout.tokens, layout.width];
    assert_eq!(shape(one), shape(other), "[batch, heads, tokens, width] of {what}");
}

/// Into how many parts the rows of a head are split: one, unless there are too few heads for all threads.
fn row_parts(heads: usize, tokens: usize) -> usize {
    const TASKS_A_THREAD: usize = 2;
    let wanted = (TASKS_A_THREAD * rayon::current_num_threads()).div_ceil(heads.max(1));
    wanted.clamp(1, tokens.div_ceil(2 * BLOCK).max(1))
}

#[cfg(test)]
mod tests;
