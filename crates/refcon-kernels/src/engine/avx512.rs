//! AVX-512 with its bf16 dot product: 8 rows × 32 columns of sums in registers.

use super::{Block, Engine};
use crate::tile::{LINES, Tile};
use std::arch::x86_64::{
    __m512, __m512bh, __m512i, _mm512_dpbf16_ps, _mm512_load_si512, _mm512_loadu_ps, _mm512_set1_epi32,
    _mm512_setzero_ps, _mm512_storeu_ps,
};

/// Rows whose sums are in registers: with 32 columns 16 sums, enough to hide the dot product's latency.
const ROWS: usize = 8;

pub(crate) struct Avx512;

impl Engine for Avx512 {
    // Here the second cache keeps up: splitting `k` would only cost more passes over the sums.
    const DEPTH_A_PASS: usize = 128;

    fn ready() -> impl Sized {}

    unsafe fn multiply(block: Block<'_>) {
        block.checked_depth();
        let Block { left, right, rows, accumulate, stride, sums } = block;
        for first in (0..rows).step_by(ROWS) {
            let lines = left[first / LINES];
            let sums = &mut sums[first * stride..];
            // SAFETY: the caller has the instructions; `checked_depth` has compared the lengths.
            unsafe {
                match accumulate {
                    true => eight_rows::<true>(lines, first % LINES, right, stride, sums),
                    false => eight_rows::<false>(lines, first % LINES, right, stride, sums),
                }
            }
        }
    }
}

/// # Safety
/// `right` has as many tiles as `left`, and `sums` room for 8 rows of 32.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn eight_rows<const ACCUMULATE: bool>(
    left: &[Tile],
    line: usize,
    right: [&[Tile]; 2],
    stride: usize,
    sums: &mut [f32],
) {
    let mut acc = [[_mm512_setzero_ps(); 2]; ROWS];
    if ACCUMULATE {
        for (row, acc) in acc.iter_mut().enumerate() {
            for (half, acc) in acc.iter_mut().enumerate() {
                // SAFETY: inside the 8 rows of 32 that the caller promises.
                *acc = unsafe { _mm512_loadu_ps(sums.as_ptr().add(row * stride + half * LINES)) };
            }
        }
    }
    for (block, tile) in left.iter().enumerate() {
        // SAFETY: the right factor has as many tiles.
        let (b0, b1) = unsafe { (right[0].get_unchecked(block), right[1].get_unchecked(block)) };
        for pair in 0..LINES {
            // SAFETY: a line of a tile is 64 aligned bytes.
            let b0 = unsafe { as_bf16(_mm512_load_si512(b0.0[pair].as_ptr().cast())) };
            // SAFETY: as above.
            let b1 = unsafe { as_bf16(_mm512_load_si512(b1.0[pair].as_ptr().cast())) };
            for (row, acc) in acc.iter_mut().enumerate() {
                // SAFETY: `line` is 0 or 8, so `line + row` is one of the tile's 16 lines.
                let a = unsafe { *tile.0.get_unchecked(line + row).get_unchecked(pair) };
                let a = as_bf16(_mm512_set1_epi32(a.cast_signed()));
                acc[0] = _mm512_dpbf16_ps(acc[0], a, b0);
                acc[1] = _mm512_dpbf16_ps(acc[1], a, b1);
            }
        }
    }
    for (row, acc) in acc.iter().enumerate() {
        for (half, &acc) in acc.iter().enumerate() {
            // SAFETY: inside the 8 rows of 32 that the caller promises.
            unsafe { _mm512_storeu_ps(sums.as_mut_ptr().add(row * stride + half * LINES), acc) };
        }
    }
}

#[inline(always)]
fn as_bf16(words: __m512i) -> __m512bh {
    // SAFETY: both are 64 bytes of any value.
    unsafe { std::mem::transmute::<__m512i, __m512bh>(words) }
}

const _: () = assert!(size_of::<__m512>() == LINES * size_of::<f32>());
