//! The challenge's result file: `{"query.png": [{"label": "corpus.png", "confidence": c}, …]}`.

use crate::files::{self, WriteError};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// The matches of every query, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Submission {
    /// Query name → matches, best first.
    pub queries: IndexMap<String, Vec<SubmittedMatch>>,
}

/// One match of a query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubmittedMatch {
    /// Name of the corpus tile.
    pub label: String,
    /// 0..1.
    pub confidence: f32,
}

/// Why a result file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadSubmissionError {
    /// The file cannot be read.
    #[error("cannot read the results {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no result file.
    #[error(
        "{} is no results file: {source}; expected {{\"query.png\": [{{\"label\": \"corpus.png\", \"confidence\": 0.9}}, …]}}, \
         as `refcon predict -o` writes it",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong and where.
        source: serde_json::Error,
    },
    /// A confidence is not a number from 0 to 1.
    #[error("{}: query {query} has a match of confidence {found}; expected 0 to 1", path.display())]
    Confidence {
        /// The file.
        path: PathBuf,
        /// The query.
        query: String,
        /// Its confidence.
        found: f32,
    },
}

impl Submission {
    /// Reads a result file.
    ///
    /// # Errors
    /// When the file cannot be read, is no such JSON, or holds a confidence outside 0..1.
    pub fn read(path: &Path) -> Result<Self, ReadSubmissionError> {
        let text =
            std::fs::read(path).map_err(|source| ReadSubmissionError::Io { path: path.into(), source })?;
        let submission: Self = serde_json::from_slice(&text)
            .map_err(|source| ReadSubmissionError::Format { path: path.into(), source })?;
        for (query, matches) in &submission.queries {
            if let Some(outside) = matches.iter().find(|m| !(0.0..=1.0).contains(&m.confidence)) {
                let (path, query) = (path.into(), query.clone());
                return Err(ReadSubmissionError::Confidence { path, query, found: outside.confidence });
            }
        }
        Ok(submission)
    }

    /// Writes the result file, whole or not at all.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), WriteError> {
        files::write_whole(path, |out| {
            serde_json::to_writer_pretty(&mut *out, self).map_err(io::Error::from)?;
            out.write_all(b"\n")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submission() -> Submission {
        let found = |label: &str, confidence| SubmittedMatch { label: label.into(), confidence };
        let queries = [
            ("q2.png".to_owned(), vec![found("a.png", 1.0), found("sub/b.png", 0.25)]),
            ("q1.png".to_owned(), vec![]),
        ];
        Submission { queries: queries.into_iter().collect() }
    }

    #[test]
    fn what_is_written_is_the_challenges_format_and_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.json");
        submission().write(&path).unwrap();
        assert_eq!(Submission::read(&path).unwrap(), submission());
        let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let expected = serde_json::json!({
            "q2.png": [{"label": "a.png", "confidence": 1.0}, {"label": "sub/b.png", "confidence": 0.25}],
            "q1.png": []
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn another_json_is_refused_with_what_was_expected() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.json");
        for (text, says) in [
            ("[1, 2]", "expected {\"query.png\""),
            ("{\"q.png\": [{\"label\": \"a.png\"}]}", "missing field `confidence`"),
            ("{\"q.png\": [{\"label\": \"a.png\", \"confidence\": 7}]}", "confidence 7"),
            ("{\"q.png\": [", "EOF"),
        ] {
            std::fs::write(&path, text).unwrap();
            let message = Submission::read(&path).unwrap_err().to_string();
            assert!(message.contains(says) && message.contains("results.json"), "{message}");
        }
    }
}
