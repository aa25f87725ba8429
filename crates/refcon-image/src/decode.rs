//! PNG, JPEG and TIFF files to grey images.

use crate::GreyImage;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader};
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

/// How large an image [`read`] accepts. It is checked from the header, before any pixel is allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Longest side in pixels.
    pub max_side: u32,
    /// Most pixels in all.
    pub max_pixels: u64,
}

impl Default for DecodeLimits {
    /// 16384 pixels a side and 128 million in all.
    fn default() -> Self {
        DecodeLimits { max_side: 16_384, max_pixels: 128_000_000 }
    }
}

impl DecodeLimits {
    /// The longest file that can hold an image within the limits: four 16-bit samples a pixel, and metadata.
    #[must_use]
    pub fn max_file_bytes(&self) -> u64 {
        const METADATA_BYTES: u64 = 64 << 20;
        self.max_pixels.saturating_mul(8).saturating_add(METADATA_BYTES)
    }
}

/// Why a file is not read as an image. Each message is one line and names the file.
#[derive(Debug, thiserror::Error)]
pub enum ReadImageError {
    /// The system would not give the file.
    #[error("cannot read the image {}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A folder or a device.
    #[error("{} is not a file: expected a PNG, JPEG or TIFF file", path.display())]
    NotAFile {
        /// What was given.
        path: PathBuf,
    },
    /// The file has no bytes.
    #[error("the image {} is empty (0 bytes): expected a PNG, JPEG or TIFF file; copy or export it again", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Its first bytes are those of something else.
    #[error("{} is not an image: it starts with {found}, expected a PNG, JPEG or TIFF file", path.display())]
    NotAnImage {
        /// The file.
        path: PathBuf,
        /// What the first bytes look like.
        found: String,
    },
    /// It ends early or its bytes do not decode.
    #[error("the {format} image {} is damaged or cut short: {detail}; copy or export it again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// PNG, JPEG or TIFF.
        format: &'static str,
        /// What the decoder met.
        detail: String,
    },
    /// The header claims more pixels than the limits allow.
    #[error(
        "the image {} claims {width} × {height} pixels: expected at most {} a side and {} million in all; cut it into tiles",
        path.display(), limits.max_side, limits.max_pixels / 1_000_000
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Width in the header.
        width: u32,
        /// Height in the header.
        height: u32,
        /// What was allowed.
        limits: DecodeLimits,
    },
    /// The file is longer than any image within the limits.
    #[error("the image {} has {bytes} bytes: expected at most {max_bytes}; cut it into tiles", path.display())]
    FileTooLong {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
        /// The longest file that can hold an image within the limits.
        max_bytes: u64,
    },
    /// An image, but with samples that have no defined grey value here.
    #[error(
        "the {format} image {} has {found}: expected 8-bit or 16-bit grey or RGB; convert it to one of these",
        path.display()
    )]
    UnsupportedPixels {
        /// The file.
        path: PathBuf,
        /// PNG, JPEG or TIFF.
        format: &'static str,
        /// The pixel format found.
        found: String,
    },
}

/// Reads a PNG, JPEG or TIFF file as a grey image with values in 0..1.
///
/// The format is told by the content, not by the extension. An 8-bit grey sample `v` becomes exactly `v / 255`, a
/// 16-bit one `v / 65535`. RGB becomes grey with the weights of ITU-R BT.601 in the integer arithmetic of Pillow's
/// `convert("L")`; alpha is dropped.
///
/// # Errors
/// When the file cannot be read, is empty, is no image, is damaged, is larger than `limits`, or has 32-bit samples.
pub fn read(path: &Path, limits: &DecodeLimits) -> Result<GreyImage, ReadImageError> {
    decode(path, &read_bytes(path, limits)?, limits)
}

