//! Logits spread evenly over their columns.

use super::memory::memory;
use super::operand::{Operand, shaped};
use burn::backend::Flex;
use burn::tensor::Tensor;

/// As [`crate::operations::sinkhorn_knopp`], for logits without gradients.
pub(crate) fn sinkhorn_knopp(logits: &Tensor<2>, temperature: f64, rounds: usize) -> Option<Tensor<2>> {
    let [count, columns] = logits.dims();
    let x = Operand::in_order(logits).filter(|x| !x.is_in_graph() && rounds > 0)?;
    let mut spread = memory(count * columns);
    refcon_kernels::sinkhorn_knopp(columns, (1.0 / temperature) as f32, rounds, x.slice(), &mut spread);
    Some(Tensor::from_primitive::<Flex>(shaped(spread, [count, columns])))
}
