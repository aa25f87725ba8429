//! `refcon search`: the tiles of a library that look like a tile, a box on a section, or tiles one likes.

mod filters;
mod query;

use crate::commands::score::counted;
use crate::embedding::EncoderArguments;
use crate::failure::Failure;
use crate::output::Output;
use crate::survey::SurveyChoices;
use clap::{Args, ValueEnum};
pub(crate) use filters::FilterArguments;
use query::{Query, QueryArguments};
use refcon_evaluation::Calibration;
use refcon_evaluation::calibration::{NotCalibrated, QueryCalibration};
use refcon_library::retrieval::filter::Filter;
use refcon_library::retrieval::overlap::{Apart, SamePlace};
use refcon_library::retrieval::rerank::KReciprocal;
use refcon_library::retrieval::results::pictures::PictureReader;
use refcon_library::retrieval::results::{ConfidenceKind, Format, ResultList, page, ranked};
use refcon_library::retrieval::selection::{Excluded, Selection};
use refcon_library::retrieval::{Found, RetrievalError, Search as Wanted, SecondLook, search};
use refcon_library::{EncodedTiles, Library, Snapshot, challenge_confidence, files};
use serde::Serialize;
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Instant;

/// Matches where neither a number nor a distance says how many.
const MATCHES: usize = 10;
/// Matches that a page shows, at most: it should open in any browser.
const MATCHES_ON_PAGE: usize = 300;

/// Find the tiles of a library that look like a box on a section, an image, or tiles you like
///
/// Compares the query with every tile that passes the filters, exactly. Of tiles in the same place only the nearest is shown, and the
/// place of the query itself is left out.
///
/// Two tiles lie in the same place when they are of the same survey and direction, their lines are near each other (--apart), and their
/// rectangles overlap by at least --overlap of their common area.
#[derive(Debug, Args)]
pub(crate) struct Search {
    /// The library to look in, as `refcon index` makes it
    #[arg(long, short, value_name = "DIR")]
    library: PathBuf,

    /// Write the matches: .csv, .json, .geojson (lines on the map), .html (a page with pictures). May be given several times
    #[arg(long, short, value_name = "FILE")]
    output: Vec<PathBuf>,

    #[command(flatten)]
    query: QueryArguments,

    /// Matches: a number, or `all` [default: 10, with --within all]
    #[arg(short, value_name = "N|all", help_heading = "How many matches")]
    k: Option<MatchCount>,

    /// Only tiles at this distance (1 − cosine) or nearer
    #[arg(long, value_name = "DISTANCE", help_heading = "How many matches", value_parser = distance)]
    within: Option<f32>,

    /// Only tiles of this confidence or more, above 0 and at most 1; needs --calibration
    #[arg(long, value_name = "SHARE", help_heading = "How many matches", value_parser = share, requires = "calibration")]
    min_confidence: Option<f64>,

    /// Matches of one survey, at most
    #[arg(long, value_name = "N", help_heading = "How many matches")]
    per_survey: Option<NonZeroUsize>,

    /// Overlap from which on two tiles show one place: the share of their common area that both cover
    #[arg(long, value_name = "SHARE", default_value_t = SamePlace::default().overlap, help_heading = "How many matches",
        value_parser = share)]
    overlap: f64,

    /// How far apart the lines of tiles in one place may be: line numbers, as in `10`, or a distance on the map, as in `250m`
    #[arg(long, value_name = "N|Nm|Nft", default_value = "10", help_heading = "How many matches")]
    apart: LinesApart,

    /// Show all tiles of a place
    #[arg(long, help_heading = "How many matches")]
    keep_overlaps: bool,

    /// Show the query itself and the tiles in its place too
    #[arg(long, help_heading = "How many matches")]
    keep_query: bool,

    #[command(flatten)]
    filters: FilterArguments,

    /// Look at the best again
    #[arg(long, value_enum, value_name = "METHOD", help_heading = "How tiles are compared")]
    rerank: Option<Rerank>,

    #[command(flatten)]
    encoder: EncoderArguments,

    /// Give each match the probability that it is of the query's class, by a calibration that `refcon evaluate --save-calibration` wrote
    /// for this encoder; without one, confidences only compare the matches of a list with each other
    #[arg(long, value_name = "FILE.json", help_heading = "How tiles are compared")]
    calibration: Option<PathBuf>,

    #[command(flatten)]
    survey: SurveyChoices,
}

