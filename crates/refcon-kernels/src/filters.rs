//! Filters of grey images, a row at a time: what describing a texture spends its time on.
//!
//! They run on the thread that calls them: whoever describes many tiles shares out the tiles.

use crate::lanes::{sum_of, sum_of_products};
use crate::math::half_angle;
use crate::vector::{MulAdd, vectorised};

/// Pixels that a loop keeps in registers.
const PIXELS: usize = 32;

/// `output[x] = Σ kernel[t] · row[x + t]`: a correlation along a row that was padded for it.
///
/// # Shapes
/// - `row`: `[width + taps − 1]`; `kernel`: `[taps]`, not empty; `output`: `[width]`
///
/// # Error
/// At most `taps · 2⁻²³ · Σ |kernel[t] · row[x + t]|`.
///
/// # Panics
/// When the shapes do not fit.
pub fn correlate_across(row: &[f32], kernel: &[f32], output: &mut [f32]) {
    let (found, taps, width) = (row.len(), kernel.len(), output.len());
    assert_eq!(found + 1, width + taps, "a row of {found} values for {taps} taps and {width} results");
    across(row, kernel, output);
}

/// `output[y, x] = Σ kernel[t] · rows[y + t, x]`: a correlation down the columns of an image that was padded for it.
///
/// # Shapes
/// - `rows`: `[height + taps − 1, width]`; `kernel`: `[taps]`, not empty; `output`: `[height, width]`
///
/// # Error
/// At most `taps · 2⁻²³ · Σ |kernel[t] · rows[y + t, x]|`.
///
/// # Panics
/// When the shapes do not fit.
pub fn correlate_down(rows: &[f32], width: usize, kernel: &[f32], output: &mut [f32]) {
    let (found, taps, results) = (rows.len(), kernel.len(), output.len());
    assert!(results.is_multiple_of(width.max(1)), "{results} results in rows of {width}");
    assert_eq!(
        found + width,
        results + taps * width,
        "{found} values in rows of {width} for {taps} taps and {results} results"
    );
    down(rows, width, kernel, output);
}

vectorised! {
    fn across<M>(row: &[f32], kernel: &[f32], output: &mut [f32]) {
        if output.len() >= 2 * PIXELS {
            across_pieces::<M, { 2 * PIXELS }>(row, kernel, output);
        } else if output.len() >= PIXELS {
            across_pieces::<M, PIXELS>(row, kernel, output);
        } else {
            for (x, output) in output.iter_mut().enumerate() {
                *output = weighted_sum::<M>(row[x..].iter(), kernel);
            }
        }
    }
}

/// Pieces of `N` pixels: the more, the less the processor waits for the sum before.
#[inline(always)]
fn across_pieces<M: MulAdd, const N: usize>(row: &[f32], kernel: &[f32], output: &mut [f32]) {
    for first in pieces::<N>(output.len()) {
        let mut sums = [0.0f32; N];
        for (tap, &weight) in kernel.iter().enumerate() {
            for (sum, &value) in sums.iter_mut().zip(piece::<N>(row, tap + first)) {
                *sum = M::mul_add(weight, value, *sum);
            }
        }
        output[first..first + N].copy_from_slice(&sums);
    }
}

/// Rows of results that share what they read.
const ROWS: usize = 2;

vectorised! {
    fn down<M>(rows: &[f32], width: usize, kernel: &[f32], output: &mut [f32]) {
        if width < PIXELS {
            for (at, output) in output.iter_mut().enumerate() {
                *output = weighted_sum::<M>(rows[at..].iter().step_by(width), kernel);
            }
            return;
        }
        // Zeros on both sides: the taps of rows that a result does not reach.
        let mut wide = vec![0.0; kernel.len() + 2 * (ROWS - 1)];
        wide[ROWS - 1..][..kernel.len()].copy_from_slice(kernel);
        for (band, output) in output.chunks_mut(ROWS * width).enumerate() {
            let rows = &rows[band * ROWS * width..];
            let count = output.len() / width;
            for first in pieces::<PIXELS>(width) {
                let mut sums = [[0.0f32; PIXELS]; ROWS];
                // Row `y` of the image is what result `r` takes its tap `y − r` of.
                for (y, weights) in wide.array_windows::<ROWS>().enumerate().take(kernel.len() + count - 1) {
                    let values = piece::<PIXELS>(rows, y * width + first);
                    for (sums, &weight) in sums.iter_mut().zip(weights.iter().rev()) {
                        for (sum, &value) in sums.iter_mut().zip(values) {
                            *sum = M::mul_add(weight, value, *sum);
                        }
                    }
                }
                for (output, sums) in output.chunks_exact_mut(width).zip(&sums) {
                    output[first..first + PIXELS].copy_from_slice(sums);
                }
            }
        }
    }
}

