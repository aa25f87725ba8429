//! Which bins of a survey have a trace.

/// A bit a bin, inline by inline.
#[derive(Debug)]
pub(super) struct LiveTraces {
    bits: Vec<u64>,
    count: u64,
}

const WORD: usize = u64::BITS as usize;

impl LiveTraces {
    /// No trace in any of `bins`.
    pub(super) fn none_of(bins: usize) -> Self {
        Self { bits: vec![0; bins.div_ceil(WORD)], count: 0 }
    }

    /// Says that `bin` has a trace.
    pub(super) fn insert(&mut self, bin: usize) {
        self.count += u64::from(!self.contains(bin));
        self.bits[bin / WORD] |= 1 << (bin % WORD);
    }

    pub(super) fn contains(&self, bin: usize) -> bool {
        self.bits[bin / WORD] >> (bin % WORD) & 1 == 1
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }
}
