//! Encoders: from the image of a tile to an embedding.
//!
//! | encoder | weights | input | embedding |
//! |---|---|---|---|
//! | [`Texture`] | none | the tile as it is | 165 standardised features |
//! | [`Pretrained`] | a checkpoint of ViT, CLIP, DINOv2 or ViT-MAE, by Transformers', torchvision's, timm's or Meta's names; safetensors or PyTorch's own files, f32, f16, bf16 | preprocessed, any size that is a multiple of the patch | as [`EncoderFile`] says: class token, pooler, projection, means |
//!
//! Either may have a [`Head`] on top, which [`open_encoder`] opens with it.
//!
//! Every encoder has an [`EncoderId`]: embeddings of different encoders are never compared.

pub mod checkpoint;
pub mod device;
mod embedding;
mod encoder;
mod encoder_file;
mod execution;
mod export;
mod families;
mod head;
mod headed;
mod inspection;
pub mod model;
mod opened;
pub mod operations;
pub mod optimiser;
mod pretrained;
pub mod texture;
mod trained;

pub use burn::tensor::Device;
pub use checkpoint::{COMPACT, is_shipped};
pub use device::{DeviceChoice, DeviceError, device_list};
pub use embedding::{EmbeddingError, Embeddings, EncoderId, scale_to_length_one};
pub use encoder::{EncodeError, Encoder};
pub use encoder_file::{Base, EncoderFile};
pub use execution::{Execution, Precision, PrecisionError};
pub use export::{ExportError, ModelCard, StoredAs, export, export_masked_autoencoder};
pub use families::Family;
pub use families::mae::{Decoder, DecoderArchitecture, MaskedAutoencoder, Reconstruction};
pub use families::published::{Published, published};
pub use head::{Head, HeadFile, HeadSizes};
pub use headed::{Headed, open_encoder, open_head};
pub use inspection::{Inspection, inspect};
pub use pretrained::Pretrained;
pub use texture::Texture;
pub use trained::{Trained, TrainedBase};
