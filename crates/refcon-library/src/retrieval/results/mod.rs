//! Matches as tables, files and pages.
//!
//! | file | holds |
//! |---|---|
//! | `.csv` | a row a match, with the columns of `tiles.csv` of `refcon tile` |
//! | `.json` | the search and its matches, as the web page gets them |
//! | `.geojson` | a line a match, from its first to its last trace |
//! | `.html` | a page with pictures ([`page`]) |

mod csv;
mod geojson;
pub mod page;
pub mod pictures;
mod table;
mod tile_view;

pub use tile_view::{PlaceView, TileView};

use super::feedback::Method;
use crate::TileRecord;
use crate::files::{WriteError, write_whole};
use crate::retrieval::selection::SelectedTile;
use serde::Serialize;
use std::io;
use std::path::Path;

/// What was searched for and found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResultList {
    /// What was searched for, in words.
    pub query: String,
    /// How answers became a vector.
    pub method: Method,
    /// The encoder's name.
    pub encoder: String,
    /// The encoder's hash.
    pub encoder_hash: String,
    /// Tiles of the library.
    pub tiles: usize,
    /// Tiles that passed the filters and were compared.
    pub compared: usize,
    /// Tiles that could not be compared since their files are damaged or gone.
    pub not_covered: usize,
    /// Surveys and folders that only other encoders have embedded: they were not searched.
    pub only_by_others: Vec<String>,
    /// Tiles passed over since a nearer match lies in the same place.
    pub same_place: usize,
    /// Tiles passed over since the query itself shows them, or their place.
    pub of_query: usize,
    /// Tiles passed over since their survey has enough matches.
    pub survey_full: usize,
    /// The coordinate reference system of all matches, by its EPSG number, where that is known.
    pub epsg: Option<u32>,
    /// What the matches' confidences mean.
    pub confidence_kind: ConfidenceKind,
    /// The matches, best first.
    pub matches: Vec<Match>,
}

/// What a match's confidence means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConfidenceKind {
    /// As in the challenge: how a match compares with the others of its list.
    Challenge,
    /// The probability that a match is of the query's class.
    Calibrated,
}

/// A match.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Match {
    /// From 1.
    pub rank: usize,
    /// Its distance to the query: 0 is the same direction, 2 the opposite.
    pub distance: f32,
    /// From 0 to 1; what it means, the list says.
    pub confidence: f32,
    /// The tile.
    #[serde(serialize_with = "as_view")]
    pub tile: TileRecord,
}

fn as_view<S: serde::Serializer>(tile: &TileRecord, serializer: S) -> Result<S::Ok, S::Error> {
    TileView::from(tile).serialize(serializer)
}

/// Matches with their ranks, and with the confidences that `confidences` gives their distances.
#[must_use]
pub fn ranked(selected: Vec<SelectedTile>, confidences: impl FnOnce(&[f32]) -> Vec<f32>) -> Vec<Match> {
    let distances: Vec<f32> = selected.iter().map(|found| found.distance).collect();
    let confidences = confidences(&distances);
    let matches = selected.into_iter().zip(confidences).enumerate();
    matches
        .map(|(index, (SelectedTile { tile, distance, .. }, confidence))| Match {
            rank: index + 1,
            distance,
            confidence,
            tile,
        })
        .collect()
}

/// Coordinates are kept to a hundredth of their unit, as `refcon tile` keeps them.
fn to_a_hundredth(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// The files that results are written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A table.
    Csv,
    /// The search and its matches.
    Json,
    /// Lines on the map.
    GeoJson,
    /// A page with pictures.
    Html,
}

/// A file of results whose name does not say what it is to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{file}: results are written as .csv, .json, .geojson or .html; give a name that ends in one of these"
)]
pub struct UnknownFormat {
    /// The file.
    file: String,
}