#[inline(always)]
fn weighted_sum<'a, M: MulAdd>(values: impl Iterator<Item = &'a f32>, weights: &[f32]) -> f32 {
    weights.iter().zip(values).fold(0.0, |sum, (&weight, &value)| M::mul_add(weight, value, sum))
}

/// Where pieces of `N` values begin that cover a row no shorter than that. The last ends with the row and may overlap the one
/// before it: what is written twice is written alike.
#[inline(always)]
fn pieces<const N: usize>(length: usize) -> impl Iterator<Item = usize> {
    (0..length.div_ceil(N)).map(move |number| (number * N).min(length - N))
}

/// The piece of `values` that begins at `first`.
#[inline(always)]
fn piece<const N: usize>(values: &[f32], first: usize) -> &[f32; N] {
    values[first..].first_chunk().expect("as many values as the shapes were checked for")
}

/// A point of a circle around a pixel. It lies between four pixels, whose shares make its level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CirclePoint {
    /// Where its upper left pixel lies, counted from the upper left corner of the square around the circle, in rows of `stride`.
    pub offset: usize,
    /// Shares of the upper left, upper right, lower left and lower right pixel.
    pub shares: [f32; 4],
}

/// Shares of a point that lies on a pixel.
const ON_A_PIXEL: [f32; 4] = [1.0, 0.0, 0.0, 0.0];

/// Local binary patterns of a row of pixels: bit `p` of a code says whether point `p` of the circle around the pixel is at least as
/// bright as the pixel, or less than `tolerance` darker (Ojala, Pietikäinen & Mäenpää, IEEE TPAMI 24, 2002).
///
/// # Shapes
/// - `square`: the padded image from the upper left corner of the first pixel's square on, rows `stride` apart
/// - `points`: at most 32; `centres`, `codes`: `[width]`
///
/// # Panics
/// When the shapes do not fit.
pub fn circle_patterns(
    square: &[f32],
    stride: usize,
    points: &[CirclePoint],
    tolerance: f32,
    centres: &[f32],
    codes: &mut [u32],
) {
    assert!(points.len() <= 32, "{} points do not fit in 32 bits", points.len());
    assert_eq!(centres.len(), codes.len(), "a code a pixel");
    let furthest = points.iter().map(|point| point.offset + stride + 1).max().unwrap_or(0);
    assert!(
        furthest + codes.len() <= square.len(),
        "{} pixels are too few for {} circles that reach {furthest} further",
        square.len(),
        codes.len()
    );
    patterns(square, stride, points, tolerance, centres, codes);
}

vectorised! {
    fn patterns<M>(
        square: &[f32], stride: usize, points: &[CirclePoint], tolerance: f32, centres: &[f32], codes: &mut [u32],
    ) {
        // Products are rounded before they are summed, on every processor: whether a point is as bright as its centre is decided by
        // the last bit where the tile is flat.
        let level = |[a, b, c, d]: [f32; 4], upper: [f32; 2], lower: [f32; 2]| {
            a * upper[0] + b * upper[1] + c * lower[0] + d * lower[1]
        };
        if codes.len() < PIXELS {
            for (x, (code, &centre)) in codes.iter_mut().zip(centres).enumerate() {
                *code = 0;
                for (bit, point) in points.iter().enumerate() {
                    let upper = &square[point.offset + x..];
                    let lower = &upper[stride..];
                    let level = level(point.shares, [upper[0], upper[1]], [lower[0], lower[1]]);
                    *code |= u32::from(level >= centre - tolerance) << bit;
                }
            }
            return;
        }
        for first in pieces::<PIXELS>(codes.len()) {
            let mut found = [0u32; PIXELS];
            let centres: &[f32; PIXELS] = piece(centres, first);
            for (bit, point) in points.iter().enumerate() {
                let upper = &square[point.offset + first..];
                let (upper, right): (&[f32; PIXELS], &[f32; PIXELS]) = (piece(upper, 0), piece(upper, 1));
                if point.shares == ON_A_PIXEL {
                    for x in 0..PIXELS {
                        found[x] |= u32::from(upper[x] >= centres[x] - tolerance) << bit;
                    }
                    continue;
                }
                let lower = &square[point.offset + first + stride..];
                let (lower, lower_right): (&[f32; PIXELS], &[f32; PIXELS]) = (piece(lower, 0), piece(lower, 1));
                for x in 0..PIXELS {
                    let level = level(point.shares, [upper[x], right[x]], [lower[x], lower_right[x]]);
                    found[x] |= u32::from(level >= centres[x] - tolerance) << bit;
                }
            }
            codes[first..first + PIXELS].copy_from_slice(&found);
        }
    }
}

