//! Pictures of sections and slices, with axes in the survey's own numbers.

use crate::failure::Failure;
use clap::ValueEnum;
use refcon_image::figure::{Axis, Canvas, SectionPlot, section};
use refcon_image::{ColourMap, GreyImage};
use refcon_seismic::tiling::{Normalisation, Normaliser};
use refcon_seismic::{
    Direction, Domain, Geometry, LineAxis, LineNumbering, SampleAxis, Section, Survey, TimeSlice,
    absolute_percentile,
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

/// Most different whole numbers that are taken for labels.
const MOST_LABELS: usize = 16;

/// Which values are the first and the last colour, and what they are called.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    /// The values at the ends of the colour bar.
    ends: [f32; 2],
    name: &'static str,
    /// Whether values are whole numbers.
    whole: bool,
}

impl Scale {
    /// Amplitudes of both signs, clipped at ±`clip`.
    pub(crate) fn symmetric(clip: f32) -> Self {
        Self { ends: [-clip, clip], name: "Amplitude", whole: false }
    }

    /// The scale that suits `values`, of which `percent` are not clipped; NaN and infinite ones do not count.
    ///
    /// Values of one sign, such as velocities, run from the least to the greatest, clipped at either end; a few whole numbers
    /// are labels, of which none is clipped.
    pub(crate) fn of(values: &[f32], percent: f64) -> Self {
        let mut sorted: Vec<f32> = values.iter().copied().filter(|value| value.is_finite()).collect();
        sorted.sort_unstable_by(f32::total_cmp);
        let (Some(&least), Some(&most)) = (sorted.first(), sorted.last()) else {
            return Self::symmetric(0.0);
        };
        // −1 often says that there is no label.
        if (least >= -1.0 && most > 1.0) && are_labels(&sorted) {
            return Self { ends: [least, most], name: "Label", whole: true };
        }
        if (least < 0.0 && most > 0.0) || (least == 0.0 && most == 0.0) {
            return Self::symmetric(absolute_percentile(values, percent));
        }
        let at = |percent: f64| sorted[((sorted.len() - 1) as f64 * percent / 100.0).round() as usize];
        Self { ends: [at(100.0 - percent.max(50.0)), at(percent.max(50.0))], name: "Value", whole: false }
    }

    /// `values` as an image, `width` across; NaN where they are no numbers.
    fn image(self, mut values: Vec<f32>, width: usize) -> Result<GreyImage, Failure> {
        let [low, high] = self.ends.map(f64::from);
        for value in &mut values {
            *value = match value.is_finite() {
                true if high > low => ((f64::from(*value) - low) / (high - low)).clamp(0.0, 1.0) as f32,
                true => 0.5,
                false => f32::NAN,
            };
        }
        let height = values.len() / width.max(1);
        GreyImage::new(width, height, values).map_err(Failure::other)
    }

    /// The part of the colours that it uses: of a map whose middle is zero, one half for values of one sign.
    fn shades(self, colours: ColourMap) -> [f32; 2] {
        match colours {
            ColourMap::Seismic if self.ends[0] >= 0.0 => [0.5, 1.0],
            ColourMap::Seismic if self.ends[1] <= 0.0 => [0.0, 0.5],
            _ => [0.0, 1.0],
        }
    }

    fn axis(self) -> Axis {
        let [first, last] = self.ends.map(f64::from);
        Axis { label: self.name.into(), unit: String::new(), first, last, whole: self.whole }
    }
}

/// Whether rising values are a few whole numbers.
fn are_labels(sorted: &[f32]) -> bool {
    let different = sorted.chunk_by(|a, b| a == b).map(|same| same[0]);
    let mut few = 0;
    different.take(MOST_LABELS + 1).all(|value| {
        few += 1;
        value.fract() == 0.0 && few <= MOST_LABELS
    })
}

/// Amplitudes where the survey has no trace become NaN, which gets a colour of its own.
pub(crate) fn blank_section(survey: &Survey, section: &mut Section) {
    let Some(live) = survey.live_bins() else { return };
    let (lines, traces) = (survey.lines(section.direction), section.traces.count);
    let Some((index, lines)) = lines.and_then(|lines| Some((lines.index_of(section.line)?, lines.count)))
    else {
        return;
    };
    let bin = |trace: usize| match section.direction {
        Direction::Inline => index * traces + trace,
        Direction::Crossline => trace * lines + index,
    };
    let missing: Vec<usize> = (0..traces).filter(|&trace| live.get(bin(trace)) == Some(&false)).collect();
    for row in section.amplitudes.chunks_exact_mut(traces) {
        missing.iter().for_each(|&trace| row[trace] = f32::NAN);
    }
}