/// As [`read`], of the bytes of a file that is called `path` in messages and not looked for.
///
/// # Errors
/// As [`read`].
pub fn decode(path: &Path, bytes: &[u8], limits: &DecodeLimits) -> Result<GreyImage, ReadImageError> {
    if bytes.is_empty() {
        return Err(ReadImageError::Empty { path: path.to_path_buf() });
    }
    let format = recognise(path, bytes)?;
    if format == ImageFormat::Jpeg && !jpeg_is_complete(bytes) {
        return Err(ReadImageError::Damaged {
            path: path.to_path_buf(),
            format: format_name(format),
            detail: format!("no end-of-image marker in its {} bytes", bytes.len()),
        });
    }

    let within_limits = |(width, height): (u32, u32)| {
        if width.max(height) > limits.max_side || u64::from(width) * u64::from(height) > limits.max_pixels {
            return Err(ReadImageError::TooLarge {
                path: path.to_path_buf(),
                width,
                height,
                limits: *limits,
            });
        }
        Ok(())
    };
    if let Some(claimed) = png_header_size(bytes) {
        within_limits(claimed)?;
    }

    let decoding = |error| from_decoder(path, format, error);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    // Size limits are ours, below, so that the message can say what was found and what is allowed.
    reader.no_limits();
    let mut decoder = reader.into_decoder().map_err(decoding)?;
    within_limits(decoder.dimensions())?;
    // What is left to bound is what the decoder allocates besides the pixels: compressed strips, colour profiles.
    let mut allocation = image::Limits::no_limits();
    allocation.max_alloc = Some(limits.max_file_bytes().saturating_mul(2));
    decoder.set_limits(allocation).map_err(decoding)?;
    let image = DynamicImage::from_decoder(decoder).map_err(decoding)?;
    to_grey(image).map_err(|found| ReadImageError::UnsupportedPixels {
        path: path.to_path_buf(),
        format: format_name(format),
        found,
    })
}

/// Width and height of an image, from its header; its pixels are not decoded.
///
/// # Errors
/// As [`read`], but for damage behind the header.
pub fn size_of(path: &Path, limits: &DecodeLimits) -> Result<(u32, u32), ReadImageError> {
    let bytes = read_bytes(path, limits)?;
    if bytes.is_empty() {
        return Err(ReadImageError::Empty { path: path.to_path_buf() });
    }
    let format = recognise(path, &bytes)?;
    let decoder = ImageReader::with_format(Cursor::new(&bytes), format).into_decoder();
    decoder.map(|decoder| decoder.dimensions()).map_err(|error| from_decoder(path, format, error))
}

fn read_bytes(path: &Path, limits: &DecodeLimits) -> Result<Vec<u8>, ReadImageError> {
    let unreadable = |cause| ReadImageError::Unreadable { path: path.to_path_buf(), cause };
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(ReadImageError::NotAFile { path: path.to_path_buf() });
    }
    let max_bytes = limits.max_file_bytes();
    if metadata.len() > max_bytes {
        return Err(ReadImageError::FileTooLong {
            path: path.to_path_buf(),
            bytes: metadata.len(),
            max_bytes,
        });
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    let file = std::fs::File::open(path).map_err(unreadable)?;
    // `take`: the file may have grown since its length was read.
    file.take(max_bytes).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

fn recognise(path: &Path, bytes: &[u8]) -> Result<ImageFormat, ReadImageError> {
    match image::guess_format(bytes) {
        Ok(format @ (ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::Tiff)) => Ok(format),
        Ok(other) => Err(ReadImageError::NotAnImage {
            path: path.to_path_buf(),
            found: format!("the signature of a {other:?} file"),
        }),
        Err(_) => Err(ReadImageError::NotAnImage { path: path.to_path_buf(), found: describe_start(bytes) }),
    }
}

/// What the start of a file that is no image looks like, in a few words.
fn describe_start(bytes: &[u8]) -> String {
    const SHOWN: usize = 16;
    const SIGNATURES: [(&[u8], &str); 4] = [
        (b"\x93NUMPY", "a NumPy array"),
        (b"%PDF", "a PDF document"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\x1f\x8b", "gzip data"),
    ];
    if let Some((_, kind)) = SIGNATURES.iter().find(|(signature, _)| bytes.starts_with(signature)) {
        return (*kind).to_owned();
    }
    let start = &bytes[..bytes.len().min(SHOWN)];
    if start.iter().all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace()) {
        let text: String =
            start.iter().map(|&b| if b.is_ascii_whitespace() { ' ' } else { char::from(b) }).collect();
        return format!("text (“{}”)", text.trim());
    }
    let hex: Vec<String> = start.iter().take(8).map(|b| format!("{b:02x}")).collect();
    format!("the bytes {}", hex.join(" "))
}

/// Width and height as a PNG's first chunk says, which stands at the same place in every PNG (specification, 11.2.1). The
/// decoder tells them only once it has seen the first pixels: of a file that is cut before, it would say no more than that.
fn png_header_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let header = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR")?;
    let number = |at: usize| header.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes);
    Some((number(0)?, number(4)?))
}

