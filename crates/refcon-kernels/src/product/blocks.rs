//! A product of packed factors, block by block, on all threads.

use crate::engine::{BLOCK, Block, Engine, with_engine};
use crate::epilogue::{Epilogue, finish, padded};
use crate::matrix::Matrix;
use crate::prefetch;
use crate::scratch::with_values;
use crate::tier::Tier;
use crate::tile::{DEPTH, LINES, Side, Tile, Words};
use crate::vector::vectorised;
use rayon::prelude::*;
use std::marker::PhantomData;
use std::ops::Range;

/// Two packed factors.
#[derive(Clone, Copy)]
pub(super) struct Factors<'a> {
    pub(super) left: &'a [Tile],
    pub(super) right: &'a [Tile],
    /// Tiles along `k`.
    pub(super) depth: usize,
    pub(super) tier: Tier,
}

/// A result of `rows` × `columns`, whose blocks are written by many tasks.
pub(super) struct Destination<'a> {
    rows: usize,
    columns: usize,
    place: Place,
    values: PhantomData<&'a mut [f32]>,
}

#[derive(Clone, Copy)]
enum Place {
    /// Row after row.
    Rows(*mut f32),
    /// Packed as the left factor of another product.
    Tiles(*mut Tile),
}

// SAFETY: no two tasks write the same block (see `Destination::line` and `Destination::tile`), and what they write is borrowed
// for longer than they run.
unsafe impl Sync for Destination<'_> {}

