//! Which class a query's nearest tile is of: retrieval read as classification by the nearest neighbour.

use crate::Outcome;

/// Counts of queries by their own class and the class of their nearest tile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    /// Classes of queries and of nearest tiles, in alphabetical order.
    pub classes: Vec<String>,
    /// `counts[class of the query][class of the nearest tile]`.
    pub counts: Vec<Vec<usize>>,
}

/// How well one class is told from the others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassAgreement {
    /// Of the queries whose nearest tile is of this class, the share that are of it; `None` where there are none.
    pub precision: Option<f64>,
    /// Of the queries of this class, the share whose nearest tile is of it; `None` where there are none.
    pub recall: Option<f64>,
    /// Harmonic mean of the two, 0 where the class is never hit, `None` where it occurs on neither side.
    pub f1: Option<f64>,
}

impl Confusion {
    /// Counts `outcomes`; a query without any match is not counted.
    #[must_use]
    pub fn of(outcomes: &[Outcome]) -> Self {
        let pairs: Vec<(&str, &str)> = outcomes
            .iter()
            .filter_map(|outcome| Some((outcome.class.as_str(), outcome.nearest_class.as_deref()?)))
            .collect();
        let mut classes: Vec<String> =
            pairs.iter().flat_map(|(own, nearest)| [(*own).to_owned(), (*nearest).to_owned()]).collect();
        classes.sort_unstable();
        classes.dedup();
        let mut counts = vec![vec![0; classes.len()]; classes.len()];
        // Every class of a pair is in the list.
        let place = |class: &str| classes.partition_point(|known| known.as_str() < class);
        for (own, nearest) in pairs {
            counts[place(own)][place(nearest)] += 1;
        }
        Self { classes, counts }
    }

    /// Share of queries whose nearest tile is of their class; `None` without queries.
    #[must_use]
    pub fn accuracy(&self) -> Option<f64> {
        let right: usize = (0..self.classes.len()).map(|class| self.counts[class][class]).sum();
        share(right, self.counts.iter().flatten().sum())
    }

    /// Precision, recall and F1 of each class.
    #[must_use]
    pub fn agreements(&self) -> Vec<ClassAgreement> {
        let agreement = |class: usize| {
            let right = self.counts[class][class];
            let own: usize = self.counts[class].iter().sum();
            let nearest: usize = self.counts.iter().map(|row| row[class]).sum();
            ClassAgreement {
                precision: share(right, nearest),
                recall: share(right, own),
                f1: share(2 * right, own + nearest),
            }
        };
        (0..self.classes.len()).map(agreement).collect()
    }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(class: &str, nearest: Option<&str>) -> Outcome {
        Outcome {
            query: "q".into(),
            class: class.into(),
            hits: vec![],
            confidences: vec![],
            relevant: 1,
            nearest_class: nearest.map(str::to_owned),
        }
    }

    #[test]
    fn a_class_that_is_only_found_has_no_recall_and_a_query_without_match_is_not_counted() {
        let confusion = Confusion::of(&[
            outcome("Salt", Some("Salt")),
            outcome("Salt", Some("Fault")),
            outcome("Salt", None),
        ]);
        assert_eq!(confusion.classes, ["Fault", "Salt"]);
        assert_eq!(confusion.counts, [[0, 0], [1, 1]]);
        assert_eq!(confusion.accuracy(), Some(0.5));
        let [fault, salt] = confusion.agreements()[..] else { panic!() };
        assert_eq!((fault.precision, fault.recall, fault.f1), (Some(0.0), None, Some(0.0)));
        assert_eq!((salt.precision, salt.recall, salt.f1), (Some(1.0), Some(0.5), Some(2.0 / 3.0)));
    }

    #[test]
    fn nothing_gives_no_accuracy() {
        assert_eq!(Confusion::of(&[]).accuracy(), None);
    }
}
