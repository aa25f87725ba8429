//! Sequences of beds.

use super::random_fields::between;
use rand_chacha::ChaCha8Rng;

/// Steps a bed boundary can lie on, per sample.
const STEPS: f64 = 8.0;

/// How a sequence of beds is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bedding {
    /// Thinnest and thickest bed.
    pub(super) thickness: [f64; 2],
    /// Smallest and largest departure of a bed's logarithmic impedance from the trend. A smallest of 0 gives weak and
    /// strong reflectors side by side, one near the largest makes all of them strong.
    pub(super) contrast: [f64; 2],
}

/// Logarithmic impedance, as a departure from its trend, of a column of beds.
///
/// Two sets of impedances share the bed boundaries: mixed in proportions that change slowly over the map, they let each
/// reflector wax and wane at places of its own. Stored as running sums, so that the mean over any interval
/// is exact: beds thinner than a sample fade as they should instead of aliasing.
#[derive(Debug)]
pub(super) struct BedColumn {
    first: f64,
    sums: Vec<[f64; 2]>,
}

impl BedColumn {
    /// Beds from `first` to `last` (samples, or whatever the coordinate counts).
    pub(super) fn draw(rng: &mut ChaCha8Rng, [first, last]: [f64; 2], bedding: Bedding) -> Self {
        let steps = ((last - first) * STEPS).ceil() as usize;
        let mut sums = Vec::with_capacity(steps + 1);
        let mut sum = [0.0; 2];
        sums.push(sum);
        let mut side = 1.0;
        while sums.len() <= steps {
            let [thinnest, thickest] = bedding.thickness;
            let thickness = (between(rng, thinnest, thickest) * STEPS).round().max(1.0) as usize;
            let [weakest, strongest] = bedding.contrast;
            // Mostly alternating hard and soft beds: neighbours of one sign would make no reflector.
            side = if between(rng, 0.0, 1.0) < 0.8 { -side } else { side };
            let main = side * between(rng, weakest, strongest);
            let other = strongest * between(rng, -1.0, 1.0);
            for _ in 0..thickness.min(steps + 1 - sums.len()) {
                sum = [sum[0] + main / STEPS, sum[1] + other / STEPS];
                sums.push(sum);
            }
        }
        Self { first, sums }
    }

    fn running_sum(&self, at: f64) -> [f64; 2] {
        let position = ((at - self.first) * STEPS).clamp(0.0, (self.sums.len() - 1) as f64);
        let index = (position as usize).min(self.sums.len() - 2);
        let part = position - index as f64;
        let (low, high) = (self.sums[index], self.sums[index + 1]);
        [low[0] + part * (high[0] - low[0]), low[1] + part * (high[1] - low[1])]
    }

    /// Mean over the interval between `a` and `b`, in either order, the two sets mixed by `weights`.
    pub(super) fn mean(&self, a: f64, b: f64, weights: [f64; 2]) -> f64 {
        // Where a coordinate folds back on itself an interval can have next to no length.
        const SHORTEST: f64 = 0.25;
        let (middle, half) = (0.5 * (a + b), (0.5 * (b - a).abs()).max(0.5 * SHORTEST));
        let (low, high) = (self.running_sum(middle - half), self.running_sum(middle + half));
        (weights[0] * (high[0] - low[0]) + weights[1] * (high[1] - low[1])) / (2.0 * half)
    }
}

#[cfg(test)]
mod tests {
    use super::super::random_fields::{Stream, stream};
    use super::*;

    #[test]
    fn means_of_neighbouring_intervals_add_up() {
        let bedding = Bedding { thickness: [2.0, 5.0], contrast: [0.3, 1.0] };
        let beds = BedColumn::draw(&mut stream(3, Stream::Layers, 0), [-10.0, 50.0], bedding);
        let mean = |a, b| beds.mean(a, b, [0.7, 0.4]);
        let (parts, whole) = (mean(4.0, 9.0) * 5.0 + mean(9.0, 24.0) * 15.0, mean(4.0, 24.0) * 20.0);
        assert!((parts - whole).abs() < 1e-9);
        assert!((mean(9.0, 24.0) - mean(24.0, 9.0)).abs() < 1e-12, "the order of the ends does not matter");
        assert!(mean(0.0, 1.0).abs() > 0.01);
    }
}
