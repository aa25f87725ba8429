//! Contrast, resize and crop with the meaning that torchvision 0.17 gives them on float tensors.
//!
//! The network's three input channels are equal copies of the grey image, so one is computed.

use crate::GreyImage;
use crate::resample::{Window, resample};
use serde::{Deserialize, Serialize};

/// How an image becomes an encoder's input, `[crop, crop]`.
///
/// 1. `adjust_contrast(contrast)`: blend with the mean of the image, clamp to 0..1. A factor of 1 changes nothing.
/// 2. `resize(resize_shorter_side, bicubic, antialias)`: the shorter side gets this length, the longer one in proportion.
///    Values may leave 0..1 by the filter's overshoot.
/// 3. `center_crop(crop)`: what is missing on a side is filled with zeros.
///
/// Follows torchvision 0.17, `torchvision/transforms/functional.py` and `_functional_tensor.py`.
///
/// ```
/// use refcon_image::{GreyImage, Preprocessing};
///
/// let tile = GreyImage::from_8bit(118, 143, &[128; 118 * 143])?;
/// let input = Preprocessing::default().apply(&tile);
/// assert_eq!((input.width(), input.height()), (224, 224));
/// # Ok::<(), refcon_image::ImageSizeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Fields", into = "Fields")]
pub struct Preprocessing {
    contrast: f32,
    resize_shorter_side: u32,
    crop: u32,
}

/// The fields as they stand in an encoder's file, not yet checked.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Preprocessing", deny_unknown_fields)]
struct Fields {
    contrast: f32,
    resize_shorter_side: u32,
    crop: u32,
}

/// A preprocessing that makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum PreprocessingError {
    /// The factor is negative or not finite.
    #[error("contrast factor {0}: expected a number of at least 0 (1 changes nothing, 10 is usual)")]
    Contrast(f32),
    /// A side is zero or too long to be a network's input.
    #[error("{what} of {found} pixels: expected 1 to {MAX_SIDE}")]
    Side {
        /// Which of the two.
        what: &'static str,
        /// Its length.
        found: u32,
    },
}

/// Longest side that a network's input may have, in pixels.
const MAX_SIDE: u32 = 16_384;

impl Default for Preprocessing {
    /// Contrast 10, shorter side 256, crop 224: the challenge solution's.
    fn default() -> Self {
        Preprocessing { contrast: 10.0, resize_shorter_side: 256, crop: 224 }
    }
}

impl TryFrom<Fields> for Preprocessing {
    type Error = PreprocessingError;

    fn try_from(fields: Fields) -> Result<Self, Self::Error> {
        Preprocessing::new(fields.contrast, fields.resize_shorter_side, fields.crop)
    }
}

impl From<Preprocessing> for Fields {
    fn from(preprocessing: Preprocessing) -> Self {
        let Preprocessing { contrast, resize_shorter_side, crop } = preprocessing;
        Fields { contrast, resize_shorter_side, crop }
    }
}

/// One stage of a preprocessing, for showing.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Such as `Contrast ×10`.
    pub name: String,
    /// The image after this stage, or its centre where the whole would be too long to keep.
    pub image: GreyImage,
    /// Width and height of the whole image after this stage, in pixels.
    pub full_size: (u64, u64),
}

impl Preprocessing {
    /// A preprocessing with this contrast factor, length of the shorter side and side of the square crop, in pixels.
    ///
    /// # Errors
    /// When the factor is negative or not finite, or a side is zero or above 16384.
    pub fn new(contrast: f32, resize_shorter_side: u32, crop: u32) -> Result<Self, PreprocessingError> {
        if !contrast.is_finite() || contrast < 0.0 {
            return Err(PreprocessingError::Contrast(contrast));
        }
        for (what, found) in [("a shorter side", resize_shorter_side), ("a crop", crop)] {
            if !(1..=MAX_SIDE).contains(&found) {
                return Err(PreprocessingError::Side { what, found });
            }
        }
        Ok(Preprocessing { contrast, resize_shorter_side, crop })
    }

    /// The factor of the contrast stage; 1 changes nothing.
    #[must_use]
    pub fn contrast(&self) -> f32 {
        self.contrast
    }

    /// Length of the shorter side after the resize, in pixels.
    #[must_use]
    pub fn resize_shorter_side(&self) -> u32 {
        self.resize_shorter_side
    }

