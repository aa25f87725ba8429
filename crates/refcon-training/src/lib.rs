//! Fine-tuning of encoders, and the runs that record it.
//!
//! ```text
//! config.yml ─ config ─┐
//! train/<class>/ ─ dataset ─ samplers, triplets, augmentation ─┐
//! encoder ─ metric_learning::Network ──────────────────────────┴─ losses, mining ─ fit ─ optimise ─ runs/<name>/best
//!                                                                                   └─ retrieval
//! ```
//!
//! [`fit`] is the loop for whatever is trained; [`metric_learning`] is fine-tuning as a task of it, [`pretraining`] what an encoder can
//! learn without labels. [`iteration`] fine-tunes again and again, on tiles that it has labelled itself.

pub mod augmentation;
pub mod config;
pub mod dataset;
mod error;
pub mod fit;
pub mod iteration;
pub mod losses;
pub mod metric_learning;
pub mod mining;
pub mod optimise;
pub mod pretraining;
pub mod random;
pub mod retrieval;
pub mod runs;
pub mod samplers;
pub mod schedule;
pub mod tracking;
pub mod triplets;
pub mod tuning;

pub use error::TrainError;

/// How configurations call the encoder without weights.
pub const TEXTURE: &str = "texture";
