//! The files that a prediction writes: whether they can be, the result file, the table.

use super::Predict;
use crate::destination;
use crate::embedding::EmbeddedFolder;
use crate::failure::Failure;
use refcon_library::{Neighbour, Submission, SubmittedMatch, files};
use std::path::Path;

/// Queries, corpus and what was found.
pub(super) struct Found<'a> {
    pub(super) queries: &'a EmbeddedFolder,
    pub(super) corpus: &'a EmbeddedFolder,
    /// For each query, nearest first.
    pub(super) neighbours: Vec<Vec<Neighbour>>,
    /// Beside them, the confidences.
    pub(super) confidences: Vec<Vec<f32>>,
    /// Whether each query is without a match, by the calibration.
    pub(super) without_match: Option<Vec<bool>>,
}

impl Predict {
    /// Outputs that could not be written, or would overwrite each other or what is read, are found before an hour's work is done.
    pub(super) fn check_outputs(&self) -> Result<(), Failure> {
        let outputs = [Some(&self.output), self.report.as_ref(), self.table.as_ref()];
        let inputs = [&self.gold, &self.calibration];
        destination::check(outputs.into_iter().flatten(), inputs.into_iter().flatten())?;
        check_extension(&self.output, "-o", "json")?;
        self.report.iter().try_for_each(|path| check_extension(path, "--report", "html"))?;
        self.table.iter().try_for_each(|path| check_extension(path, "--table", "csv"))
    }
}

impl Found<'_> {
    pub(super) fn matches(&self, query: usize) -> impl Iterator<Item = (Neighbour, f32)> {
        self.neighbours[query].iter().copied().zip(self.confidences[query].iter().copied())
    }

    /// Names of the queries without a match.
    pub(super) fn without_match(&self) -> Option<Vec<String>> {
        let lacking = self.queries.names().into_iter().zip(self.without_match.as_ref()?);
        Some(lacking.filter(|(_, lacks)| **lacks).map(|(name, _)| name.to_owned()).collect())
    }

    pub(super) fn submission(&self) -> Submission {
        let matches = |query| {
            self.matches(query)
                .map(|(near, confidence)| SubmittedMatch {
                    label: self.corpus.tiles[near.row].name.clone(),
                    confidence,
                })
                .collect()
        };
        let queries = self.queries.tiles.iter().enumerate();
        Submission { queries: queries.map(|(row, tile)| (tile.name.clone(), matches(row))).collect() }
    }

    pub(super) fn write_table(&self, path: &Path) -> Result<(), Failure> {
        let written = files::write_whole(path, |out| {
            let mut table = csv::Writer::from_writer(out);
            table.write_record(["query", "rank", "match", "distance", "confidence"])?;
            for (query, tile) in self.queries.tiles.iter().enumerate() {
                for (rank, (near, confidence)) in self.matches(query).enumerate() {
                    let found = &self.corpus.tiles[near.row].name;
                    let (rank, distance) = ((rank + 1).to_string(), near.distance.to_string());
                    table.write_record([&tile.name, &rank, found, &distance, &confidence.to_string()])?;
                }
            }
            table.flush()
        });
        written.map_err(Failure::output)
    }
}

/// A file's name should say what is in it.
fn check_extension(path: &Path, what: &str, extension: &str) -> Result<(), Failure> {
    if path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension)) {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "{}: {what} is written as {}; give a name that ends in .{extension}",
        path.display(),
        extension.to_uppercase()
    )))
}
