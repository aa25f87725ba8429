//! The model's operations through the kernels: for tensors on the processor that carry no gradients.
//!
//! Tensors are read where they lie, and results are the memory that the kernels wrote. Each function gives nothing where it cannot
//! do the work, which Burn's own operations then do.

use super::Activation;
use super::layers::{LayerNorm, Linear};
use crate::execution::Execution;
use burn::backend::tensor::FloatTensor;
use burn::backend::{BackendTensor, DispatchAutodiffContext, DispatchTensor, DispatchTensorKind, Flex};
use burn::tensor::{DType, Tensor, TensorData};
use refcon_kernels::{Epilogue, HeadLayout, Heads, HeadsMut, Matrix};
use std::sync::{Mutex, PoisonError};

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

/// `activation(input · weight + bias) + residual`, `[…, inputs]` → `[…, outputs]`; activation and residual may be left out.
///
/// # Panics
/// When the weights are packed, and the input is on another device or carries gradients.
pub(super) fn linear<const D: usize>(
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
    let [inputs, outputs] = layer.shape();
    let x = in_order(input);
    assert!(
        x.is_some() || layer.packed.is_none(),
        "packed weights are for tensors on the processor that carry no gradients"
    );
    let x = x?;
    let bias = all(layer.bias.as_ref().map(|bias| in_order(&bias.val())))?;
    let residual = all(residual.map(in_order))?;
    let epilogue =
        Epilogue { bias: bias.as_ref().map(slice), activation, residual: residual.as_ref().map(slice) };
    let rows = slice(&x).len() / inputs;
    let mut y = memory(rows * outputs);
    let x = Matrix::new(slice(&x), rows, inputs);
    match (&layer.packed, &layer.weight) {
        (Some(packed), _) => packed.multiply(x, &epilogue, &mut y),
        (None, Some(weight)) => {
            let weight = read(&weight.val())?;
            refcon_kernels::multiply(tier, x, matrix(&weight)?, &epilogue, &mut y);
        }
        (None, None) => return None,
    }
    let mut shape = input.dims();
    shape[D - 1] = outputs;
    Some(write(y, shape))
}

/// `activation(input · up) · down + residual`, with the biases, where both weights are packed.
pub(super) fn perceptron(
    [up, down]: [&Linear; 2],
    activation: Activation,
    input: &Tensor<3>,
    residual: &Tensor<3>,
) -> Option<Tensor<3>> {
    let activation = fused(activation)?;
    let (packed_up, packed_down) = (up.packed.as_ref()?, down.packed.as_ref()?);
    let (x, residual) = (in_order(input)?, in_order(residual)?);
    let up_bias = all(up.bias.as_ref().map(|bias| in_order(&bias.val())))?;
    let down_bias = all(down.bias.as_ref().map(|bias| in_order(&bias.val())))?;
    let epilogue =
        Epilogue { bias: down_bias.as_ref().map(slice), activation: None, residual: Some(slice(&residual)) };
    let rows = slice(&x).len() / up.shape()[0];
    let mut y = memory(rows * down.shape()[1]);
    let x = Matrix::new(slice(&x), rows, up.shape()[0]);
    let up_bias = up_bias.as_ref().map(slice);
    refcon_kernels::perceptron(x, packed_up, up_bias, activation, packed_down, &epilogue, &mut y);
    let [batch, tokens, _] = input.dims();
    Some(write(y, [batch, tokens, down.shape()[1]]))
}

/// As [`super::layers::layer_norm`].
pub(super) fn layer_norm<const D: usize>(
    layer: &LayerNorm,
    input: &Tensor<D>,
    how: Execution,
) -> Option<Tensor<D>> {
    how.tier()?;
    let (x, gamma) = (in_order(input)?, in_order(&layer.gamma.val())?);
    let beta = in_order(&layer.beta.val())?;
    let mut y = memory(slice(&x).len());
    let epsilon = layer.epsilon as f32;
    refcon_kernels::layer_norm(slice(&gamma), slice(&beta), epsilon, slice(&x), &mut y, None);
    Some(write(y, input.dims()))
}

