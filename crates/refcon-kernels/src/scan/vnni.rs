//! Products of codes by AVX-512's VNNI: 64 products of bytes an instruction, added up in fours.

use super::panel::{COMPONENTS, Line, Panels};
use std::arch::x86_64::{
    _MM_HINT_T0, _mm_prefetch, _mm512_cvtepi32_ps, _mm512_dpbusd_epi32, _mm512_load_si512,
    _mm512_loadu_si512, _mm512_reduce_add_epi32, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_storeu_ps,
};
use std::ops::Range;

/// Rows whose products with three panels are in registers: 24 sums, 3 lines of the panels, 1 piece of a row.
const ROWS: usize = 8;

/// Bytes of one register.
const BYTES: usize = 64;

/// Products of some rows with one to three panels.
pub(super) fn products(panels: &Panels, which: Range<usize>, codes: &[u8], rows: &[u32], values: &mut [f32]) {
    let width = which.len() * Panels::LANES;
    let (lines, corrections) = (panels.lines(&which), panels.corrections(&which));
    for (rows, values) in rows.chunks(ROWS).zip(values.chunks_mut(ROWS * width)) {
        // The last row stands in for those that are missing.
        let pointers: [*const u8; ROWS] = std::array::from_fn(|at| {
            let row = rows[at.min(rows.len() - 1)] as usize;
            codes[row * panels.stride()..][..panels.stride()].as_ptr()
        });
        // SAFETY: only called where the tier was found; each row has the stride's bytes, each panel its lines, and there are as many
        // corrections and values a row as lanes.
        unsafe {
            match which.len() {
                1 => tile::<1>(pointers, lines, panels.depth(), corrections, values),
                2 => tile::<2>(pointers, lines, panels.depth(), corrections, values),
                3 => tile::<3>(pointers, lines, panels.depth(), corrections, values),
                other => unreachable!("{other} panels"),
            }
        }
    }
}

/// # Safety
/// The machine has the instructions; each row has `depth · 4` bytes, `lines` are `PANELS · depth`, `corrections` `PANELS · 16`, and
/// `values` a multiple of that, at most [`ROWS`] times.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn tile<const PANELS: usize>(
    rows: [*const u8; ROWS],
    lines: &[Line],
    depth: usize,
    corrections: &[i32],
    values: &mut [f32],
) {
    let mut sums = [[_mm512_setzero_si512(); PANELS]; ROWS];
    for (panel, corrections) in corrections.as_chunks::<{ Panels::LANES }>().0.iter().enumerate() {
        // SAFETY: 16 numbers.
        let start = unsafe { _mm512_loadu_si512(corrections.as_ptr().cast()) };
        sums.iter_mut().for_each(|row| row[panel] = start);
    }
    let lines = lines.as_ptr();
    for at in 0..depth {
        // SAFETY: each panel has `depth` lines.
        let lines: [_; PANELS] =
            std::array::from_fn(|panel| unsafe { _mm512_load_si512(lines.add(panel * depth + at).cast()) });
        for (row, sums) in rows.iter().zip(&mut sums) {
            // SAFETY: inside the row's bytes.
            let piece = unsafe { row.add(at * COMPONENTS).cast::<i32>().read_unaligned() };
            let piece = _mm512_set1_epi32(piece);
            for (sum, line) in sums.iter_mut().zip(lines) {
                *sum = _mm512_dpbusd_epi32(*sum, piece, line);
            }
        }
    }
    for (values, sums) in values.chunks_exact_mut(PANELS * Panels::LANES).zip(&sums) {
        for (values, &sum) in values.as_chunks_mut::<{ Panels::LANES }>().0.iter_mut().zip(sums) {
            // SAFETY: room for 16 values.
            unsafe { _mm512_storeu_ps(values.as_mut_ptr(), _mm512_cvtepi32_ps(sum)) };
        }
    }
}

/// Products of four rows with one to four vectors of the same length, a multiple of 64. Of `ahead`, as many bytes are brought nearer.
///
/// # Safety
/// The machine has the instructions; rows and vectors have `bytes` bytes.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
pub(super) unsafe fn four_rows<const VECTORS: usize>(
    rows: [*const u8; 4],
    ahead: [*const u8; 4],
    vectors: [*const i8; VECTORS],
    bytes: usize,
) -> [[i32; VECTORS]; 4] {
    let mut sums = [[_mm512_setzero_si512(); VECTORS]; 4];
    for at in (0..bytes).step_by(BYTES) {
        // SAFETY: inside the bytes that the caller promises.
        let vectors: [_; VECTORS] =
            std::array::from_fn(|index| unsafe { _mm512_loadu_si512(vectors[index].add(at).cast()) });
        for ((row, ahead), sums) in rows.iter().zip(ahead).zip(&mut sums) {
            _mm_prefetch::<_MM_HINT_T0>(ahead.wrapping_add(at).cast());
            // SAFETY: as above.
            let row = unsafe { _mm512_loadu_si512(row.add(at).cast()) };
            for (sum, vector) in sums.iter_mut().zip(vectors) {
                *sum = _mm512_dpbusd_epi32(*sum, row, vector);
            }
        }
    }
    sums.map(|sums| sums.map(|sum| _mm512_reduce_add_epi32(sum)))
}
