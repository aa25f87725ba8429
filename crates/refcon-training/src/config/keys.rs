//! Keys of a configuration: which are known, which one was meant, and how values come together.

use super::{Augmentation, ConfigError, HeadChoice, LossChoice, MiningChoice, Sampling, Schedule, Tuning};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// How alike two words must be for one to be taken for the other, 0 to 1.
const ALIKE: f64 = 0.7;

/// Sections whose keys depend on their kind, with all kinds.
const KINDS: [(&str, &[&str]); 7] = [
    ("sampling", &["triplets", "classes", "shuffled"]),
    ("augmentation", &["none", "crops"]),
    ("tuning", &["head", "last_blocks", "lora", "full"]),
    ("head", &["auto", "none", "linear", "perceptron"]),
    (
        "loss",
        &["triplet", "multi_similarity", "supervised_contrastive", "proxy_anchor", "sub_centre_arcface"],
    ),
    ("mining", &["none", "batch_hard", "semi_hard", "distance_weighted"]),
    ("schedule", &["constant", "halve_on_plateau", "warm_up_cosine"]),
];

/// The configuration that a text and the settings of the command line make: every key that is left out has its default.
pub(crate) fn settle<T: Serialize + DeserializeOwned + Default>(
    text: &str,
    overrides: &[String],
) -> Result<T, ConfigError> {
    typed(settled(tree(&T::default()), text, overrides)?.whole, "")
}

/// Settings before they have types.
pub(super) struct Settled {
    /// Every key, with its default where it was left out.
    pub(super) whole: Value,
    /// The keys that were said.
    pub(super) said: Value,
}

/// Text and settings of the command line over a tree of defaults.
pub(super) fn settled(defaults: Value, text: &str, overrides: &[String]) -> Result<Settled, ConfigError> {
    let mut said = parse(text)?;
    for setting in overrides {
        set(&mut said, setting)?;
    }
    expand(&mut said);
    let defaults = defaults_for(defaults, &said)?;
    check(&said, &defaults, "", &defaults)?;
    Ok(Settled { whole: merged(defaults, said.clone()), said })
}

/// A tree, or the section of one that lies `inside` of such as `iteration.`, as what it describes.
pub(super) fn typed<T: DeserializeOwned>(tree: Value, inside: &str) -> Result<T, ConfigError> {
    serde_path_to_error::deserialize(tree).map_err(|error| ConfigError::Value {
        key: format!("{inside}{}", error.path()),
        problem: error.inner().to_string(),
    })
}

/// What an error says after it has named an unknown key.
pub(super) fn key_suggestion(key: &str, kinds: &[String], nearest: Option<&str>, known: &[String]) -> String {
    let section = key.rsplit_once('.').map_or(key, |(section, _)| section);
    let chosen = |first: &str| format!("to use it, choose its kind too, as in --set {section}.kind={first}");
    match kinds {
        [] => suggestion(nearest, known),
        [only] => format!(" of this kind; kind {only} has it: {}", chosen(only)),
        [first, ..] => format!(" of this kind; kinds {} have it: {}", kinds.join(", "), chosen(first)),
    }
}

/// What an error says after it has named the unknown word.
pub(super) fn suggestion(nearest: Option<&str>, known: &[String]) -> String {
    match nearest {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None if known.is_empty() => "; nothing can stand there".into(),
        None => format!("; expected one of {}", known.join(", ")),
    }
}

fn nearest(word: &str, known: &[String]) -> Option<String> {
    let alike = known.iter().map(|known| (strsim::jaro_winkler(word, known), known));
    let best = alike.max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(alike, _)| *alike >= ALIKE).map(|(_, known)| known.clone())
}

/// The text as a tree; an empty one is an empty tree.
fn parse(text: &str) -> Result<Value, ConfigError> {
    let parsed: Value = yaml_serde::from_str(text).map_err(|error| ConfigError::Yaml(error.to_string()))?;
    match parsed {
        Value::Null => Ok(json!({})),
        Value::Object(_) => Ok(parsed),
        other => Err(ConfigError::Yaml(format!("found {other}, expected keys such as `seed: 42`"))),
    }
}

