//! Confidences of a library's searches.

use super::{Calibration, MismatchError, background_rows, median};
use refcon_encoders::scale_to_length_one;
use refcon_library::retrieval::feedback::{Answers, FeedbackError, Method};
use refcon_library::{EncodedTiles, Metric};

/// A calibration together with the tiles of a library that a query's background is taken from: at most 1024 of them, evenly spread.
#[derive(Debug, Clone)]
pub struct LibraryCalibration {
    calibration: Calibration,
    /// Embeddings of length 1, row by row.
    sample: Vec<f32>,
    dimension: usize,
}

impl LibraryCalibration {
    /// For searches of `tiles` by the cosine distance.
    ///
    /// # Errors
    /// When the calibration belongs to another encoder or metric.
    pub fn new(calibration: Calibration, tiles: &EncodedTiles) -> Result<Self, MismatchError> {
        calibration.check(tiles.encoder(), Metric::Cosine)?;
        let live = tiles.live();
        let mut sample = Vec::new();
        for row in live.iter().step_by(background_rows(live.count())) {
            let mut embedding = tiles.embedding(row);
            scale_to_length_one(&mut embedding);
            sample.extend(embedding);
        }
        Ok(Self { calibration, sample, dimension: tiles.dimension() })
    }

    /// What the calibration says of a search with these answers. `None` where they are more than a query: it was fitted on distances
    /// between tiles, and says nothing of those to a vector that several made.
    ///
    /// # Errors
    /// As [`Answers::query_vector`].
    ///
    /// # Panics
    /// When a query is not as long as the library's embeddings.
    pub fn of_answers(&self, answers: &Answers) -> Result<Option<QueryCalibration<'_>>, FeedbackError> {
        let (vector, method) = answers.query_vector()?;
        Ok((method == Method::Query).then(|| self.of_query(&vector)))
    }

    fn of_query(&self, query: &[f32]) -> QueryCalibration<'_> {
        assert_eq!(query.len(), self.dimension, "components of a query");
        let mut query = query.to_vec();
        scale_to_length_one(&mut query);
        let distance = |tile: &[f32]| 1.0 - tile.iter().zip(&query).map(|(a, b)| a * b).sum::<f32>();
        let mut distances: Vec<f32> = self.sample.chunks_exact(self.dimension).map(distance).collect();
        distances.sort_unstable_by(f32::total_cmp);
        QueryCalibration { calibration: &self.calibration, background: median(&distances) }
    }
}

/// A calibration and one query's background.
#[derive(Debug, Clone, Copy)]
pub struct QueryCalibration<'a> {
    calibration: &'a Calibration,
    background: f32,
}

/// No cosine distance is greater.
const FARTHEST: f32 = 2.0;

impl QueryCalibration<'_> {
    /// For each distance the probability that a match there is of the query's class.
    #[must_use]
    pub fn confidences(&self, distances: &[f32]) -> Vec<f32> {
        self.calibration.confidences(distances, self.background)
    }

    /// The greatest distance that a match may have to be as sure as this, and within a distance that was asked for too. Where no
    /// distance is sure enough it is less than any: not even the same picture is a match.
    #[must_use]
    pub fn within(&self, confidence: f32, within: Option<f32>) -> f32 {
        let sure = self.distance_of(confidence).unwrap_or(f32::NEG_INFINITY);
        within.map_or(sure, |within| within.min(sure))
    }

    /// The greatest distance whose confidence is at least this; `None` where no distance has so much.
    fn distance_of(&self, confidence: f32) -> Option<f32> {
        let reaches = |distance: f32| self.confidences(&[distance])[0] >= confidence;
        if !reaches(0.0) {
            return None;
        }
        if reaches(FARTHEST) {
            return Some(FARTHEST);
        }
        // Floats of one sign are in the order of their bits, and confidences never rise with the distance.
        let (mut near, mut far) = (0.0f32.to_bits(), FARTHEST.to_bits());
        while far - near > 1 {
            let middle = near + (far - near) / 2;
            if reaches(f32::from_bits(middle)) { near = middle } else { far = middle }
        }
        Some(f32::from_bits(near))
    }
}