/// As [`super::layers::attention`].
pub(super) fn attention(fused: &Tensor<3>, heads: usize, how: Execution) -> Option<Tensor<3>> {
    let tier = how.tier()?;
    let [batch, tokens, fused_width] = fused.dims();
    let (width, head_width) = (fused_width / 3, fused_width / 3 / heads);
    let fused = in_order(fused)?;
    let [q, k, v] = Heads::fused(slice(&fused), [batch, tokens, heads, head_width]);
    let mut attended = memory(batch * tokens * width);
    let mut log_sums = memory(batch * heads * tokens);
    let output = HeadsMut::new(&mut attended, HeadLayout::by_token(batch, tokens, heads, head_width));
    let scale = 1.0 / (head_width as f32).sqrt();
    refcon_kernels::attention(tier, scale, q, k, v, output, &mut log_sums);
    keep(log_sums);
    Some(write(attended, [batch, tokens, width]))
}

/// The values of a tensor in any order; none on another device, in another type, or where gradients are wanted.
fn read<const D: usize>(tensor: &Tensor<D>) -> Option<Values> {
    match tensor.clone().into_dispatch() {
        DispatchTensor {
            kind: DispatchTensorKind::Flex(BackendTensor::Float(values)),
            autodiff: DispatchAutodiffContext::Disabled,
        } if values.dtype() == DType::F32 => Some(values),
        _ => None,
    }
}

/// As [`read`], row after row: copied where they lie otherwise.
fn in_order<const D: usize>(tensor: &Tensor<D>) -> Option<Values> {
    read(tensor).map(|values| values.to_contiguous())
}

/// What is left out stays so, and what cannot be read makes the whole none.
fn all(values: Option<Option<Values>>) -> Option<Option<Values>> {
    match values {
        Some(None) => None,
        Some(Some(values)) => Some(Some(values)),
        None => Some(None),
    }
}

fn slice(values: &Values) -> &[f32] {
    values.as_slice().unwrap_or_else(|| unreachable!("f32 values in order"))
}

/// A matrix where it lies; none where it runs backwards.
fn matrix(values: &Values) -> Option<Matrix<'_>> {
    let layout = values.layout();
    let [rows, columns] = layout.shape().dims();
    let &[down, across] = layout.strides() else { return None };
    let strides = [usize::try_from(down).ok()?, usize::try_from(across).ok()?];
    Some(Matrix::strided(&values.storage::<f32>()[layout.start_offset()..], [rows, columns], strides))
}

fn write<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
    Tensor::from_primitive::<Flex>(Values::from_data(TensorData::new(values, shape)))
}

/// Memory of tensors that are used up. New memory comes zeroed and page by page, which for some layers takes as long as their work.
static SPARE: Mutex<Vec<Vec<f32>>> = Mutex::new(Vec::new());

/// As many as a block's results that are needed at once, in their different lengths.
const MOST_SPARE: usize = 6;

/// Memory for a result, which may hold anything.
fn memory(count: usize) -> Vec<f32> {
    let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
    let found = spare.iter().position(|values| values.len() == count);
    found.map_or_else(|| vec![0.0; count], |at| spare.swap_remove(at))
}

fn keep(values: Vec<f32>) {
    let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
    if spare.len() == MOST_SPARE {
        spare.remove(0);
    }
    spare.push(values);
}

/// Lets go of a tensor, and keeps its memory for a later result where nobody else holds it and it is all of it.
pub(super) fn reuse<const D: usize>(tensor: Tensor<D>) {
    let values = read(&tensor);
    drop(tensor);
    let Some(values) = values else { return };
    let whole = values.layout().start_offset() == 0
        && values.is_contiguous()
        && values.bytes().len() == size_of::<f32>() * values.layout().num_elements();
    if whole && values.is_unique() {
        keep(values.into_data().try_into_vec().unwrap_or_default());
    }
}
