//! `refcon iterate`: fine-tune, let the labelled tiles label others, fine-tune again.

use super::settings::{SettingsArguments, path_setting};
use super::train::{failure, train_in, warn_of_leaks};
use crate::embedding::{EncoderArguments, embed_tiles};
use crate::failure::Failure;
use crate::output::Output;
use clap::Args;
use refcon_evaluation::Gold;
use refcon_image::TileFile;
use refcon_training::fit::checkpoint::Exact;
use refcon_training::iteration::{Ending, Find, FindReport, Iteration, IterationConfig, Purity, Step};
use serde::Serialize;
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  refcon iterate --data train --unlabelled tiles
  refcon iterate --data train --unlabelled tiles --review -o salt   stop before each round, for your vetoes
  refcon iterate --resume salt                                      go on: after vetoes, a stop or a kill
  refcon iterate --data train --unlabelled tiles --set iteration.neighbours=5 --set iteration.curated_threshold=0.2
  refcon predict --encoder salt/best --query MY_TILES --corpus ALL_TILES -o results.json

Vetoes: a CSV with the column `file`, vetoes.csv in the iteration's folder (or `iteration.vetoes`). It holds names as found/round-N.json has
them; further columns are yours. A tile that stands there is never added, or is taken out again when the next round begins:

  file,why
  line-110/0042.png,no salt

Corpus and query folders are never labelled, nor trained on.

The exit code is 5 where it waits for you to look.";

/// Fine-tune again and again, on tiles that the labelled ones have labelled
///
/// The first training sees the labelled tiles alone. Then every tile of it gives its label to the unlabelled tiles nearest to it, by the
/// encoder just trained, where they are near enough; the next training sees both; and so on, until the validation gets no better. The
/// held-out tiles stay the same and label nothing; with --groups, no near-duplicate of one is trained on. Each round writes what it found
/// as JSON and pictures.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Iterate {
    #[command(flatten)]
    settings: SettingsArguments,

    /// Folder of tiles without labels (`iteration.unlabelled`)
    #[arg(long, value_name = "DIR")]
    unlabelled: Option<PathBuf>,

    /// Rounds after the first training, at most (`iteration.rounds`)
    #[arg(long, value_name = "N")]
    rounds: Option<u64>,

    /// Wait for a person before a round is trained on what it found (`iteration.review`): a terminal asks; without one the program ends,
    /// and --resume goes on
    #[arg(long)]
    review: bool,

    /// Folder of the iteration, made new
    #[arg(long, short, value_name = "DIR", default_value = "iteration")]
    output: PathBuf,

    /// Go on with this iteration; its own settings count
    #[arg(long, value_name = "DIR",
        conflicts_with_all = ["config", "data", "groups", "encoder", "device", "precision", "settings", "unlabelled", "rounds", "review",
            "output", "print_config", "allow_test_data"])]
    resume: Option<PathBuf>,

    /// True classes of the unlabelled tiles, to report how many labels are right: a CSV with the columns part (`image_corpus`), file, label;
    /// never used for finding or training
    #[arg(long, value_name = "FILE.csv")]
    gold: Option<PathBuf>,

    /// Print all settings as YAML, and do nothing
    #[arg(long)]
    print_config: bool,

    /// Take folders that look like test data all the same; the encoder will say so for ever
    #[arg(long)]
    allow_test_data: bool,
}

/// How an iteration stands, for `--json`.
#[derive(Debug, Serialize)]
pub(super) struct Iterated {
    iteration: PathBuf,
    /// `rounds`, `no_improvement`, `nothing_found`; `interrupted` or `review` where it can go on.
    pub(super) ending: &'static str,
    measure: String,
    rounds: Vec<Round>,
    best_round: usize,
    pub(super) encoder: Option<PathBuf>,
    /// What a person is to look at before it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    review: Option<Review>,
}

/// A round, for `--json`.
#[derive(Debug, Serialize)]
struct Round {
    round: usize,
    /// Best value of the measure; `None` for a round that has not been trained.
    validation: Option<f64>,
    /// Tiles that it was trained on beside the labelled ones: those found for it and for the rounds before, without vetoed ones.
    added: Option<usize>,
    /// Tiles that were found for it alone.
    found: usize,
    /// Of these, where gold is given.
    purity: Option<Purity>,
    purity_share: Option<f64>,
}

/// What is to be looked at.
#[derive(Debug, Serialize)]
struct Review {
    round: usize,
    report: PathBuf,
    pictures: Vec<PathBuf>,
    vetoes: PathBuf,
}

