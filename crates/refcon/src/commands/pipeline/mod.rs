//! `refcon pipeline`: from one file of settings to results: predict, or train and predict, or iterate and predict.

mod config;
mod folder;
mod guard;

use super::evaluate::Evaluate;
use super::iterate::iterate;
use super::predict::{Predict, Prediction};
use super::score::ScoreTable;
use super::settings;
use super::train::{failure, train_in, warn_of_leaks};
use crate::embedding::EncoderArguments;
use crate::failure::Failure;
use crate::output::Output;
use clap::Args;
use config::{Mode, PipelineConfig, PredictSettings};
use folder::{check_folder, settings_of};
use refcon_evaluation::Gold;
use refcon_library::{Submission, files};
use refcon_training::iteration::{Iteration, IterationConfig};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Matches of each query that the page shows.
const MATCHES_IN_REPORT: usize = 10;

const EXAMPLES: &str = "\
Settings: those of `refcon train` and, in their section `iteration`, of `refcon iterate`; and a section `predict`. Without data.train
nothing is trained, and `encoder` predicts; with it an encoder is trained and predicts; with iteration.unlabelled too, by iteration.

  encoder: texture
  predict: {query: test/query, corpus: test/image_corpus, k: 3, gold: gold.csv}

Examples:
  refcon pipeline pipeline-train --print-config > mine.yml    settings to start from; pipeline-predict and pipeline-iterate too
  refcon pipeline mine.yml -o results
  refcon pipeline mine.yml -o results-2 --set seed=1

Paths in the settings count from the folder that refcon is started in, wherever the file of settings lies.

