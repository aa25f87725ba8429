//! `refcon predict`: ranked look-alikes for a folder of queries.

use crate::commands::score::{self, ScoreTable};
use crate::embedding::{EmbeddedFolder, EncoderArguments, embed_folder};
use crate::failure::Failure;
use crate::output::Output;
use clap::{Args, ValueEnum};
use refcon_evaluation::calibration::background_distances;
use refcon_evaluation::{Calibration, Gold};
use refcon_image::figure::encode_png;
use refcon_image::{DecodeLimits, TileFile};
use refcon_library::report::{AskedTile, Report, ReportMatch, ReportQuery, ReportTile};
use refcon_library::{Neighbour, Submission, SubmittedMatch, challenge_confidence, files};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Instant;

/// Queries that a report shows: a page of pictures should open in any browser.
const QUERIES_IN_REPORT: usize = 300;

/// Find, for each query tile, the corpus tiles that look most like it
///
/// Reads every image below the two folders (PNG, TIFF, JPEG; grey or colour; 8 or 16 bits), embeds them, and searches
/// exactly: every query is compared with every corpus tile. Equal distances are ordered by name.
#[derive(Debug, Args)]
pub(crate) struct Predict {
    /// Folder of tiles that show what you look for
    #[arg(long, value_name = "DIR")]
    pub(crate) query: PathBuf,

    /// Folder of tiles to search in
    #[arg(long, value_name = "DIR")]
    pub(crate) corpus: PathBuf,

    /// Matches for each query: a number, or `all` for a full ranking
    #[arg(short, default_value = "3", value_name = "N|all")]
    pub(crate) k: MatchCount,

    /// Result file, in the challenge's format: {"query.png": [{"label": "corpus.png", "confidence": 0.9}, …]}
    #[arg(long, short = 'o', value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// Also write a page that shows each query beside its matches
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,

    /// Matches of each query that the page shows, at most
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub(crate) report_matches: usize,

    /// Also write a table: query, rank, match, distance, confidence
    #[arg(long, value_name = "FILE.csv")]
    pub(crate) table: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) encoder: EncoderArguments,

    /// How embeddings are compared, after scaling them to length 1
    #[arg(long, value_enum, default_value_t = Metric::Cosine)]
    pub(crate) metric: Metric,

    /// How sure of a match to be
    #[arg(long, value_enum, default_value_t = Confidence::Challenge)]
    pub(crate) confidence: Confidence,

    /// The calibration for `--confidence calibrated`, as `refcon evaluate --save-calibration` wrote it for this encoder
    #[arg(long, value_name = "FILE.json", required_if_eq("confidence", "calibrated"))]
    pub(crate) calibration: Option<PathBuf>,

    /// True classes (columns part, file, label), to mark right and wrong matches in the report (needs --report);
    /// never used for searching
    #[arg(long, value_name = "FILE.csv", requires = "report")]
    pub(crate) gold: Option<PathBuf>,

    /// Stop at the first tile that cannot be read, instead of skipping it
    #[arg(long)]
    pub(crate) strict: bool,
}

/// The `--metric` of the command line.
#[derive(Debug, Clone, Copy, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Metric {
    /// 1 − cosine of the angle
    Cosine,
    /// Euclidean distance
    L2,
}

/// The `--confidence` of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Confidence {
    /// The challenge's: compares the matches of one query with each other; the nearest always has 1
    Challenge,
    /// The probability that a match is of the query's class
    Calibrated,
}

impl From<Metric> for refcon_library::Metric {
    fn from(metric: Metric) -> Self {
        match metric {
            Metric::Cosine => Self::Cosine,
            Metric::L2 => Self::L2,
        }
    }
}

/// The `-k` of the command line.
#[derive(Debug, Clone, Copy)]
pub(crate) enum MatchCount {
    All,
    Count(NonZeroUsize),
}

impl FromStr for MatchCount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            _ => {
                text.parse().map(Self::Count).map_err(|_| "expected a number of at least 1, or `all`".into())
            }
        }
    }
}

/// What was done, for `--json`.
#[derive(Debug, Serialize)]
pub(crate) struct Prediction {
    encoder: String,
    encoder_hash: String,
    /// What the encoder computed in.
    tier: &'static str,
    metric: Metric,
    confidence: Confidence,
    matches_per_query: usize,
    pub(crate) queries: usize,
    pub(crate) corpus: usize,
    skipped: Vec<String>,
    /// Queries whose nearest match falls short of the calibration's threshold; `None` without a calibration.
    without_match: Option<Vec<String>>,
    results: PathBuf,
    report: Option<PathBuf>,
    table: Option<PathBuf>,
    embed_seconds: f64,
    search_seconds: f64,
}