/// The `--rerank` of the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Rerank {
    /// The best 100 by whom they have among their neighbours (Zhong et al. 2017)
    KReciprocal,
    /// Search again with the mean of the query and its 5 best matches, by the third power of their cosine (Radenović et al. 2018)
    QueryExpansion,
}

impl From<Rerank> for SecondLook {
    fn from(rerank: Rerank) -> Self {
        match rerank {
            Rerank::KReciprocal => Self::KReciprocal { pool: 100, settings: KReciprocal::default() },
            Rerank::QueryExpansion => Self::QueryExpansion { matches: 5, alpha: 3.0 },
        }
    }
}

/// The `-k` of the command line.
#[derive(Debug, Clone, Copy)]
struct MatchCount(usize);

impl FromStr for MatchCount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let count =
            if text == "all" { Some(usize::MAX) } else { text.parse().ok().filter(|count| *count > 0) };
        count.map(Self).ok_or_else(|| "expected a number of at least 1, or `all`".to_owned())
    }
}

/// The `--apart` of the command line.
#[derive(Debug, Clone, Copy)]
struct LinesApart(Apart);

impl FromStr for LinesApart {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let distance = text.strip_suffix("ft").or_else(|| text.strip_suffix('m'));
        let apart = match distance {
            None => text.parse().ok().map(Apart::Lines),
            Some(distance) => {
                distance.trim().parse().ok().filter(|d: &f64| d.is_finite() && *d >= 0.0).map(Apart::Distance)
            }
        };
        apart
            .map(Self)
            .ok_or_else(|| "expected a number of lines, as in 10, or a distance, as in 250m".to_owned())
    }
}

fn distance(text: &str) -> Result<f32, String> {
    let distance = text.parse().ok().filter(|distance: &f32| (0.0..=2.0).contains(distance));
    distance.ok_or_else(|| "expected a distance from 0 (the same) to 2 (the opposite)".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share: &f64| *share > 0.0 && *share <= 1.0);
    share.ok_or_else(|| "expected a share above 0, at most 1".to_owned())
}

/// What was done, for `--json`.
#[derive(Debug, Serialize)]
struct Searched<'a> {
    library: &'a Path,
    #[serde(flatten)]
    list: &'a ResultList,
    embed_seconds: f64,
    search_seconds: f64,
    files: &'a [PathBuf],
}

impl Search {
    pub(crate) fn run(&self, output: &Output) -> Result<(), Failure> {
        let formats = self.formats()?;
        let filter = self.filters.filter()?;
        let snapshot =
            Library::open(&self.library).and_then(|library| library.snapshot()).map_err(Failure::input)?;
        let encoder = self.encoder.for_library(&snapshot);
        let query = self.query.read(&snapshot, &encoder, &self.survey)?;
        for missing in snapshot.missing().iter().filter(|missing| missing.encoder == *query.tiles.encoder()) {
            let tiles = counted(missing.tiles, "tile is", "tiles are");
            tracing::warn!("{tiles} not searched: {}", missing.problem);
        }
        let calibration = self.calibration.as_deref().map(Calibration::read).transpose();
        let calibration = calibration.map_err(Failure::input)?;
        let started = Instant::now();
        let calibrated = self.calibrated(calibration.as_ref(), &query, &filter)?;
        let wanted = Wanted {
            answers: query.answers.clone(),
            filter,
            selection: self.selection(&query, calibrated),
            second_look: self.rerank.map_or(SecondLook::None, SecondLook::from),
        };
        let found = search(&query.tiles, &wanted).map_err(failure)?;
        let search_seconds = started.elapsed().as_secs_f64();
        let rows: Vec<usize> = found.selected.matches.iter().map(|found| found.row).collect();
        let list = list(&snapshot, &query, found, calibrated);
        for (path, format) in self.output.iter().zip(formats) {
            let page = || page(&snapshot, &query, &list, &rows);
            list.write(path, format, page).map_err(Failure::output)?;
        }
        let text = text(&list, search_seconds, &self.output);
        let result = Searched {
            library: &self.library,
            list: &list,
            embed_seconds: query.embed_seconds,
            search_seconds,
            files: &self.output,
        };
        output.result(&text, &result)
    }

