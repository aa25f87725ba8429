//! A plane of grey levels and the Gaussian filters that the features are built of.

use refcon_image::GreyImage;
use refcon_kernels::filters::{correlate_across, correlate_down, sum};

/// Longest side that is looked at, in pixels; of a larger image the centre is described. Tiles are a few hundred pixels;
/// the limit bounds the memory that a picture of some other kind can ask for.
const LONGEST_SIDE: usize = 1024;

/// Grey levels 0..255, row by row, `[height, width]`.
#[derive(Debug, Clone)]
pub(super) struct Plane {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) levels: Vec<f32>,
}

impl Plane {
    pub(super) fn from_image(image: &GreyImage) -> Self {
        let (width, height) = (image.width().min(LONGEST_SIDE), image.height().min(LONGEST_SIDE));
        let (left, top) = ((image.width() - width) / 2, (image.height() - height) / 2);
        let mut levels = Vec::with_capacity(width * height);
        for row in image.pixels().chunks_exact(image.width()).skip(top).take(height) {
            levels.extend(row[left..left + width].iter().map(|&v| 255.0 * v));
        }
        Self { width, height, levels }
    }

    pub(super) fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> + Clone {
        self.levels.chunks_exact(self.width)
    }

    fn row(&self, y: usize) -> &[f32] {
        &self.levels[y * self.width..][..self.width]
    }

    /// The mean, summed in f64 from row to row.
    pub(super) fn mean(&self) -> f32 {
        (self.rows().map(|row| f64::from(sum(row))).sum::<f64>() / self.levels.len() as f64) as f32
    }

    /// The plane of what each level becomes.
    pub(super) fn map(&self, level: impl Fn(f32) -> f32) -> Self {
        Self { levels: self.levels.iter().map(|&v| level(v)).collect(), ..*self }
    }

    /// The plane with `rows` more rows above and below and `columns` more columns on each side, reflected at the edges.
    pub(super) fn padded(&self, columns: usize, rows: usize) -> Self {
        let (width, height) = (self.width + 2 * columns, self.height + 2 * rows);
        let column = |x: usize| reflected(x as isize - columns as isize, self.width);
        let left: Vec<usize> = (0..columns).map(column).collect();
        let right: Vec<usize> = (columns + self.width..width).map(column).collect();
        let mut levels = Vec::with_capacity(width * height);
        for y in 0..height {
            let row = self.row(reflected(y as isize - rows as isize, self.height));
            levels.extend(left.iter().map(|&x| row[x]));
            levels.extend_from_slice(row);
            levels.extend(right.iter().map(|&x| row[x]));
        }
        Self { width, height, levels }
    }

    /// The plane smoothed by a Gaussian of `sigma` pixels; edges are reflected.
    pub(super) fn smoothed(&self, sigma: f32) -> Self {
        let kernel = gaussian(sigma);
        self.convolved_across(&kernel).convolved_down(&kernel)
    }

    /// Derivatives across (along a row) and down, each of the plane smoothed by a Gaussian of `sigma` pixels.
    pub(super) fn gradient(&self, sigma: f32) -> (Self, Self) {
        let (smooth, slope) = (gaussian(sigma), gaussian_slope(sigma));
        (
            self.convolved_across(&slope).convolved_down(&smooth),
            self.convolved_across(&smooth).convolved_down(&slope),
        )
    }

    fn convolved_across(&self, kernel: &[f32]) -> Self {
        let padded = self.padded(kernel.len() / 2, 0);
        let mut levels = vec![0.0; self.levels.len()];
        for (row, out) in padded.rows().zip(levels.chunks_exact_mut(self.width)) {
            correlate_across(row, kernel, out);
        }
        Self { levels, ..*self }
    }

    fn convolved_down(&self, kernel: &[f32]) -> Self {
        let padded = self.padded(0, kernel.len() / 2);
        let mut levels = vec![0.0; self.levels.len()];
        correlate_down(&padded.levels, self.width, kernel, &mut levels);
        Self { levels, ..*self }
    }
}

/// Where position `at` of an axis of `length` pixels lies once the axis is reflected at its edges: `… 1 0 | 0 1 … | …`.
fn reflected(at: isize, length: usize) -> usize {
    let period = 2 * length;
    let at = at.rem_euclid(period as isize) as usize;
    at.min(period - 1 - at)
}

/// A Gaussian of `sigma` pixels, cut at 3 sigma, of sum 1.
fn gaussian(sigma: f32) -> Vec<f32> {
    let radius = (3.0 * sigma).ceil() as i32;
    let mut kernel: Vec<f32> =
        (-radius..=radius).map(|at| (-0.5 * (at as f32 / sigma).powi(2)).exp()).collect();
    let sum: f32 = kernel.iter().sum();
    kernel.iter_mut().for_each(|weight| *weight /= sum);
    kernel
}

/// The slope of that Gaussian, scaled to answer 1 on a ramp of 1 a pixel.
fn gaussian_slope(sigma: f32) -> Vec<f32> {
    let smooth = gaussian(sigma);
    let radius = (smooth.len() / 2) as i32;
    let mut kernel: Vec<f32> = (-radius..=radius).zip(&smooth).map(|(at, &g)| at as f32 * g).collect();
    let answer: f32 = (-radius..=radius).zip(&kernel).map(|(at, &weight)| at as f32 * weight).sum();
    kernel.iter_mut().for_each(|weight| *weight /= answer);
    kernel
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reflection_repeats_the_edge_and_never_leaves_the_axis() {
        let positions: Vec<usize> = (-4..7).map(|at| reflected(at, 3)).collect();
        assert_eq!(positions, [2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0]);
        assert_eq!(reflected(-5, 1), 0);
    }

    #[test]
    fn the_gradient_of_a_ramp_is_its_slope() {
        let levels = (0..40 * 40).map(|at| 2.0 * (at % 40) as f32 - 3.0 * (at / 40) as f32).collect();
        let plane = Plane { width: 40, height: 40, levels };
        let (across, down) = plane.gradient(2.0);
        let centre = 20 * 40 + 20;
        assert!((across.levels[centre] - 2.0).abs() < 1e-4 && (down.levels[centre] + 3.0).abs() < 1e-4);
    }

    #[test]
    fn of_a_picture_beyond_the_limit_the_centre_is_described() {
        let (width, height) = (LONGEST_SIDE + 100, 3);
        let pixels = (0..width * height).map(|at| (at % width) as f32).collect();
        let plane = Plane::from_image(&GreyImage::new(width, height, pixels).unwrap());
        assert_eq!((plane.width, plane.height, plane.levels[0]), (LONGEST_SIDE, 3, 255.0 * 50.0));
    }
}
