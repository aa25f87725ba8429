//! Tensors as the kernels read and write them, and their places in the graph of gradients.

use super::Values;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::ops::{Backward, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Autodiff, BackendTensor, DispatchAutodiffContext, DispatchTensor, DispatchTensorKind, Flex,
};
use burn::tensor::{DType, Tensor, TensorData};
use refcon_kernels::Matrix;

/// A tensor that an operation reads.
#[derive(Debug, Clone)]
pub(super) struct Operand {
    pub(super) values: Values,
    graph: Option<Node>,
}

/// Where a tensor stands in the graph of gradients.
#[derive(Debug, Clone)]
struct Node {
    tensor: FloatTensor<Autodiff<Flex>>,
    context: DispatchAutodiffContext,
}

impl Operand {
    /// A tensor in any order; none on another device or of another type than f32.
    pub(super) fn read<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        let DispatchTensor { kind, autodiff: context } = tensor.clone().into_dispatch();
        let operand = match kind {
            DispatchTensorKind::Flex(BackendTensor::Float(values)) => Self { values, graph: None },
            DispatchTensorKind::Autodiff(inner) => match *inner {
                DispatchTensorKind::Flex(BackendTensor::Autodiff(tensor)) => {
                    Self { values: tensor.primitive().clone(), graph: Some(Node { tensor, context }) }
                }
                _ => return None,
            },
            _ => return None,
        };
        (operand.values.dtype() == DType::F32).then_some(operand)
    }

    /// As [`Operand::read`], row after row: copied where they lie otherwise.
    pub(super) fn in_order<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        Self::read(tensor).map(|operand| Self { values: operand.values.to_contiguous(), ..operand })
    }

    /// As [`Operand::in_order`]. What is left out stays so, and what cannot be read makes the whole none.
    #[allow(clippy::option_option)] // an operand may be left out, or unreadable
    pub(super) fn optional<const D: usize>(tensor: Option<&Tensor<D>>) -> Option<Option<Self>> {
        match tensor {
            Some(tensor) => Self::in_order(tensor).map(Some),
            None => Some(None),
        }
    }

    /// Whether it belongs to a device on which gradients can be computed.
    pub(super) fn is_in_graph(&self) -> bool {
        self.graph.is_some()
    }

    /// Of an operand that was read in order.
    pub(super) fn slice(&self) -> &[f32] {
        slice(&self.values)
    }
}

/// The values of a tensor that lies in order.
pub(super) fn slice(values: &Values) -> &[f32] {
    values.as_slice().unwrap_or_else(|| unreachable!("f32 values in order"))
}

/// A matrix where it lies; none where it runs backwards.
pub(super) fn matrix(values: &Values) -> Option<Matrix<'_>> {
    let layout = values.layout();
    let [rows, columns] = layout.shape().dims();
    let &[down, across] = layout.strides() else { return None };
    let strides = [usize::try_from(down).ok()?, usize::try_from(across).ok()?];
    Some(Matrix::strided(&values.storage::<f32>()[layout.start_offset()..], [rows, columns], strides))
}

/// New values as a tensor of the backend.
pub(super) fn shaped<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> Values {
    Values::from_data(TensorData::new(values, shape))
}

/// New values, of the shape of others.
pub(super) fn shaped_like(values: Vec<f32>, other: &Values) -> Values {
    Values::from_data(TensorData::new(values, other.layout().shape().clone()))
}

/// Does an operation, and where one of its operands belongs to a device with gradients, puts it into their graph.
///
/// `compute` gives the result and what `backward` will need of it; it is told whether there will be a backward pass.
pub(super) fn record<O, const N: usize, const D: usize>(
    backward: O,
    operands: [Option<&Operand>; N],
    compute: impl FnOnce(bool) -> (Values, O::State),
) -> Tensor<D>
where
    O: Backward<Flex, N>,
{
    let nodes = operands.map(|operand| operand.and_then(|operand| operand.graph.as_ref()));
    let Some(context) = nodes.iter().flatten().map(|node| node.context).next() else {
        return Tensor::from_primitive::<Flex>(compute(false).0);
    };
    let nothing = || FloatTensor::<Autodiff<Flex>>::new(shaped(Vec::new(), [0])).node();
    let guards = nodes.map(|node| node.map_or_else(nothing, |node| node.tensor.node()));
    let tensor = match backward.prepare::<NoCheckpointing>(guards).compute_bound().stateful() {
        OpsKind::Tracked(operation) => {
            let (values, state) = compute(true);
            operation.finish(state, values)
        }
        OpsKind::UnTracked(operation) => operation.finish(compute(false).0),
    };
    let kind = DispatchTensorKind::Flex(BackendTensor::Autodiff(tensor));
    Tensor::from_dispatch(DispatchTensor {
        kind: DispatchTensorKind::Autodiff(Box::new(kind)),
        autodiff: context,
    })
}