    /// Side of the square crop, in pixels.
    #[must_use]
    pub fn crop(&self) -> u32 {
        self.crop
    }

    /// The encoder's input for `image`: `crop × crop` pixels.
    ///
    /// Only the part of the resized image that the crop keeps is computed, so a strip of 1 × 16384 costs no more than
    /// a square tile.
    #[must_use]
    pub fn apply(&self, image: &GreyImage) -> GreyImage {
        let (across, down) = self.crop_windows(image);
        let resized = resample(&contrasted(image, self.contrast), across, down);
        pad(resized, self.crop as usize)
    }

    /// Every stage on the way to [`Preprocessing::apply`]'s result, which is the last: original, scaled, contrasted,
    /// resized, cropped.
    #[must_use]
    pub fn steps(&self, image: &GreyImage) -> Vec<Step> {
        let whole = |name: String, image: GreyImage| {
            let full_size = (image.width() as u64, image.height() as u64);
            Step { name, image, full_size }
        };
        let contrasted = contrasted(image, self.contrast);
        let (width, height) = self.resized_size(image);
        // Four crops long shows that a strip is a strip; the whole of one may need gigabytes.
        let longest = 4 * u64::from(self.resize_shorter_side.max(self.crop));
        let across = Window::centre(image.width(), width, longest);
        let down = Window::centre(image.height(), height, longest);
        let resized = resample(&contrasted, across, down);
        vec![
            whole("Original".to_owned(), image.clone()),
            whole("Scaled 0–1".to_owned(), image.clone()),
            whole(
                format!("Contrast ×{}", self.contrast),
                GreyImage::from_parts(image.width(), image.height(), contrasted),
            ),
            Step {
                name: format!("Resized, shorter side {}", self.resize_shorter_side),
                image: resized,
                full_size: (width, height),
            },
            whole(format!("Centre crop {}", self.crop), self.apply(image)),
        ]
    }

    /// Width and height after the resize: `int(size * long / short)` for the longer side.
    fn resized_size(&self, image: &GreyImage) -> (u64, u64) {
        let (width, height) = (image.width() as u64, image.height() as u64);
        let short = u64::from(self.resize_shorter_side);
        if width <= height { (short, short * height / width) } else { (short * width / height, short) }
    }

    fn crop_windows(&self, image: &GreyImage) -> (Window, Window) {
        let (width, height) = self.resized_size(image);
        let crop = u64::from(self.crop);
        (Window::centre(image.width(), width, crop), Window::centre(image.height(), height, crop))
    }
}

/// `adjust_contrast` of a float tensor whose three channels are all `image`.
pub(crate) fn contrasted(image: &GreyImage, factor: f32) -> Vec<f32> {
    // torchvision's grey weights do not add up to one, so the mean it blends with is a little too small.
    const GREY_WEIGHTS: f64 = 0.2989 + 0.587 + 0.114;
    let mean = GREY_WEIGHTS * sum(image.pixels()) / image.pixels().len() as f64;
    let offset = ((1.0 - f64::from(factor)) * mean) as f32;
    image.pixels().iter().map(|&v| (factor * v + offset).clamp(0.0, 1.0)).collect()
}

/// Partial sums at a time, so that no addition waits for the one before it.
const PARTIAL_SUMS: usize = 8;

fn sum(values: &[f32]) -> f64 {
    let (chunks, rest) = values.as_chunks::<PARTIAL_SUMS>();
    let mut sums = [0.0; PARTIAL_SUMS];
    for chunk in chunks {
        for (sum, &value) in sums.iter_mut().zip(chunk) {
            *sum += f64::from(value);
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|&value| f64::from(value)).sum::<f64>()
}

/// `image` in the middle of a square of zeros, or `image` itself where it fills the square.
fn pad(image: GreyImage, side: usize) -> GreyImage {
    let (width, height) = (image.width(), image.height());
    if width == side && height == side {
        return image;
    }
    let (left, top) = ((side - width) / 2, (side - height) / 2);
    let mut pixels = vec![0.0; side * side];
    for (row, source) in image.pixels().chunks_exact(width).enumerate() {
        let start = (top + row) * side + left;
        pixels[start..start + width].copy_from_slice(source);
    }
    GreyImage::from_parts(side, side, pixels)
}
