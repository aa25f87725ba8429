//! A search: answers to a vector, filters to rows, the exact engine's ranking, a second look where one is wanted, and the choice of
//! matches.

use super::feedback::{Answers, FeedbackError, Method};
use super::filter::{Filter, FilterError};
use super::rerank::{KReciprocal, expanded_query, k_reciprocal};
use super::selection::{Selected, Selection};
use crate::exact::{self, ExactError, Metric, Request};
use crate::{EncodedTiles, LibraryError, Neighbour, RowSet};
use refcon_encoders::scale_to_length_one;

/// What is searched for. Distances are cosine distances, `1 − cosine`.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// What the matches should look like, and what not.
    pub answers: Answers,
    /// Which tiles are looked at.
    pub filter: Filter,
    /// Which of the nearest are matches.
    pub selection: Selection,
    /// Whether the beginning of the ranking is looked at again.
    pub second_look: SecondLook,
}

/// What is done with the beginning of a ranking.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum SecondLook {
    /// Nothing.
    #[default]
    None,
    /// The query becomes the mean of itself and its first matches, which count by the power `alpha` of their cosine; then the
    /// search is done again.
    QueryExpansion {
        /// How many matches.
        matches: usize,
        /// The power.
        alpha: f64,
    },
    /// The first `pool` tiles are ranked anew by whom they have among their neighbours. Distances stay what they are, so they no
    /// longer rise.
    KReciprocal {
        /// How many tiles.
        pool: usize,
        /// The method's parameters.
        settings: KReciprocal,
    },
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The matches, best first.
    pub selected: Selected,
    /// How the answers became a vector.
    pub method: Method,
    /// Tiles of the library.
    pub tiles: usize,
    /// Tiles that passed the filters and were compared.
    pub compared: usize,
}

