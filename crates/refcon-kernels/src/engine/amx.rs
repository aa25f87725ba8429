//! AMX: 16 × 16 sums a register, 32 × 32 a block.
//!
//! The instructions are not in stable Rust's intrinsics, so they are written as assembly. The compiler uses no tile registers
//! itself, so they keep their values from one piece of assembly to the next, and none is declared as overwritten.
//!
//! On processors without AMX, tests run this assembly with its instructions emulated (`trap.rs`).

use super::{Block, Engine};
use crate::tile::{LINES, Tile};
use std::arch::asm;
use std::marker::PhantomData;

pub(crate) struct Amx;

/// A thread whose tile registers are configured.
pub(crate) struct Configured {
    /// The configuration belongs to the thread: this must not leave it.
    thread: PhantomData<*const ()>,
}

/// The layout that `ldtilecfg` reads: palette 1, 8 tiles of 16 rows of 64 bytes.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    bytes_a_row: [u16; 16],
    rows: [u8; 16],
}

impl Configured {
    fn new() -> Configured {
        const TILES: usize = 8;
        let mut configuration = Configuration {
            palette: 1,
            start_row: 0,
            reserved: [0; 14],
            bytes_a_row: [0; 16],
            rows: [0; 16],
        };
        configuration.bytes_a_row[..TILES].fill(64);
        configuration.rows[..TILES].fill(16);
        // SAFETY: an engine is only made ready where the tier was found, so the instruction is there and allowed; it reads
        // these 64 bytes.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const configuration, options(nostack, readonly)) };
        Configured { thread: PhantomData }
    }
}

impl Drop for Configured {
    fn drop(&mut self) {
        let PhantomData = self.thread;
        // SAFETY: as for the configuration. Released, the registers need not be saved when threads are switched.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
}

/// Between lines of a packed tile, in bytes.
const LINE_BYTES: usize = 64;

impl Engine for Amx {
    // 2 × 12 KiB of the right factor stay in a first cache of 48 KiB, past which the rows of the left one are read (`tileloaddt1`): on
    // Emerald Rapids 1.9 of the 2.9 TFLOP/s of a thread's registers, instead of 1.5 where both went through that cache.
    const DEPTH_A_PASS: usize = 12;

    // Tiles come from the second cache through the same few buffers that the lines would wait in: asking ahead costs a fifth.
    const ASKS_AHEAD: bool = false;

    fn ready() -> impl Sized {
        Configured::new()
    }

