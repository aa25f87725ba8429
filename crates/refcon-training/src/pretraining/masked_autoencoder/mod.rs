//! Masked autoencoders: most patches of a tile are hidden, and the model learns to rebuild them.
//!
//! He et al., Masked Autoencoders Are Scalable Vision Learners, CVPR 2022 (arXiv 2111.06377).

mod config;
mod reconstruction;
mod task;

pub use config::{DecoderChoice, MaskedConfig};
pub use reconstruction::{Rebuilt, rebuild};
pub use task::{MEASURE, MaskedPretraining, masked_errors, normalised, patches};
