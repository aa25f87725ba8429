//! Linear layers whose input goes through an activation.

use super::linear::{bias_gradient, input_gradient, weight_gradient};
use super::memory::{keep, keep_values, memory};
use super::operand::{Operand, matrix, record, shaped, shaped_like, slice};
use super::{Values, fused};
use crate::execution::Execution;
use crate::model::Activation;
use crate::model::layers::Linear;
use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::tensor::Tensor;
use refcon_kernels::{Epilogue, Matrix, Tier, multiply};

/// `activation(input) · weight + bias`, `[…, inputs]` → `[…, outputs]`. Gives nothing where weights are packed.
pub(in crate::model) fn activated_linear<const D: usize>(
    layer: &Linear,
    activation: Activation,
    input: &Tensor<D>,
    how: Execution,
) -> Option<Tensor<D>> {
    let tier = how.tier()?;
    let activation = fused(activation)?;
    let x = Operand::in_order(input)?;
    let weight = Operand::read(&layer.weight.as_ref()?.val())?;
    let bias = Operand::optional(layer.bias().as_ref())?;
    let right = matrix(&weight.values)?;
    let [inputs, outputs] = layer.shape();
    let rows = x.slice().len() / inputs;
    let mut shape = x.values.layout().shape().dims::<D>();
    shape[D - 1] = outputs;
    Some(record(ActivatedLinearBackward, [Some(&x), Some(&weight), bias.as_ref()], |_| {
        let epilogue = Epilogue { bias: bias.as_ref().map(Operand::slice), ..Epilogue::default() };
        let mut hidden = memory(rows * inputs);
        activation.forward(x.slice(), &mut hidden);
        let mut y = memory(rows * outputs);
        multiply(tier, Matrix::new(&hidden, rows, inputs), right, &epilogue, &mut y);
        keep(hidden);
        let saved = Saved { tier, activation, input: x.values.clone(), weight: weight.values.clone() };
        (shaped(y, shape), saved)
    }))
}

#[derive(Debug)]
struct ActivatedLinearBackward;

/// What the gradients need.
#[derive(Debug, Clone)]
struct Saved {
    tier: Tier,
    activation: refcon_kernels::Activation,
    /// Before the activation.
    input: Values,
    weight: Values,
}

impl Backward<Flex, 3> for ActivatedLinearBackward {
    type State = Saved;

    fn backward(self, operation: Ops<Saved, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let outer = gradients.consume::<Flex>(&operation.node).to_contiguous();
        let [input, weight, bias] = operation.parents;
        let Saved { tier, activation, input: before, weight: factors } = operation.state;
        if let Some(bias) = bias {
            gradients.register::<Flex>(bias.id, bias_gradient(&outer));
        }
        if let Some(weight) = weight {
            let mut hidden = memory(slice(&before).len());
            activation.forward(slice(&before), &mut hidden);
            let hidden = shaped_like(hidden, &before);
            gradients.register::<Flex>(weight.id, weight_gradient(tier, &hidden, &outer, &factors));
            keep_values(hidden);
        }
        if let Some(input) = input {
            let mut inner = input_gradient(tier, slice(&outer), &factors);
            activation.backward(slice(&before), &mut inner);
            gradients.register::<Flex>(input.id, shaped_like(inner, &before));
        }
        [before, outer].into_iter().for_each(keep_values);
    }
}
