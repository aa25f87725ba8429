//! A pool of which some tiles are held out, and the batches of the others.

use super::TilePool;
use crate::error::TrainError;
use crate::fit::Position;
use crate::pretraining::permutation::Permutation;
use crate::random::{Purpose, stream};
use refcon_image::GreyImage;
use sha2::{Digest, Sha256};

/// At most this share of the tiles is held out.
const MOST_HELD_OUT: usize = 10;

/// The tiles that a model learns from, in batches, and those that are held out.
#[derive(Debug)]
pub struct SplitPool {
    pool: TilePool,
    /// Which tiles are held out: those that the first numbers go to.
    shuffled: Permutation,
    held_out: usize,
    seed: u64,
    batch: usize,
}

impl SplitPool {
    /// Holds out `held_out` tiles, drawn by the seed, but at most a tenth of all.
    #[must_use]
    pub fn new(pool: TilePool, held_out: usize, batch: usize, seed: u64) -> Self {
        let held_out = held_out.min(pool.count() / MOST_HELD_OUT);
        let shuffled = Permutation::draw(pool.count(), &mut stream(seed, Purpose::Split, [0, 0]));
        Self { pool, shuffled, held_out, seed, batch }
    }

    /// Tiles that are learned from, and held out.
    #[must_use]
    pub fn counts(&self) -> [usize; 2] {
        [self.pool.count() - self.held_out, self.held_out]
    }

    /// Batches of an epoch.
    #[must_use]
    pub fn batches(&self) -> usize {
        self.counts()[0].div_ceil(self.batch)
    }

    /// Numbers of the tiles of a batch.
    #[must_use]
    pub fn batch(&self, at: Position) -> Vec<usize> {
        let [training, held_out] = self.counts();
        let order = Permutation::draw(training, &mut stream(self.seed, Purpose::Order, [at.epoch, 0]));
        let first = at.batch as usize * self.batch;
        let last = (first + self.batch).min(training);
        (first..last).map(|place| self.shuffled.at(held_out + order.at(place))).collect()
    }

    /// Reads a held-out tile, the first one being 0.
    ///
    /// # Errors
    /// As [`TilePool::read`].
    pub fn read_held_out(&self, place: usize) -> Result<GreyImage, TrainError> {
        self.pool.read(self.shuffled.at(place))
    }

    /// Reads a tile by its number.
    ///
    /// # Errors
    /// As [`TilePool::read`].
    pub fn read(&self, tile: usize) -> Result<GreyImage, TrainError> {
        self.pool.read(tile)
    }

    /// What messages call tiles.
    #[must_use]
    pub fn names(&self, tiles: &[usize]) -> Vec<String> {
        tiles.iter().map(|&tile| self.pool.name(tile)).collect()
    }

    /// The first 32 hex digits of a SHA-256 over all names: a pool of a million tiles is not read for it.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        for tile in 0..self.pool.count() {
            hasher.update(self.pool.name(tile));
            hasher.update([0]);
        }
        hasher.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}