/// What a structure tensor says of a row of pixels.
#[derive(Debug)]
pub struct Directions<'a> {
    /// Angle between the lines of equal level and a row, 0 to π/2.
    pub dip: &'a mut [f32],
    /// How parallel those lines are, 0 to 1.
    pub coherence: &'a mut [f32],
    /// Root of the gradient's energy.
    pub strength: &'a mut [f32],
}

/// Directions from smoothed products of gradients across (`x`) and down (`y`) (Bigün & Granlund, ICCV 1987):
/// `dip = ½ |atan2(2 xy, yy − xx)|`, `coherence = |(2 xy, yy − xx)| / (xx + yy + floor)`, `strength = √(xx + yy)`.
///
/// # Shapes
/// - everything: `[width]`
///
/// # Error
/// Dips to 2e-7; coherence and strength to 4e-7 of their value, where squares of the products are neither below 1e-37 nor infinite.
///
/// # Panics
/// When the shapes do not fit.
pub fn directions(xx: &[f32], yy: &[f32], xy: &[f32], floor: f32, output: &mut Directions<'_>) {
    let width = xx.len();
    let lengths = [yy.len(), xy.len(), output.dip.len(), output.coherence.len(), output.strength.len()];
    assert_eq!(lengths, [width; 5], "as many products, and results, of each kind");
    of_tensors(xx, yy, xy, floor, output.dip, output.coherence, output.strength);
}

vectorised! {
    fn of_tensors<M>(
        xx: &[f32], yy: &[f32], xy: &[f32], floor: f32, dip: &mut [f32], coherence: &mut [f32], strength: &mut [f32],
    ) {
        let products = xx.iter().zip(yy).zip(xy);
        let results = dip.iter_mut().zip(coherence).zip(strength);
        for (((&xx, &yy), &xy), ((dip, coherence), strength)) in products.zip(results) {
            let (sine, cosine, energy) = (2.0 * xy, yy - xx, xx + yy);
            *dip = half_angle::<M>(sine, cosine);
            *coherence = M::mul_add(sine, sine, cosine * cosine).sqrt() / (energy + floor);
            *strength = energy.max(0.0).sqrt();
        }
    }
}

/// `Σ a · b`, summed in 16 lanes.
///
/// # Error
/// At most `(length / 16 + 16) · 2⁻²³ · Σ |a · b|`.
///
/// # Panics
/// When the lengths differ.
#[must_use]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "vectors of one length");
    lanes(a, b)
}

vectorised! {
    fn lanes<M>(a: &[f32], b: &[f32]) -> f32 {
        sum_of_products::<M>(a, b)
    }
}

/// `Σ value`, summed in 16 lanes.
///
/// # Error
/// At most `(length / 16 + 16) · 2⁻²³ · Σ |value|`.
#[must_use]
pub fn sum(values: &[f32]) -> f32 {
    plain_sum(values)
}

vectorised! {
    fn plain_sum<M>(values: &[f32]) -> f32 {
        sum_of(values, |value| value)
    }
}

/// How many pairs of values there are of which just one is negative.
///
/// # Panics
/// When the lengths differ.
#[must_use]
pub fn sign_changes(a: &[f32], b: &[f32]) -> usize {
    assert_eq!(a.len(), b.len(), "vectors of one length");
    changes(a, b) as usize
}

