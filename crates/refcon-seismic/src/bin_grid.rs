//! Where the lines of a 3-D survey lie on the map.

use serde::{Deserialize, Serialize};

/// The bin grid of a survey: an affine map from line indices to X and Y.
///
/// Coordinates are in the unit of the survey's map (metres or feet).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BinGrid {
    /// X and Y of the first inline's bin on the first crossline.
    pub origin: [f64; 2],
    /// What to add to X and Y from one inline to the next.
    pub inline_step: [f64; 2],
    /// What to add to X and Y from one crossline to the next.
    pub crossline_step: [f64; 2],
}

impl BinGrid {
    /// X and Y of a bin, by the indices of its lines (not their numbers).
    #[must_use]
    pub fn position(&self, inline: usize, crossline: usize) -> [f64; 2] {
        let (inline, crossline) = (inline as f64, crossline as f64);
        [0, 1].map(|axis| {
            self.origin[axis] + inline * self.inline_step[axis] + crossline * self.crossline_step[axis]
        })
    }

    /// Distance between neighbouring inlines and between neighbouring crosslines.
    #[must_use]
    pub fn bin_size(&self) -> [f64; 2] {
        [self.inline_step, self.crossline_step].map(|[x, y]| x.hypot(y))
    }

    /// The direction in which an inline runs (crossline numbers rise along the axis), degrees clockwise from north,
    /// 0..360.
    #[must_use]
    pub fn azimuth(&self) -> f64 {
        let [east, north] = self.crossline_step;
        east.atan2(north).to_degrees().rem_euclid(360.0)
    }
}

/// A bin grid fitted to positions, and how well it fits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BinGridFit {
    /// The grid.
    pub grid: BinGrid,
    /// Root mean square distance of the positions that were used from their bins.
    pub rms: f64,
    /// Positions left out as outliers.
    pub outliers: usize,
}

/// A bin's line indices `[inline, crossline]` and its X and Y.
pub type PlacedBin = ([f64; 2], [f64; 2]);

/// Rounds of fitting and throwing out what lies far off.
const TRIMMING_ROUNDS: usize = 4;
/// How many median distances away a position is far off.
const FAR_OFF: f64 = 6.0;

impl BinGrid {
    /// Fits a grid by least squares to positions of bins; positions
    /// far off the others' grid are left out.
    ///
    /// Where all positions are on one inline (or one crossline), the step between inlines (crosslines) is zero. `None`
    /// where there are no two different bins, or they lie on one line across both directions.
    #[must_use]
    pub fn fit(bins: &[PlacedBin]) -> Option<BinGridFit> {
        let mut used = bins.to_vec();
        let mut grid = least_squares(&used)?;
        for _ in 0..TRIMMING_ROUNDS {
            let mut distances: Vec<f64> = bins.iter().map(|bin| distance(&grid, bin)).collect();
            let middle = distances.len() / 2;
            let (_, &mut median, _) = distances.select_nth_unstable_by(middle, f64::total_cmp);
            // Coordinates are kept in whole units at worst, so half a unit off is no outlier.
            let limit = (FAR_OFF * median).max(1.0);
            used = bins.iter().filter(|bin| distance(&grid, bin) <= limit).copied().collect();
            grid = least_squares(&used)?;
        }
        let squares: f64 = used.iter().map(|bin| distance(&grid, bin).powi(2)).sum();
        let rms = (squares / used.len().max(1) as f64).sqrt();
        Some(BinGridFit { grid, rms, outliers: bins.len() - used.len() })
    }
}

fn distance(grid: &BinGrid, (lines, position): &PlacedBin) -> f64 {
    let [x, y] = [0, 1].map(|axis| {
        let fitted =
            grid.origin[axis] + lines[0] * grid.inline_step[axis] + lines[1] * grid.crossline_step[axis];
        position[axis] - fitted
    });
    x.hypot(y)
}

