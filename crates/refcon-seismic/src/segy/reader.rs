//! Opening SEG-Y and SU files.

use super::arrange::{Arrangement, Gathers, arrange};
use super::delays::TraceShifts;
use super::detect::{Detected, GeometryCandidate, NumberFields, detect};
use super::index::{self, FileState};
use super::layout::Layout;
use super::oddity::{Oddity, OddityKind};
use super::positions::PositionSource;
use super::scan::{Number, ScannedFields, scan};
use super::source::{FileSource, ReadAt};
use super::text_header::{TEXT_HEADER_BYTES, TextHeader};
use super::trace_extension::TraceHeaderExtension;
use super::trace_header::{HeaderField, TraceHeader};
use super::{BinaryHeader, ByteOrder, Container, MeasurementSystem, OpenOptions, SampleFormat, SegyError};
use crate::{Direction, Geometry, LineAxis, Polarity, SampleAxis};
use std::path::Path;

/// A SEG-Y or SU file, open for reading, with its traces arranged.
///
/// Opening reads every trace header once (or the saved index); after that any trace, line or slice is read with no more
/// than its own bytes. Several threads can read at a time.
#[derive(Debug)]
pub struct SegyFile {
    pub(super) name: String,
    pub(super) source: Box<dyn ReadAt>,
    pub(super) layout: Layout,
    pub(super) arrangement: Arrangement,
    pub(super) options: OpenOptions,
    detected: Detected,
    positions: PositionSource,
    map_unit: Option<&'static str>,
    oddities: Vec<Oddity>,
}

impl SegyFile {
    /// Opens the file at `path`, read-only. What `options` leave open is read from the headers or detected; where that
    /// took a decision, [`SegyFile::oddities`] says which.
    ///
    /// # Errors
    /// [`SegyError`] where the file cannot be read, is too short for one trace, or is stored in a way refcon does not
    /// read (obsolete sample formats, traces of different lengths).
    pub fn open(path: &Path, options: &OpenOptions) -> Result<Self, SegyError> {
        let name = path.display().to_string();
        let open = |source| SegyError::Open { name: name.clone(), source };
        let source = FileSource::open(path).map_err(open)?;
        let layout = Layout::read(&name, &source, options)?;
        let state = FileState::of(path).map_err(open)?;
        let saved = options.index.as_deref().and_then(|index| index::load(index, state, options, &layout));
        if let Some((detected, arrangement)) = saved {
            return Self::assemble(name, Box::new(source), layout, options, detected, arrangement);
        }
        let (detected, arrangement) = survey(&name, &source, &layout, options)?;
        let mut failure = None;
        if let Some(index) = &options.index {
            let asked = OpenOptions { index: None, ..options.clone() };
            // A folder that cannot be written to must not keep anyone from reading.
            failure = index::save(index, state, &asked, layout.trace_count, &detected, &arrangement).err();
        }
        let mut file = Self::assemble(name, Box::new(source), layout, options, detected, arrangement)?;
        if let Some(error) = failure {
            file.oddities
                .push(Oddity::new(OddityKind::Index, format!("The index could not be saved: {error}.")));
        }
        Ok(file)
    }

    /// Opens whatever can be read at any offset; `name` stands for it in messages. No index is read or saved.
    ///
    /// # Errors
    /// As [`SegyFile::open`].
    pub fn from_source(
        name: impl Into<String>,
        source: Box<dyn ReadAt>,
        options: &OpenOptions,
    ) -> Result<Self, SegyError> {
        let name = name.into();
        let layout = Layout::read(&name, source.as_ref(), options)?;
        let (detected, arrangement) = survey(&name, source.as_ref(), &layout, options)?;
        Self::assemble(name, source, layout, options, detected, arrangement)
    }

