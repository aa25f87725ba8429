//! An encoder with weights: a model, its preprocessing, its pooling and its identity.

use crate::checkpoint::{COMPACT, CheckpointError, is_shipped};
use crate::device;
use crate::embedding::scale_to_length_one;
use crate::encoder_file::{EncoderFile, Settled};
use crate::execution::Execution;
use crate::families::mae::{DecoderArchitecture, MaskedAutoencoder};
use crate::families::{Family, short_name};
use crate::model::{Architecture, Pooling, VisionTransformer};
use crate::opened::Opened;
use crate::{EncodeError, Encoder, EncoderId, Texture};
use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;
use refcon_image::{GreyImage, Preprocessing};
use std::path::Path;

/// Images that are given to the model together: so many tokens for every thread, a few parts of a batch each
/// ([`VisionTransformer::embed`]), so that none waits long for the last ones.
const TOKENS_A_THREAD: usize = 1200;
const LEAST_IMAGES_AT_ONCE: usize = 8;

/// An encoder whose weights come from a checkpoint.
#[derive(Debug)]
pub struct Pretrained {
    id: EncoderId,
    family: Family,
    architecture: Architecture,
    settled: Settled,
    dimension: usize,
    model: VisionTransformer,
    device: Device,
    execution: Execution,
}

