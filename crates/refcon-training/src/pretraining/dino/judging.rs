//! How good an encoder is, without labels: whether it finds a tile's other view among those of other tiles.
//!
//! The loss of DINO itself cannot say: a teacher that has collapsed makes it as small as can be, and it moves with the teacher's
//! temperature. Of two random views of each held-out tile, each is asked for the other among all others' by cosine, as tiles are searched
//! later. Ranks, unlike a contrastive loss, do not depend on how widely embeddings are spread, which changes while a model learns.

use crate::losses::unit;
use burn::tensor::Tensor;

/// The measure that decides which weights are kept; greater is better.
pub const MEASURE: &str = "validation/view_reciprocal_rank";

/// Asks each view for the other one of its tile: the mean of one over the rank of the right view. Views that are as near as it count
/// half, so that where all embeddings are the same it is about two over the number of tiles.
///
/// `first` and `second`: embeddings of two views of the same tiles, `[tiles, components]`
#[must_use]
pub fn view_reciprocal_rank(first: Tensor<2>, second: Tensor<2>) -> f64 {
    let tiles = first.dims()[0];
    let cosines: Vec<f32> = unit(first).matmul(unit(second).transpose()).into_data().iter::<f32>().collect();
    let ask = |of: &dyn Fn(usize) -> f32, own: usize| {
        let further = (0..tiles).filter(|&other| of(other) < of(own)).count();
        let as_near = (0..tiles).filter(|&other| other != own && of(other) == of(own)).count();
        // What cannot be compared counts as nearer: a model that says NaN finds nothing.
        let nearer = tiles - 1 - further - as_near;
        1.0 / (1.0 + nearer as f64 + as_near as f64 / 2.0)
    };
    let of_tile = |tile: usize| {
        ask(&|other| cosines[tile * tiles + other], tile) + ask(&|other| cosines[other * tiles + tile], tile)
    };
    (0..tiles).map(of_tile).sum::<f64>() / (2 * tiles.max(1)) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::TensorData;
    use refcon_encoders::device;

    fn embeddings(values: [[f32; 3]; 3]) -> Tensor<2> {
        Tensor::from_data(TensorData::new(values.concat(), [3, 3]), &device::cpu())
    }

    #[test]
    fn views_that_are_alike_are_found_and_where_all_are_the_same_it_is_a_guess() {
        let apart = embeddings([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 3.0]]);
        assert_eq!(view_reciprocal_rank(apart.clone(), apart.clone()), 1.0);
        let same = embeddings([[1.0, 0.0, 0.0]; 3]);
        assert_eq!(view_reciprocal_rank(same.clone(), same), 0.5);
        // Of each tile's view another one is nearest, and two are equally far.
        let turned = embeddings([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]);
        assert!((view_reciprocal_rank(apart.clone(), turned) - 1.0 / 2.5).abs() < 1e-12);
        let nothing = embeddings([[f32::NAN; 3]; 3]);
        for (first, second) in [(nothing.clone(), nothing.clone()), (apart, nothing)] {
            assert!((view_reciprocal_rank(first, second) - 1.0 / 3.0).abs() < 1e-12);
        }
    }
}