/// Queries, corpus and what was found.
struct Found<'a> {
    queries: &'a EmbeddedFolder,
    corpus: &'a EmbeddedFolder,
    /// For each query, nearest first.
    neighbours: Vec<Vec<Neighbour>>,
    /// Beside them, the confidences.
    confidences: Vec<Vec<f32>>,
    /// Whether each query is without a match, by the calibration.
    without_match: Option<Vec<bool>>,
}

impl Predict {
    pub(crate) fn run(&self, output: &Output) -> Result<(), Failure> {
        let prediction = self.predict(output)?;
        output.result(&prediction.summary(), &prediction)
    }

    pub(crate) fn predict(&self, output: &Output) -> Result<Prediction, Failure> {
        self.check_outputs()?;
        let gold = self.gold.as_deref().map(Gold::read).transpose().map_err(Failure::input)?;
        let calibration = self.calibration()?;
        let encoder = self.encoder.open()?;
        tracing::info!("encoder {}, {} components", encoder.id(), encoder.dimension());
        if let Some(calibration) = &calibration {
            calibration.check(encoder.id(), self.metric.into()).map_err(Failure::input)?;
        }

        let started = Instant::now();
        let queries = embed_folder(&self.query, &*encoder, self.strict, "embedding queries", output)?;
        let corpus = embed_folder(&self.corpus, &*encoder, self.strict, "embedding the corpus", output)?;
        let embed_seconds = started.elapsed().as_secs_f64();

        warn_of_queries_in_the_corpus(&queries, &corpus);
        let started = Instant::now();
        let found = self.search(&queries, &corpus, calibration.as_ref())?;
        let search_seconds = started.elapsed().as_secs_f64();

        let prediction = Prediction {
            encoder: encoder.id().name().into(),
            encoder_hash: encoder.id().hash().into(),
            tier: encoder.tier(),
            metric: self.metric,
            confidence: self.confidence,
            matches_per_query: found.neighbours.first().map_or(0, Vec::len),
            queries: queries.tiles.len(),
            corpus: corpus.tiles.len(),
            skipped: [queries.skipped.as_slice(), corpus.skipped.as_slice()].concat(),
            without_match: found.without_match(),
            results: self.output.clone(),
            report: self.report.clone(),
            table: self.table.clone(),
            embed_seconds,
            search_seconds,
        };
        let submission = found.submission();
        submission.write(&self.output).map_err(Failure::output)?;
        if let Some(path) = &self.table {
            found.write_table(path)?;
        }
        if let Some(path) = &self.report {
            let report = self.report(&found, &prediction, &submission, gold.as_ref())?;
            files::write_whole(path, |out| out.write_all(report.to_html().as_bytes()))
                .map_err(Failure::output)?;
        }
        Ok(prediction)
    }

    /// Outputs that could not be written, or would overwrite each other or a tile, are found before an hour's work is done.
    fn check_outputs(&self) -> Result<(), Failure> {
        let outputs: Vec<&PathBuf> =
            [Some(&self.output), self.report.as_ref(), self.table.as_ref()].into_iter().flatten().collect();
        for (at, path) in outputs.iter().enumerate() {
            if outputs[..at].contains(path) {
                return Err(Failure::usage(format!(
                    "{} is given for two outputs; give each its own file",
                    path.display()
                )));
            }
            if refcon_image::is_image_name(path) {
                return Err(Failure::usage(format!(
                    "{} has the name of an image, which it would replace; the outputs are JSON, HTML and CSV files",
                    path.display()
                )));
            }
            files::check_writable(path).map_err(Failure::output)?;
        }
        check_extension(&self.output, "-o", "json")?;
        self.report.iter().try_for_each(|path| check_extension(path, "--report", "html"))?;
        self.table.iter().try_for_each(|path| check_extension(path, "--table", "csv"))
    }

    /// The calibration that the user asked for.
    fn calibration(&self) -> Result<Option<Calibration>, Failure> {
        match (self.confidence, &self.calibration) {
            (Confidence::Calibrated, Some(path)) => Calibration::read(path).map(Some).map_err(Failure::input),
            (Confidence::Challenge, Some(path)) => Err(Failure::usage(format!(
                "the calibration {} would not be used; ask for --confidence calibrated",
                path.display()
            ))),
            (Confidence::Calibrated, None) => Err(Failure::usage(
                "calibrated confidence needs a calibration, as `refcon evaluate --save-calibration` writes it",
            )),
            (Confidence::Challenge, None) => Ok(None),
        }
    }

