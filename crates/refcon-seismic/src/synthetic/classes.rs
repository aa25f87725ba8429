//! The eight classes of the challenge.

use serde::{Deserialize, Serialize};

/// What a tile shows, in the challenge's order and spelling.
///
/// A label volume stores [`SeismicClass::label`]: 0 `Boring`, 1 `Bright_Planar`, 2 `Bright_Chaotic`, 3 `Channel`,
/// 4 `Converging_Amplitudes`, 5 `Fault`, 6 `Salt`, 7 `Transparent_Planar`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SeismicClass {
    /// Parallel layering of low to moderate amplitude with nothing in it: the background.
    Boring,
    /// Strong, continuous, parallel reflectors.
    #[serde(rename = "Bright_Planar")]
    BrightPlanar,
    /// Strong, short, contorted reflectors, such as those of a mass-transport deposit.
    #[serde(rename = "Bright_Chaotic")]
    BrightChaotic,
    /// An incised channel and its fill.
    Channel,
    /// Reflectors that run together: wedges, onlap, clinoforms.
    #[serde(rename = "Converging_Amplitudes")]
    ConvergingAmplitudes,
    /// The trace of a fault plane that offsets reflectors.
    Fault,
    /// A salt body.
    Salt,
    /// Parallel reflectors so faint that the package between two strong ones looks empty.
    #[serde(rename = "Transparent_Planar")]
    TransparentPlanar,
}

impl SeismicClass {
    /// Every class; its place in the list is its [`label`](Self::label).
    pub const ALL: [Self; 8] = [
        Self::Boring,
        Self::BrightPlanar,
        Self::BrightChaotic,
        Self::Channel,
        Self::ConvergingAmplitudes,
        Self::Fault,
        Self::Salt,
        Self::TransparentPlanar,
    ];

    /// The challenge's name for the class, such as `Bright_Planar`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Boring => "Boring",
            Self::BrightPlanar => "Bright_Planar",
            Self::BrightChaotic => "Bright_Chaotic",
            Self::Channel => "Channel",
            Self::ConvergingAmplitudes => "Converging_Amplitudes",
            Self::Fault => "Fault",
            Self::Salt => "Salt",
            Self::TransparentPlanar => "Transparent_Planar",
        }
    }

    /// The class called `name`, spelled as [`name`](Self::name) spells it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// The value that stands for the class in a label volume, 0 to 7.
    #[must_use]
    pub fn label(self) -> u8 {
        self as u8
    }

    /// The class that `label` stands for.
    #[must_use]
    pub fn from_label(label: u8) -> Option<Self> {
        Self::ALL.get(usize::from(label)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_labels_lead_back_to_their_class() {
        for (place, class) in SeismicClass::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(class.label()), place);
            assert_eq!(SeismicClass::from_label(class.label()), Some(class));
            assert_eq!(SeismicClass::from_name(class.name()), Some(class));
        }
        assert_eq!(SeismicClass::from_label(8), None);
        assert_eq!(SeismicClass::from_name("salt"), None);
    }

    #[test]
    fn a_class_is_serialized_under_its_challenge_name() {
        for class in SeismicClass::ALL {
            let json = serde_json::to_value(class).unwrap_or_default();
            assert_eq!(json, class.name());
        }
    }
}
