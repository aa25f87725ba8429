//! Attention of one head in bf16, on whatever engine multiplies tiles.

use super::{Backward, Forward, rows};
use crate::engine::{BLOCK, Block, Engine};
use crate::matrix::Matrix;
use crate::product;
use crate::scratch::{with_tiles, with_values};
use crate::softmax::exponentials;
use crate::tile::{DEPTH, LINES, Side, Tile, Words, pack_firsts};
use std::ops::Range;

/// Tiles that a factor of `lines` × `depth` takes.
fn packed_tiles(lines: usize, depth: usize) -> usize {
    product::packed_tiles(Words::Pairs, lines, depth)
}

/// A packed factor of one head.
#[derive(Clone, Copy)]
struct Factor<'a> {
    tiles: &'a [Tile],
    /// Tiles along the inner dimension.
    depth: usize,
}

impl<'a> Factor<'a> {
    /// Packs `[lines, depth]` into `tiles`, which has room for it.
    fn pack(lines: Matrix<'_>, side: Side, tiles: &'a mut [Tile]) -> Factor<'a> {
        let depth = lines.columns().div_ceil(DEPTH);
        Words::Pairs.pack_groups(lines, side, depth, tiles);
        Factor { tiles, depth }
    }

    /// Two groups of 16 lines.
    fn block(self, block: usize) -> [&'a [Tile]; 2] {
        let group = |group: usize| &self.tiles[group * self.depth..(group + 1) * self.depth];
        [group(2 * block), group(2 * block + 1)]
    }
}

/// `sums (+)= left · right` for one block of up to 32 rows of `left` and all columns of `right`; `sums` is `[32, columns]`, with the
/// columns filled up to a multiple of 32.
///
/// # Safety
/// As for [`Engine::multiply`].
unsafe fn multiply_rows<E: Engine>(
    left: [&[Tile]; 2],
    right: Factor<'_>,
    rows: usize,
    accumulate: bool,
    columns: usize,
    sums: &mut [f32],
) {
    for panel in 0..columns.div_ceil(BLOCK) {
        let block = Block {
            left,
            right: right.block(panel),
            rows,
            accumulate,
            stride: columns.next_multiple_of(BLOCK),
            sums: &mut sums[panel * BLOCK..],
        };
        // SAFETY: by the caller's promise.
        unsafe { E::multiply(block) };
    }
}

/// The first `rows` rows of `keys` values, each filled up with zeros: whole tiles are packed faster.
fn whole_tiles(values: &mut [f32], rows: usize, keys: usize) -> Matrix<'_> {
    let wide = keys.next_multiple_of(BLOCK);
    for row in values.chunks_exact_mut(wide).take(rows) {
        row[keys..].fill(0.0);
    }
    Matrix::strided(values, [rows, wide], [wide, 1])
}

/// Splits the first `count` off.
fn take<'a, T>(from: &mut &'a mut [T], count: usize) -> &'a mut [T] {
    let (taken, rest) = std::mem::take(from).split_at_mut(count);
    *from = rest;
    taken
}

pub(super) fn forward<E: Engine>(task: &Forward<'_>, range: Range<usize>) {
    let (keys, width) = (task.k.rows(), task.k.columns());
    let (wide_keys, wide) = (keys.next_multiple_of(BLOCK), width.next_multiple_of(BLOCK));
    let sizes = [
        packed_tiles(keys, width),
        packed_tiles(width, keys),
        packed_tiles(BLOCK, width),
        packed_tiles(BLOCK, keys),
    ];
    let _ready = E::ready();
    with_tiles(sizes.iter().sum(), |mut tiles| {
        let k = Factor::pack(task.k, Side::Right, take(&mut tiles, sizes[0]));
        let v = Factor::pack(task.v.transposed(), Side::Right, take(&mut tiles, sizes[1]));
        let q_tiles = take(&mut tiles, sizes[2]);
        let weight_tiles = take(&mut tiles, sizes[3]);
        with_values(BLOCK * (wide_keys + wide), |values| {
            let (scores, sums) = values.split_at_mut(BLOCK * wide_keys);
            for first in range.clone().step_by(BLOCK) {
                let block = first..(first + BLOCK).min(range.end);
                let count = block.len();
                let q = Factor::pack(task.q.part(block.clone()), Side::Left, q_tiles);
                // SAFETY: a `Tier` proves that the machine has its engine's instructions, and `_ready` is held.
                unsafe { multiply_rows::<E>(q.block(0), k, count, false, keys, scores) };
                let mut totals = [0.0; BLOCK];
                for (at, total) in totals.iter_mut().enumerate().take(count) {
                    let row = &mut scores[at * wide_keys..at * wide_keys + keys];
                    let (sum, log_sum) = exponentials(row, task.scale);
                    *total = sum;
                    // SAFETY: the task's own row.
                    unsafe { task.log_sums.row(first + at)[0] = log_sum };
                }
                let weights = whole_tiles(scores, count, keys);
                let weights = Factor::pack(weights, Side::Left, weight_tiles);
                // SAFETY: as above.
                unsafe { multiply_rows::<E>(weights.block(0), v, count, false, width, sums) };
                for (at, total) in totals.into_iter().enumerate().take(count) {
                    // SAFETY: the task's own row.
                    let output = unsafe { task.output.row(first + at) };
                    rows::scale_into(&sums[at * wide..at * wide + width], 1.0 / total, output);
                }
            }
        });
    });
}

/// Rows of scores whose gradients reach keys and values at once: a longer inner dimension for fewer passes over their sums.
const ROWS: usize = 4 * BLOCK;