impl Iterate {
    pub(crate) fn run(&self, output: &Output) -> Result<(), Failure> {
        let gold = self.gold.as_deref().map(Gold::read).transpose().map_err(Failure::input)?;
        let (folder, mut iteration) = match &self.resume {
            Some(folder) => (folder, Iteration::open(folder).map_err(failure)?),
            None => {
                let config = self.settings.parsed(self.further(), IterationConfig::parse)?;
                if self.print_config {
                    return output.result(&config.to_yaml(), &config);
                }
                output.step("reading labelled and unlabelled tiles …");
                (
                    &self.output,
                    Iteration::create(&self.output, config, self.allow_test_data).map_err(failure)?,
                )
            }
        };
        let goes_on = format!("`refcon iterate --resume {}`", folder.display());
        let iterated = iterate(folder, &mut iteration, gold.as_ref(), output)
            .map_err(|failure| failure.or_go_on(&goes_on))?;
        output.result(&iterated.text(&goes_on), &iterated)?;
        match iterated.review {
            Some(_) => {
                Err(Failure::Waiting(format!("waiting for you: {goes_on} goes on once you have looked")))
            }
            None => Ok(()),
        }
    }

    fn further(&self) -> Vec<String> {
        let mut further = Vec::new();
        further.extend(self.unlabelled.as_deref().map(|path| path_setting("iteration.unlabelled", path)));
        further.extend(self.rounds.map(|rounds| format!("iteration.rounds={rounds}")));
        further.extend(self.review.then(|| "iteration.review=true".to_owned()));
        further
    }
}

/// Does what an iteration asks for until it has ended or has to wait.
pub(super) fn iterate(
    folder: &Path,
    iteration: &mut Iteration,
    gold: Option<&Gold>,
    output: &Output,
) -> Result<Iterated, Failure> {
    let pool = iteration.pool();
    output.step(&format!(
        "iteration {}: {} labelled tiles to train on, {} held out, {} unlabelled ({} copies and {} near-duplicates of held-out tiles left \
         out)",
        folder.display(),
        iteration.labelled().training.len(),
        iteration.labelled().held_out.len(),
        pool.tiles.len(),
        pool.copies,
        pool.near_held_out
    ));
    if pool.ungrouped > 0 {
        tracing::warn!(
            "{} unlabelled tiles are not in the groups' table: near-duplicates of held-out tiles among them are not known",
            pool.ungrouped
        );
    }
    warn_of_leaks(&iteration.config().training);
    loop {
        match iteration.next_step().map_err(failure)? {
            Step::Train(round) => {
                output.step(&format!("round {round}: training"));
                let allowed = iteration.allows_test_data();
                let trained =
                    train_in(&iteration.run_folder(round), iteration.training(round), allowed, output)?;
                if trained.ending == "interrupted" {
                    return Iterated::of(folder, iteration, "interrupted", gold, None);
                }
                iteration.trained(round, trained.best).map_err(failure)?;
            }
            Step::Find(find) => {
                let report = found(iteration, &find, output)?;
                output.step(&told(&report, gold));
            }
            Step::Review(round) => {
                let review = review_of(iteration, round)?;
                let at_terminal = std::io::stdin().is_terminal() && !output.json;
                let goes_on = at_terminal && asked(&review)?;
                if goes_on || !at_terminal {
                    // Without a terminal nobody can answer now; going on with it later is the answer.
                    iteration.shown(round).map_err(failure)?;
                }
                if !goes_on {
                    return Iterated::of(folder, iteration, "review", gold, Some(review));
                }
            }
            Step::Done(ending) => {
                let ending = match ending {
                    Ending::Rounds => "rounds",
                    Ending::NoImprovement => "no_improvement",
                    Ending::NothingFound => "nothing_found",
                };
                return Iterated::of(folder, iteration, ending, gold, None);
            }
        }
    }
}

/// Embeds both sides and lets the iteration assign.
fn found(iteration: &Iteration, find: &Find, output: &Output) -> Result<FindReport, Failure> {
    let config = iteration.config();
    let training = &config.training;
    let encoder = find.encoder.display().to_string();
    let encoder = EncoderArguments::validating(encoder, &training.device, &training.precision)?.open()?;
    let embed = |files: &[TileFile], folder: &Option<PathBuf>, strict, what| {
        embed_tiles(files, folder.as_deref().unwrap_or(Path::new("")), &*encoder, strict, what, output)
    };
    let queries = embed(&find.queries, &training.data.train, true, "embedding labelled tiles")?;
    let tiles = embed(&find.tiles, &config.iteration.unlabelled, false, "embedding unlabelled tiles")?;
    iteration
        .find(find.round, (&queries.tiles, &queries.embeddings), (&tiles.tiles, &tiles.embeddings))
        .map_err(failure)
}

