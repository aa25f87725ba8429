//! Self-supervised pretraining: an encoder learns from tiles without labels.
//!
//! ```text
//! images, tar shards, surveys ─ pool ─ permutation ─ views ─ masked_autoencoder (a task of fit) ─ runs/<name>/best
//! ```

mod config;
mod masked_autoencoder;
mod permutation;
pub mod pool;
mod prepare;
mod reconstruction;
mod views;

pub use config::{DecoderChoice, ModelChoice, PretrainConfig, PretrainData, Size, Views};
pub use masked_autoencoder::{MEASURE, MaskedPretraining, masked_error, normalised, patches};
pub use permutation::Permutation;
pub use prepare::{PreparedPretraining, prepare};
pub use reconstruction::{Rebuilt, rebuild};
