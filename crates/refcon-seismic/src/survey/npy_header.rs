//! The header of a `.npy` file: shape, type and order, and where the samples start.

use super::SurveyError;
use super::array::StoredArray;
use super::first_bytes;
use super::options::{ArrayShape, RawArray};
use crate::segy::{ByteOrder, ReadAt, SampleFormat};
use std::io;
use std::path::Path;

/// The bytes every `.npy` file starts with.
pub(super) const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// Longest header that is read: NumPy itself refuses longer ones.
const LONGEST_HEADER: usize = 10_000;
/// Magic, version and the length of the text.
const SHORT_PREAMBLE: usize = 10;
const LONG_PREAMBLE: usize = 12;

/// Reads the header of the array in `source`, which `path` names in messages.
///
/// Read here and not by `npyz`, which multiplies the lengths of a shape without asking whether the product fits.
pub(super) fn read(path: &Path, source: &dyn ReadAt) -> Result<StoredArray, SurveyError> {
    let refused = |source| SurveyError::NotNumpy { path: path.to_owned(), source };
    let header = header_bytes(source).map_err(refused)?;
    let text = String::from_utf8_lossy(&header);
    let missing = |what: &str| refused(invalid(format!("its header has no {what}")));
    let descr = value_of(&text, "descr").ok_or_else(|| missing("'descr'"))?;
    let (format, byte_order) = sample_format(descr)
        .ok_or_else(|| SurveyError::Type { path: path.to_owned(), found: shown(descr).to_owned() })?;
    let fortran = match value_of(&text, "fortran_order") {
        Some(value) if value.starts_with("True") => true,
        Some(value) if value.starts_with("False") => false,
        _ => return Err(missing("'fortran_order' that is True or False")),
    };
    let found =
        value_of(&text, "shape").and_then(lengths).ok_or_else(|| missing("'shape' of whole numbers"))?;
    let lengths: Option<Vec<usize>> = found.iter().map(|&length| usize::try_from(length).ok()).collect();
    let shape = match lengths.as_deref() {
        Some(&[_, _, _]) if fortran => {
            return Err(SurveyError::FortranOrder { path: path.to_owned(), shape: found });
        }
        Some(&[inlines, crosslines, samples]) => ArrayShape::Volume([inlines, crosslines, samples]),
        Some(&[samples, traces]) => ArrayShape::Section([samples, traces]),
        _ => return Err(SurveyError::Shape { path: path.to_owned(), found }),
    };
    let array = RawArray { shape, format, byte_order, offset: header.len() as u64 };
    // A section in Fortran order has its traces one after the other, which is as good as it gets.
    Ok(StoredArray { array, trace_by_trace: matches!(shape, ArrayShape::Volume(_)) || fortran })
}

fn invalid(problem: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

/// What follows `'key':` in the text of a Python dictionary.
fn value_of<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let quoted = [format!("'{key}'"), format!("\"{key}\"")];
    let (_, rest) = quoted.iter().find_map(|key| text.split_once(key.as_str()))?;
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}

/// The lengths in `(12, 34, 56)…`.
fn lengths(tuple: &str) -> Option<Vec<u64>> {
    let (inside, _) = tuple.strip_prefix('(')?.split_once(')')?;
    let lengths = inside.split(',').map(str::trim).filter(|length| !length.is_empty());
    // Python 2 wrote long integers with an L.
    lengths.map(|length| length.trim_end_matches('L').parse().ok()).collect()
}

/// Longest description of a type that a message shows; those of records have no end.
const SHOWN_TYPE: usize = 40;

/// A type's description, as far as a message shows it.
fn shown(descr: &str) -> &str {
    let text = quoted(descr).unwrap_or(descr);
    text.char_indices().nth(SHOWN_TYPE).map_or(text, |(end, _)| &text[..end])
}

/// The text between the quotes that `value` starts with.
fn quoted(value: &str) -> Option<&str> {
    let quote = value.chars().next().filter(|quote| "'\"".contains(*quote))?;
    value[1..].split_once(quote).map(|(inside, _)| inside)
}

/// The whole header, preamble included.
fn header_bytes(source: &dyn ReadAt) -> io::Result<Vec<u8>> {
    let mut preamble = [0; LONG_PREAMBLE];
    source.read_exact_at(&mut preamble, 0)?;
    if !preamble.starts_with(MAGIC) {
        return Err(invalid(first_bytes::described(&preamble)));
    }
    let [.., a, b, c, d] = preamble;
    let (text, preamble) = match preamble[MAGIC.len()] {
        1 => (usize::from(u16::from_le_bytes([a, b])), SHORT_PREAMBLE),
        2 | 3 => (u32::from_le_bytes([a, b, c, d]) as usize, LONG_PREAMBLE),
        version => return Err(invalid(format!("its version is {version}, expected 1, 2 or 3"))),
    };
    if text > LONGEST_HEADER {
        return Err(invalid(format!(
            "its header says it is {text} bytes long, the limit is {LONGEST_HEADER}"
        )));
    }
    let mut header = vec![0; preamble + text];
    source.read_exact_at(&mut header, 0)?;
    Ok(header)
}

/// How samples of a type such as `'<f4'` are stored.
fn sample_format(descr: &str) -> Option<(SampleFormat, ByteOrder)> {
    let descr = quoted(descr)?;
    let (order, kind) = descr.split_at_checked(1)?;
    let format = match kind {
        "f4" => SampleFormat::Float32,
        "f8" => SampleFormat::Float64,
        "i1" => SampleFormat::Int8,
        "i2" => SampleFormat::Int16,
        "i4" => SampleFormat::Int32,
        "i8" => SampleFormat::Int64,
        "u1" => SampleFormat::UInt8,
        "u2" => SampleFormat::UInt16,
        "u4" => SampleFormat::UInt32,
        "u8" => SampleFormat::UInt64,
        _ => return None,
    };
    match order {
        ">" => Some((format, ByteOrder::Big)),
        "<" => Some((format, ByteOrder::Little)),
        "|" if format.bytes() == 1 => Some((format, ByteOrder::Little)),
        _ => None,
    }
}
