//! Grey as PNG.

use crate::tiling::TileSize;

/// A tile's grey, 0 to 1, `[height, width]`, as an 8-bit PNG image.
///
/// Compressed for speed: `fdeflate` behind adaptive filters, about a tenth larger than zlib's default and many times
/// faster.
pub(super) fn encode(grey: &[f32], size: TileSize, png: &mut Vec<u8>) -> Result<(), png::EncodingError> {
    // Both sides come from a section, whose samples and traces are counted in 32 bits.
    let mut encoder = png::Encoder::new(&mut *png, size.width as u32, size.height as u32);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let levels: Vec<u8> = grey.iter().map(|grey| (grey * 255.0).round_ties_even() as u8).collect();
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&levels)?;
    writer.finish()
}