The output folder gets results.json (the challenge's result file), results.csv, report.html, and with gold scores.json, evaluation.html and
evaluation.json; beside them `training`, the run, or `iteration`. It must be new, empty, or an earlier pipeline's; that one's results are
replaced. The same command goes on with a training that was stopped or killed.
The exit code is 0 only where it has predicted.";

/// Do the whole job of one file of settings: predict, or train and predict
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Pipeline {
    /// Settings: a YAML file, or those that come with the program: pipeline-predict, pipeline-train, pipeline-iterate
    #[arg(value_name = "CONFIG")]
    config: String,

    /// Folder for everything that comes out: a new one, an empty one, or this pipeline's
    #[arg(long, short, value_name = "DIR", default_value = "pipeline")]
    output: PathBuf,

    /// Any setting, such as `predict.k=10`; may be given several times
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,

    /// Print all settings as YAML, and do nothing
    #[arg(long)]
    print_config: bool,
}

/// Settings that come with the program: name and text of each.
const RECIPES: [(&str, &str); 3] = [
    ("pipeline-predict", include_str!("../../../../../configs/pipeline-predict.yml")),
    ("pipeline-train", include_str!("../../../../../configs/pipeline-train.yml")),
    ("pipeline-iterate", include_str!("../../../../../configs/pipeline-iterate.yml")),
];

/// What goes on with a pipeline that stopped or waits.
const GOES_ON: &str = "the same `refcon pipeline`";

/// An encoder, or why there is none yet.
enum Trained {
    Encoder(PathBuf),
    Waiting { text: String, told: Value, interrupted: bool },
}

/// What was done, for `--json`.
#[derive(Debug, Serialize)]
struct Done {
    mode: Mode,
    encoder: String,
    prediction: Prediction,
    scores: Option<Value>,
    evaluation: Option<Value>,
}

impl Pipeline {
    pub(crate) fn run(&self, output: &Output) -> Result<(), Failure> {
        let config =
            settings::understood(Some(&self.config), &RECIPES, &self.settings, PipelineConfig::parse)?;
        if self.print_config {
            return output.result(&config.to_yaml(), &config);
        }
        // What was interrupted is no result, whatever lies in the folder from before.
        self.done(&config, output).map_err(|failure| failure.or_go_on(GOES_ON))
    }

    fn done(&self, config: &PipelineConfig, output: &Output) -> Result<(), Failure> {
        let given = &self.config;
        let (mode, predict) = (config.mode(), &config.predict);
        let (Some(query), Some(corpus)) = (&predict.query, &predict.corpus) else {
            return Err(Failure::input(format!(
                "settings {given}: predict.query and predict.corpus are needed"
            )));
        };
        guard::never_trained_on(config, [query, corpus])
            .map_err(|problem| Failure::input(format!("settings {given}: {problem}")))?;
        let gold = predict.gold.as_deref().map(Gold::read).transpose().map_err(Failure::input)?;
        self.begin(config)?;
        if mode == Mode::TrainAndPredict {
            warn_of_leaks(&config.training.training);
        }
        let encoder = match mode {
            Mode::Predict => config.training.training.encoder.clone(),
            Mode::TrainAndPredict | Mode::IterateAndPredict => match self.trained(config, output)? {
                Trained::Encoder(folder) => folder.display().to_string(),
                Trained::Waiting { text, told, interrupted } => {
                    output.result(&text, &json!({ "mode": mode, "training": told }))?;
                    return Err(if interrupted {
                        Failure::Interrupted("interrupted before anything was predicted".into())
                    } else {
                        Failure::Waiting(format!(
                            "waiting for you, and nothing is predicted yet: {GOES_ON} goes on once you have looked"
                        ))
                    });
                }
            },
        };
        let devices = &config.training.training.device;
        let encoder = EncoderArguments::validating(encoder, devices, &predict.precision)?;
        let done = self.predicted(mode, predict, [query, corpus], &encoder, gold.as_ref(), output)?;
        output.result(&self.text(&done), &done)
    }

    /// Makes the output folder, or makes sure that what was trained there was trained with these settings.
    fn begin(&self, config: &PipelineConfig) -> Result<(), Failure> {
        // Unlike config.yml, a prediction leaves it alone.
        let trained = self.output.join("training.yml");
        let trains = config.mode() != Mode::Predict;
        if trains && (self.training().exists() || self.iteration().exists()) && trained.exists() {
            let before = IterationConfig::parse(&settings::read(&trained)?, &[])
                .map_err(|error| Failure::input(format!("{}: {error}", trained.display())))?;
            if before != config.training {
                return Err(Failure::input(format!(
                    "{} was trained with other settings (its training.yml); give another folder with -o",
                    self.output.display()
                )));
            }
        }
        let settings = settings_of(config);
        check_folder(&self.output, Path::new(&self.config), &settings)?;
        std::fs::create_dir_all(&self.output)
            .map_err(|error| Failure::output(format!("cannot make {}: {error}", self.output.display())))?;
        let write = |path: &Path, text: String| {
            files::write_whole(path, |out| out.write_all(text.as_bytes())).map_err(Failure::output)
        };
        // First: it says whose folder this is.
        write(&self.output.join(folder::SETTINGS), settings)?;
        if trains {
            write(&trained, config.training.to_yaml())?;
        }
        Ok(())
    }

    fn training(&self) -> PathBuf {
        self.output.join("training")
    }

    fn iteration(&self) -> PathBuf {
        self.output.join("iteration")
    }

    fn trained(&self, config: &PipelineConfig, output: &Output) -> Result<Trained, Failure> {
        let none = || Failure::other("the training wrote no encoder: it ended before its first validation");
        if config.mode() == Mode::TrainAndPredict {
            let trained = train_in(&self.training(), config.training.training.clone(), false, output)?;
            if trained.ending == "interrupted" {
                return Ok(Trained::Waiting {
                    text: trained.text(GOES_ON),
                    told: json!(trained),
                    interrupted: true,
                });
            }
            return trained.encoder.map(Trained::Encoder).ok_or_else(none);
        }
        let folder = self.iteration();
        let mut iteration = match folder.join("config.yml").exists() {
            true => Iteration::open(&folder),
            false => Iteration::create(&folder, config.training.clone(), false),
        }
        .map_err(failure)?;
        let iterated = iterate(&folder, &mut iteration, None, output)?;
        if iterated.waits() {
            let interrupted = iterated.ending == "interrupted";
            return Ok(Trained::Waiting { text: iterated.text(GOES_ON), told: json!(iterated), interrupted });
        }
        iterated.encoder.map(Trained::Encoder).ok_or_else(none)
    }

    fn predicted(
        &self,
        mode: Mode,
        settings: &PredictSettings,
        [query, corpus]: [&Path; 2],
        encoder: &EncoderArguments,
        gold: Option<&Gold>,
        output: &Output,
    ) -> Result<Done, Failure> {
        output.step("predicting");
        let predict = Predict {
            query: query.into(),
            corpus: corpus.into(),
            k: settings.k.0,
            output: self.output.join("results.json"),
            report: Some(self.output.join("report.html")),
            report_matches: MATCHES_IN_REPORT,
            table: Some(self.output.join("results.csv")),
            encoder: encoder.clone(),
            metric: settings.metric,
            confidence: settings.confidence,
            calibration: settings.calibration.clone(),
            gold: settings.gold.clone(),
            strict: false,
        };
        let prediction = predict.predict(output)?;
        let (mut scores, mut evaluation) = (None, None);
        if let (Some(gold), Some(path)) = (gold, &settings.gold) {
            let submission = Submission::read(&predict.output).map_err(Failure::input)?;
            scores = Some(ScoreTable::new(&submission, gold).map_err(Failure::input)?.json());
            let page = self.output.join("evaluation.html");
            let evaluate = Evaluate::of([query, corpus, path], encoder.clone(), settings.metric, page);
            evaluation = Some(evaluate.evaluate(output)?.1);
        }
        for (name, value) in [("scores.json", &scores), ("evaluation.json", &evaluation)] {
            let Some(value) = value else { continue };
            let text = serde_json::to_string_pretty(value).unwrap_or_default() + "\n";
            files::write_whole(&self.output.join(name), |out| out.write_all(text.as_bytes()))
                .map_err(Failure::output)?;
        }
        Ok(Done { mode, encoder: encoder.name().to_owned(), prediction, scores, evaluation })
    }

    fn text(&self, done: &Done) -> String {
        let mut lines = vec![format!("encoder: {}", done.encoder), done.prediction.summary()];
        let mean = |of: &Option<Value>, path: &str| of.as_ref()?.pointer(path)?.as_f64();
        let told = [
            ("weighted accuracy", mean(&done.scores, "/overall/weighted_accuracy_by_confidence/mean")),
            ("mAP", mean(&done.evaluation, "/scores/overall/mean_average_precision/mean")),
            ("MAP@R", mean(&done.evaluation, "/scores/overall/map_at_r/mean")),
        ];
        let told = told.into_iter().filter_map(|(name, value)| Some(format!("{name} {:.3}", value?)));
        let told = told.collect::<Vec<_>>().join(", ");
        if !told.is_empty() {
            lines
                .push(format!("scores:  {told} (scores.json, evaluation.html in {})", self.output.display()));
        }
        lines.join("\n")
    }
}