fn told(report: &FindReport, gold: Option<&Gold>) -> String {
    let purity = gold.map(|gold| Purity::of(&report.found, gold));
    let purity = purity.and_then(|purity| Some(format!(", {:.3} of the labels right", purity.share()?)));
    format!(
        "round {}: {} of {} unlabelled tiles found{}",
        report.round,
        report.found.len(),
        report.searched,
        purity.unwrap_or_default()
    )
}

fn review_of(iteration: &Iteration, round: usize) -> Result<Review, Failure> {
    let report = iteration.report(round);
    let found = iteration.found(round).map_err(failure)?;
    let pictures = found.into_iter().flat_map(|found| found.pictures);
    let pictures = pictures.map(|name| report.with_file_name(name)).collect();
    Ok(Review { round, report, pictures, vetoes: iteration.vetoes() })
}

/// Lets a person at a terminal look and veto; false where they want to do that later.
fn asked(review: &Review) -> Result<bool, Failure> {
    eprint!(
        "{}\nEnter goes on with what is not vetoed then, anything else ends the program for now: ",
        review.text()
    );
    let mut answer = String::new();
    std::io::stderr()
        .flush()
        .and_then(|()| std::io::stdin().lock().read_line(&mut answer))
        .map_err(Failure::other)?;
    Ok(!answer.is_empty() && answer.trim().is_empty())
}

impl Review {
    fn text(&self) -> String {
        let pictures: Vec<String> = self.pictures.iter().map(|path| path.display().to_string()).collect();
        format!(
            "round {} wants to train on what it found.\n  look at:  {}\n  the list: {}\n  vetoes:   names of tiles that must not be \
             added go into {}, below a line `file`",
            self.round,
            if pictures.is_empty() { "no pictures".into() } else { pictures.join(", ") },
            self.report.display(),
            self.vetoes.display()
        )
    }
}

impl Iterated {
    fn of(
        folder: &Path,
        iteration: &Iteration,
        ending: &'static str,
        gold: Option<&Gold>,
        review: Option<Review>,
    ) -> Result<Self, Failure> {
        let mut rounds = Vec::new();
        for round in 0.. {
            let done = iteration.rounds().get(round);
            let report = iteration.found(round).map_err(failure)?;
            if done.is_none() && report.is_none() {
                break;
            }
            let purity = report.as_ref().and_then(|report| gold.map(|gold| Purity::of(&report.found, gold)));
            rounds.push(Round {
                round,
                validation: done.and_then(|done| done.validation).map(|Exact(value)| value),
                added: done.map(|done| done.added),
                found: report.map_or(0, |report| report.found.len()),
                purity,
                purity_share: purity.and_then(|purity| purity.share()),
            });
        }
        Ok(Self {
            iteration: folder.into(),
            ending,
            measure: iteration.measure(),
            rounds,
            best_round: iteration.best_round(),
            encoder: Some(iteration.best_encoder()).filter(|folder| folder.exists()),
            review,
        })
    }

    /// Whether it can go on, but not now.
    pub(super) fn waits(&self) -> bool {
        ["interrupted", "review"].contains(&self.ending)
    }

    /// How it stands, and what goes on with one that was stopped or waits.
    pub(super) fn text(&self, goes_on: &str) -> String {
        let titles = ["round", "found", "right", "all added", self.measure.as_str()];
        let [round, found, right, added, measure] = titles;
        let mut lines = vec![format!("{round:>5}  {found:>7}  {right:>7}  {added:>9}  {measure}")];
        let told = |value: Option<String>| value.unwrap_or_else(|| "–".into());
        for round in &self.rounds {
            lines.push(format!(
                "{:>5}  {:>7}  {:>7}  {:>9}  {}",
                round.round,
                round.found,
                told(round.purity_share.map(|share| format!("{share:.3}"))),
                told(round.added.map(|added| added.to_string())),
                told(round.validation.map(|value| format!("{value:.4}")))
            ));
        }
        lines.push(match self.ending {
            "rounds" => "done: all rounds".into(),
            "no_improvement" => "done: the last round's validation was no better".into(),
            "nothing_found" => "done: nothing was found that was not added before".into(),
            "interrupted" => format!("stopped; {goes_on} goes on"),
            _ => format!("waiting for you to look; {goes_on} goes on then"),
        });
        lines.extend(self.review.as_ref().map(Review::text));
        if let Some(encoder) = &self.encoder {
            lines.push(format!(
                "best round {}; encoder: {} (for --encoder)",
                self.best_round,
                encoder.display()
            ));
        }
        lines.join("\n")
    }
}
