//! Calibrated confidence: the probability that a match is of the query's class, from its distance.
//!
//! ```text
//! labelled tiles ─ rank, near-duplicates left out ─ pairs (distance, same class?) ─ fit → Calibration
//! distances of a query's matches ─ Calibration::confidences → probabilities
//! ```
//!
//! A distance is turned into a *score*, the log-odds of a logistic regression on `−ln d` and, in one of its two forms, on
//! `ln (b/d)`, where `b` is the query's *background*: its median distance to the library. The score is turned into a
//! probability by the logistic function (Platt scaling) or by isotonic regression. Which of the four is used is decided by
//! cross-validated log loss. A background is what speaker recognition calls a cohort (Auckenthaler, Carey & Lloyd-Thomas,
//! Score Normalization for Text-Independent Speaker Verification Systems, 2000): some queries are near to everything.

mod assessment;
mod detection;
mod file;
mod fit;
mod in_library;
mod isotonic;
mod logistic;
mod reliability;

pub use assessment::{Assessment, DepthAssessment, Diagrams};
pub use detection::{Accepted, PrecisionThreshold, area_under_roc, wilson_interval};
pub use file::CalibrationFileError;
pub use fit::{FitError, fit_calibration};
pub use in_library::{NotCalibrated, QueryCalibration};
pub use isotonic::Isotonic;
pub use logistic::{Logistic, sigmoid};
pub use reliability::{BINS, Binning, Reliability, ReliabilityBin};

use refcon_encoders::{Embeddings, EncoderId};
use refcon_library::{Metric, SearchError, search};
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;

/// From the distances of a query's matches to the probabilities that they are of its class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The encoder whose distances it understands.
    pub encoder: EncoderId,
    /// The distance, of embeddings scaled to length 1.
    pub metric: Metric,
    /// From features of a distance to log-odds.
    score: Logistic,
    /// From the score to a probability, instead of the logistic function.
    curve: Option<Isotonic>,
    /// The least and the greatest background of the queries that it was fitted on.
    backgrounds: [f32; 2],
    /// Probabilities that so many pairs cannot tell from 0 and 1 are not claimed.
    bounds: [f64; 2],
    /// From the score of a query's nearest match to the log-odds that it is right, where half of all queries are of classes that
    /// the library lacks.
    nearest: Logistic,
    /// What it was fitted on, and how well it did on pairs that it had not seen.
    pub fit: FitRecord,
    /// The [`Calibration::match_probability`] from which on nearest matches are right often enough; `None` where none is.
    pub threshold: Option<PrecisionThreshold>,
}

/// How a calibration came to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FitRecord {
    /// Queries of the fit.
    pub queries: usize,
    /// Queries left out of it, since no tile outside their group of near-duplicates is of their class.
    pub queries_left_out: usize,
    /// Pairs of a query and a tile.
    pub pairs: usize,
    /// The share of the pairs that are of one class.
    pub same_class: f64,
    /// Which form was chosen.
    pub chosen: Form,
    /// Cross-validated log loss of each form, in nats a pair.
    pub log_loss: Vec<(Form, f64)>,
    /// How well [`Calibration::match_probability`] tells right nearest matches from those of queries whose class was taken away
    /// (and from wrong ones): area under the ROC curve, cross-validated.
    pub no_match_auroc: Option<f64>,
}

/// The forms that a calibration may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Platt scaling of the distance.
    Logistic,
    /// Isotonic regression on the distance.
    Isotonic,
    /// Platt scaling of the distance and of its relation to the query's background.
    LogisticWithBackground,
    /// Isotonic regression on the score of the form before.
    IsotonicWithBackground,
}

impl Form {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Logistic, Self::Isotonic, Self::LogisticWithBackground, Self::IsotonicWithBackground];

    /// Its name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Logistic => "logistic",
            Self::Isotonic => "isotonic",
            Self::LogisticWithBackground => "logistic, with background",
            Self::IsotonicWithBackground => "isotonic, with background",
        }
    }

    fn uses_background(self) -> bool {
        matches!(self, Self::LogisticWithBackground | Self::IsotonicWithBackground)
    }

    fn is_isotonic(self) -> bool {
        matches!(self, Self::Isotonic | Self::IsotonicWithBackground)
    }
}

/// Why a calibration does not apply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MismatchError {
    /// It belongs to another encoder.
    #[error(
        "the calibration belongs to the encoder {calibration} and the tiles were embedded by {tiles}; \
         fit one for this encoder with `refcon evaluate --train`"
    )]
    Encoder {
        /// The calibration's.
        calibration: EncoderId,
        /// The tiles'.
        tiles: EncoderId,
    },
    /// It belongs to another distance.
    #[error(
        "the calibration belongs to the metric {calibration} and the search uses {search}; ask for --metric {calibration}"
    )]
    Metric {
        /// The calibration's.
        calibration: &'static str,
        /// The search's.
        search: &'static str,
    },
}

