//! The distribution of amplitudes, how far they correlate, and how evenly they are spread.

use super::plane::Plane;
use refcon_kernels::filters::{dot, sign_changes};

const PERCENTILES: [f32; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];
const LAGS_DOWN: [usize; 8] = [1, 2, 3, 4, 6, 8, 12, 16];
const LAGS_ACROSS: [usize; 6] = [1, 2, 4, 8, 16, 32];
const EVENNESS: [f32; 3] = [0.1, 0.5, 0.9];

pub(super) const LENGTH: usize =
    2 + PERCENTILES.len() + LAGS_DOWN.len() + LAGS_ACROSS.len() + 2 + EVENNESS.len() + 1;

/// Half a grey level: below it a tile is flat, whatever rounding has left in it.
const SMALLEST_DEVIATION: f32 = 0.5;

/// Over how many pixels (standard deviation) the local amplitude is taken.
const LOCAL_REACH: f32 = 4.0;

/// Appends, in order: log standard deviation, skewness, root of the kurtosis; percentiles about the median; vertical and
/// horizontal autocorrelation; zero crossings a pixel, down and across; spread and percentiles of the local amplitude.
pub(super) fn measure(plane: &Plane, features: &mut Vec<f32>) {
    let mean = plane.mean();
    let centred = Plane { levels: plane.levels.iter().map(|level| level - mean).collect(), ..*plane };
    let squared = Plane { levels: centred.levels.iter().map(|v| v * v).collect(), ..*plane };
    let (variance, cubes, fourth) = (
        mean_product(&centred, &centred),
        mean_product(&squared, &centred),
        mean_product(&squared, &squared),
    );
    let deviation = variance.sqrt().max(SMALLEST_DEVIATION);

    features.push(deviation.ln());
    features.push((cubes / deviation.powi(3)).cbrt());
    features.push((fourth / deviation.powi(4)).sqrt());

    let [low, lower, median, upper, high] = percentiles(&mut centred.levels.clone(), PERCENTILES);
    features.extend([low, lower, upper, high].map(|level| (level - median) / deviation));

    features.extend(LAGS_DOWN.map(|lag| autocorrelation(&centred, lag, 0) / deviation.powi(2)));
    features.extend(LAGS_ACROSS.map(|lag| autocorrelation(&centred, 0, lag) / deviation.powi(2)));

    features.push(crossings(&centred, 1, 0));
    features.push(crossings(&centred, 0, 1));

    let mut local: Vec<f32> =
        squared.smoothed(LOCAL_REACH).levels.iter().map(|v| v.max(0.0).sqrt() / deviation).collect();
    let local_mean = expectation(local.iter().copied());
    features.push(expectation(local.iter().map(|v| (v - local_mean).powi(2))).sqrt());
    features.extend(percentiles(&mut local, EVENNESS));
}

/// The mean, summed in f64; 0 of nothing.
fn expectation(values: impl ExactSizeIterator<Item = f32>) -> f32 {
    let count = values.len().max(1);
    (values.map(f64::from).sum::<f64>() / count as f64) as f32
}

/// The values below which these shares of all values lie; shares ascend. Values are left in another order.
fn percentiles<const N: usize>(values: &mut [f32], shares: [f32; N]) -> [f32; N] {
    let last = (values.len() - 1) as f32;
    let mut sought = 0;
    shares.map(|share| {
        // What lies below the last percentile is on its left already.
        let rank = (last * share).round() as usize;
        let from = std::mem::replace(&mut sought, rank);
        *values[from..].select_nth_unstable_by(rank - from, f32::total_cmp).1
    })
}

/// Mean product of the pixels of two planes at the same place.
fn mean_product(a: &Plane, b: &Plane) -> f32 {
    let sum: f64 = a.rows().zip(b.rows()).map(|(a, b)| f64::from(dot(a, b))).sum();
    (sum / a.levels.len() as f64) as f32
}

/// Mean product of pixels `down` rows and `across` columns apart; 0 where the plane is too small to hold such a pair.
fn autocorrelation(plane: &Plane, down: usize, across: usize) -> f32 {
    mean_over_pairs(plane, down, across, |row, later| f64::from(dot(row, later)))
}

/// Share of neighbouring pixels, one `down` or one `across` apart, whose signs differ.
fn crossings(plane: &Plane, down: usize, across: usize) -> f32 {
    mean_over_pairs(plane, down, across, |row, later| sign_changes(row, later) as f64)
}

/// The mean over pairs of pixels, from the sum over those of each two rows.
fn mean_over_pairs(plane: &Plane, down: usize, across: usize, sum: impl Fn(&[f32], &[f32]) -> f64) -> f32 {
    if down >= plane.height || across >= plane.width {
        return 0.0;
    }
    let pairs = plane.width - across;
    let rows = plane.rows().zip(plane.rows().skip(down));
    let total: f64 = rows.map(|(row, later)| sum(&row[..pairs], &later[across..])).sum();
    (total / ((plane.height - down) * pairs) as f64) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_autocorrelation_of_a_sine_is_a_cosine() {
        let levels: Vec<f32> = (0..200 * 16).map(|at| ((at / 16) as f32 * 0.5).sin()).collect();
        let plane = Plane { width: 16, height: 200, levels };
        let energy = autocorrelation(&plane, 0, 0);
        for lag in LAGS_DOWN {
            let found = autocorrelation(&plane, lag, 0) / energy;
            assert!((found - (0.5 * lag as f32).cos()).abs() < 0.05, "lag {lag}: {found}");
        }
        assert!((autocorrelation(&plane, 0, 3) / energy - 1.0).abs() < 1e-5);
    }

    #[test]
    fn crossings_of_alternating_rows_are_one_down_and_none_across() {
        let levels = (0..64).map(|at| if (at / 8) % 2 == 0 { 1.0 } else { -1.0 }).collect();
        let plane = Plane { width: 8, height: 8, levels };
        assert_eq!((crossings(&plane, 1, 0), crossings(&plane, 0, 1)), (1.0, 0.0));
    }

    #[test]
    fn an_uneven_tile_has_a_wider_spread_of_local_amplitude() {
        let spread = |loud_rows: usize| {
            let level = |at: usize| {
                let sign = if at.is_multiple_of(2) { 1.0 } else { -1.0 };
                128.0 + sign * if at / 64 < loud_rows { 60.0 } else { 2.0 }
            };
            let mut features = Vec::new();
            measure(&Plane { width: 64, height: 64, levels: (0..4096).map(level).collect() }, &mut features);
            assert_eq!(features.len(), LENGTH);
            features[LENGTH - 1 - EVENNESS.len()]
        };
        assert!(spread(20) > 5.0 * spread(64), "{} {}", spread(20), spread(64));
    }
}
