//! Self-supervised pretraining: an encoder learns from tiles without labels.
//!
//! ```text
//! images, tar shards, surveys ─ pool ─ permutation ─ views ─┬─ masked_autoencoder ─┐
//!                                                           └─ dino ───────────────┴─ (tasks of fit) ─ runs/<name>/best
//! ```

mod config;
pub mod dino;
pub mod masked_autoencoder;
mod permutation;
pub mod pool;
mod prepare;
mod views;

pub use config::{Common, ModelChoice, PretrainConfig, PretrainData, Size, Views};
pub use permutation::Permutation;
pub use prepare::{PreparedPretraining, Pretraining};
