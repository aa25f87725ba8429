//! Multi-scale, rotation-invariant, uniform local binary patterns (Ojala, Pietikäinen & Mäenpää, IEEE TPAMI 24, 2002).

use super::plane::Plane;
use refcon_kernels::filters::{CirclePoint, circle_patterns};
use std::f32::consts::TAU;
use std::sync::OnceLock;

/// A circle of `points` samples of `radius` pixels.
struct Scale {
    points: u32,
    radius: f32,
}

const MOST_POINTS: u32 = 16;

const SCALES: [Scale; 3] =
    [Scale { points: 8, radius: 1.0 }, Scale { points: 16, radius: 2.0 }, Scale { points: 16, radius: 4.0 }];

pub(super) const LENGTH: usize = {
    let mut length = 0;
    let mut at = 0;
    while at < SCALES.len() {
        length += SCALES[at].points as usize + 2;
        at += 1;
    }
    length
};

/// A sample this little below the centre still counts as its equal, in grey levels: interpolation rounds.
const TOLERANCE: f32 = 1e-3;

/// Appends the square roots of each scale's histogram: uniform patterns by their number of ones (0 to `points`), then all
/// others together. The root makes Euclidean distance the Hellinger distance of the histograms.
///
/// There is a plane for each scale, from the finest to the smoothest: the wider the circle, the larger the detail that it should see.
pub(super) fn measure(planes: [&Plane; SCALES.len()], features: &mut Vec<f32>) {
    for (plane, scale) in planes.into_iter().zip(&SCALES) {
        let histogram = histogram(plane, scale);
        features.extend(histogram.iter().map(|&count| (count as f32 / plane.levels.len() as f32).sqrt()));
    }
}

fn histogram(plane: &Plane, scale: &Scale) -> Vec<u32> {
    let mut histogram = vec![0; scale.points as usize + 2];
    let bins = bins(scale.points);
    for code in codes(plane, scale) {
        histogram[usize::from(bins[code as usize])] += 1;
    }
    histogram
}

/// The bin of each code of `points` points. All of them are reckoned once: a pixel then costs a look into 64 KB.
fn bins(points: u32) -> &'static [u8] {
    static BINS: [OnceLock<Vec<u8>>; MOST_POINTS as usize + 1] =
        [const { OnceLock::new() }; MOST_POINTS as usize + 1];
    BINS[points as usize].get_or_init(|| {
        let bin = |code: u32| {
            let rotated = (code >> 1) | ((code & 1) << (points - 1));
            let changes = (code ^ rotated).count_ones();
            (if changes <= 2 { code.count_ones() } else { points + 1 }) as u8
        };
        (0..1u32 << points).map(bin).collect()
    })
}

/// For each pixel, one bit a point of the circle: whether it is at least as bright as the centre.
fn codes(plane: &Plane, scale: &Scale) -> Vec<u32> {
    let margin = scale.radius.ceil() as usize + 1;
    let padded = plane.padded(margin, margin);
    let points: Vec<CirclePoint> = (0..scale.points)
        .map(|point| {
            let (dy, dx) = (TAU * point as f32 / scale.points as f32).sin_cos();
            let (x, y) = (rounded(scale.radius * dx), rounded(scale.radius * dy));
            let (left, top) = (x.floor(), y.floor());
            let (fx, fy) = (x - left, y - top);
            let (column, row) = ((margin as f32 + left) as usize, (margin as f32 + top) as usize);
            CirclePoint {
                offset: row * padded.width + column,
                shares: [(1.0 - fx) * (1.0 - fy), fx * (1.0 - fy), (1.0 - fx) * fy, fx * fy],
            }
        })
        .collect();
    let mut codes = vec![0; plane.levels.len()];
    for ((y, centres), codes) in plane.rows().enumerate().zip(codes.chunks_exact_mut(plane.width)) {
        circle_patterns(&padded.levels[y * padded.width..], padded.width, &points, TOLERANCE, centres, codes);
    }
    codes
}

/// `sin` and `cos` miss whole numbers by a rounding error; a circle's point on a pixel must be that pixel.
fn rounded(offset: f32) -> f32 {
    (offset * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(width: usize, height: usize, level: impl Fn(usize, usize) -> f32) -> Plane {
        Plane { width, height, levels: (0..width * height).map(|at| level(at % width, at / width)).collect() }
    }

    #[test]
    fn a_flat_plane_is_all_ones() {
        for scale in &SCALES {
            let histogram = histogram(&plane(20, 9, |_, _| 77.7), scale);
            assert_eq!(histogram[scale.points as usize], 180);
        }
    }

    #[test]
    fn a_lone_bright_pixel_sees_only_darker_ones() {
        let spot = plane(9, 9, |x, y| if (x, y) == (4, 4) { 200.0 } else { 10.0 });
        assert_eq!(codes(&spot, &SCALES[0])[4 * 9 + 4], 0);
    }

    #[test]
    fn a_quarter_turn_leaves_the_histogram_unchanged() {
        let texture = |x: usize, y: usize| ((x * 37 + y * 11 + x * y * 5) % 64) as f32;
        let upright = plane(31, 31, texture);
        let turned = plane(31, 31, |x, y| texture(y, 30 - x));
        for scale in &SCALES {
            let (upright, turned) = (histogram(&upright, scale), histogram(&turned, scale));
            let moved: u32 = upright.iter().zip(&turned).map(|(a, b)| a.abs_diff(*b)).sum();
            assert!(moved <= 8, "{upright:?} {turned:?}");
        }
    }

    #[test]
    fn an_edge_is_a_uniform_pattern_of_about_half_ones() {
        let edge = plane(16, 16, |x, _| if x < 8 { 0.0 } else { 100.0 });
        let code = codes(&edge, &SCALES[0])[8 * 16 + 8];
        assert_eq!(code.count_ones(), 5, "{code:08b}");
    }
}
