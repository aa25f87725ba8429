//! Layer normalisation.

use super::Values;
use super::memory::{keep_values, memory};
use super::operand::{Operand, record, shaped, shaped_like, slice};
use crate::execution::Execution;
use crate::model::layers::LayerNorm;
use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::tensor::Tensor;
use refcon_kernels::Moments;

/// As [`crate::model::layers::layer_norm`].
pub(in crate::model) fn layer_norm<const D: usize>(
    layer: &LayerNorm,
    input: &Tensor<D>,
    how: Execution,
) -> Option<Tensor<D>> {
    how.tier()?;
    let x = Operand::in_order(input)?;
    let (gamma, beta) = (Operand::in_order(&layer.gamma.val())?, Operand::in_order(&layer.beta.val())?);
    Some(record(LayerNormBackward, [Some(&x), Some(&gamma), Some(&beta)], |keeps| {
        let mut y = memory(x.slice().len());
        let rows = if keeps { x.slice().len() / gamma.slice().len() } else { 0 };
        let mut moments = vec![Moments::default(); rows];
        let kept = keeps.then_some(&mut moments[..]);
        let epsilon = layer.epsilon as f32;
        refcon_kernels::layer_norm(gamma.slice(), beta.slice(), epsilon, x.slice(), &mut y, kept);
        let saved = Saved { input: x.values.clone(), gamma: gamma.values.clone(), moments };
        (shaped_like(y, &x.values), saved)
    }))
}

#[derive(Debug)]
struct LayerNormBackward;

/// What the gradients of a normalisation need.
#[derive(Debug, Clone)]
struct Saved {
    input: Values,
    gamma: Values,
    moments: Vec<Moments>,
}

impl Backward<Flex, 3> for LayerNormBackward {
    type State = Saved;

    fn backward(self, operation: Ops<Saved, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let outer = gradients.consume::<Flex>(&operation.node).to_contiguous();
        let [input, gamma, beta] = operation.parents;
        let Saved { input: x, gamma: factors, moments } = operation.state;
        let width = slice(&factors).len();
        let mut x_gradient = memory(slice(&x).len());
        let (mut gammas, mut betas) = (memory(width), memory(width));
        refcon_kernels::layer_norm_backward(
            slice(&factors),
            slice(&x),
            &moments,
            slice(&outer),
            &mut x_gradient,
            &mut gammas,
            &mut betas,
        );
        if let Some(gamma) = gamma {
            gradients.register::<Flex>(gamma.id, shaped(gammas, [width]));
        }
        if let Some(beta) = beta {
            gradients.register::<Flex>(beta.id, shaped(betas, [width]));
        }
        if let Some(input) = input {
            gradients.register::<Flex>(input.id, shaped_like(x_gradient, &x));
        }
        [x, outer].into_iter().for_each(keep_values);
    }
}
