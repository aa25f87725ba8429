//! Training runs: a folder each, below the one that the server was told of.

use crate::app::Shared;
use crate::blocking::blocking;
use crate::error::{ApiError, ErrorBody};
use crate::extract::Path;
use crate::wording::word;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use refcon_training::TrainError;
use refcon_training::runs::{Record, Run, RunSummary, read_records};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path as FilePath, PathBuf};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Numbers of a run that are answered, at most; the last ones.
const MOST_METRICS: usize = 200_000;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(metrics)).routes(routes!(report))
}

/// A training run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunView {
    /// Its name.
    pub name: String,
    /// `running`, `finished`, `interrupted`, `killed` or `failed`; `unknown` where its files cannot be read.
    pub status: String,
    /// Why they cannot.
    pub problem: Option<String>,
    /// How its encoder learns: `fine_tuning`, `masked_autoencoder` or `dino`.
    pub method: Option<String>,
    /// Seconds since 1970 when it was begun.
    pub started: Option<u64>,
    /// The encoder that it started from.
    pub encoder: Option<String>,
    /// Steps of the optimiser that were done.
    pub steps: u64,
    /// The best of its validations, by the measure that decides which encoder is kept.
    pub best: Option<BestView>,
    /// Whether it has a page.
    pub report: bool,
}

/// The best of a run's validations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BestView {
    /// The name that the measure is recorded under.
    pub measure: String,
    /// Its best value.
    pub value: f64,
    /// Whether a smaller value is better.
    pub smaller_is_better: bool,
}

/// A number of a training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MetricView {
    /// Steps of the optimiser that were done.
    pub step: u64,
    /// Epochs that were done.
    pub epoch: f64,
    /// `train/…`, `validation/…` or `learning_rate`.
    pub name: String,
    /// The number; `null` where it was none.
    pub value: Option<f64>,
}

/// The runs, oldest first; none where the server was told of no folder.
#[utoipa::path(get, path = "/api/runs", tag = "runs", responses(
    (status = 200, description = "The runs", body = Vec<RunView>),
    (status = 500, description = "The folder cannot be read", body = ErrorBody),
))]
async fn list(State(app): State<Shared>) -> Result<Json<Vec<RunView>>, ApiError> {
    let folder = app.runs.clone();
    blocking(move || {
        let mut runs: Vec<RunView> =
            runs_in(folder.as_deref())?.iter().map(|(name, run)| RunView::of(name, run)).collect();
        runs.sort_by(|a, b| (a.started, &a.name).cmp(&(b.started, &b.name)));
        Ok(Json(runs))
    })
    .await
}

/// The numbers of a run, by step and then by name.
#[utoipa::path(get, path = "/api/runs/{name}/metrics", tag = "runs", params(("name" = String, Path, description = "The run")), responses(
    (status = 200, description = "The numbers", body = Vec<MetricView>),
    (status = 404, description = "There is no such run", body = ErrorBody),
    (status = 500, description = "They cannot be read", body = ErrorBody),
))]
async fn metrics(
    State(app): State<Shared>,
    Path(name): Path<String>,
) -> Result<Json<Vec<MetricView>>, ApiError> {
    let folder = app.runs.clone();
    blocking(move || {
        let mut records = recorded(&run_called(folder.as_deref(), &name)?).map_err(ApiError::internal)?;
        records.drain(..records.len().saturating_sub(MOST_METRICS));
        Ok(Json(records.into_iter().map(MetricView::from).collect()))
    })
    .await
}

/// The page that a run drew at its end: curves, settings, how its best encoder does on the tiles that were held out. A file that needs
/// nothing else.
#[utoipa::path(get, path = "/api/runs/{name}/report.html", tag = "runs", params(("name" = String, Path, description = "The run")), responses(
    (status = 200, description = "The page", body = String, content_type = "text/html"),
    (status = 404, description = "There is no such run, or it has no page", body = ErrorBody),
    (status = 500, description = "It cannot be read", body = ErrorBody),
))]
async fn report(State(app): State<Shared>, Path(name): Path<String>) -> Result<impl IntoResponse, ApiError> {
    let folder = app.runs.clone();
    let page = blocking(move || {
        let path = page_of(&run_called(folder.as_deref(), &name)?).ok_or_else(|| {
            ApiError::not_found(format_args!("the run {name} has no page")).hint(format!(
                "a run draws it when it has finished; `refcon runs {name} --report` draws it now"
            ))
        })?;
        fs_err::read(path).map_err(ApiError::internal)
    })
    .await?;
    // Kept as a file, called as whoever asks for it likes: this server's policy lets no page of another make bring styles of its own.
    let headers =
        [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_DISPOSITION, "attachment")];
    Ok((headers, page))
}