impl Pretrained {
    /// Opens a checkpoint on the CPU, in f32; see [`Pretrained::open_on`].
    ///
    /// # Errors
    /// As [`Pretrained::open_on`].
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        Self::open_on(path, None, &device::cpu(), Execution::F32)
    }

    /// Opens a checkpoint: a weights' file ([`crate::checkpoint`]), an index of shards, or a folder with one of them.
    ///
    /// Its family is recognised by its tensors' names, whatever stands before them; `family` takes it as another that has the
    /// same names. Beside the weights may lie Transformers' `config.json` and `refcon-encoder.json` ([`crate::EncoderFile`]);
    /// without the latter the preprocessing is the challenge's (contrast 15, shorter side 256/224 of the model's input, centre
    /// crop; no mean and standard deviation), and the pooling what the model's authors use.
    ///
    /// Where `execution` is a tier ([`Execution::in_tier`]), weights are packed for it as they are read and not kept otherwise, for inference
    /// only: in half the memory where it rounds to bf16. Embeddings of all precisions have the same identity: they are compared with
    /// each other.
    ///
    /// # Errors
    /// When a file cannot be read or is damaged, its names are of no known encoder or of another family, or weights,
    /// configuration and preprocessing do not match.
    pub fn open_on(
        path: &Path,
        family: Option<Family>,
        device: &Device,
        execution: Execution,
    ) -> Result<Self, CheckpointError> {
        let mut opened = Opened::open(path, family)?;
        let model = opened.load(device, execution)?;
        let Opened { checkpoint, family, architecture, settled, config_text, .. } = opened;
        let architecture = settled.run_as(&architecture);
        let applied = serde_json::to_vec(&settled)
            .map_err(|error| CheckpointError::config(checkpoint.path(), error.to_string()))?;
        let understood = format!("{family} {} {:?}", architecture.heads, architecture.position_resize);
        let hash = checkpoint.hash()?;
        let mut parts: Vec<&[u8]> = vec![&hash, config_text.as_bytes(), &applied, understood.as_bytes()];
        let texture = settled.texture_share.map(|_| Texture::new());
        parts.extend(texture.as_ref().map(|texture| texture.id().hash().as_bytes()));
        let joined = if texture.is_some() { "+texture" } else { "" };
        let name = match is_shipped(path) {
            true => COMPACT.to_owned(),
            false => format!("{}{joined}", short_name(family, &architecture)),
        };
        let id = EncoderId::new(name, &parts);
        let dimension = settled.dimension(&architecture);
        Ok(Self { id, family, architecture, settled, dimension, model, device: device.clone(), execution })
    }

    /// Opens a checkpoint as [`Pretrained::open_on`] does, for training: on `device` with gradients, all weights in f32. Where
    /// `execution` is a tier that rounds to bf16, factors are rounded as they are multiplied; sums, weights and gradients are f32.
    ///
    /// # Errors
    /// As [`Pretrained::open_on`].
    pub fn open_to_train(
        path: &Path,
        family: Option<Family>,
        device: &Device,
        execution: Execution,
    ) -> Result<Self, CheckpointError> {
        Self::open_on(path, family, &device.clone().autodiff(), execution.for_training())
    }

    /// A vision transformer with random weights: where training from scratch begins. What `file` leaves out is the challenge's
    /// preprocessing and the class token.
    ///
    /// # Errors
    /// When the sizes do not fit together, or `file` does not fit them.
    pub fn initial(
        sizes: &Architecture,
        file: &EncoderFile,
        seed: u64,
        device: &Device,
        execution: Execution,
    ) -> Result<Self, String> {
        if let Some(problem) = sizes.problem() {
            return Err(problem);
        }
        let settled = file.settle(sizes, Pooling::Class)?;
        let (architecture, family) = (settled.run_as(sizes), Family::Vit);
        let model = VisionTransformer::initial(&architecture, seed, device, execution);
        let id = EncoderId::new(short_name(family, &architecture), &[b"initial", &seed.to_le_bytes()]);
        let dimension = settled.dimension(&architecture);
        Ok(Self { id, family, architecture, settled, dimension, model, device: device.clone(), execution })
    }

    /// The same model behind another preprocessing, of the same input size, with another pooling, and without the texture descriptor:
    /// for what is to be learned with them. Mean and standard deviation stay. The identity is still that of the encoder that was opened.
    ///
    /// # Errors
    /// When the preprocessing is for another input size, or the model cannot be pooled so.
    pub fn used_with(self, preprocessing: Preprocessing, pooling: Pooling) -> Result<Self, String> {
        let (crop, side) = (preprocessing.crop() as usize, self.architecture.image_size);
        if crop != side {
            return Err(format!("the crop is {crop} pixels, expected the model's input of {side}"));
        }
        let file = EncoderFile {
            preprocessing: Some(preprocessing),
            mean: self.settled.mean.clone(),
            std: self.settled.std.clone(),
            pooling: Some(pooling),
            normalise: self.settled.normalise,
            ..EncoderFile::default()
        };
        let settled = file.settle(&self.architecture, pooling)?;
        let dimension = settled.dimension(&self.architecture);
        Ok(Self { settled, dimension, ..self })
    }

    /// The family.
    #[must_use]
    pub fn family(&self) -> Family {
        self.family
    }

    /// The model's sizes, for the input that it gets.
    #[must_use]
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &VisionTransformer {
        &self.model
    }

    /// Where the model is.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// How a tile becomes the model's input.
    #[must_use]
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.settled.preprocessing
    }

    pub(crate) fn settled(&self) -> &Settled {
        &self.settled
    }

    /// What of the model's output becomes the embedding.
    #[must_use]
    pub fn pooling(&self) -> Pooling {
        self.settled.pooling
    }

    /// The share of the texture descriptor in embeddings that join it to the model's ([`EncoderFile::texture_share`]).
    #[must_use]
    pub fn texture_share(&self) -> Option<f32> {
        self.settled.texture_share
    }

    /// The same encoder with that share of the texture descriptor in its embeddings. The identity is still that of the encoder that
    /// was opened.
    ///
    /// # Errors
    /// When the share is not above 0 and below 1.
    pub fn joined_with_texture(self, share: f32) -> Result<Self, String> {
        if !(share > 0.0 && share < 1.0) {
            return Err(format!("a share of {share}, expected one above 0 and below 1"));
        }
        let settled = Settled { texture_share: Some(share), ..self.settled };
        let dimension = settled.dimension(&self.architecture);
        Ok(Self { settled, dimension, ..self })
    }

    /// The model's embeddings of inputs that need no preprocessing any more; the texture descriptor has no part in them.
    ///
    /// # Shapes
    /// - `pixels`: `[batch, channels, image_size, image_size]`
    /// - returns `[batch, components]`, as many as the pooling gives
    ///
    /// # Panics
    /// If `pixels` is not of that shape.
    #[must_use]
    pub fn embed_pixels(&self, pixels: Vec<f32>, batch: usize) -> Vec<f32> {
        let Architecture { image_size, channels, .. } = self.architecture;
        let pixels = TensorData::new(pixels, [batch, channels, image_size, image_size]);
        // On one of the pool's threads: from outside, each small product would wake the pool and wait for it.
        let embedded = rayon::scope(|_| {
            self.model.embed(Tensor::from_data(pixels, &self.device), self.settled.pooling).into_data()
        });
        let mut embeddings: Vec<f32> = embedded.iter::<f32>().collect();
        if self.settled.normalise {
            let components = self.settled.model_dimension(&self.architecture);
            embeddings.chunks_exact_mut(components).for_each(scale_to_length_one);
        }
        embeddings
    }

    /// Puts the texture descriptor of each tile before what the model gave for it.
    fn joined(&self, share: f32, textures: Vec<Vec<f32>>, mut by_model: Vec<f32>) -> Vec<f32> {
        let mut joined = Vec::with_capacity(textures.len() * self.dimension);
        let components = self.settled.model_dimension(&self.architecture);
        for (mut texture, by_model) in textures.into_iter().zip(by_model.chunks_exact_mut(components)) {
            for (part, share) in [(&mut texture[..], share), (by_model, 1.0 - share)] {
                scale_to_length_one(part);
                part.iter_mut().for_each(|value| *value *= share.sqrt());
                joined.extend_from_slice(part);
            }
        }
        joined
    }

    /// What the model gives for tiles, one after the other.
    fn embed_by_model(&self, tiles: &[GreyImage]) -> Vec<f32> {
        let mut embeddings = Vec::with_capacity(tiles.len() * self.dimension);
        let pixels = |tile: &GreyImage| self.channels_of(&self.settled.preprocessing.apply(tile));
        let tokens = self.architecture.patches() + self.architecture.leading_tokens();
        let at_once = TOKENS_A_THREAD * rayon::current_num_threads();
        // Batches of one size, so that each writes into the memory of the one before.
        let batches = tiles.len().div_ceil((at_once / tokens).max(LEAST_IMAGES_AT_ONCE)).max(1);
        for batch in tiles.chunks(tiles.len().div_ceil(batches).max(1)) {
            let pixels: Vec<Vec<f32>> = batch.par_iter().map(pixels).collect();
            embeddings.extend(self.embed_pixels(pixels.concat(), batch.len()));
        }
        embeddings
    }

    /// The model's input for planes that are preprocessed, or augmented, already: with mean and standard deviation applied, once for
    /// each channel.
    ///
    /// # Shapes
    /// - `planes`: `side` × `side` pixels each, a multiple of the patch size: `image_size`, or another for [`VisionTransformer::tokens`]
    /// - returns `[planes, channels, side, side]`, where the model is
    ///
    /// # Panics
    /// If planes are of different sizes, or no squares.
    #[must_use]
    pub fn input(&self, planes: &[GreyImage]) -> Tensor<4> {
        let side = planes.first().map_or(self.architecture.image_size, GreyImage::width);
        let pixels: Vec<Vec<f32>> = planes.par_iter().map(|plane| self.channels_of(plane)).collect();
        let shape = [planes.len(), self.architecture.channels, side, side];
        Tensor::from_data(TensorData::new(pixels.concat(), shape), &self.device)
    }

    /// A plane, once for each channel.
    fn channels_of(&self, plane: &GreyImage) -> Vec<f32> {
        let mut pixels = Vec::with_capacity(plane.pixels().len() * self.settled.channels);
        for (mean, std) in self.settled.mean.iter().zip(&self.settled.std) {
            pixels.extend(plane.pixels().iter().map(|value| (value - mean) / std));
        }
        pixels
    }
}