    fn assemble(
        name: String,
        source: Box<dyn ReadAt>,
        layout: Layout,
        options: &OpenOptions,
        detected: Detected,
        mut arrangement: Arrangement,
    ) -> Result<Self, SegyError> {
        let mut oddities = layout.oddities.clone();
        oddities.append(&mut arrangement.oddities);
        let positions = PositionSource::find(&name, source.as_ref(), &layout, options)?;
        let options = options.clone();
        let mut file = Self {
            name,
            source,
            layout,
            arrangement,
            options,
            detected,
            positions,
            map_unit: None,
            oddities,
        };
        file.map_unit = match file.trace_header(0)?.get(HeaderField::COORDINATE_UNITS) {
            2 => Some("seconds of arc"),
            3 => Some("degrees"),
            4 => Some("degrees, minutes, seconds"),
            _ => file.measurement_system().map(MeasurementSystem::unit),
        };
        let by_hand = file.options.x.is_some() || file.options.y.is_some();
        if let Some(remark) = positions.remark().filter(|_| !by_hand) {
            file.oddities.push(Oddity::new(OddityKind::Coordinates, remark));
        }
        if let Some(suspicion) = super::format_check::suspicion(&file)? {
            file.oddities.push(suspicion);
        }
        let ends = [file.position(0)?, file.position(file.trace_count() - 1)?];
        if let Geometry::Line(line) = &mut file.arrangement.geometry {
            line.ends = (ends != [[0.0; 2]; 2]).then_some(ends);
        }
        Ok(file)
    }

    /// The file's path, or the name given with its source.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SEG-Y or SU.
    #[must_use]
    pub fn container(&self) -> Container {
        self.layout.container
    }

    /// The textual header; an SU file has none.
    #[must_use]
    pub fn text_header(&self) -> Option<&TextHeader> {
        self.layout.text.as_ref()
    }

    /// The extended textual headers, read now.
    ///
    /// # Errors
    /// [`SegyError::Read`].
    pub fn extended_text_headers(&self) -> Result<Vec<TextHeader>, SegyError> {
        let encoding = self.layout.text.as_ref().map(|text| text.encoding);
        let headers = (0..u64::from(self.layout.extended_texts)).map(|index| {
            let mut bytes = [0; TEXT_HEADER_BYTES];
            let offset =
                (TEXT_HEADER_BYTES + super::BINARY_HEADER_BYTES) as u64 + index * TEXT_HEADER_BYTES as u64;
            self.read_bytes("an extended textual header", &mut bytes, offset)?;
            Ok(TextHeader::decode(&bytes, encoding))
        });
        headers.collect()
    }

    /// The binary header; an SU file has none.
    #[must_use]
    pub fn binary_header(&self) -> Option<&BinaryHeader> {
        self.layout.binary.as_ref()
    }

    /// How samples are stored.
    #[must_use]
    pub fn format(&self) -> SampleFormat {
        self.layout.format
    }

    /// Byte order of headers and samples.
    #[must_use]
    pub fn byte_order(&self) -> ByteOrder {
        self.layout.order
    }

    /// The unit of lengths, where the binary header says it.
    #[must_use]
    pub fn measurement_system(&self) -> Option<MeasurementSystem> {
        self.layout.binary.as_ref().and_then(BinaryHeader::measurement)
    }

