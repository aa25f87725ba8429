//! Linear layers.

use super::memory::{keep_values, memory};
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
use refcon_kernels::{Epilogue, Matrix, Tier, column_sums, multiply};

/// `activation(input · weight + bias) + residual`, `[…, inputs]` → `[…, outputs]`; activation and residual may be left out. Gives
/// nothing for an activation where gradients may be wanted.
///
/// # Panics
/// When the weights are packed, and the input is on another device or carries gradients.
pub(in crate::model) fn linear<const D: usize>(
    layer: &Linear,
    input: &Tensor<D>,
    activation: Option<Activation>,
    residual: Option<&Tensor<D>>,
    how: Execution,
) -> Option<Tensor<D>> {
    let tier = how.tier()?;
    let activation = match activation {
        Some(activation) => Some(fused(activation)?),
        None => None,
    };
    let input = Operand::in_order(input);
    assert!(
        layer.packed.is_none() || input.as_ref().is_some_and(|input| !input.is_in_graph()),
        "packed weights are for tensors on the processor that carry no gradients"
    );
    let x = input?;
    let weight = match &layer.weight {
        Some(weight) => Some(Operand::read(&weight.val())?),
        None => None,
    };
    let bias = Operand::optional(layer.bias().as_ref())?;
    let residual = Operand::optional(residual)?;
    let operands = [Some(&x), weight.as_ref(), bias.as_ref(), residual.as_ref()];
    if activation.is_some() && operands.iter().flatten().any(|operand| operand.is_in_graph()) {
        return None;
    }
    let [inputs, outputs] = layer.shape();
    let rows = x.slice().len() / inputs;
    let mut shape = x.values.layout().shape().dims::<D>();
    shape[D - 1] = outputs;
    let right = match &weight {
        Some(weight) => Some(matrix(&weight.values)?),
        None => None,
    };
    Some(record(LinearBackward, operands, |_| {
        let epilogue = Epilogue {
            bias: bias.as_ref().map(Operand::slice),
            activation,
            residual: residual.as_ref().map(Operand::slice),
        };
        let mut y = memory(rows * outputs);
        let left = Matrix::new(x.slice(), rows, inputs);
        match (&layer.packed, right) {
            (Some(packed), _) => packed.multiply(left, &epilogue, &mut y),
            (None, Some(weight)) => multiply(tier, left, weight, &epilogue, &mut y),
            (None, None) => unreachable!("a weight, packed or not"),
        }
        let saved =
            Saved { tier, input: x.values.clone(), weight: weight.as_ref().map(|of| of.values.clone()) };
        (shaped(y, shape), saved)
    }))
}

#[derive(Debug)]
struct LinearBackward;

/// What the gradients of a linear layer need.
#[derive(Debug, Clone)]
struct Saved {
    tier: Tier,
    input: Values,
    weight: Option<Values>,
}

impl Backward<Flex, 4> for LinearBackward {
    type State = Saved;

    fn backward(self, operation: Ops<Saved, 4>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let outer = gradients.consume::<Flex>(&operation.node).to_contiguous();
        let [input, weight, bias, residual] = operation.parents;
        let saved = operation.state;
        if let Some(residual) = residual {
            gradients.register::<Flex>(residual.id, outer.clone());
        }
        if let Some(bias) = bias {
            gradients.register::<Flex>(bias.id, bias_gradient(&outer));
        }
        if let (Some(weight), Some(of)) = (weight, &saved.weight) {
            gradients.register::<Flex>(weight.id, weight_gradient(saved.tier, &saved.input, &outer, of));
        }
        if let (Some(input), Some(of)) = (input, &saved.weight) {
            let gradient = input_gradient(saved.tier, slice(&outer), of);
            gradients.register::<Flex>(input.id, shaped_like(gradient, &saved.input));
        }
        keep_values(saved.input);
        keep_values(outer);
    }
}

/// `dX = dY · Wᵀ`, row after row.
pub(super) fn input_gradient(tier: Tier, outer: &[f32], weight: &Values) -> Vec<f32> {
    let [inputs, outputs] = weight.layout().shape().dims();
    let weight = matrix(weight).unwrap_or_else(|| unreachable!("it was multiplied with"));
    let rows = outer.len() / outputs;
    let mut gradient = memory(rows * inputs);
    let outer = Matrix::new(outer, rows, outputs);
    multiply(tier, outer, weight.transposed(), &Epilogue::default(), &mut gradient);
    gradient
}

/// `dW = Xᵀ · dY`, laid out as the weight is.
pub(super) fn weight_gradient(tier: Tier, input: &Values, outer: &Values, weight: &Values) -> Values {
    let [inputs, outputs] = weight.layout().shape().dims();
    let rows = slice(outer).len() / outputs;
    let (x, dy) = (Matrix::new(slice(input), rows, inputs), Matrix::new(slice(outer), rows, outputs));
    let mut gradient = memory(inputs * outputs);
    // An optimiser walks through weight and gradient together.
    if weight.layout().strides().first() == Some(&1) {
        multiply(tier, dy.transposed(), x, &Epilogue::default(), &mut gradient);
        shaped(gradient, [outputs, inputs]).transpose(0, 1)
    } else {
        multiply(tier, x.transposed(), dy, &Epilogue::default(), &mut gradient);
        shaped(gradient, [inputs, outputs])
    }
}

pub(super) fn bias_gradient(outer: &Values) -> Values {
    let outputs = outer.layout().shape().last().copied().unwrap_or(0);
    let mut sums = memory(outputs);
    column_sums(slice(outer), &mut sums);
    shaped(sums, [outputs])
}
