//! The configuration of a pretraining, as YAML; every key has a default.

use super::pool::Cut;
use crate::config::{ConfigError, OptimiserSettings, Schedule, Stopping, Tracking, keys};
use refcon_encoders::DecoderArchitecture;
use refcon_encoders::model::Architecture;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Everything that a masked autoencoder's pretraining is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainConfig {
    /// Everything random follows from it.
    pub seed: u64,
    /// Where it is trained: cpu, gpu, gpu:N, cuda, cuda:N or auto.
    pub device: String,
    /// What it computes in: f32, bf16 (factors rounded; weights, sums and gradients in f32) or auto.
    pub precision: String,
    /// The tiles.
    pub data: PretrainData,
    /// What is trained.
    pub model: ModelChoice,
    /// What rebuilds the masked patches.
    pub decoder: DecoderChoice,
    /// Share of the patches that are masked.
    pub masked: f64,
    /// Whether each patch is to be rebuilt with its own mean and deviation taken out.
    pub normalised_targets: bool,
    /// What is done to tiles at random.
    pub views: Views,
    /// Tiles of a batch.
    pub batch: usize,
    /// How weights change. The learning rate is for batches of 256 and taken in proportion.
    pub optimiser: OptimiserSettings,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// When it ends.
    pub stopping: Stopping,
    /// Epochs between validations.
    pub validate_every_epochs: u64,
    /// Steps between checkpoints; there is one at the end of every epoch too.
    pub checkpoint_every_steps: u64,
    /// What the run's folder holds to be looked at.
    pub tracking: Tracking,
}

/// The unlabelled tiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainData {
    /// Folders of images, tar shards and surveys.
    pub paths: Vec<PathBuf>,
    /// How tiles are cut from surveys.
    pub cut: Cut,
    /// Tiles that are held out to measure the loss on, at most a tenth of all.
    pub held_out: usize,
}

/// The encoder that is pretrained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelChoice {
    /// A masked autoencoder's checkpoint to start from; what follows is then its own.
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

/// The decoder's sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecoderChoice {
    /// Components of its tokens, a multiple of 64.
    pub width: usize,
    /// Blocks.
    pub layers: usize,
}

/// What is done to a tile at random. A section is never turned upside down, and its polarity never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Views {
    /// Least and greatest share of the tile's area.
    pub scale: [f64; 2],
    /// Least and greatest width over height.
    pub ratio: [f64; 2],
    /// Probability of a flip from left to right.
    pub flip: f64,
    /// Amplitudes are multiplied by between `1 / (1 + a)` and `1 + a`.
    pub amplitude: f64,
    /// Standard deviation of noise that is added, as a share of the range from black to white.
    pub noise: f64,
    /// Share of the traces that are lost.
    pub lost_traces: f64,
}

impl Default for PretrainConfig {
    /// A tiny model as in the paper, crops as the challenge's pretraining takes them.
    fn default() -> Self {
        Self {
            seed: 42,
            device: "auto".into(),
            precision: "auto".into(),
            data: PretrainData { paths: Vec::new(), cut: Cut::default(), held_out: 256 },
            model: ModelChoice {
                start: None,
                size: Size::Tiny,
                image_size: 224,
                patch_size: 16,
                channels: 1,
            },
            decoder: DecoderChoice { width: 192, layers: 4 },
            masked: 0.75,
            normalised_targets: true,
            views: Views {
                scale: [0.32, 1.0],
                ratio: [3.0 / 4.0, 4.0 / 3.0],
                flip: 0.5,
                amplitude: 0.0,
                noise: 0.0,
                lost_traces: 0.0,
            },
            batch: 64,
            optimiser: OptimiserSettings {
                learning_rate: 1.5e-4,
                weight_decay: 0.05,
                beta_1: 0.9,
                beta_2: 0.95,
                epsilon: 1e-8,
                clip_norm: None,
                accumulate: 1,
                average: None,
                layer_decay: 1.0,
            },
            schedule: Schedule::WarmUpCosine { warm_up: 0.05, floor: 0.0 },
            stopping: Stopping { epochs: 100, patience: None, batches: None },
            validate_every_epochs: 1,
            checkpoint_every_steps: 100,
            tracking: Tracking::default(),
        }
    }
}

/// Batch that learning rates are said for (Goyal et al., arXiv 1706.02677).
const RATED_BATCH: f64 = 256.0;

