//! The unit that products of packed factors work on: 16 lines of 64 bytes, an AMX tile.
//!
//! A word is two bf16 values that follow each other along the inner dimension `k`, or one f32. The left factor's tile has 16 of its rows
//! as lines and 16 words (32 or 16 values of `k`) across; the right factor's has 16 words of `k` as lines and 16 of its columns across.
//! One is the transpose of the other's form, word by word.

use crate::matrix::{Element, Matrix};
use crate::vector::vectorised;

mod floats;
mod packing;
#[cfg(target_arch = "x86_64")]
mod x86;

use packing::pack;
pub(crate) use packing::{pack_firsts, pack_groups};

/// Rows of the left factor, or columns of the right one, in a tile; also its words along `k`.
pub(crate) const LINES: usize = 16;

/// Values of `k` in a tile of bf16.
pub(crate) const DEPTH: usize = 32;

/// What the words of a tile are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Words {
    /// Two bf16 values each.
    Pairs,
    /// An f32 each.
    Floats,
}

impl Words {
    /// Values of `k` in a tile.
    pub(crate) const fn depth(self) -> usize {
        match self {
            Words::Pairs => DEPTH,
            Words::Floats => LINES,
        }
    }

    /// Tiles for that many values of `k`.
    pub(crate) const fn tiles(self, values: usize) -> usize {
        values.div_ceil(self.depth())
    }

    /// Packs a whole factor with all threads: `lines` is `[lines, k]`, the left factor, or the right factor transposed. What lies outside
    /// of it is packed as zero.
    pub(crate) fn pack<T: Element>(self, lines: Matrix<'_, T>, side: Side, tiles: &mut [Tile]) {
        match self {
            Words::Pairs => pack(lines, side, tiles),
            Words::Floats => floats::pack(lines, side, tiles),
        }
    }

    /// As [`Words::pack`], on the thread that calls: groups of 16 lines, as many as there is room for, `depth` tiles each.
    pub(crate) fn pack_groups(self, lines: Matrix<'_>, side: Side, depth: usize, tiles: &mut [Tile]) {
        match self {
            Words::Pairs => pack_groups(lines, side, depth, tiles),
            Words::Floats => {
                let groups = tiles.chunks_exact_mut(depth.max(1)).enumerate();
                groups.for_each(|(group, tiles)| floats::pack_group(lines, group, side, tiles));
            }
        }
    }
}

/// 1 KiB, aligned to a cache line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(64))]
pub(crate) struct Tile(pub(crate) [[u32; LINES]; LINES]);

impl Tile {
    pub(crate) const ZERO: Tile = Tile([[0; LINES]; LINES]);
}

/// Which factor of a product a tile belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// `value` as bf16, to the nearest, ties to even; NaN stays NaN, what is too large becomes infinite.
#[inline(always)]
pub(crate) fn rounded(value: f32) -> u32 {
    let bits = value.to_bits();
    let nearest = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
    // Rounding could carry a NaN's last set bits away, and its sign with them.
    let quiet = (bits >> 16) | 0x40;
    if value.is_nan() { quiet } else { nearest }
}

/// Packs the tile of 16 lines and 32 values of `k` that is `group` down and `block` across; otherwise as [`pack_groups`]. The plain way,
/// for all machines and types.
fn pack_tile<T: Element>(lines: Matrix<'_, T>, group: usize, block: usize, side: Side, tile: &mut Tile) {
    let (first, k) = (group * LINES, block * DEPTH);
    let count = lines.rows().saturating_sub(first).min(LINES);
    let depth = lines.columns().saturating_sub(k).min(DEPTH);
    if count == 0 || depth == 0 {
        *tile = Tile::ZERO;
        return;
    }
    let [line_stride, depth_stride] = lines.strides();
    let values = &lines.values()[first * line_stride + k * depth_stride..];
    let source = Source { values, line_stride, depth_stride, count, depth };
    let along_depth = depth_stride == 1;
    match along_depth {
        true => pack_lines(source, tile),
        false => pack_interleaved(source, tile),
    }
    if along_depth == (side == Side::Right) {
        transpose(tile);
    }
}

/// The part of a matrix that one tile holds.
#[derive(Clone, Copy)]
struct Source<'a, T> {
    /// From the part's first value.
    values: &'a [T],
    line_stride: usize,
    depth_stride: usize,
    /// Lines, at most 16.
    count: usize,
    /// Values of `k`, at most 32.
    depth: usize,
}

