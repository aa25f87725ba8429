//! Whether confidences mean what they say: reliability diagrams, errors, thresholds.

use super::chart::{Frame, colour, legend, place};
use super::share;
use crate::calibration::{Accepted, Assessment, Calibration, DepthAssessment, Reliability};
use maud::{Markup, html};

const CALIBRATED: &str = "calibrated";
const CHALLENGE: &str = "the challenge's, 1 − (d − d_min)/d_max";

pub(super) fn confidence(assessment: &Assessment, calibration: Option<&Calibration>) -> Markup {
    let names = if calibration.is_some() { vec![CALIBRATED, CHALLENGE] } else { vec![CHALLENGE] };
    html! {
        div.charts {
            @for depth in &assessment.depths { (diagram(depth)) }
        }
        (legend(names.into_iter()))
        p.note {
            "Points on the diagonal are confidences that mean what they say. Bars are 95 % intervals, as if matches were independent; "
            "the area of a point grows with its matches. Bins of equal width."
        }
        (error_table(assessment))
        @if let Some(calibration) = calibration { (calibration_facts(assessment, calibration)) }
    }
}

fn diagram(depth: &DepthAssessment) -> Markup {
    let frame = Frame::new([0.0, 1.0], [0.0, 1.0]);
    let calibrated = depth.calibrated.as_ref().map(|diagrams| &diagrams.equal_width);
    let drawn: Vec<&Reliability> = calibrated.into_iter().chain([&depth.challenge.equal_width]).collect();
    let content = html! {
        line.diagonal x1=(place(frame.x(0.0))) y1=(place(frame.y(0.0))) x2=(place(frame.x(1.0))) y2=(place(frame.y(1.0))) {}
        // The first on top.
        @for (number, reliability) in drawn.iter().enumerate().rev() { (points(frame, reliability, depth.matches, number)) }
    };
    frame.chart(&title(depth), "mean confidence", "share of the query's class", &content)
}

fn points(frame: Frame, reliability: &Reliability, matches: usize, number: usize) -> Markup {
    let line = reliability
        .bins
        .iter()
        .map(|bin| format!("{},{}", place(frame.x(bin.confidence)), place(frame.y(bin.accuracy))));
    html! {
        g class=(colour(number)) {
            polyline.line points=(line.collect::<Vec<_>>().join(" ")) {}
            @for bin in &reliability.bins {
                @let x = place(frame.x(bin.confidence));
                line.whisker x1=(x) x2=(x) y1=(place(frame.y(bin.interval.low))) y2=(place(frame.y(bin.interval.high))) {}
                @let radius = 2.5 + 9.0 * (bin.count as f64 / matches as f64).sqrt();
                circle.dot cx=(x) cy=(place(frame.y(bin.accuracy))) r=(place(radius)) {
                    title { (bin.count) " matches: mean confidence " (share(Some(bin.confidence))) ", right " (share(Some(bin.accuracy))) }
                }
            }
        }
    }
}

fn title(depth: &DepthAssessment) -> String {
    match depth.depth {
        Some(count) => format!("First {count} matches of every query"),
        None => "Whole rankings".into(),
    }
}

fn error_table(assessment: &Assessment) -> Markup {
    html! {
        table.scores {
            thead {
                tr {
                    th rowspan="2" { "expected calibration error, 15 bins" } th.number rowspan="2" { "matches" } th.number rowspan="2" { "right" }
                    th.middle colspan="2" { "calibrated" } th.middle colspan="2" { "the challenge's" }
                }
                tr { @for _ in 0..2 { th.number { "equal width" } th.number { "equal mass" } } }
            }
            tbody {
                @for depth in &assessment.depths {
                    tr {
                        td { (title(depth)) } td.number { (depth.matches) } td.number { (share(Some(depth.accuracy))) }
                        @for diagrams in [depth.calibrated.as_ref(), Some(&depth.challenge)] {
                            td.number { (share(diagrams.map(|diagrams| diagrams.equal_width.expected_error))) }
                            td.number { (share(diagrams.map(|diagrams| diagrams.equal_mass.expected_error))) }
                        }
                    }
                }
            }
        }
    }
}

fn calibration_facts(assessment: &Assessment, calibration: &Calibration) -> Markup {
    let fit = &calibration.fit;
    let losses = fit.log_loss.iter().map(|(form, loss)| format!("{} {loss:.4}", form.name()));
    html! {
        p {
            "Calibration: " b { (fit.chosen.name()) } ", fitted on " (fit.pairs) " pairs of " (fit.queries)
            " training tiles with their near-duplicates left out (" (share(Some(fit.same_class))) " of the pairs are of one class; "
            (fit.queries_left_out) " tiles left out, since no other group holds their class). Cross-validated log loss: "
            (losses.collect::<Vec<_>>().join(", ")) "."
        }
        @if assessment.no_match_auroc.is_some() {
            p {
                "No match: the probability that the nearest match is right tells queries whose class the corpus holds from the same queries "
                "with their class taken away with an area under the ROC curve of " b { (share(assessment.no_match_auroc)) }
                " (" (share(fit.no_match_auroc)) " in the cross-validation)."
            }
        }
        @match (&calibration.threshold, assessment.accepted, assessment.accepted_with_unseen) {
            (Some(threshold), Some(accepted), Some(with_unseen)) => {
                p {
                    "From a match probability of " b { (share(Some(threshold.probability))) }
                    " on, nearest matches should be right with a precision of at least " (threshold.target)
                    ", even where half of the queries are of unseen classes. Here: " (told(&accepted)) "; with unseen classes "
                    (told(&with_unseen)) "."
                }
            }
            _ => { p { "No match probability gives nearest matches the precision that was asked for." } }
        }
    }
}

fn told(accepted: &Accepted) -> String {
    format!(
        "{} ({}–{}), accepting {} of {}",
        share(accepted.precision),
        share(Some(accepted.interval.low)),
        share(Some(accepted.interval.high)),
        accepted.accepted,
        accepted.of
    )
}
