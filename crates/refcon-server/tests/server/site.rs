//! A library of the tiles of a small survey, and a server on it.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt;
use refcon_encoders::Texture;
use refcon_library::indexing::{IndexOptions, IndexSource, SurveyTiles, index};
use refcon_library::{Library, Wait};
use refcon_seismic::segy::{WriteOptions, write_volume};
use refcon_seismic::tiling::{GridRule, Normalisation, TileRule, TileSelection, TileSize};
use refcon_seismic::{BinGrid, Direction, Domain, LineAxis, SampleAxis, Survey, SurveyOptions, Volume};
use refcon_server::{Limits, Server, ServerOptions, Training};
use serde_json::Value;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tower::ServiceExt;

pub(crate) const INLINES: LineAxis = LineAxis { first: 100, step: 2, count: 6 };
pub(crate) const CROSSLINES: LineAxis = LineAxis { first: 300, step: 1, count: 300 };
pub(crate) const SAMPLES: SampleAxis =
    SampleAxis { domain: Domain::Time, first: 400.0, interval: 4.0, count: 120 };
pub(crate) const TILE: TileSize = TileSize { height: 40, width: 50 };

pub(crate) struct Site {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) server: Server,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Site {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// A server whose options `change` has changed.
    pub(crate) async fn with(change: impl FnOnce(&mut ServerOptions)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let surveys = folder.path().join("surveys");
        std::fs::create_dir(&surveys).unwrap();
        let (inline_step, crossline_step) = ([0.0, 50.0], [12.5, 0.0]);
        let grid = BinGrid { origin: [600_000.0, 6_000_000.0], inline_step, crossline_step };
        let written = WriteOptions { grid: Some(grid), ..WriteOptions::default() };
        write_volume(&surveys.join("cube.sgy"), &cube(), &written).unwrap();
        make_library(folder.path());
        let mut options = options(folder.path());
        change(&mut options);
        let server = Server::open(options).await.unwrap();
        Self { folder, server }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn router(&self) -> Router {
        self.server.router()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], Body::empty()).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header(header::HOST, "127.0.0.1:7878");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Sends JSON.
    pub(crate) async fn json(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.send(method, path, &[("content-type", "application/json")], Body::from(body.to_string())).await
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert!(self.status.is_success(), "{} {}", self.status, String::from_utf8_lossy(&self.body));
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The error's line.
    #[track_caller]
    pub(crate) fn failed_with(&self, status: u16) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.body));
        let body: Value = serde_json::from_slice(&self.body).unwrap();
        body["error"].as_str().unwrap().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub(crate) fn options(folder: &Path) -> ServerOptions {
    ServerOptions {
        library: folder.join("library"),
        encoder: Arc::new(Texture::new()),
        calibration: None,
        survey_folders: vec![folder.join("surveys")],
        survey_options: |_| SurveyOptions::default(),
        runs: Some(folder.join("runs")),
        training: Some(Training {
            encoder: "texture".into(),
            device: "auto".into(),
            precision: "auto".into(),
            code: "the tests".into(),
            draw_report: |run| {
                let page = run.join("report.html");
                std::fs::write(&page, "<!doctype html>").map_err(|error| error.to_string())?;
                Ok(page)
            },
        }),
        bind: "127.0.0.1:0".parse().unwrap(),
        token: None,
        allowed_hosts: Vec::new(),
        tls: None,
        limits: Limits::default(),
    }
}

/// A survey whose texture changes from left to right and from top to bottom.
pub(crate) fn cube() -> Volume {
    let amplitude = |inline: usize, crossline: usize, sample: usize| {
        let (i, x, s) = (inline as f32, crossline as f32, sample as f32);
        let period = 4.0 + x / 30.0;
        (std::f32::consts::TAU * (s + 0.1 * x + i) / period).sin() * (1.0 + s / 60.0)
            + 0.2 * (x * s * 0.37).sin()
    };
    let mut amplitudes = Vec::with_capacity(INLINES.count * CROSSLINES.count * SAMPLES.count);
    for inline in 0..INLINES.count {
        for crossline in 0..CROSSLINES.count {
            amplitudes.extend((0..SAMPLES.count).map(|sample| amplitude(inline, crossline, sample)));
        }
    }
    Volume { inlines: INLINES, crosslines: CROSSLINES, samples: SAMPLES, amplitudes }
}

/// Indexes the inlines of the survey.
fn make_library(folder: &Path) {
    let library = Library::create(&folder.join("library")).unwrap();
    let survey = Survey::open(&folder.join("surveys/cube.sgy"), &SurveyOptions::default()).unwrap();
    let source = SurveyTiles {
        survey: &survey,
        options: SurveyOptions::default(),
        selection: TileSelection { directions: vec![Direction::Inline], ..TileSelection::default() },
        rule: TileRule::Grid(GridRule { size: TILE, down: TILE.height, across: TILE.width }),
        normalisation: Normalisation::MinMax,
        labels: None,
        least_label_share: 0.5,
    };
    let options = IndexOptions { thumbnails: true, ..IndexOptions::default() };
    let mut writer = library.writer(Wait::No).unwrap();
    let source = [IndexSource::Survey(source)];
    index(&mut writer, &Texture::new(), &source, &options, &mut |_| ControlFlow::Continue(())).unwrap();
}
