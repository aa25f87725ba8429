//! Pictures of sections and slices, with axes in the survey's own numbers.

use crate::failure::Failure;
use clap::ValueEnum;
use refcon_image::figure::{Axis, Canvas, SectionPlot, section};
use refcon_image::{ColourMap, GreyImage};
use refcon_seismic::tiling::{Normalisation, Normaliser};
use refcon_seismic::{
    Direction, Domain, Geometry, LineAxis, LineNumbering, SampleAxis, Section, Survey, TimeSlice,
};

/// The `--colours` of the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Colours {
    /// Black to white
    Grey,
    /// Negative amplitudes blue, zero white, positive ones red
    #[value(alias = "seismic")]
    RedWhiteBlue,
    /// Dark violet to yellow, even to the eye
    Viridis,
}

impl From<Colours> for ColourMap {
    fn from(colours: Colours) -> Self {
        match colours {
            Colours::Grey => Self::Grey,
            Colours::RedWhiteBlue => Self::Seismic,
            Colours::Viridis => Self::Viridis,
        }
    }
}

/// Amplitudes from −`clip` to `clip` as an image from black to white, `width` across.
pub(crate) fn grey(mut amplitudes: Vec<f32>, width: usize, clip: f32) -> Result<GreyImage, Failure> {
    Normaliser::new(Normalisation::Clip { amplitude: clip }).normalise(&mut amplitudes);
    let height = amplitudes.len() / width.max(1);
    GreyImage::new(width, height, amplitudes).map_err(Failure::other)
}

/// What the numbers along a section are called.
pub(crate) fn along(geometry: &Geometry, direction: Direction) -> &'static str {
    match (geometry, direction) {
        (Geometry::Line(line), _) => match line.numbered_by {
            LineNumbering::Cdp => "CDP",
            LineNumbering::Shot => "Shot",
            LineNumbering::Trace => "Trace",
        },
        (Geometry::Volume(_), Direction::Inline) => "Crossline",
        (Geometry::Volume(_), Direction::Crossline) => "Inline",
    }
}

/// Draws a section whose numbers are called `across`, one trace as wide as a sample is high, clipped at ±`clip`.
pub(crate) fn draw_section(
    title: &str,
    across: &str,
    found: Section,
    clip: f32,
    colours: ColourMap,
) -> Result<Canvas, Failure> {
    let (across, down) = (lines_axis(across, found.traces), samples_axis(found.samples));
    let image = grey(found.amplitudes, found.traces.count, clip)?;
    let amplitudes = amplitude_axis(clip);
    let (across, down, amplitudes) = (&across, &down, &amplitudes);
    Ok(section(&SectionPlot { title, image: &image, colours, across, down, amplitudes, pixel_height: 1.0 }))
}

/// Draws a time or depth slice, inlines down, crosslines across, in the proportions of the map where these are known.
pub(crate) fn draw_slice(
    title: &str,
    survey: &Survey,
    slice: TimeSlice,
    clip: f32,
    colours: ColourMap,
) -> Result<Canvas, Failure> {
    let grid = survey.geometry().volume().and_then(|volume| volume.grid);
    let sizes = grid.map(|grid| grid.bin_size()).filter(|sizes| sizes.iter().all(|size| *size > 0.0));
    let pixel_height = sizes.map_or(1.0, |[inlines, crosslines]| inlines / crosslines);
    let (across, down) = (lines_axis("Crossline", slice.crosslines), lines_axis("Inline", slice.inlines));
    let image = grey(slice.amplitudes, slice.crosslines.count, clip)?;
    let amplitudes = amplitude_axis(clip);
    let (across, down, amplitudes) = (&across, &down, &amplitudes);
    Ok(section(&SectionPlot { title, image: &image, colours, across, down, amplitudes, pixel_height }))
}

/// What a position along the samples is called.
pub(crate) fn vertical(domain: Domain) -> &'static str {
    match domain {
        Domain::Time => "Two-way time",
        Domain::Depth | Domain::DepthFeet => "Depth",
    }
}

fn lines_axis(label: &str, lines: LineAxis) -> Axis {
    let (first, last) = (lines.first.into(), lines.last().into());
    Axis { label: label.into(), unit: String::new(), first, last, whole: true }
}

fn samples_axis(samples: SampleAxis) -> Axis {
    Axis {
        label: vertical(samples.domain).into(),
        unit: samples.domain.unit().into(),
        first: samples.first,
        last: samples.position(samples.count.saturating_sub(1)),
        whole: false,
    }
}

fn amplitude_axis(clip: f32) -> Axis {
    let (first, last) = ((-clip).into(), clip.into());
    Axis { label: "Amplitude".into(), unit: String::new(), first, last, whole: false }
}
