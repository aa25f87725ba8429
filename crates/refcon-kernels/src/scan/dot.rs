//! Products of codes with few queries: each row is read once, and multiplied from end to end.

use super::queries::{MOST_VECTORS, UPPER};
use super::tier::Instructions;

/// Rows multiplied side by side.
const ROWS: usize = 4;
/// From the rows that are multiplied to those that are brought nearer: about as far as memory is away.
const GROUPS_AHEAD: usize = 3;

/// One to four code vectors, `[vectors, stride]`.
pub(super) struct Few<'a> {
    pub(super) stride: usize,
    pub(super) vectors: &'a [i8],
    /// A number a vector: what its products start from.
    pub(super) corrections: &'a [i32],
}

impl Few<'_> {
    /// Products with some rows of `codes`; of vectors in `pairs`, the first's count 128 times.
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
        let mut ahead = rows.chunks(ROWS).skip(GROUPS_AHEAD);
        for (rows, values) in rows.chunks(ROWS).zip(values.chunks_mut(ROWS * width)) {
            let ahead = ahead.next().unwrap_or(rows);
            let products = self.four_rows(tier, codes, rows, ahead);
            for (products, values) in products.iter().zip(values.chunks_exact_mut(width)) {
                let product = |vector: usize| (products[vector] + self.corrections[vector]) as f32;
                for (at, value) in values.iter_mut().enumerate() {
                    *value = if pairs {
                        product(2 * at) * UPPER as f32 + product(2 * at + 1)
                    } else {
                        product(at)
                    };
                }
            }
        }
    }

    /// Products of one to four rows, before the corrections.
    fn four_rows(
        &self,
        tier: Instructions,
        codes: &[u8],
        rows: &[u32],
        ahead: &[u32],
    ) -> [[i32; MOST_VECTORS]; ROWS] {
        let row = |rows: &[u32], at: usize| {
            &codes[rows[at.min(rows.len() - 1)] as usize * self.stride..][..self.stride]
        };
        let all: [&[u8]; ROWS] = std::array::from_fn(|at| row(rows, at));
        match tier {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512Vnni | Instructions::AmxInt8 => {
                let ahead = std::array::from_fn(|at| row(ahead, at).as_ptr());
                match self.corrections.len() {
                    1 => self.vnni::<1>(all, ahead),
                    2 => self.vnni::<2>(all, ahead),
                    3 => self.vnni::<3>(all, ahead),
                    _ => self.vnni::<4>(all, ahead),
                }
            }
            #[cfg(target_arch = "x86_64")]
            // SAFETY: only called where the tier was found.
            Instructions::Avx2 => unsafe { plain_avx2(self, all, rows.len()) },
            _ => plain(self, all, rows.len()),
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn vnni<const VECTORS: usize>(
        &self,
        rows: [&[u8]; ROWS],
        ahead: [*const u8; ROWS],
    ) -> [[i32; MOST_VECTORS]; ROWS] {
        let vectors: [_; VECTORS] =
            std::array::from_fn(|at| self.vectors[at * self.stride..][..self.stride].as_ptr());
        // SAFETY: only called where the tier was found; rows and vectors are the stride's bytes.
        let products =
            unsafe { super::vnni::four_rows(rows.map(<[u8]>::as_ptr), ahead, vectors, self.stride) };
        products.map(|products| std::array::from_fn(|at| products.get(at).copied().unwrap_or(0)))
    }
}

/// # Safety
/// The machine has AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn plain_avx2(few: &Few<'_>, rows: [&[u8]; ROWS], count: usize) -> [[i32; MOST_VECTORS]; ROWS] {
    plain(few, rows, count)
}

#[inline(always)]
fn plain(few: &Few<'_>, rows: [&[u8]; ROWS], count: usize) -> [[i32; MOST_VECTORS]; ROWS] {
    let mut products = [[0; MOST_VECTORS]; ROWS];
    for (row, products) in rows.iter().zip(&mut products).take(count) {
        for (vector, product) in few.vectors.chunks_exact(few.stride).zip(products) {
            *product = product_of(row, vector);
        }
    }
    products
}

#[inline(always)]
fn product_of(row: &[u8], vector: &[i8]) -> i32 {
    let pairs = row.iter().zip(vector);
    pairs.map(|(&row, &code)| i32::from(row) * i32::from(code)).sum()
}