pub(super) fn backward<E: Engine>(task: &Backward<'_>) {
    let (queries, keys, width) = (task.q.rows(), task.k.rows(), task.q.columns());
    let (wide_keys, wide) = (keys.next_multiple_of(BLOCK), width.next_multiple_of(BLOCK));
    let rows_at_once = ROWS.min(queries);
    // As right factors: k and v with their width inside, k with its tokens inside, q and the output's gradient with some of their
    // tokens inside. As left ones: 32 rows of q, of the output's gradient and of the scores' gradient, and, transposed, weights
    // and scores' gradients of all rows at once.
    let sizes = [
        packed_tiles(keys, width),
        packed_tiles(keys, width),
        packed_tiles(width, keys),
        packed_tiles(width, rows_at_once),
        packed_tiles(width, rows_at_once),
        packed_tiles(BLOCK, width),
        packed_tiles(BLOCK, width),
        packed_tiles(BLOCK, keys),
        packed_tiles(keys, rows_at_once),
        packed_tiles(keys, rows_at_once),
    ];
    let value_sizes =
        [BLOCK * wide_keys, BLOCK * wide_keys, BLOCK * wide, wide_keys * wide, wide_keys * wide];
    let _ready = E::ready();
    with_tiles(sizes.iter().sum(), |mut tiles| {
        let mut next = sizes.into_iter().map(|size| take(&mut tiles, size));
        let mut next = || next.next().unwrap_or_default();
        let k = Factor::pack(task.k, Side::Right, next());
        let v = Factor::pack(task.v, Side::Right, next());
        let k_by_token = Factor::pack(task.k.transposed(), Side::Right, next());
        let (q_by_token, output_by_token) = (next(), next());
        let (q_rows, output_rows, score_rows) = (next(), next(), next());
        let (weight_columns, score_columns) = (next(), next());
        with_values(value_sizes.iter().sum(), |mut values| {
            let scores = take(&mut values, value_sizes[0]);
            let gradients = take(&mut values, value_sizes[1]);
            let sums = take(&mut values, value_sizes[2]);
            let k_gradient = take(&mut values, value_sizes[3]);
            let v_gradient = take(&mut values, value_sizes[4]);
            k_gradient.fill(0.0);
            v_gradient.fill(0.0);
            for first in (0..queries).step_by(ROWS) {
                let chunk = first..(first + ROWS).min(queries);
                let depth = chunk.len().div_ceil(DEPTH);
                let q = task.q.part(chunk.clone());
                let output_gradient = task.output_gradient.part(chunk.clone());
                for (block, first) in chunk.clone().step_by(BLOCK).enumerate() {
                    let range = first..(first + BLOCK).min(queries);
                    let count = range.len();
                    let q = Factor::pack(task.q.part(range.clone()), Side::Left, q_rows);
                    let output =
                        Factor::pack(task.output_gradient.part(range.clone()), Side::Left, output_rows);
                    // SAFETY: a `Tier` proves that the machine has its engine's instructions, and `_ready` is held.
                    unsafe {
                        multiply_rows::<E>(q.block(0), k, count, false, keys, scores);
                        multiply_rows::<E>(output.block(0), v, count, false, keys, gradients);
                    }
                    for (at, row) in range.clone().enumerate() {
                        // With the columns that fill up the last tile, which are cleared afterwards: whole vectors are as fast.
                        let row_of = at * wide_keys..(at + 1) * wide_keys;
                        rows::score_gradients(
                            &mut scores[row_of.clone()],
                            &mut gradients[row_of],
                            task.scale,
                            task.log_sums[row],
                            rows::dot(task.output.row(row), task.output_gradient.row(row)),
                        );
                    }
                    let weights = whole_tiles(scores, count, keys);
                    let gradients = whole_tiles(gradients, count, keys);
                    for (of, to) in [(weights, &mut *weight_columns), (gradients, &mut *score_columns)] {
                        pack_firsts(of.transposed(), Side::Left, wide_keys / LINES, depth, &mut to[block..]);
                    }
                    let gradients = Factor::pack(gradients, Side::Left, score_rows);
                    // SAFETY: as above; the rows written are of the task's own head.
                    unsafe {
                        multiply_rows::<E>(gradients.block(0), k_by_token, count, false, width, sums);
                        task.q_gradient.write(range, sums, wide);
                    }
                }
                let wanted = width.div_ceil(BLOCK) * 2 * depth;
                let q = Factor::pack(q.transposed(), Side::Right, &mut q_by_token[..wanted]);
                let output_gradient =
                    Factor::pack(output_gradient.transposed(), Side::Right, &mut output_by_token[..wanted]);
                let scores = Factor { tiles: score_columns, depth };
                let weights = Factor { tiles: weight_columns, depth };
                for block in 0..keys.div_ceil(BLOCK) {
                    let count = (keys - block * BLOCK).min(BLOCK);
                    let rows = block * BLOCK * wide..(block + 1) * BLOCK * wide;
                    let (k_gradient, v_gradient) = (&mut k_gradient[rows.clone()], &mut v_gradient[rows]);
                    // SAFETY: as above.
                    unsafe {
                        multiply_rows::<E>(scores.block(block), q, count, true, width, k_gradient);
                        multiply_rows::<E>(
                            weights.block(block),
                            output_gradient,
                            count,
                            true,
                            width,
                            v_gradient,
                        );
                    }
                }
            }
            // SAFETY: the head is the task's own.
            unsafe {
                task.k_gradient.write(0..keys, k_gradient, wide.max(1));
                task.v_gradient.write(0..keys, v_gradient, wide.max(1));
            }
        });
    });
}
