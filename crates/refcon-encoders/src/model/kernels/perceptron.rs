//! A block's perceptron as one operation.

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

/// `activation(input · up) · down + residual`, with the biases; the residual may be left out. Gives nothing where two linear layers do
/// as well: weights that are not packed, without gradients.
pub(in crate::model) fn perceptron(
    [up, down]: [&Linear; 2],
    activation: Activation,
    input: &Tensor<3>,
    residual: Option<&Tensor<3>>,
    how: Execution,
) -> Option<Tensor<3>> {
    let tier = how.tier()?;
    let activation = fused(activation)?;
    let x = Operand::in_order(input)?;
    let residual = Operand::optional(residual)?;
    let up_bias = Operand::optional(up.bias().as_ref())?;
    let down_bias = Operand::optional(down.bias().as_ref())?;
    let first_epilogue = Epilogue { bias: up_bias.as_ref().map(Operand::slice), ..Epilogue::default() };
    let epilogue = Epilogue {
        bias: down_bias.as_ref().map(Operand::slice),
        activation: None,
        residual: residual.as_ref().map(Operand::slice),
    };
    let [inputs, width] = up.shape();
    let outputs = down.shape()[1];
    let rows = x.slice().len() / inputs;
    let left = Matrix::new(x.slice(), rows, inputs);
    let [batch, tokens, _] = input.dims();
    let shape = [batch, tokens, outputs];
    if let (Some(packed_up), Some(packed_down)) = (&up.packed, &down.packed) {
        let mut y = memory(rows * outputs);
        refcon_kernels::perceptron(
            left,
            packed_up,
            first_epilogue.bias,
            activation,
            packed_down,
            &epilogue,
            &mut y,
        );
        return Some(Tensor::from_primitive::<Flex>(shaped(y, shape)));
    }
    let up = Operand::read(&up.weight.as_ref()?.val())?;
    let down = Operand::read(&down.weight.as_ref()?.val())?;
    let operands =
        [Some(&x), Some(&up), up_bias.as_ref(), Some(&down), down_bias.as_ref(), residual.as_ref()];
    if !operands.iter().flatten().any(|operand| operand.is_in_graph()) {
        return None;
    }
    let (right_up, right_down) = (matrix(&up.values)?, matrix(&down.values)?);
    Some(record(PerceptronBackward, operands, |_| {
        let mut before = memory(rows * width);
        multiply(tier, left, right_up, &first_epilogue, &mut before);
        let mut hidden = memory(rows * width);
        activation.forward(&before, &mut hidden);
        let mut y = memory(rows * outputs);
        multiply(tier, Matrix::new(&hidden, rows, width), right_down, &epilogue, &mut y);
        keep(hidden);
        let [up, down] = [&up, &down].map(|of| of.values.clone());
        let before = shaped(before, [rows, width]);
        (shaped(y, shape), Saved { tier, activation, input: x.values.clone(), before, up, down })
    }))
}

#[derive(Debug)]
struct PerceptronBackward;

/// What the gradients of a perceptron need.
#[derive(Debug, Clone)]
struct Saved {
    tier: Tier,
    activation: refcon_kernels::Activation,
    input: Values,
    /// The hidden values before their activation, `[rows, hidden]`.
    before: Values,
    up: Values,
    down: Values,
}

impl Backward<Flex, 6> for PerceptronBackward {
    type State = Saved;

    fn backward(self, operation: Ops<Saved, 6>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let outer = gradients.consume::<Flex>(&operation.node).to_contiguous();
        let [input, up, up_bias, down, down_bias, residual] = operation.parents;
        let Saved { tier, activation, input: x, before, up: up_weight, down: down_weight } = operation.state;
        if let Some(residual) = residual {
            gradients.register::<Flex>(residual.id, outer.clone());
        }
        if let Some(bias) = down_bias {
            gradients.register::<Flex>(bias.id, bias_gradient(&outer));
        }
        if let Some(down) = down {
            let mut hidden = memory(slice(&before).len());
            activation.forward(slice(&before), &mut hidden);
            let hidden = shaped_like(hidden, &before);
            gradients.register::<Flex>(down.id, weight_gradient(tier, &hidden, &outer, &down_weight));
            keep_values(hidden);
        }
        if input.is_some() || up.is_some() || up_bias.is_some() {
            let mut inner = input_gradient(tier, slice(&outer), &down_weight);
            activation.backward(slice(&before), &mut inner);
            let inner = shaped_like(inner, &before);
            if let Some(bias) = up_bias {
                gradients.register::<Flex>(bias.id, bias_gradient(&inner));
            }
            if let Some(up) = up {
                gradients.register::<Flex>(up.id, weight_gradient(tier, &x, &inner, &up_weight));
            }
            if let Some(input) = input {
                let gradient = input_gradient(tier, slice(&inner), &up_weight);
                gradients.register::<Flex>(input.id, shaped_like(gradient, &x));
            }
            keep_values(inner);
        }
        [before, x, outer].into_iter().for_each(keep_values);
    }
}