    /// Outputs that cannot be written are found before anything is done.
    fn formats(&self) -> Result<Vec<Format>, Failure> {
        let formats = self.output.iter().enumerate().map(|(at, path)| {
            if self.output[..at].contains(path) {
                return Err(Failure::usage(format!("-o {} is given twice", path.display())));
            }
            let format = Format::of(path).map_err(|error| Failure::usage(format!("-o {error}")))?;
            files::check_writable(path).map_err(Failure::output)?;
            Ok(format)
        });
        formats.collect()
    }

    /// What the calibration says of this search, where it says anything.
    fn calibrated<'c>(
        &self,
        calibration: Option<&'c Calibration>,
        query: &Query,
        filter: &Filter,
    ) -> Result<Option<QueryCalibration<'c>>, Failure> {
        let Some(calibration) = calibration else { return Ok(None) };
        let rows = filter.rows(&query.tiles).map_err(|error| failure(error.into()))?;
        let calibrated = match self.rerank {
            // Its matches are those of a vector that the first ones made.
            Some(Rerank::QueryExpansion) => Err(NotCalibrated::Several),
            _ => QueryCalibration::new(calibration, &query.answers, &query.tiles, &rows),
        };
        match calibrated {
            Ok(calibrated) => Ok(Some(calibrated)),
            Err(why @ NotCalibrated::Mismatch(_)) => Err(Failure::input(why)),
            Err(why) if self.min_confidence.is_some() => {
                Err(Failure::usage(format!("--min-confidence: {why}")))
            }
            Err(why) => {
                tracing::warn!("--calibration is not used: {why}");
                Ok(None)
            }
        }
    }

    fn selection(&self, query: &Query, calibrated: Option<QueryCalibration<'_>>) -> Selection {
        let LinesApart(apart) = self.apart;
        let rule = SamePlace { overlap: self.overlap, apart };
        let within = match self.min_confidence.zip(calibrated) {
            Some((least, calibrated)) => Some(calibrated.within(least as f32, self.within)),
            None => self.within,
        };
        let count = match (self.k, within) {
            (Some(MatchCount(count)), _) => count,
            (None, Some(_)) => usize::MAX,
            (None, None) => MATCHES,
        };
        let shown = if self.keep_query { Excluded::default() } else { query.shown.clone() };
        Selection {
            count,
            within,
            same_place: (!self.keep_overlaps).then_some(rule),
            per_survey: self.per_survey.map(NonZeroUsize::get),
            excluded: Excluded { rule, ..shown },
        }
    }
}

fn list(
    snapshot: &Snapshot,
    query: &Query,
    found: Found,
    calibrated: Option<QueryCalibration<'_>>,
) -> ResultList {
    let encoder = query.tiles.encoder();
    let missing = snapshot.missing().iter().filter(|missing| missing.encoder == *encoder);
    let Found { selected, method, tiles, compared } = found;
    let (same_place, of_query, survey_full) = (selected.same_place, selected.of_query, selected.survey_full);
    let (confidence_kind, matches) = match calibrated {
        Some(calibrated) => {
            let confidences = |distances: &[f32]| calibrated.confidences(distances);
            (ConfidenceKind::Calibrated, ranked(selected.matches, confidences))
        }
        None => (ConfidenceKind::Challenge, ranked(selected.matches, challenge_confidence)),
    };
    let surveys: BTreeSet<&str> = matches.iter().map(|found| found.tile.survey.as_str()).collect();
    ResultList {
        query: query.title.clone(),
        method,
        encoder: encoder.name().into(),
        encoder_hash: encoder.hash().into(),
        tiles,
        compared,
        not_covered: missing.map(|missing| missing.tiles).sum(),
        only_by_others: snapshot.only_by_others(encoder),
        same_place,
        of_query,
        survey_full,
        epsg: epsg(snapshot, &query.tiles, &surveys),
        confidence_kind,
        matches,
    }
}