impl Encoder for Pretrained {
    fn id(&self) -> &EncoderId {
        &self.id
    }

    fn dimension(&self) -> usize {
        self.dimension
    }

    fn tier(&self) -> &'static str {
        self.execution.name()
    }

    fn embed(&self, tiles: &[GreyImage]) -> Result<Vec<f32>, EncodeError> {
        // Textures are many small works: they fill the moments in which one of the model's products waits for its last part.
        let textures = || match self.settled.texture_share {
            Some(_) => tiles.par_iter().map(Texture::describe).collect(),
            None => Vec::new(),
        };
        let (embeddings, textures) = rayon::join(|| self.embed_by_model(tiles), textures);
        if let Some(at) = embeddings.iter().position(|value| !value.is_finite()) {
            return Err(EncodeError::NotFinite {
                encoder: self.id.clone(),
                tile: at / self.settled.model_dimension(&self.architecture),
                value: embeddings[at].to_string(),
            });
        }
        Ok(match self.settled.texture_share {
            Some(share) => self.joined(share, textures, embeddings),
            None => embeddings,
        })
    }
}

impl MaskedAutoencoder {
    /// Opens a whole masked autoencoder, encoder and decoder, for images of the size that it was trained on.
    ///
    /// # Errors
    /// As [`Pretrained::open_on`], and when the checkpoint has no decoder.
    pub fn open(path: &Path, device: &Device) -> Result<(Self, DecoderArchitecture), CheckpointError> {
        Self::open_on(path, device, Execution::F32).map(|(model, _, decoder)| (model, decoder))
    }

    /// Opens a whole masked autoencoder for training, as [`Pretrained::open_to_train`] does an encoder. Its positions stay fixed, as
    /// the method has it. Gives the sizes of encoder and decoder too.
    ///
    /// # Errors
    /// As [`MaskedAutoencoder::open`].
    pub fn open_to_train(
        path: &Path,
        device: &Device,
        execution: Execution,
    ) -> Result<(Self, Architecture, DecoderArchitecture), CheckpointError> {
        let (model, encoder, decoder) =
            Self::open_on(path, &device.clone().autodiff(), execution.for_training())?;
        Ok((model.with_fixed_positions(), encoder, decoder))
    }

    fn open_on(
        path: &Path,
        device: &Device,
        execution: Execution,
    ) -> Result<(Self, Architecture, DecoderArchitecture), CheckpointError> {
        let mut opened = Opened::open(path, None)?;
        let sizes = opened.decoder_architecture()?;
        let decoder = opened.load_decoder(device, execution)?;
        let encoder = opened.load_as_stored(device, execution)?;
        Ok((Self { encoder, decoder }, opened.architecture, sizes))
    }
}
