//! Scans over many vectors: codes of 8 bits and their products in whole numbers, and scores in f32.
//!
//! [`quantise`] codes the vectors that are searched, [`QueryCodes`] those that are searched for; on a [`ScanTier`] it
//! multiplies them and finds the products that matter. [`inner_products`] and [`squared_distances`] are the f32 scores, the same
//! bits on every processor.

#[cfg(target_arch = "x86_64")]
mod amx;
mod dot;
#[cfg(target_arch = "x86_64")]
mod lanes;
mod panel;
mod quantise;
mod queries;
mod score;
mod sift;
#[cfg(test)]
mod tests;
mod tier;
#[cfg(target_arch = "x86_64")]
mod vnni;
#[cfg(target_arch = "x86_64")]
mod vnni_rows;

pub use quantise::{CODED_RANGE, RowCode, ZERO_CODE, code_stride, quantise};
pub use queries::{Fineness, QueryCode, QueryCodes, QueryGroup};
pub use score::{inner_products, squared_distances};
pub use sift::{QueryTerms, RowTerms, Sifted};
pub use tier::{SCAN_TIER_VARIABLE, ScanTier, ScanTierError};
