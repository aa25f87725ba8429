//! Products of codes by AMX: 16 rows × 16 queries a register, 32 × 32 at a time.

use super::lanes::Lanes;
use super::panel::{Line, Panels};
use super::sift::{QueryTerms, RowTerms, Sifted};
use crate::engine::{Amx, Engine};
use std::arch::asm;
use std::arch::x86_64::{_mm512_load_si512, _mm512_storeu_ps};
use std::cell::RefCell;
use std::ops::Range;

/// Rows, and queries, of one register.
const SIDE: usize = 16;
/// Rows, and queries, of a block.
const BLOCK: usize = 2 * SIDE;
/// Bytes of a row that one register holds.
const BYTES: usize = 64;

/// A block's sums, row after row.
#[repr(C, align(64))]
struct Sums([[i32; BLOCK]; BLOCK]);

/// Calls `found` for the products of some rows with one or two panels that pass, as [`super::sift`] does.
pub(super) fn sift(
    panels: &Panels,
    which: Range<usize>,
    codes: &[u8],
    rows: &[u32],
    (row_terms, query_terms): (&RowTerms<'_>, &QueryTerms<'_>),
    found: &mut dyn FnMut(Sifted),
) {
    thread_local! {
        static GATHERED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    let stride = panels.stride();
    // A single panel is multiplied twice, since there is nothing else to do.
    let each = [which.start, which.end - 1].map(|panel| panel..panel + 1);
    let lines = each.each_ref().map(|panel| panels.lines(panel));
    let corrections = each.each_ref().map(|panel| panels.corrections(panel));
    let mut sums = Sums([[0; BLOCK]; BLOCK]);
    let mut uppers = [[0.0; BLOCK]; BLOCK];
    let mut gathered = GATHERED.take();
    let mut ready = Amx::ready();
    for (first, rows) in rows.chunks(BLOCK).enumerate().map(|(at, rows)| (at * BLOCK, rows)) {
        let in_a_row = rows.len() == BLOCK && rows.windows(2).all(|pair| pair[1] == pair[0] + 1);
        let block = if in_a_row {
            &codes[rows[0] as usize * stride..][..BLOCK * stride]
        } else {
            gathered.resize(BLOCK * stride, 0);
            for (&row, into) in rows.iter().zip(gathered.chunks_exact_mut(stride)) {
                into.copy_from_slice(&codes[row as usize * stride..][..stride]);
            }
            &gathered[..]
        };
        // SAFETY: only called where the tier was found, which has AVX-512 too, and the tiles are configured; there are 32 rows of the
        // stride's bytes, a line of each panel for 4 of them, and numbers of 16 queries for each panel.
        let passing = unsafe {
            multiply(block, stride, lines, corrections, &mut sums);
            passing(&sums, which.len(), first, rows.len(), row_terms, query_terms, &mut uppers)
        };
        if passing == [0; BLOCK] {
            continue;
        }
        // What is done with them may want the registers too.
        drop(ready);
        for ((row, mut passing), uppers) in passing.into_iter().enumerate().zip(&uppers) {
            while passing != 0 {
                let value = passing.trailing_zeros() as usize;
                passing &= passing - 1;
                found(Sifted { row: first + row, value, upper: uppers[value] });
            }
        }
        ready = Amx::ready();
    }
    drop(ready);
    GATHERED.set(gathered);
}

/// For each of `count` rows a bit for each value that passes, whose upper bound then stands in `uppers`.
///
/// # Safety
/// The machine has AVX-512, and there are numbers of the queries for each lane of so many panels.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn passing(
    sums: &Sums,
    panels: usize,
    first: usize,
    count: usize,
    row_terms: &RowTerms<'_>,
    query_terms: &QueryTerms<'_>,
    uppers: &mut [[f32; BLOCK]; BLOCK],
) -> [u32; BLOCK] {
    let mut passing = [0; BLOCK];
    for panel in 0..panels {
        let lane = panel * SIDE;
        // SAFETY: by the caller's promise.
        let lanes = unsafe { Lanes::load(query_terms, lane) };
        for row in 0..count {
            // SAFETY: 16 of a row's 32 sums, aligned as all of them are.
            let products = unsafe { _mm512_load_si512(sums.0[row][lane..].as_ptr().cast()) };
            let (passes, upper) = lanes.bound(products, row_terms.of(first + row));
            if passes != 0 {
                passing[row] |= u32::from(passes) << lane;
                // SAFETY: room for 16 values.
                unsafe { _mm512_storeu_ps(uppers[row][lane..].as_mut_ptr(), upper) };
            }
        }
    }
    passing
}

/// `sums` = corrections + rows · queries.
///
/// # Safety
/// AMX with its int8 products is there, and configured by [`Amx::ready`]; `rows` are 32 of `stride` bytes, a multiple of 64, and each
/// panel has a line for every 4 bytes of a row, and 16 corrections.
unsafe fn multiply(
    rows: &[u8],
    stride: usize,
    panels: [&[Line]; 2],
    corrections: [&[i32]; 2],
    sums: &mut Sums,
) {
    // SAFETY: each round reads 64 bytes of each row and 16 lines of each panel, and moves on by as much. A stride of 0 reads the same 16
    // corrections for each row. Rows are read past the nearest cache (`t1`), where the panels are to stay.
    unsafe {
        asm!(
            "tileloadd tmm0, [{first} + {zero}]",
            "tileloadd tmm1, [{second} + {zero}]",
            "tileloadd tmm2, [{first} + {zero}]",
            "tileloadd tmm3, [{second} + {zero}]",
            first = in(reg) corrections[0].as_ptr(),
            second = in(reg) corrections[1].as_ptr(),
            zero = in(reg) 0usize,
            options(nostack, readonly)
        );
        asm!(
            "2:",
            "tileloadd tmm6, [{first} + {line}]",
            "tileloaddt1 tmm4, [{upper} + {stride}]",
            "tdpbusd tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{second} + {line}]",
            "tdpbusd tmm1, tmm4, tmm7",
            "tileloaddt1 tmm5, [{lower} + {stride}]",
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
        asm!(
            "tilestored [{upper} + {row}], tmm0",
            "tilestored [{upper} + {row} + 64], tmm1",
            "tilestored [{lower} + {row}], tmm2",
            "tilestored [{lower} + {row} + 64], tmm3",
            upper = in(reg) sums.0.as_mut_ptr(),
            lower = in(reg) sums.0[SIDE..].as_mut_ptr(),
            row = in(reg) BLOCK * size_of::<i32>(),
            options(nostack)
        );
    }
}
