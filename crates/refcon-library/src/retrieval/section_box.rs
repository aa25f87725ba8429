//! A box that a person draws on a section, by the numbers of its axes.

use refcon_seismic::{Direction, Domain, Geometry, LineAxis, SampleAxis, Survey, TileBox};
use std::fmt;
use std::str::FromStr;

/// Share of an interval that is taken for a rounding error.
const ROUNDING: f64 = 1e-6;

/// A range of line or trace numbers, the smaller first, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Numbers {
    /// The first number.
    pub from: i32,
    /// The last number.
    pub to: i32,
}

/// A range of times or depths, the smaller first, both included.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Positions {
    /// The upper end.
    pub from: f64,
    /// The lower end.
    pub to: f64,
    /// What they are, where that was said: time (ms), depth (m or ft).
    pub domain: Option<Domain>,
}

/// A box on a section.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SectionBox {
    /// Which way the section runs.
    pub direction: Direction,
    /// Its line number.
    pub line: i32,
    /// Numbers of the traces along it: crosslines on an inline, inlines on a crossline.
    pub traces: Numbers,
    /// Times or depths.
    pub positions: Positions,
}

/// Why a box is not on a section.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BoxError {
    /// The survey has no lines in that direction.
    #[error("{survey} has no {direction}s: it is a 2-D line, whose section is inline {line}")]
    NoDirection {
        /// The survey.
        survey: String,
        /// The direction asked for.
        direction: Direction,
        /// Number of its only line.
        line: i32,
    },
    /// There is no such line.
    #[error("{survey} has no {direction} {line}: its {direction}s are {lines}")]
    NoLine {
        /// The survey.
        survey: String,
        /// The direction asked for.
        direction: Direction,
        /// The line asked for.
        line: i32,
        /// The lines it has.
        lines: String,
    },
    /// The box reaches beyond the section's traces, or lies between two of them.
    #[error("traces {traces} are not on {direction} {line} of {survey}: its {along}s are {found}")]
    Traces {
        /// The survey.
        survey: String,
        /// The section's direction.
        direction: Direction,
        /// The section's line.
        line: i32,
        /// The traces asked for.
        traces: Numbers,
        /// What the numbers along the section are called.
        along: &'static str,
        /// The numbers it has.
        found: String,
    },
    /// The box reaches beyond the section's samples, or lies between two of them.
    #[error("{positions} is not on the sections of {survey}: their samples lie from {first} to {last} {unit}, every {interval} {unit}",
        unit = .domain.unit())]
    Samples {
        /// The survey.
        survey: String,
        /// The range asked for.
        positions: Positions,
        /// Position of the first sample.
        first: f64,
        /// Position of the last sample.
        last: f64,
        /// Sample interval.
        interval: f64,
        /// Time or depth.
        domain: Domain,
    },
    /// Times where the survey has depths, or the other way round.
    #[error("{positions} is in {asked}, and the samples of {survey} in {found}", asked = unit_of(positions), found = .domain.unit())]
    Unit {
        /// The survey.
        survey: String,
        /// The range asked for.
        positions: Positions,
        /// What the survey's samples are.
        domain: Domain,
    },
}

impl SectionBox {
    /// The rectangle of the section's traces and samples that lie in the box, ends included.
    ///
    /// # Errors
    /// When the survey has no such line, or the box does not lie on its section; the message says what does.
    pub fn bounds(&self, survey: &Survey) -> Result<TileBox, BoxError> {
        self.bounds_in(survey.name(), survey.geometry(), survey.samples())
    }

    /// As [`SectionBox::bounds`], of a survey whose name and axes are known.
    ///
    /// # Errors
    /// As [`SectionBox::bounds`].
    pub fn bounds_in(
        &self,
        survey: &str,
        geometry: &Geometry,
        samples: SampleAxis,
    ) -> Result<TileBox, BoxError> {
        let (direction, line, survey) = (self.direction, self.line, survey.to_owned());
        let (Some(lines), Some(traces)) = (geometry.lines(direction), geometry.traces(direction)) else {
            let line = geometry.line().map_or(0, |line| line.line);
            return Err(BoxError::NoDirection { survey, direction, line });
        };
        if lines.index_of(line).is_none() {
            return Err(BoxError::NoLine { survey, direction, line, lines: numbers_of(lines) });
        }
        let Some([first_trace, last_trace]) = self.traces.on(traces) else {
            let along = match (geometry, direction) {
                (Geometry::Line(_), _) => "number",
                (_, Direction::Inline) => "crossline",
                (_, Direction::Crossline) => "inline",
            };
            let (traces, found) = (self.traces, numbers_of(traces));
            return Err(BoxError::Traces { survey, direction, line, traces, along, found });
        };
        let (positions, domain) = (self.positions, samples.domain);
        if positions.domain.is_some_and(|asked| asked != domain) {
            return Err(BoxError::Unit { survey, positions, domain });
        }
        let Some([first_sample, last_sample]) = positions.on(samples) else {
            let (first, last) = (samples.first, samples.position(samples.count.saturating_sub(1)));
            return Err(BoxError::Samples {
                survey,
                positions,
                first,
                last,
                interval: samples.interval,
                domain,
            });
        };
        Ok(TileBox {
            first_trace,
            traces: last_trace + 1 - first_trace,
            first_sample,
            samples: last_sample + 1 - first_sample,
        })
    }
}

