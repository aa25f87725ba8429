//! Textual file headers: 3200 characters, 40 lines of 80, in EBCDIC or ASCII.

use serde::{Deserialize, Serialize};

/// Bytes of a textual header.
pub const TEXT_HEADER_BYTES: usize = 3200;

const LINE_CHARACTERS: usize = 80;

/// How the characters of a textual header are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TextEncoding {
    /// EBCDIC, code page 037: what the specification asks for.
    Ebcdic,
    /// ASCII (allowed since revision 1); bytes of 128 and more are read as Latin-1.
    Ascii,
}

impl TextEncoding {
    /// `EBCDIC` or `ASCII`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ebcdic => "EBCDIC",
            Self::Ascii => "ASCII",
        }
    }

    fn character(self, byte: u8) -> char {
        let latin = match self {
            Self::Ebcdic => EBCDIC_TO_LATIN[usize::from(byte)],
            Self::Ascii => byte,
        };
        char::from(latin)
    }

    /// Whether `bytes` are a text in this encoding: nearly all printable.
    pub(super) fn reads(self, bytes: &[u8]) -> bool {
        let printable = |byte: &&u8| {
            let character = self.character(**byte);
            character.is_ascii_graphic() || matches!(character, ' ' | '\r' | '\n')
        };
        bytes.iter().filter(printable).count() * 10 > bytes.len() * 9
    }

    /// The encoding under which more of `bytes` is ordinary text; EBCDIC on a draw.
    #[must_use]
    pub fn detect(bytes: &[u8]) -> Self {
        let legible = |encoding: Self| {
            let ordinary = |byte: &&u8| {
                let character = encoding.character(**byte);
                character.is_ascii_alphanumeric()
                    || matches!(character, ' ' | '.' | ',' | ':' | '-' | '=' | '\n')
            };
            bytes.iter().filter(ordinary).count()
        };
        if legible(Self::Ascii) > legible(Self::Ebcdic) { Self::Ascii } else { Self::Ebcdic }
    }
}

/// A textual header, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextHeader {
    /// How it was coded.
    pub encoding: TextEncoding,
    /// Its lines, without the blanks at their ends: 40 of at most 80 characters, or what its own line breaks make of it.
    pub lines: Vec<String>,
}

impl TextHeader {
    /// Decodes a header; `encoding` is detected where it is not given.
    #[must_use]
    pub fn decode(bytes: &[u8], encoding: Option<TextEncoding>) -> Self {
        let encoding = encoding.unwrap_or_else(|| TextEncoding::detect(bytes));
        let characters: Vec<char> = bytes.iter().map(|&byte| encoding.character(byte)).collect();
        let clean = |line: &[char]| {
            let line: String = line.iter().map(|&c| if c.is_control() { ' ' } else { c }).collect();
            line.trim_end().to_owned()
        };
        // Some writers end each line with a line break instead of filling it to 80 characters.
        let breaks = characters.iter().filter(|&&character| character == '\n').count();
        let lines = if breaks >= 2 {
            let text: String = characters.into_iter().collect();
            let mut lines: Vec<String> =
                text.lines().map(|line| clean(&line.chars().collect::<Vec<_>>())).collect();
            while lines.last().is_some_and(String::is_empty) {
                lines.pop();
            }
            lines
        } else {
            characters.chunks(LINE_CHARACTERS).map(clean).collect()
        };
        Self { encoding, lines }
    }

    /// Whether nothing is written in it.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.lines.iter().all(String::is_empty)
    }

    /// Lays out `lines` as a header: each cut or filled to 80 characters, 40 of them, characters that the encoding does
    /// not have replaced by `?`.
    #[must_use]
    pub fn encode(lines: &[String], encoding: TextEncoding) -> Vec<u8> {
        let latin_to_ebcdic = |latin: u8| {
            let place = EBCDIC_TO_LATIN.iter().position(|&character| character == latin);
            place.and_then(|place| u8::try_from(place).ok()).unwrap_or(EBCDIC_BLANK)
        };
        let blank = String::new();
        let mut bytes = Vec::with_capacity(TEXT_HEADER_BYTES);
        for row in 0..TEXT_HEADER_BYTES / LINE_CHARACTERS {
            let line = lines.get(row).unwrap_or(&blank);
            for character in line.chars().chain(std::iter::repeat(' ')).take(LINE_CHARACTERS) {
                let printable = if character.is_ascii() && !character.is_control() { character } else { '?' };
                let latin = printable as u8;
                bytes.push(match encoding {
                    TextEncoding::Ebcdic => latin_to_ebcdic(latin),
                    TextEncoding::Ascii => latin,
                });
            }
        }
        bytes
    }
}