/// The folders of runs, by name.
fn runs_in(folder: Option<&FilePath>) -> Result<BTreeMap<String, PathBuf>, ApiError> {
    let Some(folder) = folder else { return Ok(BTreeMap::new()) };
    let entries = match fs_err::read_dir(folder) {
        Ok(entries) => entries,
        // The first run makes it.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(ApiError::internal(error)),
    };
    let runs = entries.flatten().filter_map(|entry| {
        let is_run = entry.file_type().is_ok_and(|kind| kind.is_dir()) && Run::is_at(&entry.path());
        is_run.then(|| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
    });
    Ok(runs.collect())
}

/// The folder of a run. Only what was listed can be named: a name is compared, never made part of a path.
fn run_called(folder: Option<&FilePath>, name: &str) -> Result<PathBuf, ApiError> {
    runs_in(folder)?.remove(name).ok_or_else(|| {
        ApiError::not_found(format_args!("there is no run {name:?}")).hint("/api/runs lists them")
    })
}

/// The numbers of a run; one that was killed before its first step has none.
fn recorded(run: &FilePath) -> Result<Vec<Record>, TrainError> {
    let path = Run::open(run)?.0.metrics();
    if path.exists() { read_records(&path) } else { Ok(Vec::new()) }
}

fn page_of(run: &FilePath) -> Option<PathBuf> {
    Some(Run::open(run).ok()?.0.report()).filter(|page| page.is_file())
}

impl RunView {
    fn of(name: &str, run: &FilePath) -> Self {
        match RunSummary::read(run) {
            Ok(RunSummary { facts, best, steps, .. }) => Self {
                name: name.to_owned(),
                status: word(facts.state),
                problem: None,
                method: Some(word(facts.method)),
                started: Some(facts.started),
                encoder: facts.encoder.into_iter().next(),
                steps,
                best: facts.decisive.zip(best.filter(|best| best.is_finite())).map(|(decisive, value)| {
                    BestView {
                        measure: decisive.measure,
                        value,
                        smaller_is_better: decisive.smaller_is_better,
                    }
                }),
                report: page_of(run).is_some(),
            },
            // A run that is damaged, or of another version of the program, hides no other.
            Err(problem) => Self {
                name: name.to_owned(),
                status: "unknown".to_owned(),
                problem: Some(problem.to_string()),
                method: None,
                started: None,
                encoder: None,
                steps: 0,
                best: None,
                report: false,
            },
        }
    }
}

impl From<Record> for MetricView {
    fn from(Record { step, epoch, name, value, .. }: Record) -> Self {
        Self { step, epoch, name, value: Some(value).filter(|value| value.is_finite()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use refcon_training::runs::{Decisive, Facts, Method, RunState};

    /// A pretraining, judged by its loss on tiles that were held out.
    fn facts() -> Facts {
        Facts {
            name: String::new(),
            method: Method::MaskedAutoencoder,
            started: 7,
            state: RunState::Finished,
            seed: 42,
            data: "ab".into(),
            tiles: [90, 10],
            encoder: ["vit-compact".into(), "ab".into()],
            parameters: 1,
            code: "the tests".into(),
            device: "cpu".into(),
            precision: "f32".into(),
            test_data: Vec::new(),
            decisive: Some(Decisive { measure: "validation/reconstruction".into(), smaller_is_better: true }),
        }
    }

    fn line(step: u64, name: &str, value: &str) -> String {
        format!("{{\"step\":{step},\"epoch\":1.0,\"name\":\"{name}\",\"value\":{value}}}\n")
    }

    #[test]
    fn a_run_shows_the_best_of_what_decides_and_forgets_a_line_cut_short() {
        let runs = tempfile::tempdir().unwrap();
        let mut facts = facts();
        let run = Run::create(runs.path(), "seed: 42\n", &mut facts, "").unwrap();
        let lines = [
            line(1, "validation/reconstruction", "0.5"),
            line(1, "validation/rank", "0.9"),
            line(2, "validation/reconstruction", "0.25"),
            line(3, "validation/reconstruction", "null"),
            r#"{"step":4,"name":"validation/reco"#.to_owned(),
        ];
        std::fs::write(run.metrics(), lines.concat()).unwrap();
        std::fs::create_dir(runs.path().join("no-run")).unwrap();
        let found = runs_in(Some(runs.path())).unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), [&facts.name]);
        let view = RunView::of(&facts.name, run.folder());
        let best =
            BestView { measure: "validation/reconstruction".into(), value: 0.25, smaller_is_better: true };
        assert_eq!((view.best, view.steps, view.report), (Some(best), 3, false));
        let words = (view.status.as_str(), view.method.as_deref(), view.encoder.as_deref(), view.started);
        assert_eq!(words, ("finished", Some("masked_autoencoder"), Some("vit-compact"), Some(7)));
        let numbers: Vec<MetricView> =
            recorded(run.folder()).unwrap().into_iter().map(MetricView::from).collect();
        assert_eq!((numbers.len(), numbers[3].value), (4, None));
    }

    #[test]
    fn a_damaged_run_says_so_and_hides_no_other() {
        let runs = tempfile::tempdir().unwrap();
        Run::create(runs.path(), "seed: 42\n", &mut facts(), "").unwrap();
        let damaged = runs.path().join("quiet-salt-9");
        std::fs::create_dir(&damaged).unwrap();
        std::fs::write(damaged.join("config.yml"), "seed: 1\n").unwrap();
        std::fs::write(damaged.join("run.json"), "{").unwrap();
        let found = runs_in(Some(runs.path())).unwrap();
        let views: Vec<RunView> = found.iter().map(|(name, run)| RunView::of(name, run)).collect();
        assert_eq!(views.iter().filter(|view| view.status == "finished").count(), 1);
        let view = views.iter().find(|view| view.name == "quiet-salt-9").unwrap();
        assert_eq!(view.status, "unknown");
        assert!(view.problem.as_ref().is_some_and(|problem| problem.contains("run.json")), "{view:?}");
        assert!(recorded(&damaged).is_err());
    }
}