impl Numbers {
    /// The first and last index of the axis whose numbers lie in the range, which must not reach beyond the axis.
    fn on(self, axis: LineAxis) -> Option<[usize; 2]> {
        let (least, most) = (axis.first.min(axis.last()), axis.first.max(axis.last()));
        let (from, to, first, step) =
            (i64::from(self.from), i64::from(self.to), i64::from(axis.first), i64::from(axis.step));
        if self.from < least || self.to > most || axis.count == 0 || step == 0 {
            return None;
        }
        // The ends in the axis's own order: the one nearer to its first number begins.
        let (begin, end) = if step > 0 { (from - first, to - first) } else { (first - to, first - from) };
        let step = step.abs();
        let (begin, end) = ((begin + step - 1).div_euclid(step), end.div_euclid(step));
        (begin <= end).then(|| Some([usize::try_from(begin).ok()?, usize::try_from(end).ok()?]))?
    }
}

impl Positions {
    /// The first and last sample in the range, which must not reach beyond the axis.
    fn on(self, axis: SampleAxis) -> Option<[usize; 2]> {
        let last = axis.count.checked_sub(1)?;
        let index = |position: f64| (position - axis.first) / axis.interval;
        let (begin, end) = ((index(self.from) - ROUNDING).ceil(), (index(self.to) + ROUNDING).floor());
        let inside = index(self.from) >= -ROUNDING && index(self.to) <= last as f64 + ROUNDING;
        (inside && begin <= end).then_some([begin.max(0.0) as usize, end as usize])
    }
}

fn numbers_of(axis: LineAxis) -> String {
    let (least, most) = (axis.first.min(axis.last()), axis.first.max(axis.last()));
    match axis.step.unsigned_abs() {
        _ if axis.count == 1 => format!("{least} only"),
        1 => format!("{least} to {most}"),
        step => format!("{least} to {most} by {step}"),
    }
}

fn unit_of(positions: &Positions) -> &'static str {
    positions.domain.map_or("an unknown unit", Domain::unit)
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.from, self.to)
    }
}

impl fmt::Display for Positions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}{}", self.from, self.to, self.domain.map_or("", Domain::unit))
    }
}

/// `300..430`, or one number.
impl FromStr for Numbers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (from, to) = text.split_once("..").unwrap_or((text, text));
        let ends = from.trim().parse().ok().zip(to.trim().parse().ok());
        ends.filter(|(from, to)| from <= to)
            .map(|(from, to)| Self { from, to })
            .ok_or_else(|| "expected two whole numbers, the smaller first, as in 300..430".to_owned())
    }
}

