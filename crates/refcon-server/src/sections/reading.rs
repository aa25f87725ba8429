//! A section read from its survey.

use super::pyramid::Pyramid;
use super::{Cut, HorizontalAxis, SectionView, TILE_SIZE, VerticalAxis};
use crate::error::ApiError;
use crate::limits::Limits;
use crate::surveys::OpenSurvey;
use refcon_seismic::{Direction, Geometry, LineAxis, LineNumbering, SampleAxis, Survey};

/// A section at every zoom, and what is known of it.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(super) pyramid: Pyramid,
    pub(super) view: SectionView,
    /// The survey's 99th percentile.
    pub(super) clip: f32,
}

/// A section that there is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Which {
    Vertical(Direction, i32),
    /// The index of its sample.
    Slice(usize),
}

impl Which {
    /// The section that a request means by its cut and "line"; a slice is the one nearest to a time or depth.
    pub(super) fn of(survey: &Survey, cut: Cut, line: f64) -> Result<Self, ApiError> {
        let direction = match cut {
            Cut::Inline => Direction::Inline,
            Cut::Crossline => Direction::Crossline,
            Cut::Slice => return slice(survey, line),
        };
        let lines = survey.lines(direction).ok_or_else(|| {
            ApiError::not_found(format_args!("{} has no {direction}s: it is a 2-D line", survey.name()))
                .hint("its section is the inline of its line number")
        })?;
        let number = (line.fract() == 0.0 && f64::from(i32::MIN) <= line && line <= f64::from(i32::MAX))
            .then_some(line as i32)
            .filter(|&number| lines.index_of(number).is_some());
        number.map(|number| Self::Vertical(direction, number)).ok_or_else(|| {
            ApiError::not_found(format_args!("{} has no {direction} {line}", survey.name()))
                .hint(format!("its {direction}s are {}", in_words(lines)))
        })
    }
}

fn slice(survey: &Survey, position: f64) -> Result<Which, ApiError> {
    let samples = survey.samples();
    if survey.geometry().volume().is_none() {
        return Err(ApiError::not_found(format_args!("{} is a 2-D line: it has no slices", survey.name())));
    }
    let index = ((position - samples.first) / samples.interval).round();
    let last = samples.count.saturating_sub(1);
    if (0.0..=last as f64).contains(&index) {
        return Ok(Which::Slice(index as usize));
    }
    let unit = samples.domain.unit();
    Err(ApiError::not_found(format_args!("{} has no slice at {position} {unit}", survey.name()))
        .hint(format!("its samples lie from {} to {} {unit}", samples.first, samples.position(last))))
}

fn in_words(lines: LineAxis) -> String {
    let by = if lines.step.abs() == 1 { String::new() } else { format!(" by {}", lines.step.abs()) };
    format!("{} to {}{by}", lines.first, lines.last())
}

impl Reading {
    /// Reads a section whole.
    pub(super) fn read(opened: &OpenSurvey, which: Which, limits: &Limits) -> Result<Self, ApiError> {
        let survey = &opened.survey;
        let view = view(survey, which);
        let samples = view.width.saturating_mul(view.height);
        if samples > limits.section_samples {
            return Err(ApiError::new(
                axum::http::StatusCode::PAYLOAD_TOO_LARGE,
                format_args!(
                    "this section has {samples} samples; sections of up to {} are shown",
                    limits.section_samples
                ),
            ));
        }
        let amplitudes = match which {
            Which::Vertical(direction, line) => {
                survey.read_section(direction, line).map(|section| section.amplitudes)
            }
            Which::Slice(sample) => survey.read_time_slice(sample).map(|slice| slice.amplitudes),
        };
        let pyramid = Pyramid::new(view.width, amplitudes.map_err(ApiError::internal)?);
        let view = SectionView { levels: pyramid.levels().len(), ..view };
        Ok(Self { pyramid, view, clip: opened.clip.p99 })
    }

    pub(super) fn bytes(&self) -> usize {
        self.pyramid.bytes()
    }

    #[cfg(test)]
    pub(super) fn of_constant(width: usize, height: usize) -> Self {
        let horizontal = HorizontalAxis { label: String::new(), first: 0, step: 1, count: width };
        let vertical =
            VerticalAxis { label: String::new(), unit: None, first: 0.0, interval: 1.0, count: height };
        let view = SectionView {
            direction: Cut::Inline,
            line: 0.0,
            width,
            height,
            horizontal,
            vertical,
            levels: 1,
            tile_size: TILE_SIZE,
            corners: None,
        };
        Self { pyramid: Pyramid::new(width, vec![1.0; width * height]), view, clip: 1.0 }
    }
}

fn view(survey: &Survey, which: Which) -> SectionView {
    let geometry = survey.geometry();
    let samples = survey.samples();
    let none = LineAxis { first: 0, step: 1, count: 0 };
    let (direction, line, horizontal, vertical, corners) = match which {
        Which::Vertical(along, line) => {
            let traces = geometry.traces(along).unwrap_or(none);
            let cut = if along == Direction::Inline { Cut::Inline } else { Cut::Crossline };
            let horizontal = horizontal(across(geometry, along), traces);
            (cut, f64::from(line), horizontal, by_samples(samples), ends(geometry, along, line))
        }
        Which::Slice(sample) => {
            let traces = geometry.traces(Direction::Inline).unwrap_or(none);
            let inlines = geometry.lines(Direction::Inline).unwrap_or(none);
            let vertical = VerticalAxis {
                label: "inline".to_owned(),
                unit: None,
                first: f64::from(inlines.first),
                interval: f64::from(inlines.step),
                count: inlines.count,
            };
            (Cut::Slice, samples.position(sample), horizontal("crossline", traces), vertical, None)
        }
    };
    let (width, height) = (horizontal.count, vertical.count);
    SectionView {
        direction,
        line,
        width,
        height,
        horizontal,
        vertical,
        levels: 1,
        tile_size: TILE_SIZE,
        corners,
    }
}

fn horizontal(label: &str, traces: LineAxis) -> HorizontalAxis {
    HorizontalAxis { label: label.to_owned(), first: traces.first, step: traces.step, count: traces.count }
}

fn by_samples(samples: SampleAxis) -> VerticalAxis {
    VerticalAxis {
        label: crate::surveys::domain_name(samples.domain).to_owned(),
        unit: Some(samples.domain.unit().to_owned()),
        first: samples.first,
        interval: samples.interval,
        count: samples.count,
    }
}

fn across(geometry: &Geometry, along: Direction) -> &'static str {
    match (geometry, along) {
        (Geometry::Line(line), _) => match line.numbered_by {
            LineNumbering::Cdp => "cdp",
            LineNumbering::Shot => "shot",
            LineNumbering::Trace => "trace",
        },
        (Geometry::Volume(_), Direction::Inline) => "crossline",
        (Geometry::Volume(_), Direction::Crossline) => "inline",
    }
}

/// X and Y of a section's first and last trace.
fn ends(geometry: &Geometry, along: Direction, line: i32) -> Option<[[f64; 2]; 2]> {
    match geometry {
        Geometry::Line(line) => line.ends,
        Geometry::Volume(volume) => {
            let grid = volume.grid?;
            let index = geometry.lines(along)?.index_of(line)?;
            let last = geometry.traces(along)?.count.saturating_sub(1);
            Some([0, last].map(|trace| match along {
                Direction::Inline => grid.position(index, trace),
                Direction::Crossline => grid.position(trace, index),
            }))
        }
    }
}
