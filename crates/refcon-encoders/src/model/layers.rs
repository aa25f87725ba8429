//! The operations of a transformer. Every linear layer, attention, normalisation and activation of every model goes through
//! these functions, so that a faster kernel for one of them is put in at one place.

use burn::module::Param;
use burn::nn::{LayerNorm, LayerNormConfig, Linear};
use burn::tensor::activation::{gelu, sigmoid, silu};
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Device, Tensor};

/// What stands between the two linear layers of a perceptron.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// x · Φ(x), with the exact normal distribution.
    Gelu,
    /// x · σ(1.702 x), as in CLIP.
    QuickGelu,
    /// SiLU of the first half times the second half: the first layer is twice as wide as what comes out.
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
pub(crate) fn linear<const D: usize>(layer: &Linear, input: Tensor<D>) -> Tensor<D> {
    layer.forward(input)
}

/// Normalises the last axis.
pub(crate) fn layer_norm<const D: usize>(layer: &LayerNorm, input: Tensor<D>) -> Tensor<D> {
    layer.forward(input)
}

/// Attention of all heads at once, each scaled by one over the root of its width.
///
/// - `fused`: queries, keys and values of every token, `[batch, tokens, 3 · width]`
/// - returns `[batch, tokens, width]`
pub(crate) fn attention(fused: Tensor<3>, heads: usize) -> Tensor<3> {
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
pub(crate) fn activate(activation: Activation, input: Tensor<3>) -> Tensor<3> {
    match activation {
        Activation::Gelu => gelu(input),
        Activation::QuickGelu => input.clone() * sigmoid(input * 1.702),
        Activation::SwiGlu => {
            let half = input.dims()[2] / 2;
            silu(input.clone().narrow(2, 0, half)) * input.narrow(2, half, half)
        }
    }
}

/// A linear layer. PyTorch keeps `[outputs, inputs]`, Burn `[inputs, outputs]`.
pub(crate) fn linear_from(weight: Tensor<2>, bias: Option<Tensor<1>>) -> Linear {
    Linear { weight: Param::from_tensor(weight.transpose()), bias: bias.map(Param::from_tensor) }
}

pub(crate) fn layer_norm_from(gamma: Tensor<1>, beta: Tensor<1>, epsilon: f64, device: &Device) -> LayerNorm {
    let mut norm = LayerNormConfig::new(gamma.dims()[0]).with_epsilon(epsilon).init(device);
    norm.gamma = Param::from_tensor(gamma);
    norm.beta = Some(Param::from_tensor(beta));
    norm
}
