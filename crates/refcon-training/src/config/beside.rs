//! Sections that stand beside a training's in one file, such as `iteration:`.

use super::keys::{settled, tree, typed};
use super::{Config, ConfigError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Sections that stand beside a training's, first with their defaults, then as they were settled.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sections {
    values: Map<String, Value>,
    said: Vec<String>,
}

impl Sections {
    /// A further section, with its defaults.
    #[must_use]
    pub fn and(mut self, name: &str, defaults: &impl Serialize) -> Self {
        self.values.insert(name.into(), tree(defaults));
        self
    }

    /// Keys of the whole file that were said, sections of the training included.
    #[must_use]
    pub fn said(&self) -> &[String] {
        &self.said
    }

    /// A section as what it describes.
    ///
    /// # Errors
    /// When a value of it is of another type.
    pub fn section<T: DeserializeOwned>(&self, name: &str) -> Result<T, ConfigError> {
        typed(self.values.get(name).cloned().unwrap_or_default(), &format!("{name}."))
    }
}

impl Config {
    /// As [`Config::parse`], of a text that has these sections too. They come back settled.
    ///
    /// # Errors
    /// As [`Config::parse`].
    pub fn parse_beside(
        text: &str,
        overrides: &[String],
        sections: &Sections,
    ) -> Result<(Self, Sections), ConfigError> {
        let mut defaults = tree(&Self::default());
        for (name, section) in &sections.values {
            defaults[name] = section.clone();
        }
        let mut settled = settled(defaults, text, overrides)?;
        let mut found = Sections::default();
        if let (Some(whole), Some(said)) = (settled.whole.as_object_mut(), settled.said.as_object()) {
            found.values = sections.values.keys().filter_map(|name| whole.shift_remove_entry(name)).collect();
            found.said = said.keys().cloned().collect();
        }
        let config: Self = typed(settled.whole, "")?;
        config.check()?;
        Ok((config, found))
    }
}
