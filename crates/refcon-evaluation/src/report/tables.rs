//! Tables of metrics and classes.

use super::share;
use crate::{Confusion, Estimate, Evaluation, Metric};
use maud::{Markup, html};

/// Metrics that the table of classes shows.
const OF_CLASSES: [Metric; 5] = [
    Metric::PrecisionAt(1),
    Metric::PrecisionAt(3),
    Metric::RPrecision,
    Metric::AveragePrecision,
    Metric::MapAtR,
];

/// Each metric over queries and over classes.
pub(super) fn metrics(evaluation: &Evaluation) -> Markup {
    let rows = Metric::ALL.iter().zip(&evaluation.overall).zip(&evaluation.macro_average);
    html! {
        table.scores {
            thead { tr {
                th { "metric" } th.number { "mean over queries" } th { "95 % interval" } th.number { "macro over classes" }
                th { "95 % interval" }
            } }
            tbody {
                @for ((metric, overall), average) in rows {
                    tr { td { (metric.name()) } (estimate(*overall)) (estimate(*average)) }
                }
            }
        }
    }
}

fn estimate(estimate: Option<Estimate>) -> Markup {
    html! {
        td.number { (share(estimate.map(|estimate| estimate.mean))) }
        td.interval {
            @if let Some(interval) = estimate.and_then(|estimate| estimate.interval) { (share(Some(interval.low))) "–" (share(Some(interval.high))) }
        }
    }
}

/// Each class: its metrics, and which classes its queries' nearest tiles are of.
pub(super) fn classes(evaluation: &Evaluation, confusion: &Confusion) -> Markup {
    html! {
        div.beside {
            table.scores {
                thead { tr {
                    th { "class" } th.number { "queries" } th.number { "tiles" }
                    @for metric in OF_CLASSES { th.number { (metric.name()) } }
                } }
                tbody {
                    @for class in &evaluation.classes {
                        tr {
                            td { (class.class) } td.number { (class.queries) } td.number { (class.relevant) }
                            @for metric in OF_CLASSES { td.number { (share(class.of(metric).map(|estimate| estimate.mean))) } }
                        }
                    }
                }
            }
            (confusion_table(confusion))
        }
    }
}

fn confusion_table(confusion: &Confusion) -> Markup {
    html! {
        table.confusion {
            caption { "Class of the nearest tile" }
            thead { tr {
                th { "queries of" }
                @for class in &confusion.classes { th.number { (class) } }
                th.number { "recall" }
            } }
            tbody {
                @for ((class, counts), agreement) in confusion.classes.iter().zip(&confusion.counts).zip(confusion.agreements()) {
                    @let queries = counts.iter().sum::<usize>().max(1);
                    tr {
                        th { (class) }
                        @for (other, count) in confusion.classes.iter().zip(counts) {
                            @let kind = if other == class { "right" } else { "wrong" };
                            td class={ "number cell " (kind) }
                                style=(format!("--share:{:.0}%", 85.0 * *count as f64 / queries as f64)) { (count) }
                        }
                        td.number { (share(agreement.recall)) }
                    }
                }
                tr.last {
                    th { "precision" }
                    @for agreement in confusion.agreements() { td.number { (share(agreement.precision)) } }
                    td.number title="share of all queries whose nearest tile is of their class" { (share(confusion.accuracy())) }
                }
            }
        }
    }
}
