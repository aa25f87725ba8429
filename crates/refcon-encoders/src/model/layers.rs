//! The operations of a transformer. Every linear layer, attention, normalisation and activation of every model goes through
//! these functions: they try the kernels first, and Burn's own operations do the rest (other devices).

use super::kernels;
use crate::execution::Execution;
use burn::module::{Module, Param, ParamId};
use burn::tensor::Tensor;
use burn::tensor::activation::{gelu, sigmoid, silu};
use burn::tensor::ops::AttentionModuleOptions;
use refcon_kernels::{Matrix, PackedWeights, Tier};
use std::sync::Arc;

/// A linear layer: its weight as training needs it, or packed for a tier of the kernels.
#[derive(Module, Debug)]
pub(crate) struct Linear {
    /// `[inputs, outputs]`; none where it is packed.
    pub(super) weight: Option<Param<Tensor<2>>>,
    pub(super) bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    pub(super) packed: Option<Arc<PackedWeights>>,
}

impl Linear {
    /// From a weight as PyTorch keeps it, `[outputs, inputs]`.
    pub(crate) fn new(weight: Tensor<2>, bias: Option<Tensor<1>>) -> Self {
        let weight = Some(Param::from_tensor(weight.transpose()));
        Self { weight, bias: bias.map(Param::from_tensor), packed: None }
    }

    /// Of a weight that was computed, `[inputs, outputs]`, whose gradient goes on to what it was computed from.
    pub(crate) fn computed(weight: Tensor<2>) -> Self {
        Self { weight: Some(Param::initialized(ParamId::new(), weight)), bias: None, packed: None }
    }

    /// For inference only, from a weight as PyTorch keeps it, `[outputs, inputs]`.
    pub(crate) fn packed(tier: Tier, weight: &[f32], outputs: usize, bias: Option<Tensor<1>>) -> Self {
        let weight = Matrix::new(weight, outputs, weight.len() / outputs).transposed();
        let packed = Some(Arc::new(PackedWeights::pack(tier, weight)));
        Self { weight: None, bias: bias.map(Param::from_tensor), packed }
    }

    /// `[inputs, outputs]`
    pub(crate) fn shape(&self) -> [usize; 2] {
        match (&self.packed, &self.weight) {
            (Some(packed), _) => packed.shape(),
            (None, Some(weight)) => weight.dims(),
            (None, None) => unreachable!("a weight, packed or not"),
        }
    }

    /// `[outputs, inputs]`; none where it is packed.
    pub(crate) fn weight(&self) -> Option<Tensor<2>> {
        self.weight.as_ref().map(|weight| weight.val().transpose())
    }

    pub(crate) fn bias(&self) -> Option<Tensor<1>> {
        self.bias.as_ref().map(Param::val)
    }
}

/// Layer normalisation.
#[derive(Module, Debug)]
pub(crate) struct LayerNorm {
    pub(super) gamma: Param<Tensor<1>>,
    pub(super) beta: Param<Tensor<1>>,
    /// Added to the variance.
    pub(super) epsilon: f64,
}

impl LayerNorm {
    pub(crate) fn new(gamma: Tensor<1>, beta: Tensor<1>, epsilon: f64) -> Self {
        Self { gamma: Param::from_tensor(gamma), beta: Param::from_tensor(beta), epsilon }
    }
}

/// What stands between the two linear layers of a perceptron.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// x · Φ(x), with the exact normal distribution.
    Gelu,
    /// x · σ(1.702 x), as in CLIP.
    QuickGelu,
    /// x · σ(x) of the first half times the second half: the first layer is twice as wide as what comes out.
    SwiGlu,
}

impl Activation {
    /// How many times as wide the first layer is as the second one's input.
    pub(crate) fn widening(self) -> usize {
        match self {
            Self::Gelu | Self::QuickGelu => 1,
            Self::SwiGlu => 2,
        }
    }
}

/// `[…, inputs]` → `[…, outputs]`
pub(crate) fn linear<const D: usize>(layer: &Linear, input: Tensor<D>, how: Execution) -> Tensor<D> {
    match kernels::linear(layer, &input, None, None, how) {
        Some(output) => used(output, input),
        None => plain_linear(layer, input),
    }
}

/// A linear layer of `activation(input)`, `[…, inputs]` → `[…, outputs]`.
pub(crate) fn activated_linear<const D: usize>(
    layer: &Linear,
    activation: Activation,
    input: Tensor<D>,
    how: Execution,
) -> Tensor<D> {
    match kernels::activated_linear(layer, activation, &input, how) {
        Some(output) => used(output, input),
        None => linear(layer, activate(activation, input), how),
    }
}

