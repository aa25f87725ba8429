//! Bicubic resampling with antialiasing, of any part of the resized image.
//!
//! The filter is the one that Pillow and torch share: R. G. Keys, "Cubic convolution interpolation for digital image
//! processing", 1981, with a = −0.5, widened by the factor of reduction (`_upsample_bicubic2d_aa` in torch).
//!
//! It is written here since `fast_image_resize` 6.1, which agrees with torch on whole images, goes wrong when a part is asked
//! for: it takes the first output pixel's first source pixel for the least of all, and trims zero weights before.

use crate::GreyImage;

/// Rows that are resampled together: their values are one cache line.
const ROWS: usize = 16;

/// The part of one axis of a resized image that is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    /// Pixels of the image before the resize.
    source: usize,
    /// Pixels after it.
    resized: u64,
    /// First pixel kept after it.
    first: u64,
    /// How many are kept.
    kept: usize,
}

impl Window {
    /// The centre `length` of `resized` pixels, or all where there are fewer.
    pub(crate) fn centre(source: usize, resized: u64, length: u64) -> Window {
        let kept = resized.min(length);
        // Python's `int(round(excess / 2.0))`: a half goes to the even neighbour.
        let excess = resized - kept;
        let half = excess / 2;
        let first = if excess % 2 == 1 && half % 2 == 1 { half + 1 } else { half };
        Window { source, resized, first, kept: kept as usize }
    }

    /// For each pixel kept, where its weights start in the source, and they.
    fn taps(self) -> Taps {
        const FILTER_RADIUS: f64 = 2.0;
        let scale = self.source as f64 / self.resized as f64;
        let widening = scale.max(1.0);
        let radius = FILTER_RADIUS * widening;
        let mut taps = Taps { starts: Vec::with_capacity(self.kept), ends: Vec::new(), weights: Vec::new() };
        for pixel in 0..self.kept {
            let centre = scale * ((self.first + pixel as u64) as f64 + 0.5);
            let start = (centre - radius + 0.5).max(0.0) as usize;
            let end = ((centre + radius + 0.5) as usize).min(self.source);
            let weight = |place: usize| keys((place as f64 + 0.5 - centre) / widening);
            let sum: f64 = (start..end).map(weight).sum();
            taps.starts.push(start);
            taps.weights.extend((start..end).map(|place| (weight(place) / sum) as f32));
            taps.ends.push(taps.weights.len());
        }
        taps
    }
}

/// The cubic convolution kernel with a = −0.5, also called Catmull-Rom.
fn keys(distance: f64) -> f64 {
    const A: f64 = -0.5;
    let x = distance.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

/// Weights of source pixels, output pixel after output pixel.
struct Taps {
    /// First source pixel of each output pixel.
    starts: Vec<usize>,
    /// End of each output pixel's weights in `weights`.
    ends: Vec<usize>,
    weights: Vec<f32>,
}

impl Taps {
    /// First source pixel and weights of each output pixel.
    fn iter(&self) -> impl Iterator<Item = (usize, &[f32])> {
        let firsts = std::iter::once(&0).chain(&self.ends);
        firsts
            .zip(&self.ends)
            .zip(&self.starts)
            .map(|((&first, &end), &start)| (start, &self.weights[first..end]))
    }

    /// The source pixels that any output pixel needs.
    fn reach(&self) -> std::ops::Range<usize> {
        let start = self.starts.iter().copied().min().unwrap_or(0);
        let end = self.iter().map(|(start, weights)| start + weights.len()).max().unwrap_or(0);
        start..end
    }
}

/// The windows `across` and `down` of a resized image. `pixels` are row by row, `[down.source, across.source]`.
pub(crate) fn resample(pixels: &[f32], across: Window, down: Window) -> GreyImage {
    let (columns, rows) = (across.taps(), down.taps());
    let reach = columns.reach();

    let mut resampled = vec![0.0; across.kept * down.kept];
    let mut row = vec![0.0; reach.len()];
    // Rows are worked on side by side: the weights of a column are the same for all of them.
    let mut block = vec![[0.0; ROWS]; reach.len()];
    let mut rows = rows.iter();
    for resampled in resampled.chunks_mut(ROWS * across.kept) {
        for (place, (start, weights)) in rows.by_ref().take(ROWS).enumerate() {
            row.fill(0.0);
            for (source, &weight) in pixels[start * across.source..].chunks_exact(across.source).zip(weights)
            {
                for (sum, value) in row.iter_mut().zip(&source[reach.clone()]) {
                    *sum += weight * value;
                }
            }
            for (values, &value) in block.iter_mut().zip(&row) {
                values[place] = value;
            }
        }
        for (column, (start, weights)) in columns.iter().enumerate() {
            let mut sums = [0.0; ROWS];
            for (values, &weight) in block[start - reach.start..].iter().zip(weights) {
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum += weight * value;
                }
            }
            for (row, sum) in resampled.chunks_exact_mut(across.kept).zip(sums) {
                row[column] = sum;
            }
        }
    }
    GreyImage::from_parts(across.kept, down.kept, resampled)
}

/// The whole of `image` at another size.
pub(crate) fn resized(image: &GreyImage, width: u32, height: u32) -> GreyImage {
    let whole = |source, resized: u32| Window::centre(source, u64::from(resized), u64::from(resized));
    resample(image.pixels(), whole(image.width(), width), whole(image.height(), height))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_crop_starts_where_python_rounds_it() {
        for resized in 224..400_u64 {
            let window = Window::centre(1, resized, 224);
            let python = ((resized - 224) as f64 / 2.0).round_ties_even() as u64;
            assert_eq!((window.first, window.kept), (python, 224), "{resized}");
        }
    }

    #[test]
    fn the_same_size_gives_the_same_pixels() {
        let image = GreyImage::new(5, 3, (0..15).map(|v| v as f32 / 7.0).collect()).unwrap();
        assert_eq!(resized(&image, 5, 3), image);
    }

    proptest! {
        #[test]
        fn weights_lie_inside_the_source_and_add_up_to_one(
            source in 1usize..3000, resized in 1u64..3000, length in 1u64..500,
        ) {
            let taps = Window::centre(source, resized, length).taps();
            prop_assert_eq!(taps.iter().count() as u64, resized.min(length));
            for (start, weights) in taps.iter() {
                prop_assert!(!weights.is_empty() && start + weights.len() <= source);
                prop_assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            }
        }
    }
}
