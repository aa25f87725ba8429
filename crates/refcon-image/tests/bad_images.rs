//! Files that are no image, or not one to be read: each is refused in one line that names it.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use image::{DynamicImage, ImageFormat, RgbImage};
use refcon_image::{DecodeLimits, ReadImageError, read};
use std::io::Cursor;
use std::path::PathBuf;
use tempfile::TempDir;

/// Writes `bytes` to a file and reads it as an image, which must fail in one line that names the file.
fn refusal(name: &str, bytes: &[u8]) -> (ReadImageError, String) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let Err(error) = read(&path, &DecodeLimits::default()) else {
        panic!("{name} of {} bytes was read", bytes.len());
    };
    let message = error.to_string();
    assert!(message.contains(&path.display().to_string()), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
    (error, message)
}

/// A small colour picture in a file format.
fn encoded(format: ImageFormat) -> Vec<u8> {
    let image =
        RgbImage::from_fn(40, 30, |x, y| image::Rgb([(x * 37 + y * 91) as u8, (x * y) as u8, (x ^ y) as u8]));
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(image).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A one-strip grey TIFF, little-endian; `sample_format` 1 is unsigned, 3 is floating point.
fn grey_tiff(width: u32, height: u32, bits: u32, sample_format: u32, strip: &[u8]) -> Vec<u8> {
    let entries = [
        (256, width),
        (257, height),
        (258, bits),
        (259, 1),
        (262, 1),
        (273, 8),
        (277, 1),
        (278, height),
        (279, strip.len() as u32),
        (339, sample_format),
    ];
    let mut bytes = b"II*\0".to_vec();
    bytes.extend((8 + strip.len() as u32).to_le_bytes());
    bytes.extend(strip);
    bytes.extend((entries.len() as u16).to_le_bytes());
    for (tag, value) in entries {
        const LONG: u16 = 4;
        bytes.extend([u16::to_le_bytes(tag), LONG.to_le_bytes()].concat());
        bytes.extend([1_u32.to_le_bytes(), u32::to_le_bytes(value)].concat());
    }
    bytes.extend([0; 4]);
    bytes
}

/// A PNG of nothing but its header.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend(width.to_be_bytes());
    chunk.extend(height.to_be_bytes());
    chunk.extend([8, 0, 0, 0, 0]);
    let crc = !chunk.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |c, _| if c & 1 == 1 { (c >> 1) ^ 0xedb8_8320 } else { c >> 1 })
    });
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    bytes.extend((chunk.len() as u32 - 4).to_be_bytes());
    bytes.extend(chunk);
    bytes.extend(crc.to_be_bytes());
    // The start of a data chunk, so that the header is the last whole thing in the file.
    bytes.extend(100_u32.to_be_bytes());
    bytes.extend(b"IDAT");
    bytes
}

#[test]
fn an_empty_file_is_refused() {
    let (error, message) = refusal("empty.png", b"");
    assert!(matches!(error, ReadImageError::Empty { .. }), "{error:?}");
    assert!(message.contains("0 bytes") && message.contains("expected"), "{message}");
}

#[test]
fn text_named_png_is_shown_as_text() {
    let (error, message) = refusal("notes.png", b"inline,crossline,label\n1,2,Fault\n");
    assert!(matches!(error, ReadImageError::NotAnImage { .. }), "{error:?}");
    assert!(message.contains("text (“inline,crossline") && message.contains("expected a PNG"), "{message}");
}

#[test]
fn other_kinds_of_files_are_named() {
    assert!(refusal("a.png", b"\x93NUMPY\x01\x00").1.contains("a NumPy array"));
    assert!(refusal("a.png", b"GIF89a\x01\x00\x01\x00").1.contains("Gif"));
    assert!(refusal("a.png", b"\x00\x01\x02\xff").1.contains("the bytes 00 01 02 ff"));
    assert!(refusal("a.png", b"\x89").1.contains("the bytes 89"));
}

#[test]
fn a_file_that_lost_pixels_is_refused() {
    for (name, format) in
        [("cut.png", ImageFormat::Png), ("cut.jpg", ImageFormat::Jpeg), ("cut.tif", ImageFormat::Tiff)]
    {
        let whole = encoded(format);
        for kept in [20, whole.len() / 2, whole.len() - 40] {
            let (error, message) = refusal(name, &whole[..kept]);
            assert!(matches!(error, ReadImageError::Damaged { .. }), "{kept} bytes: {error:?}");
            assert!(message.contains("damaged or cut short"), "{message}");
        }
    }
}

