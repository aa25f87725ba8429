//! The settings of a masked autoencoder's pretraining.

use crate::config::{ConfigError, OptimiserSettings, Schedule, Stopping, Tracking};
use crate::pretraining::config::{
    Common, ModelChoice, PretrainConfig, PretrainData, Views, at_least_1, senseless, share,
};
use refcon_encoders::DecoderArchitecture;
use refcon_encoders::model::Architecture;
use serde::{Deserialize, Serialize};

/// Everything that a masked autoencoder's pretraining is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskedConfig {
    /// [`Common::seed`].
    pub seed: u64,
    /// [`Common::device`].
    pub device: String,
    /// [`Common::precision`].
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
    /// [`Common::optimiser`].
    pub optimiser: OptimiserSettings,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// When it ends.
    pub stopping: Stopping,
    /// Epochs between validations.
    pub validate_every_epochs: u64,
    /// [`Common::checkpoint_every_steps`].
    pub checkpoint_every_steps: u64,
    /// What the run's folder holds to be looked at.
    pub tracking: Tracking,
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

impl Default for MaskedConfig {
    /// A tiny model as in the paper, crops as the challenge's pretraining takes them.
    fn default() -> Self {
        Self {
            seed: 42,
            device: "auto".into(),
            precision: "auto".into(),
            data: PretrainData::default(),
            model: ModelChoice::default(),
            decoder: DecoderChoice { width: 192, layers: 4 },
            masked: 0.75,
            normalised_targets: true,
            views: Views::default(),
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

impl PretrainConfig for MaskedConfig {
    const PRESETS: &'static [(&'static str, &'static str)] = &[];

    fn common(&self) -> Common<'_> {
        Common {
            seed: self.seed,
            device: &self.device,
            precision: &self.precision,
            data: &self.data,
            model: &self.model,
            views: &self.views,
            batch: self.batch,
            optimiser: &self.optimiser,
            schedule: &self.schedule,
            stopping: &self.stopping,
            validate_every_epochs: self.validate_every_epochs,
            checkpoint_every_steps: self.checkpoint_every_steps,
        }
    }

    fn files_mut(&mut self) -> (&mut PretrainData, &mut ModelChoice) {
        (&mut self.data, &mut self.model)
    }

    fn check_own(&self) -> Result<(), ConfigError> {
        if self.decoder.width == 0 || !self.decoder.width.is_multiple_of(64) {
            return senseless(format!("decoder.width is {}, expected a multiple of 64", self.decoder.width));
        }
        if self.optimiser.layer_decay != 1.0 {
            return senseless(format!(
                "optimiser.layer_decay is {}, expected 1: all layers of a masked autoencoder learn equally fast",
                self.optimiser.layer_decay
            ));
        }
        share("masked", self.masked)?;
        if self.masked == 0.0 {
            return senseless("masked is 0, expected more than 0: what is not masked teaches nothing".into());
        }
        if self.model.start.is_none() && self.model.image_size == self.model.patch_size {
            return senseless(format!(
                "model.image_size and model.patch_size are both {}: of a single patch nothing is left to see where it is masked",
                self.model.image_size
            ));
        }
        at_least_1("decoder.layers", self.decoder.layers as u64)
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
    use crate::pretraining::Size;

    #[test]
    fn what_is_left_out_has_the_default_and_the_whole_reads_back_from_its_yaml() {
        assert_eq!(MaskedConfig::parse("", &[]).unwrap(), MaskedConfig::default());
        let chosen = ["model.size=small".into(), "schedule=constant".into(), "data.paths=[a, b]".into()];
        let config = MaskedConfig::parse("masked: 0.6", &chosen).unwrap();
        assert_eq!((config.model.size, config.masked, config.data.paths.len()), (Size::Small, 0.6, 2));
        assert_eq!(MaskedConfig::parse(&config.to_yaml(), &[]).unwrap(), config);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_would() {
        let refused = |text: &str| MaskedConfig::parse(text, &[]).unwrap_err().to_string();
        assert!(refused("maskd: 0.5").contains("did you mean `masked`?"));
        assert!(refused("model: {sise: tiny}").contains("did you mean `size`?"));
        assert!(refused("masked: 1").contains("less than 1"));
        assert!(refused("masked: 0").contains("more than 0"));
        assert!(refused("model: {image_size: 16, patch_size: 16}").contains("single patch"));
        assert!(refused("model: {image_size: 100}").contains("multiple of model.patch_size"));
        assert!(refused("batch: 0").contains("at least 1"));
        assert!(refused("stopping: {epochs: 0}").contains("at least 1"));
        assert!(refused("views: {frequency: -1}").contains("0 or more"));
    }

    #[test]
    fn the_learning_rate_goes_with_the_batch() {
        let config = MaskedConfig { batch: 32, ..MaskedConfig::default() };
        assert!((config.common().scaled_optimiser().learning_rate - 1.5e-4 / 8.0).abs() < 1e-12);
    }
}
