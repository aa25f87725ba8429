//! Sizes of tiles, and how often each occurs.

use super::TilingError;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The size of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TileSize {
    /// Samples down.
    pub height: usize,
    /// Traces across.
    pub width: usize,
}

/// How often each size of tile occurs, to draw sizes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SizeHistogram {
    /// Each size with the count of all sizes up to it, rising.
    cumulative: Vec<(TileSize, u64)>,
}

impl SizeHistogram {
    /// The histogram of these sizes, such as those of the training tiles.
    ///
    /// # Errors
    /// There is no size, or one has a side of 0.
    pub fn of_sizes(sizes: impl IntoIterator<Item = TileSize>) -> Result<Self, TilingError> {
        Self::of_counts(sizes.into_iter().map(|size| (size, 1)))
    }

    /// The histogram of sizes that occur so many times.
    ///
    /// # Errors
    /// No size occurs at all, or one has a side of 0.
    pub fn of_counts(counts: impl IntoIterator<Item = (TileSize, u64)>) -> Result<Self, TilingError> {
        let mut sizes = BTreeMap::<TileSize, u64>::new();
        for (size, count) in counts.into_iter().filter(|&(_, count)| count > 0) {
            if size.height == 0 || size.width == 0 {
                return Err(TilingError::Zero { what: "a side of a tile" });
            }
            let total = sizes.entry(size).or_default();
            *total = total.saturating_add(count);
        }
        let mut total = 0_u64;
        let cumulative: Vec<_> = sizes
            .into_iter()
            .map(|(size, count)| {
                total = total.saturating_add(count);
                (size, total)
            })
            .collect();
        if cumulative.is_empty() { Err(TilingError::NoSizes) } else { Ok(Self { cumulative }) }
    }

    /// Samples of a tile, on average.
    pub(super) fn mean_area(&self) -> f64 {
        let mut before = 0;
        let areas = self.cumulative.iter().map(|&(size, up_to)| {
            let count = up_to - std::mem::replace(&mut before, up_to);
            (size.height * size.width) as f64 * count as f64
        });
        let total = areas.sum::<f64>();
        total / self.cumulative.last().map_or(1, |&(_, all)| all) as f64
    }

    /// A size, as often as it occurs.
    pub(super) fn draw(&self, rng: &mut ChaCha8Rng) -> TileSize {
        // Never empty: both ways to make one refuse that.
        let (largest, total) = self.cumulative[self.cumulative.len() - 1];
        let drawn = rng.random_range(0..total);
        let index = self.cumulative.partition_point(|&(_, up_to)| up_to <= drawn);
        self.cumulative.get(index).map_or(largest, |&(size, _)| size)
    }
}
