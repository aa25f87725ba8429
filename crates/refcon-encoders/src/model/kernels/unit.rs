//! Vectors scaled to length 1.

use super::Values;
use super::memory::{keep_values, memory};
use super::operand::{Operand, record, shaped_like, slice};
use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::tensor::Tensor;

/// As [`crate::operations::unit`].
pub(crate) fn unit(vectors: &Tensor<2>, shortest: f32) -> Option<Tensor<2>> {
    let [rows, columns] = vectors.dims();
    let x = Operand::in_order(vectors)?;
    Some(record(UnitBackward, [Some(&x)], |_| {
        let (mut y, mut lengths) = (memory(rows * columns), memory(rows));
        refcon_kernels::unit_rows(columns, shortest, x.slice(), &mut y, &mut lengths);
        let y = shaped_like(y, &x.values);
        (y.clone(), Saved { columns, shortest, output: y, lengths })
    }))
}

#[derive(Debug)]
struct UnitBackward;

/// What the gradient needs.
#[derive(Debug, Clone)]
struct Saved {
    columns: usize,
    shortest: f32,
    output: Values,
    lengths: Vec<f32>,
}

impl Backward<Flex, 1> for UnitBackward {
    type State = Saved;

    fn backward(self, operation: Ops<Saved, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let outer = gradients.consume::<Flex>(&operation.node).to_contiguous();
        let [Some(node)] = operation.parents else { return };
        let Saved { columns, shortest, output, lengths } = operation.state;
        let mut gradient = memory(slice(&outer).len());
        gradient.copy_from_slice(slice(&outer));
        refcon_kernels::unit_rows_backward(columns, shortest, slice(&output), &lengths, &mut gradient);
        gradients.register::<Flex>(node.id, shaped_like(gradient, &output));
        [output, outer].into_iter().for_each(keep_values);
    }
}
