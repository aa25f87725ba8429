//! `refcon predict`: ranked look-alikes for a folder of queries.

mod options;
mod outputs;
mod report;

pub(crate) use options::{Confidence, MatchCount, Metric};
pub(crate) use report::{Pictures, folder_name};

use crate::commands::score;
use crate::embedding::{EmbeddedFolder, EncoderArguments, embed_folder};
use crate::failure::Failure;
use crate::output::Output;
use clap::Args;
use outputs::Found;
use refcon_evaluation::calibration::background_distances;
use refcon_evaluation::{Calibration, Gold};
use refcon_image::TileFile;
use refcon_library::{challenge_confidence, files};
use serde::Serialize;
use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Instant;

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
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = at_least_one)]
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

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&count| count > 0).ok_or_else(|| "expected a number of at least 1".into())
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
}

impl Prediction {
    /// Which queries are further from their nearest tile than those of a class that is there mostly are.
    fn lacking(&self) -> Option<String> {
        let names = self.without_match.as_ref().filter(|names| !names.is_empty())?;
        Some(format!(
            "The corpus may have nothing like {}: the nearest tile is further away than the calibration promises for. \
             The confidences of their matches hold only if there is something.",
            names.join(", ")
        ))
    }

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
            let skipped = score::counted(
                self.skipped.len(),
                "tile could not be read and was skipped",
                "tiles could not be read and were skipped",
            );
            lines.push(skipped);
        }
        lines.extend(self.lacking());
        lines.push(format!("results: {}", self.results.display()));
        lines.extend(self.table.iter().map(|path| format!("table:   {}", path.display())));
        lines.extend(self.report.iter().map(|path| format!("report:  {}", path.display())));
        lines.join("\n")
    }
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

fn tiles(count: usize) -> String {
    score::counted(count, "tile", "tiles")
}
