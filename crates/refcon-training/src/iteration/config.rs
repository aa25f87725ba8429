//! Settings of an iteration: a training's, and how tiles are found between two of them.

use crate::config::{Config, ConfigError, Sections, to_yaml};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The section's name.
const SECTION: &str = "iteration";

/// How tiles are found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IterationSettings {
    /// Folder of tiles without labels; subfolders mean nothing.
    pub unlabelled: Option<PathBuf>,
    /// Rounds after the first training, at most.
    pub rounds: u64,
    /// Unlabelled tiles that a labelled tile gives its label to in a round, at most.
    pub neighbours: usize,
    /// Tiles at this cosine distance or nearer are duplicates, which teach nothing.
    pub duplicate_threshold: f64,
    /// Tiles further than this are left alone.
    pub curated_threshold: f64,
    /// Whether a tile is only given a label that the labelled tile nearest to it has too.
    pub mutual: bool,
    /// Whether a person is asked before a round is trained on what it found.
    pub review: bool,
    /// Table of tiles that must not be added; `vetoes.csv` in the iteration's folder where it is left out.
    pub vetoes: Option<PathBuf>,
}

impl Default for IterationSettings {
    fn default() -> Self {
        Self {
            unlabelled: None,
            rounds: 3,
            neighbours: 1,
            duplicate_threshold: 0.0,
            curated_threshold: 0.1,
            mutual: false,
            review: false,
            vetoes: None,
        }
    }
}

/// Everything that an iteration is made of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IterationConfig {
    /// The training of each round.
    #[serde(flatten)]
    pub training: Config,
    /// What happens between them.
    pub iteration: IterationSettings,
}

impl IterationConfig {
    /// The configuration of a YAML text, as [`Config::parse`].
    ///
    /// # Errors
    /// As [`Config::parse`].
    pub fn parse(text: &str, overrides: &[String]) -> Result<Self, ConfigError> {
        let sections = Sections::default().and(SECTION, &IterationSettings::default());
        let (training, sections) = Config::parse_beside(text, overrides, &sections)?;
        let iteration: IterationSettings = sections.section(SECTION)?;
        iteration.check()?;
        Ok(Self { training, iteration })
    }

    /// As YAML, with every key.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        to_yaml(self)
    }
}

impl IterationSettings {
    /// Whether settings go together.
    ///
    /// # Errors
    /// Says which number is outside its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        let fail = |problem: String| Err(ConfigError::Senseless(problem));
        let (near, far) = (self.duplicate_threshold, self.curated_threshold);
        if !(near < far && (0.0..=2.0).contains(&near) && far <= 2.0) {
            return fail(format!(
                "iteration.duplicate_threshold is {near} and iteration.curated_threshold {far}, expected cosine distances from 0 to 2, \
                 the first below the second"
            ));
        }
        for (name, value) in [("neighbours", self.neighbours as u64), ("rounds", self.rounds)] {
            if value == 0 {
                return fail(format!("iteration.{name} is 0, expected at least 1"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trainings_sections_and_the_iterations_stand_side_by_side() {
        let text = "loss: proxy_anchor\niteration: {curated_threshold: 0.2}";
        let config =
            IterationConfig::parse(text, &["iteration.neighbours=5".into(), "seed=3".into()]).unwrap();
        assert_eq!((config.iteration.curated_threshold, config.iteration.neighbours), (0.2, 5));
        assert_eq!((config.training.seed, config.iteration.rounds), (3, 3));
        assert_eq!(IterationConfig::parse(&config.to_yaml(), &[]).unwrap(), config);
    }

    #[test]
    fn unknown_keys_wrong_types_and_thresholds_the_wrong_way_round_are_named() {
        let says = |text: &str| IterationConfig::parse(text, &[]).unwrap_err().to_string();
        assert!(says("iteration: {curated_treshold: 1}").contains("did you mean `curated_threshold`?"));
        assert!(says("iteratoin: {}").contains("did you mean `iteration`?"));
        let message = says("iteration: {rounds: many}");
        assert!(message.starts_with("`iteration.rounds`"), "{message}");
        assert!(says("iteration: {duplicate_threshold: 0.3}").contains("the first below the second"));
    }
}
