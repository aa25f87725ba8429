//! Retrieval metrics of one query.

use crate::Outcome;

/// A measure of one query's ranking, 0..1, higher is better. Over queries it is averaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// The challenge's weighted accuracy in its first reading, `Σ cᵢ·hitᵢ / Σ cᵢ`, over the best three matches (all, where
    /// fewer were submitted).
    WeightedByConfidence,
    /// The challenge's weighted accuracy in its second reading, `(1/k) · Σ cᵢ·hitᵢ`, over the same `k` matches.
    WeightedPerMatch,
    /// Share of hits among the first `k` matches.
    PrecisionAt(usize),
    /// Share of hits among the first `R` matches, where `R` is the number of relevant tiles in the corpus.
    RPrecision,
    /// Average precision: the mean, over all relevant tiles, of the precision at the rank where each was found.
    ///
    /// Manning, Raghavan & Schütze, Introduction to Information Retrieval, 2008, section 8.4.
    AveragePrecision,
    /// Average precision over the first `R` matches: `(1/R) · Σ_{i ≤ R} P(i) · hitᵢ`.
    ///
    /// Musgrave, Belongie & Lim, A Metric Learning Reality Check, ECCV 2020.
    MapAtR,
    /// Share of the relevant tiles that are among the first `k` matches (torchmetrics' `RetrievalRecall`). Where a class has
    /// more than `k` tiles it cannot reach 1.
    RecallAt(usize),
    /// Whether there is a hit among the first `k` matches. Metric learning calls this Recall@k (Jegou, Douze & Schmid, Product
    /// Quantization for Nearest Neighbor Search, 2011).
    HitRateAt(usize),
    /// One over the rank of the first hit.
    ReciprocalRank,
    /// Normalised discounted cumulative gain of the whole ranking: `Σ hitᵢ / log₂(i + 1)` over what a perfect ranking has.
    ///
    /// Järvelin & Kekäläinen, Cumulated gain-based evaluation of IR techniques, 2002.
    Ndcg,
}

/// Matches that the challenge asks for, and scores.
pub(crate) const CHALLENGE_MATCHES: usize = 3;

impl Metric {
    /// All that a score table shows, in its order.
    pub const ALL: [Self; 12] = [
        Self::WeightedByConfidence,
        Self::WeightedPerMatch,
        Self::PrecisionAt(1),
        Self::PrecisionAt(3),
        Self::PrecisionAt(10),
        Self::HitRateAt(3),
        Self::RecallAt(10),
        Self::RPrecision,
        Self::AveragePrecision,
        Self::MapAtR,
        Self::ReciprocalRank,
        Self::Ndcg,
    ];

    /// Its name in a table of means over queries.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::WeightedByConfidence => "weighted accuracy Σc·hit/Σc".into(),
            Self::WeightedPerMatch => "weighted accuracy Σc·hit/k".into(),
            Self::PrecisionAt(k) => format!("P@{k}"),
            Self::RPrecision => "R-precision".into(),
            Self::AveragePrecision => "mAP".into(),
            Self::MapAtR => "MAP@R".into(),
            Self::RecallAt(k) => format!("R@{k}"),
            Self::HitRateAt(k) => format!("hit@{k}"),
            Self::ReciprocalRank => "MRR".into(),
            Self::Ndcg => "nDCG".into(),
        }
    }

    /// Its key in JSON output.
    #[must_use]
    pub fn key(self) -> String {
        match self {
            Self::WeightedByConfidence => "weighted_accuracy_by_confidence".into(),
            Self::WeightedPerMatch => "weighted_accuracy_per_match".into(),
            Self::PrecisionAt(k) => format!("precision_at_{k}"),
            Self::RPrecision => "r_precision".into(),
            Self::AveragePrecision => "mean_average_precision".into(),
            Self::MapAtR => "map_at_r".into(),
            Self::RecallAt(k) => format!("recall_at_{k}"),
            Self::HitRateAt(k) => format!("hit_rate_at_{k}"),
            Self::ReciprocalRank => "mean_reciprocal_rank".into(),
            Self::Ndcg => "ndcg".into(),
        }
    }

    /// Whether it says nothing about a query of a class that the corpus has no tile of. The others call such a query a failure.
    #[must_use]
    pub fn needs_relevant_tiles(self) -> bool {
        match self {
            Self::WeightedByConfidence
            | Self::WeightedPerMatch
            | Self::PrecisionAt(_)
            | Self::HitRateAt(_) => false,
            Self::RPrecision
            | Self::AveragePrecision
            | Self::MapAtR
            | Self::RecallAt(_)
            | Self::ReciprocalRank
            | Self::Ndcg => true,
        }
    }

    /// The measure of one query, or `None` where its list of matches is too short to tell.
    ///
    /// A query without any match, or whose matches all have confidence 0, has a weighted accuracy of 0.
    #[must_use]
    pub fn of(self, outcome: &Outcome) -> Option<f64> {
        let hits = &outcome.hits;
        let best = outcome.confidences.iter().zip(hits).take(CHALLENGE_MATCHES);
        let weighted_hits = best.clone().filter(|(_, hit)| **hit).map(|(confidence, _)| confidence).sum();
        // An empty sum is −0 in Rust; a share is never negative.
        let share = |part: f64, whole: f64| if whole > 0.0 { part.max(0.0) / whole } else { 0.0 };
        match self {
            Self::WeightedByConfidence => {
                Some(share(weighted_hits, best.map(|(confidence, _)| confidence).sum()))
            }
            Self::WeightedPerMatch => Some(share(weighted_hits, best.len() as f64)),
            Self::PrecisionAt(k) => (k > 0 && hits.len() >= k).then(|| share(count(&hits[..k]), k as f64)),
            Self::RPrecision => {
                let relevant = outcome.relevant;
                (relevant > 0 && hits.len() >= relevant)
                    .then(|| share(count(&hits[..relevant]), relevant as f64))
            }
            Self::AveragePrecision => {
                // What comes after the last relevant tile does not matter.
                let found_all = count(hits) as usize == outcome.relevant;
                (outcome.relevant > 0 && found_all).then(|| precision_at_hits(hits) / outcome.relevant as f64)
            }
            Self::MapAtR => {
                let relevant = outcome.relevant;
                (relevant > 0 && hits.len() >= relevant)
                    .then(|| precision_at_hits(&hits[..relevant]) / relevant as f64)
            }
            Self::RecallAt(k) => {
                let known = k > 0 && (hits.len() >= k || count(hits) as usize == outcome.relevant);
                (outcome.relevant > 0 && known)
                    .then(|| share(count(&hits[..k.min(hits.len())]), outcome.relevant as f64))
            }
            Self::HitRateAt(k) => {
                let hit = hits.iter().take(k).any(|hit| *hit);
                (hit || hits.len() >= k).then_some(f64::from(u8::from(hit)))
            }
            Self::ReciprocalRank => {
                let first = hits.iter().position(|hit| *hit)?;
                Some(1.0 / (first + 1) as f64)
            }
            Self::Ndcg => {
                let found_all = count(hits) as usize == outcome.relevant;
                (outcome.relevant > 0 && found_all).then(|| {
                    let gained = hits.iter().enumerate().filter(|(_, hit)| **hit);
                    let best: f64 = (0..outcome.relevant).map(discount).sum();
                    gained.map(|(rank, _)| discount(rank)).sum::<f64>() / best
                })
            }
        }
    }
}

