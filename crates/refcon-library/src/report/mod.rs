//! The report: one self-contained HTML page that shows each query beside its matches.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The look that all pages share.
pub const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("report.js");

/// What a report shows.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Headline, such as the names of the two folders.
    pub title: String,
    /// Short facts for the head of the page: name and value.
    pub facts: Vec<(String, String)>,
    /// Scores, where the true classes are known: name, value, and the 95 % interval or an empty text.
    pub scores: Vec<(String, String, String)>,
    /// Sentences that the reader should know, such as how many tiles could not be read.
    pub notes: Vec<String>,
    /// The queries, in the order of the page.
    pub queries: Vec<ReportQuery>,
}

/// A tile in a report.
#[derive(Debug, Clone)]
pub struct ReportTile {
    /// Its name.
    pub name: String,
    /// Its picture, as a PNG file, where there is one.
    pub png: Option<Vec<u8>>,
    /// Its true class, where known.
    pub class: Option<String>,
    /// Where it lies, in short lines.
    pub place: Vec<String>,
    /// Width and height at which it is shown, in pixels of the page; `None`: fitted into a square.
    pub size: Option<[f64; 2]>,
}

/// A tile that was asked for.
#[derive(Debug, Clone)]
pub struct AskedTile {
    /// What it is, such as `query`.
    pub role: String,
    /// The tile.
    pub tile: ReportTile,
}

/// A query and its matches, best first.
#[derive(Debug, Clone)]
pub struct ReportQuery {
    /// The query; or several tiles that are one together.
    pub asked: Vec<AskedTile>,
    /// Its matches.
    pub matches: Vec<ReportMatch>,
}

/// A match in a report.
#[derive(Debug, Clone)]
pub struct ReportMatch {
    /// The tile that was found.
    pub tile: ReportTile,
    /// Its distance to the query.
    pub distance: f32,
    /// Its confidence, 0..1.
    pub confidence: f32,
}

impl ReportQuery {
    /// Whether every match is of the query's class; `None` where some class is not known.
    fn all_right(&self) -> Option<bool> {
        self.matches
            .iter()
            .map(|found| self.is_hit(found))
            .try_fold(true, |all, hit| hit.map(|hit| all && hit))
    }

    fn is_hit(&self, found: &ReportMatch) -> Option<bool> {
        Some(self.asked.first()?.tile.class.as_ref()? == found.tile.class.as_ref()?)
    }

    /// What a reader may look for: names and classes.
    fn text(&self) -> String {
        let words = |asked: &AskedTile| {
            format!("{} {}", asked.tile.name, asked.tile.class.as_deref().unwrap_or_default())
        };
        self.asked.iter().map(words).collect::<Vec<_>>().join(" ").to_lowercase()
    }
}

impl Report {
    /// The page. It asks nothing of any other host or file.
    #[must_use]
    pub fn to_html(&self) -> String {
        let with_classes = self.queries.iter().any(|query| query.all_right().is_some());
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (self.title) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    header {
                        h1 { (self.title) }
                        dl.facts { @for (name, value) in &self.facts { div { dt { (name) } dd { (value) } } } }
                        @for note in &self.notes { p.note { (note) } }
                        @if !self.scores.is_empty() { (self.score_table()) }
                    }
                    @if self.queries.len() > 1 { (filter_bar(with_classes)) }
                    main { (query_rows(&self.queries)) }
                    @if self.queries.len() > 1 { script { (PreEscaped(SCRIPT)) } }
                }
            }
        };
        page.into_string()
    }

    fn score_table(&self) -> Markup {
        html! {
            table.scores {
                thead { tr { th { "score" } th { "mean over queries" } th { "95 % interval" } } }
                tbody {
                    @for (name, value, interval) in &self.scores {
                        tr { td { (name) } td.number { (value) } td.number { (interval) } }
                    }
                }
            }
        }
    }
}

