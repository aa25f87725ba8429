//! Amplitudes as grey, 0 to 1.

use serde::{Deserialize, Serialize};

/// How amplitudes become grey, 0 (black) to 1 (white).
///
/// | | black | middle | white |
/// |---|---|---|---|
/// | [`MinMax`](Self::MinMax) | the tile's minimum | – | the tile's maximum |
/// | [`ZScore`](Self::ZScore) | mean − `deviations` σ | mean | mean + `deviations` σ |
/// | [`SymmetricPercentile`](Self::SymmetricPercentile) | −clip | 0 | clip, that percentile of the tile's absolute amplitudes |
/// | [`Clip`](Self::Clip) | −clip | 0 | clip, one for a whole survey |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalisation {
    /// From the tile's least to its greatest amplitude; what the challenge does. A tile of one amplitude is black.
    MinMax,
    /// Around the tile's mean, in its standard deviations.
    ZScore {
        /// How many of them are white; above 0.
        deviations: f32,
    },
    /// Symmetric about 0, clipped at a percentile of the tile's absolute amplitudes.
    SymmetricPercentile {
        /// Percent, 0 to 100.
        percent: f64,
    },
    /// Symmetric about 0, clipped at an amplitude: with
    /// [`absolute_percentiles`](crate::statistics::absolute_percentiles), the symmetric percentile of a survey.
    Clip {
        /// The amplitude that is white; above 0.
        amplitude: f32,
    },
}

/// Normalises one tile after the other, keeping the memory it needs.
#[derive(Debug, Clone)]
pub struct Normaliser {
    normalisation: Normalisation,
    absolute: Vec<f32>,
}

impl Normaliser {
    /// A normaliser of this kind.
    #[must_use]
    pub fn new(normalisation: Normalisation) -> Self {
        Self { normalisation, absolute: Vec::new() }
    }

    /// Turns the amplitudes of a tile into grey, 0 to 1, in place; returns the amplitudes that became black and white.
    ///
    /// NaN and infinite amplitudes count as 0. Where amplitudes have no spread (all alike, or a clip of 0), a symmetric
    /// scale or a z-score makes all of them middle grey.
    pub fn normalise(&mut self, tile: &mut [f32]) -> [f64; 2] {
        for amplitude in tile.iter_mut() {
            *amplitude = if amplitude.is_finite() { *amplitude } else { 0.0 };
        }
        // In f64, since the range of a tile can be twice the largest f32.
        let (black, white) = match self.normalisation {
            Normalisation::MinMax => {
                let [least, most] = range(tile);
                if least >= most {
                    tile.fill(0.0);
                    return [f64::from(least); 2];
                }
                (f64::from(least), f64::from(most))
            }
            Normalisation::ZScore { deviations } => {
                let count = tile.len().max(1) as f64;
                let mean = tile.iter().map(|&a| f64::from(a)).sum::<f64>() / count;
                let squares: f64 = tile.iter().map(|&a| (f64::from(a) - mean).powi(2)).sum();
                let reach = f64::from(deviations) * (squares / count).sqrt();
                (mean - reach, mean + reach)
            }
            Normalisation::SymmetricPercentile { percent } => {
                let clip = f64::from(self.percentile(tile, percent));
                (-clip, clip)
            }
            Normalisation::Clip { amplitude } => (-f64::from(amplitude), f64::from(amplitude)),
        };
        let scale = 1.0 / (white - black);
        if !(scale.is_finite() && scale > 0.0) {
            tile.fill(0.5);
            return [black, white];
        }
        let ordinary =
            [black, white, scale].iter().all(|value| ORDINARY.contains(&value.abs()) || *value == 0.0);
        if ordinary {
            let (black, scale) = (black as f32, scale as f32);
            for amplitude in tile {
                *amplitude = ((*amplitude - black) * scale).clamp(0.0, 1.0);
            }
        } else {
            for amplitude in tile {
                *amplitude = ((f64::from(*amplitude) - black) * scale).clamp(0.0, 1.0) as f32;
            }
        }
        [black, white]
    }

    /// As [`absolute_percentile`](crate::absolute_percentile), in memory that is kept.
    fn percentile(&mut self, tile: &[f32], percent: f64) -> f32 {
        self.absolute.clear();
        self.absolute.extend(tile.iter().map(|amplitude| amplitude.abs()));
        let Some(last) = self.absolute.len().checked_sub(1) else { return 0.0 };
        let rank = (last as f64 * percent.clamp(0.0, 100.0) / 100.0).round() as usize;
        *self.absolute.select_nth_unstable_by(rank, f32::total_cmp).1
    }
}

