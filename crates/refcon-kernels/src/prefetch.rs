//! Hints that memory will be needed. They change nothing else, and nothing at all where there is no such instruction.

/// Values in a cache line.
pub(crate) const LINE: usize = 16;

/// The cache line of `values` will be read. It may be one of memory that is not there.
#[inline(always)]
pub(crate) fn for_reading(values: *const f32) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint, whose address is not checked.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(values.cast()) };
    }
}

/// The cache line of `values` will be written. It may be one of memory that is not there.
#[inline(always)]
pub(crate) fn for_writing(values: *const f32) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_ET0, _mm_prefetch};
        // SAFETY: a hint, whose address is not checked.
        unsafe { _mm_prefetch::<_MM_HINT_ET0>(values.cast()) };
    }
}