#[test]
fn a_byte_changed_in_a_png_is_noticed() {
    let mut bytes = encoded(ImageFormat::Png);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    assert!(matches!(refusal("flipped.png", &bytes).0, ReadImageError::Damaged { .. }));
}

#[test]
fn a_header_of_60000_pixels_a_side_is_refused_before_anything_is_allocated() {
    let mut jpeg = encoded(ImageFormat::Jpeg);
    let start_of_frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    jpeg[start_of_frame + 5..start_of_frame + 9].copy_from_slice(&[0xea, 0x60, 0xea, 0x60]);

    for (name, bytes) in [
        ("huge.png", png_header(60_000, 60_000)),
        ("huge.jpg", jpeg),
        ("huge.tif", grey_tiff(60_000, 60_000, 8, 1, &[0; 4])),
    ] {
        let (error, message) = refusal(name, &bytes);
        assert!(matches!(error, ReadImageError::TooLarge { width: 60_000, height: 60_000, .. }), "{error:?}");
        assert!(message.contains("60000 × 60000") && message.contains("at most 16384 a side"), "{message}");
    }
}

#[test]
fn limits_are_inclusive() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("40x30.png");
    std::fs::write(&path, encoded(ImageFormat::Png)).unwrap();
    let read_with = |max_side, max_pixels| read(&path, &DecodeLimits { max_side, max_pixels });
    assert!(read_with(40, 1200).is_ok());
    assert!(matches!(read_with(39, 1200), Err(ReadImageError::TooLarge { .. })));
    assert!(matches!(read_with(40, 1199), Err(ReadImageError::TooLarge { .. })));
}

#[test]
fn a_file_longer_than_any_allowed_image_is_not_loaded() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("long.png");
    // A file with a hole takes no room.
    std::fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let error = read(&path, &DecodeLimits::default()).unwrap_err();
    assert!(matches!(error, ReadImageError::FileTooLong { bytes: 0x100_0000_0000, .. }), "{error:?}");
}

#[test]
fn a_tiff_of_32_bit_floats_is_refused_by_name() {
    let strip: Vec<u8> = [0.0_f32, 1.5, -2.0, 7.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    let (error, message) = refusal("float.tif", &grey_tiff(2, 2, 32, 3, &strip));
    assert!(matches!(error, ReadImageError::UnsupportedPixels { .. }), "{error:?}");
    assert!(message.contains("32-bit samples") && message.contains("expected 8-bit or 16-bit"), "{message}");
}

#[test]
fn the_same_tiff_of_8_bit_samples_is_read() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("grey.tif");
    std::fs::write(&path, grey_tiff(2, 2, 8, 1, &[0, 51, 102, 255])).unwrap();
    let image = read(&path, &DecodeLimits::default()).unwrap();
    assert_eq!(image.pixels(), [0.0, 0.2, 0.4, 1.0]);
}

#[test]
fn a_missing_file_and_a_folder_are_told_apart() {
    let folder = TempDir::new().unwrap();
    let missing = read(&folder.path().join("none.png"), &DecodeLimits::default()).unwrap_err();
    match &missing {
        ReadImageError::Unreadable { cause, .. } => assert_eq!(cause.kind(), std::io::ErrorKind::NotFound),
        other => panic!("{other:?}"),
    }
    assert!(missing.to_string().contains("none.png"), "{missing}");
    let is_folder = read(folder.path(), &DecodeLimits::default()).unwrap_err();
    assert!(matches!(is_folder, ReadImageError::NotAFile { .. }), "{is_folder:?}");
}

#[cfg(unix)]
#[test]
fn what_the_system_says_is_in_the_message() {
    // A path through a file is refused for everybody; a file without rights is still read by an administrator.
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file.png");
    std::fs::write(&file, b"x").unwrap();
    let through: PathBuf = file.join("tile.png");
    let error = read(&through, &DecodeLimits::default()).unwrap_err();
    assert!(matches!(error, ReadImageError::Unreadable { .. }), "{error:?}");
    assert!(error.to_string().contains("Not a directory"), "{error}");
}
