//! Packing of f32 with AVX-512 and the instruction that rounds 32 values to bf16. Like the products, it takes denormal numbers for
//! zero.
//!
//! What is packed was often written long ago and lies in memory: rows are read from end to end, and asked for ahead.

use crate::matrix::Matrix;
use crate::prefetch::for_reading;
use crate::tile::{DEPTH, LINES, Side, Tile, transpose_avx512};
use std::arch::x86_64::{
    __m512, __m512bh, __m512i, _mm512_cvtne2ps_pbh, _mm512_loadu_ps, _mm512_loadu_si512,
    _mm512_maskz_loadu_ps, _mm512_permutexvar_epi16, _mm512_setzero_ps, _mm512_setzero_si512,
    _mm512_store_si512,
};
use std::ops::Range;

/// How far ahead values are asked for, in values: 4 KiB.
const AHEAD: usize = 1024;

/// Groups whose tiles are filled together where they are transposed afterwards: they fit a core's first cache, wherever they lie.
const GROUPS_AT_ONCE: usize = 8;

/// Whether this machine has the instructions.
pub(super) fn is_here() -> bool {
    crate::vector::Vector::here() == crate::vector::Vector::Avx512 && is_x86_feature_detected!("avx512bf16")
}

/// Packs `groups` of `lines`, whose values follow each other: as [`super::packing::pack_part`] for all tiles along `k`.
///
/// # Safety
/// As for [`super::packing::pack_part`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")]
pub(super) unsafe fn pack_along(
    lines: Matrix<'_>,
    side: Side,
    groups: Range<usize>,
    depth: usize,
    tiles: *mut Tile,
) {
    let stride = lines.strides()[0].max(1);
    let ahead = stride * (AHEAD / stride).max(1);
    for group in groups {
        // SAFETY: the caller's own tiles.
        let tiles = unsafe { std::slice::from_raw_parts_mut(tiles.add(group * depth), depth) };
        for line in 0..LINES {
            let row = group * LINES + line;
            if row >= lines.rows() {
                tiles.iter_mut().for_each(|tile| store(&mut tile.0[line], _mm512_setzero_si512()));
                continue;
            }
            let values = lines.row(row);
            let next = values.as_ptr().wrapping_add(ahead);
            let (full, rest) = values.as_chunks::<DEPTH>();
            for ((block, tile), full) in tiles.iter_mut().enumerate().zip(full) {
                for_reading(next.wrapping_add(block * DEPTH));
                for_reading(next.wrapping_add(block * DEPTH + LINES));
                // SAFETY: read 16 of 32 values each.
                let (low, high) =
                    unsafe { (_mm512_loadu_ps(full.as_ptr()), _mm512_loadu_ps(full.as_ptr().add(LINES))) };
                store(&mut tile.0[line], rounded(low, high));
            }
            let mut unfilled = tiles.iter_mut().skip(full.len());
            if let Some(tile) = unfilled.next() {
                store(&mut tile.0[line], rounded(some_of_sixteen(rest, 0), some_of_sixteen(rest, LINES)));
            }
            unfilled.for_each(|tile| store(&mut tile.0[line], _mm512_setzero_si512()));
        }
        if side == Side::Right {
            tiles.iter_mut().for_each(|tile| transpose_avx512(tile));
        }
    }
}

/// Packs `groups` × `blocks` of lines that lie side by side: as [`super::packing::pack_part`].
///
/// # Safety
/// As for [`super::packing::pack_part`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")]
pub(super) unsafe fn pack_across(
    lines: Matrix<'_>,
    side: Side,
    groups: Range<usize>,
    blocks: Range<usize>,
    depth: usize,
    tiles: *mut Tile,
) {
    /// 0, 16, 1, 17, … 15, 31.
    const ALTERNATE: [u16; 2 * LINES] = {
        let mut order = [0; 2 * LINES];
        let mut at = 0;
        while at < LINES {
            order[2 * at] = at as u16;
            order[2 * at + 1] = (LINES + at) as u16;
            at += 1;
        }
        order
    };
    // SAFETY: reads the constant's 64 bytes.
    let alternate = unsafe { _mm512_loadu_si512(ALTERNATE.as_ptr().cast()) };
    let at_once = if side == Side::Left { GROUPS_AT_ONCE } else { groups.len().max(1) };
    let stride = lines.strides()[1];
    let ahead = stride * 2 * (AHEAD / (2 * LINES * at_once)).max(1);
    let whole = lines.transposed();
    let row = |k: usize| if k < whole.rows() { whole.row(k) } else { &[] };
    for first in groups.clone().step_by(at_once) {
        let strip = first..(first + at_once).min(groups.end);
        for block in blocks.clone() {
            // SAFETY: the caller's own tiles, one at a time.
            let tile = |group: usize| unsafe { &mut *tiles.add(group * depth + block) };
            for pair in 0..LINES {
                let k = block * DEPTH + 2 * pair;
                let rows = [row(k), row(k + 1)];
                for group in strip.clone() {
                    let from = group * LINES;
                    for_reading(rows[0].as_ptr().wrapping_add(from + ahead));
                    for_reading(rows[1].as_ptr().wrapping_add(from + ahead));
                    let halves = if rows.iter().all(|row| row.len() >= from + LINES) {
                        // SAFETY: 16 values of each from there on, as was just found.
                        let (low, high) = unsafe {
                            (
                                _mm512_loadu_ps(rows[0].as_ptr().add(from)),
                                _mm512_loadu_ps(rows[1].as_ptr().add(from)),
                            )
                        };
                        rounded(low, high)
                    } else {
                        rounded(some_of_sixteen(rows[0], from), some_of_sixteen(rows[1], from))
                    };
                    store(&mut tile(group).0[pair], _mm512_permutexvar_epi16(alternate, halves));
                }
            }
            if side == Side::Left {
                strip.clone().for_each(|group| transpose_avx512(tile(group)));
            }
        }
    }
}

/// 16 values from `from` on, zeros where there are no more.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")]
fn some_of_sixteen(values: &[f32], from: usize) -> __m512 {
    let values = values.get(from..).unwrap_or_default();
    match values.len() {
        // Processors take hundreds of cycles over a load from memory that is not there, even one of no values.
        0 => _mm512_setzero_ps(),
        // SAFETY: reads as many values as there are.
        count @ 1..LINES => unsafe { _mm512_maskz_loadu_ps((1_u16 << count) - 1, values.as_ptr()) },
        // SAFETY: reads 16 values.
        LINES.. => unsafe { _mm512_loadu_ps(values.as_ptr()) },
    }
}

/// 32 values as bf16, in their order.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")]
fn rounded(low: __m512, high: __m512) -> __m512i {
    // SAFETY: both are 64 bytes of any value.
    unsafe { std::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high, low)) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")]
fn store(words: &mut [u32; LINES], line: __m512i) {
    // SAFETY: a line is 64 bytes, aligned as its tile is.
    unsafe { _mm512_store_si512(words.as_mut_ptr().cast(), line) };
}
