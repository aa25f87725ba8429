//! A pool of which some tiles are held out, and the batches of the others.

use super::TilePool;
use crate::dataset::DatasetError;
use crate::error::TrainError;
use crate::fit::Position;
use crate::pretraining::permutation::Permutation;
use crate::random::{Purpose, stream};
use refcon_image::GreyImage;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

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
    skipped: Skipped,
}

/// Where a tile lies among the shuffled ones, the held-out ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(usize);

/// Tiles that could not be read, each with what people have not been told of it yet.
#[derive(Debug, Default)]
struct Skipped(Mutex<BTreeMap<usize, Option<String>>>);

impl SplitPool {
    /// Holds out `held_out` tiles, drawn by the seed, but at most a tenth of all.
    #[must_use]
    pub fn new(pool: TilePool, held_out: usize, batch: usize, seed: u64) -> Self {
        let held_out = held_out.min(pool.count() / MOST_HELD_OUT);
        let shuffled = Permutation::draw(pool.count(), &mut stream(seed, Purpose::Split, [0, 0]));
        Self { pool, shuffled, held_out, seed, batch, skipped: Skipped::default() }
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

    /// Places of the tiles of a batch.
    #[must_use]
    pub fn batch(&self, at: Position) -> Vec<Place> {
        let [training, held_out] = self.counts();
        let order = Permutation::draw(training, &mut stream(self.seed, Purpose::Order, [at.epoch, 0]));
        let first = at.batch as usize * self.batch;
        let last = (first + self.batch).min(training);
        (first..last).map(|place| Place(held_out + order.at(place))).collect()
    }

    /// The place of a held-out tile, the first one being 0.
    #[must_use]
    pub fn held_out(&self, place: usize) -> Place {
        Place(place)
    }

    /// The number of the tile at a place.
    #[must_use]
    pub fn tile(&self, Place(place): Place) -> usize {
        self.shuffled.at(place)
    }

    /// Reads a tile. One whose image cannot be read makes room for the next of its part that can: among a million tiles a damaged one must
    /// not end a training of days.
    ///
    /// # Errors
    /// As [`TilePool::read`], where no tile of the part can be read.
    pub fn read(&self, Place(place): Place) -> Result<GreyImage, TrainError> {
        let [training, held_out] = self.counts();
        let (first, count) = if place < held_out { (0, held_out) } else { (held_out, training) };
        let mut why = None;
        for step in 0..count {
            let tile = self.tile(Place(first + (place - first + step) % count));
            match self.pool.read(tile) {
                Err(TrainError::Dataset(DatasetError::Tile(error))) => {
                    self.skipped.note(tile, &error.to_string());
                    why.get_or_insert(error);
                }
                read => return read,
            }
        }
        let why = why.map_or_else(String::new, |error| format!("; the first: {error}"));
        Err(TrainError::Setting(format!("none of {count} images could be read{why}")))
    }

    /// A line for each tile that was skipped and of which nobody has been told yet.
    pub fn messages(&self) -> Vec<String> {
        let mut skipped = self.skipped.0.lock().unwrap_or_else(PoisonError::into_inner);
        skipped.values_mut().filter_map(Option::take).collect()
    }

    /// What messages call tiles.
    #[must_use]
    pub fn names(&self, places: &[Place]) -> Vec<String> {
        places.iter().map(|&place| self.pool.name(self.tile(place))).collect()
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

impl Skipped {
    fn note(&self, tile: usize, why: &str) {
        let mut skipped = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        skipped.entry(tile).or_insert_with(|| Some(format!("skipped, and another tile taken for it: {why}")));
    }
}

#[cfg(test)]
mod tests {
    use super::super::Cut;
    use super::*;
    use refcon_image::figure::encode_png;

    /// Forty tiles, four of them held out; of number `n` all pixels are `n / 100`.
    fn pool(folder: &std::path::Path, damaged: impl Fn(usize) -> bool) -> SplitPool {
        for n in 0..40 {
            let tile = encode_png(&GreyImage::new(4, 4, vec![n as f32 / 100.0; 16]).unwrap());
            let bytes = if damaged(n) { &tile[..20] } else { &tile[..] };
            std::fs::write(folder.join(format!("{n:02}.png")), bytes).unwrap();
        }
        let pool = TilePool::open(&[folder.into()], &Cut::default(), false).unwrap();
        SplitPool::new(pool, 4, 6, 1)
    }

    fn number(tile: &GreyImage) -> usize {
        (tile.pixels()[0] * 100.0).round() as usize
    }

    #[test]
    fn a_tile_that_cannot_be_read_makes_room_for_another_of_its_part_and_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let damaged = |n: usize| n.is_multiple_of(3);
        let pool = pool(folder.path(), damaged);
        let held_out: Vec<usize> = (0..4).map(|place| pool.tile(pool.held_out(place))).collect();
        let mut learned = Vec::new();
        for _ in 0..2 {
            for batch in 0..pool.batches() as u64 {
                for place in pool.batch(Position { batch, ..Position::default() }) {
                    let read = number(&pool.read(place).unwrap());
                    let wanted = pool.tile(place);
                    assert!(damaged(wanted) || read == wanted);
                    learned.push(read);
                }
            }
        }
        assert!(learned.iter().all(|read| !held_out.contains(read) && !damaged(*read)), "{learned:?}");
        let judged = (0..4).map(|place| number(&pool.read(pool.held_out(place)).unwrap()));
        assert!(judged.into_iter().all(|read| held_out.contains(&read)), "{held_out:?}");
        let told = pool.messages();
        assert_eq!(told.len(), (0..40).filter(|n| damaged(*n)).count());
        assert!(told[0].contains("00.png is damaged"), "{}", told[0]);
        assert!(pool.messages().is_empty());
    }

    #[test]
    fn where_no_tile_can_be_read_the_first_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let pool = pool(folder.path(), |_| true);
        let error = pool.read(pool.batch(Position::default())[0]).unwrap_err().to_string();
        assert!(error.contains("none of 36 images could be read; the first: ") && error.contains(".png"));
    }
}
