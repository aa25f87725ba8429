//! `refcon evaluate`: how well an encoder finds tiles of known classes, and how much its confidences can be trusted.

mod page;
mod text;

use crate::commands::predict::Metric;
use crate::commands::runs::curves;
use crate::commands::score::ScoreTable;
use crate::destination;
use crate::embedding::{EmbeddedFolder, EncoderArguments, embed_folder};
use crate::failure::Failure;
use crate::output::Output;
use clap::Args;
use refcon_encoders::Encoder;
use refcon_evaluation::calibration::Assessment;
use refcon_evaluation::{
    Calibration, Confusion, Gold, Groups, LabelledEmbeddings, Outcome, Ranking, evaluate, fit_calibration,
    rank_labelled,
};
use refcon_image::TileFile;
use refcon_library::files;
use refcon_training::dataset::test_data_at;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Precision that a calibration's threshold promises, unless the user says otherwise.
pub(crate) const PRECISION_TARGET: f64 = 0.9;

/// Measure how well an encoder finds tiles of known classes, and calibrate its confidences
///
/// Ranks the whole corpus for every query, and prints retrieval metrics with 95 % bootstrap intervals, per class and macro, the
/// classes of the nearest tiles, and whether confidences mean what they say. With --train, a calibration is fitted on those
/// tiles (a folder a class; tiles of one near-duplicate group are never compared with each other) and its confidences are
/// held against queries and corpus, which it has not seen. The classes of --gold are used for scoring only.
#[derive(Debug, Args)]
pub(crate) struct Evaluate {
    /// Folder of tiles that show what is looked for
    #[arg(long, value_name = "DIR")]
    query: PathBuf,

    /// Folder of tiles to search in
    #[arg(long, value_name = "DIR")]
    corpus: PathBuf,

    /// True classes: a CSV with the columns part (`query` or `image_corpus`), file and label
    #[arg(long, value_name = "FILE.csv")]
    gold: PathBuf,

    /// Folder of labelled tiles, a subfolder a class, to fit a calibration on
    #[arg(long, value_name = "DIR")]
    train: Option<PathBuf>,

    /// Fit on folders of test data too (query, corpus, test, …)
    #[arg(long, requires = "train")]
    allow_test_data: bool,

    /// Near-duplicate groups of the training tiles: a CSV with the columns `path` and `near_duplicate_group`
    #[arg(long, value_name = "FILE.csv", requires = "train")]
    groups: Option<PathBuf>,

    /// A calibration that was fitted before, instead of --train
    #[arg(long, value_name = "FILE.json", conflicts_with = "train")]
    calibration: Option<PathBuf>,

    /// Write the calibration that was fitted, for `refcon predict --confidence calibrated`
    #[arg(long, value_name = "FILE.json", requires = "train")]
    save_calibration: Option<PathBuf>,

    /// Precision that the calibration's threshold promises of nearest matches
    #[arg(long, value_name = "SHARE", default_value_t = PRECISION_TARGET, value_parser = share, requires = "train")]
    precision_target: f64,

    /// Also write a page with all of it and its pictures
    #[arg(long, short = 'o', value_name = "FILE.html")]
    output: Option<PathBuf>,

    /// Also draw the training curves of this run (its folder) on the page
    #[arg(long, value_name = "RUN", requires = "output")]
    run: Option<PathBuf>,

    #[command(flatten)]
    encoder: EncoderArguments,

    /// How embeddings are compared, after scaling them to length 1
    #[arg(long, value_enum, default_value_t = Metric::Cosine)]
    metric: Metric,

    /// Stop at the first tile that cannot be read, instead of skipping it
    #[arg(long)]
    strict: bool,
}

/// A share between 0 and 1.
fn share(text: &str) -> Result<f64, String> {
    let expected = || "expected a number above 0 and below 1".to_owned();
    text.parse().ok().filter(|share| *share > 0.0 && *share < 1.0).ok_or_else(expected)
}

/// Embedded tiles and the class of each.
pub(super) struct Side {
    pub(super) folder: EmbeddedFolder,
    pub(super) classes: Vec<String>,
}

impl Side {
    pub(super) fn labelled<'a>(&'a self, groups: Option<&'a [u64]>) -> LabelledEmbeddings<'a> {
        LabelledEmbeddings { embeddings: &self.folder.embeddings, classes: &self.classes, groups }
    }
}

/// Everything that was found.
pub(super) struct Evaluated {
    query: Side,
    corpus: Side,
    rankings: Vec<Ranking>,
    outcomes: Vec<Outcome>,
    scores: ScoreTable,
    confusion: Confusion,
    calibration: Option<Calibration>,
    assessment: Assessment,
}

impl Evaluate {
    pub(crate) fn run(&self, output: &Output) -> Result<(), Failure> {
        let (text, result) = self.evaluate(output)?;
        output.result(&text, &result)
    }

    /// Of queries and corpus with one encoder: a page, and all of it as JSON.
    pub(crate) fn of(
        [query, corpus, gold]: [&Path; 3],
        encoder: EncoderArguments,
        metric: Metric,
        page: PathBuf,
    ) -> Self {
        Self {
            query: query.into(),
            corpus: corpus.into(),
            gold: gold.into(),
            train: None,
            allow_test_data: false,
            groups: None,
            calibration: None,
            save_calibration: None,
            precision_target: PRECISION_TARGET,
            output: Some(page),
            run: None,
            encoder,
            metric,
            strict: false,
        }
    }

