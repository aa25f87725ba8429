//! The true classes of query and corpus tiles.

use csv::StringRecord;
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};

/// Classes of query and corpus tiles, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gold {
    /// Classes of the queries.
    pub queries: HashMap<String, String>,
    /// Classes of the corpus tiles.
    pub corpus: HashMap<String, String>,
}

/// Why gold could not be read.
#[derive(Debug, thiserror::Error)]
pub enum GoldError {
    /// The file cannot be read.
    #[error("cannot read the gold {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no CSV with the columns that are needed.
    #[error(
        "{}: {problem}; expected a CSV with the columns part, file, label, where part is query or image_corpus",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// What was found, and in which line.
        problem: String,
    },
    /// A tile has no class.
    #[error("{side} {file} has no class in the gold ({known} there); are the two of one data set?")]
    Unknown {
        /// Query or corpus tile.
        side: &'static str,
        /// Its name.
        file: String,
        /// How many of that side have one.
        known: usize,
    },
}

impl Gold {
    /// Reads a CSV with the columns `part` (`query`, or `image_corpus` or `corpus`), `file` and `label`, in any order,
    /// with any others beside them.
    ///
    /// # Errors
    /// When the file cannot be read, a column is missing, or a file is given two different labels.
    pub fn read(path: &Path) -> Result<Self, GoldError> {
        let format = |problem: String| GoldError::Format { path: path.into(), problem };
        let file = std::fs::File::open(path).map_err(|source| GoldError::Io { path: path.into(), source })?;
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
        let header = reader.headers().map_err(|error| format(error.to_string()))?.clone();
        let column = |name: &str| {
            header.iter().position(|title| title == name).ok_or_else(|| {
                format(format!("no column {name}, found {}{}", listed(&header), separator_hint(&header)))
            })
        };
        let (part, file, label) = (column("part")?, column("file")?, column("label")?);

        let mut gold = Self::default();
        for record in reader.records() {
            let record = record.map_err(|error| format(error.to_string()))?;
            let line = record.position().map_or(0, csv::Position::line);
            let side = match &record[part] {
                "query" => &mut gold.queries,
                "corpus" | "image_corpus" => &mut gold.corpus,
                other => return Err(format(format!("line {line}: part {other:?}"))),
            };
            let (file, label) = (record[file].to_owned(), record[label].to_owned());
            if label.is_empty() {
                return Err(format(format!("line {line}: {file} has no label")));
            }
            if let Some(before) = side.get(&file).filter(|before| **before != label) {
                return Err(format(format!("line {line}: {file} is {label}, further up it was {before}")));
            }
            side.insert(file, label);
        }
        Ok(gold)
    }

    /// The class of each of these queries.
    ///
    /// # Errors
    /// When one has none.
    pub fn classes_of_queries(&self, names: &[&str]) -> Result<Vec<String>, GoldError> {
        classes_of(names, &self.queries, "query")
    }

    /// The class of each of these corpus tiles.
    ///
    /// # Errors
    /// When one has none.
    pub fn classes_of_corpus(&self, names: &[&str]) -> Result<Vec<String>, GoldError> {
        classes_of(names, &self.corpus, "corpus tile")
    }

    /// Names of all classes of the queries, sorted.
    #[must_use]
    pub fn query_classes(&self) -> Vec<&str> {
        let classes: BTreeSet<&str> = self.queries.values().map(String::as_str).collect();
        classes.into_iter().collect()
    }

    /// How many corpus tiles are of `class`.
    #[must_use]
    pub fn corpus_count(&self, class: &str) -> usize {
        self.corpus.values().filter(|label| *label == class).count()
    }
}

fn classes_of(
    names: &[&str],
    known: &HashMap<String, String>,
    side: &'static str,
) -> Result<Vec<String>, GoldError> {
    let class = |&name: &&str| {
        let unknown = || GoldError::Unknown { side, file: name.to_owned(), known: known.len() };
        known.get(name).cloned().ok_or_else(unknown)
    };
    names.iter().map(class).collect()
}

/// Spreadsheets of some countries separate columns by semicolons.
fn separator_hint(header: &StringRecord) -> &'static str {
    if header.len() == 1 && header[0].contains(';') {
        " (columns are separated by commas, not semicolons)"
    } else {
        ""
    }
}

fn listed(header: &StringRecord) -> String {
    header.iter().map(|title| format!("{title:?}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Gold, GoldError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gold.csv");
        std::fs::write(&path, text).unwrap();
        Gold::read(&path)
    }

    #[test]
    fn columns_may_stand_in_any_order_and_one_name_on_both_sides() {
        let gold = read("label,note,file,part\nSalt,x,a.png,query\nFault,,a.png,image_corpus\n").unwrap();
        assert_eq!((gold.queries["a.png"].as_str(), gold.corpus["a.png"].as_str()), ("Salt", "Fault"));
        assert_eq!((gold.query_classes(), gold.corpus_count("Fault")), (vec!["Salt"], 1));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, says) in [
            ("file,label\na,b\n", "no column part"),
            ("part,file,label\nquery,a.png,Salt\ntrain,b.png,Salt\n", "line 3: part \"train\""),
            ("part,file,label\nquery,a.png,Salt\nquery,a.png,Fault\n", "line 3: a.png is Fault"),
            ("part;file;label\nquery;a.png;Salt\n", "commas, not semicolons"),
            ("part,file,label\nquery,a.png,\n", "line 2: a.png has no label"),
            ("part,file,label\nquery,a.png\n", "line: 2"),
        ] {
            let message = read(text).unwrap_err().to_string();
            assert!(message.contains(says) && message.contains("gold.csv"), "{message}");
        }
    }
}