/// Values whose differences and products with each other stay within the range of an `f32`, which takes half the time.
const ORDINARY: std::ops::RangeInclusive<f64> = 1e-18..=1e18;
/// Extremes that are kept side by side, so that none waits for the one before it.
const LANES: usize = 16;

/// The least and the greatest of finite amplitudes.
fn range(amplitudes: &[f32]) -> [f32; 2] {
    let (mut least, mut most) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
    for amplitudes in amplitudes.chunks(LANES) {
        for ((least, most), &amplitude) in least.iter_mut().zip(&mut most).zip(amplitudes) {
            *least = if amplitude < *least { amplitude } else { *least };
            *most = if amplitude > *most { amplitude } else { *most };
        }
    }
    [least.into_iter().fold(f32::INFINITY, f32::min), most.into_iter().fold(f32::NEG_INFINITY, f32::max)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn grey(normalisation: Normalisation, amplitudes: &[f32]) -> Vec<f32> {
        let mut tile = amplitudes.to_vec();
        Normaliser::new(normalisation).normalise(&mut tile);
        tile
    }

    const EVERY: [Normalisation; 4] = [
        Normalisation::MinMax,
        Normalisation::ZScore { deviations: 3.0 },
        Normalisation::SymmetricPercentile { percent: 99.0 },
        Normalisation::Clip { amplitude: 2.0 },
    ];

    proptest! {
        #[test]
        fn grey_lies_in_0_to_1_and_rises_with_amplitude(bits in proptest::collection::vec(any::<u32>(), 0..200)) {
            let amplitudes: Vec<f32> = bits.into_iter().map(f32::from_bits).collect();
            for normalisation in EVERY {
                let grey = grey(normalisation, &amplitudes);
                prop_assert!(grey.iter().all(|grey| (0.0..=1.0).contains(grey)), "{normalisation:?} {grey:?}");
                for (pair, greys) in amplitudes.windows(2).zip(grey.windows(2)) {
                    prop_assert!(!(pair[0].is_finite() && pair[1].is_finite() && pair[0] < pair[1]) || greys[0] <= greys[1]);
                }
            }
        }
    }

    #[test]
    fn each_kind_puts_black_middle_and_white_where_it_says() {
        assert_eq!(grey(Normalisation::MinMax, &[-1.0, 0.0, 3.0]), [0.0, 0.25, 1.0]);
        let ends = Normaliser::new(Normalisation::MinMax).normalise(&mut [-1.0, 0.0, 3.0]);
        assert_eq!(ends, [-1.0, 3.0]);
        let z_score = grey(Normalisation::ZScore { deviations: 2.0 }, &[9.0, 11.0, 9.0, 11.0]);
        assert_eq!(z_score, [0.25, 0.75, 0.25, 0.75]);
        let clipped =
            grey(Normalisation::SymmetricPercentile { percent: 50.0 }, &[-8.0, 1.0, 2.0, -2.0, 0.0]);
        assert_eq!(clipped, [0.0, 0.75, 1.0, 0.0, 0.5]);
        assert_eq!(
            grey(Normalisation::Clip { amplitude: 4.0 }, &[-4.0, 0.0, 2.0, 9.0]),
            [0.0, 0.5, 0.75, 1.0]
        );
    }

    #[test]
    fn a_tile_without_spread_is_black_or_middle_grey() {
        assert_eq!(grey(Normalisation::MinMax, &[5.0; 3]), [0.0; 3]);
        assert_eq!(grey(Normalisation::ZScore { deviations: 3.0 }, &[5.0; 3]), [0.5; 3]);
        assert_eq!(grey(Normalisation::SymmetricPercentile { percent: 99.0 }, &[0.0; 3]), [0.5; 3]);
    }

    #[test]
    fn what_is_no_number_counts_as_0() {
        assert_eq!(
            grey(Normalisation::Clip { amplitude: 1.0 }, &[f32::NAN, f32::INFINITY, 1.0]),
            [0.5, 0.5, 1.0]
        );
    }

    #[test]
    fn one_normaliser_treats_every_tile_on_its_own() {
        let mut normaliser = Normaliser::new(Normalisation::SymmetricPercentile { percent: 100.0 });
        for peak in [100.0, 1.0] {
            let mut tile = [peak, -peak, 0.0];
            normaliser.normalise(&mut tile);
            assert_eq!(tile, [1.0, 0.0, 0.5]);
        }
    }
}