impl PretrainConfig {
    /// The configuration of a YAML text; each of `overrides` is `key.of.section=value`, the value in YAML too.
    ///
    /// # Errors
    /// When the text is no YAML, a key is unknown, a value is of the wrong type, or settings do not go together.
    pub fn parse(text: &str, overrides: &[String]) -> Result<Self, ConfigError> {
        let config: Self = keys::settle(text, overrides)?;
        config.check()?;
        Ok(config)
    }

    /// As YAML, with every key.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        yaml_serde::to_string(self).unwrap_or_default()
    }

    /// The optimiser's settings, with the learning rate for this batch.
    #[must_use]
    pub fn scaled_optimiser(&self) -> OptimiserSettings {
        let batch = (self.batch * self.optimiser.accumulate) as f64;
        OptimiserSettings {
            learning_rate: self.optimiser.learning_rate * batch / RATED_BATCH,
            ..self.optimiser.clone()
        }
    }

    fn check(&self) -> Result<(), ConfigError> {
        let fail = |problem: String| Err(ConfigError::Senseless(problem));
        let ModelChoice { image_size, patch_size, channels, .. } = self.model;
        if patch_size == 0 || image_size == 0 || !image_size.is_multiple_of(patch_size) {
            return fail(format!(
                "model.image_size is {image_size}, expected a multiple of model.patch_size, {patch_size}"
            ));
        }
        if ![1, 3].contains(&channels) {
            return fail(format!("model.channels is {channels}, expected 1 or 3"));
        }
        if self.decoder.width == 0 || !self.decoder.width.is_multiple_of(64) {
            return fail(format!("decoder.width is {}, expected a multiple of 64", self.decoder.width));
        }
        for (name, share) in [
            ("masked", self.masked),
            ("views.flip", self.views.flip),
            ("views.lost_traces", self.views.lost_traces),
        ] {
            if !(0.0..1.0).contains(&share) {
                return fail(format!("{name} is {share}, expected 0 or more and less than 1"));
            }
        }
        for (name, [least, most]) in [("views.scale", self.views.scale), ("views.ratio", self.views.ratio)] {
            if !(least > 0.0 && least <= most && most.is_finite()) {
                return fail(format!(
                    "{name} is [{least}, {most}], expected two positive numbers, the smaller one first"
                ));
            }
        }
        for (name, value) in [("views.amplitude", self.views.amplitude), ("views.noise", self.views.noise)] {
            if !(value.is_finite() && value >= 0.0) {
                return fail(format!("{name} is {value}, expected 0 or more"));
            }
        }
        for (name, value) in [
            ("batch", self.batch as u64),
            ("decoder.layers", self.decoder.layers as u64),
            ("optimiser.accumulate", self.optimiser.accumulate as u64),
            ("validate_every_epochs", self.validate_every_epochs),
            ("checkpoint_every_steps", self.checkpoint_every_steps),
        ] {
            if value == 0 {
                return fail(format!("{name} is 0, expected at least 1"));
            }
        }
        Ok(())
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

impl DecoderChoice {
    /// The sizes of a decoder for this encoder.
    #[must_use]
    pub fn architecture(&self, encoder: &Architecture, normalised_patches: bool) -> DecoderArchitecture {
        let image = [encoder.image_size, encoder.patch_size];
        let blocks = Architecture::vit(image, encoder.channels, self.width, self.layers);
        DecoderArchitecture { blocks, encoder_width: encoder.width, normalised_patches }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_the_default_and_the_whole_reads_back_from_its_yaml() {
        assert_eq!(PretrainConfig::parse("", &[]).unwrap(), PretrainConfig::default());
        let chosen = ["model.size=small".into(), "schedule=constant".into(), "data.paths=[a, b]".into()];
        let config = PretrainConfig::parse("masked: 0.6", &chosen).unwrap();
        assert_eq!((config.model.size, config.masked, config.data.paths.len()), (Size::Small, 0.6, 2));
        assert_eq!(PretrainConfig::parse(&config.to_yaml(), &[]).unwrap(), config);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_would() {
        let refused = |text: &str| PretrainConfig::parse(text, &[]).unwrap_err().to_string();
        assert!(refused("maskd: 0.5").contains("did you mean `masked`?"));
        assert!(refused("model: {sise: tiny}").contains("did you mean `size`?"));
        assert!(refused("masked: 1").contains("less than 1"));
        assert!(refused("model: {image_size: 100}").contains("multiple of model.patch_size"));
        assert!(refused("batch: 0").contains("at least 1"));
    }

    #[test]
    fn the_learning_rate_goes_with_the_batch() {
        let config = PretrainConfig { batch: 32, ..PretrainConfig::default() };
        assert!((config.scaled_optimiser().learning_rate - 1.5e-4 / 8.0).abs() < 1e-12);
    }
}
