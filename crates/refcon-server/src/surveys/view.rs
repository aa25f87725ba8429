//! Surveys as the API shows them.

use super::{Entry, OpenSurvey};
use crate::error::ApiError;
use refcon_seismic::{Domain, Geometry, LineAxis, LineGeometry, LineNumbering, Polarity, VolumeGeometry};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// A survey. What can only be known from its file is `null` where that cannot be reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SurveyView {
    /// What requests call it.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What it is read from, for people.
    pub kind: String,
    /// Whether its sections can be read.
    pub available: bool,
    /// Why not.
    pub problem: Option<String>,
    /// Tiles of the library that were cut from it, of the encoder that is searched.
    pub tiles: u64,
    /// How its traces are arranged.
    pub geometry: Option<GeometryView>,
    /// The samples of a trace.
    pub samples: Option<Samples>,
    /// Its outline on the map, X and Y: the corners of a volume, the ends of a line.
    pub outline: Option<Vec<[f64; 2]>>,
    /// The unit of X and Y: `m`, `ft`, …
    pub map_unit: Option<String>,
    /// Coordinate reference system.
    pub epsg: Option<u32>,
    /// `normal` or `reverse`, by the SEG's convention.
    pub polarity: Option<String>,
    /// How large its amplitudes are.
    pub clip: Option<Clip>,
}

/// Evenly spaced numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Axis {
    /// The first.
    pub first: i32,
    /// From one to the next; may be negative.
    pub step: i32,
    /// How many.
    pub count: usize,
}

/// How traces are arranged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum GeometryView {
    /// A 3-D survey.
    Volume {
        /// Inline numbers.
        inlines: Axis,
        /// Crossline numbers.
        crosslines: Axis,
    },
    /// A 2-D line, read as the inline of its number.
    Line {
        /// Its number.
        line: i32,
        /// The numbers along it.
        traces: Axis,
        /// What they count: `cdp`, `shot` or `trace`.
        numbered_by: String,
    },
}

/// The samples of a trace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Samples {
    /// `time` or `depth`.
    pub domain: String,
    /// `ms`, `m` or `ft`.
    pub unit: String,
    /// Position of the first sample.
    pub first: f64,
    /// Sample interval.
    pub interval: f64,
    /// How many.
    pub count: usize,
}

/// Amplitudes that so many percent of a survey's absolute amplitudes do not exceed, from sections spread over it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Clip {
    /// 99 percent.
    pub p99: f32,
    /// 99.5 percent.
    pub p995: f32,
    /// 99.9 percent.
    pub p999: f32,
}

impl From<LineAxis> for Axis {
    fn from(LineAxis { first, step, count }: LineAxis) -> Self {
        Self { first, step, count }
    }
}

/// `time` or `depth`.
pub(crate) fn domain_name(domain: Domain) -> &'static str {
    match domain {
        Domain::Time => "time",
        Domain::Depth | Domain::DepthFeet => "depth",
    }
}

impl SurveyView {
    /// The view of a survey with so many tiles; `opened` is `None` where it is still being opened.
    pub(super) fn of(entry: &Entry, opened: Option<Result<Arc<OpenSurvey>, ApiError>>, tiles: u64) -> Self {
        let access = entry.access();
        let mut view = Self {
            id: entry.id.clone(),
            name: entry.name.clone(),
            kind: "survey".to_owned(),
            available: false,
            problem: None,
            tiles,
            geometry: None,
            samples: None,
            outline: None,
            map_unit: access.and_then(|access| access.map_unit.clone()),
            epsg: access.and_then(|access| access.epsg),
            polarity: None,
            clip: None,
        };
        match opened {
            None => view.problem = Some("it is being opened; ask again in a moment".to_owned()),
            Some(Err(problem)) => view.problem = Some(problem.to_string()),
            Some(Ok(opened)) => view.complete(&opened),
        }
        view
    }

    fn complete(&mut self, opened: &OpenSurvey) {
        let survey = &opened.survey;
        let samples = survey.samples();
        self.available = true;
        survey.kind().clone_into(&mut self.kind);
        self.geometry = Some(geometry(survey.geometry()));
        self.samples = Some(Samples {
            domain: domain_name(samples.domain).to_owned(),
            unit: samples.domain.unit().to_owned(),
            first: samples.first,
            interval: samples.interval,
            count: samples.count,
        });
        self.outline = match survey.geometry() {
            Geometry::Volume(volume) => volume_outline(volume),
            Geometry::Line(LineGeometry { ends, .. }) => ends.map(Vec::from),
        };
        self.map_unit = survey.map_unit().map(str::to_owned).or(self.map_unit.take());
        self.epsg = survey.epsg().or(self.epsg);
        self.polarity = survey.polarity().map(|polarity| {
            match polarity {
                Polarity::Normal => "normal",
                Polarity::Reverse => "reverse",
            }
            .to_owned()
        });
        self.clip = Some(opened.clip);
    }
}

fn geometry(geometry: &Geometry) -> GeometryView {
    match geometry {
        Geometry::Volume(volume) => {
            GeometryView::Volume { inlines: volume.inlines.into(), crosslines: volume.crosslines.into() }
        }
        Geometry::Line(line) => GeometryView::Line {
            line: line.line,
            traces: line.traces.into(),
            numbered_by: match line.numbered_by {
                LineNumbering::Cdp => "cdp",
                LineNumbering::Shot => "shot",
                LineNumbering::Trace => "trace",
            }
            .to_owned(),
        },
    }
}

/// The four corner bins, in order around the survey.
fn volume_outline(volume: &VolumeGeometry) -> Option<Vec<[f64; 2]>> {
    let grid = volume.grid?;
    let (inline, crossline) =
        (volume.inlines.count.saturating_sub(1), volume.crosslines.count.saturating_sub(1));
    let corners = [(0, 0), (0, crossline), (inline, crossline), (inline, 0)];
    Some(corners.map(|(inline, crossline)| grid.position(inline, crossline)).to_vec())
}