    /// The unit of X, Y and bin sizes: `m` or `ft` as the measurement system says, one of angles where the first trace
    /// header says that coordinates are geographic (89–90); `None` where nothing says it.
    #[must_use]
    pub fn map_unit(&self) -> Option<&'static str> {
        self.map_unit
    }

    /// Whole traces in the file.
    #[must_use]
    pub fn trace_count(&self) -> u64 {
        self.layout.trace_count
    }

    /// The samples of sections and slices: first position (delay recording time), interval, count.
    ///
    /// Where delay recording times differ from trace to trace, this is the axis on which all traces find room, and a
    /// trace has only a part of it: see [`SegyFile::samples_of`].
    #[must_use]
    pub fn samples(&self) -> SampleAxis {
        SampleAxis {
            domain: self.layout.domain,
            first: self.arrangement.first_sample,
            interval: self.layout.interval,
            count: self.layout.sample_count + self.arrangement.shifts.as_ref().map_or(0, TraceShifts::added),
        }
    }

    /// How the traces are arranged.
    #[must_use]
    pub fn geometry(&self) -> &Geometry {
        &self.arrangement.geometry
    }

    /// The header fields that the arrangement comes from.
    #[must_use]
    pub fn number_fields(&self) -> NumberFields {
        self.detected.fields
    }

    /// The fields that could number the traces, best first, with reasons.
    #[must_use]
    pub fn candidates(&self) -> &[GeometryCandidate] {
        &self.detected.candidates
    }

    /// Where X and Y of the traces are read from.
    #[must_use]
    pub fn position_source(&self) -> PositionSource {
        self.positions
    }

    /// What the bins hold, where they hold several offsets.
    #[must_use]
    pub fn gathers(&self) -> Option<&Gathers> {
        self.arrangement.gathers.as_ref()
    }

    /// Everything that breaks the rules or took a decision.
    #[must_use]
    pub fn oddities(&self) -> &[Oddity] {
        &self.oddities
    }

    /// The coordinate reference system that was given on opening.
    #[must_use]
    pub fn epsg(&self) -> Option<u32> {
        self.options.epsg
    }

    /// The polarity: as given on opening, else what the binary header's impulse polarity code (3257) says.
    #[must_use]
    pub fn polarity(&self) -> Option<Polarity> {
        self.options.polarity.or(match self.layout.binary.as_ref()?.impulse_polarity {
            1 => Some(Polarity::Normal),
            2 => Some(Polarity::Reverse),
            _ => None,
        })
    }

    /// Inline and crossline number of a trace; on a 2-D line 0 and the number along it. `None` past the last trace.
    #[must_use]
    pub fn numbers(&self, trace: u64) -> Option<[i32; 2]> {
        self.arrangement.runs.numbers(trace)
    }

    /// Which bins of a volume have a trace, inline by inline (of a 2-D line, which numbers along it); `None` where all have one.
    #[must_use]
    pub fn live_bins(&self) -> Option<Vec<bool>> {
        let (inlines, crosslines, live) = match self.geometry() {
            Geometry::Volume(volume) => (volume.inlines, volume.crosslines, volume.live_bins),
            // The traces of a 2-D line are indexed on line 0.
            Geometry::Line(line) => (LineAxis { first: 0, step: 1, count: 1 }, line.traces, line.live_traces),
        };
        let mut bins = vec![false; inlines.count * crosslines.count];
        if live >= bins.len() as u64 {
            return None;
        }
        for run in self.arrangement.runs.runs() {
            for [inline, crossline] in (0..run.count).map(|index| run.numbers(index)) {
                if let Some((row, column)) = inlines.index_of(inline).zip(crosslines.index_of(crossline)) {
                    bins[row * crosslines.count + column] = true;
                }
            }
        }
        Some(bins)
    }

    /// The header of a trace, read now.
    ///
    /// # Errors
    /// [`SegyError::NoSuchTrace`], [`SegyError::Read`].
    pub fn trace_header(&self, trace: u64) -> Result<TraceHeader, SegyError> {
        self.check_trace(trace)?;
        let mut bytes = [0; super::TRACE_HEADER_BYTES];
        self.read_bytes("a trace header", &mut bytes, self.layout.trace_offset(trace))?;
        Ok(TraceHeader::new(bytes, self.layout.order))
    }

    /// The first trace header extension of a trace (revision 2), read now; `None` where it has none called `SEG00001`.
    ///
    /// # Errors
    /// As [`SegyFile::trace_header`].
    pub fn trace_header_extension(&self, trace: u64) -> Result<Option<TraceHeaderExtension>, SegyError> {
        self.check_trace(trace)?;
        if !self.layout.extended {
            return Ok(None);
        }
        let mut bytes = [0; super::TRACE_HEADER_BYTES];
        let offset = self.layout.trace_offset(trace) + super::TRACE_HEADER_BYTES as u64;
        self.read_bytes("a trace header extension", &mut bytes, offset)?;
        Ok(TraceHeaderExtension::new(bytes, self.layout.order))
    }

    /// X and Y of a trace, read now from its headers.
    ///
    /// # Errors
    /// As [`SegyFile::trace_header`].
    pub fn position(&self, trace: u64) -> Result<[f64; 2], SegyError> {
        let header = self.trace_header(trace)?;
        Ok(self.positions.position(&header, self.trace_header_extension(trace)?.as_ref()))
    }

    /// X and Y of the first trace of a 2-D line with this number, read now from its header; `None` where there is no such
    /// trace, it has no position, or the file is a volume.
    ///
    /// # Errors
    /// [`SegyError::Read`].
    pub fn position_on_line(&self, number: i32) -> Result<Option<[f64; 2]>, SegyError> {
        let Geometry::Line(_) = self.geometry() else { return Ok(None) };
        let Some(trace) = self.arrangement.runs.first_numbered([0, number]) else { return Ok(None) };
        Ok(Some(self.position(trace)?).filter(|position| *position != [0.0; 2]))
    }

    pub(super) fn check_trace(&self, trace: u64) -> Result<(), SegyError> {
        let count = self.trace_count();
        if trace < count {
            Ok(())
        } else {
            Err(SegyError::NoSuchTrace { name: self.name.clone(), trace, count })
        }
    }

    pub(super) fn read_bytes(
        &self,
        what: &'static str,
        buffer: &mut [u8],
        offset: u64,
    ) -> Result<(), SegyError> {
        let bytes = buffer.len();
        self.source.read_exact_at(buffer, offset).map_err(|source| SegyError::Read {
            name: self.name.clone(),
            what,
            offset,
            bytes,
            source,
        })
    }
}