impl Format {
    /// The format that a file's extension names.
    ///
    /// # Errors
    /// It names none; the message lists those that are known.
    pub fn of(path: &Path) -> Result<Self, UnknownFormat> {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        match extension.as_deref() {
            Some("csv") => Ok(Self::Csv),
            Some("json") => Ok(Self::Json),
            Some("geojson") => Ok(Self::GeoJson),
            Some("html" | "htm") => Ok(Self::Html),
            _ => Err(UnknownFormat { file: path.display().to_string() }),
        }
    }
}

impl ResultList {
    /// The search and its matches as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Plain structs of strings and numbers always are JSON.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// A file of the results, whole or not at all. `page` makes the page, which alone needs pictures.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(
        &self,
        path: &Path,
        format: Format,
        page: impl FnOnce() -> String,
    ) -> Result<(), WriteError> {
        write_whole(path, |out| match format {
            Format::Csv => csv::write(self, out),
            Format::Json => out.write_all(self.to_json().as_bytes()),
            Format::GeoJson => out.write_all(self.to_geojson().as_bytes()),
            Format::Html => out.write_all(page().as_bytes()),
        })
    }

    /// The matches as a table in CSV.
    ///
    /// # Errors
    /// None that has to do with the content.
    pub fn to_csv(&self) -> io::Result<String> {
        let mut bytes = Vec::new();
        csv::write(self, &mut bytes)?;
        String::from_utf8(bytes).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::challenge_confidence;
    use crate::retrieval::fixtures::{place, tile};
    use refcon_seismic::Direction;

    pub(super) fn list() -> ResultList {
        let mut salt = tile(12, "F3", Some(place(Direction::Inline, 110, 300, 200)));
        salt.class = Some("Salt".into());
        let image = TileRecord { id: 7, ..TileRecord::of_image("tiles", "a, b.png", 99, 98) };
        let selected = [(salt, 0.125), (image, 0.25)].into_iter().enumerate();
        let selected = selected.map(|(row, (tile, distance))| SelectedTile { tile, row, distance }).collect();
        ResultList {
            query: "box".into(),
            method: Method::Query,
            encoder: "texture".into(),
            encoder_hash: "0123".into(),
            tiles: 100,
            compared: 50,
            not_covered: 0,
            only_by_others: Vec::new(),
            same_place: 3,
            of_query: 1,
            survey_full: 0,
            epsg: Some(23031),
            confidence_kind: ConfidenceKind::Challenge,
            matches: ranked(selected, challenge_confidence),
        }
    }

    #[test]
    fn a_files_extension_says_its_format_and_others_are_refused_with_the_list() {
        assert_eq!(Format::of(Path::new("a/b.GeoJSON")), Ok(Format::GeoJson));
        for name in ["x", "x.txt", "csv", "x.xlsx"] {
            let message = Format::of(Path::new(name)).unwrap_err().to_string();
            assert!(
                message.contains(name) && message.contains(".csv, .json, .geojson or .html"),
                "{message}"
            );
        }
    }

    #[test]
    fn json_holds_the_search_and_for_each_match_its_tile_and_place() {
        let json: serde_json::Value = serde_json::from_str(&list().to_json()).unwrap();
        assert_eq!((&json["compared"], &json["same_place"]), (&50.into(), &3.into()));
        let first = &json["matches"][0];
        assert_eq!(
            (&first["rank"], &first["distance"], &first["confidence"]),
            (&1.into(), &0.125.into(), &1.0.into())
        );
        let place = &first["tile"]["place"];
        assert_eq!(first["tile"]["class"], "Salt");
        assert_eq!((&place["direction"], &place["line"]), (&"inline".into(), &110.into()));
        assert_eq!((&place["first_crossline"], &place["last_crossline"]), (&300.into(), &349.into()));
        assert_eq!(
            (&place["from"], &place["to"], &place["unit"]),
            (&800.0.into(), &1036.0.into(), &"ms".into())
        );
        assert_eq!(place["corners"], serde_json::json!([[3750.0, 2750.0], [4362.5, 2750.0]]));
        assert_eq!(json["matches"][1]["tile"]["place"], serde_json::Value::Null);
    }
}
