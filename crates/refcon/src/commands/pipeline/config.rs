//! The settings of a pipeline: a training's, an iteration's, and how the prediction is made.

use crate::commands::predict::{Confidence, MatchCount, Metric};
use refcon_training::config::{Config, ConfigError, Sections, to_yaml};
use refcon_training::iteration::{IterationConfig, IterationSettings};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;

/// Keys that mean something where nothing is trained.
const OF_PREDICTION: [&str; 3] = ["encoder", "device", "predict"];

/// How the prediction is made.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PredictSettings {
    /// Folder of tiles that show what is looked for.
    pub(super) query: Option<PathBuf>,
    /// Folder of tiles to search in.
    pub(super) corpus: Option<PathBuf>,
    /// Matches for each query: a number or `all`.
    pub(super) k: Matches,
    pub(super) metric: Metric,
    pub(super) confidence: Confidence,
    /// For calibrated confidence, as `refcon evaluate --save-calibration` wrote it.
    pub(super) calibration: Option<PathBuf>,
    /// What the encoder computes in: auto, f32, bf16.
    pub(super) precision: String,
    /// True classes, for scoring only.
    pub(super) gold: Option<PathBuf>,
}

/// A number of matches in a file.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub(super) struct Matches(pub(super) MatchCount);

impl TryFrom<Value> for Matches {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        text.parse().map(Self).map_err(|problem: String| format!("found {text}, {problem}"))
    }
}

impl From<Matches> for Value {
    fn from(Matches(count): Matches) -> Self {
        match count {
            MatchCount::All => "all".into(),
            MatchCount::Count(count) => count.get().into(),
        }
    }
}

impl Default for PredictSettings {
    fn default() -> Self {
        Self {
            query: None,
            corpus: None,
            k: Matches(MatchCount::Count(std::num::NonZeroUsize::MIN.saturating_add(2))),
            metric: Metric::Cosine,
            confidence: Confidence::Challenge,
            calibration: None,
            precision: "auto".into(),
            gold: None,
        }
    }
}

/// What comes before the prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mode {
    /// Nothing.
    Predict,
    /// A training.
    TrainAndPredict,
    /// A training, and rounds on tiles that it labelled.
    IterateAndPredict,
}

/// Everything that a pipeline is made of.
#[derive(Debug, Clone, Serialize)]
pub(super) struct PipelineConfig {
    #[serde(flatten)]
    pub(super) training: IterationConfig,
    pub(super) predict: PredictSettings,
}

impl PipelineConfig {
    /// The configuration of a YAML text and the settings of the command line.
    pub(super) fn parse(text: &str, overrides: &[String]) -> Result<Self, ConfigError> {
        let sections = Sections::default()
            .and("iteration", &IterationSettings::default())
            .and("predict", &PredictSettings::default());
        let (training, sections) = Config::parse_beside(text, overrides, &sections)?;
        let iteration: IterationSettings = sections.section("iteration")?;
        iteration.check()?;
        let config =
            Self { training: IterationConfig { training, iteration }, predict: sections.section("predict")? };
        config.check(sections.said())?;
        Ok(config)
    }

    fn check(&self, said: &[String]) -> Result<(), ConfigError> {
        let fail = |problem: String| Err(ConfigError::Senseless(problem));
        for (key, value) in [("query", &self.predict.query), ("corpus", &self.predict.corpus)] {
            if value.is_none() {
                return fail(format!("predict.{key} is not set, expected a folder of tiles"));
            }
        }
        if self.predict.confidence == Confidence::Calibrated && self.predict.calibration.is_none() {
            return fail(
                "predict.confidence is calibrated, but predict.calibration is not set, expected a file that `refcon evaluate \
                 --save-calibration` wrote"
                    .into(),
            );
        }
        let Config { encoder, device, .. } = &self.training.training;
        let (encoder, device) = (encoder.clone(), device.clone());
        let untrained = Config { encoder, device, ..Config::default() };
        let iterates = self.training.iteration != IterationSettings::default();
        let trains = self.training.training != untrained || iterates;
        let unread = |key: &&String| !OF_PREDICTION.contains(&key.as_str());
        match (self.mode(), said.iter().find(unread)) {
            (Mode::Predict, Some(key)) if trains => fail(format!(
                "{key} is set, but data.train is not, and without it nothing is trained: set it, or leave {key} out"
            )),
            (Mode::TrainAndPredict, _) if iterates => fail(
                "iteration is set, but iteration.unlabelled, the folder of tiles without labels, is not"
                    .into(),
            ),
            _ => Ok(()),
        }
    }

    pub(super) fn mode(&self) -> Mode {
        match (&self.training.training.data.train, &self.training.iteration.unlabelled) {
            (None, _) => Mode::Predict,
            (Some(_), None) => Mode::TrainAndPredict,
            (Some(_), Some(_)) => Mode::IterateAndPredict,
        }
    }

    /// As YAML, with every key.
    pub(super) fn to_yaml(&self) -> String {
        to_yaml(self)
    }
}
