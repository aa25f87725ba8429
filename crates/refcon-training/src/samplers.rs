//! Which tiles make the batches of an epoch.

use crate::dataset::Dataset;
use crate::random::{Purpose, stream};
use crate::triplets::{Triplet, triplet_of};
use rand::seq::SliceRandom;

/// Draws the batches of an epoch.
#[derive(Debug, Clone, PartialEq)]
pub enum Sampler {
    /// Triplets: every anchor once an epoch, in an order of the seed, the last batch as long as what is left.
    Triplets {
        /// Tiles that are anchors.
        anchors: Vec<usize>,
        /// Triplets of a batch.
        batch: usize,
    },
    /// Some tiles of each of some classes (Hermans et al., arXiv 1703.07737). A class with fewer tiles gives some of them twice.
    Classes {
        /// Classes of a batch.
        classes: usize,
        /// Tiles of each.
        tiles: usize,
    },
    /// Every training tile once an epoch.
    Shuffled {
        /// Tiles of a batch.
        batch: usize,
    },
}

/// The tiles of a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Batch {
    /// Triplets of tiles.
    Triplets(Vec<Triplet>),
    /// Tiles, each with its class.
    Tiles(Vec<usize>),
}

impl Batch {
    /// Every tile that the model sees: of triplets first the anchors, then the positives, then the negatives.
    #[must_use]
    pub fn tiles(&self) -> Vec<usize> {
        match self {
            Self::Tiles(tiles) => tiles.clone(),
            Self::Triplets(triplets) => {
                let part = |of: fn(&Triplet) -> usize| triplets.iter().map(of);
                part(|t| t.anchor).chain(part(|t| t.positive)).chain(part(|t| t.negative)).collect()
            }
        }
    }
}

impl Sampler {
    /// Batches of an epoch.
    #[must_use]
    pub fn batches(&self, dataset: &Dataset) -> usize {
        match self {
            Self::Triplets { anchors, batch } => anchors.len().div_ceil(*batch),
            Self::Shuffled { batch } => dataset.training.len().div_ceil(*batch),
            Self::Classes { classes, tiles } => {
                let classes = (*classes).min(dataset.classes.len());
                dataset.training.len().div_ceil(classes * tiles)
            }
        }
    }

    /// A batch of an epoch: a function of the seed, the epoch and its number alone.
    #[must_use]
    pub fn batch(&self, dataset: &Dataset, seed: u64, epoch: u64, number: usize) -> Batch {
        match self {
            Self::Triplets { anchors, batch } => {
                let by_class = dataset.by_class(&dataset.training);
                let order = shuffled(anchors, seed, epoch);
                let anchors = order.into_iter().skip(number * batch).take(*batch);
                Batch::Triplets(
                    anchors
                        .map(|anchor| {
                            let mut draw = stream(seed, Purpose::Triplets, [epoch, anchor as u64]);
                            triplet_of(anchor, dataset.class(anchor), &by_class, &mut draw)
                        })
                        .collect(),
                )
            }
            Self::Shuffled { batch } => {
                let order = shuffled(&dataset.training, seed, epoch);
                Batch::Tiles(order.into_iter().skip(number * batch).take(*batch).collect())
            }
            Self::Classes { classes, tiles } => {
                let mut draw = stream(seed, Purpose::Batch, [epoch, number as u64]);
                let mut by_class = dataset.by_class(&dataset.training);
                by_class.shuffle(&mut draw);
                let mut batch = Vec::new();
                for mut class in by_class.into_iter().take(*classes) {
                    class.shuffle(&mut draw);
                    batch.extend(class.iter().cycle().take(*tiles));
                }
                Batch::Tiles(batch)
            }
        }
    }
}

fn shuffled(tiles: &[usize], seed: u64, epoch: u64) -> Vec<usize> {
    let mut order = tiles.to_vec();
    order.shuffle(&mut stream(seed, Purpose::Order, [epoch, 0]));
    order
}
