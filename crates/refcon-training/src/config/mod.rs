//! The configuration of a training: YAML, every key with a default, every key settable on the command line.
//!
//! ```
//! use refcon_training::config::Config;
//!
//! let triplets = "sampling: triplets\nloss: {kind: triplet, margin: 0.5}";
//! let config = Config::parse(triplets, &["optimiser.learning_rate=1e-4".into()])?;
//! assert_eq!(config.optimiser.learning_rate, 1e-4);
//! let misspelt = Config::parse("los: triplet", &[]).unwrap_err().to_string();
//! assert!(misspelt.contains("did you mean `loss`?"));
//! # Ok::<(), refcon_training::config::ConfigError>(())
//! ```

mod beside;
pub(crate) mod keys;
mod presets;
mod sections;

pub use beside::Sections;
pub use presets::{PRESETS, preset};
pub use sections::{
    Augmentation, Criterion, Data, Distance, HeadChoice, LossChoice, MiningChoice, OptimiserSettings,
    Sampling, Schedule, Stopping, Tracking, Tuning, Validation,
};

use serde::{Deserialize, Serialize};

/// Everything that a training is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Everything random follows from it.
    pub seed: u64,
    /// `texture`, or the path of a checkpoint.
    pub encoder: String,
    /// Where it is trained: cpu, gpu, gpu:N, cuda, cuda:N or auto. Several, as in `cuda:0,cuda:1`, share every batch; validations run on
    /// the first.
    pub device: String,
    /// What it computes in: f32, bf16 (factors rounded; weights, sums and gradients in f32) or auto.
    pub precision: String,
    /// The tiles.
    pub data: Data,
    /// Which of them make a batch.
    pub sampling: Sampling,
    /// What is done to them at random.
    pub augmentation: Augmentation,
    /// Which weights are trained.
    pub tuning: Tuning,
    /// What is put on top of the encoder.
    pub head: HeadChoice,
    /// What is made small.
    pub loss: LossChoice,
    /// Which triplets of a batch count.
    pub mining: MiningChoice,
    /// How weights change.
    pub optimiser: OptimiserSettings,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// How training is judged.
    pub validation: Validation,
    /// When it ends.
    pub stopping: Stopping,
    /// Steps between checkpoints; there is one at the end of every epoch too.
    pub checkpoint_every_steps: u64,
    /// What the run's folder holds to be looked at.
    pub tracking: Tracking,
}

impl Default for Config {
    /// A linear head on the texture descriptor, or whatever head its encoder has: seconds on a processor.
    fn default() -> Self {
        Self {
            seed: 42,
            encoder: "texture".into(),
            device: "auto".into(),
            precision: "f32".into(),
            data: Data {
                train: None,
                groups: None,
                group_column: "near_duplicate_group".into(),
                validation_share: 0.2,
                added: None,
            },
            sampling: Sampling::Classes { classes: 8, tiles: 8 },
            augmentation: Augmentation::None {},
            tuning: Tuning::Head {},
            head: HeadChoice::Auto {},
            loss: LossChoice::SupervisedContrastive { temperature: 0.1 },
            mining: MiningChoice::None {},
            optimiser: OptimiserSettings {
                learning_rate: 1e-3,
                weight_decay: 0.01,
                beta_1: 0.9,
                beta_2: 0.999,
                epsilon: 1e-8,
                clip_norm: None,
                accumulate: 1,
                average: None,
                layer_decay: 1.0,
            },
            schedule: Schedule::Constant {},
            validation: Validation { every_epochs: 1, choose_by: Criterion::MapAtR, library_tiles: None },
            stopping: Stopping { epochs: 50, patience: Some(10), batches: None },
            checkpoint_every_steps: 100,
            tracking: Tracking::default(),
        }
    }
}

/// Settings as YAML, with every key.
#[must_use]
pub fn to_yaml(settings: &impl Serialize) -> String {
    yaml_serde::to_string(settings).unwrap_or_default()
}

