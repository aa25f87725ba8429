//! Tile operations by plain loops, for tests of everything around them on machines without AMX.

use super::{BLOCK, Block, Engine};
use crate::tile::{DEPTH, LINES, Tile};

pub(crate) struct Emulated;

impl Engine for Emulated {
    // Small, so that small products already take several passes.
    const DEPTH_A_PASS: usize = 2;

    fn ready() -> impl Sized {}

    unsafe fn multiply(block: Block<'_>) {
        let depth = block.checked_depth();
        let Block { left, right, rows, accumulate, stride, sums } = block;
        // Like AMX: whole groups of 16 rows.
        for row in 0..rows.next_multiple_of(LINES) {
            for column in 0..BLOCK {
                let (left, right) = (left[row / LINES], right[column / LINES]);
                let sum = &mut sums[row * stride + column];
                let mut total = if accumulate { *sum } else { 0.0 };
                for k in 0..depth * DEPTH {
                    let tile = k / DEPTH;
                    let a = value(&left[tile], row % LINES, k % DEPTH);
                    let pair = k % DEPTH / 2;
                    let b = f32::from_bits((right[tile].0[pair][column % LINES] >> (16 * (k % 2))) << 16);
                    total += a * b;
                }
                *sum = total;
            }
        }
    }
}

fn value(tile: &Tile, line: usize, k: usize) -> f32 {
    f32::from_bits((tile.0[line][k / 2] >> (16 * (k % 2))) << 16)
}
