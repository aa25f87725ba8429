//! The page of a prediction: each query beside its matches.

use super::outputs::Found;
use super::{Predict, Prediction, tiles};
use crate::commands::score::ScoreTable;
use crate::failure::Failure;
use refcon_evaluation::Gold;
use refcon_image::figure::encode_png;
use refcon_image::{DecodeLimits, TileFile};
use refcon_library::Submission;
use refcon_library::report::{AskedTile, Report, ReportMatch, ReportQuery, ReportTile};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Queries that a report shows: a page of pictures should open in any browser.
const QUERIES_IN_REPORT: usize = 300;

impl Predict {
    pub(super) fn report(
        &self,
        found: &Found<'_>,
        prediction: &Prediction,
        submission: &Submission,
        gold: Option<&Gold>,
    ) -> Result<Report, Failure> {
        let scores = match gold {
            Some(gold) => ScoreTable::new(submission, gold).map_err(Failure::input)?.report_rows(),
            None => Vec::new(),
        };
        let mut pictures = Pictures::default();
        let mut queries = Vec::new();
        for (row, tile) in found.queries.tiles.iter().enumerate().take(QUERIES_IN_REPORT) {
            let matches = found.matches(row).take(self.report_matches).map(|(near, confidence)| {
                let tile = &found.corpus.tiles[near.row];
                let class = gold.and_then(|gold| gold.corpus.get(&tile.name).cloned());
                Ok(ReportMatch { tile: pictures.tile(tile, class)?, distance: near.distance, confidence })
            });
            let matches = matches.collect::<Result<_, Failure>>()?;
            let class = gold.and_then(|gold| gold.queries.get(&tile.name).cloned());
            let asked = AskedTile { role: "query".into(), tile: pictures.tile(tile, class)? };
            queries.push(ReportQuery { asked: vec![asked], matches });
        }
        let shown = queries.len();
        let mut notes = Vec::new();
        if shown < prediction.queries {
            notes.push(format!("The page shows the first {shown} of {} queries.", prediction.queries));
        }
        if prediction.matches_per_query > self.report_matches {
            notes.push(format!(
                "The page shows the first {} of {} matches of each query.",
                self.report_matches, prediction.matches_per_query
            ));
        }
        if let Some(first) = prediction.skipped.first() {
            notes.push(format!(
                "{} could not be read and were skipped; the first: {first}",
                tiles(prediction.skipped.len())
            ));
        }
        notes.push(self.confidence.explained().into());
        notes.extend(prediction.lacking());
        let fact = |name: &str, value: String| (name.to_owned(), value);
        Ok(Report {
            title: format!("Look-alikes of {} in {}", folder_name(&self.query), folder_name(&self.corpus)),
            facts: vec![
                fact("queries", prediction.queries.to_string()),
                fact("corpus tiles", prediction.corpus.to_string()),
                fact("matches a query", prediction.matches_per_query.to_string()),
                fact("encoder", format!("{} ({})", prediction.encoder, &prediction.encoder_hash[..8])),
                fact("computed in", prediction.tier.into()),
                fact("distance", self.metric.name().into()),
                fact("refcon", env!("CARGO_PKG_VERSION").into()),
            ],
            scores,
            notes,
            queries,
        })
    }
}

/// Pictures of tiles, each read once.
#[derive(Default)]
pub(crate) struct Pictures {
    by_path: HashMap<PathBuf, Vec<u8>>,
}

impl Pictures {
    pub(crate) fn tile(&mut self, tile: &TileFile, class: Option<String>) -> Result<ReportTile, Failure> {
        let png = match self.by_path.get(&tile.path) {
            Some(png) => png.clone(),
            None => {
                let image =
                    refcon_image::read(&tile.path, &DecodeLimits::default()).map_err(Failure::input)?;
                self.by_path.entry(tile.path.clone()).or_insert(encode_png(&image)).clone()
            }
        };
        Ok(ReportTile { name: tile.name.clone(), png: Some(png), class, place: Vec::new(), size: None })
    }
}

pub(crate) fn folder_name(folder: &Path) -> String {
    let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    whole.file_name().map_or_else(|| folder.display().to_string(), |name| name.to_string_lossy().into_owned())
}
