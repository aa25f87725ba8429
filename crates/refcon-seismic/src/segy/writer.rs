//! Writing SEG-Y, revision 1 and 2.1.

use super::binary_header::{BINARY_HEADER_BYTES, BinaryHeader, MeasurementSystem, Revision};
use super::text_header::{TEXT_HEADER_BYTES, TextEncoding, TextHeader};
use super::trace_extension::TraceHeaderExtension;
use super::trace_header::{HeaderField, TRACE_HEADER_BYTES, TraceHeader};
use super::{ByteOrder, SampleFormat, SegyError};
use crate::whole_file::{create_beside, without_temporary_name};
use crate::{BinGrid, Domain, SampleAxis, Volume};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

const FIRST_TRACE_OFFSET: u64 = (TEXT_HEADER_BYTES + BINARY_HEADER_BYTES) as u64;
const WRITE_BUFFER_BYTES: usize = 1 << 20;
/// Lines of the textual header that are free for the user's description.
const DESCRIPTION_LINES: usize = 16;

/// How a SEG-Y file is written.
#[derive(Debug, Clone, PartialEq)]
pub struct WriteOptions {
    /// Revision 1 or 2.1; revision 0 is written too (no inline and crossline bytes are promised by it, they are filled
    /// all the same).
    pub revision: Revision,
    /// Sample format.
    pub format: SampleFormat,
    /// Byte order; revisions before 2 call for [`ByteOrder::Big`].
    pub byte_order: ByteOrder,
    /// Encoding of the textual header.
    pub text_encoding: TextEncoding,
    /// First lines of the textual header, after `C 1 `, `C 2 `, …: at most 16, of at most 76 characters each.
    pub description: Vec<String>,
    /// Where the lines lie on the map, for [`write_volume`]; without it, coordinates are 0.
    pub grid: Option<BinGrid>,
    /// Scalar of the coordinates (bytes 71–72): −100 keeps hundredths, 1 whole units, 10 tens.
    pub coordinate_scalar: i16,
    /// Whether a trace header extension (`SEG00001`) follows each trace header, with coordinates as doubles; revision 2
    /// only.
    pub trace_header_extension: bool,
    /// Unit of lengths: of coordinates, and of depths.
    pub measurement_system: MeasurementSystem,
    /// Every amplitude is multiplied by this before it is written; integer formats need it to use their range.
    pub amplitude_scale: f32,
}

impl Default for WriteOptions {
    /// Revision 1, IEEE floats, big-endian, EBCDIC, hundredths of a metre, amplitudes as they are.
    fn default() -> Self {
        Self {
            revision: Revision::R1,
            format: SampleFormat::Float32,
            byte_order: ByteOrder::Big,
            text_encoding: TextEncoding::Ebcdic,
            description: Vec::new(),
            grid: None,
            coordinate_scalar: -100,
            trace_header_extension: false,
            measurement_system: MeasurementSystem::Metres,
            amplitude_scale: 1.0,
        }
    }
}

/// What a trace header says about its trace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TraceLabel {
    /// Inline number (189–192).
    pub inline: i32,
    /// Crossline number (193–196).
    pub crossline: i32,
    /// Ensemble number (21–24).
    pub cdp: i32,
    /// X and Y of the bin centre (181–188).
    pub position: [f64; 2],
    /// Distance from source to receiver (37–40); 0 after stack.
    pub offset: i32,
    /// Whether the trace is live; a dead one gets identification code 2.
    pub live: bool,
}

/// Writes `volume` as a SEG-Y file, inline by inline, crosslines fastest.
///
/// The file appears under its name only when it is complete. Memory needed is that of one trace.
///
/// # Errors
/// [`SegyError`] where the file cannot be written, or an amplitude, coordinate or the sample axis does not fit.
pub fn write_volume(path: &Path, volume: &Volume, options: &WriteOptions) -> Result<(), SegyError> {
    let geometry = [
        format!(
            "INLINES    {} TO {} STEP {} ({})",
            volume.inlines.first,
            volume.inlines.last(),
            volume.inlines.step,
            volume.inlines.count
        ),
        format!(
            "CROSSLINES {} TO {} STEP {} ({})",
            volume.crosslines.first,
            volume.crosslines.last(),
            volume.crosslines.step,
            volume.crosslines.count
        ),
    ];
    let mut writer = SegyWriter::with_geometry_lines(path, volume.samples, options, &geometry)?;
    let mut cdp = 0_i32;
    for inline in 0..volume.inlines.count {
        for crossline in 0..volume.crosslines.count {
            cdp = cdp.wrapping_add(1);
            let label = TraceLabel {
                inline: volume.inlines.number(inline),
                crossline: volume.crosslines.number(crossline),
                cdp,
                position: options.grid.map_or([0.0; 2], |grid| grid.position(inline, crossline)),
                offset: 0,
                live: true,
            };
            writer.write_trace(&label, volume.trace(inline, crossline))?;
        }
    }
    writer.finish()
}

