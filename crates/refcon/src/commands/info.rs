//! `refcon info`: what a survey's file holds, and what is odd about it.

use crate::commands::score::counted;
use crate::failure::Failure;
use crate::output::Output;
use crate::section_picture::vertical;
use crate::survey::SurveyChoices;
use clap::Args;
use refcon_seismic::segy::{GeometryCandidate, NumberFields, PositionSource, SegyFile, TextHeader};
use refcon_seismic::statistics::{AmplitudeStatistics, sha256_f32le};
use refcon_seismic::{Geometry, LineAxis, LineNumbering, Polarity, Survey, VolumeGeometry};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;

/// Say what a survey's file holds: headers, formats, geometry, amplitudes, and everything odd about it
///
/// SEG-Y (revisions 0 to 2.1), SU, NumPy, Zarr v3, MDIO v1, images and folders of them, and raw arrays with --shape. Nothing
/// is changed; files are opened read-only.
#[derive(Debug, Args)]
pub(crate) struct Info {
    /// The survey
    #[arg(value_name = "SURVEY")]
    path: PathBuf,

    /// Also the SHA-256 over all samples in trace order as little-endian 32-bit floats: the same for the same amplitudes,
    /// however they are stored
    #[arg(long)]
    hash: bool,

    /// Headers and geometry only: leave out the amplitudes, which takes two passes over all samples
    #[arg(long)]
    headers_only: bool,

    #[command(flatten)]
    survey: SurveyChoices,
}

impl Info {
    pub(crate) fn run(&self, output: &Output) -> Result<(), Failure> {
        let survey = self.survey.open_quietly(&self.path)?;
        let passes = if self.headers_only { 0 } else { 2 } + u64::from(self.hash);
        let progress = output.progress("reading traces", (passes * survey.trace_count()) as usize);
        let mut watch = |traces| progress.inc(traces);
        let amplitudes = match self.headers_only {
            true => None,
            false => Some(AmplitudeStatistics::measure(&survey, &mut watch).map_err(Failure::input)?),
        };
        let hash = match self.hash {
            true => Some(sha256_f32le(&survey, &mut watch).map_err(Failure::input)?),
            false => None,
        };
        progress.finish_and_clear();
        let counted = self.survey.only_counts_samples(&survey);
        let found = Found { survey: &survey, amplitudes, hash, stacked: self.survey.stack, counted };
        output.result(&found.text()?, &found.json()?)
    }
}

/// What was found.
struct Found<'a> {
    survey: &'a Survey,
    amplitudes: Option<AmplitudeStatistics>,
    hash: Option<String>,
    /// Whether gathers are to be stacked.
    stacked: bool,
    /// Whether samples are only counted.
    counted: bool,
}

/// Width of the first column.
const LABELS: usize = 14;