impl<T: Element> Source<'_, T> {
    /// 16 values of a line from `k` on, zeros where there are no more.
    #[inline(always)]
    fn along_line(&self, line: usize, k: usize) -> [f32; LINES] {
        let depth = self.depth.saturating_sub(k).min(LINES);
        if line < self.count && depth > 0 {
            widened(&self.values[line * self.line_stride + k..], 1, depth)
        } else {
            [0.0; LINES]
        }
    }

    /// The values of all lines at `k`, zeros where there are no more.
    #[inline(always)]
    fn across_lines(&self, k: usize) -> [f32; LINES] {
        if k < self.depth {
            widened(&self.values[k * self.depth_stride..], self.line_stride, self.count)
        } else {
            [0.0; LINES]
        }
    }
}

/// `count` values, `stride` apart, and zeros after them.
#[inline(always)]
fn widened<T: Element>(values: &[T], stride: usize, count: usize) -> [f32; LINES] {
    let mut wide = [0.0f32; LINES];
    match values.first_chunk::<LINES>() {
        Some(full) if count == LINES && stride == 1 => {
            for (wide, value) in wide.iter_mut().zip(full) {
                *wide = value.widened();
            }
        }
        _ => {
            for (at, wide) in wide.iter_mut().enumerate().take(count) {
                *wide = values[at * stride].widened();
            }
        }
    }
    wide
}

vectorised! {
    /// Each line's values follow each other: lines become lines.
    fn pack_lines<M, T: Element>(source: Source<'_, T>, tile: &mut Tile) {
        for (line, words) in tile.0.iter_mut().enumerate() {
            for (half, words) in words.chunks_exact_mut(LINES / 2).enumerate() {
                let wide = source.along_line(line, half * LINES);
                for (word, pair) in words.iter_mut().zip(wide.as_chunks::<2>().0) {
                    *word = rounded(pair[0]) | rounded(pair[1]) << 16;
                }
            }
        }
    }
}

vectorised! {
    /// The lines' values at one depth lie near each other: pairs of depths become lines of the tile.
    fn pack_interleaved<M, T: Element>(source: Source<'_, T>, tile: &mut Tile) {
        for (pair, words) in tile.0.iter_mut().enumerate() {
            let (first, second) = (source.across_lines(2 * pair), source.across_lines(2 * pair + 1));
            for (word, (&first, &second)) in words.iter_mut().zip(first.iter().zip(&second)) {
                *word = rounded(first) | rounded(second) << 16;
            }
        }
    }
}

/// Swaps lines and words.
pub(crate) fn transpose(tile: &mut Tile) {
    #[cfg(target_arch = "x86_64")]
    if crate::vector::Vector::here() == crate::vector::Vector::Avx512 {
        // SAFETY: the instructions were found on this machine.
        unsafe { transpose_avx512(tile) };
        return;
    }
    transpose_plain(tile);
}

fn transpose_plain(tile: &mut Tile) {
    for line in 0..LINES {
        for word in 0..line {
            let kept = tile.0[line][word];
            tile.0[line][word] = tile.0[word][line];
            tile.0[word][line] = kept;
        }
    }
}

