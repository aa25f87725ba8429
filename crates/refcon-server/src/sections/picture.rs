//! A section as one picture.

use super::pyramid::Pyramid;
use crate::error::ApiError;
use refcon_image::figure::{Canvas, encode_png};
use refcon_image::{ColourMap, GreyImage};
use refcon_seismic::tiling::{Normalisation, Normaliser};

/// A picture `width` pixels across, in the section's proportions of traces and samples, clipped at ±`clip`.
pub(super) fn picture(
    pyramid: &Pyramid,
    width: usize,
    most: usize,
    clip: f32,
    colours: ColourMap,
) -> Result<Vec<u8>, ApiError> {
    let full = &pyramid.levels()[0];
    let share = width as f64 / full.width.max(1) as f64;
    let height = ((full.height as f64 * share).round() as usize).clamp(1, most);
    // The smallest level that has a pixel for each of the picture's.
    let level = pyramid.levels().iter().rev().find(|level| level.width >= width).unwrap_or(full);
    let mut amplitudes = Vec::with_capacity(width * height);
    for y in 0..height {
        let row = &level.amplitudes[nearest(y, height, level.height) * level.width..][..level.width];
        amplitudes.extend((0..width).map(|x| row[nearest(x, width, level.width)]));
    }
    Normaliser::new(Normalisation::Clip { amplitude: clip }).normalise(&mut amplitudes);
    let image = GreyImage::new(width, height, amplitudes).map_err(ApiError::internal)?;
    Ok(coloured(&image, colours))
}

/// The pixel of `source` that lies under the middle of pixel `at` of `shown`.
fn nearest(at: usize, shown: usize, source: usize) -> usize {
    ((2 * at + 1) * source / (2 * shown)).min(source.saturating_sub(1))
}

/// An image in colours, as PNG.
pub(crate) fn coloured(image: &GreyImage, colours: ColourMap) -> Vec<u8> {
    if colours == ColourMap::Grey {
        return encode_png(image);
    }
    // Sides of a picture are counted in 32 bits.
    let mut canvas = Canvas::new(image.width() as u32, image.height() as u32, [0; 3]);
    canvas.image(image, 0, 0, 1, colours);
    canvas.to_png()
}
