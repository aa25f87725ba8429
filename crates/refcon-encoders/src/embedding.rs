//! Embeddings and the encoder they belong to.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// What tells one encoder from another: its name and a hash over everything that its embeddings depend on (weights,
/// preprocessing, version of the method).
///
/// Embeddings of different encoders are never compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EncoderId {
    name: String,
    hash: String,
}

impl EncoderId {
    /// An identity from a name for people and the parts that the embeddings depend on, in order.
    #[must_use]
    pub fn new(name: impl Into<String>, parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let hash = hasher.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Self { name: name.into(), hash }
    }

    /// The name for people, such as `texture` or `vit-b16`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first 32 hex digits of a SHA-256.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

impl fmt::Display for EncoderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, &self.hash[..8.min(self.hash.len())])
    }
}

/// Why a set of vectors is no set of embeddings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EmbeddingError {
    /// The values do not divide into vectors.
    #[error("{values} values do not divide into vectors of {dimension}")]
    Shape {
        /// Number of values.
        values: usize,
        /// Length that each vector was said to have.
        dimension: usize,
    },
    /// A vector holds a NaN or an infinity.
    #[error("vector {row} holds {value} at position {column}; an embedding must be finite")]
    NotFinite {
        /// Which vector.
        row: usize,
        /// Which of its components.
        column: usize,
        /// The component, written out.
        value: String,
    },
}

/// Embeddings of one encoder, `[tiles, dimension]` f32, all of them finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    encoder: EncoderId,
    dimension: usize,
    values: Vec<f32>,
}

impl Embeddings {
    /// Embeddings from `values`, `[tiles, dimension]`, vector by vector.
    ///
    /// # Errors
    /// When `dimension` is zero or does not divide the number of values, or a value is NaN or infinite.
    pub fn new(encoder: EncoderId, dimension: usize, values: Vec<f32>) -> Result<Self, EmbeddingError> {
        if dimension == 0 || !values.len().is_multiple_of(dimension) {
            return Err(EmbeddingError::Shape { values: values.len(), dimension });
        }
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            let (row, column) = (at / dimension, at % dimension);
            return Err(EmbeddingError::NotFinite { row, column, value: values[at].to_string() });
        }
        Ok(Self { encoder, dimension, values })
    }

    /// Who made them.
    #[must_use]
    pub fn encoder(&self) -> &EncoderId {
        &self.encoder
    }

    /// Components of one embedding.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// How many embeddings there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len() / self.dimension
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The embedding of tile `row`.
    ///
    /// # Panics
    /// If `row` is not below [`Embeddings::len`].
    #[must_use]
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.dimension..][..self.dimension]
    }

    /// All embeddings, `[tiles, dimension]`, vector by vector.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// All embeddings in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.dimension)
    }

    /// The same embeddings scaled to length 1; a zero vector stays zero.
    #[must_use]
    pub fn normalised(mut self) -> Self {
        self.values.chunks_exact_mut(self.dimension).for_each(scale_to_length_one);
        self
    }
}

/// Scales a vector to length 1; a zero vector stays zero.
pub fn scale_to_length_one(vector: &mut [f32]) {
    // In f64: the square of a large f32 component must not overflow.
    let length = vector.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value = (f64::from(*value) / length) as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> EncoderId {
        EncoderId::new("test", &[b"1"])
    }

    #[test]
    fn identities_differ_where_the_parts_are_cut_differently() {
        assert_ne!(EncoderId::new("e", &[b"ab", b"c"]), EncoderId::new("e", &[b"a", b"bc"]));
        assert_eq!(EncoderId::new("e", &[b"ab"]), EncoderId::new("e", &[b"ab"]));
    }

    #[test]
    fn a_nan_is_refused_with_its_place() {
        let error = Embeddings::new(id(), 2, vec![0.0, 1.0, 2.0, f32::NAN]).unwrap_err();
        assert_eq!(error, EmbeddingError::NotFinite { row: 1, column: 1, value: "NaN".into() });
    }

    #[test]
    fn normalised_vectors_have_length_one_even_where_the_square_overflows_f32() {
        let embeddings = Embeddings::new(id(), 2, vec![3e30, 4e30, 0.0, 0.0]).unwrap().normalised();
        let [x, y] = [embeddings.row(0)[0], embeddings.row(0)[1]];
        assert!((x - 0.6).abs() < 1e-6 && (y - 0.8).abs() < 1e-6, "{x} {y}");
        assert_eq!(embeddings.row(1), [0.0, 0.0]);
    }
}
