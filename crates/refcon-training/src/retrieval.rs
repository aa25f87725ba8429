//! How well held-out tiles find training tiles of their class.

use crate::error::TrainError;
use refcon_encoders::{Embeddings, EncoderId};
use refcon_evaluation::{Metric, Outcome};
use refcon_library::search;
use std::num::NonZeroUsize;

/// What a validation computes of retrieval.
const MEASURES: [Metric; 5] = [
    Metric::MapAtR,
    Metric::RPrecision,
    Metric::PrecisionAt(1),
    Metric::PrecisionAt(3),
    Metric::PrecisionAt(10),
];

/// Embeddings and the class of each, by number.
#[derive(Debug, Clone)]
pub struct Labelled {
    /// `[tiles, components]`.
    pub values: Vec<f32>,
    /// One a tile.
    pub classes: Vec<usize>,
}

/// The mean over `queries` of each measure, by the names that they are recorded under: every query ranks the whole library by cosine.
/// A measure that no query has (a library of fewer than ten tiles has no P@10) is left out.
///
/// # Errors
/// When an embedding is not finite.
pub fn measures(queries: &Labelled, library: &Labelled) -> Result<Vec<(String, f64)>, TrainError> {
    let Some(all) = NonZeroUsize::new(library.classes.len()) else { return Ok(Vec::new()) };
    if queries.classes.is_empty() {
        return Ok(Vec::new());
    }
    let embeddings = |labelled: &Labelled| {
        let components = labelled.values.len() / labelled.classes.len();
        Embeddings::new(EncoderId::new("training", &[]), components, labelled.values.clone())
            .map_err(|error| TrainError::Setting(format!("validation: {error}")))
    };
    let names: Vec<String> = (0..all.get()).map(|row| format!("{row:012}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let found =
        search(&embeddings(queries)?, &embeddings(library)?, &names, all, refcon_library::Metric::Cosine)
            .map_err(|error| TrainError::Setting(format!("validation: {error}")))?;
    let outcomes: Vec<Outcome> = found
        .iter()
        .zip(&queries.classes)
        .map(|(neighbours, &class)| Outcome {
            query: String::new(),
            class: class.to_string(),
            hits: neighbours.iter().map(|neighbour| library.classes[neighbour.row] == class).collect(),
            confidences: vec![0.0; neighbours.len()],
            relevant: library.classes.iter().filter(|&&of| of == class).count(),
            nearest_class: neighbours.first().map(|nearest| library.classes[nearest.row].to_string()),
        })
        .collect();
    let mean = |metric: Metric| {
        let values: Vec<f64> = outcomes.iter().filter_map(|outcome| metric.of(outcome)).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (!values.is_empty()).then(|| (format!("validation/{}", metric.key()), mean))
    };
    Ok(MEASURES.into_iter().filter_map(mean).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_that_lie_apart_are_retrieved_whole() {
        let library =
            Labelled { values: vec![1.0, 0.0, 0.9, 0.1, 0.0, 1.0, 0.1, 0.9], classes: vec![0, 0, 1, 1] };
        let queries = Labelled { values: vec![1.0, 0.1, 0.1, 1.0], classes: vec![0, 1] };
        let found = measures(&queries, &library).unwrap();
        assert_eq!(found[0], ("validation/map_at_r".to_owned(), 1.0));
        // Four tiles have no ten nearest.
        assert!(found.iter().all(|(name, _)| name != "validation/precision_at_10"));
        let wrong = Labelled { classes: vec![1, 0], ..queries };
        assert_eq!(measures(&wrong, &library).unwrap()[0].1, 0.0);
    }
}
