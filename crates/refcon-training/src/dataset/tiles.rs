//! Tiles in memory: each is decoded once, as long as there is room.

use super::{Dataset, DatasetError};
use rayon::prelude::*;
use refcon_image::{DecodeLimits, GreyImage, read};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Decoded pixels that are kept, in bytes.
const ROOM: usize = 2 << 30;

/// The tiles of a dataset.
#[derive(Debug)]
pub struct TileCache {
    kept: Vec<OnceLock<Arc<GreyImage>>>,
    used: AtomicUsize,
}

impl TileCache {
    /// Room for `tiles` tiles; none is read yet.
    #[must_use]
    pub fn new(tiles: usize) -> Self {
        Self { kept: (0..tiles).map(|_| OnceLock::new()).collect(), used: AtomicUsize::new(0) }
    }

    /// A tile of the dataset.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub fn tile(&self, dataset: &Dataset, number: usize) -> Result<Arc<GreyImage>, DatasetError> {
        if let Some(kept) = self.kept[number].get() {
            return Ok(Arc::clone(kept));
        }
        let image = Arc::new(read(&dataset.tiles[number].file.path, &DecodeLimits::default())?);
        let bytes = std::mem::size_of_val(image.pixels());
        if self.used.fetch_add(bytes, Ordering::Relaxed) + bytes <= ROOM {
            // Another thread may have been faster; both have the same pixels.
            let _ = self.kept[number].set(Arc::clone(&image));
        }
        Ok(image)
    }

    /// Whether every tile can be read; those that there is room for are then kept.
    ///
    /// # Errors
    /// As [`TileCache::tile`], for one that cannot be read.
    pub fn check(&self, dataset: &Dataset) -> Result<(), DatasetError> {
        (0..dataset.tiles.len()).into_par_iter().try_for_each(|number| self.tile(dataset, number).map(drop))
    }

    /// Several tiles, read in parallel.
    ///
    /// # Errors
    /// As [`TileCache::tile`], for the first that cannot be read.
    pub fn tiles(&self, dataset: &Dataset, numbers: &[usize]) -> Result<Vec<Arc<GreyImage>>, DatasetError> {
        numbers.par_iter().map(|&number| self.tile(dataset, number)).collect()
    }
}
