//! How well held-out tiles find training tiles of their class.

use crate::error::TrainError;
use refcon_encoders::{Embeddings, EncoderId};
use refcon_evaluation::{LabelledEmbeddings, Metric, Outcome, Ranking, mean_over_queries, rank_labelled};

/// What a validation computes of retrieval.
const MEASURES: [Metric; 5] = [
    Metric::MapAtR,
    Metric::RPrecision,
    Metric::PrecisionAt(1),
    Metric::PrecisionAt(3),
    Metric::PrecisionAt(10),
];

/// Embeddings and the class of each.
#[derive(Debug, Clone)]
pub struct Labelled {
    /// `[tiles, components]`.
    pub values: Vec<f32>,
    /// One a tile.
    pub classes: Vec<String>,
}

/// The mean over `queries` of each measure, by the names that they are recorded under: every query ranks the whole library by cosine.
/// A measure that no query has (a library of fewer than ten tiles has no P@10) is left out.
///
/// # Errors
/// When an embedding is not finite.
pub fn measures(queries: &Labelled, library: &Labelled) -> Result<Vec<(String, f64)>, TrainError> {
    if queries.classes.is_empty() || library.classes.is_empty() {
        return Ok(Vec::new());
    }
    let failed = |error: &dyn std::fmt::Display| TrainError::Setting(format!("validation: {error}"));
    let embeddings = |labelled: &Labelled| {
        let components = labelled.values.len() / labelled.classes.len();
        Embeddings::new(EncoderId::new("training", &[]), components, labelled.values.clone())
            .map_err(|error| failed(&error))
    };
    let (asked, searched) = (embeddings(queries)?, embeddings(library)?);
    let rankings = rank_labelled(
        LabelledEmbeddings { embeddings: &asked, classes: &queries.classes, groups: None },
        LabelledEmbeddings { embeddings: &searched, classes: &library.classes, groups: None },
        refcon_library::Metric::Cosine,
    );
    let rankings = rankings.map_err(|error| failed(&error))?;
    let outcomes: Vec<Outcome> = rankings.iter().map(|ranking: &Ranking| ranking.outcome("")).collect();
    let mean = |metric: Metric| {
        Some((format!("validation/{}", metric.key()), mean_over_queries(metric, &outcomes)?))
    };
    Ok(MEASURES.into_iter().filter_map(mean).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_that_lie_apart_are_retrieved_whole() {
        let classes = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let values = vec![1.0, 0.0, 0.9, 0.1, 0.0, 1.0, 0.1, 0.9];
        let library = Labelled { values, classes: classes(&["a", "a", "b", "b"]) };
        let queries = Labelled { values: vec![1.0, 0.1, 0.1, 1.0], classes: classes(&["a", "b"]) };
        let found = measures(&queries, &library).unwrap();
        assert_eq!(found[0], ("validation/map_at_r".to_owned(), 1.0));
        // Four tiles have no ten nearest.
        assert!(found.iter().all(|(name, _)| name != "validation/precision_at_10"));
        let wrong = Labelled { classes: classes(&["b", "a"]), ..queries };
        assert_eq!(measures(&wrong, &library).unwrap()[0].1, 0.0);
    }
}
