//! Upper bounds of 16 queries side by side, in AVX-512's registers.

use super::panel::Panels;
use super::sift::QueryTerms;
use std::arch::x86_64::{
    __m512, __m512i, __mmask16, _CMP_NLT_UQ, _mm512_cmp_ps_mask, _mm512_cvtepi32_ps, _mm512_fmadd_ps,
    _mm512_fnmadd_ps, _mm512_loadu_ps, _mm512_mul_ps, _mm512_set1_ps,
};

/// What is known of 16 queries, a lane a query.
#[derive(Clone, Copy)]
pub(super) struct Lanes {
    error: __m512,
    norm: __m512,
    offset: __m512,
    threshold: __m512,
}

impl Lanes {
    /// The numbers of 16 queries from `first` on.
    ///
    /// # Safety
    /// There are so many.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn load(queries: &QueryTerms<'_>, first: usize) -> Lanes {
        debug_assert!(first + Panels::LANES <= queries.threshold.len());
        // SAFETY: by the caller's promise.
        let of = |numbers: &[f32]| unsafe { _mm512_loadu_ps(numbers.as_ptr().add(first)) };
        let QueryTerms { error, norm, offset, threshold } = queries;
        Lanes { error: of(error), norm: of(norm), offset: of(offset), threshold: of(threshold) }
    }

    /// Which of a row's products pass, and the upper bounds of all: see [`Sifted::upper`](super::Sifted::upper). `row` is its scale,
    /// error, norm and offset.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn bound(&self, products: __m512i, row: [f32; 4]) -> (__mmask16, __m512) {
        let [scale, error, norm, offset] = row.map(|number| _mm512_set1_ps(number));
        let upper = _mm512_mul_ps(_mm512_cvtepi32_ps(products), scale);
        let upper = _mm512_fmadd_ps(self.error, error, upper);
        let upper = _mm512_fmadd_ps(self.norm, norm, upper);
        let upper = _mm512_fnmadd_ps(self.offset, offset, upper);
        // Not less: NaN passes.
        (_mm512_cmp_ps_mask::<_CMP_NLT_UQ>(upper, self.threshold), upper)
    }
}
