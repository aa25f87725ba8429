//! What a file is by its first bytes, for messages about files that are named as something else.

/// Characters of a text that a message shows.
const TEXT_SHOWN: usize = 16;

const KINDS: [(&[u8], &str); 9] = [
    (b"\x89PNG\r\n\x1a\n", "it is a PNG image"),
    (b"\xff\xd8\xff", "it is a JPEG image"),
    (b"II*\0", "it is a TIFF image"),
    (b"MM\0*", "it is a TIFF image"),
    (b"\x93NUMPY", "it is a NumPy array"),
    // `numpy.savez` writes such archives.
    (b"PK\x03\x04", "it is a ZIP archive, such as an .npz file"),
    (b"\x1f\x8b", "it is compressed by gzip"),
    (b"\x89HDF", "it is an HDF5 file"),
    (b"%PDF", "it is a PDF file"),
];

/// Says what a file is that starts with `bytes`.
pub(super) fn described(bytes: &[u8]) -> String {
    if let Some((_, kind)) = KINDS.iter().find(|(start, _)| bytes.starts_with(start)) {
        return (*kind).to_owned();
    }
    let is_text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    if !bytes.is_empty() && bytes.iter().all(is_text) {
        let start: String = String::from_utf8_lossy(bytes).chars().take(TEXT_SHOWN).collect();
        return format!("it starts with the text “{}”", start.trim());
    }
    let numbers: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("it starts with the bytes {}", numbers.join(" "))
}

#[cfg(test)]
mod tests {
    use super::described;

    #[test]
    fn a_file_of_another_kind_is_called_what_it_is() {
        assert_eq!(described(b"\x89PNG\r\n\x1a\n\0\0"), "it is a PNG image");
        assert_eq!(described(b"{\"a\": 1}\n"), "it starts with the text “{\"a\": 1}”");
        assert_eq!(described(&[0, 255]), "it starts with the bytes 00 ff");
    }
}
