//! One grey image in memory.

/// A grey image: f32 pixels, row by row, `[height, width]`.
///
/// Values are nominally in 0..1. A bicubic resize may overshoot that range, as torchvision's float tensors do; nothing
/// here clamps it away except [`GreyImage::to_8bit`].
#[derive(Debug, Clone, PartialEq)]
pub struct GreyImage {
    width: usize,
    height: usize,
    pixels: Vec<f32>,
}

/// Why a buffer is not an image of the size it was said to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImageSizeError {
    /// One side is zero, or longer than 2³¹ − 1 pixels (PNG allows no more).
    #[error("an image of {width} × {height} pixels: each side must have 1 to {} pixels", MAX_SIDE)]
    Side {
        /// Width that was asked for.
        width: usize,
        /// Height that was asked for.
        height: usize,
    },
    /// The number of pixels does not match.
    #[error("{found} pixels for an image of {width} × {height}: expected width × height")]
    Length {
        /// Width that was asked for.
        width: usize,
        /// Height that was asked for.
        height: usize,
        /// Length of the buffer.
        found: usize,
    },
}

impl GreyImage {
    /// An image of `pixels`, row by row.
    ///
    /// # Errors
    /// When a side is zero or longer than 2³¹ − 1, or `pixels` does not hold `width × height` values.
    pub fn new(width: usize, height: usize, pixels: Vec<f32>) -> Result<GreyImage, ImageSizeError> {
        check_size(width, height, pixels.len())?;
        Ok(GreyImage { width, height, pixels })
    }

    /// An image from 8-bit samples: `v` becomes exactly `v / 255`.
    ///
    /// # Errors
    /// As [`GreyImage::new`].
    pub fn from_8bit(width: usize, height: usize, samples: &[u8]) -> Result<GreyImage, ImageSizeError> {
        check_size(width, height, samples.len())?;
        let pixels = samples.iter().map(|&v| f32::from(v) / 255.0).collect();
        Ok(GreyImage { width, height, pixels })
    }

    /// An image whose pixels the crate's own code has just made.
    pub(crate) fn from_parts(width: usize, height: usize, pixels: Vec<f32>) -> GreyImage {
        debug_assert_eq!(check_size(width, height, pixels.len()), Ok(()));
        GreyImage { width, height, pixels }
    }

    /// Pixels across.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Pixels down.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// The pixels row by row, `[height, width]`.
    #[must_use]
    pub fn pixels(&self) -> &[f32] {
        &self.pixels
    }

    /// The pixels as bytes: clamped to 0..1, times 255, rounded to the nearest; NaN becomes 0.
    #[must_use]
    pub fn to_8bit(&self) -> Vec<u8> {
        self.pixels.iter().map(|&v| level(v)).collect()
    }
}

/// The 8-bit level of a value in 0..1, rounded to the nearest; NaN is 0.
pub(crate) fn level(value: f32) -> u8 {
    // `as` saturates and sends NaN to 0.
    (value.clamp(0.0, 1.0) * 255.0).round() as u8
}

/// PNG's limit, and well inside the 32 bits in which the resize counts.
const MAX_SIDE: usize = i32::MAX as usize;

fn check_size(width: usize, height: usize, found: usize) -> Result<(), ImageSizeError> {
    let side_fits = |side: usize| (1..=MAX_SIDE).contains(&side);
    if !side_fits(width) || !side_fits(height) {
        return Err(ImageSizeError::Side { width, height });
    }
    if width.checked_mul(height) != Some(found) {
        return Err(ImageSizeError::Length { width, height, found });
    }
    Ok(())
}
