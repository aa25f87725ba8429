//! CPU kernels near the machine's limit, and nothing else: matrix products, attention, normalisation, activations, scans.
//!
//! Plain functions over slices of f32, run on all of rayon's threads. Shapes, errors and what NaN does are said at each; tests hold
//! each to a scalar twin in f64. A shape that does not fit is a mistake of the caller and panics.
//!
//! ```
//! use refcon_kernels::{Activation, Epilogue, Matrix, PackedWeights, Tier};
//!
//! // y = GELU(x · w + bias), 2 rows of 3 values through a layer of 3 × 4.
//! let (x, w, bias) = ([1.0, 0.0, -1.0, 0.5, 0.5, 0.5], [0.25; 12], [1.0; 4]);
//! let weights = PackedWeights::pack(Tier::fastest()?, Matrix::new(&w, 3, 4));
//! let epilogue = Epilogue { bias: Some(&bias), activation: Some(Activation::Gelu), residual: None };
//! let mut y = [0.0; 8];
//! weights.multiply(Matrix::new(&x, 2, 3), &epilogue, &mut y);
//! assert!((y[0] - 0.8413).abs() < 1e-4); // GELU(1)
//! # Ok::<(), refcon_kernels::TierError>(())
//! ```
//!
//! # Tiers
//!
//! Products and attention run on a [`Tier`], chosen as the program runs or by hand ([`Tier::named`], or the environment variable
//! [`TIER_VARIABLE`]):
//!
//! | tier | factors | sums | needs | run so far on |
//! |---|---|---|---|---|
//! | `amx-bf16` | bf16 | f32 | x86-64 with AMX, Linux 5.16 or newer | Emerald Rapids |
//! | `avx512-bf16` | bf16 | f32 | x86-64 with AVX-512 and its bf16 extension | Zen 4, Emerald Rapids |
//! | `f32` | f32 | f32 | nothing (AVX-512, AVX2 or NEON where there are) | Zen 4, Emerald Rapids |
//!
//! Packing, blocking and epilogues of the bf16 tiers are the same code; only what multiplies two tiles differs. On machines without
//! AMX the tests run the AMX tier all the same: its assembly stops at each instruction that the processor does not know, and a signal
//! handler does what the instruction would have done (`engine/trap.rs`).
//!
//! Scans over many vectors ([`scan`]) have tiers of their own, [`scan::ScanTier`], since their products are whole numbers of 8 bits.
//!
//! Everything else is f32 in every tier, written as plain loops that are compiled for AVX-512, AVX2 and the baseline.
//!
//! # Memory
//!
//! Results go where the caller says; nothing is returned in new memory but [`PackedWeights`]. Working memory belongs to the threads
//! and is used again: the left factor packed for a product, and per thread the scores of some rows of attention.

// The bf16 tiers are x86-64's so far: elsewhere what they need is compiled and never called.
#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code, unused_variables))]

mod activation;
mod adamw;
mod attention;
mod cross_entropy;
mod engine;
mod epilogue;
mod file_map;
pub mod filters;
pub mod histograms;
mod lanes;
mod math;
mod matrix;
mod normalisation;
mod peak;
mod prefetch;
mod product;
pub mod scan;
mod scratch;
mod sinkhorn;
mod softmax;
mod tier;
mod tile;
#[cfg(test)]
mod twin;
mod unit;
mod vector;

pub use activation::Activation;
pub use adamw::AdamW;
pub use attention::{HeadLayout, Heads, HeadsMut, attention, attention_backward};
pub use cross_entropy::cross_entropy;
pub use epilogue::Epilogue;
pub use file_map::map_file;
pub use matrix::{Element, Matrix};
pub use normalisation::{Moments, add_to, column_sums, layer_norm, layer_norm_backward};
pub use peak::{peak, scan_peak};
pub use product::{PackedWeights, multiply, perceptron};
pub use sinkhorn::sinkhorn_knopp;
pub use softmax::{softmax, softmax_backward};
pub use tier::{TIER_VARIABLE, Tier, TierError};
pub use unit::{scale_rows, unit_rows, unit_rows_backward};
