//! Where everything lies in a file: headers, the first trace, the length of a trace, how its samples are stored.

use super::binary_header::{
    self, BINARY_HEADER_BYTES, BYTE_ORDER_MARK, BinaryHeader, MeasurementSystem, Revision,
};
use super::oddity::{Oddity, OddityKind};
use super::source::ReadAt;
use super::text_file::refuse_text;
use super::text_header::{TEXT_HEADER_BYTES, TextEncoding, TextHeader};
use super::trace_extension::TraceHeaderExtension;
use super::trace_header::{HeaderField, TRACE_HEADER_BYTES, TraceHeader};
use super::trace_length::SampleCount;
use super::{ByteOrder, Container, OpenOptions, SampleFormat, SegyError};
use crate::Domain;
use std::ops::RangeInclusive;

const FILE_HEADER_BYTES: usize = TEXT_HEADER_BYTES + BINARY_HEADER_BYTES;
/// An extended textual header that says so ends the list of them (revision 1, section 6.1).
const END_STANZA: &str = "((SEG:ENDTEXT))";
/// Sample intervals that can be, µs: anything else is a damaged header.
const INTERVALS: RangeInclusive<f64> = 1e-3..=1e9;

/// The outer shape of a file.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub container: Container,
    pub order: ByteOrder,
    pub format: SampleFormat,
    pub text: Option<TextHeader>,
    pub binary: Option<BinaryHeader>,
    /// Extended textual headers, each of 3200 bytes, after the binary header.
    pub extended_texts: u32,
    pub first_trace: u64,
    /// Bytes before the samples of each trace.
    pub header_bytes: u64,
    /// Whether a trace header extension called `SEG00001` follows the first trace's header.
    pub extended: bool,
    pub trace_bytes: u64,
    pub trace_count: u64,
    pub sample_count: usize,
    /// In the unit of `domain`.
    pub interval: f64,
    pub domain: Domain,
    pub oddities: Vec<Oddity>,
}

impl Layout {
    /// Works the layout out from the headers and the length of the file.
    pub(super) fn read(name: &str, source: &dyn ReadAt, options: &OpenOptions) -> Result<Self, SegyError> {
        let finder = Finder { name, source, options, oddities: Vec::new() };
        if options.container.is_none() {
            refuse_text(name, source)?;
        }
        match finder.container()? {
            Container::SegY => finder.segy(),
            Container::Su => finder.su(),
        }
    }

    /// Byte offset of a trace's header.
    pub(super) fn trace_offset(&self, trace: u64) -> u64 {
        self.first_trace + trace * self.trace_bytes
    }
}

/// What is at hand while the layout is worked out.
pub(super) struct Finder<'a> {
    pub name: &'a str,
    pub source: &'a dyn ReadAt,
    pub options: &'a OpenOptions,
    oddities: Vec<Oddity>,
}

