//! Surveys on the command line: which file, and what the user knows better than it.

use crate::failure::Failure;
use clap::{Args, ValueEnum};
use refcon_library::retrieval::section_box::Positions;
use refcon_seismic::segy::{ByteOrder, Container, FieldKind, HeaderField, OpenOptions, Prestack};
use refcon_seismic::segy::{OddityKind, SampleFormat, SegyFile, TextEncoding};
use refcon_seismic::survey::{ArrayAxes, ArrayShape, RawArray};
use refcon_seismic::{Domain, Polarity, Survey, SurveyOptions};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Files smaller than this are scanned faster than an index is worth keeping.
const INDEXED_FROM_BYTES: u64 = 32 << 20;

/// What the user says about a survey.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "What the survey's file does not say, or says wrongly")]
pub(crate) struct SurveyChoices {
    /// Where the inline number is in the trace header: its first byte, as in `189`, with its kind if it is no 4-byte
    /// integer, as in `9:int16` (int16, uint16, int32, float32) [default: found from the headers]
    #[arg(long, value_name = "BYTE[:KIND]")]
    inline_byte: Option<Field>,

    /// Where the crossline number is
    #[arg(long, value_name = "BYTE[:KIND]")]
    crossline_byte: Option<Field>,

    /// The survey is a 2-D line, and the number along it (CDP, shot) is here
    #[arg(long, value_name = "BYTE[:KIND]", conflicts_with_all = ["inline_byte", "crossline_byte"])]
    number_byte: Option<Field>,

    /// Where X is
    #[arg(long, value_name = "BYTE[:KIND]")]
    x_byte: Option<Field>,

    /// Where Y is
    #[arg(long, value_name = "BYTE[:KIND]")]
    y_byte: Option<Field>,

    /// Byte order of headers and samples
    #[arg(long, value_enum, value_name = "ORDER")]
    byte_order: Option<Order>,

    /// SEG-Y's code of the sample format: 1 IBM float, 2 int32, 3 int16, 5 IEEE float, 6 IEEE double, 8 int8, …
    #[arg(long, value_name = "CODE")]
    sample_format: Option<u16>,

    /// Samples in a trace
    #[arg(long, value_name = "N")]
    samples_per_trace: Option<usize>,

    /// Sample interval, as in `4`, `4ms` or `5m` [default: what the file says; arrays: 1]
    #[arg(long, value_name = "INTERVAL[ms|s|m|ft]", allow_hyphen_values = true)]
    sample_interval: Option<Position>,

    /// Whether samples are times or depths
    #[arg(long, value_enum, value_name = "DOMAIN")]
    domain: Option<Vertical>,

    /// SEG-Y, or Seismic Unix without file headers
    #[arg(long, value_enum, value_name = "CONTAINER")]
    container: Option<FileKind>,

    /// Encoding of the textual header
    #[arg(long, value_enum, value_name = "ENCODING")]
    text_encoding: Option<Text>,

    /// Stack pre-stack gathers: sections hold the mean of each bin's traces
    #[arg(long)]
    pub(crate) stack: bool,

    /// Coordinate reference system, by its EPSG number; kept with the survey
    #[arg(long, value_name = "NUMBER")]
    epsg: Option<u32>,

    /// Polarity by the SEG's convention; kept with the survey, not applied
    #[arg(long, value_enum, value_name = "POLARITY")]
    polarity: Option<Sign>,

    /// The file holds samples only, the last axis fastest: inlines × crosslines × samples, as in `200x300x500`, or samples
    /// × traces. `--sample-format` [default: 5] and `--byte-order` [default: little] say how
    #[arg(long, value_name = "NxNxN|NxN")]
    shape: Option<Shape>,

    /// Bytes before the first sample of such a file
    #[arg(long, value_name = "BYTES", requires = "shape", default_value_t = 0)]
    offset: u64,

    /// Position of an array's first sample, as in `100` or `100ms` (arrays: NumPy and raw files, which know nothing of lines)
    /// [default: 0]
    #[arg(long, value_name = "POSITION[ms|s|m|ft]", allow_hyphen_values = true)]
    first_sample: Option<Position>,

    /// Number of an array's first inline
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    first_inline: i32,

