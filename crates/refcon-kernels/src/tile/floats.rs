//! Packing of factors whose words are f32.

use super::{LINES, Side, Tile, Words, transpose, widened};
use crate::matrix::{Element, Matrix};
use rayon::prelude::*;

/// As [`Words::pack`].
pub(super) fn pack<T: Element>(lines: Matrix<'_, T>, side: Side, tiles: &mut [Tile]) {
    let depth = Words::Floats.tiles(lines.columns());
    if depth > 0 {
        let groups = tiles.par_chunks_exact_mut(depth).enumerate();
        groups.for_each(|(group, tiles)| pack_group(lines, group, side, tiles));
    }
}

/// Packs all tiles of the 16 lines of a group.
pub(super) fn pack_group<T: Element>(lines: Matrix<'_, T>, group: usize, side: Side, tiles: &mut [Tile]) {
    // Values that follow each other are copied as lines of a tile, whose words then are swapped where the side wants it.
    let first = group * LINES;
    let count = lines.rows().saturating_sub(first).min(LINES);
    let along = lines.strides()[1] == 1;
    for (block, tile) in tiles.iter_mut().enumerate() {
        let k = block * LINES;
        let depth = lines.columns().saturating_sub(k).min(LINES);
        let [outer, inner] = if along { [count, depth] } else { [depth, count] };
        let [line_stride, depth_stride] = lines.strides();
        let [outer_stride, inner_stride] =
            if along { [line_stride, depth_stride] } else { [depth_stride, line_stride] };
        let values = lines.values().get(first * line_stride + k * depth_stride..).unwrap_or_default();
        for (at, words) in tile.0.iter_mut().enumerate() {
            *words = if at < outer && inner > 0 {
                widened(&values[at * outer_stride..], inner_stride, inner).map(f32::to_bits)
            } else {
                [0; LINES]
            };
        }
        if along == (side == Side::Right) {
            transpose(tile);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn tiles_hold_what_the_matrix_holds_and_zeros_outside(
            rows in 1usize..70, depth in 1usize..70, transposed in any::<bool>(), right in any::<bool>(),
        ) {
            let side = if right { Side::Right } else { Side::Left };
            let values: Vec<f32> = (1..=rows * depth).map(|at| at as f32).collect();
            let lines = match transposed {
                true => Matrix::new(&values, depth, rows).transposed(),
                false => Matrix::new(&values, rows, depth),
            };
            let (groups, deep) = (rows.div_ceil(LINES) + 1, Words::Floats.tiles(depth));
            let mut tiles = vec![Tile([[7; LINES]; LINES]); groups * deep];
            pack(lines, side, &mut tiles);
            for (at, tile) in tiles.iter().enumerate() {
                for line in 0..LINES {
                    for k in 0..LINES {
                        let word = if right { tile.0[k][line] } else { tile.0[line][k] };
                        let (row, column) = (at / deep * LINES + line, at % deep * LINES + k);
                        let inside = row < rows && column < depth;
                        prop_assert_eq!(f32::from_bits(word), if inside { lines.at(row, column) } else { 0.0 });
                    }
                }
            }
        }
    }
}
