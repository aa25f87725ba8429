//! PNG, TIFF and JPEG files to amplitudes.

use super::super::SurveyError;
use super::super::first_bytes::described;
use crate::segy::ReadAt;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;
use tiff::ColorType;
use tiff::decoder::{Decoder as TiffDecoder, DecodingResult};

/// Longest side of an image that is read.
const LONGEST_SIDE: u32 = 1 << 16;
/// Most pixels of an image that is read: half a GiB of amplitudes.
const MOST_PIXELS: u64 = 1 << 27;
/// Longest file that can hold so many: four 16-bit values a pixel, and metadata.
const LONGEST_FILE: u64 = MOST_PIXELS * 8 + (64 << 20);

/// Weights of red, green and blue in grey (ITU-R BT.601) in units of 1/65536; they add up to 65536.
const LUMA: [u32; 3] = [19_595, 38_470, 7_471];

/// Whether a file starts as PNG, TIFF and JPEG files do.
pub(in super::super) fn looks_like_an_image(file: &dyn ReadAt) -> bool {
    let mut start = [0; 8];
    file.read_exact_at(&mut start, 0).is_ok_and(|()| format(&start).is_some())
}

fn format(start: &[u8]) -> Option<ImageFormat> {
    let known = [ImageFormat::Png, ImageFormat::Tiff, ImageFormat::Jpeg];
    image::guess_format(start).ok().filter(|format| known.contains(format))
}

/// Width and height of an image, from its header; checked against the limits.
pub(super) fn size(path: &Path, file: &dyn ReadAt) -> Result<[usize; 2], SurveyError> {
    read_size(file).map_err(|problem| refused(path, problem))
}

/// The amplitudes of an image of the size given, `[samples, traces]`.
///
/// A grey value `v` becomes `(2 v − most) / most`, where `most` is 255 or 65 535: black −1, white 1, and 0 halfway between
/// the two middle greys. Colours become grey first, 0.299 red + 0.587 green + 0.114 blue in the integer arithmetic of
/// Pillow's `convert("L")` (8 bits) or unrounded (16 bits); transparency is dropped. 32-bit floats stay as they are.
pub(super) fn amplitudes(path: &Path, file: &dyn ReadAt, size: [usize; 2]) -> Result<Vec<f32>, SurveyError> {
    read_amplitudes(file, size).map_err(|problem| refused(path, problem))
}

fn refused(path: &Path, problem: String) -> SurveyError {
    SurveyError::Image { path: path.to_owned(), problem }
}

fn read_size(file: &dyn ReadAt) -> Result<[usize; 2], String> {
    let mut reader = BufReader::new(Reader { file, position: 0 });
    let format = recognised(file)?;
    let (width, height) = match format {
        ImageFormat::Tiff => tiff_pages(&mut reader)?.dimensions().map_err(|error| error.to_string())?,
        _ => decoder(reader, format)?.dimensions(),
    };
    within_limits(width, height)?;
    Ok([width as usize, height as usize])
}

fn read_amplitudes(file: &dyn ReadAt, size: [usize; 2]) -> Result<Vec<f32>, String> {
    let format = recognised(file)?;
    let mut bytes = vec![0; file.len() as usize];
    file.read_exact_at(&mut bytes, 0).map_err(|error| error.to_string())?;
    if format == ImageFormat::Jpeg && !jpeg_is_complete(&bytes) {
        return Err("it is cut off (no end marker); copy or export it again".to_owned());
    }
    let check = |width: u32, height: u32| {
        if [width as usize, height as usize] == size {
            Ok(())
        } else {
            Err(format!("it has {width} × {height} pixels now, {} × {} when it was opened", size[0], size[1]))
        }
    };
    if format == ImageFormat::Tiff {
        let mut decoder = tiff_pages(Cursor::new(&bytes))?;
        let (width, height) = decoder.dimensions().map_err(|error| error.to_string())?;
        check(width, height)?;
        if decoder.colortype().is_ok_and(|colour| colour == ColorType::Gray(32)) {
            return match decoder.read_image().map_err(|error| error.to_string())? {
                DecodingResult::F32(amplitudes) if amplitudes.len() == size[0] * size[1] => Ok(amplitudes),
                _ => {
                    Err("its 32-bit samples are no floats; expected 8 or 16 bits, or 32-bit floats"
                        .to_owned())
                }
            };
        }
    }
    let decoder = decoder(Cursor::new(&bytes), format)?;
    let (width, height) = decoder.dimensions();
    check(width, height)?;
    let image = DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())?;
    grey(&image)
}

