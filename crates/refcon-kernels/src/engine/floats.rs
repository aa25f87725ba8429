//! Tiles of f32, with the fused products of AVX-512 and AVX2: as many sums in registers as there are.

use super::{Block, Engine};
use crate::tile::Words;
#[cfg(target_arch = "x86_64")]
use crate::tile::{LINES, Tile};

pub(crate) struct Floats;

impl Engine for Floats {
    const WORDS: Words = Words::Floats;

    // 32 columns of so many values of `k` are 256 KiB, half of the second cache.
    const DEPTH_A_PASS: usize = 128;

    fn ready() -> impl Sized {}

    unsafe fn multiply(block: Block<'_>) {
        block.checked_depth();
        #[cfg(target_arch = "x86_64")]
        {
            let wide = crate::vector::Vector::here() == crate::vector::Vector::Avx512;
            let Block { left, right, rows, accumulate, stride, sums } = block;
            let step = if wide { x86::ROWS_512 } else { x86::ROWS_256 };
            for first in (0..rows).step_by(step) {
                let rows = x86::Rows { tiles: left[first / LINES], line: first % LINES };
                let sums = &mut sums[first * stride..];
                // SAFETY: the caller has the instructions; `checked_depth` has compared the lengths.
                unsafe {
                    match (wide, accumulate) {
                        (true, true) => x86::wide::<true>(rows, right, stride, sums),
                        (true, false) => x86::wide::<false>(rows, right, stride, sums),
                        (false, true) => x86::narrow::<true>(rows, right, stride, sums),
                        (false, false) => x86::narrow::<false>(rows, right, stride, sums),
                    }
                }
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        unreachable!("tiles of f32 are packed where there is AVX2");
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{LINES, Tile};
    use std::arch::x86_64::{
        _mm256_broadcast_ss, _mm256_fmadd_ps, _mm256_load_ps, _mm256_loadu_ps, _mm256_setzero_ps,
        _mm256_storeu_ps, _mm512_fmadd_ps, _mm512_load_ps, _mm512_loadu_ps, _mm512_set1_ps,
        _mm512_setzero_ps, _mm512_storeu_ps,
    };

    /// With 32 columns 16 sums of 32 registers.
    pub(super) const ROWS_512: usize = 8;
    /// With 16 columns 8 sums of 16 registers: as many as hide the latency.
    pub(super) const ROWS_256: usize = 4;

    /// Some rows of a left factor: those of a group from a line on.
    #[derive(Clone, Copy)]
    pub(super) struct Rows<'a> {
        pub(super) tiles: &'a [Tile],
        pub(super) line: usize,
    }

    impl Rows<'_> {
        /// The value of `row` at `k` of the tile that is `block` deep.
        ///
        /// # Safety
        /// All of them are inside.
        #[inline(always)]
        unsafe fn value(&self, block: usize, row: usize, k: usize) -> *const f32 {
            // SAFETY: by the caller's promise.
            unsafe {
                std::ptr::from_ref(
                    self.tiles.get_unchecked(block).0.get_unchecked(self.line + row).get_unchecked(k),
                )
                .cast()
            }
        }
    }

    /// # Safety
    /// The machine has AVX-512; `rows` has 8 lines from its first on, `right` as many tiles, and `sums` room for 8 rows of 32.
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn wide<const ACCUMULATE: bool>(
        rows: Rows<'_>,
        right: [&[Tile]; 2],
        stride: usize,
        sums: &mut [f32],
    ) {
        let mut acc = [[_mm512_setzero_ps(); 2]; ROWS_512];
        if ACCUMULATE {
            for (row, acc) in acc.iter_mut().enumerate() {
                for (half, acc) in acc.iter_mut().enumerate() {
                    // SAFETY: inside the 8 rows of 32 that the caller promises.
                    *acc = unsafe { _mm512_loadu_ps(sums.as_ptr().add(row * stride + half * LINES)) };
                }
            }
        }
        for block in 0..rows.tiles.len() {
            for k in 0..LINES {
                // SAFETY: the right factor has as many tiles; a line of a tile is 64 aligned bytes.
                let b = right
                    .map(|right| unsafe { _mm512_load_ps(right.get_unchecked(block).0[k].as_ptr().cast()) });
                for (row, acc) in acc.iter_mut().enumerate() {
                    // SAFETY: one of the 8 rows that the caller promises.
                    let a = _mm512_set1_ps(unsafe { *rows.value(block, row, k) });
                    acc[0] = _mm512_fmadd_ps(a, b[0], acc[0]);
                    acc[1] = _mm512_fmadd_ps(a, b[1], acc[1]);
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

    /// As [`wide`], 4 rows of 32.
    ///
    /// # Safety
    /// The machine has AVX2 and FMA; `rows` has 4 lines from its first on, `right` as many tiles, and `sums` room for 4 rows of 32.
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn narrow<const ACCUMULATE: bool>(
        rows: Rows<'_>,
        right: [&[Tile]; 2],
        stride: usize,
        sums: &mut [f32],
    ) {
        const WIDTH: usize = 8;
        for (group, right) in right.into_iter().enumerate() {
            let sums = &mut sums[group * LINES..];
            let mut acc = [[_mm256_setzero_ps(); 2]; ROWS_256];
            if ACCUMULATE {
                for (row, acc) in acc.iter_mut().enumerate() {
                    for (half, acc) in acc.iter_mut().enumerate() {
                        // SAFETY: inside the 4 rows of 32 that the caller promises.
                        *acc = unsafe { _mm256_loadu_ps(sums.as_ptr().add(row * stride + half * WIDTH)) };
                    }
                }
            }
            for block in 0..rows.tiles.len() {
                for k in 0..LINES {
                    // SAFETY: the right factor has as many tiles.
                    let b = unsafe { right.get_unchecked(block).0[k].as_ptr().cast::<f32>() };
                    // SAFETY: a line of a tile is 64 aligned bytes.
                    let b = unsafe { [_mm256_load_ps(b), _mm256_load_ps(b.add(WIDTH))] };
                    for (row, acc) in acc.iter_mut().enumerate() {
                        // SAFETY: one of the 4 rows that the caller promises.
                        let a = unsafe { _mm256_broadcast_ss(&*rows.value(block, row, k)) };
                        acc[0] = _mm256_fmadd_ps(a, b[0], acc[0]);
                        acc[1] = _mm256_fmadd_ps(a, b[1], acc[1]);
                    }
                }
            }
            for (row, acc) in acc.iter().enumerate() {
                for (half, &acc) in acc.iter().enumerate() {
                    // SAFETY: inside the 4 rows of 32 that the caller promises.
                    unsafe { _mm256_storeu_ps(sums.as_mut_ptr().add(row * stride + half * WIDTH), acc) };
                }
            }
        }
    }
}