/// Why a configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The text is no YAML.
    #[error("it is no YAML: {0}")]
    Yaml(String),
    /// A key means nothing.
    #[error("unknown key `{key}`{}", keys::key_suggestion(.key, .kinds, .nearest.as_deref(), .known))]
    UnknownKey {
        /// The key, with the sections it stands in.
        key: String,
        /// The known key that looks most like it.
        nearest: Option<String>,
        /// All keys of that section.
        known: Vec<String>,
        /// Kinds of that section that have the key.
        kinds: Vec<String>,
    },
    /// A section is of no known kind.
    #[error("`{section}.kind` is {found:?}{}", keys::suggestion(.nearest.as_deref(), .known))]
    UnknownKind {
        /// The section.
        section: String,
        /// The kind that was asked for.
        found: String,
        /// The known kind that looks most like it.
        nearest: Option<String>,
        /// All kinds.
        known: Vec<String>,
    },
    /// A value is of another type.
    #[error("`{key}`: {problem}")]
    Value {
        /// The key.
        key: String,
        /// What was found and expected.
        problem: String,
    },
    /// A `--set` is not KEY=VALUE.
    #[error("--set {0}: expected KEY=VALUE, such as optimiser.learning_rate=1e-4")]
    Override(String),
    /// Two settings do not go together, or a number is outside its range.
    #[error("{0}")]
    Senseless(String),
}

impl Config {
    /// The configuration of a YAML text; each of `overrides` is `key.of.section=value`, the value in YAML too.
    ///
    /// # Errors
    /// When the text is no YAML, a key or kind is unknown, a value is of the wrong type, or settings do not go together.
    pub fn parse(text: &str, overrides: &[String]) -> Result<Self, ConfigError> {
        let config: Self = keys::settle(text, overrides)?;
        config.check()?;
        Ok(config)
    }

