//! Memory of tensors that are used up. New memory comes zeroed and page by page, which for some layers takes as long as their work.

use super::Values;
use super::operand::Operand;
use burn::tensor::Tensor;
use std::sync::{Mutex, PoisonError};

static SPARE: Mutex<Vec<Vec<f32>>> = Mutex::new(Vec::new());

/// As many as a block's results that are needed at once, in their different lengths.
const MOST_SPARE: usize = 6;

/// Memory for a result, which may hold anything.
pub(super) fn memory(count: usize) -> Vec<f32> {
    let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
    let found = spare.iter().position(|values| values.len() == count);
    found.map_or_else(|| vec![0.0; count], |at| spare.swap_remove(at))
}

pub(super) fn keep(values: Vec<f32>) {
    let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
    if spare.len() == MOST_SPARE {
        spare.remove(0);
    }
    spare.push(values);
}

/// Lets go of a tensor, and keeps its memory for a later result where nobody else holds it and it is all of it.
pub(in crate::model) fn reuse<const D: usize>(tensor: Tensor<D>) {
    let operand = Operand::read(&tensor);
    drop(tensor);
    if let Some(operand) = operand
        && !operand.is_in_graph()
    {
        keep_values(operand.values);
    }
}

/// As [`reuse`].
pub(super) fn keep_values(values: Values) {
    let whole = values.layout().start_offset() == 0
        && values.is_contiguous()
        && values.bytes().len() == size_of::<f32>() * values.layout().num_elements();
    if whole && values.is_unique() {
        keep(values.into_data().try_into_vec().unwrap_or_default());
    }
}
