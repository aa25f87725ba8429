//! Fine-tuning and pretraining of encoders.