    /// From one inline of an array to the next
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true)]
    inline_step: i32,

    /// Number of an array's first crossline
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    first_crossline: i32,

    /// From one crossline of an array to the next
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true)]
    crossline_step: i32,

    /// Keep no index of the trace headers of large SEG-Y files (kept in the user's cache folder, or the one that the
    /// environment variable `REFCON_CACHE` names)
    #[arg(long)]
    no_index: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Order {
    Big,
    Little,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Vertical {
    /// Milliseconds
    Time,
    /// Metres
    Depth,
    /// Feet
    DepthFeet,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FileKind {
    Segy,
    Su,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Text {
    Ebcdic,
    Ascii,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Sign {
    /// A harder layer is a peak
    Normal,
    /// A harder layer is a trough
    Reverse,
}

/// A header field as the user writes it.
#[derive(Debug, Clone, Copy)]
struct Field(HeaderField);

impl FromStr for Field {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (byte, kind) = text.split_once(':').unwrap_or((text, "int32"));
        let kind = match kind {
            "int16" => FieldKind::Int16,
            "uint16" => FieldKind::UInt16,
            "int32" => FieldKind::Int32,
            "float32" => FieldKind::Float32,
            other => return Err(format!("kind {other}: expected int16, uint16, int32 or float32")),
        };
        let field = byte.parse().ok().and_then(|byte| HeaderField::new(byte, kind));
        let last = 241 - kind.bytes();
        field.map(Self).ok_or_else(|| format!("expected a first byte from 1 to {last}, as in 189 or 9:int16"))
    }
}

/// A time or depth as the user writes it: `1200`, `1200ms`, `1.2s`, `2400m`; without a unit, in that of the survey.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Position {
    /// In the unit of its domain: ms, m or ft.
    pub(crate) value: f64,
    /// What its unit says that it is.
    pub(crate) domain: Option<Domain>,
}

impl FromStr for Position {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number_ends = text.rfind(|last: char| last.is_ascii_digit()).map_or(0, |at| at + 1);
        let (number, unit) = text.split_at(number_ends);
        // A range from it to itself: ranges are where units are understood.
        let range: Positions = format!("{number}..{number}{unit}")
            .parse()
            .map_err(|_| "expected a time or depth, as in 1200, 1200ms, 1.2s or 2400m".to_owned())?;
        Ok(Self { value: range.from, domain: range.domain })
    }
}

/// Refuses a time where samples are depths, and the other way round. `what` is what the user gave.
pub(crate) fn check_unit(what: &str, given: Option<Domain>, samples: Domain) -> Result<(), Failure> {
    match given.filter(|given| *given != samples) {
        Some(given) => Err(Failure::usage(format!(
            "{what} is in {}, and the samples of the survey are in {}",
            given.unit(),
            samples.unit()
        ))),
        None => Ok(()),
    }
}

/// The shape of a raw array as the user writes it.
#[derive(Debug, Clone, Copy)]
struct Shape(ArrayShape);

impl FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lengths: Result<Vec<usize>, _> = text.split('x').map(str::parse).collect();
        match lengths.as_deref() {
            Ok(&[inlines, crosslines, samples]) => {
                Ok(Self(ArrayShape::Volume([inlines, crosslines, samples])))
            }
            Ok(&[samples, traces]) => Ok(Self(ArrayShape::Section([samples, traces]))),
            _ => Err("expected three lengths, as in 200x300x500, or two".to_owned()),
        }
    }
}

impl SurveyChoices {
    /// Opens the survey at `path` with what the user says about it; warns where part of it is lost.
    pub(crate) fn open(&self, path: &Path) -> Result<Survey, Failure> {
        let survey = self.open_quietly(path)?;
        let oddities = survey.segy().map_or(&[][..], SegyFile::oddities);
        for lost in oddities.iter().filter(|oddity| oddity.kind == OddityKind::Truncated) {
            tracing::warn!("{}: {lost}", path.display());
        }
        Ok(survey)
    }

    /// As [`SurveyChoices::open`], for a command that tells all oddities itself.
    pub(crate) fn open_quietly(&self, path: &Path) -> Result<Survey, Failure> {
        Survey::open(path, &self.options(path)?).map_err(Failure::input)
    }

    /// Whether nothing says which times or depths the samples of `survey` are, so that they are only counted.
    pub(crate) fn only_counts_samples(&self, survey: &Survey) -> bool {
        let from_file = survey.segy().is_some() || survey.zarr().is_some();
        !from_file && self.sample_interval.is_none() && self.first_sample.is_none() && self.domain.is_none()
    }

    /// Time or depth, where the user says it, if only by a unit.
    fn domain(&self) -> Result<Option<Domain>, Failure> {
        let domain = self.domain.map(|domain| match domain {
            Vertical::Time => Domain::Time,
            Vertical::Depth => Domain::Depth,
            Vertical::DepthFeet => Domain::DepthFeet,
        });
        let units = [("--sample-interval", self.sample_interval), ("--first-sample", self.first_sample)];
        units.into_iter().try_fold(domain, |domain, (option, position)| {
            let given = position.and_then(|position| position.domain);
            if let Some(domain) = domain {
                check_unit(option, given, domain)?;
            }
            Ok(domain.or(given))
        })
    }

