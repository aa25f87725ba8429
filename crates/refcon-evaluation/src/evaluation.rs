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
    /// Queries of a class that the corpus has no tile of: not counted by metrics that are undefined for them
    /// ([`Metric::needs_relevant_tiles`]), failures to the others.
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

impl Evaluation {
    /// The mean over all queries; `None` where some query's list of matches is too short to tell, or `metric` is not one of
    /// [`Metric::ALL`].
    #[must_use]
    pub fn of(&self, metric: Metric) -> Option<Estimate> {
        at(&self.overall, metric)
    }
}

impl ClassEstimates {
    /// As [`Evaluation::of`], over the queries of the class.
    #[must_use]
    pub fn of(&self, metric: Metric) -> Option<Estimate> {
        at(&self.estimates, metric)
    }
}

/// The estimate of `metric` among one for each of [`Metric::ALL`].
fn at(estimates: &[Option<Estimate>], metric: Metric) -> Option<Estimate> {
    let at = Metric::ALL.iter().position(|known| *known == metric)?;
    *estimates.get(at)?
}

/// The mean of `metric` over `outcomes`, without its interval: what a validation while training needs, any number of times.
///
/// `None` where it is undefined for every query, or some query's list of matches is too short to tell.
#[must_use]
pub fn mean_over_queries(metric: Metric, outcomes: &[Outcome]) -> Option<f64> {
    let values = values(metric, &mut outcomes.iter())?;
    (!values.is_empty()).then(|| mean(&values))
}

/// The mean of group means of `metric`; `None` where a query's list is too short for it.
fn estimate(metric: Metric, groups: &[Vec<&Outcome>]) -> Option<Estimate> {
    let groups = groups.iter().map(|group| values(metric, &mut group.iter().copied()));
    let mut groups = groups.collect::<Option<Vec<Vec<f64>>>>()?;
    groups.retain(|group| !group.is_empty());
    if groups.is_empty() {
        return None;
    }
    let means: Vec<f64> = groups.iter().map(|group| mean(group)).collect();
    Some(Estimate { mean: mean(&means), interval: bootstrap::interval(&groups) })
}

/// `metric` of every outcome that it is defined for.
fn values(metric: Metric, outcomes: &mut dyn Iterator<Item = &Outcome>) -> Option<Vec<f64>> {
    outcomes
        .filter(|outcome| outcome.relevant > 0 || !metric.needs_relevant_tiles())
        .map(|outcome| metric.of(outcome))
        .collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(class: &str, hits: &[bool], relevant: usize) -> Outcome {
        let confidences = vec![1.0; hits.len()];
        Outcome {
            query: "q".into(),
            class: class.into(),
            hits: hits.to_vec(),
            confidences,
            relevant,
            nearest_class: None,
        }
    }

    fn mean_of(estimates: &[Option<Estimate>], metric: Metric) -> Option<f64> {
        let at = Metric::ALL.iter().position(|m| *m == metric).unwrap();
        estimates[at].map(|estimate| estimate.mean)
    }

    #[test]
    fn the_macro_average_counts_a_rare_class_as_much_as_a_common_one() {
        let mut outcomes = vec![outcome("common", &[true], 1); 9];
        outcomes.push(outcome("rare", &[false], 1));
        let evaluation = evaluate(&outcomes);
        assert_eq!(mean_of(&evaluation.overall, Metric::PrecisionAt(1)), Some(0.9));
        assert_eq!(mean_of(&evaluation.macro_average, Metric::PrecisionAt(1)), Some(0.5));
        assert_eq!(evaluation.classes[1].class, "rare");
    }

    #[test]
    fn one_short_list_makes_a_metric_unknown_rather_than_wrong() {
        let outcomes = [outcome("a", &[true; 10], 4), outcome("a", &[true; 3], 4)];
        let evaluation = evaluate(&outcomes);
        assert_eq!(mean_of(&evaluation.overall, Metric::PrecisionAt(10)), None);
        assert_eq!(mean_of(&evaluation.overall, Metric::PrecisionAt(3)), Some(1.0));
        assert_eq!(evaluation.shortest_list, 3);
    }

    #[test]
    fn a_query_of_a_class_that_the_corpus_lacks_counts_where_that_means_something() {
        let outcomes = [outcome("here", &[true], 1), outcome("absent", &[false], 0)];
        let evaluation = evaluate(&outcomes);
        assert_eq!(evaluation.without_relevant, 1);
        assert_eq!(mean_of(&evaluation.overall, Metric::PrecisionAt(1)), Some(0.5));
        assert_eq!(mean_of(&evaluation.overall, Metric::AveragePrecision), Some(1.0));
    }

    #[test]
    fn the_mean_alone_is_the_evaluations() {
        let outcomes = [outcome("a", &[true, false, true], 2), outcome("absent", &[false; 3], 0)];
        let evaluation = evaluate(&outcomes);
        for metric in Metric::ALL {
            let mean = evaluation.of(metric).map(|estimate| estimate.mean);
            assert_eq!(mean_over_queries(metric, &outcomes), mean, "{metric:?}");
        }
    }

    #[test]
    fn nothing_to_evaluate_gives_no_estimate() {
        assert!(evaluate(&[]).overall.iter().all(Option::is_none));
    }
}