/// Detects the numbering and reads all trace headers.
fn survey(
    name: &str,
    source: &dyn ReadAt,
    layout: &Layout,
    options: &OpenOptions,
) -> Result<(Detected, Arrangement), SegyError> {
    let detected = detect(name, source, layout, options)?;
    let numbers = match detected.fields {
        NumberFields::Volume { inline, crossline } => [Number::Field(inline), Number::Field(crossline)],
        NumberFields::Line { number, .. } => [Number::Zero, number.map_or(Number::Zero, Number::Field)],
    };
    let position = PositionSource::find(name, source, layout, options)?;
    let scan = scan(name, source, layout, &ScannedFields { numbers, position })?;
    let line = layout.binary.as_ref().map_or(0, |binary| binary.line);
    let arrangement = arrange(scan, detected.fields, layout, line);
    refuse_single_number(name, options, &arrangement)?;
    Ok((detected, arrangement))
}

/// Refuses a field given by hand that is the same in all traces where bins then hold several traces of one offset: it is not
/// that the survey has one line.
fn refuse_single_number(
    name: &str,
    options: &OpenOptions,
    arrangement: &Arrangement,
) -> Result<(), SegyError> {
    let one_offset =
        arrangement.gathers.as_ref().is_some_and(|gathers| gathers.offsets[0] == gathers.offsets[1]);
    let (true, Geometry::Volume(volume)) = (one_offset, &arrangement.geometry) else { return Ok(()) };
    let given = [
        (options.inline, volume.inlines, Direction::Inline),
        (options.crossline, volume.crosslines, Direction::Crossline),
    ];
    let single = given.into_iter().find(|(field, axis, _)| field.is_some() && axis.count == 1);
    let Some((Some(field), axis, direction)) = single else { return Ok(()) };
    Err(SegyError::NumbersNothing { name: name.to_owned(), direction, field, value: axis.first })
}