fn filter_bar(with_classes: bool) -> Markup {
    html! {
        form.filter onsubmit="return false" {
            label { "Show queries whose name or class contains " input #text type="search" autocomplete="off"; }
            @if with_classes { label { input #wrong type="checkbox"; " only those with a match of another class" } }
            output #shown {}
        }
    }
}

/// Each query beside its matches.
#[must_use]
pub fn query_rows(queries: &[ReportQuery]) -> Markup {
    html! { @for query in queries { (query_row(query)) } }
}

fn query_row(query: &ReportQuery) -> Markup {
    let wrong = query.all_right() == Some(false);
    html! {
        section.query data-text=(query.text()) data-wrong[wrong] {
            div.asked {
                @for AskedTile { role, tile } in &query.asked {
                    figure style=[width(tile)] {
                        (picture(tile))
                        figcaption { span.role { (role) } (caption(tile)) }
                    }
                }
            }
            ol.matches {
                @for found in &query.matches {
                    @let mark = match query.is_hit(found) { Some(true) => "hit", Some(false) => "miss", None => "" };
                    li {
                        figure class=(mark) style=[width(&found.tile)] {
                            (picture(&found.tile))
                            figcaption {
                                (caption(&found.tile))
                                span.bar title="confidence" {
                                    span style=(format!("width:{:.1}%", 100.0 * found.confidence)) {}
                                }
                                span.numbers {
                                    span { "confidence " b { (format!("{:.3}", found.confidence)) } }
                                    span { "distance " b { (format!("{:.4}", found.distance)) } }
                                }
                            }
                        }
                    }
                }
                @if query.matches.is_empty() { li.none { "no match" } }
            }
        }
    }
}

/// A picture's caption needs so many pixels to stay readable under a narrow one.
const LEAST_WIDTH: f64 = 164.0;

fn width(tile: &ReportTile) -> Option<String> {
    tile.size.map(|[width, _]| format!("width:{:.0}px", width.max(LEAST_WIDTH)))
}

fn picture(tile: &ReportTile) -> Markup {
    let source = tile.png.as_ref().map(|png| format!("data:image/png;base64,{}", STANDARD.encode(png)));
    let size = tile.size.map(|[width, height]| format!("width:{width:.0}px;height:{height:.0}px"));
    html! {
        @match source {
            Some(source) => img src=(source) alt=(tile.name) style=[size];,
            None => div.missing style=[size] { "no picture" },
        }
    }
}

fn caption(tile: &ReportTile) -> Markup {
    html! {
        span.name { (tile.name) }
        @if let Some(class) = &tile.class { span.class { (class) } }
        @for line in &tile.place { span.place { (line) } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tile(name: &str, class: Option<&str>) -> ReportTile {
        let class = class.map(str::to_owned);
        ReportTile { name: name.into(), png: Some(vec![1, 2, 3]), class, place: Vec::new(), size: None }
    }

    fn report(query_class: Option<&str>, match_class: Option<&str>) -> String {
        let found = ReportMatch { tile: tile("c.png", match_class), distance: 0.1234, confidence: 0.5 };
        let asked = vec![AskedTile { role: "query".into(), tile: tile("<q>.png", query_class) }];
        let queries = vec![ReportQuery { asked, matches: vec![found] }; 2];
        Report { title: "a & b".into(), queries, ..Report::default() }.to_html()
    }

    #[test]
    fn the_page_is_self_contained_and_escapes_names() {
        let page = report(None, None);
        assert!(page.contains("&lt;q&gt;.png") && page.contains("<title>a &amp; b</title>"));
        assert!(page.contains("data:image/png;base64,AQID") && page.contains("0.1234"));
        for outside in ["http:", "https:", "src=\"/", "url(", "@import"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn matches_are_marked_only_where_both_classes_are_known() {
        assert!(report(Some("Salt"), Some("Salt")).contains("class=\"hit\""));
        let wrong = report(Some("Salt"), Some("Fault"));
        assert!(wrong.contains("class=\"miss\"") && wrong.contains("data-wrong"));
        let unknown = report(Some("Salt"), None);
        assert!(!unknown.contains("class=\"hit\"") && !unknown.contains("class=\"miss\""));
    }
}
