//! `refcon-encoder.json`: what an encoder does before and after its model, and what its checkpoint does not say.

use crate::checkpoint::{CheckpointError, folder_of, parse_json, read_text_if_there};
use crate::families::Family;
use crate::head::HeadFile;
use crate::model::{Architecture, Pooling};
use crate::texture;
use refcon_image::Preprocessing;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The file's name, beside the weights.
pub(crate) const ENCODER_FILE: &str = "refcon-encoder.json";

/// Contrast of the challenge's training pictures, for checkpoints that do not bring a preprocessing of their own.
const CHALLENGE_CONTRAST: f32 = 15.0;

/// Side of the challenge's model inputs, in pixels. DINOv2 was trained on larger ones and used on these.
const CHALLENGE_SIDE: usize = 224;

/// Most patches of an image: positions are resampled for as many, and attention's memory grows with their square.
const MOST_PATCHES: usize = 1 << 14;

/// What stands in `refcon-encoder.json`. Everything may be left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EncoderFile {
    /// From a tile to the model's input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preprocessing: Option<Preprocessing>,
    /// Subtracted from each channel after that: one value, or one a channel.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mean: Vec<f32>,
    /// Divides each channel after that: one value, or one a channel.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub std: Vec<f32>,
    /// What of the model's output becomes the embedding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pooling: Option<Pooling>,
    /// Whether embeddings are scaled to length 1.
    pub normalise: bool,
    /// The share of the texture descriptor ([`crate::Texture`]) in an embedding that joins it to the model's, above 0 and below 1:
    /// both are scaled to length 1, then by √share and √(1 − share), and written one after the other, the descriptor first. So a
    /// cosine of two such embeddings is the mean of the two cosines, weighted by their shares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub texture_share: Option<f32>,
    /// Input channels, if other than the checkpoint's: 1 for a model of colour pictures that is to see grey ones, or 3 for the
    /// reverse.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<usize>,
    /// The family, where the tensors' names fit several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<Family>,
    /// Attention heads, which no tensor tells; needed for models of unusual width without a `config.json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heads: Option<usize>,
    /// Attention heads of a masked autoencoder's decoder, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decoder_heads: Option<usize>,
    /// The encoder below the head, where that is none with weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
    /// The head on top of it, whose weights lie in `head.safetensors`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<HeadFile>,
    /// Folders of test data (corpus, queries) that this encoder, or one that it was made from, was trained on: what it scores on
    /// those says nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trained_on_test_data: Vec<String>,
}

/// An encoder without weights, below a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Base {
    /// [`crate::Texture`].
    Texture,
}

/// Everything that an encoder does around its model, settled and checked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Settled {
    pub(crate) preprocessing: Preprocessing,
    pub(crate) mean: Vec<f32>,
    pub(crate) std: Vec<f32>,
    pub(crate) pooling: Pooling,
    pub(crate) normalise: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) texture_share: Option<f32>,
    pub(crate) channels: usize,
}

impl EncoderFile {
    /// Reads the file of a folder; where there is none, everything is left out.
    ///
    /// # Errors
    /// When the file cannot be read or is no such file.
    pub fn read(folder: &Path) -> Result<Self, CheckpointError> {
        let path = folder.join(ENCODER_FILE);
        match read_text_if_there(&path)? {
            Some(text) => parse_json(&path, &text),
            None => Ok(Self::default()),
        }
    }

    /// Reads the file of a checkpoint, which is a folder or a weights' file.
    ///
    /// # Errors
    /// As [`EncoderFile::read`].
    pub fn beside(checkpoint: &Path) -> Result<Self, CheckpointError> {
        Self::read(folder_of(checkpoint))
    }

