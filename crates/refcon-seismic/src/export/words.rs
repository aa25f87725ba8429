//! What tiles depend on, in the words of the command line's help, for people who gave one setting and now give another.

/// The last parts of an entry's place, and what it is called.
const SETTINGS: [(&str, &str); 17] = [
    ("size.height", "the height of tiles (samples)"),
    ("size.width", "the width of tiles (traces)"),
    ("down", "the stride down (samples)"),
    ("across", "the stride across (traces)"),
    ("per_section", "the number of tiles of a section"),
    ("seed", "the seed"),
    ("sizes", "the number of tile sizes"),
    ("rule", "the rule that lays tiles"),
    ("directions", "the number of directions"),
    ("every", "the step from line to line"),
    ("window", "the window of samples"),
    ("minimum_live_fraction", "the least share of live samples"),
    ("least_label_share", "the least share of a label"),
    ("layout", "the layout (images or shards)"),
    ("layout.shards.tiles", "the number of tiles of a shard"),
    ("surveys", "the number of surveys"),
    ("settings", "the settings"),
];

/// And of a survey's entries.
const OF_SURVEYS: [(&str, &str); 7] = [
    ("normalisation", "the grey scale"),
    ("labels", "the label volume"),
    ("path", "the place"),
    ("bytes", "the length in bytes"),
    ("changed", "the time of change"),
    ("geometry", "the geometry"),
    ("samples", "the sample axis"),
];

/// What the entry at `key`, such as `settings.rule.grid.size.height`, is called.
pub(super) fn setting(key: &str) -> String {
    let survey = key.strip_prefix("surveys.").and_then(|rest| rest.split('.').next());
    let known: &[(&str, &str)] = if survey.is_some() { &OF_SURVEYS } else { &SETTINGS };
    // The longest place that fits says most.
    let fits = |part: &str| key.ends_with(part) || key.contains(&format!(".{part}."));
    let found = known.iter().filter(|(part, _)| fits(part)).max_by_key(|(part, _)| part.len());
    let name = found.map_or_else(|| key.replace(['.', '_'], " "), |(_, name)| (*name).to_owned());
    survey.map_or_else(|| name.clone(), |number| format!("{name} of survey {number}"))
}

/// A value without the marks of the file format.
pub(super) fn value(json: &str) -> String {
    let plain = json.replace(['{', '}', '"'], "").replace(['_', ':'], " ");
    if plain == "null" { "none".to_owned() } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_named_as_people_know_them() {
        assert_eq!(setting("settings.rule.grid.size.height"), "the height of tiles (samples)");
        assert_eq!(setting("settings.selection.window.1"), "the window of samples");
        assert_eq!(setting("surveys.2.normalisation.z_score.deviations"), "the grey scale of survey 2");
        assert_eq!(setting("surveys.1.survey.geometry.volume.inlines"), "the geometry of survey 1");
        assert_eq!(value("{\"z_score\":{\"deviations\":3.0}}"), "z score deviations 3.0");
        assert_eq!((value("null"), value("96")), ("none".to_owned(), "96".to_owned()));
    }
}
