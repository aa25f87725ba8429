//! Training runs: a folder each, below the one that the server was told of.

use crate::app::Shared;
use crate::blocking::blocking;
use crate::error::{ApiError, ErrorBody};
use crate::extract::Path;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path as FilePath, PathBuf};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What a run is.
const FACTS: &str = "run.json";
/// One number a line.
const METRICS: &str = "metrics.jsonl";
/// Numbers of a run that are answered, at most; the last ones.
const MOST_METRICS: usize = 200_000;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(metrics))
}

/// A training run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunView {
    /// Its name.
    pub name: String,
    /// `running`, `finished`, `interrupted` or `failed`; `unknown` where it does not say.
    pub status: String,
    /// Seconds since 1970 when it was begun.
    pub started: Option<u64>,
    /// The encoder that it started from.
    pub encoder: Option<String>,
    /// The best value of each validation metric: the lowest of a loss, the highest of all others.
    pub best: BTreeMap<String, f64>,
}

/// A number of a training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MetricView {
    /// Steps of the optimiser that were done.
    pub step: u64,
    /// Epochs that were done.
    pub epoch: Option<f64>,
    /// `train/…`, `validation/…` or `learning_rate`.
    pub name: String,
    /// The number; `null` where it was none.
    pub value: Option<f64>,
}

/// What of a run's facts is shown.
#[derive(Debug, Default, Deserialize)]
struct Facts {
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    started: Option<u64>,
    #[serde(default)]
    encoder: Value,
}

/// The runs, oldest first; none where the server was told of no folder.
#[utoipa::path(get, path = "/api/runs", tag = "runs", responses(
    (status = 200, description = "The runs", body = Vec<RunView>),
    (status = 500, description = "The folder cannot be read", body = ErrorBody),
))]
async fn list(State(app): State<Shared>) -> Result<Json<Vec<RunView>>, ApiError> {
    let Some(folder) = app.runs.clone() else { return Ok(Json(Vec::new())) };
    blocking(move || {
        let mut runs: Vec<RunView> = runs_in(&folder)?.iter().map(|(name, run)| view(name, run)).collect();
        runs.sort_by(|a, b| (a.started, &a.name).cmp(&(b.started, &b.name)));
        Ok(Json(runs))
    })
    .await
}

/// The numbers of a run in the order in which they were written.
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
        let runs = folder.map_or_else(|| Ok(BTreeMap::new()), |folder| runs_in(&folder))?;
        // Only what was listed can be named: a name is compared, never made part of a path.
        let run = runs.get(&name).ok_or_else(|| {
            ApiError::not_found(format_args!("there is no run {name:?}")).hint("/api/runs lists them")
        })?;
        let mut metrics = read_metrics(run);
        metrics.drain(..metrics.len().saturating_sub(MOST_METRICS));
        Ok(Json(metrics))
    })
    .await
}

/// The folders of runs, by name.
fn runs_in(folder: &FilePath) -> Result<BTreeMap<String, PathBuf>, ApiError> {
    let entries = match fs_err::read_dir(folder) {
        Ok(entries) => entries,
        // The first run makes it.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(ApiError::internal(error)),
    };
    let runs = entries.flatten().filter_map(|entry| {
        let is_run = entry.file_type().is_ok_and(|kind| kind.is_dir()) && entry.path().join(FACTS).is_file();
        is_run.then(|| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
    });
    Ok(runs.collect())
}

fn view(name: &str, run: &FilePath) -> RunView {
    let facts: Facts = std::fs::read(run.join(FACTS))
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    let encoder = match &facts.encoder {
        // Name and hash.
        Value::Array(parts) => parts.first().and_then(Value::as_str),
        other => other.as_str(),
    };
    let mut best: BTreeMap<String, f64> = BTreeMap::new();
    for metric in read_metrics(run) {
        let (true, Some(value)) = (metric.name.starts_with("validation/"), metric.value) else { continue };
        let lower_is_better = metric.name.contains("loss");
        let kept = best.entry(metric.name).or_insert(value);
        *kept = if lower_is_better { kept.min(value) } else { kept.max(value) };
    }
    RunView {
        name: name.to_owned(),
        status: facts.state.unwrap_or_else(|| "unknown".to_owned()),
        started: facts.started,
        encoder: encoder.map(str::to_owned),
        best,
    }
}

/// The numbers of a run. A last line that a kill cut short is left out.
fn read_metrics(run: &FilePath) -> Vec<MetricView> {
    let text = std::fs::read_to_string(run.join(METRICS)).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_shows_its_best_validation_and_forgets_a_line_cut_short() {
        let runs = tempfile::tempdir().unwrap();
        let run = runs.path().join("quiet-salt-3");
        std::fs::create_dir(&run).unwrap();
        std::fs::write(run.join(FACTS), r#"{"state":"finished","started":7,"encoder":["vit-b16","ab"]}"#)
            .unwrap();
        let lines = [
            r#"{"step":1,"epoch":0.5,"name":"validation/map_at_r","value":0.5}"#,
            r#"{"step":2,"epoch":1.0,"name":"validation/map_at_r","value":0.75,"seconds":1.0}"#,
            r#"{"step":2,"name":"validation/loss","value":0.25}"#,
            r#"{"step":3,"name":"validation/loss","value":null}"#,
            r#"{"step":3,"name":"validation/lo"#,
        ];
        std::fs::write(run.join(METRICS), lines.join("\n")).unwrap();
        std::fs::create_dir(runs.path().join("no-run")).unwrap();
        let found = runs_in(runs.path()).unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["quiet-salt-3"]);
        let view = view("quiet-salt-3", &run);
        let best = [("validation/loss".to_owned(), 0.25), ("validation/map_at_r".to_owned(), 0.75)];
        assert_eq!(view.best, BTreeMap::from(best));
        assert_eq!((view.encoder.as_deref(), view.started), (Some("vit-b16"), Some(7)));
        assert_eq!(read_metrics(&run).len(), 4);
    }
}
