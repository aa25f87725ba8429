//! Configurations that come with the program: the challenge's recipe for each encoder that it was used with.

/// Name and text of each.
pub const PRESETS: [(&str, &str); 5] = [
    ("challenge-clip", include_str!("../../../../configs/challenge-clip.yml")),
    ("challenge-dinov2", include_str!("../../../../configs/challenge-dinov2.yml")),
    ("challenge-mae", include_str!("../../../../configs/challenge-mae.yml")),
    ("challenge-vit", include_str!("../../../../configs/challenge-vit.yml")),
    ("challenge-vit-torchvision", include_str!("../../../../configs/challenge-vit-torchvision.yml")),
];

/// The text of a preset.
#[must_use]
pub fn preset(name: &str) -> Option<&'static str> {
    PRESETS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
