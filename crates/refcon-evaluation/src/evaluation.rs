//! Means over queries and over classes.

use crate::bootstrap::{self, Interval};
use crate::{Metric, Outcome};
use std::collections::BTreeMap;

/// A mean and its 95 % bootstrap interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// `None` where there is only one query to go by.
    pub interval: Option<Interval>,
}

/// Estimates of one class, or of all queries together.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassEstimates {
    /// The class.
    pub class: String,
    /// Its queries.
    pub queries: usize,
    /// Its tiles in the corpus.
    pub relevant: usize,
    /// One for each of [`Metric::ALL`]; `None` where some query's list of matches is too short to tell.
    pub estimates: Vec<Option<Estimate>>,
}

/// Every metric over all queries, over classes, and for each class.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Queries that were judged.
    pub queries: usize,
    /// Shortest list of matches that a query has.
    pub shortest_list: usize,
    /// Queries of a class that the corpus has no tile of: they count as failures in the weighted accuracies and P@k, and
    /// not at all in R-precision, mAP and MAP@R, which are undefined for them.
    pub without_relevant: usize,
    /// Means over queries, one for each of [`Metric::ALL`].
    pub overall: Vec<Option<Estimate>>,
    /// Means of the classes' means, one for each of [`Metric::ALL`].
    pub macro_average: Vec<Option<Estimate>>,
    /// Each class, in alphabetical order.
    pub classes: Vec<ClassEstimates>,
}

/// Evaluates the outcomes of all queries; none give an evaluation without estimates.
#[must_use]
pub fn evaluate(outcomes: &[Outcome]) -> Evaluation {
    let mut by_class: BTreeMap<&str, Vec<&Outcome>> = BTreeMap::new();
    for outcome in outcomes {
        by_class.entry(&outcome.class).or_default().push(outcome);
    }
    let all: Vec<&Outcome> = outcomes.iter().collect();
    let classes: Vec<Vec<&Outcome>> = by_class.values().cloned().collect();
    let estimates_of = |groups: &[Vec<&Outcome>]| Metric::ALL.map(|metric| estimate(metric, groups)).to_vec();
    Evaluation {
        queries: outcomes.len(),
        shortest_list: outcomes.iter().map(|outcome| outcome.hits.len()).min().unwrap_or(0),
        without_relevant: outcomes.iter().filter(|outcome| outcome.relevant == 0).count(),
        overall: estimates_of(&[all]),
        macro_average: estimates_of(&classes),
        classes: by_class
            .iter()
            .map(|(class, outcomes)| ClassEstimates {
                class: (*class).to_owned(),
                queries: outcomes.len(),
                relevant: outcomes[0].relevant,
                estimates: estimates_of(std::slice::from_ref(outcomes)),
            })
            .collect(),
    }
}

/// The mean of group means of `metric`; `None` where a query's list is too short for it.
fn estimate(metric: Metric, groups: &[Vec<&Outcome>]) -> Option<Estimate> {
    let undefined_without_relevant =
        matches!(metric, Metric::RPrecision | Metric::AveragePrecision | Metric::MapAtR);
    let mut values = Vec::with_capacity(groups.len());
    for group in groups {
        let counted = group.iter().filter(|outcome| outcome.relevant > 0 || !undefined_without_relevant);
        let group: Vec<f64> = counted.map(|outcome| metric.of(outcome)).collect::<Option<_>>()?;
        if !group.is_empty() {
            values.push(group);
        }
    }
    if values.is_empty() {
        return None;
    }
    let mean_of = |group: &Vec<f64>| group.iter().sum::<f64>() / group.len() as f64;
    let mean = values.iter().map(mean_of).sum::<f64>() / values.len() as f64;
    Some(Estimate { mean, interval: bootstrap::interval(&values) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(class: &str, hits: &[bool], relevant: usize) -> Outcome {
        let confidences = vec![1.0; hits.len()];
        Outcome { query: "q".into(), class: class.into(), hits: hits.to_vec(), confidences, relevant }
    }

    fn mean(estimates: &[Option<Estimate>], metric: Metric) -> Option<f64> {
        let at = Metric::ALL.iter().position(|m| *m == metric).unwrap();
        estimates[at].map(|estimate| estimate.mean)
    }

    #[test]
    fn the_macro_average_counts_a_rare_class_as_much_as_a_common_one() {
        let mut outcomes = vec![outcome("common", &[true], 1); 9];
        outcomes.push(outcome("rare", &[false], 1));
        let evaluation = evaluate(&outcomes);
        assert_eq!(mean(&evaluation.overall, Metric::PrecisionAt(1)), Some(0.9));
        assert_eq!(mean(&evaluation.macro_average, Metric::PrecisionAt(1)), Some(0.5));
        assert_eq!(evaluation.classes[1].class, "rare");
    }

    #[test]
    fn one_short_list_makes_a_metric_unknown_rather_than_wrong() {
        let outcomes = [outcome("a", &[true; 10], 4), outcome("a", &[true; 3], 4)];
        let evaluation = evaluate(&outcomes);
        assert_eq!(mean(&evaluation.overall, Metric::PrecisionAt(10)), None);
        assert_eq!(mean(&evaluation.overall, Metric::PrecisionAt(3)), Some(1.0));
        assert_eq!(evaluation.shortest_list, 3);
    }

    #[test]
    fn a_query_of_a_class_that_the_corpus_lacks_counts_where_that_means_something() {
        let outcomes = [outcome("here", &[true], 1), outcome("absent", &[false], 0)];
        let evaluation = evaluate(&outcomes);
        assert_eq!(evaluation.without_relevant, 1);
        assert_eq!(mean(&evaluation.overall, Metric::PrecisionAt(1)), Some(0.5));
        assert_eq!(mean(&evaluation.overall, Metric::AveragePrecision), Some(1.0));
    }

    #[test]
    fn nothing_to_evaluate_gives_no_estimate() {
        assert!(evaluate(&[]).overall.iter().all(Option::is_none));
    }
}