fn recognised(file: &dyn ReadAt) -> Result<ImageFormat, String> {
    if file.len() > LONGEST_FILE {
        return Err(format!("it has {} bytes, expected at most {LONGEST_FILE}", file.len()));
    }
    let mut start = [0; 8];
    file.read_exact_at(&mut start, 0).map_err(|_| format!("it has {} bytes only", file.len()))?;
    format(&start).ok_or_else(|| format!("{}, expected a PNG, TIFF or JPEG file", described(&start)))
}

fn within_limits(width: u32, height: u32) -> Result<(), String> {
    if width.max(height) > LONGEST_SIDE || u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(format!(
            "it claims {width} × {height} pixels, expected at most {LONGEST_SIDE} a side and {MOST_PIXELS} in all; cut it \
             into parts"
        ));
    }
    Ok(())
}

/// A decoder whose image is known to be within the limits.
fn decoder<'a>(
    reader: impl io::BufRead + Seek + 'a,
    format: ImageFormat,
) -> Result<impl ImageDecoder + 'a, String> {
    let mut reader = ImageReader::with_format(reader, format);
    // Sides are checked below, with a message of our own; this bounds what a decoder takes besides its pixels.
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(LONGEST_FILE);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|error| error.to_string())?;
    let (width, height) = decoder.dimensions();
    within_limits(width, height)?;
    Ok(decoder)
}

/// A TIFF file with one image, within the limits.
fn tiff_pages<R: Read + Seek>(reader: R) -> Result<TiffDecoder<R>, String> {
    let mut limits = tiff::decoder::Limits::default();
    limits.decoding_buffer_size = MOST_PIXELS as usize * size_of::<f32>();
    let decoder = TiffDecoder::new(reader).map_err(|error| error.to_string())?;
    let mut decoder = decoder.with_limits(limits);
    let (width, height) = decoder.dimensions().map_err(|error| error.to_string())?;
    within_limits(width, height)?;
    if decoder.more_images() {
        return Err("it holds several images, expected one; save each in a file of its own".to_owned());
    }
    Ok(decoder)
}

/// Whether an end marker follows the compressed data. The decoder fills what is missing with grey and says nothing; inside
/// compressed data the two bytes cannot occur.
fn jpeg_is_complete(bytes: &[u8]) -> bool {
    const START_OF_SCAN: [u8; 2] = [0xff, 0xda];
    const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];
    let last = |marker: [u8; 2]| bytes.windows(2).rposition(|pair| pair == marker);
    last(END_OF_IMAGE) > last(START_OF_SCAN)
}

fn grey(image: &DynamicImage) -> Result<Vec<f32>, String> {
    let eight = |v: u8| (2.0 * f32::from(v) - 255.0) / 255.0;
    let sixteen = |v: f64| ((2.0 * v - 65_535.0) / 65_535.0) as f32;
    Ok(match image {
        DynamicImage::ImageLuma8(image) => image.as_raw().iter().map(|&v| eight(v)).collect(),
        DynamicImage::ImageLumaA8(image) => image.pixels().map(|p| eight(p.0[0])).collect(),
        DynamicImage::ImageRgb8(image) => image.pixels().map(|p| eight(luma_8(p.0))).collect(),
        DynamicImage::ImageRgba8(image) => {
            image.pixels().map(|p| eight(luma_8([p.0[0], p.0[1], p.0[2]]))).collect()
        }
        DynamicImage::ImageLuma16(image) => image.as_raw().iter().map(|&v| sixteen(v.into())).collect(),
        DynamicImage::ImageLumaA16(image) => image.pixels().map(|p| sixteen(p.0[0].into())).collect(),
        DynamicImage::ImageRgb16(image) => image.pixels().map(|p| sixteen(luma_16(p.0))).collect(),
        DynamicImage::ImageRgba16(image) => {
            image.pixels().map(|p| sixteen(luma_16([p.0[0], p.0[1], p.0[2]]))).collect()
        }
        other => {
            return Err(format!(
                "it has {:?} pixels, expected grey or colour of 8 or 16 bits, or grey 32-bit floats",
                other.color()
            ));
        }
    })
}

fn luma_8(rgb: [u8; 3]) -> u8 {
    let sum: u32 = rgb.iter().zip(LUMA).map(|(&v, weight)| u32::from(v) * weight).sum();
    ((sum + 0x8000) >> 16) as u8
}

fn luma_16(rgb: [u16; 3]) -> f64 {
    rgb.iter().zip(LUMA).map(|(&v, weight)| f64::from(v) * f64::from(weight)).sum::<f64>() / 65_536.0
}

/// A file as a stream, for decoders that only look at its start.
struct Reader<'a> {
    file: &'a dyn ReadAt,
    position: u64,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.file.len().saturating_sub(self.position)).unwrap_or(usize::MAX);
        let bytes = buffer.len().min(left);
        self.file.read_exact_at(&mut buffer[..bytes], self.position)?;
        self.position += bytes as u64;
        Ok(bytes)
    }
}

impl Seek for Reader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.file.len().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