fn count(hits: &[bool]) -> f64 {
    hits.iter().filter(|hit| **hit).count() as f64
}

/// The gain of a hit at `rank`, which counts from 0.
fn discount(rank: usize) -> f64 {
    1.0 / ((rank + 2) as f64).log2()
}

/// The sum, over all hits, of the precision at their rank.
fn precision_at_hits(hits: &[bool]) -> f64 {
    let mut found = 0.0;
    let mut sum = 0.0;
    for (rank, _) in hits.iter().enumerate().filter(|(_, hit)| **hit) {
        found += 1.0;
        sum += found / (rank + 1) as f64;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(hits: &[u8], confidences: &[f64], relevant: usize) -> Outcome {
        Outcome {
            query: "q".into(),
            class: "c".into(),
            hits: hits.iter().map(|&hit| hit == 1).collect(),
            confidences: confidences.to_vec(),
            relevant,
            nearest_class: None,
        }
    }

    #[test]
    fn the_two_readings_of_weighted_accuracy_differ_by_their_denominator() {
        let outcome = outcome(&[1, 0, 1], &[1.0, 0.8, 0.2], 5);
        assert!((Metric::WeightedByConfidence.of(&outcome).unwrap() - 1.2 / 2.0).abs() < 1e-12);
        assert!((Metric::WeightedPerMatch.of(&outcome).unwrap() - 1.2 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn weighted_accuracy_looks_at_the_best_three_of_a_longer_ranking() {
        let ranking = outcome(&[1, 0, 1, 0, 0], &[1.0, 0.8, 0.2, 0.1, 0.0], 5);
        let best = outcome(&[1, 0, 1], &[1.0, 0.8, 0.2], 5);
        for metric in [Metric::WeightedByConfidence, Metric::WeightedPerMatch] {
            assert_eq!(metric.of(&ranking), metric.of(&best));
        }
    }

    #[test]
    fn average_precision_is_the_textbooks() {
        // Hits at ranks 1, 3 and 6: (1/1 + 2/3 + 3/6) / 3.
        let outcome = outcome(&[1, 0, 1, 0, 0, 1, 0], &[0.0; 7], 3);
        let expected = (1.0 + 2.0 / 3.0 + 0.5) / 3.0;
        assert!((Metric::AveragePrecision.of(&outcome).unwrap() - expected).abs() < 1e-12);
        // Over the first three: (1/1 + 2/3) / 3.
        assert!((Metric::MapAtR.of(&outcome).unwrap() - (5.0 / 3.0) / 3.0).abs() < 1e-12);
        assert!((Metric::RPrecision.of(&outcome).unwrap() - 2.0 / 3.0).abs() < 1e-12);
        assert!((Metric::PrecisionAt(3).of(&outcome).unwrap() - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn a_list_too_short_to_tell_gives_no_number() {
        let short = outcome(&[1, 1, 0], &[1.0; 3], 5);
        assert_eq!(Metric::PrecisionAt(10).of(&short), None);
        assert_eq!(Metric::RPrecision.of(&short), None);
        assert_eq!(Metric::AveragePrecision.of(&short), None);
        assert_eq!(Metric::MapAtR.of(&short), None);
        assert_eq!(Metric::PrecisionAt(3).of(&short), Some(2.0 / 3.0));
        let whole = outcome(&[1, 1, 0], &[1.0; 3], 2);
        assert_eq!(Metric::AveragePrecision.of(&whole), Some(1.0));
    }

    #[test]
    fn no_hit_is_a_plain_zero() {
        let missed = Metric::WeightedPerMatch.of(&outcome(&[0, 0], &[1.0, 0.5], 2)).unwrap();
        assert_eq!(format!("{missed:.3}"), "0.000");
    }

    #[test]
    fn no_matches_or_no_confidence_score_zero() {
        assert_eq!(Metric::WeightedByConfidence.of(&outcome(&[], &[], 2)), Some(0.0));
        assert_eq!(Metric::WeightedByConfidence.of(&outcome(&[1], &[0.0], 2)), Some(0.0));
    }
}