impl Found<'_> {
    fn text(&self) -> Result<String, Failure> {
        let survey = self.survey;
        let samples = survey.samples();
        let mut text = format!("{}\n", survey.path().display());
        let mut line = |label: &str, content: &str| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {label:<LABELS$}{content}");
        };
        match survey.segy() {
            Some(segy) => line("format", &segy_format(segy)),
            None if survey.zarr().is_some() => line("format", survey.kind()),
            None => {
                line("format", &format!("{}, which knows nothing of lines and positions:", survey.kind()));
                line(
                    "",
                    "what follows is counted from 0 unless given (--first-inline, --sample-interval, …)",
                );
            }
        }
        line("traces", &format!("{} of {} samples", survey.trace_count(), samples.count));
        let last = samples.position(samples.count.saturating_sub(1));
        let unit = samples.domain.unit();
        let name = vertical(samples.domain).to_lowercase();
        if self.counted {
            line("samples", &format!("0 to {last}; nothing says which times or depths they are"));
        } else {
            line(
                "samples",
                &format!("{name}, {} to {last} {unit}, every {} {unit}", samples.first, samples.interval),
            );
        }
        for (number, content) in geometry_lines(survey.geometry(), survey.map_unit()).into_iter().enumerate()
        {
            line(if number == 0 { "geometry" } else { "" }, &content);
        }
        if let Some(segy) = survey.segy() {
            line("numbered by", &number_fields(segy.number_fields()));
            line("positions", &positions(segy)?.unwrap_or_else(|| "no trace has any".to_owned()));
            for (number, other) in rivals(segy).enumerate() {
                line(if number == 0 { "or else" } else { "" }, &candidate(other));
            }
            if let Some(gathers) = segy.gathers() {
                let read = if self.stacked { "stacked" } else { "sections are refused without --stack" };
                line("pre-stack", &format!("{}; {read}", gathers.summary));
            }
        }
        if let Some(epsg) = survey.epsg() {
            line("EPSG", &epsg.to_string());
        }
        if let Some(polarity) = survey.polarity() {
            line("polarity", polarity_name(polarity));
        }
        for (number, content) in self.amplitude_lines().into_iter().enumerate() {
            line(if number == 0 { "amplitudes" } else { "" }, &content);
        }
        if let Some(hash) = &self.hash {
            line("sha256_f32le", hash);
        }
        if let Some(segy) = survey.segy() {
            text.push_str(&oddities(segy));
            text.push_str(&text_headers(segy)?);
        }
        Ok(text)
    }

    fn amplitude_lines(&self) -> Vec<String> {
        let Some(amplitudes) = &self.amplitudes else { return Vec::new() };
        let mut lines = Vec::new();
        if let Some(found) = &amplitudes.distribution {
            lines.push(format!(
                "{} to {}, mean {:.6}, standard deviation {:.6}",
                found.minimum, found.maximum, found.mean, found.standard_deviation
            ));
            let percentiles: Vec<String> = found
                .percentiles
                .iter()
                .map(|percentile| format!("{} % {}", percentile.percent, percentile.amplitude))
                .collect();
            lines.push(format!("percentiles: {}", percentiles.join(", ")));
        } else {
            lines.push("no sample is a finite number".to_owned());
        }
        if amplitudes.dead_traces > 0 {
            lines.push(format!(
                "{} nothing but zeros",
                counted(amplitudes.dead_traces as usize, "trace holds", "traces hold")
            ));
        }
        if amplitudes.not_finite > 0 {
            lines.push(format!(
                "{} NaN or infinite; left out here",
                counted(amplitudes.not_finite as usize, "sample is", "samples are")
            ));
        }
        lines
    }

    fn json(&self) -> Result<Value, Failure> {
        let survey = self.survey;
        let samples = survey.samples();
        let mut found = json!({
            "file": survey.path(),
            "name": survey.name(),
            "kind": survey.kind(),
            "traces": survey.trace_count(),
            "samples": {
                "count": samples.count,
                "first": samples.first,
                "interval": samples.interval,
                "domain": samples.domain,
                "unit": samples.domain.unit(),
            },
            "geometry": survey.geometry(),
            "amplitudes": self.amplitudes,
            "map_unit": survey.map_unit(),
            "epsg": survey.epsg(),
            "polarity": survey.polarity(),
        });
        if let Some(grid) = survey.geometry().volume().and_then(|volume| volume.grid) {
            found["bin_size"] = json!(grid.bin_size());
            found["azimuth"] = json!(grid.azimuth());
        }
        if let Some(segy) = survey.segy() {
            found["segy"] = segy_json(segy)?;
            found["oddities"] = json!(segy.oddities());
        }
        if let Some(hash) = &self.hash {
            found["sha256_f32le"] = json!(hash);
        }
        Ok(found)
    }
}

fn segy_format(segy: &SegyFile) -> String {
    let container = match segy.binary_header() {
        Some(binary) => format!("SEG-Y revision {}", binary.revision),
        None => "SU".to_owned(),
    };
    format!("{container}, {}, samples {}", segy.byte_order(), segy.format())
}

/// Where X and Y come from, in words; `None` where no trace has them.
fn positions(segy: &SegyFile) -> Result<Option<String>, Failure> {
    let on_grid = segy.geometry().volume().is_some_and(|volume| volume.grid.is_some());
    let is_filled = |trace| segy.position(trace).map(|position| position != [0.0; 2]).map_err(Failure::input);
    if !on_grid && !is_filled(0)? && !is_filled(segy.trace_count() - 1)? {
        return Ok(None);
    }
    Ok(Some(match segy.position_source() {
        PositionSource::Header([x, y]) => format!("X at {x}, Y at {y}"),
        PositionSource::ExtensionCdp => "CDP coordinates of the trace header extensions".to_owned(),
        PositionSource::ExtensionSource => "source coordinates of the trace header extensions".to_owned(),
    }))
}

/// Fields that are as far below the chosen ones, or less, are worth a look.
const RIVAL: f64 = 0.1;

/// Other fields that might number the traces nearly as well as those that do; where these were given by hand, as well as any.
fn rivals(segy: &SegyFile) -> impl Iterator<Item = &GeometryCandidate> {
    let chosen = segy.candidates().iter().find(|one| one.fields == segy.number_fields());
    let best = chosen.or(segy.candidates().first()).map_or(0.0, |one| one.score);
    let is_rival =
        move |other: &&GeometryCandidate| other.fields != segy.number_fields() && other.score >= best - RIVAL;
    segy.candidates().iter().filter(is_rival)
}

fn polarity_name(polarity: Polarity) -> &'static str {
    match polarity {
        Polarity::Normal => "normal: a pressure rise is a negative number, a harder layer a peak",
        Polarity::Reverse => "reverse: a pressure rise is a positive number, a harder layer a trough",
    }
}

