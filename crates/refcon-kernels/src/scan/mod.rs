//! Scans over many vectors: codes of 8 bits and their products in whole numbers, and scores in f32.

mod quantise;
mod score;

pub use quantise::{CODED_RANGE, RowCode, ZERO_CODE, code_stride, quantise};
pub use score::{inner_products, squared_distances};