/// Four rounds, each of which brings together what lies 1, 2, 4 and 8 lines apart.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn transpose_avx512(tile: &mut Tile) {
    use std::arch::x86_64::{
        __m512i, _mm512_load_si512, _mm512_shuffle_i32x4, _mm512_store_si512, _mm512_unpackhi_epi32,
        _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
    };
    let mut lines: [__m512i; LINES] = std::array::from_fn(|line| {
        // SAFETY: a line is 64 bytes, aligned as its tile is.
        unsafe { _mm512_load_si512(tile.0[line].as_ptr().cast()) }
    });
    let mut next = lines;
    for pair in 0..8 {
        let (a, b) = (lines[2 * pair], lines[2 * pair + 1]);
        next[2 * pair] = _mm512_unpacklo_epi32(a, b);
        next[2 * pair + 1] = _mm512_unpackhi_epi32(a, b);
    }
    for four in 0..4 {
        for high in 0..2 {
            let (a, b) = (next[4 * four + high], next[4 * four + 2 + high]);
            lines[4 * four + 2 * high] = _mm512_unpacklo_epi64(a, b);
            lines[4 * four + 2 * high + 1] = _mm512_unpackhi_epi64(a, b);
        }
    }
    // Now `lines[4 f + c]` holds, in its lane l, words of lines 4 f .. 4 f + 4 at word 4 l + c.
    for word in 0..4 {
        let (a, b) = (lines[word], lines[4 + word]);
        let (c, d) = (lines[8 + word], lines[12 + word]);
        let (ab_even, ab_odd) = (_mm512_shuffle_i32x4::<0x88>(a, b), _mm512_shuffle_i32x4::<0xdd>(a, b));
        let (cd_even, cd_odd) = (_mm512_shuffle_i32x4::<0x88>(c, d), _mm512_shuffle_i32x4::<0xdd>(c, d));
        next[word] = _mm512_shuffle_i32x4::<0x88>(ab_even, cd_even);
        next[4 + word] = _mm512_shuffle_i32x4::<0x88>(ab_odd, cd_odd);
        next[8 + word] = _mm512_shuffle_i32x4::<0xdd>(ab_even, cd_even);
        next[12 + word] = _mm512_shuffle_i32x4::<0xdd>(ab_odd, cd_odd);
    }
    for (line, words) in next.into_iter().zip(&mut tile.0) {
        // SAFETY: as for the loads.
        unsafe { _mm512_store_si512(words.as_mut_ptr().cast(), line) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::bf16;
    use proptest::prelude::*;

    #[test]
    fn transposing_swaps_lines_and_words() {
        let tile = Tile(std::array::from_fn(|line| std::array::from_fn(|word| (line * LINES + word) as u32)));
        for transpose in [transpose, transpose_plain] {
            let mut swapped = tile;
            transpose(&mut swapped);
            for line in 0..LINES {
                for word in 0..LINES {
                    assert_eq!(swapped.0[word][line], tile.0[line][word], "{line}, {word}");
                }
            }
        }
    }

    /// Packs a matrix whose values are exact in bf16, and looks at every value of every tile.
    fn check<T: Element>(
        of: impl Fn(bf16) -> T,
        [rows, depth]: [usize; 2],
        transposed: bool,
        side: Side,
    ) -> Result<(), TestCaseError> {
        let exact = |at: usize| bf16::from_f32((at % 251) as f32 + 1.0);
        let values: Vec<T> = (0..rows * depth).map(|at| of(exact(at))).collect();
        let lines = match transposed {
            true => Matrix::new(&values, depth, rows).transposed(),
            false => Matrix::new(&values, rows, depth),
        };
        let (groups, tiles_deep) = (rows.div_ceil(LINES) + 1, depth.div_ceil(DEPTH) + 1);
        let mut tiles = vec![Tile([[7; LINES]; LINES]); groups * tiles_deep];
        pack_groups(lines, side, tiles_deep, &mut tiles);
        for (group, tiles) in tiles.chunks(tiles_deep).enumerate() {
            for (block, tile) in tiles.iter().enumerate() {
                let mut alone = Tile([[7; LINES]; LINES]);
                pack_tile(lines, group, block, side, &mut alone);
                prop_assert_eq!(*tile, alone);
                for line in 0..LINES {
                    for k in 0..DEPTH {
                        let word = match side {
                            Side::Left => tile.0[line][k / 2],
                            Side::Right => tile.0[k / 2][line],
                        };
                        let found = (word >> (16 * (k % 2))) as u16;
                        let (row, column) = (group * LINES + line, block * DEPTH + k);
                        let inside = row < rows && column < depth;
                        let at = if transposed { column * rows + row } else { row * depth + column };
                        prop_assert_eq!(found, if inside { exact(at).to_bits() } else { 0 });
                    }
                }
            }
        }
        let mut shared = vec![Tile([[7; LINES]; LINES]); groups * depth.div_ceil(DEPTH)];
        pack(lines, side, &mut shared);
        let filled = |(at, _): &(usize, &Tile)| at % tiles_deep < tiles_deep - 1;
        let expected: Vec<Tile> = tiles.iter().enumerate().filter(filled).map(|(_, tile)| *tile).collect();
        prop_assert!(shared == expected);
        Ok(())
    }

    proptest! {
        #[test]
        fn rounding_is_half_s_rounding(bits in any::<u32>()) {
            let value = f32::from_bits(bits);
            let (ours, theirs) = (rounded(value) as u16, bf16::from_f32(value));
            if value.is_nan() {
                prop_assert!(bf16::from_bits(ours).is_nan());
            } else {
                prop_assert_eq!(ours, theirs.to_bits());
            }
        }

        #[test]
        fn tiles_hold_what_the_matrix_holds_and_zeros_outside(
            rows in 1usize..180,
            depth in 1usize..110,
            transposed in any::<bool>(),
            right in any::<bool>(),
        ) {
            let side = if right { Side::Right } else { Side::Left };
            check(|value| value, [rows, depth], transposed, side)?;
            check(f32::from, [rows, depth], transposed, side)?;
        }
    }
}
