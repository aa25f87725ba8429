//! The model's operations through the kernels, on the processor: forward, and backward where gradients are wanted.
//!
//! Tensors are read where they lie, and results are the memory that the kernels wrote. Each function gives nothing where it cannot
//! do the work (another device, another type of number), which Burn's own operations then do.
//!
//! An operation keeps for its backward pass what it read, and what is dear to compute again and small: a number a row of attention
//! scores, two a row of a normalisation. The one large thing that it adds are a perceptron's hidden values before their activation.

mod activated_linear;
mod adamw;
mod attention;
mod cross_entropy;
mod layer_norm;
mod linear;
mod memory;
mod operand;
mod perceptron;
mod sinkhorn;
mod unit;

pub(super) use activated_linear::activated_linear;
pub(crate) use adamw::{adamw_step, on_processor};
pub(super) use attention::attention;
pub(crate) use cross_entropy::cross_entropy;
pub(super) use layer_norm::layer_norm;
pub(super) use linear::linear;
pub(crate) use memory::keep_gradient;
pub(super) use memory::reuse;
pub(super) use perceptron::perceptron;
pub(crate) use sinkhorn::sinkhorn_knopp;
pub(crate) use unit::unit;

use super::Activation;
use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;

/// A tensor of the processor's backend: shared memory, and how it is to be read.
type Values = FloatTensor<Flex>;

/// The activation as the kernels know it; none where it joins two halves.
fn fused(activation: Activation) -> Option<refcon_kernels::Activation> {
    match activation {
        Activation::Gelu => Some(refcon_kernels::Activation::Gelu),
        Activation::QuickGelu => Some(refcon_kernels::Activation::QuickGelu),
        Activation::SwiGlu => None,
    }
}

#[cfg(test)]
mod tests;