fn numbers(axis: LineAxis) -> String {
    if axis.count == 1 {
        return format!("{}", axis.first);
    }
    format!("{} to {} by {} ({})", axis.first, axis.last(), axis.step, axis.count)
}

fn geometry_lines(geometry: &Geometry, unit: Option<&str>) -> Vec<String> {
    let unit = unit.map_or_else(String::new, |unit| format!(" {unit}"));
    match geometry {
        Geometry::Volume(volume) => {
            let mut lines = vec![
                format!("3-D, inlines {}", numbers(volume.inlines)),
                format!("crosslines {}", numbers(volume.crosslines)),
                bins(volume),
            ];
            if let Some(grid) = volume.grid {
                let [inlines, crosslines] = grid.bin_size();
                let [x, y] = grid.origin;
                lines.push(format!(
                    "first bin at X {x:.2}, Y {y:.2}; {inlines:.3}{unit} between inlines, {crosslines:.3}{unit} between \
                     crosslines; inlines run {:.2}° from north",
                    grid.azimuth()
                ));
            }
            lines
        }
        Geometry::Line(line) => {
            let counted = match line.numbered_by {
                LineNumbering::Cdp => "CDPs",
                LineNumbering::Shot => "shots",
                LineNumbering::Trace => "traces",
            };
            let mut lines = vec![format!("2-D line {}, {counted} {}", line.line, numbers(line.traces))];
            if let Some([[x, y], [to_x, to_y]]) = line.ends {
                lines.push(format!("from X {x:.2}, Y {y:.2} to X {to_x:.2}, Y {to_y:.2}"));
            }
            lines
        }
    }
}

fn bins(volume: &VolumeGeometry) -> String {
    let mut text = format!("{} of {} bins have a trace", volume.live_bins, volume.bins());
    if volume.extra_traces > 0 {
        let _ = write!(text, ", and {} more", counted(volume.extra_traces as usize, "trace", "traces"));
    }
    text
}

fn number_fields(fields: NumberFields) -> String {
    match fields {
        NumberFields::Volume { inline, crossline } => format!("inline at {inline}, crossline at {crossline}"),
        NumberFields::Line { number: Some(field), .. } => format!("the number along the line at {field}"),
        NumberFields::Line { number: None, .. } => "nothing: traces count as they come".to_owned(),
    }
}

fn candidate(candidate: &GeometryCandidate) -> String {
    format!("{} (score {:.2})", candidate.explanation, candidate.score)
}

fn oddities(segy: &SegyFile) -> String {
    if segy.oddities().is_empty() {
        return "\nNothing odd was found.\n".to_owned();
    }
    let lines: Vec<String> = segy.oddities().iter().map(|oddity| format!("  - {oddity}\n")).collect();
    format!("\nOddities\n{}", lines.concat())
}

/// Characters of a textual header's line that number it: `C 1 `.
const LINE_NUMBER: usize = 3;

fn text_headers(segy: &SegyFile) -> Result<String, Failure> {
    let mut text = String::new();
    let mut add = |title: &str, header: &TextHeader| {
        if header.is_blank() {
            let _ = writeln!(text, "\n{title}: empty");
            return;
        }
        let _ = writeln!(text, "\n{title} ({})", header.encoding.name());
        let used = header.lines.iter().rposition(|line| !line.trim().is_empty()).map_or(0, |last| last + 1);
        // Lines that hold no more than their own number say nothing.
        let says = |line: &&String| line.chars().skip(LINE_NUMBER).any(|c| !c.is_whitespace());
        for line in header.lines[..used].iter().filter(says) {
            let _ = writeln!(text, "  {}", line.trim_end());
        }
    };
    if let Some(header) = segy.text_header() {
        add("Textual header", header);
    }
    for (index, header) in segy.extended_text_headers().map_err(Failure::input)?.iter().enumerate() {
        add(&format!("Extended textual header {}", index + 1), header);
    }
    Ok(text)
}

fn segy_json(segy: &SegyFile) -> Result<Value, Failure> {
    let extended = segy.extended_text_headers().map_err(Failure::input)?;
    let lines = |header: &TextHeader| json!(header.lines);
    Ok(json!({
        "container": segy.container(),
        "revision": segy.binary_header().map(|binary| binary.revision.to_string()),
        "byte_order": segy.byte_order(),
        "format": {"code": segy.format().code(), "name": segy.format().name(), "bytes": segy.format().bytes()},
        "measurement_system": segy.measurement_system(),
        "text_encoding": segy.text_header().map(|header| header.encoding.name()),
        "text_header": segy.text_header().map(lines),
        "extended_text_headers": extended.iter().map(lines).collect::<Vec<_>>(),
        "binary_header": segy.binary_header(),
        "number_fields": segy.number_fields(),
        "positions": positions(segy)?,
        "candidates": segy.candidates(),
        "gathers": segy.gathers(),
    }))
}