    /// What the user says about the survey at `path`.
    pub(crate) fn options(&self, path: &Path) -> Result<SurveyOptions, Failure> {
        let format = self
            .sample_format
            .map(|code| {
                SampleFormat::from_code(code).ok_or_else(|| {
                    Failure::usage(format!("--sample-format {code}: expected 1, 2, 3, 5 to 12, 15 or 16"))
                })
            })
            .transpose()?;
        let byte_order = self.byte_order.map(|order| match order {
            Order::Big => ByteOrder::Big,
            Order::Little => ByteOrder::Little,
        });
        let domain = self.domain()?;
        let field = |field: Option<Field>| field.map(|Field(field)| field);
        let segy = OpenOptions {
            container: self.container.map(|kind| match kind {
                FileKind::Segy => Container::SegY,
                FileKind::Su => Container::Su,
            }),
            byte_order,
            text_encoding: self.text_encoding.map(|text| match text {
                Text::Ebcdic => TextEncoding::Ebcdic,
                Text::Ascii => TextEncoding::Ascii,
            }),
            format,
            sample_count: self.samples_per_trace,
            sample_interval: self.sample_interval.map(|interval| interval.value),
            domain,
            inline: field(self.inline_byte),
            crossline: field(self.crossline_byte),
            trace_number: field(self.number_byte),
            x: field(self.x_byte),
            y: field(self.y_byte),
            prestack: if self.stack { Prestack::Stack } else { Prestack::Refuse },
            // Those of the survey hold for files of every kind.
            epsg: None,
            polarity: None,
            index: if self.no_index { None } else { index_of(path) },
        };
        let axes = ArrayAxes {
            domain: domain.unwrap_or(Domain::Time),
            first_sample: self.first_sample.map_or(0.0, |first| first.value),
            sample_interval: self
                .sample_interval
                .map_or(ArrayAxes::default().sample_interval, |interval| interval.value),
            first_inline: self.first_inline,
            inline_step: self.inline_step,
            first_crossline: self.first_crossline,
            crossline_step: self.crossline_step,
            grid: None,
        };
        let raw = self.shape.map(|Shape(shape)| RawArray {
            shape,
            format: format.unwrap_or(SampleFormat::Float32),
            byte_order: byte_order.unwrap_or(ByteOrder::Little),
            offset: self.offset,
        });
        let polarity = self.polarity.map(|sign| match sign {
            Sign::Normal => Polarity::Normal,
            Sign::Reverse => Polarity::Reverse,
        });
        Ok(SurveyOptions { segy, axes, raw, epsg: self.epsg, polarity })
    }
}

/// What a file is opened with of which the user says nothing.
pub(crate) fn default_options(path: &Path) -> SurveyOptions {
    let segy = OpenOptions { index: index_of(path), ..OpenOptions::default() };
    SurveyOptions { segy, ..SurveyOptions::default() }
}

/// Where the index of a large file is kept: in a cache folder, since the folder of the survey may be read-only.
fn index_of(path: &Path) -> Option<PathBuf> {
    let file = path.metadata().ok().filter(|file| file.is_file() && file.len() >= INDEXED_FROM_BYTES);
    let whole = file.and_then(|_| path.canonicalize().ok())?;
    let cache = match std::env::var_os("REFCON_CACHE") {
        Some(folder) => PathBuf::from(folder),
        None => dirs::cache_dir()?.join("refcon"),
    };
    // The path may be confidential, its hash is not; files of one name in different folders stay apart.
    let hash = Sha256::digest(whole.as_os_str().as_encoded_bytes());
    let name: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    Some(cache.join("trace-headers").join(format!("{name}.index")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_shapes_are_read_as_people_write_them() {
        let field = |text: &str| text.parse::<Field>().map(|Field(field)| (field.byte(), field.kind()));
        assert_eq!(field("189"), Ok((189, FieldKind::Int32)));
        assert_eq!(field("9:int16"), Ok((9, FieldKind::Int16)));
        for wrong in ["0", "238", "240:int16", "x", "9:int8", "9:"] {
            assert!(field(wrong).is_err(), "{wrong}");
        }
        assert!(field("239:int16").is_ok() && field("237").is_ok());
        let shape = |text: &str| text.parse::<Shape>().map(|Shape(shape)| shape);
        assert_eq!(shape("2x3x4"), Ok(ArrayShape::Volume([2, 3, 4])));
        assert_eq!(shape("2x3"), Ok(ArrayShape::Section([2, 3])));
        assert!(shape("2x3x4x5").is_err() && shape("2×3").is_err());
    }

    #[test]
    fn a_position_is_read_with_and_without_its_unit() {
        let position = |text: &str| text.parse::<Position>().map(|found| (found.value, found.domain));
        assert_eq!(position("1200"), Ok((1200.0, None)));
        assert_eq!(position("-8"), Ok((-8.0, None)));
        assert_eq!(position("1200ms"), Ok((1200.0, Some(Domain::Time))));
        assert_eq!(position("1.2 s"), Ok((1200.0, Some(Domain::Time))));
        assert_eq!(position("2.4km"), Ok((2400.0, Some(Domain::Depth))));
        for wrong in ["", "ms", "12 parsecs", "1..2", "NaN", "1e"] {
            assert!(position(wrong).is_err(), "{wrong}");
        }
    }
}
