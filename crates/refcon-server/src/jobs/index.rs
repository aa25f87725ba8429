//! Adding a survey or a folder of images to the library, as a job.

use super::{IndexRequest, Job, Work};
use crate::app::Shared;
use crate::error::ApiError;
use refcon_library::Wait;
use refcon_library::indexing::{
    ImageFolder, IndexOptions, IndexSource, IndexSummary, SourceState, SurveyTiles, index,
};
use refcon_seismic::tiling::{GridRule, Normalisation, TileRule, TileSelection, TileSize};
use refcon_seismic::{Survey, SurveyOptions};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What `refcon index` takes where nothing is said.
const TILE: TileSize = TileSize { height: 143, width: 118 };
/// Share of a tile's samples that must be live.
const LIVE: f64 = 0.5;
/// Longest side of a tile.
const LONGEST_SIDE: usize = 4096;

/// What is to be added.
struct Found {
    path: PathBuf,
    /// What it is opened with, where it is a survey; else it is a folder of images.
    survey: Option<SurveyOptions>,
}

/// What is to be done, and what to call it.
pub(super) fn work(app: &Shared, request: &IndexRequest) -> Result<(String, Work), ApiError> {
    let height = request.tile_height.unwrap_or(TILE.height);
    let width = request.tile_width.unwrap_or(TILE.width);
    if ![height, width].iter().all(|side| (1..=LONGEST_SIDE).contains(side)) {
        return Err(ApiError::bad_request(format_args!(
            "tiles of {width} × {height}: each side has 1 to {LONGEST_SIDE} samples or traces"
        )));
    }
    let (title, found) = find(app, request)?;
    let app = Arc::clone(app);
    let size = TileSize { height, width };
    let replace = request.replace;
    let work = move |job: &Job| add(&app, job, &found, size, replace).map_err(|error| error.to_string());
    Ok((title, Box::new(work)))
}

fn find(app: &Shared, request: &IndexRequest) -> Result<(String, Found), ApiError> {
    match (&request.survey, &request.path) {
        (Some(id), None) => {
            let entry = app.surveys.by_id(id)?;
            let (path, options) = entry.file()?;
            Ok((format!("index {}", entry.name), Found { path, survey: Some(options) }))
        }
        (None, Some(name)) => {
            let path = app.surveys.folders().find(name).ok_or_else(|| {
                ApiError::not_found(format_args!("there is no {name:?} in the survey folders"))
                    .hint("give its path below a folder that the server was started with (--survey-folder)")
            })?;
            let title = format!("index {name}");
            if path.is_dir() && !path.join("zarr.json").is_file() {
                return Ok((title, Found { path, survey: None }));
            }
            let options = app.surveys.options_of(&path);
            Ok((title, Found { path, survey: Some(options) }))
        }
        _ => Err(ApiError::bad_request("give either `survey` or `path`")),
    }
}

type Failed = Box<dyn std::error::Error>;

fn add(app: &Shared, job: &Job, found: &Found, size: TileSize, replace: bool) -> Result<String, Failed> {
    let library = app.library.library();
    let mut writer = library.writer(Wait::No)?;
    let survey = match &found.survey {
        Some(options) => Some((Survey::open(&found.path, options)?, options)),
        None => None,
    };
    let source = match &survey {
        Some((survey, options)) => survey_tiles(survey, options, size),
        None => images(&found.path),
    };
    let options = IndexOptions { thumbnails: survey.is_none(), replace, ..IndexOptions::default() };
    job.log(format!("embedding with {}", app.encoder.id()));
    let summary = index(&mut writer, &*app.encoder, &[source], &options, &mut |progress| {
        job.progress(progress.units_done as u64, progress.units as u64);
        if job.is_to_stop() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    drop(writer);
    // What was committed before an error is there too.
    app.surveys.refresh(&library.snapshot()?);
    Ok(told(&summary?, job))
}

fn survey_tiles<'a>(survey: &'a Survey, options: &SurveyOptions, size: TileSize) -> IndexSource<'a> {
    IndexSource::Survey(SurveyTiles {
        survey,
        options: options.clone(),
        selection: TileSelection { minimum_live_fraction: LIVE, ..TileSelection::default() },
        rule: TileRule::Grid(GridRule { size, down: size.height, across: size.width }),
        normalisation: Normalisation::MinMax,
        labels: None,
        least_label_share: LIVE,
    })
}

fn images(folder: &Path) -> IndexSource<'static> {
    IndexSource::Images(ImageFolder { folder: folder.to_owned(), classes_from_folders: true, strict: false })
}

/// What was done, one line; what was skipped goes to the log.
fn told(summary: &IndexSummary, job: &Job) -> String {
    for source in &summary.sources {
        source.skipped.iter().for_each(|skipped| job.log(format!("skipped: {skipped}")));
    }
    let unchanged = summary.sources.iter().all(|source| source.state == SourceState::Unchanged);
    match (summary.stopped, unchanged) {
        (true, _) => format!("stopped after {} tiles, which are in the library", summary.tiles),
        (false, true) => "all of it was in the library already".to_owned(),
        (false, false) => format!("{} tiles in {:.1} s", summary.tiles, summary.seconds),
    }
}