/// Whether the compressed data is followed by an end marker. The decoder fills what is missing with grey and says
/// nothing. Inside compressed data the two bytes cannot occur: 0xff is stuffed with 0x00 there.
fn jpeg_is_complete(bytes: &[u8]) -> bool {
    let last = |marker: [u8; 2]| bytes.windows(2).rposition(|pair| pair == marker);
    const START_OF_SCAN: [u8; 2] = [0xff, 0xda];
    const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];
    last(END_OF_IMAGE) > last(START_OF_SCAN)
}

fn from_decoder(path: &Path, format: ImageFormat, error: ImageError) -> ReadImageError {
    let (path, format) = (path.to_path_buf(), format_name(format));
    match error {
        ImageError::Unsupported(unsupported) => {
            let found = match unsupported.kind() {
                image::error::UnsupportedErrorKind::Color(image::ExtendedColorType::Unknown(32)) => {
                    "32-bit samples".to_owned()
                }
                image::error::UnsupportedErrorKind::Color(colour) => format!("{colour:?} pixels"),
                image::error::UnsupportedErrorKind::GenericFeature(feature) => feature.clone(),
                _ => unsupported.to_string(),
            };
            ReadImageError::UnsupportedPixels { path, format, found }
        }
        // Bytes in memory give no other I/O error than their end.
        ImageError::IoError(_) => {
            ReadImageError::Damaged { path, format, detail: "it ends too early".to_owned() }
        }
        other => ReadImageError::Damaged { path, format, detail: other.to_string() },
    }
}

fn format_name(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Tiff => "TIFF",
        _ => "PNG",
    }
}

/// Luma weights of ITU-R BT.601 in units of 1/65536, as Pillow rounds them; they add up to 65536.
const LUMA: [u32; 3] = [19_595, 38_470, 7_471];

fn to_grey(image: DynamicImage) -> Result<GreyImage, String> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let pixels: Vec<f32> = match image {
        DynamicImage::ImageLuma8(image) => image.as_raw().iter().map(|&v| from_8(v)).collect(),
        DynamicImage::ImageLumaA8(image) => image.pixels().map(|p| from_8(p.0[0])).collect(),
        DynamicImage::ImageRgb8(image) => image.pixels().map(|p| from_8(luma_8(p.0))).collect(),
        DynamicImage::ImageRgba8(image) => {
            image.pixels().map(|p| from_8(luma_8([p.0[0], p.0[1], p.0[2]]))).collect()
        }
        DynamicImage::ImageLuma16(image) => image.as_raw().iter().map(|&v| from_16(v)).collect(),
        DynamicImage::ImageLumaA16(image) => image.pixels().map(|p| from_16(p.0[0])).collect(),
        DynamicImage::ImageRgb16(image) => image.pixels().map(|p| luma_16(p.0)).collect(),
        DynamicImage::ImageRgba16(image) => {
            image.pixels().map(|p| luma_16([p.0[0], p.0[1], p.0[2]])).collect()
        }
        other => return Err(format!("{:?} pixels", other.color())),
    };
    Ok(GreyImage::from_parts(width, height, pixels))
}

fn from_8(sample: u8) -> f32 {
    f32::from(sample) / 255.0
}

fn from_16(sample: u16) -> f32 {
    f32::from(sample) / 65_535.0
}

fn luma_8(rgb: [u8; 3]) -> u8 {
    let sum: u32 = rgb.iter().zip(LUMA).map(|(&v, weight)| u32::from(v) * weight).sum();
    ((sum + 0x8000) >> 16) as u8
}

/// The luma of 16-bit samples as a value in 0..1. Equal samples `v` give exactly `v / 65535`: the sum is exact in f64.
fn luma_16(rgb: [u16; 3]) -> f32 {
    let sum: f64 = rgb.iter().zip(LUMA).map(|(&v, weight)| f64::from(v) * f64::from(weight)).sum();
    ((sum / 65_536.0) as f32) / 65_535.0
}
