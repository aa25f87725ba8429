//! The cross-entropy of a softmax with given distributions.

use super::Values;
use super::memory::{keep, keep_values, memory};
use super::operand::{Operand, record, shaped, slice};
use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::tensor::Tensor;

/// As [`crate::operations::cross_entropy`].
pub(crate) fn cross_entropy(logits: &Tensor<2>, targets: &Tensor<2>, temperature: f64) -> Option<Tensor<2>> {
    let [rows, columns] = logits.dims();
    let (x, targets) = (Operand::in_order(logits)?, Operand::in_order(targets)?);
    Some(record(CrossEntropyBackward, [Some(&x)], |keeps| {
        let mut losses = memory(rows);
        let mut slopes = memory(rows * columns);
        let factor = (1.0 / temperature) as f32;
        refcon_kernels::cross_entropy(columns, factor, x.slice(), targets.slice(), &mut losses, &mut slopes);
        let slopes = if keeps {
            slopes
        } else {
            keep(slopes);
            Vec::new()
        };
        let count = slopes.len() / columns.max(1);
        (shaped(losses, [rows, 1]), Saved { slopes: shaped(slopes, [count, columns]) })
    }))
}

#[derive(Debug)]
struct CrossEntropyBackward;

#[derive(Debug, Clone)]
struct Saved {
    /// Of each loss for its row's logits.
    slopes: Values,
}

impl Backward<Flex, 1> for CrossEntropyBackward {
    type State = Saved;

    fn backward(self, operation: Ops<Saved, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let outer = gradients.consume::<Flex>(&operation.node).to_contiguous();
        let [Some(node)] = operation.parents else { return };
        let mut slopes = operation.state.slopes;
        let columns = slopes.layout().shape().last().copied().unwrap_or(0);
        refcon_kernels::scale_rows(columns, slice(&outer), slopes.storage_mut());
        gradients.register::<Flex>(node.id, slopes);
        keep_values(outer);
    }
}
