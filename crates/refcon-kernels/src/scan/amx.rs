//! Products of codes by AMX: 16 rows × 16 queries a register, 32 × 32 at a time.
//!
//! Like the products of bf16 tiles (`engine/amx.rs`), it was written on machines without AMX: tests run it with its instructions
//! emulated, and how fast it is has not been measured.

use super::panel::{Line, Panels};
use crate::engine::{Amx, Engine};
use std::arch::asm;
use std::cell::RefCell;
use std::ops::Range;

/// Rows, and queries, of one register.
const SIDE: usize = 16;
/// Bytes of a row that one register holds.
const BYTES: usize = 64;

/// 32 × 32 sums.
#[repr(C, align(64))]
struct Sums([i32; 4 * SIDE * SIDE]);

/// Products of some rows with one or two panels.
pub(super) fn products(panels: &Panels, which: Range<usize>, codes: &[u8], rows: &[u32], values: &mut [f32]) {
    thread_local! {
        static GATHERED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    let stride = panels.stride();
    let width = which.len() * Panels::LANES;
    let (lines, corrections) = (panels.lines(&which), panels.corrections(&which));
    let _ready = Amx::ready();
    GATHERED.with_borrow_mut(|gathered| {
        gathered.resize(2 * SIDE * stride, 0);
        for (rows, values) in rows.chunks(2 * SIDE).zip(values.chunks_mut(2 * SIDE * width)) {
            let in_a_row = rows.len() == 2 * SIDE && rows.windows(2).all(|pair| pair[1] == pair[0] + 1);
            let block = if in_a_row {
                &codes[rows[0] as usize * stride..][..2 * SIDE * stride]
            } else {
                for (&row, into) in rows.iter().zip(gathered.chunks_exact_mut(stride)) {
                    into.copy_from_slice(&codes[row as usize * stride..][..stride]);
                }
                &gathered[..]
            };
            let mut sums = Sums([0; 4 * SIDE * SIDE]);
            // A single panel is multiplied twice, since there is nothing else to do.
            let second = &lines[(which.len() - 1) * panels.depth()..];
            // SAFETY: only called where the tier was found, and the tiles are configured; there are 32 rows of the stride's bytes,
            // and a line of each panel for 4 of them.
            unsafe { multiply(block, stride, [&lines[..panels.depth()], second], &mut sums) };
            for (row, values) in values.chunks_exact_mut(width).enumerate() {
                let sums = &sums.0[row * 2 * SIDE..][..width];
                for ((value, sum), correction) in values.iter_mut().zip(sums).zip(corrections) {
                    *value = (sum + correction) as f32;
                }
            }
        }
    });
}

/// # Safety
/// AMX with its int8 products is there, and configured by [`Amx::ready`]; `rows` are 32 of `stride` bytes, a multiple of 64, and each
/// panel has a line for every 4 bytes of a row.
unsafe fn multiply(rows: &[u8], stride: usize, panels: [&[Line]; 2], sums: &mut Sums) {
    // SAFETY: each round reads 64 bytes of each row and 16 lines of each panel, and moves on by as much.
    unsafe {
        asm!(
            "tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3",
            "2:",
            "tileloadd tmm4, [{upper} + {stride}]",
            "tileloadd tmm6, [{first} + {line}]",
            "tdpbusd tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{second} + {line}]",
            "tdpbusd tmm1, tmm4, tmm7",
            "tileloadd tmm5, [{lower} + {stride}]",
            "tdpbusd tmm2, tmm5, tmm6",
            "tdpbusd tmm3, tmm5, tmm7",
            "add {upper}, 64",
            "add {lower}, 64",
            "add {first}, 1024",
            "add {second}, 1024",
            "dec {rounds}",
            "jnz 2b",
            upper = inout(reg) rows.as_ptr() => _,
            lower = inout(reg) rows[SIDE * stride..].as_ptr() => _,
            first = inout(reg) panels[0].as_ptr() => _,
            second = inout(reg) panels[1].as_ptr() => _,
            rounds = inout(reg) stride / BYTES => _,
            stride = in(reg) stride,
            line = in(reg) size_of::<Line>(),
            options(nostack, readonly)
        );
        let row_bytes = 2 * SIDE * size_of::<i32>();
        asm!(
            "tilestored [{upper} + {row}], tmm0",
            "tilestored [{upper} + {row} + 64], tmm1",
            "tilestored [{lower} + {row}], tmm2",
            "tilestored [{lower} + {row} + 64], tmm3",
            upper = in(reg) sums.0.as_mut_ptr(),
            lower = in(reg) sums.0[2 * SIDE * SIDE..].as_mut_ptr(),
            row = in(reg) row_bytes,
            options(nostack)
        );
    }
}