/// As [`blank_section`], of a slice.
pub(crate) fn blank_slice(survey: &Survey, slice: &mut TimeSlice) {
    let live = survey.live_bins().unwrap_or_default();
    for (amplitude, _) in slice.amplitudes.iter_mut().zip(live).filter(|(_, live)| !live) {
        *amplitude = f32::NAN;
    }
}

/// How values are drawn, whatever is drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look<'a> {
    pub(crate) title: &'a str,
    pub(crate) scale: Scale,
    pub(crate) colours: ColourMap,
}

impl Look<'_> {
    /// A section whose numbers are called `across`, one trace as wide as a sample is high. Samples that are `counted` have no
    /// known time or depth.
    pub(crate) fn section(&self, across: &str, found: Section, counted: bool) -> Result<Canvas, Failure> {
        let down = if counted { counted_axis(found.samples) } else { samples_axis(found.samples) };
        let image = self.scale.image(found.amplitudes, found.traces.count)?;
        Ok(self.plot(&image, &lines_axis(across, found.traces), &down, 1.0))
    }

    /// A time or depth slice, inlines down, crosslines across, in the proportions of the map where these are known.
    pub(crate) fn slice(&self, survey: &Survey, slice: TimeSlice) -> Result<Canvas, Failure> {
        let grid = survey.geometry().volume().and_then(|volume| volume.grid);
        let sizes = grid.map(|grid| grid.bin_size()).filter(|sizes| sizes.iter().all(|size| *size > 0.0));
        let pixel_height = sizes.map_or(1.0, |[inlines, crosslines]| inlines / crosslines);
        let (across, down) = (lines_axis("Crossline", slice.crosslines), lines_axis("Inline", slice.inlines));
        let image = self.scale.image(slice.amplitudes, slice.crosslines.count)?;
        Ok(self.plot(&image, &across, &down, pixel_height))
    }

    fn plot(&self, image: &GreyImage, across: &Axis, down: &Axis, pixel_height: f64) -> Canvas {
        let Self { title, scale, colours } = *self;
        let (shades, amplitudes) = (scale.shades(colours), &scale.axis());
        section(&SectionPlot { title, image, colours, shades, across, down, amplitudes, pixel_height })
    }
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

/// Samples counted from 0: nothing says how far apart they are.
fn counted_axis(samples: SampleAxis) -> Axis {
    let last = samples.count.saturating_sub(1) as f64;
    Axis { label: "Sample".into(), unit: String::new(), first: 0.0, last, whole: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_suits_what_is_drawn() {
        let ends = |values: &[f32]| {
            let Scale { ends, name, .. } = Scale::of(values, 100.0);
            (ends, name)
        };
        assert_eq!(ends(&[-2.5, 1.0, f32::NAN]), ([-2.5, 2.5], "Amplitude"));
        assert_eq!(ends(&[1500.5, 4000.0, 2000.0]), ([1500.5, 4000.0], "Value"));
        assert_eq!(ends(&[-3.5, -1.0]), ([-3.5, -1.0], "Value"));
        assert_eq!(ends(&[0.0, 3.0, 7.0, 3.0]), ([0.0, 7.0], "Label"));
        assert_eq!(ends(&[0.0; 4]), ([0.0, 0.0], "Amplitude"));
        assert_eq!(ends(&[f32::NAN]), ([0.0, 0.0], "Amplitude"));
        let many: Vec<f32> = (0..200u16).map(f32::from).collect();
        assert_eq!(Scale::of(&many, 99.0).ends, [2.0, 197.0]);
    }

    #[test]
    fn values_of_one_sign_use_one_half_of_a_map_with_zero_in_its_middle() {
        let shades = |values: &[f32]| Scale::of(values, 100.0).shades(ColourMap::Seismic);
        assert_eq!(shades(&[0.5, 3.25]), [0.5, 1.0]);
        assert_eq!(shades(&[-0.5, -3.25]), [0.0, 0.5]);
        assert_eq!(shades(&[-0.5, 3.25]), [0.0, 1.0]);
        let image =
            Scale::of(&[1.0, 2.5, f32::NAN, 4.0], 100.0).image(vec![1.0, 2.5, f32::NAN, 4.0], 2).unwrap();
        assert_eq!(image.pixels()[..2], [0.0, 0.5]);
        assert!(image.pixels()[2].is_nan() && image.pixels()[3] == 1.0);
    }
}
