//! Encoders: from the image of a tile to an embedding.
//!
//! | encoder | weights | input | embedding |
//! |---|---|---|---|
//! | [`Texture`] | none | the tile as it is | 165 standardised features |
//! | [`Pretrained`], family ViT | Transformers' `config.json` + `model.safetensors` (f32, f16, bf16) | preprocessed, any size | pooler output, else class token |
//!
//! Every encoder has an [`EncoderId`]: embeddings of different encoders are never compared.

pub mod checkpoint;
mod embedding;
mod encoder;
mod pretrained;
pub mod texture;
pub mod vit;

pub use embedding::{EmbeddingError, Embeddings, EncoderId};
pub use encoder::{EncodeError, Encoder};
pub use pretrained::Pretrained;
pub use texture::Texture;