/// Puts a `key.of.section=value` into the tree.
fn set(tree: &mut Value, setting: &str) -> Result<(), ConfigError> {
    let wrong = || ConfigError::Override(setting.into());
    let (key, value) = setting.split_once('=').ok_or_else(wrong)?;
    let value: Value = yaml_serde::from_str(value).map_err(|_| wrong())?;
    let mut place = tree;
    for part in key.trim().split('.') {
        if part.is_empty() {
            return Err(wrong());
        }
        if let Value::String(kind) = place {
            // `loss: triplet` and then `loss.margin`.
            *place = json!({ "kind": kind });
        }
        if !place.is_object() {
            *place = json!({});
        }
        place = &mut place[part];
    }
    // A kind by itself starts its section anew: the keys of another kind would mean nothing.
    *place = value;
    Ok(())
}

/// `loss: triplet` is short for `loss: {kind: triplet}`.
fn expand(tree: &mut Value) {
    for (section, _) in KINDS {
        if let Some(Value::String(kind)) = tree.get(section) {
            tree[section] = json!({ "kind": kind });
        }
    }
}

/// The defaults, where each section is of the kind that `said` asks for.
fn defaults_for(mut defaults: Value, said: &Value) -> Result<Value, ConfigError> {
    for (section, kinds) in KINDS {
        if defaults.get(section).is_none() {
            continue;
        }
        let Some(kind) = said.get(section).and_then(|section| section.get("kind")) else { continue };
        let found = kind.as_str().unwrap_or_default();
        if !kinds.contains(&found) {
            let known: Vec<String> = kinds.iter().map(ToString::to_string).collect();
            let found = kind.as_str().map_or_else(|| kind.to_string(), str::to_owned);
            let nearest = nearest(&found, &known);
            return Err(ConfigError::UnknownKind { section: section.into(), found, nearest, known });
        }
        if defaults[section]["kind"] != found {
            defaults[section] = section_of_kind(section, found);
        }
    }
    Ok(defaults)
}

pub(super) fn tree(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// A section of this kind with all its defaults.
fn section_of_kind(section: &str, kind: &str) -> Value {
    match section {
        "sampling" => of_kind::<Sampling>(kind),
        "augmentation" => of_kind::<Augmentation>(kind),
        "tuning" => of_kind::<Tuning>(kind),
        "head" => of_kind::<HeadChoice>(kind),
        "loss" => of_kind::<LossChoice>(kind),
        "mining" => of_kind::<MiningChoice>(kind),
        _ => of_kind::<Schedule>(kind),
    }
}

fn of_kind<T: Serialize + DeserializeOwned>(kind: &str) -> Value {
    serde_json::from_value::<T>(json!({ "kind": kind })).map(|section| tree(&section)).unwrap_or_default()
}

/// The kinds of a section that have a key.
fn kinds_with(section: &str, key: &str) -> Vec<String> {
    let kinds = KINDS.iter().find(|(known, _)| *known == section).map_or(&[][..], |(_, kinds)| kinds);
    let has = |kind: &&&str| section_of_kind(section, kind).get(key).is_some();
    kinds.iter().filter(has).map(ToString::to_string).collect()
}

/// Whether every key of `said` is one of `known`, which is what stands at `inside` in `all`.
fn check(said: &Value, known: &Value, inside: &str, all: &Value) -> Result<(), ConfigError> {
    let (Value::Object(said), Value::Object(known)) = (said, known) else { return Ok(()) };
    for (key, value) in said {
        let whole = if inside.is_empty() { key.clone() } else { format!("{inside}.{key}") };
        match known.get(key) {
            Some(known) => check(value, known, &whole, all)?,
            None => {
                let known: Vec<String> = known.keys().cloned().collect();
                let (nearest, kinds) =
                    (nearest(key, &known).or_else(|| elsewhere(key, all)), kinds_with(inside, key));
                return Err(ConfigError::UnknownKey { key: whole, nearest, known, kinds });
            }
        }
    }
    Ok(())
}

/// The whole key that ends so, where some section has it.
fn elsewhere(key: &str, all: &Value) -> Option<String> {
    let sections = all.as_object()?.iter();
    sections.filter(|(_, section)| section.get(key).is_some()).map(|(name, _)| format!("{name}.{key}")).next()
}

/// `said` over `defaults`, section by section.
fn merged(defaults: Value, said: Value) -> Value {
    match (defaults, said) {
        (Value::Object(mut defaults), Value::Object(said)) => {
            for (key, value) in said {
                let default = defaults.get(&key).cloned().unwrap_or_default();
                defaults.insert(key, merged(default, value));
            }
            Value::Object(defaults)
        }
        // `data:` with nothing below it.
        (Value::Object(defaults), Value::Null) => Value::Object(Map::clone(&defaults)),
        (_, said) => said,
    }
}
