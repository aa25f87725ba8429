//! How far apart two vectors are: the one definition of the f32 distance that all searches answer with.

use refcon_encoders::scale_to_length_one;
use refcon_kernels::scan::{inner_products, squared_distances};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// How far apart two embeddings are. Less is nearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// `1 − a·b`, of embeddings that have been scaled to length 1: 0 for the same direction, 2 for the opposite one.
    Cosine,
    /// Euclidean distance `‖a − b‖`.
    L2,
    /// `−a·b`: the negated inner product of the embeddings as they are.
    #[serde(rename = "inner-product")]
    InnerProduct,
}

/// One embedding found near a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// Its row in the corpus.
    pub row: usize,
    /// Its distance to the query.
    pub distance: f32,
}

impl Metric {
    /// A query as distances are taken from it: scaled to length 1 for the cosine.
    pub(super) fn prepare(self, query: &[f32]) -> Cow<'_, [f32]> {
        match self {
            Metric::Cosine => {
                let mut query = query.to_vec();
                scale_to_length_one(&mut query);
                query.into()
            }
            Metric::L2 | Metric::InnerProduct => query.into(),
        }
    }

    /// Makes `rows`, `[n, dimension]`, what [`Metric::distances`] takes.
    pub(super) fn prepare_rows(self, dimension: usize, rows: &mut [f32]) {
        if self == Metric::Cosine {
            rows.chunks_exact_mut(dimension).for_each(scale_to_length_one);
        }
    }

    /// Distances of `query` to `rows`, `[n, dimension]`, both prepared.
    pub(super) fn distances(self, query: &[f32], rows: &[f32], distances: &mut [f32]) {
        match self {
            Metric::Cosine => {
                inner_products(query, rows, distances);
                // Rounding may take the product of two unit vectors a hair above 1; a distance is never negative.
                distances.iter_mut().for_each(|value| *value = (1.0 - *value).max(0.0));
            }
            Metric::L2 => {
                squared_distances(query, rows, distances);
                distances.iter_mut().for_each(|value| *value = value.sqrt());
            }
            Metric::InnerProduct => {
                inner_products(query, rows, distances);
                // Zero gets one sign, so that equal distances are ties; what overflows to no number is far away.
                let negated = |value: f32| if value.is_nan() { f32::INFINITY } else { 0.0 - value };
                distances.iter_mut().for_each(|value| *value = negated(*value));
            }
        }
    }
}
