//! What every encoder offers.

use crate::EncoderId;
use refcon_image::GreyImage;

/// Why tiles could not be embedded.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The encoder's answer for a tile is no vector of finite numbers.
    #[error(
        "encoder {encoder} gave {value} for tile {tile} of a batch; expected finite numbers: its weights are damaged or \
         hold values beyond their precision"
    )]
    NotFinite {
        /// The encoder.
        encoder: EncoderId,
        /// Which tile of the batch.
        tile: usize,
        /// What was found, written out.
        value: String,
    },
}

/// A model that turns the image of a tile into an embedding.
pub trait Encoder: Send + Sync {
    /// Who it is. Equal identities give embeddings that are equal but for rounding.
    fn id(&self) -> &EncoderId;

    /// Components of an embedding.
    fn dimension(&self) -> usize;

    /// What it computes in: `f32`, or a tier of the kernels that rounds factors to bf16 (`amx-bf16`, `avx512-bf16`). Embeddings
    /// differ a little with it; the identity does not.
    fn tier(&self) -> &'static str {
        "f32"
    }

    /// The embeddings of `tiles`, `[tiles, dimension]`, vector by vector. The encoder does its own preprocessing and uses
    /// all threads; a few dozen tiles a call keep it busy.
    ///
    /// # Errors
    /// When the model's answer is not finite.
    fn embed(&self, tiles: &[GreyImage]) -> Result<Vec<f32>, EncodeError>;
}