impl std::fmt::Display for TextHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.lines.join("\n"))
    }
}

const EBCDIC_BLANK: u8 = 0x40;

/// EBCDIC code page 037 to Latin-1.
#[rustfmt::skip]
const EBCDIC_TO_LATIN: [u8; 256] = [
    0x00, 0x01, 0x02, 0x03, 0x9c, 0x09, 0x86, 0x7f, 0x97, 0x8d, 0x8e, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,
    0x10, 0x11, 0x12, 0x13, 0x9d, 0x85, 0x08, 0x87, 0x18, 0x19, 0x92, 0x8f, 0x1c, 0x1d, 0x1e, 0x1f,
    0x80, 0x81, 0x82, 0x83, 0x84, 0x0a, 0x17, 0x1b, 0x88, 0x89, 0x8a, 0x8b, 0x8c, 0x05, 0x06, 0x07,
    0x90, 0x91, 0x16, 0x93, 0x94, 0x95, 0x96, 0x04, 0x98, 0x99, 0x9a, 0x9b, 0x14, 0x15, 0x9e, 0x1a,
    0x20, 0xa0, 0xe2, 0xe4, 0xe0, 0xe1, 0xe3, 0xe5, 0xe7, 0xf1, 0xa2, 0x2e, 0x3c, 0x28, 0x2b, 0x7c,
    0x26, 0xe9, 0xea, 0xeb, 0xe8, 0xed, 0xee, 0xef, 0xec, 0xdf, 0x21, 0x24, 0x2a, 0x29, 0x3b, 0xac,
    0x2d, 0x2f, 0xc2, 0xc4, 0xc0, 0xc1, 0xc3, 0xc5, 0xc7, 0xd1, 0xa6, 0x2c, 0x25, 0x5f, 0x3e, 0x3f,
    0xf8, 0xc9, 0xca, 0xcb, 0xc8, 0xcd, 0xce, 0xcf, 0xcc, 0x60, 0x3a, 0x23, 0x40, 0x27, 0x3d, 0x22,
    0xd8, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0xab, 0xbb, 0xf0, 0xfd, 0xfe, 0xb1,
    0xb0, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f, 0x70, 0x71, 0x72, 0xaa, 0xba, 0xe6, 0xb8, 0xc6, 0xa4,
    0xb5, 0x7e, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0xa1, 0xbf, 0xd0, 0xdd, 0xde, 0xae,
    0x5e, 0xa3, 0xa5, 0xb7, 0xa9, 0xa7, 0xb6, 0xbc, 0xbd, 0xbe, 0x5b, 0x5d, 0xaf, 0xa8, 0xb4, 0xd7,
    0x7b, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0xad, 0xf4, 0xf6, 0xf2, 0xf3, 0xf5,
    0x7d, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f, 0x50, 0x51, 0x52, 0xb9, 0xfb, 0xfc, 0xf9, 0xfa, 0xff,
    0x5c, 0xf7, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0xb2, 0xd4, 0xd6, 0xd2, 0xd3, 0xd5,
    0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0xb3, 0xdb, 0xdc, 0xd9, 0xda, 0x9f,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> Vec<String> {
        vec!["C 1 CLIENT: F3, LINE [A-B] {x} ~ 100% | ^".to_owned(), String::new(), "C 3 last".to_owned()]
    }

    #[test]
    fn both_encodings_are_told_apart_and_come_back() {
        for encoding in [TextEncoding::Ebcdic, TextEncoding::Ascii] {
            let bytes = TextHeader::encode(&lines(), encoding);
            assert_eq!(bytes.len(), TEXT_HEADER_BYTES);
            let header = TextHeader::decode(&bytes, None);
            assert_eq!(header.encoding, encoding);
            assert_eq!(header.lines.len(), 40);
            assert_eq!(header.lines[..3], lines());
            assert!(!header.is_blank());
        }
    }

    #[test]
    fn a_header_with_line_breaks_keeps_its_own_lines() {
        let mut bytes = b"C 1 first\r\nC 2 second\nC 3 third\n".to_vec();
        bytes.resize(TEXT_HEADER_BYTES, 0);
        let header = TextHeader::decode(&bytes, None);
        assert_eq!(header.lines, ["C 1 first", "C 2 second", "C 3 third"]);
    }

    #[test]
    fn a_header_of_zeros_is_blank() {
        assert!(TextHeader::decode(&[0; TEXT_HEADER_BYTES], None).is_blank());
    }
}
