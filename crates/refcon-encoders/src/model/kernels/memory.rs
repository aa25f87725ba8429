//! Memory of tensors that are used up. New memory comes zeroed and page by page, which for some layers takes as long as their work.

use super::Values;
use super::operand::Operand;
use burn::tensor::Tensor;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// The longest kept first.
static SPARE: Mutex<VecDeque<Vec<f32>>> = Mutex::new(VecDeque::new());

/// As many as a block's results that are needed at once, in their different lengths.
const MOST_SPARE: usize = 6;

/// Bytes kept from a backward pass for the next step, which needs as much again before its own backward pass.
const MOST_SPARE_BYTES: usize = 2 << 30;

/// Most gradients of one length that are kept: each layer of a deep model has some, and those of lengths that nobody asks for stay few.
const MOST_ALIKE: usize = 64;

/// Memory for a result, which may hold anything.
pub(super) fn memory(count: usize) -> Vec<f32> {
    let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
    let found = spare.iter().rposition(|values| values.len() == count);
    found.and_then(|at| spare.remove(at)).unwrap_or_else(|| vec![0.0; count])
}

/// Keeps the memory of something that training used.
pub(super) fn keep(values: Vec<f32>) {
    keep_within(values, usize::MAX);
}

/// Keeps the memory of a gradient that left the graph.
pub(crate) fn keep_gradient(values: Vec<f32>) {
    let alike = |spare: &VecDeque<Vec<f32>>| spare.iter().filter(|kept| kept.len() == values.len()).count();
    let few = alike(&SPARE.lock().unwrap_or_else(PoisonError::into_inner)) < MOST_ALIKE;
    if few {
        keep(values);
    }
}

fn keep_within(values: Vec<f32>, most: usize) {
    if values.is_empty() {
        return;
    }
    let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
    spare.push_back(values);
    let bytes = |values: &Vec<f32>| size_of_val(values.as_slice());
    let mut held: usize = spare.iter().map(bytes).sum();
    while spare.len() > most || held > MOST_SPARE_BYTES {
        held -= spare.pop_front().as_ref().map_or(held, bytes);
    }
}

/// Lets go of a tensor without gradients, and keeps its memory for a later result where nobody else holds it and it is all of it.
pub(in crate::model) fn reuse<const D: usize>(tensor: Tensor<D>) {
    let operand = Operand::read(&tensor);
    drop(tensor);
    if let Some(operand) = operand
        && !operand.is_in_graph()
    {
        keep_within(whole(operand.values), MOST_SPARE);
    }
}

/// Lets go of something that training used, as [`reuse`] does.
pub(super) fn keep_values(values: Values) {
    keep(whole(values));
}

/// The memory of values that nobody else holds, where it is all of it; else nothing.
fn whole(values: Values) -> Vec<f32> {
    let layout = values.layout();
    let is_all =
        layout.start_offset() == 0 && values.bytes().len() == size_of::<f32>() * layout.num_elements();
    // Of a transposed matrix too: whoever gets the memory writes all of it.
    let turned = layout.strides().len() == 2 && values.transpose(0, 1).is_contiguous();
    if !is_all || !values.is_unique() {
        return Vec::new();
    }
    let values = if turned {
        let layout = values.transpose(0, 1).layout().clone();
        values.with_layout(layout)
    } else {
        values
    };
    if values.is_contiguous() && values.is_unique() {
        values.into_data().try_into_vec().unwrap_or_default()
    } else {
        Vec::new()
    }
}
