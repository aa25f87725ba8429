//! Feedback: from tiles that a person likes and dislikes to one query vector.
//!
//! | answers | method | vector |
//! |---|---|---|
//! | fewer than [`ANSWERS_FOR_A_MODEL`], or all of one kind | [`Means`](Method::Means) | mean of query and liked tiles, minus half the mean of the disliked |
//! | more, of both kinds | [`LinearModel`](Method::LinearModel) | weights of a logistic regression of like against dislike, drawn towards the vector above |
//!
//! Embeddings are scaled to length 1 first, and so is the vector: ranked by cosine distance, the tiles come in the order of its
//! inner product with them, which is what both methods rank by. So feedback needs no search of its own.
//!
//! # Where the numbers come from
//!
//! An interpreter who answers the ten best of each round truthfully, on the tiles of six synthetic surveys (eight classes, texture
//! descriptor); mean average precision of the tiles not yet answered, in the queries that were answered both ways:
//!
//! | answers | query alone | Rocchio, 1 : 0.75 : 0.15 | means | regression towards 0 | regression as here |
//! |---|---|---|---|---|---|
//! | 10 | 0.302 | 0.411 | 0.549 | 0.341 | 0.548 |
//! | 20 | 0.205 | 0.295 | 0.569 | 0.424 | 0.596 |
//! | 30 | 0.141 | 0.182 | 0.418 | 0.468 | 0.543 |
//! | 40 | 0.085 | 0.172 | 0.383 | 0.548 | 0.553 |
//!
//! The methods were compared on the same answers, outside this repository. An interpreter who goes on from the rankings of this program
//! comes to 0.548, 0.609, 0.538 and 0.526 (`cargo run --release -p refcon-evaluation --example second_look`).
//!
//! A regression alone does not know with ten answers that the tiles should look like the query; means alone stop learning. Every share
//! and penalty near those chosen gives much the same.

mod logistic;

use logistic::Example;

/// Answers, likes and dislikes together, from which on a linear model is fitted.
pub const ANSWERS_FOR_A_MODEL: usize = 10;

/// Share of the disliked tiles' mean that is taken away from the mean of the query and the liked ones.
///
/// Rocchio's method (*Relevance feedback in information retrieval*, 1971), with the query as one liked tile among the others.
const DISLIKED_SHARE: f64 = 0.5;

/// Length of the vector towards which the linear model is drawn.
const PRIOR_LENGTH: f64 = 10.0;

/// How answers became a vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The query alone.
    Query,
    /// Means of the liked and of the disliked.
    Means,
    /// Logistic regression with an L2 penalty on what sets it apart from the means.
    LinearModel,
}

/// What a person showed and answered, as embeddings of one encoder.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answers {
    /// Embedding of the query that was drawn or uploaded, where there is one.
    pub query: Option<Vec<f32>>,
    /// Embeddings of tiles that show what is sought.
    pub liked: Vec<Vec<f32>>,
    /// Embeddings of tiles that do not.
    pub disliked: Vec<Vec<f32>>,
}

/// Why there is no query vector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeedbackError {
    /// Nothing says what to look for.
    #[error("nothing says what to look for: give a query or at least one tile that you like")]
    NothingLiked,
    /// The answers leave no direction.
    #[error(
        "the answers cancel each other out: what you like and what you do not leaves no direction to look in"
    )]
    Cancelled,
    /// Embeddings of different lengths.
    #[error(
        "embeddings of {found} and of {expected} components cannot be put together; they must come from one encoder"
    )]
    Dimension {
        /// Components of the first embedding.
        expected: usize,
        /// Components of the one that differs.
        found: usize,
    },
}

impl Answers {
    /// The vector to search by, of length 1, and how it was found. Depends on the answers alone, not on the order of their tiles
    /// beyond rounding.
    ///
    /// # Errors
    /// When nothing is liked, the answers cancel each other out, or embeddings differ in length.
    pub fn query_vector(&self) -> Result<(Vec<f32>, Method), FeedbackError> {
        let first = self.query.iter().chain(&self.liked).next().ok_or(FeedbackError::NothingLiked)?;
        let expected = first.len();
        let all = || self.query.iter().chain(&self.liked).chain(&self.disliked);
        if let Some(other) = all().find(|embedding| embedding.len() != expected) {
            return Err(FeedbackError::Dimension { expected, found: other.len() });
        }
        let answers = self.liked.len() + self.disliked.len();
        let (vector, method) = if answers == 0 {
            (unit(first), Method::Query)
        } else {
            let means = scaled(self.means(expected)).ok_or(FeedbackError::Cancelled)?;
            if answers >= ANSWERS_FOR_A_MODEL && !self.disliked.is_empty() {
                (self.linear_model(means), Method::LinearModel)
            } else {
                (means, Method::Means)
            }
        };
        // A query of zeros stays one: it is as far from everything.
        let vector = scaled(vector).unwrap_or_else(|| vec![0.0; expected]);
        Ok((vector.iter().map(|&value| value as f32).collect(), method))
    }

    fn means(&self, dimension: usize) -> Vec<f64> {
        let mut vector = vec![0.0; dimension];
        let mut add = |share: f64, embedding: &Vec<f32>| {
            vector.iter_mut().zip(unit(embedding)).for_each(|(sum, value)| *sum += share * value);
        };
        let liked = self.query.iter().count() + self.liked.len();
        self.query.iter().chain(&self.liked).for_each(|embedding| add(1.0 / liked as f64, embedding));
        let disliked = DISLIKED_SHARE / self.disliked.len().max(1) as f64;
        self.disliked.iter().for_each(|embedding| add(-disliked, embedding));
        vector
    }

