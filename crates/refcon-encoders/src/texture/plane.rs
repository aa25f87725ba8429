//! A plane of grey levels and the Gaussian filters that the features are built of.

use refcon_image::GreyImage;
use refcon_kernels::filters::{correlate_down, reflected, sum_of_rows, transpose};

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
        (sum_of_rows(&self.levels, self.width, self.width) / self.levels.len() as f64) as f32
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

    /// The plane smoothed by a Gaussian of `sigma` pixels, transposed: whoever looks at each pixel by itself need not care. Edges are
    /// reflected.
    pub(super) fn smoothed_and_transposed(&self, sigma: f32) -> Self {
        let kernel = gaussian(sigma);
        self.filtered_down(&kernel).transposed().filtered_down(&kernel)
    }

    /// Rows as columns.
    pub(super) fn transposed(&self) -> Self {
        let mut levels = vec![0.0; self.levels.len()];
        transpose(&self.levels, self.width, &mut levels);
        Self { width: self.height, height: self.width, levels }
    }

    fn filtered_down(&self, kernel: &[f32]) -> Self {
        let mut levels = vec![0.0; self.levels.len()];
        correlate_down(&self.levels, self.width, kernel, &mut levels);
        Self { levels, ..*self }
    }
}

/// A plane smoothed by a Gaussian and its derivatives, all transposed. Edges are reflected.
#[derive(Debug)]
pub(super) struct Smoothed {
    pub(super) levels: Plane,
    /// The derivative along a row of the plane that was smoothed.
    pub(super) across: Plane,
    /// The derivative down a column of it.
    pub(super) down: Plane,
}

impl Smoothed {
    /// Smoothed by a Gaussian of `sigma` pixels.
    pub(super) fn of(plane: &Plane, sigma: f32) -> Self {
        let (smooth, slope) = (gaussian(sigma), gaussian_slope(sigma));
        // A column of what is transposed is a row of the plane.
        let smooth_down = plane.filtered_down(&smooth).transposed();
        Self {
            levels: smooth_down.filtered_down(&smooth),
            across: smooth_down.filtered_down(&slope),
            down: plane.filtered_down(&slope).transposed().filtered_down(&smooth),
        }
    }
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
    fn the_gradient_of_a_ramp_is_its_slope() {
        let levels = (0..40 * 40).map(|at| 2.0 * (at % 40) as f32 - 3.0 * (at / 40) as f32).collect();
        let plane = Plane { width: 40, height: 40, levels };
        let smoothed = Smoothed::of(&plane, 2.0);
        let centre = |of: &Plane| of.levels[20 * 40 + 20];
        assert!((centre(&smoothed.across) - 2.0).abs() < 1e-4 && (centre(&smoothed.down) + 3.0).abs() < 1e-4);
        assert!((centre(&smoothed.levels) - centre(&plane)).abs() < 1e-4);
    }

    #[test]
    fn of_a_picture_beyond_the_limit_the_centre_is_described() {
        let (width, height) = (LONGEST_SIDE + 100, 3);
        let pixels = (0..width * height).map(|at| (at % width) as f32).collect();
        let plane = Plane::from_image(&GreyImage::new(width, height, pixels).unwrap());
        assert_eq!((plane.width, plane.height, plane.levels[0]), (LONGEST_SIDE, 3, 255.0 * 50.0));
    }
}