    /// As YAML, with every key.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        to_yaml(self)
    }

    /// Whether settings go together.
    ///
    /// # Errors
    /// Says which do not, or which number is outside its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        let fail = |problem: String| Err(ConfigError::Senseless(problem));
        let share = self.data.validation_share;
        if !(0.0..=0.9).contains(&share) {
            return fail(format!("data.validation_share is {share}, expected 0 to 0.9"));
        }
        let rate = self.optimiser.learning_rate;
        if !(rate.is_finite() && rate > 0.0) {
            return fail(format!("optimiser.learning_rate is {rate}, expected a positive number"));
        }
        for (name, value) in [
            ("optimiser.accumulate", self.optimiser.accumulate as u64),
            ("checkpoint_every_steps", self.checkpoint_every_steps),
            ("validation.every_epochs", self.validation.every_epochs),
        ] {
            if value == 0 {
                return fail(format!("{name} is 0, expected at least 1"));
            }
        }
        self.stopping.check()?;
        match &self.sampling {
            Sampling::Triplets { batch, .. } | Sampling::Shuffled { batch } if *batch == 0 => {
                return fail("sampling.batch is 0, expected at least 1".into());
            }
            Sampling::Classes { classes, tiles } if *classes < 2 || *tiles < 2 => {
                return fail(format!(
                    "sampling asks for {classes} classes of {tiles} tiles, expected at least 2 of 2"
                ));
            }
            _ => {}
        }
        let sampled = matches!(self.sampling, Sampling::Triplets { .. });
        let mined = !matches!(self.mining, MiningChoice::None {});
        let triplet = matches!(self.loss, LossChoice::Triplet { .. });
        match (triplet, sampled, mined) {
            (true, false, false) => fail(
                "loss.kind triplet needs triplets: sampling.kind triplets, or a mining.kind such as batch_hard".into(),
            ),
            (true, true, true) => fail(
                "sampling.kind triplets gives the triplets; mining.kind is for sampling.kind classes, expected none".into(),
            ),
            (false, true, _) => fail("sampling.kind triplets is for loss.kind triplet; expected classes or shuffled".into()),
            (false, _, true) => fail("mining.kind is for loss.kind triplet, expected none".into()),
            _ => self.check_network(),
        }
    }

    fn check_network(&self) -> Result<(), ConfigError> {
        let fail = |problem: &str| Err(ConfigError::Senseless(problem.into()));
        match &self.tuning {
            Tuning::Head {} if self.head == (HeadChoice::None {}) => {
                fail("tuning.kind head trains the head, and head.kind is none")
            }
            Tuning::Lora { rank: 0, .. } => fail("tuning.rank is 0, expected at least 1"),
            _ if self.encoder == crate::TEXTURE => self.check_texture("the texture descriptor"),
            _ => Ok(()),
        }
    }

    /// Whether the settings are ones for an encoder that is the texture descriptor, or has it in it, which `what` says.
    pub(crate) fn check_texture(&self, what: &str) -> Result<(), ConfigError> {
        let problem = if self.tuning != (Tuning::Head {}) {
            format!("only a head can be trained on {what}: tuning.kind must be head")
        } else if self.augmentation != (Augmentation::None {}) {
            format!("{what} sees tiles as they are: augmentation.kind must be none")
        } else {
            return Ok(());
        };
        Err(ConfigError::Senseless(problem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Config::parse(text, &[]).unwrap_err().to_string()
    }

    #[test]
    fn what_is_left_out_has_the_default_and_the_whole_reads_back_from_its_yaml() {
        let config = Config::parse("", &[]).unwrap();
        assert_eq!(config, Config::default());
        let chosen = "loss: {kind: triplet, distance: cosine}\nsampling: triplets\naugmentation: {kind: crops, flip: 0.25}";
        let config = Config::parse(chosen, &["tuning=full".into(), "encoder=vit".into()]).unwrap();
        assert_eq!(config.loss, LossChoice::Triplet { distance: Distance::Cosine, margin: 1.0, swap: true });
        assert_eq!(Config::parse(&config.to_yaml(), &[]).unwrap(), config);
    }

    #[test]
    fn a_misspelt_key_is_answered_with_the_nearest_one_of_its_section() {
        assert_eq!(
            refused("optimiser: {learning_rat: 1}"),
            "unknown key `optimiser.learning_rat`; did you mean `learning_rate`?"
        );
        assert!(refused("sed: 1").contains("did you mean `seed`?"));
        assert!(refused("epochs: 1").contains("did you mean `stopping.epochs`?"), "{}", refused("epochs: 1"));
        assert!(refused("zzzzzzzz: 1").contains("expected one of"), "{}", refused("zzzzzzzz: 1"));
        // A key of another kind of the section is none of this one.
        assert!(refused("loss: {kind: triplet, temperature: 1}").contains("unknown key `loss.temperature`"));
        let head = refused("head: {components: 8}");
        assert_eq!(
            head,
            "unknown key `head.components` of this kind; kinds linear, perceptron have it: to use it, choose its kind too, as in --set \
             head.kind=linear"
        );
        let chosen = ["head.components=8", "head.kind=linear"].map(str::to_owned);
        Config::parse("", &chosen).unwrap();
        assert!(refused("loss: tripet").contains("did you mean `triplet`?"));
        let set = Config::parse("", &["loss.margn=2".into()]).unwrap_err().to_string();
        assert!(set.contains("loss.margn"), "{set}");
    }

    #[test]
    fn a_value_of_the_wrong_type_is_named_with_its_key() {
        let message = refused("optimiser: {learning_rate: fast}");
        assert!(message.starts_with("`optimiser.learning_rate`") && message.contains("fast"), "{message}");
        assert!(refused("seed: [1").contains("no YAML"));
        assert!(refused("- a").contains("expected"));
    }

    #[test]
    fn a_setting_of_the_command_line_wins_over_the_file() {
        let config = Config::parse("seed: 1", &["seed=2".into(), "optimiser.clip_norm=0.5".into()]).unwrap();
        assert_eq!((config.seed, config.optimiser.clip_norm), (2, Some(0.5)));
        assert!(matches!(Config::parse("", &["seed".into()]), Err(ConfigError::Override(_))));
    }

    #[test]
    fn settings_that_do_not_go_together_are_refused_with_what_does() {
        assert!(refused("loss: triplet").contains("needs triplets"));
        assert!(refused("tuning: full").contains("only a head can be trained"));
        assert!(refused("head: none").contains("trains the head"));
        assert!(refused("optimiser: {learning_rate: 0}").contains("positive"));
        assert!(refused("stopping: {epochs: 0}").contains("stopping.epochs is 0, expected at least 1"));
        assert!(refused("stopping: {batches: 0}").contains("stopping.batches is 0, expected at least 1"));
    }

    #[test]
    fn every_preset_is_whole() {
        for (name, text) in PRESETS {
            let config = Config::parse(text, &[]).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(matches!(config.loss, LossChoice::Triplet { .. }), "{name}");
        }
    }
}
