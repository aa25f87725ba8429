//! Products of codes with few queries: each row is read once, and multiplied from end to end.

use super::queries::{MOST_VECTORS, UPPER};
use super::tier::Instructions;

/// One to four code vectors, `[vectors, stride]`.
pub(super) struct Few<'a> {
    pub(super) stride: usize,
    pub(super) vectors: &'a [i8],
    /// A number a vector: what its products start from.
    pub(super) corrections: &'a [i32],
}

impl Few<'_> {
    /// Products with some rows of `codes`, `[rows, values]`; of vectors in `pairs`, the first's count 128 times.
    pub(super) fn products(
        &self,
        tier: Instructions,
        pairs: bool,
        codes: &[u8],
        rows: &[u32],
        values: &mut [f32],
    ) {
        let count = self.corrections.len();
        let width = if pairs { count / 2 } else { count };
        for (&row, values) in rows.iter().zip(values.chunks_exact_mut(width)) {
            let products = self.row(tier, &codes[row as usize * self.stride..][..self.stride]);
            let product = |vector: usize| (products[vector] + self.corrections[vector]) as f32;
            for (at, value) in values.iter_mut().enumerate() {
                *value =
                    if pairs { product(2 * at) * UPPER as f32 + product(2 * at + 1) } else { product(at) };
            }
        }
    }

    /// Products of one row, before the corrections.
    fn row(&self, tier: Instructions, row: &[u8]) -> [i32; MOST_VECTORS] {
        match tier {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: only called where the tier was found.
            Instructions::Avx2 => unsafe { plain_avx2(self, row) },
            _ => plain(self, row),
        }
    }
}

/// # Safety
/// The machine has AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn plain_avx2(few: &Few<'_>, row: &[u8]) -> [i32; MOST_VECTORS] {
    plain(few, row)
}

#[inline(always)]
fn plain(few: &Few<'_>, row: &[u8]) -> [i32; MOST_VECTORS] {
    let mut products = [0; MOST_VECTORS];
    for (vector, product) in few.vectors.chunks_exact(few.stride).zip(&mut products) {
        *product = product_of(row, vector);
    }
    products
}

#[inline(always)]
fn product_of(row: &[u8], vector: &[i8]) -> i32 {
    let pairs = row.iter().zip(vector);
    pairs.map(|(&row, &code)| i32::from(row) * i32::from(code)).sum()
}
