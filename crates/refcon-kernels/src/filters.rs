//! Filters of grey images: what describing a texture spends its time on.
//!
//! They run on the thread that calls them: whoever describes many tiles shares out the tiles.

use crate::lanes::{sum_of, sum_of_products};
use crate::math::half_angle;
use crate::tile::{LINES, Tile, transpose as transpose_tile};
use crate::vector::{MulAdd, vectorised};

/// Pixels that a loop keeps in registers.
const PIXELS: usize = 32;

/// And those of what is left of a row, where that is no more.
const HALF: usize = PIXELS / 2;

/// Rows of results that share what they read: with two vectors of pixels each, eight sums, enough to hide the latency of adding to them.
const ROWS: usize = 4;

/// `output[y, x] = Σ kernel[t] · rows[y + t − taps / 2, x]`: a correlation down the columns of an image that is [`reflected`] at its edges.
///
/// # Shapes
/// - `rows`, `output`: `[height, width]`; `kernel`: `[taps]`, an odd number of them
///
/// # Error
/// At most `taps · 2⁻²³ · Σ |kernel[t] · rows[y + t − taps / 2, x]|`.
///
/// # Panics
/// When the shapes do not fit.
pub fn correlate_down(rows: &[f32], width: usize, kernel: &[f32], output: &mut [f32]) {
    assert_eq!(rows.len(), output.len(), "as many results as values");
    assert!(rows.len().is_multiple_of(width.max(1)), "{} values in rows of {width}", rows.len());
    assert!(kernel.len() % 2 == 1, "a kernel of {} taps has no middle", kernel.len());
    let (height, radius) = (rows.len() / width.max(1), kernel.len() / 2);
    let row = |at: usize| reflected(at.cast_signed() - radius.cast_signed(), height) * width;
    let starts: Vec<usize> =
        if height > 0 { (0..height + 2 * radius).map(row).collect() } else { Vec::new() };
    down(rows, width, &starts, kernel, output);
}

/// Where position `at` of an axis of `length` pixels lies once the axis is reflected at its edges: `… 1 0 | 0 1 … | …`.
///
/// # Panics
/// When there are no pixels.
#[must_use]
pub fn reflected(at: isize, length: usize) -> usize {
    let period = 2 * length;
    let at = at.rem_euclid(period.cast_signed()).cast_unsigned();
    at.min(period - 1 - at)
}

vectorised! {
    /// `starts` says where the row that the first tap of each result meets begins, and on from the last result those of its other taps.
    fn down<M>(rows: &[f32], width: usize, starts: &[usize], kernel: &[f32], output: &mut [f32]) {
        let height = output.len() / width.max(1);
        if width < PIXELS || height < ROWS {
            for (y, output) in output.chunks_exact_mut(width.max(1)).enumerate() {
                for (x, output) in output.iter_mut().enumerate() {
                    let values = starts[y..].iter().map(|start| rows[start + x]);
                    *output = kernel.iter().zip(values).fold(0.0, |sum, (&weight, value)| M::mul_add(weight, value, sum));
                }
            }
            return;
        }
        let (whole, end) = whole_pieces(width);
        for y in pieces::<ROWS>(height) {
            let (starts, output) = (&starts[y..y + kernel.len() + ROWS - 1], &mut output[y * width..][..ROWS * width]);
            for number in 0..whole {
                down_piece::<M, PIXELS>(rows, number * PIXELS, starts, kernel, width, output);
            }
            match end {
                End::None => {}
                End::Half => down_piece::<M, HALF>(rows, width - HALF, starts, kernel, width, output),
                End::Whole => down_piece::<M, PIXELS>(rows, width - PIXELS, starts, kernel, width, output),
            }
        }
    }
}

