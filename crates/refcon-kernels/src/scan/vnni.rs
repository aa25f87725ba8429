//! Products of codes by AVX-512's VNNI: 64 products of bytes an instruction, added up in fours.

use super::lanes::Lanes;
use super::panel::{COMPONENTS, Line, Panels};
use super::queries::MOST_VALUES;
use super::sift::{QueryTerms, RowTerms, Sifted};
use std::arch::x86_64::{
    __m512i, _mm512_dpbusd_epi32, _mm512_load_si512, _mm512_loadu_si512, _mm512_set1_epi32,
    _mm512_setzero_si512, _mm512_storeu_ps,
};
use std::ops::Range;

/// Rows whose products with three panels are in registers: 24 sums, 3 lines of the panels, 1 piece of a row.
const ROWS: usize = 8;

/// Calls `found` for the products of some rows with one to three panels that pass, as [`super::sift`] does.
///
/// Products never leave the registers unless one of them passes.
pub(super) fn sift(
    panels: &Panels,
    which: Range<usize>,
    codes: &[u8],
    rows: &[u32],
    (row_terms, query_terms): (&RowTerms<'_>, &QueryTerms<'_>),
    found: &mut dyn FnMut(Sifted),
) {
    let width = which.len() * Panels::LANES;
    let (lines, corrections) = (panels.lines(&which), panels.corrections(&which));
    let mut uppers = [0.0; ROWS * MOST_VALUES];
    for (first, rows) in rows.chunks(ROWS).enumerate().map(|(at, rows)| (at * ROWS, rows)) {
        // The last row stands in for those that are missing.
        let index = |at: usize| at.min(rows.len() - 1);
        let pointers: [*const u8; ROWS] = std::array::from_fn(|at| {
            codes[rows[index(at)] as usize * panels.stride()..][..panels.stride()].as_ptr()
        });
        let terms = std::array::from_fn(|at| row_terms.of(first + index(at)));
        let tile =
            Tile { rows: pointers, lines, depth: panels.depth(), corrections, terms, queries: query_terms };
        // SAFETY: only called where the tier was found; each row has the stride's bytes, each panel its lines, and there are as many
        // corrections and numbers of the queries as lanes.
        let passing = unsafe {
            match which.len() {
                1 => tile.sift::<1>(&mut uppers),
                2 => tile.sift::<2>(&mut uppers),
                3 => tile.sift::<3>(&mut uppers),
                other => unreachable!("{other} panels"),
            }
        };
        for (row, mut passing) in passing.into_iter().enumerate().take(rows.len()) {
            while passing != 0 {
                let value = passing.trailing_zeros() as usize;
                passing &= passing - 1;
                found(Sifted { row: first + row, value, upper: uppers[row * width + value] });
            }
        }
    }
}

/// Some rows and panels.
struct Tile<'a> {
    rows: [*const u8; ROWS],
    lines: &'a [Line],
    depth: usize,
    corrections: &'a [i32],
    /// Scale, error, norm and offset of each row.
    terms: [[f32; 4]; ROWS],
    queries: &'a QueryTerms<'a>,
}

impl Tile<'_> {
    /// For each row a bit for each value that passes. Where one passes, the row's upper bounds stand in `uppers`, `[rows, width]`.
    ///
    /// # Safety
    /// The machine has the instructions; each row has `depth · 4` bytes, `lines` are `PANELS · depth`, and there are `PANELS · 16`
    /// corrections and numbers of the queries.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
    unsafe fn sift<const PANELS: usize>(&self, uppers: &mut [f32; ROWS * MOST_VALUES]) -> [u64; ROWS] {
        // SAFETY: by the caller's promise.
        let sums = unsafe { self.products::<PANELS>() };
        let mut passing = [0; ROWS];
        for panel in 0..PANELS {
            let lane = panel * Panels::LANES;
            // SAFETY: 16 numbers of the queries for each panel.
            let lanes = unsafe { Lanes::load(self.queries, lane) };
            for row in 0..ROWS {
                let (passes, upper) = lanes.bound(sums[row][panel], self.terms[row]);
                if passes != 0 {
                    passing[row] |= u64::from(passes) << lane;
                    let place = &mut uppers[(row * PANELS + panel) * Panels::LANES..][..Panels::LANES];
                    // SAFETY: room for 16 values.
                    unsafe { _mm512_storeu_ps(place.as_mut_ptr(), upper) };
                }
            }
        }
        passing
    }

    /// The products of each row with each query of each panel.
    ///
    /// # Safety
    /// As for [`Tile::sift`].
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
    unsafe fn products<const PANELS: usize>(&self) -> [[__m512i; PANELS]; ROWS] {
        let mut sums = [[_mm512_setzero_si512(); PANELS]; ROWS];
        for (panel, corrections) in self.corrections.as_chunks::<{ Panels::LANES }>().0.iter().enumerate() {
            // SAFETY: 16 numbers.
            let start = unsafe { _mm512_loadu_si512(corrections.as_ptr().cast()) };
            sums.iter_mut().for_each(|row| row[panel] = start);
        }
        let lines = self.lines.as_ptr();
        for at in 0..self.depth {
            // SAFETY: each panel has `depth` lines.
            let lines: [_; PANELS] = std::array::from_fn(|panel| unsafe {
                _mm512_load_si512(lines.add(panel * self.depth + at).cast())
            });
            for (row, sums) in self.rows.iter().zip(&mut sums) {
                // SAFETY: inside the row's bytes.
                let piece = unsafe { row.add(at * COMPONENTS).cast::<i32>().read_unaligned() };
                let piece = _mm512_set1_epi32(piece);
                for (sum, line) in sums.iter_mut().zip(lines) {
                    *sum = _mm512_dpbusd_epi32(*sum, piece, line);
                }
            }
        }
        sums
    }
}