impl Finder<'_> {
    pub(super) fn odd(&mut self, kind: OddityKind, text: impl Into<String>) {
        self.oddities.push(Oddity::new(kind, text));
    }

    pub(super) fn read<const N: usize>(&self, what: &'static str, offset: u64) -> Result<[u8; N], SegyError> {
        let mut bytes = [0; N];
        self.source.read_exact_at(&mut bytes, offset).map_err(|source| SegyError::Read {
            name: self.name.to_owned(),
            what,
            offset,
            bytes: N,
            source,
        })?;
        Ok(bytes)
    }

    /// The trace header at `offset`, or `None` where the file ends before it does.
    pub(super) fn trace_header(
        &self,
        offset: u64,
        order: ByteOrder,
    ) -> Result<Option<TraceHeader>, SegyError> {
        let end = offset.checked_add(TRACE_HEADER_BYTES as u64);
        if end.is_none_or(|end| end > self.source.len()) {
            return Ok(None);
        }
        Ok(Some(TraceHeader::new(self.read("a trace header", offset)?, order)))
    }

    /// SEG-Y unless the file is said to be SU, or cannot be SEG-Y and reads well as SU.
    fn container(&self) -> Result<Container, SegyError> {
        if let Some(container) = self.options.container {
            return Ok(container);
        }
        if self.source.len() >= FILE_HEADER_BYTES as u64 {
            let text: [u8; TEXT_HEADER_BYTES] = self.read("the textual header", 0)?;
            if [TextEncoding::Ebcdic, TextEncoding::Ascii].into_iter().any(|encoding| encoding.reads(&text)) {
                return Ok(Container::SegY);
            }
        }
        Ok(if self.su_order()?.is_some() { Container::Su } else { Container::SegY })
    }

    /// The byte order in which the file reads as SU: its length is a whole number of traces, and the next trace header
    /// repeats the first one's sample count and interval.
    fn su_order(&self) -> Result<Option<ByteOrder>, SegyError> {
        let length = self.source.len();
        let orders =
            self.options.byte_order.map_or(vec![ByteOrder::Little, ByteOrder::Big], |order| vec![order]);
        for order in orders {
            let Some(first) = self.trace_header(0, order)? else { continue };
            let count = first.get(HeaderField::SAMPLE_COUNT).unsigned_abs();
            let trace_bytes = TRACE_HEADER_BYTES as u64 + 4 * u64::from(count);
            if count == 0 || length < trace_bytes {
                continue;
            }
            let repeats = match self.trace_header(trace_bytes, order)? {
                None => length == trace_bytes,
                Some(second) => [HeaderField::SAMPLE_COUNT, HeaderField::SAMPLE_INTERVAL]
                    .into_iter()
                    .all(|field| second.get(field) == first.get(field)),
            };
            if repeats {
                return Ok(Some(order));
            }
        }
        Ok(None)
    }

    fn su(mut self) -> Result<Layout, SegyError> {
        let order = match self.options.byte_order {
            Some(order) => order,
            // SU files are in the order of the machine that wrote them, which is nearly always little-endian.
            None => self.su_order()?.unwrap_or(ByteOrder::Little),
        };
        let Some(first) = self.trace_header(0, order)? else {
            return Err(self.too_short("a trace header", TRACE_HEADER_BYTES as u64));
        };
        let format = self.options.format.unwrap_or(SampleFormat::Float32);
        let counts = [self.header_count(&first)];
        let header_bytes = TRACE_HEADER_BYTES as u64;
        let sample_count = self.sample_count(&counts, 0, header_bytes, format, order)?;
        let from_trace = f64::from(first.get(HeaderField::SAMPLE_INTERVAL));
        let interval = self.interval(&[("the first trace header (117–118)", from_trace)])?;
        let extended = false;
        let end = self.source.len();
        let (trace_bytes, trace_count) = self.traces(0, end, header_bytes, sample_count, format)?;
        Ok(Layout {
            container: Container::Su,
            order,
            format,
            text: None,
            binary: None,
            extended_texts: 0,
            first_trace: 0,
            header_bytes,
            extended,
            trace_bytes,
            trace_count,
            sample_count: sample_count as usize,
            interval,
            domain: self.options.domain.unwrap_or(Domain::Time),
            oddities: self.oddities,
        })
    }

    fn segy(mut self) -> Result<Layout, SegyError> {
        let length = self.source.len();
        let least = FILE_HEADER_BYTES + TRACE_HEADER_BYTES;
        if length < least as u64 {
            return Err(self.too_short("the file headers and a trace header", least as u64));
        }
        let text: [u8; TEXT_HEADER_BYTES] = self.read("the textual header", 0)?;
        let text = TextHeader::decode(&text, self.options.text_encoding);
        if text.is_blank() {
            self.odd(OddityKind::TextHeader, "The textual header is empty.");
        }
        let raw: [u8; BINARY_HEADER_BYTES] = self.read("the binary header", TEXT_HEADER_BYTES as u64)?;
        let order = self.byte_order(&raw)?;
        let binary = BinaryHeader::decode(&raw, order);
        let format = self.format(&binary)?;
        let (extended_texts, first_trace) = self.first_trace(&binary, text.encoding)?;
        let Some(first) = self.trace_header(first_trace, order)? else {
            return Err(self.too_short("the first trace header", first_trace + TRACE_HEADER_BYTES as u64));
        };
        let (header_bytes, extension) = self.header_bytes(&binary, first_trace, order)?;
        let counts = [
            SampleCount { count: binary.extended_sample_count, place: "the binary header (3269–3272)" },
            SampleCount { count: u32::from(binary.sample_count), place: "the binary header (3221–3222)" },
            self.header_count(&first),
            SampleCount {
                count: extension.as_ref().map_or(0, TraceHeaderExtension::sample_count),
                place: "the first trace header extension (137–140)",
            },
        ];
        let sample_count = self.sample_count(&counts, first_trace, header_bytes, format, order)?;
        let interval = self.interval(&[
            ("the binary header (3273–3280)", binary.extended_sample_interval),
            ("the binary header (3217–3218)", f64::from(binary.sample_interval)),
            ("the first trace header (117–118)", f64::from(first.get(HeaderField::SAMPLE_INTERVAL))),
            (
                "the first trace header extension (145–152)",
                extension.as_ref().map_or(0.0, TraceHeaderExtension::sample_interval),
            ),
        ])?;
        let extended = extension.is_some();
        let end = self.end_of_traces(&binary, first_trace, header_bytes, sample_count, format);
        let (trace_bytes, trace_count) = self.traces(first_trace, end, header_bytes, sample_count, format)?;
        if binary.trace_count > 0 && binary.trace_count != trace_count {
            let text = format!(
                "The binary header (3513–3520) says {} traces; the file's length holds {trace_count}, which is used.",
                binary.trace_count
            );
            self.odd(OddityKind::TraceCount, text);
        }
        let domain = match self.domain(&text) {
            Domain::Depth if binary.measurement() == Some(MeasurementSystem::Feet) => Domain::DepthFeet,
            domain => domain,
        };
        Ok(Layout {
            container: Container::SegY,
            order,
            format,
            text: Some(text),
            binary: Some(binary),
            extended_texts,
            first_trace,
            header_bytes,
            extended,
            trace_bytes,
            trace_count,
            sample_count: sample_count as usize,
            interval,
            domain,
            oddities: self.oddities,
        })
    }

    fn byte_order(&mut self, raw: &[u8; BINARY_HEADER_BYTES]) -> Result<ByteOrder, SegyError> {
        if let Some(order) = self.options.byte_order {
            return Ok(order);
        }
        let mark = u32::from_be_bytes(binary_header::field(raw, 3297));
        if mark == BYTE_ORDER_MARK {
            return Ok(ByteOrder::Big);
        }
        if mark == BYTE_ORDER_MARK.swap_bytes() {
            return Ok(ByteOrder::Little);
        }
        if [0x0201_0403, 0x0304_0102].contains(&mark) {
            return Err(SegyError::SwappedPairs { name: self.name.to_owned(), found: mark });
        }
        let scores = [ByteOrder::Big, ByteOrder::Little].map(|order| self.plausibility(raw, order));
        let [big, little] = [scores[0].as_ref().map_or(0, |&s| s), scores[1].as_ref().map_or(0, |&s| s)];
        if big == little {
            self.odd(
                OddityKind::ByteOrder,
                "The headers read equally well in both byte orders; big-endian is taken, as the specification says.",
            );
        }
        let order = if little > big { ByteOrder::Little } else { ByteOrder::Big };
        if order == ByteOrder::Little {
            let text = "The file is little-endian, which the specification allows from revision 2 on only.";
            self.odd(OddityKind::ByteOrder, text);
        }
        Ok(order)
    }

    /// How much of the headers makes sense in `order`; higher is better.
    fn plausibility(&self, raw: &[u8; BINARY_HEADER_BYTES], order: ByteOrder) -> Result<u32, SegyError> {
        let binary = BinaryHeader::decode(raw, order);
        let mut score = 0;
        score += 4 * u32::from(SampleFormat::from_code(binary.format_code).is_some());
        score += u32::from((100..=20_000).contains(&binary.sample_interval));
        score += u32::from((1..=20_000).contains(&binary.sample_count));
        score += u32::from((1..=2).contains(&binary.measurement_system));
        if let Some(first) = self.trace_header(FILE_HEADER_BYTES as u64, order)? {
            let count = first.get(HeaderField::SAMPLE_COUNT);
            score += u32::from((1..=20_000).contains(&count));
            score += u32::from((100..=20_000).contains(&first.get(HeaderField::SAMPLE_INTERVAL)));
            // Small numbers look huge the wrong way round.
            score += u32::from(first.get(HeaderField::TRACE_IN_FILE).unsigned_abs() < 1 << 16);
        }
        Ok(score)
    }

    fn format(&mut self, binary: &BinaryHeader) -> Result<SampleFormat, SegyError> {
        let code = binary.format_code;
        if let Some(format) = self.options.format {
            if format.code() != code {
                let text =
                    format!("The binary header's sample format code is {code}; {format} is used, as asked.");
                self.odd(OddityKind::SampleFormat, text);
            }
            return Ok(format);
        }
        match SampleFormat::from_code(code) {
            Some(format) => Ok(format),
            None if code == 0 => {
                let text = "The binary header has no sample format code (0); IBM float is taken, as older files have it.";
                self.odd(OddityKind::SampleFormat, text);
                Ok(SampleFormat::Ibm32)
            }
            None => {
                let meaning = if code == 4 { " (fixed point with gain, obsolete)" } else { "" };
                Err(SegyError::SampleFormat { name: self.name.to_owned(), code, meaning })
            }
        }
    }

    /// The number of extended textual headers and the byte offset of the first trace.
    fn first_trace(
        &mut self,
        binary: &BinaryHeader,
        encoding: TextEncoding,
    ) -> Result<(u32, u64), SegyError> {
        let after_headers = FILE_HEADER_BYTES as u64;
        let fits =
            |texts: u32| after_headers + u64::from(texts) * TEXT_HEADER_BYTES as u64 <= self.source.len();
        let texts = match binary.extended_text_headers {
            -1 if binary.revision > Revision::R0 => self.count_extended_texts(encoding)?,
            0 => 0,
            // Revision 0 has no such field, so what follows must be text to be believed.
            count if binary.revision == Revision::R0 && !self.is_text(after_headers, encoding)? => {
                let text = format!(
                    "Bytes 3505–3506 of this revision 0 file hold {count}; no text follows the binary header, so they \
                     are no count of extended textual headers."
                );
                self.odd(OddityKind::TextHeader, text);
                0
            }
            count => match u32::try_from(count) {
                Ok(count) if fits(count) => count,
                _ => {
                    let text = format!(
                        "The binary header (3505–3506) says {count} extended textual headers, which the file cannot \
                         hold; none is assumed."
                    );
                    self.odd(OddityKind::TextHeader, text);
                    0
                }
            },
        };
        let counted = after_headers + u64::from(texts) * TEXT_HEADER_BYTES as u64;
        let said = binary.first_trace_offset;
        if said == 0 || said == counted {
            return Ok((texts, counted));
        }
        let usable = said >= after_headers && said < self.source.len();
        let (offset, why) =
            if usable { (said, "which is used") } else { (counted, "which cannot be; ignored") };
        let text = format!(
            "The binary header (3521–3528) puts the first trace at byte offset {said}, {why}; after the textual headers \
             it would be {counted}."
        );
        self.odd(OddityKind::TraceCount, text);
        Ok((texts, offset))
    }

    /// Whether a textual header stands at `offset`.
    fn is_text(&self, offset: u64, encoding: TextEncoding) -> Result<bool, SegyError> {
        if offset + TEXT_HEADER_BYTES as u64 > self.source.len() {
            return Ok(false);
        }
        let text: [u8; TEXT_HEADER_BYTES] = self.read("an extended textual header", offset)?;
        Ok(encoding.reads(&text))
    }

    /// Counts extended textual headers up to the one that holds the end stanza.
    fn count_extended_texts(&mut self, encoding: TextEncoding) -> Result<u32, SegyError> {
        let mut texts = 0_u32;
        let mut offset = FILE_HEADER_BYTES as u64;
        while offset + TEXT_HEADER_BYTES as u64 <= self.source.len() && texts < i16::MAX.unsigned_abs().into()
        {
            let text: [u8; TEXT_HEADER_BYTES] = self.read("an extended textual header", offset)?;
            texts += 1;
            offset += TEXT_HEADER_BYTES as u64;
            let text: String = TextHeader::decode(&text, Some(encoding)).lines.concat();
            let squeezed: String = text.chars().filter(|character| !character.is_whitespace()).collect();
            if squeezed.to_ascii_uppercase().contains(END_STANZA) {
                return Ok(texts);
            }
        }
        self.odd(
            OddityKind::TextHeader,
            "The binary header (3505–3506) promises extended textual headers up to an ((SEG: EndText)) stanza, but no \
             such stanza is there; none is assumed.",
        );
        Ok(0)
    }

    /// Bytes before the samples of a trace, extensions included, and the first trace's extension `SEG00001`.
    fn header_bytes(
        &mut self,
        binary: &BinaryHeader,
        first_trace: u64,
        order: ByteOrder,
    ) -> Result<(u64, Option<TraceHeaderExtension>), SegyError> {
        let standard = TRACE_HEADER_BYTES as u64;
        let most = binary.trace_header_extensions;
        let bytes = |extensions: u32| standard * (1 + u64::from(extensions));
        if first_trace + bytes(most) > self.source.len() {
            let text = format!(
                "The binary header (3507) says {most} trace header extensions, which the file cannot hold; none is \
                 assumed."
            );
            self.odd(OddityKind::TraceCount, text);
            return Ok((standard, None));
        }
        let Some(extension) = self.trace_extension(first_trace, bytes(most), order)? else {
            if most > 0 {
                let text = "The trace header extensions are not called SEG00001; they are skipped.";
                self.odd(OddityKind::TraceCount, text);
            }
            return Ok((bytes(most), None));
        };
        // The binary header says the most that any trace has.
        let own = u32::from(extension.extensions());
        if own == 0 || own >= most {
            return Ok((bytes(most), Some(extension)));
        }
        let text = format!(
            "The binary header (3507) allows {most} trace header extensions; the first trace says that it has {own} \
             (SEG00001, 157–158), which is used for all."
        );
        self.odd(OddityKind::TraceCount, text);
        Ok((bytes(own), Some(extension)))
    }

    /// The sample interval in ms or m, from the places that may say it in µs (or thousandths), best first.
    fn interval(&mut self, places: &[(&'static str, f64)]) -> Result<f64, SegyError> {
        if let Some(interval) = self.options.sample_interval {
            return if INTERVALS.contains(&(1000.0 * interval)) {
                Ok(interval)
            } else {
                Err(SegyError::ByHand {
                    name: self.name.to_owned(),
                    what: "sample interval",
                    found: interval.to_string(),
                    expected: "a number of ms or m from 0.000001 to 1000000",
                })
            };
        }
        let (said, nonsense): (Vec<_>, Vec<_>) = places
            .iter()
            .filter(|(_, interval)| *interval != 0.0)
            .partition(|(_, interval)| INTERVALS.contains(interval));
        for (place, interval) in nonsense {
            let text = format!("{place} says a sample interval of {interval} µs, which cannot be; ignored.");
            self.odd(OddityKind::SampleInterval, text);
        }
        let Some(&(place, chosen)) = said.first() else {
            let text = "No header says the sample interval; 4 ms is assumed. Give it by hand.";
            self.odd(OddityKind::SampleInterval, text);
            return Ok(4.0);
        };
        if let Some((other, interval)) = said.iter().find(|(_, interval)| *interval != chosen) {
            let text = format!(
                "Sample intervals disagree: {place} says {chosen} µs, {other} says {interval} µs; {chosen} µs is used, \
                 since the binary header stands for the whole file."
            );
            self.odd(OddityKind::SampleInterval, text);
        }
        Ok(chosen / 1000.0)
    }

    /// The end of the last trace's bytes: that of the file, less trailer stanzas (revision 2).
    fn end_of_traces(
        &mut self,
        binary: &BinaryHeader,
        first_trace: u64,
        header_bytes: u64,
        sample_count: u32,
        format: SampleFormat,
    ) -> u64 {
        let length = self.source.len();
        let trace_bytes = header_bytes + u64::from(sample_count) * format.bytes() as u64;
        let counted =
            binary.trace_count.checked_mul(trace_bytes).and_then(|bytes| bytes.checked_add(first_trace));
        let stanzas = match u64::try_from(binary.trailer_stanzas) {
            Ok(stanzas) => stanzas * TEXT_HEADER_BYTES as u64,
            // −1: some, so the number of traces must say where they begin.
            Err(_) => match counted {
                Some(end) if binary.trace_count > 0 && end <= length => return end,
                _ => 0,
            },
        };
        if stanzas > length.saturating_sub(first_trace) {
            let text = format!(
                "The binary header (3529–3532) says {} data trailer stanzas, which the file cannot hold; none is \
                 assumed.",
                binary.trailer_stanzas
            );
            self.odd(OddityKind::TraceCount, text);
            return length;
        }
        length - stanzas
    }

    /// Bytes of a trace and how many whole ones there are.
    fn traces(
        &mut self,
        first_trace: u64,
        end: u64,
        header_bytes: u64,
        sample_count: u32,
        format: SampleFormat,
    ) -> Result<(u64, u64), SegyError> {
        let trace_bytes = header_bytes + u64::from(sample_count) * format.bytes() as u64;
        let room = end.saturating_sub(first_trace);
        let count = room / trace_bytes;
        if count == 0 {
            return Err(self.too_short("one whole trace", first_trace + trace_bytes));
        }
        let rest = room % trace_bytes;
        if rest > 0 {
            let text = format!(
                "The file ends inside a trace: after {count} whole traces, {rest} of the {trace_bytes} bytes of another \
                 are there; it is left out."
            );
            self.odd(OddityKind::Truncated, text);
        }
        Ok((trace_bytes, count))
    }

    /// Time, unless the caller or the textual header says depth. No field of the headers does.
    fn domain(&mut self, text: &TextHeader) -> Domain {
        if let Some(domain) = self.options.domain {
            return domain;
        }
        const PHRASES: [&str; 7] = [
            "DOMAIN: DEPTH",
            "DOMAIN:DEPTH",
            "DOMAIN DEPTH",
            "DOMAIN=DEPTH",
            "DEPTH DOMAIN",
            "DEPTH SAMPLE INTERVAL",
            "DEPTH STEP",
        ];
        let upper = text.to_string().to_ascii_uppercase();
        let Some(phrase) = PHRASES.into_iter().find(|phrase| upper.contains(phrase)) else {
            return Domain::Time;
        };
        let text = format!(
            "Taken as depth, since the textual header says \"{phrase}\"; the sample interval is read as thousandths of \
             a metre or foot."
        );
        self.odd(OddityKind::SampleInterval, text);
        Domain::Depth
    }

    fn too_short(&self, what: &'static str, expected: u64) -> SegyError {
        SegyError::TooShort { name: self.name.to_owned(), what, expected, found: self.source.len() }
    }
}
