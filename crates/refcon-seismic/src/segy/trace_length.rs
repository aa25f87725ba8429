//! How long a trace is: choosing between headers that disagree.

use super::layout::Finder;
use super::oddity::OddityKind;
use super::trace_extension::TraceHeaderExtension;
use super::trace_header::{HeaderField, TRACE_HEADER_BYTES, TraceHeader};
use super::{ByteOrder, SampleFormat, SegyError};

/// Traces looked at to find out whether a trace length is right.
const PROBED_TRACES: u64 = 16;

/// A number of samples and where it was found.
#[derive(Clone, Copy)]
pub(super) struct SampleCount {
    pub count: u32,
    pub place: &'static str,
}

/// How well a trace length fits a file; the better one is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Fit {
    /// The next traces' headers repeat the first one's sample count and interval.
    headers_repeat: bool,
    /// The file's length is a whole number of traces.
    divides: bool,
}

impl Finder<'_> {
    pub(super) fn header_count(&self, first: &TraceHeader) -> SampleCount {
        let count = first.get(HeaderField::SAMPLE_COUNT).unsigned_abs();
        SampleCount { count, place: "the first trace header (115–116)" }
    }

    /// The trace header extension after the trace header at `offset`, if there is one called `SEG00001`.
    pub(super) fn trace_extension(
        &self,
        offset: u64,
        header_bytes: u64,
        order: ByteOrder,
    ) -> Result<Option<TraceHeaderExtension>, SegyError> {
        let start = offset + TRACE_HEADER_BYTES as u64;
        if header_bytes == TRACE_HEADER_BYTES as u64 || start + TRACE_HEADER_BYTES as u64 > self.source.len()
        {
            return Ok(None);
        }
        Ok(TraceHeaderExtension::new(self.read("a trace header extension", start)?, order))
    }

    /// Chooses between sample counts by how well trace headers turn up where they make the next ones start.
    pub(super) fn sample_count(
        &mut self,
        counts: &[SampleCount],
        first_trace: u64,
        header_bytes: u64,
        format: SampleFormat,
        order: ByteOrder,
    ) -> Result<u32, SegyError> {
        if let Some(count) = self.options.sample_count {
            return u32::try_from(count).ok().filter(|&count| count > 0).ok_or(SegyError::ByHand {
                name: self.name.to_owned(),
                what: "number of samples",
                found: count.to_string(),
                expected: "1 to 4294967295",
            });
        }
        let said: Vec<SampleCount> = counts.iter().copied().filter(|count| count.count > 0).collect();
        let mut best: Option<(SampleCount, Fit)> = None;
        for &count in &said {
            let fit = self.fit(count.count, first_trace, header_bytes, format, order)?;
            // The first one wins a draw: the binary header stands before the trace header.
            if best.is_none_or(|(_, other)| fit > other) {
                best = Some((count, fit));
            }
        }
        let Some((chosen, fit)) = best else {
            return Err(SegyError::NoSampleCount { name: self.name.to_owned() });
        };
        if !fit.headers_repeat {
            self.refuse_variable_length(first_trace, header_bytes, format, order)?;
        }
        let others: Vec<String> = said
            .iter()
            .filter(|other| other.count != chosen.count)
            .map(|other| format!("{} says {}", other.place, other.count))
            .collect();
        if !others.is_empty() {
            let reason = match (fit.divides, fit.headers_repeat) {
                (true, _) => "the file's length is a whole number of such traces",
                (false, true) => "the next trace headers lie where it puts them",
                (false, false) => "nothing speaks for another",
            };
            let text = format!(
                "Sample counts disagree: {} says {}, {}; {} is used, since {reason}.",
                chosen.place,
                chosen.count,
                others.join(", "),
                chosen.count
            );
            self.odd(OddityKind::SampleCount, text);
        }
        Ok(chosen.count)
    }

    fn fit(
        &self,
        count: u32,
        first_trace: u64,
        header_bytes: u64,
        format: SampleFormat,
        order: ByteOrder,
    ) -> Result<Fit, SegyError> {
        let trace_bytes = header_bytes + u64::from(count) * format.bytes() as u64;
        let room = self.source.len().saturating_sub(first_trace);
        let whole = room / trace_bytes;
        let mut headers_repeat = whole > 0;
        if let Some(first) = self.trace_header(first_trace, order)? {
            for trace in 1..whole.min(PROBED_TRACES) {
                let Some(header) = self.trace_header(first_trace + trace * trace_bytes, order)? else {
                    break;
                };
                let same = |field| header.get(field) == first.get(field);
                headers_repeat &= same(HeaderField::SAMPLE_COUNT) && same(HeaderField::SAMPLE_INTERVAL);
            }
        }
        Ok(Fit { headers_repeat, divides: whole > 0 && room.is_multiple_of(trace_bytes) })
    }

    /// Fails where each trace's own sample count leads to the next trace and they differ.
    fn refuse_variable_length(
        &self,
        first_trace: u64,
        header_bytes: u64,
        format: SampleFormat,
        order: ByteOrder,
    ) -> Result<(), SegyError> {
        let mut offset = first_trace;
        let mut first: Option<(TraceHeader, u32)> = None;
        let mut differing = None;
        for trace in 0..PROBED_TRACES {
            let Some(header) = self.trace_header(offset, order)? else {
                // The walk must end exactly at the end of the file to mean something.
                if offset != self.source.len() || trace < 2 {
                    return Ok(());
                }
                break;
            };
            let extended = self.trace_extension(offset, header_bytes, order)?;
            let count = match extended.map_or(0, |extension| extension.sample_count()) {
                0 => header.get(HeaderField::SAMPLE_COUNT).unsigned_abs(),
                extended => extended,
            };
            let (first, expected) = first.get_or_insert_with(|| (header.clone(), count));
            let expected = *expected;
            let interval = HeaderField::SAMPLE_INTERVAL;
            if count == 0 || header.get(interval) != first.get(interval) {
                return Ok(());
            }
            if count != expected && differing.is_none() {
                differing = Some((trace, offset, count, expected));
            }
            offset += header_bytes + u64::from(count) * format.bytes() as u64;
        }
        match differing {
            None => Ok(()),
            Some((trace, offset, found, expected)) => {
                Err(SegyError::VariableLength { name: self.name.to_owned(), trace, offset, found, expected })
            }
        }
    }
}
