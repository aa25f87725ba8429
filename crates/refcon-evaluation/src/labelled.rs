//! Rankings of embeddings whose classes are known, without files or names: the validation of a training, and what a
//! calibration is fitted on.

use crate::Outcome;
use crate::metric::CHALLENGE_MATCHES;
use refcon_encoders::Embeddings;
use refcon_library::{Metric, Neighbour, SearchError, challenge_confidence};
use std::num::NonZeroUsize;

/// Embeddings and what is known of each.
#[derive(Debug, Clone, Copy)]
pub struct LabelledEmbeddings<'a> {
    /// The embeddings.
    pub embeddings: &'a Embeddings,
    /// The class of each.
    pub classes: &'a [String],
    /// The group of near-duplicates that each belongs to: a query is never compared with tiles of its own group. `None`
    /// where all of it may be compared.
    pub groups: Option<&'a [u64]>,
}

/// Why labelled embeddings cannot be ranked.
#[derive(Debug, thiserror::Error)]
pub enum LabelledError {
    /// Not one class or group an embedding.
    #[error("{found} {what} for {embeddings} embeddings; expected one each")]
    Count {
        /// Classes or groups.
        what: &'static str,
        /// How many of them.
        found: usize,
        /// How many embeddings.
        embeddings: usize,
    },
    /// The two sides cannot be compared.
    #[error(transparent)]
    Search(#[from] SearchError),
}

/// A query's whole ranking of a labelled library.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    /// The class of the query.
    pub class: String,
    /// Tiles of the library that it may be compared with, nearest first.
    pub neighbours: Vec<Neighbour>,
    /// Beside them: whether each is of the query's class.
    pub hits: Vec<bool>,
    /// The class of the nearest.
    pub nearest_class: Option<String>,
}

impl Ranking {
    /// How many of the tiles are of the query's class.
    #[must_use]
    pub fn relevant(&self) -> usize {
        self.hits.iter().filter(|hit| **hit).count()
    }

    /// Distances, nearest first.
    #[must_use]
    pub fn distances(&self) -> Vec<f32> {
        self.neighbours.iter().map(|near| near.distance).collect()
    }

    /// The outcome for metrics. The weighted accuracies are of the challenge's confidence among the three best matches.
    #[must_use]
    pub fn outcome(&self, query: &str) -> Outcome {
        let best: Vec<f32> =
            self.neighbours.iter().take(CHALLENGE_MATCHES).map(|near| near.distance).collect();
        Outcome {
            query: query.to_owned(),
            class: self.class.clone(),
            hits: self.hits.clone(),
            confidences: challenge_confidence(&best).into_iter().map(f64::from).collect(),
            relevant: self.relevant(),
            nearest_class: self.nearest_class.clone(),
        }
    }

    /// The ranking as it would be if the library had no tile of the query's class.
    #[must_use]
    pub fn without_its_class(&self) -> Self {
        let others = self.neighbours.iter().zip(&self.hits).filter(|(_, hit)| !**hit);
        let neighbours: Vec<Neighbour> = others.map(|(near, _)| *near).collect();
        let hits = vec![false; neighbours.len()];
        // The nearest of the others, whose class is not kept here, is no longer known by name.
        Self { class: self.class.clone(), neighbours, hits, nearest_class: None }
    }
}

impl LabelledEmbeddings<'_> {
    /// One class and one group an embedding.
    pub(crate) fn check(&self) -> Result<(), LabelledError> {
        let embeddings = self.embeddings.len();
        let counts = [("classes", Some(self.classes.len())), ("groups", self.groups.map(<[u64]>::len))];
        for (what, found) in counts {
            if let Some(found) = found.filter(|found| *found != embeddings) {
                return Err(LabelledError::Count { what, found, embeddings });
            }
        }
        Ok(())
    }
}

/// Every query's ranking of the whole library, but for tiles of the query's own group where both sides have groups. Equal
/// distances keep the library's order.
///
/// It takes memory for every pair of query and tile: 16 bytes and one for the hit.
///
/// # Errors
/// When classes or groups are not one an embedding, or the two sides come from different encoders.
pub fn rank_labelled(
    queries: LabelledEmbeddings<'_>,
    library: LabelledEmbeddings<'_>,
    metric: Metric,
) -> Result<Vec<Ranking>, LabelledError> {
    queries.check()?;
    library.check()?;
    // Equal names: ties keep the order of the rows.
    let names = vec![""; library.embeddings.len()];
    let found =
        refcon_library::search(queries.embeddings, library.embeddings, &names, NonZeroUsize::MAX, metric)?;
    let rankings = found.into_iter().enumerate().map(|(query, mut neighbours)| {
        if let (Some(own), Some(others)) = (queries.groups, library.groups) {
            neighbours.retain(|near| others[near.row] != own[query]);
        }
        let class = queries.classes[query].clone();
        Ranking {
            hits: neighbours.iter().map(|near| library.classes[near.row] == class).collect(),
            nearest_class: neighbours.first().map(|near| library.classes[near.row].clone()),
            class,
            neighbours,
        }
    });
    Ok(rankings.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use refcon_encoders::EncoderId;

    fn on_a_line(values: &[f32]) -> Embeddings {
        Embeddings::new(EncoderId::new("test", &[]), 1, values.to_vec()).unwrap()
    }

    fn classes(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_query_is_not_compared_with_its_own_group() {
        let embeddings = on_a_line(&[0.0, 0.1, 1.0, 3.0]);
        let classes = classes(&["a", "a", "b", "a"]);
        let tiles =
            LabelledEmbeddings { embeddings: &embeddings, classes: &classes, groups: Some(&[7, 7, 8, 9]) };
        let rankings = rank_labelled(tiles, tiles, Metric::L2).unwrap();
        assert_eq!(rankings[0].neighbours.iter().map(|near| near.row).collect::<Vec<_>>(), [2, 3]);
        assert_eq!((rankings[0].hits.as_slice(), rankings[0].relevant()), ([false, true].as_slice(), 1));
        assert_eq!(rankings[0].nearest_class.as_deref(), Some("b"));
        assert_eq!(rankings[0].without_its_class().distances(), [1.0]);
    }

    #[test]
    fn an_outcome_has_the_originals_confidence_of_the_three_best() {
        let (query, library) = (on_a_line(&[0.0]), on_a_line(&[1.0, 2.0, 4.0, 8.0]));
        let (own, others) = (classes(&["a"]), classes(&["a", "b", "a", "a"]));
        let side = |embeddings, classes| LabelledEmbeddings { embeddings, classes, groups: None };
        let rankings = rank_labelled(side(&query, &own), side(&library, &others), Metric::L2).unwrap();
        let outcome = rankings[0].outcome("q");
        assert_eq!(outcome.confidences, [1.0, 0.75, 0.25]);
        assert_eq!((outcome.hits.len(), outcome.relevant), (4, 3));
    }

    #[test]
    fn a_missing_class_is_refused() {
        let embeddings = on_a_line(&[0.0, 1.0]);
        let classes = classes(&["a"]);
        let tiles = LabelledEmbeddings { embeddings: &embeddings, classes: &classes, groups: None };
        let message = rank_labelled(tiles, tiles, Metric::L2).unwrap_err().to_string();
        assert_eq!(message, "1 classes for 2 embeddings; expected one each");
    }
}