    unsafe fn multiply(block: Block<'_>) {
        let depth = block.checked_depth();
        let Block { left, right, rows, accumulate, stride, sums } = block;
        let sums = sums.as_mut_ptr();
        // SAFETY: the caller has the instructions and a configured thread; `checked_depth` has compared the lengths: tiles 0 to
        // 3 hold sums of the rows and columns that the sums have room for, and `depth` tiles are read from each group.
        unsafe {
            if rows > LINES {
                if accumulate {
                    load_sums(sums, stride);
                    load_sums_below(sums, stride);
                } else {
                    asm!(
                        "tilezero tmm0",
                        "tilezero tmm1",
                        "tilezero tmm2",
                        "tilezero tmm3",
                        options(nostack)
                    );
                }
                if depth > 0 {
                    multiply_32_rows(left, right, depth);
                }
                store_sums(sums, stride);
                store_sums_below(sums, stride);
            } else {
                if accumulate {
                    load_sums(sums, stride);
                } else {
                    asm!("tilezero tmm0", "tilezero tmm1", options(nostack));
                }
                if depth > 0 {
                    multiply_16_rows(left[0], right, depth);
                }
                store_sums(sums, stride);
            }
        }
    }
}

/// Tiles 0 to 3 += rows of both groups · columns of both groups.
///
/// # Safety
/// AMX is there and configured; each group has `depth` tiles, at least one.
#[inline(always)]
unsafe fn multiply_32_rows(left: [&[Tile]; 2], right: [&[Tile]; 2], depth: usize) {
    // SAFETY: each round reads one tile of each group and moves on by one.
    unsafe {
        asm!(
            "2:",
            "tileloadd tmm6, [{b0} + {line}]",
            "tileloaddt1 tmm4, [{a0} + {line}]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{b1} + {line}]",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tileloaddt1 tmm5, [{a1} + {line}]",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            "add {a0}, 1024",
            "add {a1}, 1024",
            "add {b0}, 1024",
            "add {b1}, 1024",
            "dec {depth}",
            "jnz 2b",
            a0 = inout(reg) left[0].as_ptr() => _,
            a1 = inout(reg) left[1].as_ptr() => _,
            b0 = inout(reg) right[0].as_ptr() => _,
            b1 = inout(reg) right[1].as_ptr() => _,
            depth = inout(reg) depth => _,
            line = in(reg) LINE_BYTES,
            options(nostack, readonly)
        );
    }
}

/// Tiles 0 and 1 += rows of one group · columns of both groups.
///
/// # Safety
/// AMX is there and configured; each group has `depth` tiles, at least one.
#[inline(always)]
unsafe fn multiply_16_rows(left: &[Tile], right: [&[Tile]; 2], depth: usize) {
    // SAFETY: each round reads one tile of each group and moves on by one.
    unsafe {
        asm!(
            "2:",
            "tileloaddt1 tmm4, [{a0} + {line}]",
            "tileloadd tmm6, [{b0} + {line}]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{b1} + {line}]",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "add {a0}, 1024",
            "add {b0}, 1024",
            "add {b1}, 1024",
            "dec {depth}",
            "jnz 2b",
            a0 = inout(reg) left.as_ptr() => _,
            b0 = inout(reg) right[0].as_ptr() => _,
            b1 = inout(reg) right[1].as_ptr() => _,
            depth = inout(reg) depth => _,
            line = in(reg) LINE_BYTES,
            options(nostack, readonly)
        );
    }
}

/// # Safety
/// AMX is there and configured; `sums` has 16 rows of 32 values, `stride` values apart.
#[inline(always)]
unsafe fn load_sums(sums: *mut f32, stride: usize) {
    // SAFETY: reads those rows.
    unsafe {
        asm!("tileloadd tmm0, [{sums} + {stride}]", "tileloadd tmm1, [{sums} + {stride} + 64]",
            sums = in(reg) sums, stride = in(reg) stride * size_of::<f32>(), options(nostack, readonly));
    }
}

/// # Safety
/// As for [`load_sums`], with 32 rows; reads the last 16.
#[inline(always)]
unsafe fn load_sums_below(sums: *mut f32, stride: usize) {
    // SAFETY: reads those rows.
    unsafe {
        asm!("tileloadd tmm2, [{sums} + {stride}]", "tileloadd tmm3, [{sums} + {stride} + 64]",
            sums = in(reg) sums.add(LINES * stride), stride = in(reg) stride * size_of::<f32>(),
            options(nostack, readonly));
    }
}

/// # Safety
/// AMX is there and configured; `sums` has 16 rows of 32 values, `stride` values apart.
#[inline(always)]
unsafe fn store_sums(sums: *mut f32, stride: usize) {
    // SAFETY: writes those rows.
    unsafe {
        asm!("tilestored [{sums} + {stride}], tmm0", "tilestored [{sums} + {stride} + 64], tmm1",
            sums = in(reg) sums, stride = in(reg) stride * size_of::<f32>(), options(nostack));
    }
}

/// # Safety
/// As for [`store_sums`], with 32 rows; writes the last 16.
#[inline(always)]
unsafe fn store_sums_below(sums: *mut f32, stride: usize) {
    // SAFETY: writes those rows.
    unsafe {
        asm!("tilestored [{sums} + {stride}], tmm2", "tilestored [{sums} + {stride} + 64], tmm3",
            sums = in(reg) sums.add(LINES * stride), stride = in(reg) stride * size_of::<f32>(), options(nostack));
    }
}
