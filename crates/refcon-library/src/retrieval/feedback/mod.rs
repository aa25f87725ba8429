//! Feedback: from tiles that a person likes and dislikes to one query vector.
//!
//! | answers | method | vector |
//! |---|---|---|
//! | fewer than [`ANSWERS_FOR_A_MODEL`], or all of one kind | [`Rocchio`](Method::Rocchio) | query and mean of the liked, minus a share of the mean of the disliked |
//! | more, of both kinds | [`LinearModel`](Method::LinearModel) | weights of a logistic regression of like against dislike |
//!
//! Embeddings are scaled to length 1 first, and so is the vector: ranked by cosine distance, the tiles come in the order of its
//! inner product with them, which is what both methods rank by. So feedback needs no search of its own.

mod logistic;

use logistic::Example;

/// Answers, likes and dislikes together, from which on a linear model is fitted.
pub const ANSWERS_FOR_A_MODEL: usize = 10;

/// Share of the disliked tiles' mean that Rocchio's method takes away.
///
/// Rocchio, *Relevance feedback in information retrieval* (1971); the customary shares are 1 for the query, 0.75 for the
/// liked and 0.15 for the disliked (Manning, Raghavan and Schütze, *Introduction to information retrieval*, 9.1.1).
const DISLIKED_SHARE: f64 = 0.15;
/// Share of the query's own vector beside the mean of the liked, whose share is [`LIKED_SHARE`].
const QUERY_SHARE: f64 = 1.0;
const LIKED_SHARE: f64 = 0.75;

/// How answers became a vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The query alone.
    Query,
    /// Query, mean of the liked, mean of the disliked.
    Rocchio,
    /// Logistic regression with an L2 penalty.
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
    #[error("the answers cancel each other out: the tiles you like and those you do not have the same mean")]
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
        } else if answers >= ANSWERS_FOR_A_MODEL && !self.disliked.is_empty() {
            (self.linear_model(), Method::LinearModel)
        } else {
            (self.rocchio(expected), Method::Rocchio)
        };
        let length = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
        // What is left when means cancel is their rounding.
        if length < 1e-6 && method != Method::Query {
            return Err(FeedbackError::Cancelled);
        }
        let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
        Ok((vector.iter().map(|value| (value * scale) as f32).collect(), method))
    }

    fn rocchio(&self, dimension: usize) -> Vec<f64> {
        let mut vector = vec![0.0; dimension];
        let mut add = |share: f64, embeddings: &[Vec<f32>]| {
            for embedding in embeddings {
                let share = share / embeddings.len() as f64;
                vector.iter_mut().zip(unit(embedding)).for_each(|(sum, value)| *sum += share * value);
            }
        };
        add(QUERY_SHARE, self.query.as_slice());
        add(LIKED_SHARE, &self.liked);
        add(-DISLIKED_SHARE, &self.disliked);
        vector
    }

    /// The query counts as a tile that is liked.
    fn linear_model(&self) -> Vec<f64> {
        let liked = self.query.iter().chain(&self.liked).map(|embedding| (embedding, true));
        let disliked = self.disliked.iter().map(|embedding| (embedding, false));
        let examples: Vec<Example> = liked
            .chain(disliked)
            .map(|(embedding, liked)| Example { embedding: unit(embedding), liked })
            .collect();
        logistic::fit(&examples)
    }
}

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
        assert_eq!(liked.query_vector().unwrap(), (vec![0.0, 1.0], Method::Rocchio));
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
        assert_eq!((of(5, 4), of(5, 5), of(12, 0)), (Method::Rocchio, Method::LinearModel, Method::Rocchio));
    }

    #[test]
    fn answers_that_say_nothing_are_refused() {
        let nothing = Answers { disliked: vec![vec![1.0, 0.0]], ..Answers::default() };
        assert_eq!(nothing.query_vector(), Err(FeedbackError::NothingLiked));
        let same = vec![vec![1.0, 0.0]; 6];
        let cancelled = Answers { query: None, liked: same.clone(), disliked: same };
        assert_eq!(cancelled.query_vector(), Err(FeedbackError::Cancelled));
        let mixed = Answers { query: Some(vec![1.0; 3]), liked: vec![vec![1.0; 2]], ..Answers::default() };
        assert_eq!(mixed.query_vector(), Err(FeedbackError::Dimension { expected: 3, found: 2 }));
    }
}
