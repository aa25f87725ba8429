//! What became of one query.

use crate::Gold;
use refcon_library::Submission;
use std::collections::HashSet;

/// The matches of one query, held against gold.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Name of the query.
    pub query: String,
    /// Its class.
    pub class: String,
    /// For each match, best first: whether it is of the query's class.
    pub hits: Vec<bool>,
    /// Confidences, 0..1, of the matches, or of the first few of them.
    pub confidences: Vec<f64>,
    /// Corpus tiles of the query's class: as many hits as a perfect ranking could have.
    pub relevant: usize,
    /// The class of the best match; `None` where there is no match.
    pub nearest_class: Option<String>,
}

/// Why results cannot be held against gold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JudgeError {
    /// There is nothing to judge.
    #[error("the results hold no query; expected at least one")]
    Empty,
    /// A query has no class in gold.
    #[error(
        "query {query} of the results has no class in the gold ({known} queries there); are the two of one data set?"
    )]
    UnknownQuery {
        /// The query.
        query: String,
        /// How many queries gold knows.
        known: usize,
    },
    /// A match has no class in gold.
    #[error("{label}, a match of query {query}, has no class in the gold's corpus ({known} tiles there)")]
    UnknownTile {
        /// The query.
        query: String,
        /// The match.
        label: String,
        /// How many corpus tiles gold knows.
        known: usize,
    },
    /// A tile is among a query's matches twice.
    #[error("query {query} has {label} among its matches twice; expected each corpus tile once")]
    Repeated {
        /// The query.
        query: String,
        /// The match.
        label: String,
    },
}

/// Holds every query of `submission` against `gold`.
///
/// # Errors
/// When there is no query, a query or a match has no class in gold, or a match is repeated.
pub fn judge(submission: &Submission, gold: &Gold) -> Result<Vec<Outcome>, JudgeError> {
    if submission.queries.is_empty() {
        return Err(JudgeError::Empty);
    }
    let mut outcomes = Vec::with_capacity(submission.queries.len());
    for (query, matches) in &submission.queries {
        let class = gold
            .queries
            .get(query)
            .ok_or_else(|| JudgeError::UnknownQuery { query: query.clone(), known: gold.queries.len() })?;
        let mut hits = Vec::with_capacity(matches.len());
        let mut seen = HashSet::new();
        for found in matches {
            let label = found.label.clone();
            if !seen.insert(found.label.as_str()) {
                return Err(JudgeError::Repeated { query: query.clone(), label });
            }
            let Some(tile_class) = gold.corpus.get(&found.label) else {
                return Err(JudgeError::UnknownTile {
                    query: query.clone(),
                    label,
                    known: gold.corpus.len(),
                });
            };
            hits.push(tile_class == class);
        }
        outcomes.push(Outcome {
            query: query.clone(),
            class: class.clone(),
            hits,
            confidences: matches.iter().map(|m| f64::from(m.confidence)).collect(),
            relevant: gold.corpus_count(class),
            nearest_class: matches.first().and_then(|found| gold.corpus.get(&found.label)).cloned(),
        });
    }
    Ok(outcomes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use refcon_library::SubmittedMatch;

    fn submission(query: &str, labels: &[&str]) -> Submission {
        let found = labels.iter().map(|&label| SubmittedMatch { label: label.into(), confidence: 0.5 });
        Submission { queries: [(query.to_owned(), found.collect())].into_iter().collect() }
    }

    fn gold() -> Gold {
        let class = |(file, class): (&str, &str)| (file.to_owned(), class.to_owned());
        Gold {
            queries: [("q", "Salt")].map(class).into(),
            corpus: [("a", "Salt"), ("b", "Fault"), ("c", "Salt")].map(class).into(),
        }
    }

    #[test]
    fn hits_are_matches_of_the_querys_class() {
        let outcomes = judge(&submission("q", &["b", "a"]), &gold()).unwrap();
        assert_eq!((outcomes[0].hits.as_slice(), outcomes[0].relevant), ([false, true].as_slice(), 2));
    }

    #[test]
    fn names_without_a_class_and_repeated_matches_are_refused() {
        let says =
            |query, labels: &[&str]| judge(&submission(query, labels), &gold()).unwrap_err().to_string();
        assert!(says("x", &[]).contains("query x"));
        assert!(says("q", &["z"]).contains("z, a match of query q"));
        assert!(says("q", &["a", "a"]).contains("twice"));
        assert_eq!(judge(&Submission::default(), &gold()), Err(JudgeError::Empty));
    }
}