/// `N` columns of some rows of results.
#[inline(always)]
fn down_piece<M: MulAdd, const N: usize>(
    rows: &[f32],
    first: usize,
    starts: &[usize],
    kernel: &[f32],
    width: usize,
    output: &mut [f32],
) {
    let mut sums = [[0.0f32; N]; ROWS];
    // Row `at` is what result `r` takes its tap `at − r` of; the first and the last ones not every result.
    for (at, start) in starts.iter().enumerate() {
        let values = piece::<N>(rows, start + first);
        let all = kernel.get((at + 1).wrapping_sub(ROWS)..=at);
        if let Some(weights) = all.and_then(|weights| weights.first_chunk::<ROWS>()) {
            for (sums, &weight) in sums.iter_mut().zip(weights.iter().rev()) {
                add::<M, N>(sums, weight, values);
            }
        } else {
            for (r, sums) in sums.iter_mut().enumerate() {
                if let Some(&weight) = kernel.get(at.wrapping_sub(r)) {
                    add::<M, N>(sums, weight, values);
                }
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        output[r * width + first..][..N].copy_from_slice(sums);
    }
}

#[inline(always)]
fn add<M: MulAdd, const N: usize>(sums: &mut [f32; N], weight: f32, values: &[f32; N]) {
    for (sum, &value) in sums.iter_mut().zip(values) {
        *sum = M::mul_add(weight, value, *sum);
    }
}

/// `output[x, y] = rows[y, x]`.
///
/// # Shapes
/// - `rows`: `[height, width]`; `output`: `[width, height]`
///
/// # Panics
/// When the shapes do not fit.
pub fn transpose(rows: &[f32], width: usize, output: &mut [f32]) {
    assert_eq!(rows.len(), output.len(), "as many results as values");
    assert!(rows.len().is_multiple_of(width.max(1)), "{} values in rows of {width}", rows.len());
    let height = rows.len() / width.max(1);
    if width < LINES || height < LINES {
        for (x, output) in output.chunks_exact_mut(height.max(1)).enumerate() {
            for (y, output) in output.iter_mut().enumerate() {
                *output = rows[y * width + x];
            }
        }
        return;
    }
    let mut tile = Tile::ZERO;
    for y in pieces::<LINES>(height) {
        for x in pieces::<LINES>(width) {
            for (line, words) in tile.0.iter_mut().enumerate() {
                *words = piece::<LINES>(rows, (y + line) * width + x).map(f32::to_bits);
            }
            transpose_tile(&mut tile);
            for (line, words) in tile.0.iter().enumerate() {
                output[(x + line) * height + y..][..LINES].copy_from_slice(&words.map(f32::from_bits));
            }
        }
    }
}

/// What is done about the end of a row, once there were whole pieces: a piece that ends with it and may overlap the one before.
#[derive(Clone, Copy)]
enum End {
    None,
    Half,
    Whole,
}

/// How many pieces of [`PIXELS`] a row has that is no shorter than one, and what is left of it then.
#[inline(always)]
fn whole_pieces(length: usize) -> (usize, End) {
    let end = match length % PIXELS {
        0 => End::None,
        1..=HALF => End::Half,
        _ => End::Whole,
    };
    (length / PIXELS, end)
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
        let (whole, end) = whole_pieces(codes.len());
        for number in 0..whole {
            patterns_piece::<PIXELS>(square, stride, points, tolerance, centres, number * PIXELS, codes);
        }
        match end {
            End::None => {}
            End::Half => patterns_piece::<HALF>(square, stride, points, tolerance, centres, codes.len() - HALF, codes),
            End::Whole => {
                patterns_piece::<PIXELS>(square, stride, points, tolerance, centres, codes.len() - PIXELS, codes);
            }
        }
    }
}

/// The level between four pixels. Products are rounded before they are summed, on every processor: whether a point is as bright as its
/// centre is decided by the last bit where the tile is flat.
#[inline(always)]
fn level([a, b, c, d]: [f32; 4], upper: [f32; 2], lower: [f32; 2]) -> f32 {
    a * upper[0] + b * upper[1] + c * lower[0] + d * lower[1]
}

/// The codes of `N` pixels from the one at `first` on.
#[inline(always)]
fn patterns_piece<const N: usize>(
    square: &[f32],
    stride: usize,
    points: &[CirclePoint],
    tolerance: f32,
    centres: &[f32],
    first: usize,
    codes: &mut [u32],
) {
    let mut found = [0u32; N];
    let mut least = *piece::<N>(centres, first);
    least.iter_mut().for_each(|least| *least -= tolerance);
    for (bit, point) in points.iter().enumerate() {
        let bit = 1u32 << bit;
        let upper = &square[point.offset + first..];
        let (upper, right): (&[f32; N], &[f32; N]) = (piece(upper, 0), piece(upper, 1));
        if point.shares == ON_A_PIXEL {
            for x in 0..N {
                found[x] |= if upper[x] >= least[x] { bit } else { 0 };
            }
            continue;
        }
        let lower = &square[point.offset + first + stride..];
        let (lower, lower_right): (&[f32; N], &[f32; N]) = (piece(lower, 0), piece(lower, 1));
        for x in 0..N {
            let level = level(point.shares, [upper[x], right[x]], [lower[x], lower_right[x]]);
            found[x] |= if level >= least[x] { bit } else { 0 };
        }
    }
    codes[first..first + N].copy_from_slice(&found);
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

/// Values that are summed in f32.
const VALUES_A_SUM: usize = 1024;

/// `Σ a[y, x] · b[y, x]` over the first `pairs` values of each row, summed in 16 lanes along a row, or 1024 values where rows are whole,
/// and in f64 from there on.
///
/// # Shapes
/// - `a`, `b`: `[rows, stride]`, the last row may be shorter; where one has more values, those are not looked at
///
/// # Error
/// At most `(max(pairs, 1024) / 16 + 16) · 2⁻²³ · Σ |a · b|`.
///
/// # Panics
/// When `pairs` is more than `stride`, or nothing.
#[must_use]
pub fn sum_of_row_products(a: &[f32], b: &[f32], stride: usize, pairs: usize) -> f64 {
    assert!((1..=stride).contains(&pairs), "{pairs} pairs in rows of {stride}");
    row_products(a, b, stride, pairs)
}

vectorised! {
    fn row_products<M>(a: &[f32], b: &[f32], stride: usize, pairs: usize) -> f64 {
        // Whole rows are summed in longer pieces: what follows each other needs no ends of rows.
        let (stride, pairs) = if pairs == stride { (VALUES_A_SUM, VALUES_A_SUM) } else { (stride, pairs) };
        let mut sum = 0.0;
        for (a, b) in a.chunks(stride).zip(b.chunks(stride)) {
            let pairs = pairs.min(a.len()).min(b.len());
            sum += f64::from(sum_of_products::<M>(&a[..pairs], &b[..pairs]));
        }
        sum
    }
}

/// `Σ rows[y, x]` over the first `count` values of each row, summed as [`sum_of_row_products`] does.
///
/// # Error
/// At most `(max(count, 1024) / 16 + 16) · 2⁻²³ · Σ |value|`.
///
/// # Panics
/// When `count` is more than `stride`, or nothing.
#[must_use]
pub fn sum_of_rows(rows: &[f32], stride: usize, count: usize) -> f64 {
    assert!((1..=stride).contains(&count), "{count} values in rows of {stride}");
    row_sums(rows, stride, count)
}

vectorised! {
    fn row_sums<M>(rows: &[f32], stride: usize, count: usize) -> f64 {
        let (stride, count) = if count == stride { (VALUES_A_SUM, VALUES_A_SUM) } else { (stride, count) };
        let mut sum = 0.0;
        for row in rows.chunks(stride) {
            sum += f64::from(sum_of(&row[..count.min(row.len())], |value| value));
        }
        sum
    }
}

/// How many pairs of values there are, `a[y, x]` and `b[y, x]` among the first `pairs` of each row, of which just one is negative.
///
/// # Shapes
/// As of [`sum_of_row_products`].
///
/// # Panics
/// When `pairs` is more than `stride`, or nothing.
#[must_use]
pub fn sign_changes(a: &[f32], b: &[f32], stride: usize, pairs: usize) -> usize {
    assert!((1..=stride).contains(&pairs), "{pairs} pairs in rows of {stride}");
    changes(a, b, stride, pairs)
}

vectorised! {
    fn changes<M>(a: &[f32], b: &[f32], stride: usize, pairs: usize) -> usize {
        let mut count = 0;
        for (a, b) in a.chunks(stride).zip(b.chunks(stride)) {
            let pairs = pairs.min(a.len()).min(b.len());
            let (a, b) = (&a[..pairs], &b[..pairs]);
            let of_row: u32 = a.iter().zip(b).map(|(&a, &b)| u32::from((a < 0.0) != (b < 0.0))).sum();
            count += of_row as usize;
        }
        count
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
            width in awkward(130), height in 0usize..23, radius in 0usize..16, seed in any::<u64>(),
        ) {
            let (rows, kernel) = (values(seed, width * height), values(!seed, 2 * radius + 1));
            let mut output = vec![f32::NAN; rows.len()];
            correlate_down(&rows, width, &kernel, &mut output);
            for (at, &found) in output.iter().enumerate() {
                let row = |t: usize| reflected((at / width + t).cast_signed() - radius.cast_signed(), height);
                let term = |(t, &k): (usize, &f32)| f64::from(k) * f64::from(rows[row(t) * width + at % width]);
                let terms: Vec<f64> = kernel.iter().enumerate().map(term).collect();
                let error = kernel.len() as f64 * 2f64.powi(-23) * terms.iter().map(|term| term.abs()).sum::<f64>();
                prop_assert!((f64::from(found) - terms.iter().sum::<f64>()).abs() <= error, "{found} at {at}");
            }
        }

        #[test]
        fn transposing_swaps_rows_and_columns(width in awkward(70), height in awkward(70), seed in any::<u64>()) {
            let rows = values(seed, width * height);
            let mut output = vec![f32::NAN; rows.len()];
            transpose(&rows, width, &mut output);
            for (at, &value) in rows.iter().enumerate() {
                prop_assert_eq!(output[at % width * height + at / width], value);
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
        fn sums_are_close_to_the_plain_ones(
            stride in prop_oneof![1usize..80, 1000usize..1100], rows in 1usize..5, missing in 0usize..3,
            beyond in 0usize..3, seed in any::<u64>(),
        ) {
            let pairs = stride - missing.min(stride - 1);
            let length = (rows - 1) * stride + pairs;
            // More than wanted of one of them: a whole row, or what is left of the last one.
            let (a, b) = (values(seed, length + beyond * stride), values(!seed, length));
            let wanted = || (0..rows).flat_map(|row| row * stride..row * stride + pairs);
            let (wide_a, wide_b) = (|at: usize| f64::from(a[at]), |at: usize| f64::from(b[at]));
            let allowed = |size: f64| (pairs.max(1024) as f64 / 16.0 + 16.0) * 2f64.powi(-23) * size;
            let terms = || wanted().map(|at| wide_a(at) * wide_b(at));
            let found = sum_of_row_products(&a, &b, stride, pairs);
            prop_assert!((found - terms().sum::<f64>()).abs() <= allowed(terms().map(f64::abs).sum()));
            let found = sum_of_rows(&b, stride, pairs);
            prop_assert!((found - wanted().map(wide_b).sum::<f64>()).abs() <= allowed(wanted().map(|at| wide_b(at).abs()).sum()));
            let changes = wanted().filter(|&at| (a[at] < 0.0) != (b[at] < 0.0)).count();
            prop_assert_eq!(sign_changes(&a, &b, stride, pairs), changes);
        }
    }

    #[test]
    fn reflection_repeats_the_edge_and_never_leaves_the_axis() {
        let positions: Vec<usize> = (-4..7).map(|at| reflected(at, 3)).collect();
        assert_eq!(positions, [2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0]);
        assert_eq!(reflected(-5, 1), 0);
    }
}
