//! Fine-tuning and pretraining of encoders.

pub mod tracking;