/// Writes a SEG-Y file trace by trace, in any order and number.
///
/// The traces go to a temporary file beside `path`; [`SegyWriter::finish`] puts it in place, and without it nothing is
/// left behind.
#[derive(Debug)]
pub struct SegyWriter {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
    options: WriteOptions,
    binary: BinaryHeader,
    /// What all trace headers have in common.
    blank: TraceHeader,
    sample_count: usize,
    traces: u64,
    scaled: Vec<f32>,
    encoded: Vec<u8>,
}

impl SegyWriter {
    /// Starts a file whose traces have these samples.
    ///
    /// # Errors
    /// [`SegyError`] where the file cannot be created or the sample axis does not fit the headers.
    pub fn create(path: &Path, samples: SampleAxis, options: &WriteOptions) -> Result<Self, SegyError> {
        Self::with_geometry_lines(path, samples, options, &[])
    }

    fn with_geometry_lines(
        path: &Path,
        samples: SampleAxis,
        options: &WriteOptions,
        geometry: &[String],
    ) -> Result<Self, SegyError> {
        let binary = binary_header(path, samples, options)?;
        let blank = common_trace_header(path, samples, options, &binary)?;
        let text = TextHeader::encode(&text_lines(samples, options, geometry), options.text_encoding);
        let failed =
            |source| SegyError::Write { path: path.to_owned(), source: without_temporary_name(source) };
        let file = create_beside(path).map_err(failed)?;
        let mut file = BufWriter::with_capacity(WRITE_BUFFER_BYTES, file);
        file.write_all(&text)
            .and_then(|()| file.write_all(&binary.encode(options.byte_order)))
            .map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            options: options.clone(),
            binary,
            blank,
            sample_count: samples.count,
            traces: 0,
            scaled: Vec::new(),
            encoded: Vec::new(),
        })
    }

    /// Appends a trace.
    ///
    /// # Errors
    /// [`SegyError`] where the samples are not as many as the file's traces have, a value does not fit, or writing
    /// fails.
    pub fn write_trace(&mut self, label: &TraceLabel, samples: &[f32]) -> Result<(), SegyError> {
        if samples.len() != self.sample_count {
            return Err(SegyError::TraceLength {
                path: self.path.clone(),
                trace: self.traces,
                found: samples.len(),
                expected: self.sample_count,
            });
        }
        let header = self.trace_header(label)?;
        self.scaled.clear();
        self.scaled.extend(samples.iter().map(|sample| sample * self.options.amplitude_scale));
        self.encoded.clear();
        let format = self.options.format;
        if let Err(sample) = format.encode(self.options.byte_order, &self.scaled, &mut self.encoded) {
            let (path, trace, value) = (self.path.clone(), self.traces, self.scaled[sample]);
            return Err(SegyError::SampleDoesNotFit { path, trace, sample, value, format });
        }
        let extension = self.options.trace_header_extension.then(|| self.extension(label));
        let extension = extension.as_ref().map_or(&[][..], |extension| extension.bytes());
        let written = self
            .file
            .write_all(header.bytes())
            .and_then(|()| self.file.write_all(extension))
            .and_then(|()| self.file.write_all(&self.encoded));
        written.map_err(|source| self.failed(source))?;
        self.traces += 1;
        Ok(())
    }

    /// Completes the file and puts it in place of whatever had its name.
    ///
    /// # Errors
    /// [`SegyError::Write`] where writing or renaming fails; the old file is then untouched.
    pub fn finish(mut self) -> Result<(), SegyError> {
        if self.options.revision.major >= 2 {
            self.binary.trace_count = self.traces;
            let header = self.binary.encode(self.options.byte_order);
            let start = SeekFrom::Start(TEXT_HEADER_BYTES as u64);
            let written = self.file.seek(start).and_then(|_| self.file.write_all(&header));
            written.map_err(|source| self.failed(source))?;
        }
        let path = self.path;
        let failed = |source| SegyError::Write { path: path.clone(), source: without_temporary_name(source) };
        let file = self.file.into_inner().map_err(|error| failed(error.into_error()))?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        Ok(())
    }

    fn trace_header(&self, label: &TraceLabel) -> Result<TraceHeader, SegyError> {
        let mut header = self.blank.clone();
        // A file of more traces than the field can count starts again at 1.
        let sequence =
            i32::try_from(self.traces % i32::MAX.unsigned_abs() as u64).map_or(1, |number| number + 1);
        let factor = super::trace_header::scalar_factor(i32::from(self.options.coordinate_scalar));
        for (field, coordinate) in [HeaderField::CDP_X, HeaderField::CDP_Y].into_iter().zip(label.position) {
            let stored = (coordinate / factor).round();
            if !(stored >= f64::from(i32::MIN) && stored <= f64::from(i32::MAX)) {
                if self.options.trace_header_extension {
                    // There they fit; here they stay 0.
                    continue;
                }
                return Err(SegyError::HeaderDoesNotFit {
                    path: self.path.clone(),
                    what: "a coordinate",
                    value: coordinate,
                    advice: "choose a coarser coordinate scalar",
                });
            }
            header.set(field, stored as i32);
        }
        header.set(HeaderField::TRACE_IN_LINE, sequence);
        header.set(HeaderField::TRACE_IN_FILE, sequence);
        header.set(HeaderField::CDP, label.cdp);
        header.set(HeaderField::TRACE_IN_ENSEMBLE, 1);
        header.set(HeaderField::TRACE_KIND, if label.live { 1 } else { 2 });
        header.set(HeaderField::OFFSET, label.offset);
        header.set(HeaderField::INLINE, label.inline);
        header.set(HeaderField::CROSSLINE, label.crossline);
        Ok(header)
    }

    fn extension(&self, label: &TraceLabel) -> TraceHeaderExtension {
        let mut extension = TraceHeaderExtension::blank(self.options.byte_order);
        let BinaryHeader { sample_interval, extended_sample_interval, .. } = self.binary;
        let interval = match sample_interval {
            0 => extended_sample_interval,
            interval => f64::from(interval),
        };
        extension.set_sequence(self.traces + 1);
        extension.set_ensemble(i64::from(label.cdp));
        // The sample axis was checked to fit when the file was started.
        extension.set_samples(u32::try_from(self.sample_count).unwrap_or(u32::MAX), interval);
        extension.set_cdp(label.position);
        extension
    }

    fn failed(&self, source: io::Error) -> SegyError {
        SegyError::Write { path: self.path.clone(), source: without_temporary_name(source) }
    }
}

