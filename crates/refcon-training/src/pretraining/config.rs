//! What the settings of all methods say alike, as YAML; every key has a default.

use super::pool::Cut;
use crate::config::{ConfigError, OptimiserSettings, Schedule, Stopping, keys};
use crate::fit::Plan;
use refcon_encoders::model::Architecture;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The settings of a method.
pub trait PretrainConfig: Clone + Default + Serialize + DeserializeOwned {
    /// Recipes that come with the program: name and text of each.
    const PRESETS: &'static [(&'static str, &'static str)];

    /// What every method's settings say.
    fn common(&self) -> Common<'_>;

    /// Where they name files.
    fn files_mut(&mut self) -> (&mut PretrainData, &mut ModelChoice);

    /// Whether the method's own settings make sense.
    ///
    /// # Errors
    /// Says which does not.
    fn check_own(&self) -> Result<(), ConfigError>;

    /// The configuration of a YAML text; each of `overrides` is `key.of.section=value`, the value in YAML too.
    ///
    /// # Errors
    /// When the text is no YAML, a key is unknown, a value is of the wrong type, or settings do not go together.
    fn parse(text: &str, overrides: &[String]) -> Result<Self, ConfigError> {
        let config: Self = keys::settle(text, overrides)?;
        config.common().check()?;
        config.check_own()?;
        Ok(config)
    }

    /// As YAML, with every key.
    #[must_use]
    fn to_yaml(&self) -> String {
        yaml_serde::to_string(self).unwrap_or_default()
    }
}

/// What every method's settings say.
#[derive(Debug, Clone, Copy)]
pub struct Common<'a> {
    /// Everything random follows from it.
    pub seed: u64,
    /// Where it is trained: cpu, gpu, gpu:N, cuda, cuda:N or auto.
    pub device: &'a str,
    /// What it computes in: f32, bf16 (factors rounded; weights, sums and gradients in f32) or auto.
    pub precision: &'a str,
    /// The tiles.
    pub data: &'a PretrainData,
    /// What is trained.
    pub model: &'a ModelChoice,
    /// What is done to tiles at random.
    pub views: &'a Views,
    /// Tiles of a batch.
    pub batch: usize,
    /// How weights change. The learning rate is for batches of 256 and taken in proportion.
    pub optimiser: &'a OptimiserSettings,
    /// How the learning rate changes.
    pub schedule: &'a Schedule,
    /// When it ends.
    pub stopping: &'a Stopping,
    /// Epochs between validations.
    pub validate_every_epochs: u64,
    /// Steps between checkpoints; there is one at the end of every epoch too.
    pub checkpoint_every_steps: u64,
}

/// The unlabelled tiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainData {
    /// Folders of images, tar shards and surveys.
    pub paths: Vec<PathBuf>,
    /// How tiles are cut from surveys.
    pub cut: Cut,
    /// Tiles that are held out to judge the model by, at most a tenth of all.
    pub held_out: usize,
}

/// The encoder that is pretrained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelChoice {
    /// A checkpoint to start from: a masked autoencoder's for `mae`, any encoder's with weights for `dino`. What follows is then its own.
    pub start: Option<PathBuf>,
    /// tiny (5.5 million numbers), small (21 million), base (86 million) or large (303 million).
    pub size: Size,
    /// Side of the square input, in pixels.
    pub image_size: usize,
    /// Side of a patch, in pixels.
    pub patch_size: usize,
    /// Input channels: 1 (grey) or 3 (the same grey three times, as published encoders have it).
    pub channels: usize,
}

/// A vision transformer's usual sizes (Touvron et al., arXiv 2012.12877; Dosovitskiy et al., arXiv 2010.11929).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// Width 192, 12 blocks, 3 heads.
    Tiny,
    /// Width 384, 12 blocks, 6 heads.
    Small,
    /// Width 768, 12 blocks, 12 heads.
    Base,
    /// Width 1024, 24 blocks, 16 heads.
    Large,
}

/// What is done to a tile at random. A section is never turned upside down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Views {
    /// Least and greatest share of the tile's area.
    pub scale: [f64; 2],
    /// Least and greatest width over height.
    pub ratio: [f64; 2],
    /// Probability of a flip from left to right.
    pub flip: f64,
    /// Probability of reversed polarity: for surveys of unknown polarity only.
    pub polarity: f64,
    /// Amplitudes are multiplied by between `1 / (1 + a)` and `1 + a`.
    pub amplitude: f64,
    /// The tile's highest frequency is multiplied by between `1 / (1 + f)` and `1 + f`, lower ones by less.
    pub frequency: f64,
    /// Standard deviation of noise that is added, as a share of the range from black to white.
    pub noise: f64,
    /// Share of the traces that are lost.
    pub lost_traces: f64,
}

