//! The page of an evaluation or of a training run: one self-contained HTML file with its tables and pictures.

mod chart;
mod confidence;
mod curves;
mod plane;
mod tables;

pub use curves::Curve;
pub use plane::{Plane, PlaneTile};

use crate::calibration::{Assessment, Calibration};
use crate::{Confusion, Evaluation};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use refcon_library::report::{ReportQuery, STYLE, query_rows};

const MORE_STYLE: &str = include_str!("evaluation.css");

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Report {
    /// Headline.
    pub title: String,
    /// Short facts for the head of the page: name and value.
    pub facts: Vec<(String, String)>,
    /// Sentences that the reader should know.
    pub notes: Vec<String>,
    /// Numbers of the training.
    pub curves: Vec<Curve>,
    /// What was found out about an encoder, if anything was.
    pub findings: Option<Findings>,
    /// Settings of the training, as they were written.
    pub settings: Option<String>,
}

/// How an encoder did on queries and tiles of known classes.
#[derive(Debug, Clone)]
pub struct Findings {
    /// The metrics.
    pub evaluation: Evaluation,
    /// Which class the nearest tile is of.
    pub confusion: Confusion,
    /// Confidences against the truth.
    pub assessment: Assessment,
    /// What gave the calibrated confidences.
    pub calibration: Option<Calibration>,
    /// The queries that did worst, worst first.
    pub worst: Vec<ReportQuery>,
    /// The embeddings on planes.
    pub planes: Vec<Plane>,
}

impl Report {
    /// The page. It asks nothing of any other host or file, and runs no script.
    #[must_use]
    pub fn to_html(&self) -> String {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (self.title) }
                    style { (PreEscaped(STYLE)) (PreEscaped(MORE_STYLE)) }
                }
                body {
                    header {
                        h1 { (self.title) }
                        dl.facts { @for (name, value) in &self.facts { div { dt { (name) } dd { (value) } } } }
                        @for note in &self.notes { p.note { (note) } }
                    }
                    @if !self.curves.is_empty() { (section("Training", &curves::drawn(&self.curves))) }
                    @if let Some(findings) = &self.findings { (findings.drawn()) }
                    @if let Some(settings) = &self.settings { (section("Settings", &html! { pre.settings { (settings) } })) }
                }
            }
        };
        page.into_string()
    }
}

impl Findings {
    fn drawn(&self) -> Markup {
        html! {
            (section("Retrieval", &tables::metrics(&self.evaluation)))
            (section("Classes", &tables::classes(&self.evaluation, &self.confusion)))
            (section("Confidence", &confidence::confidence(&self.assessment, self.calibration.as_ref())))
            @for plane in &self.planes { (section(&plane.title, &plane.drawn())) }
            @if !self.worst.is_empty() {
                (section("Queries that did worst, by average precision", &html! {
                    p.note { "Each with its nearest matches and, where those are right, the nearest of other classes; # is the rank." }
                    (query_rows(&self.worst))
                }))
            }
        }
    }
}

fn section(title: &str, content: &Markup) -> Markup {
    html! { section.part { h2 { (title) } (content) } }
}

/// A share, to three decimals; a dash where there is none.
fn share(value: Option<f64>) -> String {
    value.map_or_else(|| "–".into(), |value| format!("{value:.3}"))
}
