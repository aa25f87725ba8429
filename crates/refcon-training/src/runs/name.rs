//! Names that people can tell apart and say aloud.

use crate::random::{Purpose, stream};
use rand::RngExt;
use std::path::Path;

const ADJECTIVES: [&str; 24] = [
    "amber", "bright", "buried", "calm", "clear", "coarse", "deep", "dipping", "early", "faint", "fine",
    "folded", "gentle", "grey", "hidden", "layered", "lateral", "mild", "quiet", "shallow", "steep",
    "tilted", "upper", "wide",
];

const NOUNS: [&str; 24] = [
    "anticline",
    "basin",
    "channel",
    "chalk",
    "crest",
    "delta",
    "diapir",
    "dome",
    "fan",
    "fault",
    "flank",
    "graben",
    "horizon",
    "horst",
    "marl",
    "mound",
    "reef",
    "ridge",
    "salt",
    "shale",
    "shelf",
    "sill",
    "syncline",
    "wedge",
];

/// A name for the next run of a folder: its number is above every other's there.
#[must_use]
pub(super) fn next_name(folder: &Path, seed: u64) -> String {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| number_of(entry.file_name().to_str()?));
    let number = numbers.max().unwrap_or(0) + 1;
    let mut draw = stream(seed, Purpose::Name, [number, 0]);
    let mut pick = |words: [&'static str; 24]| words[draw.random_range(0..words.len())];
    format!("{}-{}-{number}", pick(ADJECTIVES), pick(NOUNS))
}

/// The number that a run's name ends with; it rises with every run of a folder.
pub(super) fn number_of(name: &str) -> Option<u64> {
    name.rsplit('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_and_names_have_three_parts() {
        let folder = tempfile::tempdir().unwrap();
        let first = next_name(folder.path(), 42);
        assert!(first.ends_with("-1") && first.split('-').count() == 3, "{first}");
        std::fs::create_dir(folder.path().join("deep-salt-7")).unwrap();
        assert!(next_name(folder.path(), 42).ends_with("-8"));
    }
}