/// The coordinate reference system, where it is known of every survey and is the same.
fn epsg(snapshot: &Snapshot, tiles: &EncodedTiles, surveys: &BTreeSet<&str>) -> Option<u32> {
    let of_survey = |name: &&str| {
        let sources = snapshot.sources().iter();
        let mut sources = sources.filter(|source| source.name == *name && source.encoder == *tiles.encoder());
        sources.next().and_then(|source| source.survey.as_ref()?.epsg)
    };
    let known: BTreeSet<Option<u32>> = surveys.iter().map(of_survey).collect();
    if known.len() == 1 { known.into_iter().next().flatten() } else { None }
}

fn page(snapshot: &Snapshot, query: &Query, list: &ResultList, rows: &[usize]) -> String {
    let mut reader = PictureReader::new(snapshot, &query.tiles);
    let mut shown = list.clone();
    shown.matches.truncate(MATCHES_ON_PAGE);
    let pictures =
        shown.matches.iter().zip(rows).map(|(found, &row)| reader.read(row, &found.tile)).collect();
    let asked = query.asked(&mut reader);
    let mut notes = passed_over(list);
    if shown.matches.len() < list.matches.len() {
        notes.push(format!("The page shows the first {MATCHES_ON_PAGE} of {} matches.", list.matches.len()));
    }
    notes.extend(reader.problems().iter().map(|problem| format!("A picture could not be read: {problem}")));
    notes.push(meaning(list.confidence_kind));
    page::page(&shown, asked, pictures, notes).to_html()
}

/// What the numbers of a match mean.
fn meaning(confidence: ConfidenceKind) -> String {
    let confidence = match confidence {
        ConfidenceKind::Challenge => "Confidence compares the matches of this list with each other.",
        ConfidenceKind::Calibrated => {
            "Confidence is the probability that a match is of the query's class, calibrated on labelled tiles."
        }
    };
    format!("Distance compares across searches: 0 is the same picture. {confidence}")
}

/// What was passed over, in sentences.
fn passed_over(list: &ResultList) -> Vec<String> {
    let mut notes = Vec::new();
    let mut note = |count: usize, [one, many]: [&str; 2]| {
        if count > 0 {
            let why = if count == 1 { one } else { many };
            let tiles = counted(count, "nearer tile was", "nearer tiles were");
            notes.push(format!("{tiles} passed over: {why}."));
        }
    };
    note(list.of_query, ["it shows the query or its place", "they show the query or its place"]);
    note(list.same_place, ["a nearer match lies in the same place"; 2]);
    note(list.survey_full, ["its survey has enough matches", "their survey has enough matches"]);
    if list.not_covered > 0 {
        notes.push(format!("{} not searched.", counted(list.not_covered, "tile was", "tiles were")));
    }
    if !list.only_by_others.is_empty() {
        notes.push(format!(
            "Not searched, since only other encoders have embedded it: {}; --encoder chooses among them (`refcon library info`).",
            list.only_by_others.join(", ")
        ));
    }
    notes
}

fn text(list: &ResultList, seconds: f64, files: &[PathBuf]) -> String {
    let mut lines = vec![format!(
        "{}: {} of {} compared by {} in {:.1} ms",
        list.query,
        list.compared,
        counted(list.tiles, "tile", "tiles"),
        list.encoder,
        seconds * 1000.0
    )];
    lines.push(match list.matches.len() {
        0 => "no match".into(),
        _ => list.to_table(),
    });
    lines.extend(passed_over(list));
    lines.extend((!list.matches.is_empty()).then(|| meaning(list.confidence_kind)));
    lines.extend(files.iter().map(|path| format!("written: {}", path.display())));
    lines.join("\n")
}

/// What kind of failure it is, for the exit code.
fn failure(error: RetrievalError) -> Failure {
    use refcon_library::retrieval::filter::FilterError;
    match error {
        RetrievalError::Feedback(_)
        | RetrievalError::Filter(FilterError::NoSurvey { .. } | FilterError::NoClass { .. }) => {
            Failure::usage(error)
        }
        _ => Failure::input(error),
    }
}
