//! Search among embeddings in memory that have names.

use crate::exact::{self, Corpus, ExactError, Metric, Neighbour, Request, Rows, quantise};
use refcon_encoders::{Embeddings, EncoderId};
use std::num::NonZeroUsize;

/// Why a search could not be done.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// Query and corpus come from different encoders.
    #[error(
        "the queries were embedded by {queries} and the corpus by {corpus}; embed both with one encoder to compare them"
    )]
    OtherEncoder {
        /// The queries' encoder.
        queries: EncoderId,
        /// The corpus's encoder.
        corpus: EncoderId,
    },
    /// Query and corpus claim one encoder and differ in length all the same.
    #[error(
        "query embeddings have {queries} components and the corpus's have {corpus}; expected the same number"
    )]
    OtherDimension {
        /// The queries' dimension.
        queries: usize,
        /// The corpus's dimension.
        corpus: usize,
    },
    /// The names do not match the embeddings.
    #[error("{names} names for {embeddings} embeddings; expected one each")]
    Names {
        /// Number of names.
        names: usize,
        /// Number of embeddings.
        embeddings: usize,
    },
    /// The search itself failed.
    #[error(transparent)]
    Exact(#[from] ExactError),
}

/// Queries from which on coding the corpus is repaid.
const QUERIES_WORTH_CODES: usize = 8;

