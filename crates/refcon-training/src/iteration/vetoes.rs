//! Tiles that must not be added, by a person's word.

use super::damaged;
use crate::error::TrainError;
use std::collections::BTreeSet;
use std::path::Path;

/// The names in a table of vetoes: a CSV with the column `file`, which holds names as `found/round-N.json` has them. Other columns mean
/// nothing, so that a note can stand beside a name. A table that is not there vetoes nothing.
///
/// # Errors
/// When it cannot be read, lacks the column, or names a tile that is not in the pool: a misspelt veto would be none.
pub fn read_vetoes(table: &Path, in_pool: impl Fn(&str) -> bool) -> Result<BTreeSet<String>, TrainError> {
    if !table.exists() {
        return Ok(BTreeSet::new());
    }
    let problem = |problem: String| damaged(table, &problem);
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .flexible(true)
        .from_path(table)
        .map_err(|error| problem(error.to_string()))?;
    let header = reader.headers().map_err(|error| problem(error.to_string()))?.clone();
    let column = header.iter().position(|title| title == "file").ok_or_else(|| {
        let found = header.iter().collect::<Vec<_>>().join(", ");
        problem(format!("its first line is {found:?}, expected `file`, and below it a name a line"))
    })?;
    let mut vetoes = BTreeSet::new();
    for record in reader.records() {
        let record = record.map_err(|error| problem(error.to_string()))?;
        let name = record.get(column).unwrap_or_default();
        if name.is_empty() {
            continue;
        }
        if !in_pool(name) {
            return Err(problem(format!(
                "{name} is none of the unlabelled tiles; expected names as in the `file` of found/round-N.json"
            )));
        }
        vetoes.insert(name.to_owned());
    }
    Ok(vetoes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let table = folder.path().join("vetoes.csv");
        std::fs::write(&table, text).unwrap();
        let known = |name: &str| ["a.png", "b/c.png"].contains(&name);
        let vetoes = read_vetoes(&table, known).map_err(|error| error.to_string())?;
        Ok(vetoes.into_iter().collect())
    }

    #[test]
    fn names_are_read_whatever_stands_beside_them_and_unknown_ones_refused() {
        assert_eq!(read("file\na.png\n\nb/c.png\na.png\n").unwrap(), ["a.png", "b/c.png"]);
        assert_eq!(read("note, file\nno salt, a.png\n").unwrap(), ["a.png"]);
        assert!(read("file\nd.png\n").unwrap_err().contains("d.png is none of the unlabelled tiles"));
        assert!(read("a.png\n").unwrap_err().contains("expected `file`"));
        assert!(read_vetoes(Path::new("nowhere.csv"), |_| false).unwrap().is_empty());
    }
}
