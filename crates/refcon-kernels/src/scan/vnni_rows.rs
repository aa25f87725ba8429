//! Bounds on the scores of one to four code vectors by AVX-512's VNNI: 16 rows side by side, in the end a row a lane.
//!
//! A single query reads the rows at the speed of memory only if nothing is done row by row: products stay in registers, are added
//! up for 16 rows together, and leave them only where one may be wanted.

use super::dot::Few;
use super::queries::UPPER;
use super::sift::{QueryTerms, RowTerms, Sifted};
use std::arch::x86_64::{
    __m512i, _CMP_NLT_UQ, _MM_HINT_T1, _mm_prefetch, _mm512_add_epi32, _mm512_cvtepi32_ps,
    _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_fnmadd_ps, _mm512_loadu_si512, _mm512_mask_cmp_ps_mask,
    _mm512_maskz_loadu_ps, _mm512_mul_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_si512,
    _mm512_shuffle_i32x4, _mm512_storeu_ps, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64,
    _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

/// Rows side by side: the lanes of a register.
const ROWS: usize = 16;
/// Rows whose products are summed at the same time: with four vectors, 16 sums.
const SUMMED: usize = 4;
/// Bytes of one register.
const BYTES: usize = 64;

/// Calls `found` for the products of some rows with the vectors that pass, as [`super::sift::sift`] does; of vectors in `pairs`,
/// the first's count 128 times.
///
/// # Panics
/// When a row lies outside of `codes`.
pub(super) fn sift(
    few: &Few<'_>,
    pairs: bool,
    codes: &[u8],
    rows: &[u32],
    terms: (&RowTerms<'_>, &QueryTerms<'_>),
    found: &mut dyn FnMut(Sifted),
) {
    match few.corrections.len() {
        1 => sift_vectors::<1>(few, pairs, codes, rows, terms, found),
        2 => sift_vectors::<2>(few, pairs, codes, rows, terms, found),
        3 => sift_vectors::<3>(few, pairs, codes, rows, terms, found),
        4 => sift_vectors::<4>(few, pairs, codes, rows, terms, found),
        other => unreachable!("{other} vectors"),
    }
}

fn sift_vectors<const VECTORS: usize>(
    few: &Few<'_>,
    pairs: bool,
    codes: &[u8],
    rows: &[u32],
    (row_terms, query_terms): (&RowTerms<'_>, &QueryTerms<'_>),
    found: &mut dyn FnMut(Sifted),
) {
    let stride = few.stride;
    let row = |row: u32| codes[row as usize * stride..][..stride].as_ptr();
    let vectors: [_; VECTORS] = std::array::from_fn(|at| few.vectors[at * stride..][..stride].as_ptr());
    let corrections: [_; VECTORS] = std::array::from_fn(|at| few.corrections[at]);
    for (group, some) in rows.chunks(ROWS).enumerate() {
        let first = group * ROWS;
        // The last row stands in for those that are missing.
        let last = some.len() - 1;
        let pointers = std::array::from_fn(|at| row(some[at.min(last)]));
        let ahead = std::array::from_fn(|at| row(rows[(first + ROWS + at).min(rows.len() - 1)]));
        let lanes = u16::MAX >> (ROWS - some.len());
        let sixteen = Sixteen { rows: pointers, ahead, vectors, corrections, bytes: stride, pairs };
        // SAFETY: only called where the tier was found; rows and vectors have the stride's bytes, a multiple of 64; there are as
        // many numbers of each row as `lanes` says from `first` on.
        unsafe { sixteen.sift(first, lanes, row_terms, query_terms, found) };
    }
}

/// 16 rows and what they are multiplied with.
struct Sixteen<const VECTORS: usize> {
    rows: [*const u8; ROWS],
    /// Rows that come next: brought nearer meanwhile.
    ahead: [*const u8; ROWS],
    vectors: [*const i8; VECTORS],
    /// What each vector's products start from.
    corrections: [i32; VECTORS],
    bytes: usize,
    pairs: bool,
}

impl<const VECTORS: usize> Sixteen<VECTORS> {
    /// Calls `found` for what passes of the first rows, as many as `lanes` has bits.
    ///
    /// # Safety
    /// The machine has the instructions; rows and vectors have `bytes` bytes, a multiple of 64, and there are numbers of the rows for
    /// each bit of `lanes` from `first` on.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
    unsafe fn sift(
        &self,
        first: usize,
        lanes: u16,
        row_terms: &RowTerms<'_>,
        query_terms: &QueryTerms<'_>,
        found: &mut dyn FnMut(Sifted),
    ) {
        // SAFETY: by the caller's promise.
        let sums = unsafe { self.products() };
        let RowTerms { scales, errors, norms, offsets } = row_terms;
        // SAFETY: a number for each lane.
        let [scale, row_error, row_norm, row_offset] = unsafe {
            [scales, errors, norms, offsets]
                .map(|column| _mm512_maskz_loadu_ps(lanes, column.as_ptr().add(first)))
        };
        let values = if self.pairs { VECTORS / 2 } else { VECTORS };
        for value in 0..values {
            let product = if self.pairs {
                let [upper, lower] =
                    [sums[2 * value], sums[2 * value + 1]].map(|sum| _mm512_cvtepi32_ps(sum));
                _mm512_fmadd_ps(upper, _mm512_set1_ps(UPPER as f32), lower)
            } else {
                _mm512_cvtepi32_ps(sums[value])
            };
            let [error, norm, offset, threshold] = [
                query_terms.error[value],
                query_terms.norm[value],
                query_terms.offset[value],
                query_terms.threshold[value],
            ]
            .map(|number| _mm512_set1_ps(number));
            let upper = _mm512_fmadd_ps(error, row_error, _mm512_mul_ps(product, scale));
            let upper = _mm512_fmadd_ps(norm, row_norm, upper);
            let upper = _mm512_fnmadd_ps(offset, row_offset, upper);
            // Not less: NaN passes.
            let mut passing = _mm512_mask_cmp_ps_mask::<_CMP_NLT_UQ>(lanes, upper, threshold);
            if passing == 0 {
                continue;
            }
            let mut uppers = [0.0; ROWS];
            // SAFETY: room for 16 values.
            unsafe { _mm512_storeu_ps(uppers.as_mut_ptr(), upper) };
            while passing != 0 {
                let row = passing.trailing_zeros() as usize;
                passing &= passing - 1;
                found(Sifted { row: first + row, value, upper: uppers[row] });
            }
        }
    }

    /// For each vector its products with the 16 rows.
    ///
    /// # Safety
    /// As for [`Sixteen::sift`].
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
    unsafe fn products(&self) -> [__m512i; VECTORS] {
        let mut quarters = [[_mm512_setzero_si512(); ROWS / SUMMED]; VECTORS];
        let (rows, ahead) = (self.rows.as_chunks().0, self.ahead.as_chunks().0);
        for (quarter, (rows, ahead)) in rows.iter().zip(ahead).enumerate() {
            // SAFETY: by the caller's promise.
            let sums = unsafe { self.four_rows(rows, ahead) };
            for (vector, quarters) in quarters.iter_mut().enumerate() {
                let [a, b, c, d] = &sums;
                quarters[quarter] = four_in_lanes([a[vector], b[vector], c[vector], d[vector]]);
            }
        }
        let mut products = [_mm512_setzero_si512(); VECTORS];
        for ((product, [a, b, c, d]), correction) in products.iter_mut().zip(quarters).zip(self.corrections) {
            let sum = halves_added(halves_added(a, b), halves_added(c, d));
            *product = _mm512_add_epi32(sum, _mm512_set1_epi32(correction));
        }
        products
    }

    /// For each row and vector 16 sums, which together are their product.
    ///
    /// # Safety
    /// As for [`Sixteen::sift`].
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
    unsafe fn four_rows(
        &self,
        rows: &[*const u8; SUMMED],
        ahead: &[*const u8; SUMMED],
    ) -> [[__m512i; VECTORS]; SUMMED] {
        let mut sums = [[_mm512_setzero_si512(); VECTORS]; SUMMED];
        for at in (0..self.bytes).step_by(BYTES) {
            // SAFETY: inside the bytes that the caller promises.
            let vectors: [_; VECTORS] = std::array::from_fn(|index| unsafe {
                _mm512_loadu_si512(self.vectors[index].add(at).cast())
            });
            for ((row, ahead), sums) in rows.iter().zip(ahead).zip(&mut sums) {
                // Into the second cache: the first one's few places for lines under way are left to the loads. On Zen 4, 2 threads,
                // 24 ns a row of 768 components instead of 41; reading alone takes 20.
                _mm_prefetch::<_MM_HINT_T1>(ahead.wrapping_add(at).cast());
                // SAFETY: as above.
                let row = unsafe { _mm512_loadu_si512(row.add(at).cast()) };
                for (sum, vector) in sums.iter_mut().zip(vectors) {
                    *sum = _mm512_dpbusd_epi32(*sum, row, vector);
                }
            }
        }
        sums
    }
}

/// Adds four registers up within each 128 bits: lane `i` of each has the sum of the four numbers of register `i`.
#[inline]
#[target_feature(enable = "avx512f")]
fn four_in_lanes([a, b, c, d]: [__m512i; SUMMED]) -> __m512i {
    let ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    let cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd))
}

/// Adds neighbouring 128 bits: two sums of `a`, then two of `b`.
#[inline]
#[target_feature(enable = "avx512f")]
fn halves_added(a: __m512i, b: __m512i) -> __m512i {
    _mm512_add_epi32(_mm512_shuffle_i32x4::<0x88>(a, b), _mm512_shuffle_i32x4::<0xdd>(a, b))
}