impl Calibration {
    /// Says whether it applies to distances of `metric` between embeddings of `encoder`.
    ///
    /// # Errors
    /// When it belongs to another encoder or metric.
    pub fn check(&self, encoder: &EncoderId, metric: Metric) -> Result<(), MismatchError> {
        if self.encoder != *encoder {
            return Err(MismatchError::Encoder { calibration: self.encoder.clone(), tiles: encoder.clone() });
        }
        if self.metric != metric {
            return Err(MismatchError::Metric {
                calibration: metric_name(self.metric),
                search: metric_name(metric),
            });
        }
        Ok(())
    }

    /// Whether a query with this background is like those of the fit. A library that holds other kinds of tiles too has a background of
    /// its own, and distances mean something else beside it: confidences would be far off.
    #[must_use]
    pub fn knows(&self, background: f32) -> bool {
        let [least, greatest] = self.backgrounds;
        (least * (1.0 - BACKGROUND_SLACK)..=greatest * (1.0 + BACKGROUND_SLACK)).contains(&background)
    }

    /// For each of `distances`, of one query's matches: the probability that the match is of the query's class. It never
    /// rises with the distance. `background` is the query's median distance to the library, see [`background_distances`].
    #[must_use]
    pub fn confidences(&self, distances: &[f32], background: f32) -> Vec<f32> {
        let confidence = |&distance| {
            let features = features(distance, background);
            probability(&self.score, self.curve.as_ref(), self.bounds, &features) as f32
        };
        distances.iter().map(confidence).collect()
    }

    /// The probability that a query's nearest match, at `distance`, is of its class, where half of all queries are of classes that
    /// the library lacks: it tells queries without any match. A confidence takes for granted that there are matches.
    #[must_use]
    pub fn match_probability(&self, distance: f32, background: f32) -> f64 {
        sigmoid(self.nearest.score(&[self.score.score(&features(distance, background))]))
    }

    /// Whether [`Calibration::match_probability`] of the nearest match falls short of the threshold; without a threshold never.
    #[must_use]
    pub fn has_no_match(&self, nearest: f32, background: f32) -> bool {
        self.threshold.is_some_and(|least| self.match_probability(nearest, background) < least.probability)
    }

    /// [`Calibration::confidences`] of a whole ranking, whose own median is the background.
    #[must_use]
    pub fn confidences_of_ranking(&self, distances: &[f32]) -> Vec<f32> {
        self.confidences(distances, median(distances))
    }
}

/// The probability of a pair with these features; a score of fewer weights leaves the last features out.
fn probability(score: &Logistic, curve: Option<&Isotonic>, bounds: [f64; 2], features: &[f64; 2]) -> f64 {
    let score = score.score(features);
    curve.map_or_else(|| sigmoid(score), |curve| curve.of(score)).clamp(bounds[0], bounds[1])
}

/// Distances below this are as good as none: rounding of f32 embeddings.
const SMALLEST_DISTANCE: f32 = 1e-6;

/// `−ln d` and `ln (b/d)`.
fn features(distance: f32, background: f32) -> [f64; 2] {
    let log = |distance: f32| f64::from(distance.max(SMALLEST_DISTANCE)).ln();
    [-log(distance), log(background) - log(distance)]
}

/// How far, as a share, a background may lie outside of those of the fit.
const BACKGROUND_SLACK: f32 = 0.1;

/// Tiles of the library that a background is taken from, at most.
const BACKGROUND_TILES: usize = 1024;

/// For every query its background: the median of its distances to the library, or to at most 1024 of its tiles, evenly
/// spread over its rows. 0 for an empty library.
///
/// # Errors
/// When the two sides come from different encoders.
pub fn background_distances(
    queries: &Embeddings,
    library: &Embeddings,
    metric: Metric,
) -> Result<Vec<f32>, SearchError> {
    let values = library.rows().step_by(background_rows(library.len())).flatten().copied().collect();
    let sample = Embeddings::new(library.encoder().clone(), library.dimension(), values)
        .unwrap_or_else(|_| unreachable!("rows of embeddings are embeddings"));
    let found = search(queries, &sample, &vec![""; sample.len()], NonZeroUsize::MAX, metric)?;
    Ok(found.iter().map(|near| median(&near.iter().map(|near| near.distance).collect::<Vec<_>>())).collect())
}

/// Of so many rows every how many-th is part of the background.
fn background_rows(rows: usize) -> usize {
    rows.div_ceil(BACKGROUND_TILES).max(1)
}

/// The upper median of ascending distances; 0 where there are none.
fn median(distances: &[f32]) -> f32 {
    distances.get(distances.len() / 2).copied().unwrap_or(0.0)
}

/// As the command line spells it.
fn metric_name(metric: Metric) -> &'static str {
    match metric {
        Metric::Cosine => "cosine",
        Metric::L2 => "l2",
        Metric::InnerProduct => "inner-product",
    }
}
