//! What an export has done so far: the file that makes it resumable.

use super::{ExportError, words};
use crate::whole_file::{create_beside, without_temporary_name};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io::{self, Write};
use std::path::Path;

/// Its name in the folder.
pub(super) const JOURNAL: &str = "tiles.json";

/// The state of an export. Everything before it stands in the folder; what came after is made again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Journal {
    /// The version of this file.
    pub(super) version: u32,
    /// Settings and surveys that the tiles depend on.
    pub(super) made_with: Value,
    /// Sections to cut.
    pub(super) sections: usize,
    /// Of them, in order, so many are done.
    pub(super) sections_done: usize,
    /// Tiles of these.
    pub(super) tiles: u64,
    /// Complete shards.
    pub(super) shards: usize,
    /// Bytes of the table that belong to them.
    pub(super) table_bytes: u64,
}

const VERSION: u32 = 1;

impl Journal {
    pub(super) fn new(made_with: Value, sections: usize) -> Self {
        Self { version: VERSION, made_with, sections, sections_done: 0, tiles: 0, shards: 0, table_bytes: 0 }
    }

    /// The journal in `folder`, or `None` where there is none.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, ExportError> {
        let path = folder.join(JOURNAL);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(ExportError::File { doing: "read", path, source }),
        };
        let journal: Self = serde_json::from_slice(&bytes)
            .map_err(|error| ExportError::Journal { path: path.clone(), problem: error.to_string() })?;
        if journal.version != VERSION || journal.sections_done > journal.sections {
            let problem = format!(
                "it has version {} and {} of {} sections, expected version {VERSION} and no more than all",
                journal.version, journal.sections_done, journal.sections
            );
            return Err(ExportError::Journal { path, problem });
        }
        Ok(Some(journal))
    }

    /// Checks that this export was made with the same settings and surveys.
    pub(super) fn check(&self, folder: &Path, made_with: &Value) -> Result<(), ExportError> {
        let Some((key, found, asked)) = difference(&self.made_with, made_with) else { return Ok(()) };
        let folder = folder.to_owned();
        Err(ExportError::OtherExport { folder, key, found, asked })
    }

    /// Puts it in place of the one in `folder`; `durably` if it must outlive a power failure.
    pub(super) fn write(&self, folder: &Path, durably: bool) -> Result<(), ExportError> {
        let path = folder.join(JOURNAL);
        let write = || -> io::Result<()> {
            let mut file = create_beside(&path)?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            if durably {
                file.as_file().sync_all()?;
            }
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(|source| ExportError::File {
            doing: "write",
            path: path.clone(),
            source: without_temporary_name(source),
        })
    }
}

/// The first place where what something was made with differs from what is asked for now: which entry, what it was, and what it
/// is now, in words for people.
#[must_use]
pub fn difference(found: &Value, asked: &Value) -> Option<(String, String, String)> {
    let (key, found, asked) = difference_below("", found, asked)?;
    Some((words::setting(&key), words::value(&found), words::value(&asked)))
}

fn difference_below(key: &str, found: &Value, asked: &Value) -> Option<(String, String, String)> {
    let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    match (found, asked) {
        (Value::Object(one), Value::Object(other)) if one.keys().eq(other.keys()) => {
            one.iter().find_map(|(name, value)| difference_below(&below(name), value, &other[name]))
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            one.iter().zip(other).enumerate().find_map(|(index, (one, other))| {
                difference_below(&below(&(index + 1).to_string()), one, other)
            })
        }
        _ if found == asked => None,
        _ => Some((key.to_owned(), shown(found), shown(asked))),
    }
}

/// Characters of a value that a message shows, at most.
const SHOWN: usize = 60;

fn shown(value: &Value) -> String {
    let text = match value {
        Value::Array(values) => format!("{} of them", values.len()),
        value => value.to_string(),
    };
    if text.chars().count() <= SHOWN {
        return text;
    }
    text.chars().take(SHOWN).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_difference_is_named_with_its_place() {
        let one = json!({"rule": {"grid": {"height": 99}}, "surveys": ["a", "b"]});
        let other = json!({"rule": {"grid": {"height": 128}}, "surveys": ["a", "b"]});
        let found = difference_below("", &one, &other).unwrap();
        assert_eq!(found, ("rule.grid.height".into(), "99".into(), "128".into()));
        let other = json!({"rule": {"grid": {"height": 99}}, "surveys": ["a", "c"]});
        assert_eq!(difference_below("", &one, &other).unwrap().0, "surveys.2");
        assert_eq!(difference(&one, &one), None);
    }
}
