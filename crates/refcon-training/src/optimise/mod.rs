//! From gradients to weights: the trained weights as rows of numbers on the host, `AdamW`, clipping, accumulation, a moving average.
//!
//! Weights and moments are kept in f32 on the host, in one order, and put back into the model after each step. So a checkpoint is
//! exactly what the next step depends on, and every step is the same arithmetic in the same order, whatever the number of threads.
//!
//! On the processor this is also the fast way: one pass over weights, gradients and moments. On a graphics card weights and gradients
//! cross the bus once a step.

mod adamw;
mod gradients;
mod parameters;

pub use adamw::{AdamW, Moments, move_average};
pub use gradients::Gradients;
pub use parameters::{Parameter, Parameters, prepared};
