//! What `refcon evaluate` says: lines for people, JSON for scripts.

use super::{Evaluate, Evaluated};
use crate::commands::score::counted;
use refcon_encoders::Encoder;
use refcon_evaluation::calibration::{Accepted, Assessment, Diagrams};
use refcon_evaluation::{Calibration, Confusion};
use serde_json::{Value, json};
use std::fmt::Write as _;

impl Evaluate {
    pub(super) fn text(&self, evaluated: &Evaluated) -> String {
        let mut text = evaluated.scores.text();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "\n{}", confusion_text(&evaluated.confusion));
        let _ = writeln!(text, "{}", assessment_text(&evaluated.assessment));
        if let Some(calibration) = &evaluated.calibration {
            let _ = writeln!(text, "{}", calibration_text(calibration, &evaluated.assessment));
        }
        for (what, path) in [("calibration", &self.save_calibration), ("page", &self.output)] {
            if let Some(path) = path {
                let _ = writeln!(text, "{:<12} {}", format!("{what}:"), path.display());
            }
        }
        text
    }

    pub(super) fn json(&self, evaluated: &Evaluated, encoder: &dyn Encoder) -> Value {
        let depths: Vec<Value> = evaluated
            .assessment
            .depths
            .iter()
            .map(|depth| {
                let errors = |diagrams: &Diagrams| {
                    json!({
                        "equal_width": diagrams.equal_width.expected_error,
                        "equal_mass": diagrams.equal_mass.expected_error,
                    })
                };
                json!({
                    "first_matches": depth.depth,
                    "matches": depth.matches,
                    "accuracy": depth.accuracy,
                    "expected_calibration_error": depth.calibrated.as_ref().map(errors),
                    "expected_calibration_error_of_the_challenge": errors(&depth.challenge),
                })
            })
            .collect();
        let assessment = &evaluated.assessment;
        let skipped = [evaluated.query.folder.skipped.as_slice(), &evaluated.corpus.folder.skipped].concat();
        json!({
            "encoder": encoder.id().name(),
            "encoder_hash": encoder.id().hash(),
            "tier": encoder.tier(),
            "metric": self.metric,
            "corpus": evaluated.corpus.classes.len(),
            "skipped": skipped,
            "scores": evaluated.scores.json(),
            "confusion": { "classes": evaluated.confusion.classes, "counts": evaluated.confusion.counts },
            "confidence": depths,
            "no_match_auroc": assessment.no_match_auroc,
            "calibration": evaluated.calibration.as_ref().map(|calibration| json!({
                "fit": calibration.fit,
                "threshold": calibration.threshold,
                "accepted": assessment.accepted,
                "accepted_with_unseen_classes": assessment.accepted_with_unseen,
            })),
            "page": self.output,
            "calibration_file": self.save_calibration,
        })
    }
}

/// Counts of queries by class and class of the nearest tile.
fn confusion_text(confusion: &Confusion) -> String {
    let width = confusion.classes.iter().map(|class| class.chars().count()).max().unwrap_or(0).max(10) + 2;
    let mut text = format!("{:<width$}", "queries of");
    for class in &confusion.classes {
        let _ = write!(text, "{class:>width$}");
    }
    text.push_str("   recall  ← class of the nearest tile\n");
    let told = |share: Option<f64>| share.map_or("–".into(), |share| format!("{share:.3}"));
    for ((class, counts), agreement) in
        confusion.classes.iter().zip(&confusion.counts).zip(confusion.agreements())
    {
        let _ = write!(text, "{class:<width$}");
        for count in counts {
            let _ = write!(text, "{count:>width$}");
        }
        let _ = writeln!(text, "{:>9}", told(agreement.recall));
    }
    text
}

/// Expected calibration errors.
fn assessment_text(assessment: &Assessment) -> String {
    let mut text = format!(
        "{:<28}{:>9}{:>8}{:>16}{:>16}\n",
        "expected calibration error", "matches", "right", "calibrated", "the challenge's"
    );
    for depth in &assessment.depths {
        let name = depth.depth.map_or("whole rankings".into(), |count| format!("first {count} matches"));
        let calibrated = depth.calibrated.as_ref().map_or("–".into(), errors);
        let _ = writeln!(
            text,
            "{name:<28}{:>9}{:>8.3}{calibrated:>16}{:>16}",
            depth.matches,
            depth.accuracy,
            errors(&depth.challenge)
        );
    }
    text.push_str("  (15 bins of equal width / of equal mass)\n");
    text
}

fn errors(diagrams: &Diagrams) -> String {
    format!("{:.3} / {:.3}", diagrams.equal_width.expected_error, diagrams.equal_mass.expected_error)
}

/// What was fitted, and what it says of queries without a match.
fn calibration_text(calibration: &Calibration, assessment: &Assessment) -> String {
    let fit = &calibration.fit;
    let mut text = format!(
        "calibration: {}; {} of {} ({} left out: no other group holds their class)\n",
        fit.chosen.name(),
        counted(fit.pairs, "pair", "pairs"),
        counted(fit.queries, "training tile", "training tiles"),
        fit.queries_left_out
    );
    let losses: Vec<String> =
        fit.log_loss.iter().map(|(form, loss)| format!("{} {loss:.4}", form.name())).collect();
    let _ = writeln!(text, "cross-validated log loss: {}", losses.join("; "));
    if let Some(area) = assessment.no_match_auroc {
        let _ = writeln!(
            text,
            "no match (queries of unseen classes): AUROC {area:.3}, {} in the cross-validation",
            fit.no_match_auroc.map_or("–".into(), |area| format!("{area:.3}"))
        );
    }
    match (&calibration.threshold, &assessment.accepted, &assessment.accepted_with_unseen) {
        (Some(threshold), Some(accepted), Some(with_unseen)) => {
            let _ = writeln!(
                text,
                "from a match probability of {:.3} on, nearest matches are right with a precision of at least {}, half of the queries\n\
                 being of unseen classes; here {}; with unseen classes {}",
                threshold.probability,
                threshold.target,
                told(accepted),
                told(with_unseen)
            );
        }
        _ => text.push_str("no match probability gives nearest matches the precision that was asked for\n"),
    }
    text
}

fn told(accepted: &Accepted) -> String {
    let precision = accepted.precision.map_or("–".into(), |precision| format!("{precision:.3}"));
    let (low, high) = (accepted.interval.low, accepted.interval.high);
    format!("{precision} ({low:.3}–{high:.3}), accepting {} of {}", accepted.accepted, accepted.of)
}