/// `800..1200ms`, `800..1200m`, `0.8..1.2s`, `2600..3900ft`, or without a unit: the survey's own.
impl FromStr for Positions {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number_ends = text.rfind(|last: char| last.is_ascii_digit()).map_or(0, |at| at + 1);
        let (range, unit) = text.split_at(number_ends);
        let (scale, domain) = match unit.trim() {
            "" => (1.0, None),
            "ms" => (1.0, Some(Domain::Time)),
            "s" => (1000.0, Some(Domain::Time)),
            "m" => (1.0, Some(Domain::Depth)),
            "km" => (1000.0, Some(Domain::Depth)),
            "ft" => (1.0, Some(Domain::DepthFeet)),
            other => return Err(format!("unit {other}: expected ms, s, m, km or ft")),
        };
        let ends = range.split_once("..").and_then(|(from, to)| {
            Some((from.trim().parse::<f64>().ok()? * scale, to.trim().parse::<f64>().ok()? * scale))
        });
        ends.filter(|(from, to)| from <= to && from.is_finite() && to.is_finite())
            .map(|(from, to)| Self { from, to, domain })
            .ok_or_else(|| "expected two times or depths, the smaller first, as in 800..1200ms".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use refcon_seismic::VolumeGeometry;

    fn geometry(inlines: LineAxis, crosslines: LineAxis) -> Geometry {
        let live_bins = (inlines.count * crosslines.count) as u64;
        Geometry::Volume(VolumeGeometry { inlines, crosslines, live_bins, extra_traces: 0, grid: None })
    }

    const SAMPLES: SampleAxis = SampleAxis { domain: Domain::Time, first: 100.0, interval: 4.0, count: 300 };

    fn bounds(text: (&str, &str), direction: Direction, line: i32) -> Result<TileBox, BoxError> {
        let geometry = geometry(
            LineAxis { first: 100, step: 1, count: 60 },
            LineAxis { first: 700, step: -2, count: 201 },
        );
        let (traces, positions) = (text.0.parse().unwrap(), text.1.parse().unwrap());
        SectionBox { direction, line, traces, positions }.bounds_in("F3", &geometry, SAMPLES)
    }

    #[test]
    fn a_box_takes_the_traces_and_samples_whose_numbers_lie_in_it() {
        // Crosslines run from 700 down to 300 by 2: 430 is index 135, 300 index 200.
        let found = bounds(("300..430", "800..1200ms"), Direction::Inline, 110).unwrap();
        assert_eq!(found, TileBox { first_trace: 135, traces: 66, first_sample: 175, samples: 101 });
        let odd = bounds(("301..429", "799..1201"), Direction::Inline, 110).unwrap();
        assert_eq!(odd, TileBox { first_trace: 136, traces: 64, ..found });
        let crossline = bounds(("100..159", "0.1..1.296s"), Direction::Crossline, 302).unwrap();
        assert_eq!(crossline, TileBox { first_trace: 0, traces: 60, first_sample: 0, samples: 300 });
    }

    #[test]
    fn a_box_outside_says_what_the_section_holds() {
        for (text, line, says) in [
            (("300..430", "800..1200ms"), 99, "F3 has no inline 99: its inlines are 100 to 159"),
            (("200..430", "800..1200ms"), 110, "its crosslines are 300 to 700 by 2"),
            (("301..301", "800..1200ms"), 110, "traces 301..301 are not on inline 110"),
            (
                ("300..430", "800..1300ms"),
                110,
                "800..1300ms is not on the sections of F3: their samples lie from 100 to 1296 ms, every 4 ms",
            ),
            (("300..430", "801..803"), 110, "801..803 is not on"),
            (("300..430", "800..1200m"), 110, "800..1200m is in m, and the samples of F3 in ms"),
        ] {
            let message = bounds(text, Direction::Inline, line).unwrap_err().to_string();
            assert!(message.contains(says), "{message}");
        }
    }

    #[test]
    fn ranges_are_read_as_people_write_them() {
        let positions = |text: &str| text.parse::<Positions>();
        let of = |from, to, domain| Ok(Positions { from, to, domain });
        assert_eq!(positions("800..1200ms"), of(800.0, 1200.0, Some(Domain::Time)));
        assert_eq!(positions("0.8 .. 1.2 s"), of(800.0, 1200.0, Some(Domain::Time)));
        assert_eq!(positions("-10..2.5"), of(-10.0, 2.5, None));
        assert_eq!(positions("1..2km"), of(1000.0, 2000.0, Some(Domain::Depth)));
        for wrong in ["", "800", "1200..800", "800..1200min", "..", "a..b", "1..inf", "NaN..1"] {
            assert!(positions(wrong).is_err(), "{wrong}");
        }
        assert_eq!("-5..7".parse(), Ok(Numbers { from: -5, to: 7 }));
        assert_eq!("110".parse(), Ok(Numbers { from: 110, to: 110 }));
        for wrong in ["", "7..5", "1.5..2", "..", "1.."] {
            assert!(wrong.parse::<Numbers>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_box_holds_just_the_traces_between_its_numbers(
            first in -50i32..50, step in prop::sample::select(vec![-7, -2, -1, 1, 2, 5]), count in 1usize..40,
            ends in (-400i32..400, 0i32..300),
        ) {
            let axis = LineAxis { first, step, count };
            let range = Numbers { from: ends.0, to: ends.0 + ends.1 };
            let (least, most) = (first.min(axis.last()), first.max(axis.last()));
            let inside: Vec<usize> =
                (0..count).filter(|&index| (range.from..=range.to).contains(&axis.number(index))).collect();
            let fits = range.from >= least && range.to <= most && !inside.is_empty();
            let expected = fits.then(|| [inside[0], inside[inside.len() - 1]]);
            prop_assert_eq!(range.on(axis), expected);
        }
    }
}