    fn search<'a>(
        &self,
        queries: &'a EmbeddedFolder,
        corpus: &'a EmbeddedFolder,
        calibration: Option<&Calibration>,
    ) -> Result<Found<'a>, Failure> {
        let k = match self.k {
            MatchCount::All => NonZeroUsize::MAX,
            MatchCount::Count(k) => {
                if k.get() > corpus.tiles.len() {
                    tracing::warn!(
                        "-k {k} asks for more matches than the corpus {} has tiles ({}): every query gets all of them",
                        self.corpus.display(),
                        corpus.tiles.len()
                    );
                }
                k
            }
        };
        let (query_side, corpus_side) =
            (queries.embeddings.clone().normalised(), corpus.embeddings.clone().normalised());
        let neighbours =
            refcon_library::search(&query_side, &corpus_side, &corpus.names(), k, self.metric.into())
                .map_err(Failure::other)?;
        let distances = neighbours.iter().map(|near| near.iter().map(|n| n.distance).collect::<Vec<f32>>());
        let (confidences, without_match) = match calibration {
            None => (distances.map(|distances| challenge_confidence(&distances)).collect(), None),
            Some(calibration) => {
                let backgrounds = background_distances(&query_side, &corpus_side, self.metric.into())
                    .map_err(Failure::other)?;
                let unlike = backgrounds.iter().filter(|background| !calibration.knows(**background)).count();
                if unlike > 0 {
                    tracing::warn!(
                        "{unlike} of {} queries lie to this corpus unlike those that the calibration was fitted on: their confidences \
                         may be far off",
                        backgrounds.len()
                    );
                }
                let judged = distances.zip(backgrounds).map(|(distances, background)| {
                    let lacking = distances
                        .first()
                        .is_none_or(|&nearest| calibration.has_no_match(nearest, background));
                    (calibration.confidences(&distances, background), lacking)
                });
                let (confidences, without_match): (Vec<Vec<f32>>, Vec<bool>) = judged.unzip();
                (confidences, Some(without_match))
            }
        };
        Ok(Found { queries, corpus, neighbours, confidences, without_match })
    }

    fn report(
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
        if let Some(names) = prediction.without_match.as_ref().filter(|names| !names.is_empty()) {
            notes.push(format!("Probably without a match in the corpus: {}.", names.join(", ")));
        }
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

impl Confidence {
    fn explained(self) -> &'static str {
        match self {
            Self::Challenge => {
                "Confidence compares the matches of one query with each other: the nearest always has 1, and the others depend \
                 on how many matches were asked for. Distance compares across queries: 0 is the same picture."
            }
            Self::Calibrated => {
                "Confidence is the probability that a match is of the query's class, calibrated on labelled tiles. Distance \
                 compares across queries: 0 is the same picture."
            }
        }
    }
}

impl Metric {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cosine => "1 − cosine",
            Self::L2 => "Euclidean, of unit vectors",
        }
    }
}

impl Found<'_> {
    fn matches(&self, query: usize) -> impl Iterator<Item = (Neighbour, f32)> {
        self.neighbours[query].iter().copied().zip(self.confidences[query].iter().copied())
    }

    /// Names of the queries without a match.
    fn without_match(&self) -> Option<Vec<String>> {
        let lacking = self.queries.names().into_iter().zip(self.without_match.as_ref()?);
        Some(lacking.filter(|(_, lacks)| **lacks).map(|(name, _)| name.to_owned()).collect())
    }

    fn submission(&self) -> Submission {
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

    fn write_table(&self, path: &Path) -> Result<(), Failure> {
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

impl Prediction {
    pub(crate) fn summary(&self) -> String {
        let mut lines = vec![format!(
            "{} and {} embedded by {} ({}) in {:.2} s, searched in {:.3} s",
            score::counted(self.queries, "query", "queries"),
            score::counted(self.corpus, "corpus tile", "corpus tiles"),
            self.encoder,
            self.tier,
            self.embed_seconds,
            self.search_seconds
        )];
        if !self.skipped.is_empty() {
            lines.push(format!("{} could not be read and were skipped", tiles(self.skipped.len())));
        }
        if let Some(names) = self.without_match.as_ref().filter(|names| !names.is_empty()) {
            lines.push(format!("probably without a match: {}", names.join(", ")));
        }
        lines.push(format!("results: {}", self.results.display()));
        lines.extend(self.table.iter().map(|path| format!("table:   {}", path.display())));
        lines.extend(self.report.iter().map(|path| format!("report:  {}", path.display())));
        lines.join("\n")
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

/// A query that is itself in the corpus finds itself first, at distance 0.
fn warn_of_queries_in_the_corpus(queries: &EmbeddedFolder, corpus: &EmbeddedFolder) {
    let real = |tile: &TileFile| tile.path.canonicalize().ok();
    let corpus: HashSet<PathBuf> = corpus.tiles.iter().filter_map(real).collect();
    let both = queries.tiles.iter().filter_map(real).filter(|path| corpus.contains(path)).count();
    if both > 0 {
        let queries = score::counted(both, "query is", "queries are");
        tracing::warn!("{queries} in the corpus too: each finds itself first, at distance 0");
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

fn tiles(count: usize) -> String {
    score::counted(count, "tile", "tiles")
}