    /// Fills in what is left out and checks the whole against the model that the checkpoint holds.
    ///
    /// # Errors
    /// Says what does not fit.
    pub(crate) fn settle(&self, model: &Architecture, usual: Pooling) -> Result<Settled, String> {
        let preprocessing = match self.preprocessing {
            Some(preprocessing) => preprocessing,
            None => challenge_preprocessing(model)?,
        };
        let crop = preprocessing.crop() as usize;
        if !crop.is_multiple_of(model.patch_size) {
            return Err(format!(
                "the crop is {crop} pixels, expected a multiple of the model's patch_size {}",
                model.patch_size
            ));
        }
        let patches = (crop / model.patch_size).pow(2);
        if patches > MOST_PATCHES {
            return Err(format!(
                "the crop is {crop} pixels, {patches} patches of {} pixels, expected at most {MOST_PATCHES}",
                model.patch_size
            ));
        }
        let channels = self.channels.unwrap_or(model.channels);
        if channels != model.channels
            && (channels != 1 && model.channels != 1 || !(1..=16).contains(&channels))
        {
            return Err(format!(
                "channels is {channels}, expected {} as the checkpoint has, or 1",
                model.channels
            ));
        }
        let a_channel = |name: &str, values: &[f32], missing: f32| match values {
            [] => Ok(vec![missing; channels]),
            [one] => Ok(vec![*one; channels]),
            all if all.len() == channels => Ok(all.to_vec()),
            other => Err(format!(
                "{name} has {} values, expected 1 or one for each of {channels} channels",
                other.len()
            )),
        };
        let (mean, std) = (a_channel("mean", &self.mean, 0.0)?, a_channel("std", &self.std, 1.0)?);
        if let Some(wrong) = std.iter().find(|std| !(std.is_finite() && **std > 0.0)) {
            return Err(format!("std holds {wrong}, expected positive numbers"));
        }
        if let Some(wrong) = mean.iter().find(|mean| !mean.is_finite()) {
            return Err(format!("mean holds {wrong}, expected finite numbers"));
        }
        if let Some(share) = self.texture_share.filter(|share| !(*share > 0.0 && *share < 1.0)) {
            return Err(format!("texture_share is {share}, expected a number above 0 and below 1"));
        }
        let pooling = self.pooling.unwrap_or(usual);
        match pooling {
            Pooling::Pooled if !model.pooler => {
                Err("pooling is pooled, but the checkpoint has no pooler; expected class, patch_mean, …".into())
            }
            Pooling::Projected if model.projection.is_none() => {
                Err("pooling is projected, but the checkpoint has no projection or head; expected class, patch_mean, …".into())
            }
            Pooling::ClassAndMean if model.norm_after_pooling => {
                Err("pooling is class_and_mean, but the model normalises after pooling; expected class or patch_mean".into())
            }
            Pooling::Gem(power) if !(power.is_finite() && power > 0.0) => {
                Err(format!("pooling is gem with power {power}, expected a positive number, 3 is usual"))
            }
            _ => Ok(Settled {
                preprocessing,
                mean,
                std,
                pooling,
                normalise: self.normalise,
                texture_share: self.texture_share,
                channels,
            }),
        }
    }
}

/// Contrast 15, shorter side 256/224 of the model's input, centre crop; no mean and standard deviation.
fn challenge_preprocessing(model: &Architecture) -> Result<Preprocessing, String> {
    let shrinks = model.image_size > CHALLENGE_SIDE && CHALLENGE_SIDE.is_multiple_of(model.patch_size);
    let side = if shrinks && model.layer_scale { CHALLENGE_SIDE } else { model.image_size };
    let crop = u32::try_from(side).map_err(|error| error.to_string())?;
    let shorter = crop.checked_mul(256).map_or(u32::MAX, |pixels| pixels / 224);
    Preprocessing::new(CHALLENGE_CONTRAST, shorter, crop).map_err(|error| error.to_string())
}

impl Settled {
    /// The model as it is run: the checkpoint's, for this input.
    pub(crate) fn run_as(&self, model: &Architecture) -> Architecture {
        let image_size = self.preprocessing.crop() as usize;
        Architecture { image_size, channels: self.channels, ..model.clone() }
    }

    /// Whether pixels get a mean and standard deviation.
    pub(crate) fn normalises_pixels(&self) -> bool {
        self.mean.iter().any(|mean| *mean != 0.0) || self.std.iter().any(|std| *std != 1.0)
    }

    /// Components of an embedding.
    pub(crate) fn dimension(&self, model: &Architecture) -> usize {
        self.texture_share.map_or(0, |_| texture::DIMENSION) + self.model_dimension(model)
    }

    /// Components of what the model alone gives.
    pub(crate) fn model_dimension(&self, model: &Architecture) -> usize {
        match (self.pooling, model.projection) {
            (Pooling::Projected, Some(projection)) => projection.width,
            (pooling, _) => pooling.dimension(model.width),
        }
    }
}
