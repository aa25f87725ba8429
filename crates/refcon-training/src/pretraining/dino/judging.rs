//! How good an encoder is, without labels: whether it finds a tile's other view among those of other tiles.
//!
//! The loss of DINO itself cannot say: a teacher that has collapsed makes it as small as can be, and it moves with the teacher's
//! temperature. Of two random views of each held-out tile, each is asked for the other among all others' by cosine; the cross-entropy
//! of that choice (Oord et al., arXiv 1807.03748, equation 4) is small where views of a tile are alike and those of different tiles are
//! not (Wang & Isola, arXiv 2005.10242), and that of guessing where all embeddings are the same.

use crate::losses::unit;
use burn::tensor::Tensor;

/// Divides the cosines.
const TEMPERATURE: f64 = 0.1;

/// The measure that decides which weights are kept.
pub const MEASURE: &str = "validation/view_loss";

/// How well views are found by views of the same tiles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// Mean cross-entropy of the choice, in nats.
    pub loss: f64,
    /// Mean of one over the rank of the right view; views that are as near as it count half.
    pub reciprocal_rank: f64,
}

/// Asks each view for the other one of its tile.
///
/// `first` and `second`: embeddings of two views of the same tiles, `[tiles, components]`
#[must_use]
pub fn find_views(first: Tensor<2>, second: Tensor<2>) -> Found {
    let tiles = first.dims()[0];
    let cosines: Vec<f32> = unit(first).matmul(unit(second).transpose()).into_data().iter::<f32>().collect();
    let cosine = |row: usize, column: usize| f64::from(cosines[row * tiles + column]);
    let mut found = Found { loss: 0.0, reciprocal_rank: 0.0 };
    let mut ask = |of: &dyn Fn(usize) -> f64, own: usize| {
        let right = of(own);
        let sum: f64 = (0..tiles).map(|other| ((of(other) - right) / TEMPERATURE).exp()).sum();
        let nearer = (0..tiles).filter(|&other| of(other) > right).count() as f64;
        let as_near = (0..tiles).filter(|&other| other != own && of(other) == right).count() as f64;
        found.loss += sum.ln();
        found.reciprocal_rank += 1.0 / (1.0 + nearer + as_near / 2.0);
    };
    for tile in 0..tiles {
        ask(&|other| cosine(tile, other), tile);
        ask(&|other| cosine(other, tile), tile);
    }
    let questions = 2.0 * tiles.max(1) as f64;
    Found { loss: found.loss / questions, reciprocal_rank: found.reciprocal_rank / questions }
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
        let found = find_views(apart.clone(), apart.clone());
        assert!(found.loss < 1e-3 && found.reciprocal_rank == 1.0, "{found:?}");
        let same = embeddings([[1.0, 0.0, 0.0]; 3]);
        let found = find_views(same.clone(), same);
        assert!((found.loss - 3f64.ln()).abs() < 1e-6 && found.reciprocal_rank == 0.5, "{found:?}");
        let turned = embeddings([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]);
        assert!(find_views(apart, turned).loss > 5.0);
    }
}
