//! The page of a search: the query beside its matches, all at one scale, and all of a survey at one clip.

use super::ResultList;
use super::pictures::Picture;
use super::tile_view::{line_and_traces, name, positions};
use crate::TileRecord;
use crate::report::{AskedTile, Report, ReportMatch, ReportQuery, ReportTile};
use refcon_seismic::absolute_percentile;
use std::collections::BTreeMap;

/// Percent of the absolute amplitudes of a survey's tiles on the page that are shown unclipped.
const CLIP_PERCENT: f64 = 99.0;
/// What the largest tile is fitted into, in pixels of the page.
const LARGEST: [f64; 2] = [200.0, 240.0];
/// Small tiles are enlarged so many times at most.
const MOST_ENLARGED: f64 = 3.0;

/// A tile that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// What it is: `query`, `like`, `unlike`.
    pub role: &'static str,
    /// What it is called; for tiles of the library `None`.
    pub name: Option<String>,
    /// What is known of it.
    pub tile: TileRecord,
    /// Its picture.
    pub picture: Picture,
}

/// The page of a search. `pictures` are those of the matches, in their order; `notes` are sentences for its head.
#[must_use]
pub fn page(list: &ResultList, asked: Vec<Asked>, pictures: Vec<Picture>, mut notes: Vec<String>) -> Report {
    let shown: Vec<(&TileRecord, &Picture)> = asked
        .iter()
        .map(|asked| (&asked.tile, &asked.picture))
        .chain(list.matches.iter().map(|found| &found.tile).zip(&pictures))
        .collect();
    let (clips, zoom) = (clips(&shown), zoom(&shown));
    let from_images = |picture: &Picture| matches!(picture, Picture::Amplitudes { from_image: true, .. });
    let turned_back = shown.iter().filter(|(_, picture)| from_images(picture)).count();
    if turned_back > 0 {
        notes.push(format!(
            "{turned_back} of the pictures come from images in the library, since the survey could not be read; they are clipped \
             where these are."
        ));
    }
    let tile = |tile: &TileRecord, picture: &Picture, name: String| {
        let clip = clips.get(&tile.survey).copied().unwrap_or(0.0);
        let size = [tile.width, tile.height].map(|side| f64::from(side) * zoom);
        ReportTile { name, png: picture.png(clip), class: None, place: place(tile), size: Some(size) }
    };
    let matches = list.matches.iter().zip(pictures).map(|(found, picture)| ReportMatch {
        tile: ReportTile {
            class: found.tile.class.clone(),
            ..tile(&found.tile, &picture, name(&found.tile))
        },
        distance: found.distance,
        confidence: found.confidence,
    });
    let matches = matches.collect();
    let asked = asked.into_iter().map(|one| {
        let called = one.name.unwrap_or_else(|| name(&one.tile));
        AskedTile { role: one.role.to_owned(), tile: tile(&one.tile, &one.picture, called) }
    });
    let queries = vec![ReportQuery { asked: asked.collect(), matches }];
    Report { title: capitalised(&list.query), facts: facts(list, &clips), scores: Vec::new(), notes, queries }
}

/// What stands in the head of the page.
fn facts(list: &ResultList, clips: &BTreeMap<String, f32>) -> Vec<(String, String)> {
    let fact = |name: &str, value: String| (name.to_owned(), value);
    let mut facts = vec![
        fact("tiles compared", format!("{} of {}", list.compared, list.tiles)),
        fact("matches", list.matches.len().to_string()),
        fact("encoder", format!("{} ({})", list.encoder, list.encoder_hash.get(..8).unwrap_or_default())),
        fact("distance", "1 − cosine".into()),
    ];
    if !clips.is_empty() {
        let clips: Vec<String> =
            clips.iter().map(|(survey, clip)| format!("±{} ({survey})", significant(*clip))).collect();
        facts.push(fact("black to white", clips.join(", ")));
    }
    facts
}

/// A number with four digits, as far as it has a point.
fn significant(value: f32) -> String {
    // The power of ten of any f32 lies well inside an i32.
    let before_point = value.abs().max(f32::MIN_POSITIVE).log10().floor() as i32 + 1;
    format!("{value:.*}", (4 - before_point).clamp(0, 9) as usize)
}

fn capitalised(sentence: &str) -> String {
    let mut characters = sentence.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// One clip a survey, since amplitudes of different surveys have different units.
fn clips(shown: &[(&TileRecord, &Picture)]) -> BTreeMap<String, f32> {
    let mut amplitudes: BTreeMap<&str, Vec<f32>> = BTreeMap::new();
    for (tile, picture) in shown {
        if let Picture::Amplitudes { values, .. } = picture {
            amplitudes.entry(&tile.survey).or_default().extend(values);
        }
    }
    amplitudes
        .into_iter()
        .map(|(survey, values)| (survey.to_owned(), absolute_percentile(&values, CLIP_PERCENT)))
        .collect()
}

/// Page pixels a trace and a sample, the same for all tiles.
fn zoom(shown: &[(&TileRecord, &Picture)]) -> f64 {
    let longest = |side: fn(&TileRecord) -> u32| shown.iter().map(|(tile, _)| side(tile)).max().unwrap_or(1);
    let [width, height] = [longest(|tile| tile.width), longest(|tile| tile.height)];
    (LARGEST[0] / f64::from(width.max(1))).min(LARGEST[1] / f64::from(height.max(1))).min(MOST_ENLARGED)
}

fn place(tile: &TileRecord) -> Vec<String> {
    let mut lines = vec![tile.survey.clone()];
    if let Some(place) = &tile.place {
        lines.extend([line_and_traces(place), positions(place)]);
    }
    lines.retain(|line| !line.is_empty());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retrieval::fixtures::{place, tile};
    use crate::retrieval::results::tests::list;
    use refcon_seismic::Direction;

    #[test]
    fn numbers_have_four_digits_and_titles_a_capital() {
        assert_eq!([7518.25, 0.012_346, 3.0].map(significant), ["7518", "0.01235", "3.000"]);
        assert_eq!(capitalised("like tile 3"), "Like tile 3");
    }

    #[test]
    fn all_tiles_have_one_scale_and_those_of_a_survey_one_clip() {
        let amplitudes =
            |peak: f32| Picture::Amplitudes { values: vec![peak; 50 * 60], traces: 50, from_image: false };
        let query = tile(0, "F3", Some(place(Direction::Inline, 110, 0, 0)));
        let asked = Asked { role: "query", name: Some("box".into()), tile: query, picture: amplitudes(1.0) };
        let report = page(&list(), vec![asked], vec![amplitudes(1.0), Picture::Missing], Vec::new());
        let query = &report.queries[0];
        // The widest tile has 99 traces.
        let zoom = 200.0 / 99.0;
        assert_eq!(query.asked[0].tile.size, Some([50.0 * zoom, 60.0 * zoom]));
        assert_eq!(query.matches[1].tile.size, Some([99.0 * zoom, 98.0 * zoom]));
        assert_eq!(query.asked[0].tile.png, query.matches[0].tile.png);
        assert_eq!(query.matches[0].tile.place, ["F3", "inline 110, crosslines 300–349", "800–1036 ms"]);
        assert!(report.facts.iter().any(|(name, value)| name == "black to white" && value == "±1.000 (F3)"));
        let html = report.to_html();
        assert!(
            html.contains("no picture")
                && html.contains("crosslines 300–349")
                && !html.contains("type=\"search\"")
        );
    }
}