    /// The query counts as a tile that is liked.
    fn linear_model(&self, means: Vec<f64>) -> Vec<f64> {
        let liked = self.query.iter().chain(&self.liked).map(|embedding| (embedding, true));
        let disliked = self.disliked.iter().map(|embedding| (embedding, false));
        let examples: Vec<Example> = liked
            .chain(disliked)
            .map(|(embedding, liked)| Example { embedding: unit(embedding), liked })
            .collect();
        let prior: Vec<f64> = means.into_iter().map(|value| PRIOR_LENGTH * value).collect();
        logistic::fit(&examples, &prior)
    }
}

/// The vector at length 1, or `None` where it has none but by rounding.
fn scaled(vector: Vec<f64>) -> Option<Vec<f64>> {
    let length = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
    (length > LEAST_LENGTH).then(|| vector.into_iter().map(|value| value / length).collect())
}

/// What is left of means of unit vectors in f32 when they cancel.
const LEAST_LENGTH: f64 = 1e-6;

/// The embedding scaled to length 1; zeros stay zeros.
fn unit(embedding: &[f32]) -> Vec<f64> {
    let length = embedding.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
    let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
    embedding.iter().map(|&value| f64::from(value) * scale).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn vectors(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Vec<f32>>> {
        prop::collection::vec(prop::collection::vec(-1.0f32..1.0, 6), count)
    }

    fn dot(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    proptest! {
        #[test]
        fn the_vector_has_length_one_and_does_not_depend_on_the_order_of_the_answers(
            liked in vectors(1..12), disliked in vectors(0..12), query in prop::option::of(prop::collection::vec(-1.0f32..1.0, 6)),
        ) {
            let answers = Answers { query, liked, disliked };
            let Ok((vector, method)) = answers.query_vector() else { return Ok(()) };
            prop_assert!((dot(&vector, &vector) - 1.0).abs() < 1e-5);
            let mut turned = answers.clone();
            turned.liked.reverse();
            turned.disliked.reverse();
            let (other, same) = turned.query_vector().unwrap();
            prop_assert_eq!(method, same);
            for (a, b) in vector.iter().zip(&other) {
                prop_assert!((a - b).abs() < 1e-4, "{} {}", a, b);
            }
        }

        #[test]
        fn a_model_ranks_liked_tiles_before_disliked_ones_where_a_plane_parts_them(
            liked in vectors(5..15), disliked in vectors(5..15),
        ) {
            let part = |mut embeddings: Vec<Vec<f32>>, side: f32| {
                embeddings.iter_mut().for_each(|embedding| embedding[0] = side * (0.5 + embedding[0].abs()));
                embeddings
            };
            let answers = Answers { query: None, liked: part(liked, 1.0), disliked: part(disliked, -1.0) };
            let (vector, method) = answers.query_vector().unwrap();
            prop_assert_eq!(method, Method::LinearModel);
            let score = |embedding: &Vec<f32>| dot(&vector, embedding) / dot(embedding, embedding).sqrt();
            let least = answers.liked.iter().map(score).fold(f32::INFINITY, f32::min);
            let most = answers.disliked.iter().map(score).fold(f32::NEG_INFINITY, f32::max);
            prop_assert!(least > most, "{} {}", least, most);
        }
    }

    #[test]
    fn a_query_alone_is_itself_and_one_liked_tile_is_the_tile() {
        let (query, tile) = (vec![3.0, 4.0], vec![0.0, 2.0]);
        let alone = Answers { query: Some(query), ..Answers::default() };
        assert_eq!(alone.query_vector().unwrap(), (vec![0.6, 0.8], Method::Query));
        let liked = Answers { liked: vec![tile], ..Answers::default() };
        assert_eq!(liked.query_vector().unwrap(), (vec![0.0, 1.0], Method::Means));
    }

    #[test]
    fn ten_answers_of_both_kinds_make_a_model_and_fewer_or_one_kind_do_not() {
        let of = |liked: usize, disliked: usize| {
            let answers = Answers {
                query: None,
                liked: vec![vec![1.0, 0.1]; liked],
                disliked: vec![vec![0.1, 1.0]; disliked],
            };
            answers.query_vector().unwrap().1
        };
        assert_eq!((of(5, 4), of(5, 5), of(12, 0)), (Method::Means, Method::LinearModel, Method::Means));
    }

    #[test]
    fn answers_that_say_nothing_are_refused() {
        let nothing = Answers { disliked: vec![vec![1.0, 0.0]], ..Answers::default() };
        assert_eq!(nothing.query_vector(), Err(FeedbackError::NothingLiked));
        let opposite = vec![vec![1.0, 0.0], vec![-1.0, 0.0]];
        let cancelled = Answers { query: None, liked: opposite.clone(), disliked: opposite };
        assert_eq!(cancelled.query_vector(), Err(FeedbackError::Cancelled));
        let mixed = Answers { query: Some(vec![1.0; 3]), liked: vec![vec![1.0; 2]], ..Answers::default() };
        assert_eq!(mixed.query_vector(), Err(FeedbackError::Dimension { expected: 3, found: 2 }));
    }
}
