//! Text files under a survey's name.

use super::binary_header::BINARY_HEADER_BYTES;
use super::error::SegyError;
use super::source::ReadAt;
use super::text_header::TEXT_HEADER_BYTES;

/// Characters of a text file that a message shows.
const TEXT_SHOWN: usize = 40;

/// Refuses a file that is text where headers of numbers should be. An ASCII textual header is followed by them.
pub(super) fn refuse_text(name: &str, source: &dyn ReadAt) -> Result<(), SegyError> {
    let headers = (TEXT_HEADER_BYTES + BINARY_HEADER_BYTES) as u64;
    let mut bytes = vec![0; source.len().min(headers) as usize];
    source.read_exact_at(&mut bytes, 0).map_err(|source| SegyError::Read {
        name: name.to_owned(),
        what: "the file headers",
        offset: 0,
        bytes: bytes.len(),
        source,
    })?;
    let binary = bytes.get(TEXT_HEADER_BYTES..).filter(|binary| !binary.is_empty());
    if bytes.is_empty() || !is_plain_text(&bytes) || binary.is_some_and(|binary| !is_plain_text(binary)) {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&bytes);
    let words: Vec<&str> = text.split_whitespace().collect();
    let start = words.join(" ").chars().take(TEXT_SHOWN).collect();
    Err(SegyError::Text { name: name.to_owned(), start })
}

/// Whether `bytes` are ordinary text (UTF-8, nearly all of it), such as a table, a script or JSON.
fn is_plain_text(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let is_text =
        |c: &char| c.is_alphanumeric() || c.is_ascii_graphic() || matches!(c, ' ' | '\t' | '\r' | '\n');
    text.chars().filter(is_text).count() * 10 > text.chars().count() * 9
}
