//! How well confidences did on queries whose classes are known.

use super::{Accepted, Binning, Calibration, Reliability, area_under_roc, median};
use crate::Ranking;
use refcon_library::challenge_confidence;

/// Confidences held against the truth.
#[derive(Debug, Clone, PartialEq)]
pub struct Assessment {
    /// For the first matches of every query, for more of them, and for whole rankings.
    pub depths: Vec<DepthAssessment>,
    /// How well [`Calibration::match_probability`] tells right nearest matches from those of the same queries when their class is
    /// taken away: area under the ROC curve.
    pub no_match_auroc: Option<f64>,
    /// What the calibration's threshold accepts of the nearest matches of all queries.
    pub accepted: Option<Accepted>,
    /// The same when each query is asked a second time with its class taken away, as for the threshold.
    pub accepted_with_unseen: Option<Accepted>,
}

/// Confidences of the first matches of every query.
#[derive(Debug, Clone, PartialEq)]
pub struct DepthAssessment {
    /// Matches of each query, at most; `None` for whole rankings.
    pub depth: Option<usize>,
    /// Matches of all queries.
    pub matches: usize,
    /// The share of them that are of the query's class.
    pub accuracy: f64,
    /// Of the calibrated confidence.
    pub calibrated: Option<Diagrams>,
    /// Of the challenge's, which compares a query's matches with each other.
    pub challenge: Diagrams,
}

/// Reliability by both kinds of bins.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagrams {
    /// Bins of equal width.
    pub equal_width: Reliability,
    /// Bins of equally many matches.
    pub equal_mass: Reliability,
}

/// Matches that are looked at: the challenge's, a page of them, all.
const DEPTHS: [Option<usize>; 3] = [Some(3), Some(10), None];

impl Assessment {
    /// Of whole rankings; the challenge's confidence alone where there is no calibration.
    #[must_use]
    pub fn of(rankings: &[Ranking], calibration: Option<&Calibration>) -> Self {
        let depths = DEPTHS.into_iter().filter_map(|depth| DepthAssessment::of(rankings, calibration, depth));
        let depths = depths.collect();
        let Some(calibration) = calibration else {
            return Self { depths, no_match_auroc: None, accepted: None, accepted_with_unseen: None };
        };
        let nearest = |ranking: &Ranking| -> Option<f64> {
            let distances = ranking.distances();
            Some(calibration.match_probability(*distances.first()?, median(&distances)))
        };
        let seen: Vec<&Ranking> = rankings.iter().filter(|ranking| ranking.relevant() > 0).collect();
        let mut probabilities: Vec<f64> = seen.iter().filter_map(|ranking| nearest(ranking)).collect();
        let mut right: Vec<bool> = seen.iter().map(|ranking| ranking.hits[0]).collect();
        let accepted = |probabilities: &[f64], right: &[bool]| {
            calibration.threshold.map(|threshold| Accepted::at(threshold.probability, probabilities, right))
        };
        let accepted_alone = accepted(&probabilities, &right);
        probabilities.extend(seen.iter().filter_map(|ranking| nearest(&ranking.without_its_class())));
        right.resize(probabilities.len(), false);
        Self {
            depths,
            no_match_auroc: area_under_roc(&probabilities, &right),
            accepted_with_unseen: accepted(&probabilities, &right),
            accepted: accepted_alone,
        }
    }
}

impl DepthAssessment {
    fn of(rankings: &[Ranking], calibration: Option<&Calibration>, depth: Option<usize>) -> Option<Self> {
        let (mut right, mut challenge, mut calibrated) = (Vec::new(), Vec::new(), Vec::new());
        for ranking in rankings {
            let distances = ranking.distances();
            let shown = depth.unwrap_or(usize::MAX).min(distances.len());
            right.extend(&ranking.hits[..shown]);
            challenge.extend(challenge_confidence(&distances[..shown]).into_iter().map(f64::from));
            if let Some(calibration) = calibration {
                let confidences = calibration.confidences_of_ranking(&distances);
                calibrated.extend(confidences[..shown].iter().copied().map(f64::from));
            }
        }
        let hits = right.iter().filter(|right| **right).count();
        Some(Self {
            depth,
            matches: right.len(),
            accuracy: hits as f64 / right.len() as f64,
            challenge: Diagrams::of(&challenge, &right)?,
            calibrated: Diagrams::of(&calibrated, &right),
        })
    }
}

impl Diagrams {
    fn of(confidences: &[f64], right: &[bool]) -> Option<Self> {
        Some(Self {
            equal_width: Reliability::of(confidences, right, Binning::EqualWidth)?,
            equal_mass: Reliability::of(confidences, right, Binning::EqualMass)?,
        })
    }
}
