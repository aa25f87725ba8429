//! The distribution of amplitudes, how far they correlate, and how evenly they are spread.

use super::plane::Plane;
use refcon_kernels::filters::{sign_changes, sum_of_row_products};

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
    let centred = plane.map(|level| level - mean);
    let squared = centred.map(|v| v * v);
    let (variance, cubes, fourth) = (
        mean_product(&centred, &centred),
        mean_product(&squared, &centred),
        mean_product(&squared, &squared),
    );
    let deviation = variance.sqrt().max(SMALLEST_DEVIATION);

    features.push(deviation.ln());
    features.push((cubes / deviation.powi(3)).cbrt());
    features.push((fourth / deviation.powi(4)).sqrt());

    let [low, lower, median, upper, high] = percentiles(&centred.levels, PERCENTILES);
    features.extend([low, lower, upper, high].map(|level| (level - median) / deviation));

    features.extend(LAGS_DOWN.map(|lag| autocorrelation(&centred, lag, 0) / deviation.powi(2)));
    features.extend(LAGS_ACROSS.map(|lag| autocorrelation(&centred, 0, lag) / deviation.powi(2)));

    features.push(crossings(&centred, 1, 0));
    features.push(crossings(&centred, 0, 1));

    let local = squared.smoothed_and_transposed(LOCAL_REACH).map(|v| v.max(0.0).sqrt() / deviation);
    let local_mean = local.mean();
    let spread = local.map(|v| v - local_mean);
    features.push(mean_product(&spread, &spread).sqrt());
    features.extend(percentiles(&local.levels, EVENNESS));
}

/// The values below which these shares of all values lie.
///
/// Values are put together that share the first bits of what they are ordered by; only a percentile's own are looked at again.
fn percentiles<const N: usize>(values: &[f32], shares: [f32; N]) -> [f32; N] {
    const BITS: u32 = 12;
    let first_bits = |value: f32| (ordered(value) >> (u32::BITS - BITS)) as usize;
    // Where the values of the next first bits begin, and, once all are in their places, where they end.
    let mut bounds = [0u32; (1 << BITS) + 1];
    for &value in values {
        bounds[first_bits(value) + 1] += 1;
    }
    let mut before = 0;
    for bound in &mut bounds {
        before += *bound;
        *bound = before;
    }
    let mut together = vec![0.0; values.len()];
    for &value in values {
        let bound = &mut bounds[first_bits(value)];
        together[*bound as usize] = value;
        *bound += 1;
    }
    let last = (values.len() - 1) as f32;
    shares.map(|share| {
        let rank = (last * share).round() as usize;
        let bits = bounds.partition_point(|&end| end as usize <= rank);
        let first = if bits == 0 { 0 } else { bounds[bits - 1] as usize };
        *together[first..bounds[bits] as usize].select_nth_unstable_by(rank - first, f32::total_cmp).1
    })
}

/// A number that is larger where the value is, as [`f32::total_cmp`] orders them.
fn ordered(value: f32) -> u32 {
    let bits = value.to_bits();
    if value.is_sign_negative() { !bits } else { bits | 1 << (u32::BITS - 1) }
}

/// Mean product of the pixels of two planes at the same place.
fn mean_product(a: &Plane, b: &Plane) -> f32 {
    let sum = sum_of_row_products(&a.levels, &b.levels, a.width, a.width);
    (sum / a.levels.len() as f64) as f32
}

/// Mean product of pixels `down` rows and `across` columns apart; 0 where the plane is too small to hold such a pair.
fn autocorrelation(plane: &Plane, down: usize, across: usize) -> f32 {
    mean_over_pairs(plane, down, across, sum_of_row_products)
}

/// Share of neighbouring pixels, one `down` or one `across` apart, whose signs differ.
fn crossings(plane: &Plane, down: usize, across: usize) -> f32 {
    mean_over_pairs(plane, down, across, |a, b, stride, pairs| sign_changes(a, b, stride, pairs) as f64)
}

/// The mean over pairs of pixels, from their `sum`: of rows, as many rows `down` and columns `across`, with how many values a row has, and
/// how many of them are in pairs.
fn mean_over_pairs(
    plane: &Plane,
    down: usize,
    across: usize,
    sum: impl Fn(&[f32], &[f32], usize, usize) -> f64,
) -> f32 {
    if down >= plane.height || across >= plane.width {
        return 0.0;
    }
    let pairs = plane.width - across;
    let later = &plane.levels[down * plane.width + across..];
    let total = sum(&plane.levels, later, plane.width, pairs);
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
    fn percentiles_are_those_of_the_sorted_values() {
        let values = |at: u32| match at % 7 {
            0 => 0.0,
            1 => -0.0,
            2 => -1e-30 * at as f32,
            _ => at.wrapping_mul(2_654_435_761) as i32 as f32 / 1e9,
        };
        for count in [1, 2, 10, 997] {
            let values: Vec<f32> = (0..count).map(values).collect();
            let mut sorted = values.clone();
            sorted.sort_by(f32::total_cmp);
            let found = percentiles(&values, PERCENTILES);
            let expected = PERCENTILES.map(|share| sorted[((count - 1) as f32 * share).round() as usize]);
            assert_eq!(found.map(f32::to_bits), expected.map(f32::to_bits), "{count}");
        }
        assert_eq!(percentiles(&[77.7; 9], EVENNESS), [77.7; 3]);
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
