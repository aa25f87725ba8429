//! Changes to a tile that leave its class alone, as torchvision 0.17 does them; what is drawn at random is drawn by the caller.
//!
//! There is no flip up to down: it does not leave a seismic section a seismic section. A change of polarity leaves it one of another
//! convention, and is for those who ask for it.

use crate::GreyImage;
use crate::preprocess::contrasted;
use crate::resample::resized;

/// A rectangle of an image, in pixels; inside the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CropBox {
    /// First column.
    pub left: usize,
    /// First row.
    pub top: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// `adjust_contrast`: the blend with the image's mean by this factor, clamped to 0..1; 1 changes nothing.
#[must_use]
pub fn adjust_contrast(image: &GreyImage, factor: f32) -> GreyImage {
    GreyImage::from_parts(image.width(), image.height(), contrasted(image, factor))
}

/// `resized_crop`: a rectangle of the image as a square of `side` pixels, bicubic with antialiasing.
///
/// # Panics
/// If the rectangle is empty or leaves the image, or `side` is zero.
#[must_use]
pub fn resized_crop(image: &GreyImage, crop: CropBox, side: u32) -> GreyImage {
    let CropBox { left, top, width, height } = crop;
    assert!(width > 0 && height > 0 && side > 0, "an empty crop: {crop:?} to {side} pixels");
    assert!(
        left + width <= image.width() && top + height <= image.height(),
        "{crop:?} leaves the image of {} × {} pixels",
        image.width(),
        image.height()
    );
    let rows = image.pixels().chunks_exact(image.width()).skip(top).take(height);
    let pixels = rows.flat_map(|row| row[left..left + width].iter().copied()).collect();
    resized(&GreyImage::from_parts(width, height, pixels), side, side)
}

/// `autocontrast`: values stretched so that they fill 0..1; an image of one value stays as it is.
#[must_use]
pub fn autocontrast(image: &GreyImage) -> GreyImage {
    let (least, most) = image
        .pixels()
        .iter()
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(least, most), &v| (least.min(v), most.max(v)));
    let scale = 1.0 / (most - least);
    let stretch =
        |v: f32| if scale.is_finite() { ((v - least) * scale).clamp(0.0, 1.0) } else { v.clamp(0.0, 1.0) };
    GreyImage::from_parts(image.width(), image.height(), image.pixels().iter().map(|&v| stretch(v)).collect())
}

/// `hflip`: left becomes right.
#[must_use]
pub fn flip_left_right(image: &GreyImage) -> GreyImage {
    let rows = image.pixels().chunks_exact(image.width());
    let pixels = rows.flat_map(|row| row.iter().rev().copied()).collect();
    GreyImage::from_parts(image.width(), image.height(), pixels)
}

/// The grey of no amplitude, halfway from black to white.
const NO_AMPLITUDE: f32 = 0.5;

/// Amplitudes multiplied by `factor`, which is not negative: grey moves away from the middle or towards it, and stays within 0..1.
#[must_use]
pub fn scale_amplitudes(image: &GreyImage, factor: f32) -> GreyImage {
    let scaled = |&v: &f32| (NO_AMPLITUDE + factor * (v - NO_AMPLITUDE)).clamp(0.0, 1.0);
    GreyImage::from_parts(image.width(), image.height(), image.pixels().iter().map(scaled).collect())
}

/// Noise added, pixel by pixel; grey stays within 0..1.
#[must_use]
pub fn add(image: &GreyImage, mut noise: impl FnMut() -> f32) -> GreyImage {
    let pixels = image.pixels().iter().map(|&v| (v + noise()).clamp(0.0, 1.0));
    GreyImage::from_parts(image.width(), image.height(), pixels.collect())
}

/// The traces (columns) for which `is_lost` says so, one after the other, without amplitude.
#[must_use]
pub fn lose_traces(image: &GreyImage, mut is_lost: impl FnMut() -> bool) -> GreyImage {
    let lost: Vec<bool> = (0..image.width()).map(|_| is_lost()).collect();
    let rows = image.pixels().chunks_exact(image.width());
    let pixels =
        rows.flat_map(|row| row.iter().zip(&lost).map(|(&v, &lost)| if lost { NO_AMPLITUDE } else { v }));
    GreyImage::from_parts(image.width(), image.height(), pixels.collect())
}

/// Polarity reversed: black becomes white.
#[must_use]
pub fn reverse_polarity(image: &GreyImage) -> GreyImage {
    let pixels = image.pixels().iter().map(|&v| 1.0 - v);
    GreyImage::from_parts(image.width(), image.height(), pixels.collect())
}

