//! Words of other crates as the API says them.

use serde::Serialize;

/// How JSON spells what has a word of its own, such as a state.
pub(crate) fn word(value: impl Serialize) -> String {
    let value = serde_json::to_value(value).ok();
    value.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
