//! The optimiser's step on a parameter.

use super::Values;
use super::memory::keep_values;
use super::operand::Operand;
use burn::backend::Flex;
use burn::tensor::{DType, Tensor, TensorData};
use refcon_kernels::AdamW;

/// Step number `time`, the first one being 1, of a parameter: its weights and the running means of its gradient and that one's
/// square, in place where nobody else holds them.
///
/// # Panics
/// When something does not lie on the processor ([`on_processor`]).
pub(crate) fn adamw_step<const D: usize>(
    settings: AdamW,
    time: usize,
    weights: Tensor<D>,
    gradient: Tensor<D>,
    means: Option<[Tensor<D>; 2]>,
) -> (Tensor<D>, [Tensor<D>; 2]) {
    let mut weights = laid_out(values(weights), None);
    let gradient = laid_out(values(gradient), Some(&weights));
    let [mut mean, mut squares] = match means {
        Some(means) => means.map(|mean| laid_out(values(mean), Some(&weights))),
        None => [zeros_like(&weights), zeros_like(&weights)],
    };
    settings.step(
        u32::try_from(time).unwrap_or(u32::MAX),
        gradient.storage(),
        weights.storage_mut(),
        mean.storage_mut(),
        squares.storage_mut(),
    );
    keep_values(gradient);
    (Tensor::from_primitive::<Flex>(weights), [mean, squares].map(Tensor::from_primitive::<Flex>))
}

/// Whether the kernels can step with this tensor.
pub(crate) fn on_processor<const D: usize>(tensor: &Tensor<D>) -> bool {
    Operand::read(tensor).is_some_and(|operand| !operand.is_in_graph())
}

/// The values alone; the tensor's own hold on them is let go.
fn values<const D: usize>(tensor: Tensor<D>) -> Values {
    let operand = Operand::read(&tensor);
    drop(tensor);
    operand.unwrap_or_else(|| panic!("the kernels' optimiser is for the processor")).values
}

/// Whether the memory holds exactly these values, row after row or, of a matrix, column after column.
fn is_dense(values: &Values) -> bool {
    let layout = values.layout();
    let whole = layout.start_offset() == 0
        && values.bytes().len() == size_of::<f32>() * layout.num_elements()
        && values.dtype() == DType::F32;
    whole && (values.is_contiguous() || is_turned(values))
}

fn is_turned(values: &Values) -> bool {
    let layout = values.layout();
    layout.strides().len() == 2 && values.transpose(0, 1).is_contiguous()
}

/// The values in memory of their own, in the order of `like`, or in their own order if that is dense.
fn laid_out(values: Values, like: Option<&Values>) -> Values {
    let turned = match like {
        Some(like) => is_turned(like) && !like.is_contiguous(),
        None => is_dense(&values) && !values.is_contiguous(),
    };
    if is_dense(&values) && turned != values.is_contiguous() {
        return values;
    }
    let laid = |values: Values| match values.to_contiguous() {
        whole if is_dense(&whole) => whole,
        part => Values::from_data(part.into_data()),
    };
    if turned { laid(values.transpose(0, 1)).transpose(0, 1) } else { laid(values) }
}

fn zeros_like(values: &Values) -> Values {
    let zeros =
        TensorData::new(vec![0.0f32; values.layout().num_elements()], values.layout().shape().clone());
    Values::from_data(zeros).with_layout(values.layout().clone())
}