impl<'a> Destination<'a> {
    /// `values` are `[rows, columns]`.
    pub(super) fn rows(values: &'a mut [f32], rows: usize, columns: usize) -> Destination<'a> {
        assert_eq!(values.len(), rows * columns, "a product of {rows} × {columns} values");
        Destination { rows, columns, place: Place::Rows(values.as_mut_ptr()), values: PhantomData }
    }

    /// `tiles` are as many as [`super::packed_tiles`] says; rows that fill up the last tiles hold anything.
    pub(super) fn tiles(words: Words, tiles: &'a mut [Tile], rows: usize, columns: usize) -> Destination<'a> {
        let wanted = super::packed_tiles(words, rows, columns);
        assert_eq!(tiles.len(), wanted, "tiles for {rows} × {columns} values");
        Destination { rows, columns, place: Place::Tiles(tiles.as_mut_ptr()), values: PhantomData }
    }

    /// `count` values of a row.
    ///
    /// # Safety
    /// They lie inside the matrix that `first` is the start of, and nobody else uses them at the same time.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)] // exclusive by the caller's promise
    unsafe fn line(&self, first: *mut f32, row: usize, column: usize, count: usize) -> &mut [f32] {
        debug_assert!(row < self.rows && column + count <= self.columns);
        // SAFETY: by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(first.add(row * self.columns + column), count) }
    }

    /// The tiles of 16 rows and of as many of 32 columns as there are.
    ///
    /// # Safety
    /// They are among those that `first` is the first of, which hold these words, and nobody else uses them at the same time.
    #[allow(clippy::mut_from_ref)] // exclusive by the caller's promise
    unsafe fn tiles_of(&self, words: Words, first: *mut Tile, group: usize, panel: usize) -> &mut [Tile] {
        let depth = words.tiles(self.columns);
        let from = words.tiles(panel * BLOCK);
        debug_assert!(group < self.rows.div_ceil(BLOCK) * 2 && from < depth);
        let count = words.tiles(BLOCK).min(depth - from);
        // SAFETY: by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(first.add(group * depth + from), count) }
    }
}

/// `destination = epilogue(left · right)`.
pub(super) fn multiply_tiles(factors: Factors<'_>, destination: Destination<'_>, epilogue: &Epilogue<'_>) {
    if destination.rows > 0 && destination.columns > 0 {
        let product = Product { factors, destination, epilogue };
        with_engine!(factors.tier, E => product.run::<E>());
    }
}

struct Product<'a> {
    factors: Factors<'a>,
    destination: Destination<'a>,
    epilogue: &'a Epilogue<'a>,
}

/// How much of the left factor a task works on: half of a second cache of 1 MiB, the other half is for the right factor.
const LEFT_TILES_A_TASK: usize = 512;

/// So few rows, in blocks, go to each task together: of one image, the weights are most of what is read, and are to be read once.
const FEW_BLOCKS: usize = 8;

/// Tasks for each thread, so that none waits long for the last ones.
const TASKS_A_THREAD: usize = 4;

impl Product<'_> {
    fn run<E: Engine>(&self) {
        let depth = self.factors.depth;
        let row_blocks = self.destination.rows.div_ceil(BLOCK);
        let panels = self.destination.columns.div_ceil(BLOCK);
        let fitting = LEFT_TILES_A_TASK / (2 * depth).max(1);
        let most_rows = if row_blocks <= FEW_BLOCKS { row_blocks } else { fitting.clamp(1, row_blocks) };
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
    fn task<E: Engine>(&self, rows: Range<usize>, panels: Range<usize>) {
        let Factors { left, right, depth, .. } = self.factors;
        let _ready = E::ready();
        with_values(rows.len() * BLOCK * BLOCK, |sums| {
            for panel in panels {
                let mut from = 0;
                loop {
                    let to = (from + E::DEPTH_A_PASS).min(depth);
                    for (row, sums) in rows.clone().zip(sums.chunks_exact_mut(BLOCK * BLOCK)) {
                        let group = |tiles, group: usize| &slice_of(tiles, group, depth)[from..to];
                        let block = Block {
                            left: [group(left, 2 * row), group(left, 2 * row + 1)],
                            right: [group(right, 2 * panel), group(right, 2 * panel + 1)],
                            rows: (self.destination.rows - row * BLOCK).min(BLOCK),
                            accumulate: from > 0,
                            stride: BLOCK,
                            sums,
                        };
                        // While it is multiplied, what its sums are added to and written over comes near.
                        if to == depth && E::ASKS_AHEAD {
                            self.ask_for(row, panel);
                        }
                        // SAFETY: a `Tier` proves that the machine has its engine's instructions, and `_ready` is held.
                        unsafe { E::multiply(block) };
                        if to == depth {
                            self.finish::<E>(sums, row, panel);
                        }
                    }
                    if to == depth {
                        break;
                    }
                    from = to;
                }
            }
        });
    }

    /// Asks for the memory that [`Product::finish`] will need.
    fn ask_for(&self, row: usize, panel: usize) {
        let Place::Rows(first) = self.destination.place else { return };
        for row in row * BLOCK..(row * BLOCK + BLOCK).min(self.destination.rows) {
            let at = row * self.destination.columns + panel * BLOCK;
            for line in (at..at + BLOCK).step_by(prefetch::LINE) {
                prefetch::for_writing(first.wrapping_add(line));
                if let Some(residual) = self.epilogue.residual {
                    prefetch::for_reading(residual.as_ptr().wrapping_add(line));
                }
            }
        }
    }

    /// Writes block `[row, panel]` of the result, whose task calls this. The sums are used up.
    fn finish<E: Engine>(&self, sums: &mut [f32], row: usize, panel: usize) {
        match self.destination.place {
            Place::Rows(first) => finish_rows(sums, row, panel, self.epilogue, &self.destination, first),
            Place::Tiles(first) => {
                let column = panel * BLOCK;
                let bias = self.epilogue.bias.map(|bias| &bias[column..]);
                finish_in_place(sums, bias.map(|bias| padded(&bias[..bias.len().min(BLOCK)])), self.epilogue);
                for (half, sums) in sums.chunks_exact(LINES * BLOCK).enumerate() {
                    // SAFETY: each block, and with it its tiles, belongs to one task.
                    let tiles = unsafe { self.destination.tiles_of(E::WORDS, first, 2 * row + half, panel) };
                    let columns = BLOCK.min(tiles.len() * E::WORDS.depth());
                    let rows = Matrix::strided(sums, [LINES, columns], [BLOCK, 1]);
                    E::WORDS.pack_groups(rows, Side::Left, tiles.len(), tiles);
                }
            }
        }
    }
}

fn slice_of(tiles: &[Tile], group: usize, depth: usize) -> &[Tile] {
    &tiles[group * depth..(group + 1) * depth]
}

vectorised! {
    /// Bias and activation of all rows of a block.
    fn finish_in_place<M>(sums: &mut [f32], bias: Option<[f32; BLOCK]>, epilogue: &Epilogue<'_>) {
        for line in sums.as_chunks_mut::<BLOCK>().0 {
            finish::<M>(line, bias.as_ref(), epilogue.activation, None);
        }
    }
}

vectorised! {
    /// Writes block `[row, panel]` of a result that lies row after row from `first` on.
    fn finish_rows<M>(
        sums: &mut [f32],
        row: usize,
        panel: usize,
        epilogue: &Epilogue<'_>,
        destination: &Destination<'_>,
        first: *mut f32,
    ) {
        let column = panel * BLOCK;
        let count = (destination.columns - column).min(BLOCK);
        let bias = epilogue.bias.map(|bias| padded(&bias[column..column + count]));
        let rows = row * BLOCK..(row * BLOCK + BLOCK).min(destination.rows);
        for (row, line) in rows.zip(sums.as_chunks_mut::<BLOCK>().0) {
            let residual = epilogue.residual.map(|all| &all[row * destination.columns + column..][..count]);
            // SAFETY: inside the matrix by the two lines above; each block belongs to one task.
            let written = unsafe { destination.line(first, row, column, count) };
            if let Some(written) = written.first_chunk_mut::<BLOCK>() {
                let residual = residual.and_then(|residual| residual.first_chunk::<BLOCK>());
                finish::<M>(line, bias.as_ref(), epilogue.activation, residual);
                *written = *line;
            } else {
                finish::<M>(line, bias.as_ref(), epilogue.activation, residual.map(padded).as_ref());
                written.copy_from_slice(&line[..count]);
            }
        }
    }
}

// A block of sums makes whole tiles of a left factor.
const _: () = assert!(BLOCK == 2 * LINES && BLOCK == DEPTH);
