//! An encoder with weights: a model, its preprocessing and its identity.
//!
//! The seam for encoder families: [`Pretrained::open`] asks `config.json` which family a folder holds, and each family's
//! module brings its configuration, its expected tensors and its forward pass.

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::vit::{self, Vit, VitConfig};
use crate::{EncodeError, Encoder, EncoderId};
use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;
use refcon_image::{GreyImage, Preprocessing};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The preprocessing's file, beside the weights.
const ENCODER_FILE: &str = "refcon-encoder.json";
const CONFIG_FILE: &str = "config.json";
const WEIGHTS_FILE: &str = "model.safetensors";

/// Contrast of the challenge's training pictures, for checkpoints that do not bring a preprocessing of their own.
const CHALLENGE_CONTRAST: f32 = 15.0;

/// Largest configuration file, in bytes.
const LARGEST_CONFIG: u64 = 1 << 20;

/// Images that go through the model together.
const BATCH: usize = 8;

/// What stands in `refcon-encoder.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EncoderFile {
    preprocessing: Preprocessing,
}

/// The part of `config.json` that tells the family.
#[derive(Debug, Deserialize)]
struct Family {
    model_type: String,
}

/// An encoder whose weights come from a checkpoint.
#[derive(Debug)]
pub struct Pretrained {
    id: EncoderId,
    preprocessing: Preprocessing,
    channels: usize,
    dimension: usize,
    model: Vit,
    device: Device,
}

impl Pretrained {
    /// Opens a checkpoint: a folder with `config.json` and `model.safetensors`, or the `.safetensors` file itself with the
    /// configuration beside it.
    ///
    /// `refcon-encoder.json` in the same folder may give the preprocessing; without it the challenge's is used (contrast
    /// 15, shorter side 256/224 of the model's input, centre crop), without mean and standard deviation.
    ///
    /// # Errors
    /// When a file cannot be read, the family is not known, or weights and configuration do not match.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        let (folder, weights) = if path.is_dir() {
            (path.to_owned(), path.join(WEIGHTS_FILE))
        } else {
            (path.parent().unwrap_or(Path::new("")).to_owned(), path.to_owned())
        };
        let mut checkpoint = Checkpoint::open(&weights)?;
        let config_path = folder.join(CONFIG_FILE);
        let (config_text, config) = read_vit_config(&config_path)?;
        let preprocessing = preprocessing(&folder.join(ENCODER_FILE), config.image_size)?;

        let device = Device::default();
        let model = vit::load(&config, &mut checkpoint, &device)?;
        let applied = serde_json::to_vec(&preprocessing)
            .map_err(|error| CheckpointError::Config { path: config_path, problem: error.to_string() })?;
        let id = EncoderId::new("vit", &[&checkpoint.hash()?, config_text.as_bytes(), &applied]);
        Ok(Self { id, preprocessing, channels: config.channels, dimension: config.width, model, device })
    }

    /// How a tile becomes the model's input.
    #[must_use]
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// Embeds inputs that need no preprocessing any more.
    ///
    /// # Shapes
    /// - `pixels`: `[batch, channels, image_size, image_size]`
    /// - returns `[batch, dimension]`
    ///
    /// # Panics
    /// If `pixels` is not of that shape.
    #[must_use]
    pub fn embed_pixels(&self, pixels: Vec<f32>, batch: usize) -> Vec<f32> {
        let side = self.preprocessing.crop() as usize;
        let pixels = TensorData::new(pixels, [batch, self.channels, side, side]);
        self.model.forward(Tensor::from_data(pixels, &self.device)).into_data().iter::<f32>().collect()
    }

    /// The model's input for a tile: the preprocessed plane, once for each channel.
    fn pixels(&self, tile: &GreyImage) -> Vec<f32> {
        self.preprocessing.apply(tile).pixels().repeat(self.channels)
    }
}

impl Encoder for Pretrained {
    fn id(&self) -> &EncoderId {
        &self.id
    }

    fn dimension(&self) -> usize {
        self.dimension
    }

    fn embed(&self, tiles: &[GreyImage]) -> Result<Vec<f32>, EncodeError> {
        let mut embeddings = Vec::with_capacity(tiles.len() * self.dimension);
        for batch in tiles.chunks(BATCH) {
            let pixels: Vec<Vec<f32>> = batch.par_iter().map(|tile| self.pixels(tile)).collect();
            embeddings.extend(self.embed_pixels(pixels.concat(), batch.len()));
        }
        match embeddings.iter().position(|value| !value.is_finite()) {
            None => Ok(embeddings),
            Some(at) => Err(EncodeError::NotFinite {
                encoder: self.id.clone(),
                tile: at / self.dimension,
                value: embeddings[at].to_string(),
            }),
        }
    }
}

fn read_vit_config(path: &Path) -> Result<(String, VitConfig), CheckpointError> {
    let problem = |problem: String| CheckpointError::Config { path: path.into(), problem };
    let text = read_text(path)?;
    let family: Family = parse(path, &text)?;
    if family.model_type != "vit" {
        return Err(problem(format!("model_type is {:?}, expected \"vit\"", family.model_type)));
    }
    let config: VitConfig = parse(path, &text)?;
    match config.problem() {
        Some(found) => Err(problem(found)),
        None => Ok((text, config)),
    }
}

fn preprocessing(path: &Path, image_size: usize) -> Result<Preprocessing, CheckpointError> {
    let problem = |problem: String| CheckpointError::Config { path: path.into(), problem };
    if path.exists() {
        let file: EncoderFile = parse(path, &read_text(path)?)?;
        let crop = file.preprocessing.crop() as usize;
        if crop != image_size {
            return Err(problem(format!(
                "the crop is {crop} pixels, expected the model's image_size {image_size}"
            )));
        }
        return Ok(file.preprocessing);
    }
    let crop = u32::try_from(image_size).map_err(|error| problem(error.to_string()))?;
    Preprocessing::new(CHALLENGE_CONTRAST, crop * 256 / 224, crop).map_err(|error| problem(error.to_string()))
}

fn read_text(path: &Path) -> Result<String, CheckpointError> {
    let io = |source| CheckpointError::Io { path: path.into(), source };
    let length = std::fs::metadata(path).map_err(io)?.len();
    if length > LARGEST_CONFIG {
        let problem = format!("it has {length} bytes, expected a JSON file of at most {LARGEST_CONFIG}");
        return Err(CheckpointError::Config { path: path.into(), problem });
    }
    std::fs::read_to_string(path).map_err(io)
}

fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, CheckpointError> {
    serde_json::from_str(text)
        .map_err(|error| CheckpointError::Config { path: PathBuf::from(path), problem: error.to_string() })
}