/// The highest frequency of each trace (column), two samples a period, multiplied by `gain`; a frequency of phase step ω by
/// `1 + (gain − 1) · sin²(ω/2)`, so that low ones and the mean stay. No phase is turned; grey stays within 0..1.
#[must_use]
pub fn change_frequencies(image: &GreyImage, gain: f32) -> GreyImage {
    let (width, height, pixels) = (image.width(), image.height(), image.pixels());
    let changed = pixels.iter().enumerate().map(|(at, &v)| {
        let (row, column) = (at / width, at % width);
        let above = pixels[row.saturating_sub(1) * width + column];
        let below = pixels[(row + 1).min(height - 1) * width + column];
        // What the smoothing by a quarter, a half, a quarter takes away.
        let high = v - (above + 2.0 * v + below) / 4.0;
        (v + (gain - 1.0) * high).clamp(0.0, 1.0)
    });
    GreyImage::from_parts(width, height, changed.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> GreyImage {
        GreyImage::new(3, 2, vec![0.2, 0.3, 0.4, 0.5, 0.6, 0.7]).unwrap()
    }

    #[test]
    fn a_crop_of_its_own_size_is_the_rectangle() {
        let crop = CropBox { left: 1, top: 0, width: 2, height: 2 };
        let cropped = resized_crop(&image(), crop, 2);
        for (found, expected) in cropped.pixels().iter().zip([0.3, 0.4, 0.6, 0.7]) {
            assert!((found - expected).abs() < 1e-6, "{cropped:?}");
        }
    }

    #[test]
    fn autocontrast_fills_the_range_and_leaves_one_value_alone() {
        let stretched = autocontrast(&image());
        assert_eq!((stretched.pixels()[0], stretched.pixels()[5]), (0.0, 1.0));
        assert!((stretched.pixels()[1] - 0.2).abs() < 1e-6);
        let flat = GreyImage::new(2, 1, vec![0.4, 0.4]).unwrap();
        assert_eq!(autocontrast(&flat), flat);
    }

    #[test]
    fn a_flip_is_undone_by_another() {
        assert_eq!(flip_left_right(&image()).pixels(), [0.4, 0.3, 0.2, 0.7, 0.6, 0.5]);
        assert_eq!(flip_left_right(&flip_left_right(&image())), image());
    }

    #[test]
    fn amplitudes_are_scaled_about_the_middle_grey_and_lost_traces_have_none() {
        let close = |found: &GreyImage, expected: [f32; 6]| {
            assert!(found.pixels().iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
        };
        close(&scale_amplitudes(&image(), 2.0), [0.0, 0.1, 0.3, 0.5, 0.7, 0.9]);
        close(&add(&image(), || 0.4), [0.6, 0.7, 0.8, 0.9, 1.0, 1.0]);
        let mut column = 0;
        let second = || {
            column += 1;
            column == 2
        };
        close(&lose_traces(&image(), second), [0.2, 0.5, 0.4, 0.5, 0.5, 0.7]);
    }

    #[test]
    fn polarity_is_reversed_about_the_middle_grey() {
        let reversed = reverse_polarity(&image());
        for (found, expected) in reversed.pixels().iter().zip([0.8, 0.7, 0.6, 0.5, 0.4, 0.3]) {
            assert!((found - expected).abs() < 1e-6, "{reversed:?}");
        }
    }

    #[test]
    fn frequencies_of_traces_are_changed_by_the_law_and_those_across_traces_are_not() {
        let (side, swing) = (64, 0.2);
        let wave = |period: f32, down: bool| {
            let level = |at: usize| {
                let place = if down { at / side } else { at % side } as f32;
                0.5 + swing * (std::f32::consts::TAU * (place + 0.3) / period).cos()
            };
            GreyImage::new(side, side, (0..side * side).map(level).collect()).unwrap()
        };
        for (period, gain) in [(2.0f32, 1.5f32), (4.0, 1.5), (4.0, 0.5), (16.0, 0.5)] {
            let law = 1.0 + (gain - 1.0) * (std::f32::consts::PI / period).sin().powi(2);
            let (before, after) = (wave(period, true), change_frequencies(&wave(period, true), gain));
            for row in 1..side - 1 {
                let [before, after] = [&before, &after].map(|image| image.pixels()[row * side] - 0.5);
                assert!(
                    (after - law * before).abs() < 1e-5,
                    "period {period}: {after}, {law} times {before}"
                );
            }
            let across = wave(period, false);
            let kept = change_frequencies(&across, gain);
            assert!(kept.pixels().iter().zip(across.pixels()).all(|(a, b)| (a - b).abs() < 1e-6));
        }
    }
}