fn binary_header(
    path: &Path,
    samples: SampleAxis,
    options: &WriteOptions,
) -> Result<BinaryHeader, SegyError> {
    let too_large =
        |what, value, advice| SegyError::HeaderDoesNotFit { path: path.to_owned(), what, value, advice };
    let rev2 = options.revision.major >= 2;
    let feet = options.measurement_system == MeasurementSystem::Feet;
    if matches!((samples.domain, feet), (Domain::Depth, true) | (Domain::DepthFeet, false)) {
        let advice =
            "the file's unit of lengths must be that of its depths; choose the other measurement system";
        return Err(too_large("a depth step in another unit", samples.interval, advice));
    }
    let extensions = u32::from(options.trace_header_extension);
    if extensions > 0 && !rev2 {
        let advice = "revisions before 2 have no trace header extensions; write revision 2.1";
        return Err(too_large("a number of trace header extensions", f64::from(extensions), advice));
    }
    let interval = samples.interval * 1000.0;
    let (sample_interval, extended_sample_interval) = match whole(interval, 1.0, f64::from(u16::MAX)) {
        Some(interval) => (interval as u16, 0.0),
        None if rev2 && interval.is_finite() && interval > 0.0 => (0, interval),
        None => {
            let advice = "revision 1 holds 1 to 65535 whole thousandths of a ms (or m); write revision 2.1";
            return Err(too_large("a sample interval", samples.interval, advice));
        }
    };
    let (sample_count, extended_sample_count) =
        match (u16::try_from(samples.count), u32::try_from(samples.count)) {
            (Ok(count), _) => (count, 0),
            (_, Ok(count)) if rev2 => (0, count),
            _ => {
                let advice = "revision 1 holds at most 65535; write revision 2.1 or fewer samples";
                return Err(too_large("a number of samples", samples.count as f64, advice));
            }
        };
    Ok(BinaryHeader {
        line: 1,
        traces_per_ensemble: 1,
        sample_interval,
        sample_count,
        format_code: options.format.code(),
        ensemble_fold: 1,
        // Horizontally stacked.
        sorting_code: 4,
        measurement_system: match options.measurement_system {
            MeasurementSystem::Metres => 1,
            MeasurementSystem::Feet => 2,
        },
        impulse_polarity: 0,
        extended_traces_per_ensemble: 0,
        extended_sample_count,
        extended_sample_interval,
        revision: options.revision,
        fixed_length: true,
        extended_text_headers: 0,
        trace_header_extensions: extensions,
        survey_type: 0,
        time_basis: 0,
        trace_count: 0,
        first_trace_offset: if rev2 { FIRST_TRACE_OFFSET } else { 0 },
        trailer_stanzas: 0,
    })
}

