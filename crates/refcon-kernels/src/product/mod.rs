//! Matrix products `C = A · B`, with the right factor packed once or on the way.

use crate::engine::{BLOCK, Block, Engine, has_engine, with_engine};
use crate::epilogue::{Epilogue, finish, padded};
use crate::matrix::{Element, Matrix};
use crate::scratch::{with_tiles, with_values};
use crate::tier::Tier;
use crate::tile::{DEPTH, LINES, Side, Tile, pack_groups};
use crate::vector::vectorised;
use rayon::prelude::*;

/// The right factor of a product, `[k, n]`, in the form that its tier reads fastest.
///
/// The bf16 tiers share one form of 2 bytes a value (rounded to nearest, ties to even; `k` and `n` filled up with zeros to
/// multiples of 32). In the f32 tier it is a copy, 4 bytes a value: where memory counts, [`multiply`] reads a matrix in place
/// at the same speed.
#[derive(Debug)]
pub struct PackedWeights {
    tier: Tier,
    rows: usize,
    columns: usize,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// Row after row.
    Values(Vec<f32>),
    /// Group of 16 columns after group, an even number of them.
    Tiles(Vec<Tile>),
}

impl PackedWeights {
    /// Packs `weights`, `[k, n]`; a transposed view packs the transpose (for `dX = dY · Wᵀ`).
    #[must_use]
    pub fn pack<T: Element>(tier: Tier, weights: Matrix<'_, T>) -> PackedWeights {
        let (rows, columns) = (weights.rows(), weights.columns());
        let form = if has_engine(tier) {
            let mut tiles = vec![Tile::ZERO; packed_tiles(columns, rows)];
            pack(weights.transposed(), Side::Right, &mut tiles);
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
    if has_engine(tier) {
        with_tiles(packed_tiles(b.columns(), b.rows()), |tiles| {
            pack(b.transposed(), Side::Right, tiles);
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
pub(crate) fn packed_tiles(lines: usize, depth: usize) -> usize {
    lines.div_ceil(BLOCK) * 2 * depth.div_ceil(DEPTH)
}

/// Groups of lines that are packed together: with 64 lines side by side, whole cache lines are read in a row.
const GROUPS_AT_ONCE: usize = 4;

/// Packs a factor, `[lines, depth]`, with all threads.
fn pack<T: Element>(lines: Matrix<'_, T>, side: Side, tiles: &mut [Tile]) {
    let depth = lines.columns().div_ceil(DEPTH);
    if depth > 0 {
        let pack = |(at, tiles): (usize, &mut [Tile])| {
            pack_groups(lines, at * GROUPS_AT_ONCE, side, depth, tiles);
        };
        tiles.par_chunks_mut(GROUPS_AT_ONCE * depth).enumerate().for_each(pack);
    }
}

fn multiply_packed(
    tier: Tier,
    a: Matrix<'_>,
    right: &[Tile],
    columns: usize,
    epilogue: &Epilogue<'_>,
    c: &mut [f32],
) {
    if a.rows() == 0 || columns == 0 {
        return;
    }
    with_tiles(packed_tiles(a.rows(), a.columns()), |left| {
        pack(a, Side::Left, left);
        let product = Product {
            left,
            right,
            depth: a.columns().div_ceil(DEPTH),
            destination: Destination { first: c.as_mut_ptr(), rows: a.rows(), columns },
            epilogue,
        };
        with_engine!(tier, E => product.run::<E>());
    });
}

/// The result of a product, whose tasks write blocks of it side by side.
struct Destination {
    first: *mut f32,
    rows: usize,
    columns: usize,
}

// SAFETY: no two tasks write the same block (see `Destination::line`), and the slice outlives them.
unsafe impl Sync for Destination {}

impl Destination {
    /// `count` values of a row.
    ///
    /// # Safety
    /// They lie inside the matrix, and nobody else uses them at the same time.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)] // exclusive by the caller's promise
    unsafe fn line(&self, row: usize, column: usize, count: usize) -> &mut [f32] {
        debug_assert!(row < self.rows && column + count <= self.columns);
        // SAFETY: by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.first.add(row * self.columns + column), count) }
    }
}

/// Two packed factors and where their product goes.
struct Product<'a> {
    left: &'a [Tile],
    right: &'a [Tile],
    /// Tiles along `k`.
    depth: usize,
    destination: Destination,
    epilogue: &'a Epilogue<'a>,
}

/// How much of the left factor a task works on: half of a second cache of 1 MiB, the other half is for the right factor.
const LEFT_TILES_A_TASK: usize = 512;

/// Tasks for each thread, so that none waits long for the last ones.
const TASKS_A_THREAD: usize = 4;

impl Product<'_> {
    fn run<E: Engine>(&self) {
        let row_blocks = self.destination.rows.div_ceil(BLOCK);
        let panels = self.destination.columns.div_ceil(BLOCK);
        let most_rows = (LEFT_TILES_A_TASK / (2 * self.depth).max(1)).clamp(1, row_blocks);
        let down = row_blocks.div_ceil(most_rows);
        let across = (TASKS_A_THREAD * rayon::current_num_threads()).div_ceil(down).clamp(1, panels);
        let part = |whole: usize, parts: usize, at: usize| whole * at / parts..whole * (at + 1) / parts;
        (0..down * across).into_par_iter().with_max_len(1).for_each(|task| {
            let rows = part(row_blocks, down, task / across);
            let panels = part(panels, across, task % across);
            self.task::<E>(rows, panels);
        });
    }

    /// Blocks `rows` × `panels` of the result.
    fn task<E: Engine>(&self, rows: std::ops::Range<usize>, panels: std::ops::Range<usize>) {
        let _ready = E::ready();
        with_values(rows.len() * BLOCK * BLOCK, |sums| {
            for panel in panels {
                let mut from = 0;
                loop {
                    let to = (from + E::DEPTH_A_PASS).min(self.depth);
                    for (row, sums) in rows.clone().zip(sums.chunks_exact_mut(BLOCK * BLOCK)) {
                        let group = |tiles, group: usize| &slice_of(tiles, group, self.depth)[from..to];
                        let block = Block {
                            left: [group(self.left, 2 * row), group(self.left, 2 * row + 1)],
                            right: [group(self.right, 2 * panel), group(self.right, 2 * panel + 1)],
                            rows: (self.destination.rows - row * BLOCK).min(BLOCK),
                            accumulate: from > 0,
                            stride: BLOCK,
                            sums,
                        };
                        // SAFETY: a `Tier` proves that the machine has its engine's instructions, and `_ready` is held.
                        unsafe { E::multiply(block) };
                        if to == self.depth {
                            finish_block(sums, row, panel, self.epilogue, &self.destination);
                        }
                    }
                    if to == self.depth {
                        break;
                    }
                    from = to;
                }
            }
        });
    }
}

fn slice_of(tiles: &[Tile], group: usize, depth: usize) -> &[Tile] {
    &tiles[group * depth..(group + 1) * depth]
}

vectorised! {
    /// Writes block `[row, panel]` of the result, whose task calls this. The sums are used up.
    fn finish_block<M>(sums: &mut [f32], row: usize, panel: usize, epilogue: &Epilogue<'_>, destination: &Destination) {
        let column = panel * BLOCK;
        let count = (destination.columns - column).min(BLOCK);
        let bias = epilogue.bias.map(|bias| padded(&bias[column..column + count]));
        let rows = row * BLOCK..(row * BLOCK + BLOCK).min(destination.rows);
        for (row, line) in rows.zip(sums.as_chunks_mut::<BLOCK>().0) {
            let residual = epilogue.residual.map(|all| &all[row * destination.columns + column..][..count]);
            // SAFETY: inside the matrix by the two lines above; each block belongs to one task.
            let written = unsafe { destination.line(row, column, count) };
            if let Some(written) = written.first_chunk_mut::<BLOCK>() {
                let residual = residual.and_then(|residual| residual.first_chunk::<BLOCK>());
                finish::<M>(line, bias.as_ref(), epilogue.activation, residual);
                for (value, &finished) in written.iter_mut().zip(line.iter()) {
                    *value = finished;
                }
            } else {
                finish::<M>(line, bias.as_ref(), epilogue.activation, residual.map(padded).as_ref());
                written.copy_from_slice(&line[..count]);
            }
        }
    }
}

const _: () = assert!(BLOCK == 2 * LINES);

#[cfg(test)]
mod tests;
