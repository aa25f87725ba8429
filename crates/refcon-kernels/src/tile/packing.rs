//! Packing of a factor's tiles: all of them, or a task's.

#[cfg(target_arch = "x86_64")]
use super::x86;
use super::{DEPTH, Side, Tile, pack_tile};
use crate::matrix::{Element, Matrix};
use rayon::prelude::*;
use std::ops::Range;

/// Packs groups of 16 lines, `depth` tiles each, one group after the other.
///
/// `lines` is `[lines, k]`: the left factor, or the right factor transposed. What lies outside of it is packed as zero.
pub(crate) fn pack_groups<T: Element>(lines: Matrix<'_, T>, side: Side, depth: usize, tiles: &mut [Tile]) {
    let groups = tiles.len().checked_div(depth).unwrap_or(0);
    // SAFETY: all these tiles are in the slice.
    unsafe { pack_part(lines, side, 0..groups, 0..depth, depth, tiles.as_mut_ptr()) };
}

/// Packs the first tile of each of `groups` of 16 lines, each `depth` tiles after the one before; otherwise as [`pack_groups`].
pub(crate) fn pack_firsts(lines: Matrix<'_>, side: Side, groups: usize, depth: usize, tiles: &mut [Tile]) {
    assert!(groups == 0 || tiles.len() > (groups - 1) * depth, "room for {groups} tiles");
    // SAFETY: by the assertion.
    unsafe { pack_part(lines, side, 0..groups, 0..1, depth, tiles.as_mut_ptr()) };
}

/// As [`pack_groups`], with all threads.
pub(crate) fn pack<T: Element>(lines: Matrix<'_, T>, side: Side, tiles: &mut [Tile]) {
    let depth = lines.columns().div_ceil(DEPTH);
    let groups = tiles.len().checked_div(depth).unwrap_or(0);
    // Whole rows of memory go to a task.
    let along = lines.strides()[1] == 1;
    let whole = if along { groups } else { depth };
    let most = TASKS_A_THREAD * rayon::current_num_threads();
    let parts = (groups * depth / TILES_A_TASK).clamp(1, most.max(1)).min(whole);
    let shared = SharedTiles(tiles.as_mut_ptr());
    let task = |part: usize| {
        let range = whole * part / parts..whole * (part + 1) / parts;
        let (groups, blocks) = if along { (range, 0..depth) } else { (0..groups, range) };
        // SAFETY: the slice has `groups` of `depth` tiles, and no two tasks have the same.
        unsafe { pack_part(lines, side, groups, blocks, depth, shared.first()) };
    };
    match parts {
        0 => {}
        1 => task(0),
        _ => (0..parts).into_par_iter().with_max_len(1).for_each(task),
    }
}

/// Tasks for each thread, so that none waits long for the last ones.
const TASKS_A_THREAD: usize = 4;

/// Fewer tiles are no work for a task: this many are packed in two microseconds.
const TILES_A_TASK: usize = 32;

/// The first of some tiles that several threads write, each its own.
struct SharedTiles(*mut Tile);

// SAFETY: no two tasks write the same tile (see `pack`).
unsafe impl Sync for SharedTiles {}

impl SharedTiles {
    fn first(&self) -> *mut Tile {
        self.0
    }
}

/// Packs the tiles `groups` × `blocks`; the tile that is `group` down and `block` across lies at `group · depth + block`.
///
/// # Safety
/// Those tiles lie where `tiles` points, and nobody else uses them at the same time.
unsafe fn pack_part<T: Element>(
    lines: Matrix<'_, T>,
    side: Side,
    groups: Range<usize>,
    blocks: Range<usize>,
    depth: usize,
    tiles: *mut Tile,
) {
    #[cfg(target_arch = "x86_64")]
    if x86::is_here()
        && let Some(lines) = lines.as_f32()
    {
        let [line_stride, depth_stride] = lines.strides();
        if depth_stride == 1 && blocks == (0..depth) {
            // SAFETY: the instructions were found on this machine; the tiles by the caller's promise.
            unsafe { x86::pack_along(lines, side, groups, depth, tiles) };
            return;
        }
        if line_stride == 1 {
            // SAFETY: as above.
            unsafe { x86::pack_across(lines, side, groups, blocks, depth, tiles) };
            return;
        }
    }
    // In the order in which the values lie in memory.
    let along = lines.strides()[1] == 1;
    let [outer, inner] = if along { [groups, blocks] } else { [blocks, groups] };
    for outer in outer {
        for inner in inner.clone() {
            let (group, block) = if along { (outer, inner) } else { (inner, outer) };
            // SAFETY: by the caller's promise.
            pack_tile(lines, group, block, side, unsafe { &mut *tiles.add(group * depth + block) });
        }
    }
}