vectorised! {
    fn changes<M>(a: &[f32], b: &[f32]) -> u32 {
        a.iter().zip(b).map(|(&a, &b)| u32::from((a < 0.0) != (b < 0.0))).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twin::{awkward, values};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn correlations_are_close_to_the_plain_ones(
            width in awkward(130), height in 1usize..11, taps in 1usize..32, seed in any::<u64>(),
        ) {
            let check = |found: f32, values: &mut dyn Iterator<Item = &f32>, kernel: &[f32]| {
                let terms: Vec<f64> = kernel.iter().zip(values).map(|(&k, &v)| f64::from(k) * f64::from(v)).collect();
                let error = taps as f64 * 2f64.powi(-23) * terms.iter().map(|term| term.abs()).sum::<f64>();
                (f64::from(found) - terms.iter().sum::<f64>()).abs() <= error
            };
            let kernel = values(!seed, taps);
            let row = values(seed, width + taps - 1);
            let mut output = vec![f32::NAN; width];
            correlate_across(&row, &kernel, &mut output);
            for (x, &found) in output.iter().enumerate() {
                prop_assert!(check(found, &mut row[x..].iter(), &kernel), "across: {found} at {x}");
            }
            let rows = values(seed, width * (height + taps - 1));
            let mut output = vec![f32::NAN; width * height];
            correlate_down(&rows, width, &kernel, &mut output);
            for (at, &found) in output.iter().enumerate() {
                prop_assert!(check(found, &mut rows[at..].iter().step_by(width), &kernel), "down: {found} at {at}");
            }
        }

        #[test]
        fn patterns_are_the_plain_ones(width in awkward(130), points in 0usize..33, seed in any::<u64>()) {
            let reach = 5;
            let stride = width + 2 * reach + 1;
            let square = values(seed, stride * (2 * reach + 2));
            let centres = values(!seed, width);
            let circle: Vec<CirclePoint> = (0..points)
                .map(|p| {
                    let (a, b) = (p as f32 / 33.0, (p * p % 31) as f32 / 31.0);
                    let shares = match p % 3 {
                        0 => ON_A_PIXEL,
                        _ => [(1.0 - a) * (1.0 - b), a * (1.0 - b), (1.0 - a) * b, a * b],
                    };
                    CirclePoint { offset: (p % (2 * reach)) * stride + p * 7 % (2 * reach), shares }
                })
                .collect();
            let mut codes = vec![u32::MAX; width];
            circle_patterns(&square, stride, &circle, 1e-3, &centres, &mut codes);
            for (x, &code) in codes.iter().enumerate() {
                for (bit, point) in circle.iter().enumerate() {
                    let corner = |at: usize| f64::from(square[point.offset + x + at]);
                    let level: f64 = [corner(0), corner(1), corner(stride), corner(stride + 1)]
                        .iter()
                        .zip(point.shares)
                        .map(|(level, share)| level * f64::from(share))
                        .sum();
                    let above = level - (f64::from(centres[x]) - 1e-3);
                    prop_assert!(above.abs() < 1e-5 || (code >> bit & 1 == 1) == (above > 0.0), "bit {bit} at {x}");
                }
                prop_assert!(u64::from(code) >> points == 0);
            }
        }

        #[test]
        fn directions_are_close_to_the_plain_ones(width in awkward(130), seed in any::<u64>()) {
            let (across, down) = (values(seed, width), values(!seed, width));
            let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b + 0.01).collect::<Vec<f32>>();
            let (xx, yy, xy) = (product(&across, &across), product(&down, &down), product(&across, &down));
            let [mut dip, mut coherence, mut strength] = [(); 3].map(|()| vec![f32::NAN; width]);
            let output = &mut Directions { dip: &mut dip, coherence: &mut coherence, strength: &mut strength };
            directions(&xx, &yy, &xy, 1e-3, output);
            for x in 0..width {
                let (sine, cosine) = (2.0 * f64::from(xy[x]), f64::from(yy[x] - xx[x]));
                let energy = f64::from(xx[x] + yy[x]);
                prop_assert!((f64::from(dip[x]) - 0.5 * sine.atan2(cosine).abs()).abs() <= 2e-7);
                let exact = sine.hypot(cosine) / (energy + f64::from(1e-3f32));
                prop_assert!((f64::from(coherence[x]) - exact).abs() <= 4e-7 * exact);
                prop_assert!((f64::from(strength[x]) - energy.sqrt()).abs() <= 4e-7 * energy.sqrt());
            }
        }

        #[test]
        fn sums_are_close_to_the_plain_ones(length in awkward(300), seed in any::<u64>()) {
            let (a, b) = (values(seed, length), values(!seed, length));
            let terms = || a.iter().zip(&b).map(|(&a, &b)| f64::from(a) * f64::from(b));
            let error = (length as f64 / 16.0 + 16.0) * 2f64.powi(-23) * terms().map(f64::abs).sum::<f64>();
            prop_assert!((f64::from(dot(&a, &b)) - terms().sum::<f64>()).abs() <= error);
            let values = || a.iter().map(|&a| f64::from(a));
            let error = (length as f64 / 16.0 + 16.0) * 2f64.powi(-23) * values().map(f64::abs).sum::<f64>();
            prop_assert!((f64::from(sum(&a)) - values().sum::<f64>()).abs() <= error);
            let changes = a.iter().zip(&b).filter(|(a, b)| (**a < 0.0) != (**b < 0.0)).count();
            prop_assert_eq!(sign_changes(&a, &b), changes);
        }
    }
}