impl Default for PretrainData {
    fn default() -> Self {
        Self { paths: Vec::new(), cut: Cut::default(), held_out: 256 }
    }
}

impl Default for ModelChoice {
    /// A tiny model of grey tiles.
    fn default() -> Self {
        Self { start: None, size: Size::Tiny, image_size: 224, patch_size: 16, channels: 1 }
    }
}

impl Default for Views {
    /// Crops and flips as the challenge's pretraining takes them, and nothing else.
    fn default() -> Self {
        Self {
            scale: [0.32, 1.0],
            ratio: [3.0 / 4.0, 4.0 / 3.0],
            flip: 0.5,
            polarity: 0.0,
            amplitude: 0.0,
            frequency: 0.0,
            noise: 0.0,
            lost_traces: 0.0,
        }
    }
}

/// Batch that learning rates are said for (Goyal et al., arXiv 1706.02677).
const RATED_BATCH: f64 = 256.0;

impl Common<'_> {
    /// The optimiser's settings, with the learning rate for this batch.
    #[must_use]
    pub fn scaled_optimiser(&self) -> OptimiserSettings {
        let batch = (self.batch * self.optimiser.accumulate) as f64;
        OptimiserSettings {
            learning_rate: self.optimiser.learning_rate * batch / RATED_BATCH,
            ..self.optimiser.clone()
        }
    }

    /// How the loop goes, where `measure` decides which weights are kept.
    #[must_use]
    pub fn plan(&self, measure: &str, smaller_is_better: bool) -> Plan {
        Plan {
            optimiser: self.scaled_optimiser(),
            schedule: self.schedule.clone(),
            stopping: self.stopping.clone(),
            validate_every: self.validate_every_epochs,
            measure: measure.into(),
            smaller_is_better,
            checkpoint_every: self.checkpoint_every_steps,
        }
    }

    fn check(&self) -> Result<(), ConfigError> {
        let ModelChoice { image_size, patch_size, channels, .. } = *self.model;
        if patch_size == 0 || image_size == 0 || !image_size.is_multiple_of(patch_size) {
            return senseless(format!(
                "model.image_size is {image_size}, expected a multiple of model.patch_size, {patch_size}"
            ));
        }
        if ![1, 3].contains(&channels) {
            return senseless(format!("model.channels is {channels}, expected 1 or 3"));
        }
        let rate = self.optimiser.learning_rate;
        if !(rate.is_finite() && rate > 0.0) {
            return senseless(format!("optimiser.learning_rate is {rate}, expected a positive number"));
        }
        self.views.check()?;
        self.stopping.check()?;
        at_least_1("batch", self.batch as u64)?;
        at_least_1("optimiser.accumulate", self.optimiser.accumulate as u64)?;
        at_least_1("validate_every_epochs", self.validate_every_epochs)?;
        at_least_1("checkpoint_every_steps", self.checkpoint_every_steps)
    }
}

impl ModelChoice {
    /// The encoder's sizes, where it starts from nothing.
    #[must_use]
    pub fn architecture(&self) -> Architecture {
        let (width, layers) = match self.size {
            Size::Tiny => (192, 12),
            Size::Small => (384, 12),
            Size::Base => (768, 12),
            Size::Large => (1024, 24),
        };
        Architecture::vit([self.image_size, self.patch_size], self.channels, width, layers)
    }
}

impl Views {
    fn check(&self) -> Result<(), ConfigError> {
        share("views.flip", self.flip)?;
        share("views.polarity", self.polarity)?;
        share("views.lost_traces", self.lost_traces)?;
        range("views.scale", self.scale)?;
        range("views.ratio", self.ratio)?;
        not_negative("views.amplitude", self.amplitude)?;
        not_negative("views.frequency", self.frequency)?;
        not_negative("views.noise", self.noise)
    }
}

pub(super) fn senseless(problem: String) -> Result<(), ConfigError> {
    Err(ConfigError::Senseless(problem))
}

/// A share that is never all.
pub(super) fn share(name: &str, value: f64) -> Result<(), ConfigError> {
    if (0.0..1.0).contains(&value) {
        return Ok(());
    }
    senseless(format!("{name} is {value}, expected 0 or more and less than 1"))
}

pub(super) fn range(name: &str, [least, most]: [f64; 2]) -> Result<(), ConfigError> {
    if least > 0.0 && least <= most && most.is_finite() {
        return Ok(());
    }
    senseless(format!("{name} is [{least}, {most}], expected two positive numbers, the smaller one first"))
}

pub(super) fn not_negative(name: &str, value: f64) -> Result<(), ConfigError> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    senseless(format!("{name} is {value}, expected 0 or more"))
}

pub(super) fn at_least_1(name: &str, value: u64) -> Result<(), ConfigError> {
    if value > 0 {
        return Ok(());
    }
    senseless(format!("{name} is 0, expected at least 1"))
}
