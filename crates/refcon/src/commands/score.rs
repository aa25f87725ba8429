//! `refcon score`: results against the true classes.

use crate::failure::Failure;
use crate::output::Output;
use clap::Args;
use refcon_evaluation::{Estimate, Evaluation, Gold, JudgeError, Metric, evaluate, judge};
use refcon_library::Submission;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;

/// Score results against the true classes
///
/// Prints both readings of the challenge's weighted accuracy, P@1/3/10, hit@3, R@10, R-precision, mAP, MAP@R, MRR and nDCG:
/// means over queries, the macro average (mean of the classes' means) and each class, with 95 % bootstrap intervals. What a
/// short list of matches cannot tell is left open: mAP needs `refcon predict -k all`. The weighted accuracies look at the best three
/// matches, however many there are; the challenge's confidences of these depend on how many were asked for, so compare results of one -k.
#[derive(Debug, Args)]
pub(crate) struct Score {
    /// Result file of `refcon predict`
    #[arg(value_name = "RESULTS.json")]
    results: PathBuf,

    /// True classes: a CSV with the columns part (`query` or `image_corpus`), file and label
    #[arg(long, value_name = "FILE.csv")]
    gold: PathBuf,
}

impl Score {
    pub(crate) fn run(&self, output: &Output) -> Result<(), Failure> {
        let submission = Submission::read(&self.results).map_err(Failure::input)?;
        let gold = Gold::read(&self.gold).map_err(Failure::input)?;
        let table = ScoreTable::new(&submission, &gold)
            .map_err(|error| Failure::input(format!("{}: {error}", self.results.display())))?;
        output.result(&table.text(), &table.json())
    }
}

/// An evaluation, ready to be told.
pub(crate) struct ScoreTable {
    evaluation: Evaluation,
    /// Queries whose class is known, but of which there is no result.
    unanswered: usize,
}

/// Metrics of the table of classes, with titles for its narrow columns; `--json` has all of them.
const OF_CLASSES: [(Metric, &str); 8] = [
    (Metric::WeightedByConfidence, "Σc·hit/Σc"),
    (Metric::WeightedPerMatch, "Σc·hit/k"),
    (Metric::PrecisionAt(1), "P@1"),
    (Metric::PrecisionAt(3), "P@3"),
    (Metric::PrecisionAt(10), "P@10"),
    (Metric::RPrecision, "R-precision"),
    (Metric::AveragePrecision, "mAP"),
    (Metric::MapAtR, "MAP@R"),
];

impl ScoreTable {
    pub(crate) fn new(submission: &Submission, gold: &Gold) -> Result<Self, JudgeError> {
        let evaluation = evaluate(&judge(submission, gold)?);
        let unanswered = gold.queries.len().saturating_sub(evaluation.queries);
        Ok(Self { unanswered, ..Self::of(evaluation) })
    }

    pub(crate) fn of(evaluation: Evaluation) -> Self {
        Self { evaluation, unanswered: 0 }
    }

    pub(crate) fn evaluation(&self) -> &Evaluation {
        &self.evaluation
    }

    /// Name, mean over queries and its interval, of every metric that is known.
    pub(crate) fn report_rows(&self) -> Vec<(String, String, String)> {
        let rows = Metric::ALL.iter().zip(&self.evaluation.overall);
        rows.filter_map(|(metric, estimate)| {
            estimate.map(|estimate| (metric.name(), format!("{:.3}", estimate.mean), interval(&estimate)))
        })
        .collect()
    }

