//! The rules that lay tiles over a section.

use super::{SizeHistogram, TileSize, TilingError};
use crate::{Direction, TileBox};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Samples between the corners of the challenge's pretraining tiles.
const PRETRAINING_SAMPLES: usize = 126;
/// Traces between them.
const PRETRAINING_TRACES: usize = 100;
/// Tiles the challenge keeps of a section.
const PRETRAINING_TILES: usize = 4;

/// How tiles are laid over a section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TileRule {
    /// Tiles of one size on a grid.
    Grid(GridRule),
    /// A few tiles of different sizes, at random places.
    Pretraining(PretrainingRule),
}

/// Tiles of one size on a grid, from the first sample and trace on, row by row.
///
/// A last tile that would stick out is moved inside, so that with strides no larger than the size every sample lies in a
/// tile. A section smaller than a tile has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GridRule {
    /// Size of a tile.
    pub size: TileSize,
    /// Samples from one tile to the next one down; at least 1.
    pub down: usize,
    /// Traces from one tile to the next one across; at least 1.
    pub across: usize,
}

/// The challenge's rule for pretraining: corners on a grid, a size drawn for each, moved inside the section where they
/// stick out, a few tiles of each section. A size larger than the section is cut to it.
///
/// Which corners and sizes a section gets depends on the seed, the section's direction and its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PretrainingRule {
    /// Where sizes are drawn from, both sides together.
    pub sizes: SizeHistogram,
    /// Samples between corners; at least 1.
    pub down: usize,
    /// Traces between corners; at least 1.
    pub across: usize,
    /// Tiles of each section, at most; at least 1.
    pub per_section: usize,
    /// Seed of everything drawn.
    pub seed: u64,
}

impl PretrainingRule {
    /// The rule with the challenge's numbers: corners 126 samples and 100 traces apart, 4 tiles of a section.
    #[must_use]
    pub fn of_challenge(sizes: SizeHistogram, seed: u64) -> Self {
        let (down, across) = (PRETRAINING_SAMPLES, PRETRAINING_TRACES);
        Self { sizes, down, across, per_section: PRETRAINING_TILES, seed }
    }
}

impl TileRule {
    pub(super) fn check(&self) -> Result<(), TilingError> {
        let lengths = match self {
            Self::Grid(grid) => [
                (grid.size.height, "the height of tiles"),
                (grid.size.width, "the width of tiles"),
                (grid.down, "the stride down"),
                (grid.across, "the stride across"),
                (1, ""),
            ],
            Self::Pretraining(rule) => [
                (rule.down, "the distance of corners down"),
                (rule.across, "the distance of corners across"),
                (rule.per_section, "the number of tiles of a section"),
                (1, ""),
                (1, ""),
            ],
        };
        let zero = lengths.into_iter().find(|&(length, _)| length == 0);
        zero.map_or(Ok(()), |(_, what)| Err(TilingError::Zero { what }))
    }

    /// Tiles kept of a section, at most.
    pub(super) fn tiles_per_section(&self) -> usize {
        match self {
            Self::Grid(_) => usize::MAX,
            Self::Pretraining(rule) => rule.per_section,
        }
    }

    /// Whether a tile finds room in a section of so many samples and traces.
    pub(super) fn has_room(&self, samples: usize, traces: usize) -> bool {
        match self {
            Self::Grid(grid) => grid.size.height <= samples && grid.size.width <= traces,
            // Its tiles are cut to the section.
            Self::Pretraining(_) => samples > 0 && traces > 0,
        }
    }

    /// Samples of all tiles of a section, about; a grid is taken to cover all of it.
    pub(super) fn area_per_section(&self) -> f64 {
        match self {
            Self::Grid(_) => f64::INFINITY,
            Self::Pretraining(rule) => rule.per_section as f64 * rule.sizes.mean_area(),
        }
    }

    /// The tiles of a section of so many samples and traces.
    pub(super) fn boxes(
        &self,
        samples: usize,
        traces: usize,
        section: (Direction, i32),
    ) -> impl Iterator<Item = TileBox> + '_ {
        let (grid, pretraining) = match self {
            Self::Grid(grid) => (Some(grid.boxes(samples, traces)), None),
            Self::Pretraining(rule) => (None, Some(rule.boxes(samples, traces, section))),
        };
        grid.into_iter().flatten().chain(pretraining.into_iter().flatten())
    }
}

impl GridRule {
    fn boxes(&self, samples: usize, traces: usize) -> impl Iterator<Item = TileBox> + use<> {
        let TileSize { height, width } = self.size;
        let across = self.across;
        starts(samples, height, self.down).flat_map(move |first_sample| {
            starts(traces, width, across).map(move |first_trace| TileBox {
                first_trace,
                traces: width,
                first_sample,
                samples: height,
            })
        })
    }
}

/// Where pieces of `size` start that stand `stride` apart on `length`; the last one is moved inside.
fn starts(length: usize, size: usize, stride: usize) -> impl Iterator<Item = usize> {
    let room = length.checked_sub(size);
    // As many as reach the end, but none that would start behind it.
    let count = room.map_or(0, |room| (room.div_ceil(stride) + 1).min(length.div_ceil(stride)));
    let room = room.unwrap_or(0);
    (0..count).map(move |index| (index * stride).min(room))
}

impl PretrainingRule {
    /// All tiles of the section in the order in which they are drawn.
    fn boxes(
        &self,
        samples: usize,
        traces: usize,
        (direction, line): (Direction, i32),
    ) -> impl Iterator<Item = TileBox> + '_ {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        // A stream of its own for each section, so that none depends on those before it.
        rng.set_stream(u64::from(line.cast_unsigned()) << 1 | u64::from(direction == Direction::Crossline));
        let columns = traces.div_ceil(self.across);
        let mut corners: Vec<usize> = (0..samples.div_ceil(self.down) * columns).collect();
        corners.shuffle(&mut rng);
        corners.into_iter().map(move |corner| {
            let size = self.sizes.draw(&mut rng);
            let (height, width) = (size.height.min(samples), size.width.min(traces));
            TileBox {
                first_trace: (corner % columns * self.across).min(traces - width),
                traces: width,
                first_sample: (corner / columns * self.down).min(samples - height),
                samples: height,
            }
        })
    }
}