fn plain_linear<const D: usize>(layer: &Linear, input: Tensor<D>) -> Tensor<D> {
    let weight = layer.weight.as_ref().unwrap_or_else(|| panic!("packed weights are for the kernels"));
    burn::tensor::module::linear(input, weight.val(), layer.bias())
}

/// The end of a branch: a linear layer, each component scaled if there is a scale, and added to the `residual`.
pub(crate) fn linear_onto(
    layer: &Linear,
    scale: Option<&Param<Tensor<1>>>,
    input: Tensor<3>,
    residual: Tensor<3>,
    how: Execution,
) -> Tensor<3> {
    match scale {
        Some(scale) => scaled_onto(linear(layer, input, how), scale, residual),
        None => match kernels::linear(layer, &input, None, Some(&residual), how) {
            Some(output) => used(used(output, input), residual),
            None => residual + plain_linear(layer, input),
        },
    }
}

fn scaled_onto(branch: Tensor<3>, scale: &Param<Tensor<1>>, residual: Tensor<3>) -> Tensor<3> {
    residual + branch * scale.val().reshape([1, 1, -1])
}

/// A perceptron of two linear layers, scaled and added to the `residual` as in [`linear_onto`].
pub(crate) fn perceptron(
    [up, down]: [&Linear; 2],
    activation: Activation,
    scale: Option<&Param<Tensor<1>>>,
    input: Tensor<3>,
    residual: Tensor<3>,
    how: Execution,
) -> Tensor<3> {
    let onto = scale.is_none().then_some(&residual);
    if let Some(output) = kernels::perceptron([up, down], activation, &input, onto, how) {
        let output = used(output, input);
        return match scale {
            Some(scale) => scaled_onto(output, scale, residual),
            None => used(output, residual),
        };
    }
    let hidden = match kernels::linear(up, &input, Some(activation), None, how) {
        Some(hidden) => used(hidden, input),
        None => activate(activation, linear(up, input, how)),
    };
    linear_onto(down, scale, hidden, residual, how)
}

/// The output of an operation whose input's memory is for the next one.
fn used<const D: usize, const I: usize>(output: Tensor<D>, input: Tensor<I>) -> Tensor<D> {
    kernels::reuse(input);
    output
}

/// Normalises the last axis.
pub(crate) fn layer_norm<const D: usize>(layer: &LayerNorm, input: Tensor<D>, how: Execution) -> Tensor<D> {
    match kernels::layer_norm(layer, &input, how) {
        Some(output) => used(output, input),
        None => {
            let (gamma, beta) = (layer.gamma.val(), Some(layer.beta.val()));
            burn::tensor::module::layer_norm(input, gamma, beta, layer.epsilon)
        }
    }
}

/// Attention of all heads at once, each scaled by one over the root of its width.
///
/// - `fused`: queries, keys and values of every token, `[batch, tokens, 3 · width]`
/// - returns `[batch, tokens, width]`
pub(crate) fn attention(fused: Tensor<3>, heads: usize, how: Execution) -> Tensor<3> {
    match kernels::attention(&fused, heads, how) {
        Some(output) => used(output, fused),
        None => plain_attention(&fused, heads),
    }
}

fn plain_attention(fused: &Tensor<3>, heads: usize) -> Tensor<3> {
    let [batch, tokens, fused_width] = fused.dims();
    let width = fused_width / 3;
    let split = |part: usize| {
        fused
            .clone()
            .narrow(2, part * width, width)
            .reshape([batch, tokens, heads, width / heads])
            .swap_dims(1, 2)
    };
    let options = AttentionModuleOptions::default();
    let attended = burn::tensor::module::attention(split(0), split(1), split(2), None, None, options);
    attended.swap_dims(1, 2).reshape([batch, tokens, width])
}

/// The activation of a perceptron, on its last axis.
fn activate<const D: usize>(activation: Activation, input: Tensor<D>) -> Tensor<D> {
    match activation {
        Activation::Gelu => gelu(input),
        Activation::QuickGelu => input.clone() * sigmoid(input * 1.702),
        Activation::SwiGlu => {
            let half = input.dims()[D - 1] / 2;
            silu(input.clone().narrow(D - 1, 0, half)) * input.narrow(D - 1, half, half)
        }
    }
}
