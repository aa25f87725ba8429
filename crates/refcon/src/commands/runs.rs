//! `refcon runs`: which trainings there were, and how they compare.

mod report;

pub(crate) use report::{curves, draw};

use crate::commands::train::failure;
use crate::failure::Failure;
use crate::output::Output;
use clap::Args;
use refcon_training::runs::{Method, Run, RunSummary, list_runs};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// List trainings, or compare some of them
///
/// Without names every run of the folder is listed; with several, the settings in which they differ are shown below. The best is that of
/// all validations, by the measure that decides which encoder is kept.
#[derive(Debug, Args)]
pub(crate) struct Runs {
    /// Names of runs to compare
    #[arg(value_name = "RUN")]
    names: Vec<String>,

    /// Also draw the page of each run anew (`report.html` in its folder): curves, settings, how its best encoder does
    #[arg(long, requires = "names")]
    report: bool,

    /// Folder of the runs
    #[arg(long, value_name = "DIR", default_value = "runs")]
    runs: PathBuf,
}

impl Runs {
    pub(crate) fn run(&self, output: &Output) -> Result<(), Failure> {
        let all = list_runs(&self.runs).map_err(failure)?;
        if all.is_empty() {
            return Err(Failure::input(format!(
                "no runs in {}; `refcon train` makes them",
                self.runs.display()
            )));
        }
        let chosen: Vec<RunSummary> = match self.names.as_slice() {
            [] => all,
            names => names.iter().map(|name| named(&all, name)).collect::<Result<_, _>>()?,
        };
        let pages = if self.report {
            let drawn = chosen.iter().map(|run| draw(&self.runs.join(&run.facts.name), output));
            drawn.collect::<Result<Vec<PathBuf>, Failure>>()?
        } else {
            Vec::new()
        };
        let mut lines = vec![format!(
            "{:<24} {:<11} {:<18} {:<24} {:>7} {:>10}  {}",
            "run", "state", "encoder", "loss", "steps", "train loss", "best"
        )];
        lines.extend(chosen.iter().map(line));
        if !self.names.is_empty() {
            lines.extend(differences(&chosen));
        }
        lines.extend(pages.iter().map(|page| format!("page: {}", page.display())));
        let object = |run: &RunSummary| json!({"run": run.facts, "config": run.settings, "steps": run.steps, "last": run.last, "best": run.best});
        let objects: Vec<Value> = chosen.iter().map(object).collect();
        output.result(&lines.join("\n"), &objects)
    }
}

/// The folder of a run that is given by its path, or by its name among `runs`.
pub(crate) fn folder_of(given: &Path, runs: &Path) -> PathBuf {
    let named = runs.join(given);
    let is_name = given.components().count() == 1;
    if is_name && !Run::is_at(given) && Run::is_at(&named) { named } else { given.into() }
}

fn named(all: &[RunSummary], name: &str) -> Result<RunSummary, Failure> {
    let wanted = name.trim_end_matches('/').rsplit('/').next().unwrap_or(name);
    let found = all.iter().find(|run| run.facts.name == wanted).cloned();
    found.ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|run| run.facts.name.as_str()).collect();
        Failure::input(format!("no run {wanted}: found {}", names.join(", ")))
    })
}

fn line(run: &RunSummary) -> String {
    let number = |value: Option<f64>| value.map_or("–".into(), |value| format!("{value:.4}"));
    let kind = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let loss = match run.facts.method {
        Method::FineTuning => kind(&run.settings["loss"]["kind"]),
        Method::MaskedAutoencoder => "masked_autoencoder".into(),
        Method::Dino => "dino".into(),
    };
    let best = run.facts.decisive.as_ref().zip(run.best);
    let best = best.map(|(by, best)| format!("{} {best:.4}", by.measure.trim_start_matches("validation/")));
    format!(
        "{:<24} {:<11} {:<18} {:<24} {:>7} {:>10}  {}",
        run.facts.name,
        kind(&json!(run.facts.state)),
        run.facts.encoder[0],
        loss,
        run.steps,
        number(run.last.get("train/epoch_loss").copied()),
        best.unwrap_or_else(|| "–".into())
    )
}

/// A line for each setting that is not the same in all runs.
fn differences(runs: &[RunSummary]) -> Vec<String> {
    let settings: Vec<BTreeMap<String, String>> = runs.iter().map(|run| flat(&run.settings)).collect();
    let mut keys: Vec<&String> = settings.iter().flat_map(BTreeMap::keys).collect();
    keys.sort();
    keys.dedup();
    let value =
        |of: &BTreeMap<String, String>, key: &String| of.get(key).cloned().unwrap_or_else(|| "–".into());
    keys.into_iter()
        .filter_map(|key| {
            let values: Vec<String> = settings.iter().map(|of| value(of, key)).collect();
            values
                .iter()
                .any(|other| *other != values[0])
                .then(|| format!("  {key:<32} {}", values.join("  |  ")))
        })
        .collect()
}

/// Every setting by its whole key.
fn flat(value: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![(String::new(), value)];
    while let Some((key, value)) = open.pop() {
        match value {
            Value::Object(section) => {
                let inside =
                    |name: &String| if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                open.extend(section.iter().map(|(name, value)| (inside(name), value)));
            }
            value => drop(found.insert(key, value.to_string())),
        }
    }
    found
}
