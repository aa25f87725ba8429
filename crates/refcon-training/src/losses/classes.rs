//! Which tiles of a batch belong together.

use burn::tensor::{Device, Tensor, TensorData};

/// Masks of a batch by its classes: 1 where it holds, else 0.
#[derive(Debug, Clone)]
pub struct ClassMasks {
    /// Same class, another tile, `[batch, batch]`.
    pub positive: Tensor<2>,
    /// Another class, `[batch, batch]`.
    pub negative: Tensor<2>,
    /// The tile's class, `[batch, classes]`.
    pub of_class: Tensor<2>,
    /// Tiles of the batch.
    pub batch: usize,
    /// Tiles with another of their class in the batch.
    pub with_positive: usize,
    /// Classes that are in the batch.
    pub present: usize,
}

impl ClassMasks {
    /// The masks of a batch whose tiles have these classes, among `classes`.
    #[must_use]
    pub fn new(of_tile: &[usize], classes: usize, device: &Device) -> Self {
        let batch = of_tile.len();
        let pairs = |holds: &dyn Fn(usize, usize) -> bool| {
            let values: Vec<f32> =
                (0..batch * batch).map(|at| f32::from(u8::from(holds(at / batch, at % batch)))).collect();
            Tensor::from_data(TensorData::new(values, [batch, batch]), device)
        };
        let one_hot: Vec<f32> = (0..batch * classes)
            .map(|at| f32::from(u8::from(of_tile[at / classes] == at % classes)))
            .collect();
        let count = |class: usize| of_tile.iter().filter(|&&of| of == class).count();
        Self {
            positive: pairs(&|a, b| a != b && of_tile[a] == of_tile[b]),
            negative: pairs(&|a, b| of_tile[a] != of_tile[b]),
            of_class: Tensor::from_data(TensorData::new(one_hot, [batch, classes]), device),
            batch,
            with_positive: of_tile.iter().filter(|&&class| count(class) > 1).count(),
            present: (0..classes).filter(|&class| count(class) > 0).count(),
        }
    }
}
