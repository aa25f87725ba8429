//! Whether samples look like what the format code says.
//!
//! Writers confuse IBM and IEEE floats. A normalised IBM fraction never starts with a zero digit; in the bits of an IEEE
//! float the same four bits are zero now and then.

use super::oddity::{Oddity, OddityKind};
use super::{SampleFormat, SegyError, SegyFile};
use std::collections::HashSet;

/// Traces looked at, spread over the file, and samples of each.
const PROBED_TRACES: u64 = 16;
const PROBED_SAMPLES: usize = 512;
/// Different values needed before the absence of a zero digit means anything.
const ENOUGH_VALUES: usize = 400;
/// Share of IBM numbers with a zero first digit from which on they are no IBM numbers.
const UNNORMALISED: f64 = 0.02;
const FIRST_DIGIT: u32 = 0x00f0_0000;

/// Says so where 4-byte floats look like the other kind.
pub(super) fn suspicion(file: &SegyFile) -> Result<Option<Oddity>, SegyError> {
    let format = file.format();
    if !matches!(format, SampleFormat::Ibm32 | SampleFormat::Float32) || file.options.format.is_some() {
        return Ok(None);
    }
    let samples = file.layout.sample_count.min(PROBED_SAMPLES);
    let mut bytes = vec![0; samples * format.bytes()];
    let mut values = HashSet::new();
    let probes = PROBED_TRACES.min(file.trace_count());
    for probe in 0..probes {
        let trace = probe * (file.trace_count() - 1) / probes.max(2).saturating_sub(1);
        let middle = (file.layout.sample_count - samples) / 2 * format.bytes();
        let offset = file.layout.trace_offset(trace) + file.layout.header_bytes + middle as u64;
        file.read_bytes("samples", &mut bytes, offset)?;
        let words = bytes.as_chunks::<4>().0.iter().map(|&word| file.byte_order().u32(word));
        values.extend(words.filter(|word| word & 0x7fff_ffff != 0));
    }
    let zero_digits = values.iter().filter(|word| *word & FIRST_DIGIT == 0).count();
    let suspicious = match format {
        SampleFormat::Ibm32 => zero_digits as f64 > UNNORMALISED * values.len() as f64 && zero_digits > 10,
        _ => zero_digits == 0 && values.len() >= ENOUGH_VALUES,
    };
    let (looks, code) = if format == SampleFormat::Ibm32 { ("IEEE", 5) } else { ("IBM", 1) };
    Ok(suspicious.then(|| {
        let text = format!(
            "The samples look like {looks} floats although the format code says {format}; if amplitudes make no sense, \
             give format {code} by hand."
        );
        Oddity::new(OddityKind::SampleFormat, text)
    }))
}
