//! Training a head on the server's encoder, as a job.

use super::{Job, TrainRequest, Work};
use crate::app::Shared;
use crate::error::ApiError;
use crate::labels::{Labelled, labelled};
use crate::server::Training;
use refcon_training::config::{Config, Data, Stopping};
use refcon_training::fit::{Ending, Event, fit};
use refcon_training::metric_learning::{Prepared, RunPlace, begin_run, plan, prepare};
use refcon_training::runs::Run;
use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::runtime::Handle;

/// Epochs that a request may ask for.
const MOST_EPOCHS: u64 = 1000;
/// The folder below that of the runs that pictures of labelled tiles are written to; no run is called so.
const LABELLED: &str = "labels";

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
    let Asked { tiles, runs, training: Training { encoder, device, precision, code }, epochs, seed } = asked;
    let (folder, written) = match tiles {
        Tiles::Folder(folder) => (folder, None),
        Tiles::Labelled(runtime) => {
            let written = WrittenTiles::write(app, job, &runtime, &runs.join(LABELLED))?;
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
    if let Some(written) = written {
        // The run can be gone on with from here, and needs its tiles.
        written.keep();
    }
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
    Ok(match (ending, progress.best) {
        (Ending::Interrupted, _) => format!(
            "stopped after {} steps; `refcon train --resume {}` goes on with it",
            progress.step,
            run.folder().display()
        ),
        (_, None) => format!("done, with no tiles held out to judge by; {}", encoder_of(&run)),
        (_, Some(best)) => {
            let measure = plan.measure.trim_start_matches("validation/");
            format!("best {measure} {:.4} at step {}; {}", best.0, progress.best_step, encoder_of(&run))
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

/// A folder with the pictures of labelled tiles. It is taken away again unless it is kept.
struct WrittenTiles {
    folder: PathBuf,
    kept: bool,
}

impl WrittenTiles {
    /// Writes the pictures of all labelled tiles below `parent`, until the job is to stop.
    fn write(app: &Shared, job: &Job, runtime: &Handle, parent: &Path) -> Result<Self, Failed> {
        let written = Self { folder: new_folder(parent)?, kept: false };
        let current = runtime.block_on(app.library.current())?;
        let (mut count, mut without) = (0, 0);
        for (tile, class) in app.labels.all() {
            if job.is_to_stop() {
                break;
            }
            match runtime.block_on(labelled(app, &current, tile, &class))? {
                Some(Labelled { picture: Some((file, png)), .. }) => {
                    let path = written.folder.join(file);
                    path.parent().map_or(Ok(()), fs_err::create_dir_all)?;
                    fs_err::write(path, png)?;
                    count += 1;
                }
                _ => without += 1,
            }
        }
        let places = written.folder.display();
        job.log(format!("{count} labelled tiles written to {places}"));
        if without > 0 {
            job.log(format!(
                "{without} labelled tiles are left out: no longer in the library, or without a picture"
            ));
        }
        Ok(written)
    }

    fn tiles(&self) -> PathBuf {
        self.folder.join("train")
    }

    fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for WrittenTiles {
    fn drop(&mut self) {
        if !self.kept
            && let Err(error) = fs_err::remove_dir_all(&self.folder)
        {
            tracing::warn!("cannot take away what no training uses: {error}");
        }
    }
}

/// A folder that was not there before, called by the time.
fn new_folder(parent: &Path) -> io::Result<PathBuf> {
    fs_err::create_dir_all(parent)?;
    let mut name = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    loop {
        let folder = parent.join(name.to_string());
        match fs_err::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => name += 1,
            Err(error) => return Err(error),
        }
    }
}
