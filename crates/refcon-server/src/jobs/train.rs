//! Training a head on the server's encoder, as a job.

use super::labelled_tiles::LabelledTiles;
use super::{Job, TrainRequest, Work};
use crate::app::Shared;
use crate::error::ApiError;
use crate::server::Training;
use refcon_training::config::{Config, Data, Stopping};
use refcon_training::fit::{Ending, Event, fit};
use refcon_training::metric_learning::{Prepared, RunPlace, begin_run, plan, prepare};
use refcon_training::runs::{Run, RunState};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::runtime::Handle;

/// Epochs that a request may ask for.
const MOST_EPOCHS: u64 = 1000;

/// Of fewer held-out tiles a measure is mostly chance.
const FEW_HELD_OUT: usize = 20;

/// What is trained on.
enum Tiles {
    /// The labels that were given on the page; the runtime gets their pictures.
    Labelled(Handle),
    /// A folder of class folders.
    Folder(PathBuf),
}

/// What is to be done.
struct Asked {
    tiles: Tiles,
    runs: PathBuf,
    training: Training,
    epochs: Option<u64>,
    seed: Option<u64>,
}

/// What is to be done, and what to call it. To be called on the runtime's threads.
pub(super) fn work(app: &Shared, request: &TrainRequest) -> Result<(String, Work), ApiError> {
    let (Some(runs), Some(training)) = (app.runs.clone(), app.training.clone()) else {
        return Err(ApiError::bad_request("this server has no folder for the runs of trainings")
            .hint("start it with --runs DIR"));
    };
    if let Some(epochs) = request.epochs
        && !(1..=MOST_EPOCHS).contains(&epochs)
    {
        return Err(ApiError::bad_request(format_args!("{epochs} epochs: expected 1 to {MOST_EPOCHS}")));
    }
    let (title, tiles) = find(app, request.path.as_deref())?;
    let asked = Asked { tiles, runs, training, epochs: request.epochs, seed: request.seed };
    let app = Arc::clone(app);
    let work = move |job: &Job| train(&app, job, asked).map_err(|error| error.to_string());
    Ok((title, Box::new(work)))
}

fn find(app: &Shared, path: Option<&str>) -> Result<(String, Tiles), ApiError> {
    let Some(name) = path else {
        let classes: BTreeSet<String> = app.labels.all().into_values().collect();
        if classes.len() < 2 {
            let found = classes.first().map_or("none", String::as_str);
            return Err(ApiError::bad_request(format_args!("labels of one class at most ({found})")).hint(
                "training sets classes apart: give tiles of two classes or more their labels, some of each",
            ));
        }
        return Ok(("train on the labels".into(), Tiles::Labelled(Handle::current())));
    };
    let folder = app.surveys.folders().find(name).filter(|path| path.is_dir()).ok_or_else(|| {
        ApiError::not_found(format_args!("there is no folder {name:?} in the survey folders"))
            .hint("give its path below a folder that the server was started with (--survey-folder)")
    })?;
    Ok((format!("train on {name}"), Tiles::Folder(folder)))
}

type Failed = Box<dyn std::error::Error>;

fn train(app: &Shared, job: &Job, asked: Asked) -> Result<String, Failed> {
    let Asked { tiles, runs, training, epochs, seed } = asked;
    let Training { encoder, device, precision, code, draw_report } = training;
    let (folder, mut written) = match tiles {
        Tiles::Folder(folder) => (folder, None),
        Tiles::Labelled(runtime) => {
            let written = LabelledTiles::write(app, job, &runtime, &runs)?;
            (written.tiles(), Some(written))
        }
    };
    if job.is_to_stop() {
        return Ok("stopped before the training began".into());
    }
    let standard = Config::default();
    let config = Config {
        seed: seed.unwrap_or(standard.seed),
        encoder,
        device,
        precision,
        data: Data { train: Some(folder), ..standard.data },
        stopping: Stopping { epochs: epochs.unwrap_or(standard.stopping.epochs), ..standard.stopping },
        ..standard
    };
    job.log("reading tiles and opening the encoder");
    let ready = prepare(config, false)?;
    let (mut run, mut facts) = begin_run(&ready, RunPlace::Below(&runs), code)?;
    // From here on the run can be gone on with, and needs its tiles.
    written.iter_mut().for_each(LabelledTiles::keep);
    let [training, held_out] = facts.tiles;
    job.log(format!(
        "run {}: {} trained numbers on {}, {training} tiles to train on, {held_out} held out",
        facts.name, facts.parameters, facts.encoder[0]
    ));
    let Prepared { config, mut task, network, .. } = ready;
    let plan = plan(&config);
    task.set_title(&facts.name);
    let trained = fit(&mut task, network, &plan, &mut run, job.stop_flag(), &mut |event| tell(job, event));
    let noted = run.write_ending(&mut facts, &trained);
    let (ending, progress) = trained?;
    noted?;
    if facts.state == RunState::Finished {
        if run.has_report() {
            job.log("drawing its page");
            let drawn = draw_report(run.folder());
            // The encoder is there all the same.
            job.log(drawn.map_or_else(
                |problem| format!("the run has no page: {problem}"),
                |page| format!("page: {}", page.display()),
            ));
        }
        // Nothing is left to go on with; the page was the last to look at the tiles.
        written.into_iter().for_each(LabelledTiles::remove);
    }
    Ok(match (ending, progress.best) {
        (Ending::Interrupted, _) => format!(
            "stopped after {} steps; `refcon train --resume {}` goes on with it",
            progress.step,
            run.folder().display()
        ),
        (_, None) => format!("done, with no tiles held out to judge by; {}", encoder_of(&run)),
        (_, Some(best)) => {
            let measure = plan.measure.trim_start_matches("validation/");
            let few = if held_out < FEW_HELD_OUT { ", too few to rely on," } else { "" };
            let (best, step) = (best.0, progress.best_step);
            format!(
                "best {measure} {best:.4} of {held_out} held-out tiles{few} at step {step}; {}",
                encoder_of(&run)
            )
        }
    })
}

fn encoder_of(run: &Run) -> String {
    format!("{} for --encoder", run.best_encoder().display())
}

fn tell(job: &Job, event: &Event) {
    if let Event::Step { step, of, .. } = event {
        job.progress(*step, *of);
    }
    if let Some(line) = event.line() {
        job.log(line);
    }
}