/// For every query its `k` nearest embeddings of the corpus (all of them, where it holds fewer), nearest first; of equal
/// distances the one with the smaller name comes first.
///
/// The result is that of a full f32 scan, to the bit (see [`exact`]), and does not depend on the number of threads. For
/// [`Metric::Cosine`] both sides are scaled to length 1 first; a zero vector is at distance 1 from everything.
///
/// # Errors
/// When the two sides come from different encoders, or `names` does not hold one name for each of the corpus's embeddings.
pub fn search(
    queries: &Embeddings,
    corpus: &Embeddings,
    names: &[&str],
    k: NonZeroUsize,
    metric: Metric,
) -> Result<Vec<Vec<Neighbour>>, SearchError> {
    if queries.encoder() != corpus.encoder() {
        let (queries, corpus) = (queries.encoder().clone(), corpus.encoder().clone());
        return Err(SearchError::OtherEncoder { queries, corpus });
    }
    if queries.dimension() != corpus.dimension() {
        let (queries, corpus) = (queries.dimension(), corpus.dimension());
        return Err(SearchError::OtherDimension { queries, corpus });
    }
    if names.len() != corpus.len() {
        return Err(SearchError::Names { names: names.len(), embeddings: corpus.len() });
    }
    // In the order of their names, so that ties by row are ties by name.
    let mut by_name: Vec<usize> = (0..names.len()).collect();
    by_name.sort_by_key(|&row| names[row]);
    let dimension = corpus.dimension();
    let values: Vec<f32> = by_name.iter().flat_map(|&row| corpus.row(row)).copied().collect();
    let vectors = Rows::new(dimension, &values);
    let codes = if queries.len() < QUERIES_WORTH_CODES { None } else { Some(quantise(dimension, &values)?) };
    let corpus = match &codes {
        Some(codes) => Corpus::new(dimension, vec![codes.block()], &vectors)?,
        None => Corpus::uncoded(dimension, names.len(), &vectors)?,
    };
    let queries: Vec<f32> = queries.rows().flatten().copied().collect();
    let mut found = exact::nearest(&corpus, &queries, &Request::best(k.get(), metric))?;
    found.iter_mut().flatten().for_each(|neighbour| neighbour.row = by_name[neighbour.row]);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn embeddings(dimension: usize, values: Vec<f32>) -> Embeddings {
        Embeddings::new(EncoderId::new("test", &[]), dimension, values).unwrap()
    }

    fn k(k: usize) -> NonZeroUsize {
        NonZeroUsize::new(k).unwrap()
    }

    fn names(count: usize) -> Vec<String> {
        // Neither in the order of the rows nor all different.
        (0..count).map(|row| format!("tile-{}", (row * 7919) % 97)).collect()
    }

    /// The plain definition: every distance in f64, a full sort.
    fn brute_force(q: &[f32], corpus: &Embeddings, names: &[&str], metric: Metric) -> Vec<(f64, usize)> {
        let norm = |v: &[f32]| v.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        let mut all: Vec<(f64, usize)> = corpus
            .rows()
            .enumerate()
            .map(|(row, c)| {
                let pairs = q.iter().zip(c).map(|(&a, &b)| (f64::from(a), f64::from(b)));
                let distance = match metric {
                    Metric::Cosine => {
                        let norms = norm(q) * norm(c);
                        1.0 - if norms > 0.0 { pairs.map(|(a, b)| a * b).sum::<f64>() / norms } else { 0.0 }
                    }
                    Metric::L2 => pairs.map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt(),
                    Metric::InnerProduct => -pairs.map(|(a, b)| a * b).sum::<f64>(),
                };
                (distance, row)
            })
            .collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then(names[a.1].cmp(names[b.1])).then(a.1.cmp(&b.1)));
        all
    }

    proptest! {
        // Small whole numbers: products and sums are exact in f32, ties are common, and the order has to agree to the last one.
        #[test]
        fn exact_search_equals_brute_force_on_ties(
            dimension in 1usize..40,
            corpus in 1usize..120,
            wanted in 1usize..130,
            seed in 0u64..1000,
        ) {
            let mut state = seed.wrapping_mul(2).wrapping_add(1);
            let mut value = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                ((state >> 60) as i32 % 3 - 1) as f32
            };
            let corpus = embeddings(dimension, (0..dimension * corpus).map(|_| value()).collect());
            let queries = embeddings(dimension, (0..dimension * 11).map(|_| value()).collect());
            let names = names(corpus.len());
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let found = search(&queries, &corpus, &names, k(wanted), Metric::L2).unwrap();
            for (query, found) in queries.rows().zip(&found) {
                let expected = brute_force(query, &corpus, &names, Metric::L2);
                prop_assert_eq!(found.len(), wanted.min(corpus.len()));
                for (found, expected) in found.iter().zip(&expected) {
                    prop_assert_eq!(found.row, expected.1);
                }
            }
            let cosine = search(&queries, &corpus, &names, k(wanted), Metric::Cosine).unwrap();
            for (query, found) in queries.rows().zip(&cosine) {
                let expected = brute_force(query, &corpus, &names, Metric::Cosine);
                for (found, expected) in found.iter().zip(&expected) {
                    prop_assert!((f64::from(found.distance) - expected.0).abs() < 1e-5);
                }
            }
        }
    }

    #[test]
    fn ties_come_in_the_order_of_their_names() {
        let corpus = embeddings(2, [1.0, 0.0].repeat(4));
        let found =
            search(&embeddings(2, vec![2.0, 0.0]), &corpus, &["d", "b", "c", "a"], k(3), Metric::Cosine)
                .unwrap();
        assert_eq!(found[0].iter().map(|n| n.row).collect::<Vec<_>>(), [3, 1, 2]);
        assert_eq!(found[0][0].distance, 0.0);
    }

    /// More than one task scans.
    const MANY_ROWS: usize = 8192;

    #[test]
    fn blocks_of_rows_are_merged_into_one_ranking() {
        let count = 3 * MANY_ROWS + 5;
        let corpus = embeddings(1, (0..count).map(|row| ((row * 7919) % count) as f32).collect());
        let names = vec!["same"; count];
        let found = search(&embeddings(1, vec![-1.0]), &corpus, &names, k(20), Metric::L2).unwrap();
        let distances: Vec<f32> = found[0].iter().map(|n| n.distance).collect();
        assert_eq!(distances, (1..=20).map(|d| d as f32).collect::<Vec<_>>());
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let values =
            |count: usize| (0..count).map(|at| ((at * 2_654_435) % 1013) as f32 / 506.5 - 1.0).collect();
        let (queries, corpus) = (embeddings(19, values(19 * 23)), embeddings(19, values(19 * 9000)));
        let names = names(9000);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let with_threads = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| search(&queries, &corpus, &names, k(10), Metric::Cosine).unwrap())
        };
        assert_eq!(with_threads(1), with_threads(4));
    }

    #[test]
    fn embeddings_of_another_encoder_are_refused_by_name() {
        let corpus = Embeddings::new(EncoderId::new("other", &[]), 2, vec![1.0, 0.0]).unwrap();
        let error = search(&embeddings(2, vec![1.0, 0.0]), &corpus, &["a"], k(1), Metric::L2).unwrap_err();
        assert!(
            error.to_string().contains("embedded by test") && error.to_string().contains("corpus by other")
        );
    }
}
