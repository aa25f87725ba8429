//! Confidences of a library's searches.

use super::{Calibration, MismatchError, background_rows, median};
use refcon_encoders::scale_to_length_one;
use refcon_library::retrieval::feedback::{Answers, FeedbackError, Method};
use refcon_library::{EncodedTiles, Metric, RowSet};

/// A calibration and one query's background in a library.
#[derive(Debug, Clone, Copy)]
pub struct QueryCalibration<'a> {
    calibration: &'a Calibration,
    background: f32,
}

/// Why a search has no calibrated confidences.
#[derive(Debug, thiserror::Error)]
pub enum NotCalibrated {
    /// The calibration belongs to another encoder or metric.
    #[error(transparent)]
    Mismatch(#[from] MismatchError),
    /// There is nothing to search for.
    #[error(transparent)]
    Feedback(#[from] FeedbackError),
    /// The answers are more than a query.
    #[error(
        "a calibration holds for distances to one tile, box or image, not for those to a vector made of several tiles"
    )]
    Several,
    /// The library, or the query, is unlike what the calibration was fitted on.
    #[error(
        "the query's median distance to the tiles that are looked at is {background:.3}; among those that the calibration was fitted on \
         such distances were {least:.3} to {greatest:.3}, so its probabilities would be wrong here. Look at one survey only (a filter), or \
         fit a calibration on tiles of all of them"
    )]
    Unlike {
        /// The query's.
        background: f32,
        /// The fit's least.
        least: f32,
        /// The fit's greatest.
        greatest: f32,
    },
}

/// No cosine distance is greater.
const FARTHEST: f32 = 2.0;

impl<'a> QueryCalibration<'a> {
    /// For a search of `rows` of a library by the cosine distance. The background is taken from at most 1024 of the rows, evenly spread.
    ///
    /// # Errors
    /// When the calibration says nothing of such a search.
    pub fn new(
        calibration: &'a Calibration,
        answers: &Answers,
        tiles: &EncodedTiles,
        rows: &RowSet,
    ) -> Result<Self, NotCalibrated> {
        calibration.check(tiles.encoder(), Metric::Cosine)?;
        let (query, method) = answers.query_vector()?;
        if method != Method::Query {
            return Err(NotCalibrated::Several);
        }
        let mut distances: Vec<f32> = rows
            .iter()
            .step_by(background_rows(rows.count()))
            .map(|row| {
                let mut tile = tiles.embedding(row);
                scale_to_length_one(&mut tile);
                1.0 - tile.iter().zip(&query).map(|(a, b)| a * b).sum::<f32>()
            })
            .collect();
        distances.sort_unstable_by(f32::total_cmp);
        let background = median(&distances);
        if calibration.knows(background) {
            return Ok(Self { calibration, background });
        }
        let [least, greatest] = calibration.backgrounds;
        Err(NotCalibrated::Unlike { background, least, greatest })
    }

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