fn common_trace_header(
    path: &Path,
    samples: SampleAxis,
    options: &WriteOptions,
    binary: &BinaryHeader,
) -> Result<TraceHeader, SegyError> {
    let mut header = TraceHeader::new([0; TRACE_HEADER_BYTES], options.byte_order);
    let Some((delay, scalar)) = delay_and_scalar(samples.first) else {
        return Err(SegyError::HeaderDoesNotFit {
            path: path.to_owned(),
            what: "a first sample's position",
            value: samples.first,
            advice: "the delay recording time holds 16 bits and a power of ten; round it",
        });
    };
    header.set(HeaderField::DELAY, delay);
    header.set(HeaderField::TIME_SCALAR, scalar);
    header.set(HeaderField::COORDINATE_SCALAR, i32::from(options.coordinate_scalar));
    header.set(HeaderField::COORDINATE_UNITS, 1);
    header.set(HeaderField::SAMPLE_COUNT, i32::from(binary.sample_count));
    header.set(HeaderField::SAMPLE_INTERVAL, i32::from(binary.sample_interval));
    if options.revision.major >= 2 {
        // The name of the standard trace header (bytes 233–240).
        header.set_text(233, b"SEG00000");
    }
    Ok(header)
}

/// A delay recording time and its scalar that together make `first` exactly; the scalar is 0 where none is needed.
fn delay_and_scalar(first: f64) -> Option<(i32, i32)> {
    let scalars = [0, -10, -100, -1000, -10_000, 10, 100, 1000, 10_000];
    scalars.into_iter().find_map(|scalar| {
        let stored = first / super::trace_header::scalar_factor(scalar);
        whole(stored, f64::from(i16::MIN), f64::from(i16::MAX)).map(|delay| (delay as i32, scalar))
    })
}

/// `value` as a whole number, where it is one (but for rounding) between `least` and `most`.
fn whole(value: f64, least: f64, most: f64) -> Option<f64> {
    let rounded = value.round();
    ((value - rounded).abs() <= 1e-6 && rounded >= least && rounded <= most).then_some(rounded)
}

fn text_lines(samples: SampleAxis, options: &WriteOptions, geometry: &[String]) -> Vec<String> {
    let unit = samples.domain.unit().to_uppercase();
    let domain = match samples.domain {
        Domain::Time => "TIME",
        Domain::Depth | Domain::DepthFeet => "DEPTH",
    };
    let mut body: Vec<String> = options.description.iter().take(DESCRIPTION_LINES).cloned().collect();
    body.extend(geometry.iter().cloned());
    body.push(format!(
        "SAMPLES    {} TO {} {unit} STEP {} {unit} ({})",
        samples.first,
        samples.position(samples.count.saturating_sub(1)),
        samples.interval,
        samples.count
    ));
    body.push(format!("DOMAIN: {domain}"));
    if samples.domain != Domain::Time {
        body.push("DEPTH STEP IN THE SAMPLE INTERVAL FIELDS IS IN THOUSANDTHS OF A UNIT".to_owned());
    }
    body.push(format!("SAMPLE FORMAT {}, {}", options.format.code(), options.format.name()).to_uppercase());
    if options.amplitude_scale != 1.0 {
        body.push(format!("AMPLITUDES MULTIPLIED BY {}", options.amplitude_scale));
    }
    body.push("TRACE HEADER BYTES: INLINE 189-192, CROSSLINE 193-196,".to_owned());
    body.push("  CDP 21-24, CDP X 181-184, CDP Y 185-188, COORDINATE SCALAR 71-72,".to_owned());
    body.push("  DELAY 109-110, ITS SCALAR 215-216, SAMPLES 115-116, INTERVAL 117-118".to_owned());
    if let Some(grid) = options.grid {
        let [x, y] = grid.origin;
        let [inline, crossline] = grid.bin_size();
        body.push(format!("FIRST BIN AT X {x:.2} Y {y:.2}, INLINE AZIMUTH {:.3}", grid.azimuth()));
        body.push(format!("BIN SIZE {inline:.3} BETWEEN INLINES, {crossline:.3} BETWEEN CROSSLINES"));
    }
    body.push("WRITTEN BY REFCON".to_owned());
    body.resize(38, String::new());
    // The specification fixes the last two lines.
    body.push(match options.revision.major {
        0 => String::new(),
        1 => "SEG Y REV1".to_owned(),
        _ => format!("SEG-Y_REV{}", options.revision),
    });
    body.push("END TEXTUAL HEADER".to_owned());
    let numbered = body.iter().enumerate();
    numbered.map(|(index, line)| format!("C{:>2} {line}", index + 1).trim_end().to_owned()).collect()
}