    pub(crate) fn text(&self) -> String {
        let evaluation = &self.evaluation;
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}\n", counted(evaluation.queries, "query", "queries"));
        let _ = writeln!(text, "{:<28}{:<26}macro over classes", "", "mean, 95 % interval");
        for ((metric, overall), average) in
            Metric::ALL.iter().zip(&evaluation.overall).zip(&evaluation.macro_average)
        {
            let row = format!(
                "{:<28}{:<26}{:<26}",
                metric.name(),
                with_interval(*overall),
                with_interval(*average)
            );
            let _ = writeln!(text, "{}", row.trim_end());
        }
        if self.unanswered > 0 {
            let _ = writeln!(
                text,
                "\n{} of the true classes without a result: not counted",
                counted(self.unanswered, "query", "queries")
            );
        }
        let short = evaluation.overall.iter().any(Option::is_none);
        if short {
            let _ = writeln!(
                text,
                "\n–: cannot be told from lists of {}; `refcon predict -k all` ranks the whole corpus",
                counted(evaluation.shortest_list, "match", "matches")
            );
        }
        if evaluation.without_relevant > 0 {
            let _ = writeln!(
                text,
                "\n{} of a class that the corpus has no tile of: left out of R@k, R-precision, mAP, MAP@R, MRR and nDCG",
                counted(evaluation.without_relevant, "query", "queries")
            );
        }
        text.push('\n');
        self.class_table(&mut text);
        text
    }

    fn class_table(&self, text: &mut String) {
        let row = |cells: Vec<String>| {
            let row: String = cells.iter().map(|cell| format!("{cell:>12}")).collect();
            row.trim_end().to_owned()
        };
        let _ = writeln!(text, "{}", row(OF_CLASSES.map(|(_, title)| title.to_owned()).to_vec()));
        for class in &self.evaluation.classes {
            let queries = counted(class.queries, "query", "queries");
            let corpus = counted(class.relevant, "tile", "tiles");
            let _ = writeln!(text, "{}: {queries}, {corpus} in the corpus", class.class);
            let estimates = OF_CLASSES.map(|(metric, _)| class.of(metric));
            let means = estimates.iter().map(|e| e.map_or("–".into(), |e| format!("{:.3}", e.mean)));
            let _ = writeln!(text, "{}", row(means.collect()));
            let intervals: Vec<String> =
                estimates.iter().map(|e| e.map_or(String::new(), |e| interval(&e))).collect();
            if intervals.iter().any(|interval| !interval.is_empty()) {
                let _ = writeln!(text, "{}", row(intervals));
            }
        }
    }

    pub(crate) fn json(&self) -> Value {
        let evaluation = &self.evaluation;
        let classes: Map<String, Value> = evaluation
            .classes
            .iter()
            .map(|class| {
                let mut value = estimates(&class.estimates);
                value.insert("queries".into(), class.queries.into());
                value.insert("corpus".into(), class.relevant.into());
                (class.class.clone(), value.into())
            })
            .collect();
        json!({
            "queries": evaluation.queries,
            "queries_without_result": self.unanswered,
            "shortest_list": evaluation.shortest_list,
            "queries_without_relevant_tiles": evaluation.without_relevant,
            "overall": estimates(&evaluation.overall),
            "macro": estimates(&evaluation.macro_average),
            "classes": classes,
        })
    }
}

fn estimates(estimates: &[Option<Estimate>]) -> Map<String, Value> {
    let value = |estimate: Estimate| match estimate.interval {
        Some(interval) => json!({"mean": estimate.mean, "low": interval.low, "high": interval.high}),
        None => json!({"mean": estimate.mean, "low": null, "high": null}),
    };
    Metric::ALL
        .iter()
        .zip(estimates)
        .map(|(metric, estimate)| (metric.key(), estimate.map_or(Value::Null, value)))
        .collect()
}

fn with_interval(estimate: Option<Estimate>) -> String {
    estimate.map_or("–".into(), |estimate| format!("{:.3}  {}", estimate.mean, interval(&estimate)))
}

pub(crate) fn interval(estimate: &Estimate) -> String {
    estimate.interval.map_or(String::new(), |interval| format!("{:.3}–{:.3}", interval.low, interval.high))
}

/// `1 query`, `2 queries`.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