/// Least squares of X and Y over the line indices, around the means so that large coordinates keep their digits.
fn least_squares(bins: &[PlacedBin]) -> Option<BinGrid> {
    if bins.is_empty() {
        return None;
    }
    let count = bins.len() as f64;
    let mean = |value: fn(&PlacedBin) -> f64| bins.iter().map(value).sum::<f64>() / count;
    let lines = [mean(|bin| bin.0[0]), mean(|bin| bin.0[1])];
    let position = [mean(|bin| bin.1[0]), mean(|bin| bin.1[1])];
    let (mut ii, mut ij, mut jj) = (0.0, 0.0, 0.0);
    let (mut i_position, mut j_position) = ([0.0; 2], [0.0; 2]);
    for (bin_lines, bin_position) in bins {
        let (i, j) = (bin_lines[0] - lines[0], bin_lines[1] - lines[1]);
        ii += i * i;
        ij += i * j;
        jj += j * j;
        for axis in 0..2 {
            let offset = bin_position[axis] - position[axis];
            i_position[axis] += i * offset;
            j_position[axis] += j * offset;
        }
    }
    let (inline_step, crossline_step) = if ii == 0.0 && jj == 0.0 {
        return None;
    } else if ii == 0.0 {
        ([0.0; 2], j_position.map(|sum| sum / jj))
    } else if jj == 0.0 {
        (i_position.map(|sum| sum / ii), [0.0; 2])
    } else {
        let determinant = ii * jj - ij * ij;
        if determinant <= 1e-9 * ii * jj {
            return None;
        }
        let solve = |a: f64, b: f64, c: f64, d: f64| (a * b - c * d) / determinant;
        (
            [0, 1].map(|axis| solve(i_position[axis], jj, ij, j_position[axis])),
            [0, 1].map(|axis| solve(j_position[axis], ii, ij, i_position[axis])),
        )
    };
    let origin =
        [0, 1].map(|axis| position[axis] - lines[0] * inline_step[axis] - lines[1] * crossline_step[axis]);
    Some(BinGrid { origin, inline_step, crossline_step })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_turned_east_has_azimuth_90() {
        let grid = BinGrid { origin: [100.0, 50.0], inline_step: [0.0, -25.0], crossline_step: [12.5, 0.0] };
        assert!((grid.azimuth() - 90.0).abs() < 1e-9);
        assert_eq!(grid.bin_size(), [25.0, 12.5]);
        assert_eq!(grid.position(2, 4), [150.0, 0.0]);
    }

    fn turned() -> BinGrid {
        BinGrid {
            origin: [605_835.5, 6_073_556.4],
            inline_step: [-0.7, 24.99],
            crossline_step: [12.49, 0.35],
        }
    }

    fn bins(grid: &BinGrid, inlines: std::ops::Range<usize>, crosslines: usize) -> Vec<PlacedBin> {
        inlines
            .flat_map(|i| (0..crosslines).map(move |j| (i, j)))
            .map(|(i, j)| ([i as f64, j as f64], grid.position(i, j)))
            .collect()
    }

    fn close(found: &BinGrid, expected: &BinGrid) -> bool {
        let pairs = [
            (found.origin, expected.origin),
            (found.inline_step, expected.inline_step),
            (found.crossline_step, expected.crossline_step),
        ];
        pairs.iter().all(|(found, expected)| (0..2).all(|axis| (found[axis] - expected[axis]).abs() < 1e-3))
    }

    #[test]
    fn a_grid_is_found_again_though_some_positions_are_wrong() {
        let mut bins = bins(&turned(), 0..40, 60);
        for place in [3, 500, 501, 2000] {
            bins[place].1 = [1e6, -4e6];
        }
        let fit = BinGrid::fit(&bins).unwrap();
        assert!(close(&fit.grid, &turned()), "{fit:?}");
        assert_eq!(fit.outliers, 4);
        assert!(fit.rms < 1e-3);
    }

    #[test]
    fn one_inline_gives_the_step_along_it_only() {
        let fit = BinGrid::fit(&bins(&turned(), 0..1, 60)).unwrap();
        assert!(close(&fit.grid, &BinGrid { inline_step: [0.0; 2], ..turned() }));
    }

    #[test]
    fn bins_on_a_diagonal_give_no_grid() {
        let diagonal: Vec<_> = (0..9).map(|i| ([i as f64, i as f64], turned().position(i, i))).collect();
        assert_eq!(BinGrid::fit(&diagonal), None);
        assert_eq!(BinGrid::fit(&[]), None);
        assert_eq!(BinGrid::fit(&diagonal[..1]), None);
    }
}