/// Why a search found nothing out.
#[derive(Debug, thiserror::Error)]
pub enum RetrievalError {
    /// The answers give no vector.
    #[error(transparent)]
    Feedback(#[from] FeedbackError),
    /// No tile can be looked at.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The library cannot be read.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// The vector cannot be compared with the library's.
    #[error(transparent)]
    Exact(#[from] ExactError),
}

/// Searches the tiles of one encoder.
///
/// The outcome is that of ranking all tiles which pass the filters by a full f32 scan, ties by id, and going through that ranking.
///
/// # Errors
/// The answers say nothing, no tile passes the filters, or the library cannot be read.
pub fn search(tiles: &EncodedTiles, search: &Search) -> Result<Found, RetrievalError> {
    let rows = search.filter.rows(tiles)?;
    let corpus = tiles.corpus()?;
    search_rows(tiles, search, &rows, |vector, count| {
        let best = Request::best(count, Metric::Cosine);
        let request = Request { within: search.selection.within, rows: Some(&rows), ..best };
        Ok(exact::nearest(&corpus, vector, &request)?.pop().unwrap_or_default())
    })
}

/// As [`search`], where the rows that pass the filter are known, and the exact ranking is someone else's:
/// `nearest(vector, count)` gives the first `count` of those rows by cosine distance, none beyond
/// [`within`](Selection::within), ties by row. So a server can keep rows by their filter, and rank for several people in one pass.
///
/// # Errors
/// The answers say nothing, the library cannot be read, or those of `nearest`.
pub fn search_rows<E: From<RetrievalError>>(
    tiles: &EncodedTiles,
    search: &Search,
    rows: &RowSet,
    mut nearest: impl FnMut(&[f32], usize) -> Result<Vec<Neighbour>, E>,
) -> Result<Found, E> {
    let (vector, method) = search.answers.query_vector().map_err(RetrievalError::from)?;
    let (compared, selection) = (rows.count(), &search.selection);
    let record = |row| tiles.record(row).map_err(|error| E::from(RetrievalError::from(error)));
    let selected = match search.second_look {
        SecondLook::None => selection.choose(compared, |count| nearest(&vector, count), record)?,
        SecondLook::QueryExpansion { matches, alpha } => {
            let first = Selection { count: matches, ..selection.clone() };
            let first = first.choose(compared, |count| nearest(&vector, count), record)?;
            let first: Vec<Vec<f32>> =
                first.matches.iter().map(|found| unit(tiles.embedding(found.row))).collect();
            let vector = expanded_query(&vector, &first, alpha);
            selection.choose(compared, |count| nearest(&vector, count), record)?
        }
        SecondLook::KReciprocal { pool, settings } => {
            let first = nearest(&vector, pool.min(compared))?;
            let first = ranked_anew(tiles, &vector, &first, settings);
            // Those further away than wanted are no part of the ranking; the others are not in the order of their distances.
            let unordered = Selection { within: None, ..selection.clone() };
            let ranked = |count: usize| {
                if count <= first.len() {
                    return Ok(first[..count].to_vec());
                }
                let mut ranked = nearest(&vector, count)?;
                ranked[..first.len()].copy_from_slice(&first);
                Ok(ranked)
            };
            unordered.choose(compared, ranked, record)?
        }
    };
    Ok(Found { selected, method, tiles: tiles.live().count(), compared })
}

fn ranked_anew(
    tiles: &EncodedTiles,
    vector: &[f32],
    first: &[Neighbour],
    settings: KReciprocal,
) -> Vec<Neighbour> {
    let embeddings: Vec<Vec<f32>> = first.iter().map(|near| unit(tiles.embedding(near.row))).collect();
    let distances = k_reciprocal(vector, &embeddings, settings);
    let mut order: Vec<usize> = (0..first.len()).collect();
    order.sort_by(|&a, &b| distances[a].total_cmp(&distances[b]));
    order.into_iter().map(|index| first[index]).collect()
}

fn unit(mut embedding: Vec<f32>) -> Vec<f32> {
    scale_to_length_one(&mut embedding);
    embedding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TileRecord;
    use crate::retrieval::fixtures::{library, place, tile};
    use crate::retrieval::overlap::{Apart, SamePlace};
    use crate::retrieval::section_box::Numbers;
    use refcon_seismic::Direction;

    fn tiles() -> Vec<TileRecord> {
        let at = |id: usize| place(Direction::Inline, (id / 12) as i32, id % 12 * 20, 0);
        (0..600).map(|id| tile(id as u64, if id % 5 == 0 { "a" } else { "b" }, Some(at(id)))).collect()
    }

    fn like(embedding: Vec<f32>) -> Search {
        Search {
            answers: Answers { query: Some(embedding), ..Answers::default() },
            filter: Filter::default(),
            selection: Selection::nearest(10),
            second_look: SecondLook::None,
        }
    }

    #[test]
    fn a_search_is_the_full_ranking_of_what_passes_its_filters_with_one_match_a_place() {
        let (_folder, stored) = library(&tiles());
        let mut wanted = like(stored.embedding(77));
        wanted.filter.lines = Some(Numbers { from: 3, to: 40 });
        wanted.filter.surveys = vec!["b".into()];
        let rule = SamePlace { overlap: 0.25, apart: Apart::Lines(2) };
        wanted.selection.same_place = Some(rule);
        wanted.selection.excluded.tiles.insert(77);
        let found = search(&stored, &wanted).unwrap();

        let passes = |row: &usize| !row.is_multiple_of(5) && (3..=40).contains(&(row / 12));
        let rows: Vec<usize> = (0..600).filter(passes).collect();
        assert_eq!((found.compared, found.tiles, found.method), (rows.len(), 600, Method::Query));
        // Embeddings repeat every 101 rows, so there are ties.
        let (corpus, vector) = (stored.corpus().unwrap(), unit(stored.embedding(77)));
        let complete = exact::nearest(&corpus, &vector, &Request::best(600, Metric::Cosine)).unwrap();
        let ranking = complete[0].iter().map(|near| near.row).filter(|row| rows.contains(row));
        let mut kept: Vec<usize> = Vec::new();
        let all = tiles();
        let same = |a: usize, b: usize| {
            all[a].survey == all[b].survey
                && rule.holds(all[a].place.as_ref().unwrap(), all[b].place.as_ref().unwrap())
        };
        for row in ranking {
            if row != 77 && kept.len() < 10 && !kept.iter().any(|&kept| same(kept, row)) {
                kept.push(row);
            }
        }
        let matches: Vec<usize> = found.selected.matches.iter().map(|found| found.row).collect();
        assert_eq!(matches, kept);
    }

    #[test]
    fn a_second_look_keeps_to_the_filters_and_to_the_greatest_distance() {
        let (_folder, stored) = library(&tiles());
        let looks = [
            SecondLook::QueryExpansion { matches: 5, alpha: 3.0 },
            SecondLook::KReciprocal { pool: 40, settings: KReciprocal::default() },
        ];
        for second_look in looks {
            let mut wanted = Search { second_look, ..like(stored.embedding(77)) };
            wanted.filter.surveys = vec!["a".into()];
            wanted.selection = Selection { within: Some(0.02), ..Selection::nearest(100) };
            let found = search(&stored, &wanted).unwrap().selected.matches;
            assert!(!found.is_empty() && found.len() < 100, "{}", found.len());
            assert!(found.iter().all(|found| found.tile.survey == "a" && found.distance <= 0.02));
        }
    }

    #[test]
    fn beyond_its_pool_a_second_look_leaves_the_ranking_as_it_is() {
        let (_folder, stored) = library(&tiles());
        let mut wanted = like(stored.embedding(3));
        wanted.selection.count = 60;
        let rows = |wanted: &Search| -> Vec<usize> {
            search(&stored, wanted).unwrap().selected.matches.iter().map(|found| found.row).collect()
        };
        let plain = rows(&wanted);
        wanted.second_look = SecondLook::KReciprocal { pool: 30, settings: KReciprocal::default() };
        let again = rows(&wanted);
        assert_eq!(plain[30..], again[30..]);
        let sorted = |rows: &[usize]| {
            let mut rows = rows.to_vec();
            rows.sort_unstable();
            rows
        };
        assert_eq!(sorted(&plain[..30]), sorted(&again[..30]));
        // All of the ranking may be asked for, and a count below the pool too.
        wanted.selection.count = 7;
        assert_eq!(rows(&wanted), again[..7]);
    }
}