    /// Evaluates, writes what was asked for, and gives the result as text and JSON.
    pub(crate) fn evaluate(&self, output: &Output) -> Result<(String, Value), Failure> {
        self.check_outputs()?;
        let gold = Gold::read(&self.gold).map_err(Failure::input)?;
        let curves = self.run.as_deref().map_or_else(|| Ok(Vec::new()), curves)?;
        let encoder = self.encoder.open()?;
        let saved = self.calibration.as_deref().map(Calibration::read).transpose().map_err(Failure::input)?;
        if let Some(calibration) = &saved {
            calibration.check(encoder.id(), self.metric.into()).map_err(Failure::input)?;
        }
        let query = self.embedded(&self.query, &*encoder, "embedding queries", output)?;
        let corpus = self.embedded(&self.corpus, &*encoder, "embedding the corpus", output)?;
        let query =
            Side { classes: gold.classes_of_queries(&query.names()).map_err(Failure::input)?, folder: query };
        let corpus = Side {
            classes: gold.classes_of_corpus(&corpus.names()).map_err(Failure::input)?,
            folder: corpus,
        };
        let calibration = match &self.train {
            Some(train) => Some(self.fit(train, &*encoder, output)?),
            None => saved,
        };
        let evaluated = Evaluated::of(query, corpus, calibration, self.metric)?;
        if let (Some(path), Some(calibration)) = (&self.save_calibration, &evaluated.calibration) {
            calibration.write(path).map_err(Failure::output)?;
        }
        if let Some(path) = &self.output {
            output.step("drawing the page");
            let page = self.report(&evaluated, &*encoder, curves)?.to_html();
            files::write_whole(path, |out| out.write_all(page.as_bytes())).map_err(Failure::output)?;
        }
        Ok((self.text(&evaluated), self.json(&evaluated, &*encoder)))
    }

    fn check_outputs(&self) -> Result<(), Failure> {
        let outputs = [&self.output, &self.save_calibration];
        let inputs = [Some(&self.gold), self.groups.as_ref(), self.calibration.as_ref()];
        destination::check(outputs.into_iter().flatten(), inputs.into_iter().flatten())?;
        let real = |path: &Path| path.canonicalize().ok();
        if let Some(train) = &self.train
            && [&self.query, &self.corpus].into_iter().any(|test| real(test) == real(train))
        {
            return Err(Failure::usage(format!(
                "{} is given to fit on and to evaluate on; a calibration is worth nothing on tiles that it has seen",
                train.display()
            )));
        }
        Ok(())
    }

    fn embedded(
        &self,
        folder: &Path,
        encoder: &dyn Encoder,
        what: &'static str,
        output: &Output,
    ) -> Result<EmbeddedFolder, Failure> {
        let embedded = embed_folder(folder, encoder, self.strict, what, output)?;
        Ok(EmbeddedFolder { embeddings: embedded.embeddings.normalised(), ..embedded })
    }

    /// A calibration fitted on a training folder.
    fn fit(&self, train: &Path, encoder: &dyn Encoder, output: &Output) -> Result<Calibration, Failure> {
        let folder = self.embedded(train, encoder, "embedding training tiles", output)?;
        let groups = match &self.groups {
            Some(path) => {
                let groups = Groups::read(path).map_err(Failure::input)?;
                Some(groups.of_tiles(train, &folder.names()).map_err(Failure::input)?)
            }
            None => {
                tracing::warn!(
                    "no --groups: near-duplicates among the training tiles, where there are any, make the calibration too sure"
                );
                None
            }
        };
        let class = |tile: &TileFile| match tile.name.split_once('/') {
            Some((class, _)) => Ok(class.to_owned()),
            None => Err(Failure::input(format!(
                "the training tile {} lies in no class's folder; expected a subfolder a class, such as {}/Salt/{}",
                tile.path.display(),
                train.display(),
                tile.name
            ))),
        };
        let classes: Vec<String> = folder.tiles.iter().map(class).collect::<Result<_, _>>()?;
        if let Some(sign) = test_data_at(train, &classes).filter(|_| !self.allow_test_data) {
            return Err(Failure::input(format!(
                "{} looks like test data: {sign}; a calibration fitted on what is tested with is worth nothing. Give the training \
                 tiles, or --allow-test-data where they are",
                train.display()
            )));
        }
        let tiles = Side { folder, classes };
        output.step("fitting the calibration");
        fit_calibration(tiles.labelled(groups.as_deref()), self.metric.into(), self.precision_target)
            .map_err(|error| Failure::input(format!("{}: {error}", train.display())))
    }
}

impl Evaluated {
    pub(super) fn of(
        query: Side,
        corpus: Side,
        calibration: Option<Calibration>,
        metric: Metric,
    ) -> Result<Self, Failure> {
        let rankings = rank_labelled(query.labelled(None), corpus.labelled(None), metric.into())
            .map_err(Failure::other)?;
        let outcomes: Vec<Outcome> =
            rankings.iter().zip(query.folder.names()).map(|(ranking, name)| ranking.outcome(name)).collect();
        Ok(Self {
            scores: ScoreTable::of(evaluate(&outcomes)),
            confusion: Confusion::of(&outcomes),
            assessment: Assessment::of(&rankings, calibration.as_ref()),
            query,
            corpus,
            rankings,
            outcomes,
            calibration,
        })
    }
}
