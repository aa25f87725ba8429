//! Unlabelled tiles by number, wherever they lie: nothing is read before it is asked for, and nothing is kept.
//!
//! | place | tiles |
//! |---|---|
//! | a folder of images | each image of it and of its subfolders |
//! | a folder with `.tar` files, or one of them | each image of the shards, as `refcon tile --shards` writes them |
//! | anything else | a survey, cut by the pretraining rule as tiles are asked for |

mod images;
mod shards;
mod split;
mod surveys;

pub use split::{Place, SplitPool};
pub use surveys::Cut;

use crate::dataset::{DatasetError, test_data_at};
use crate::error::TrainError;
use images::Images;
use refcon_image::GreyImage;
use shards::Shards;
use std::path::{Path, PathBuf};
use surveys::CutSurvey;

/// Tiles of one place.
trait Tiles: std::fmt::Debug + Send + Sync {
    fn count(&self) -> usize;

    /// What a message calls it.
    fn name(&self, tile: usize) -> String;

    fn read(&self, tile: usize) -> Result<GreyImage, TrainError>;
}

/// The tiles of several places, numbered one place after the other.
#[derive(Debug)]
pub struct TilePool {
    places: Vec<Box<dyn Tiles>>,
    /// Number of the first tile behind each place.
    ends: Vec<usize>,
}

impl TilePool {
    /// Looks at each place; `cut` says how tiles are cut from surveys.
    ///
    /// # Errors
    /// When a place cannot be read or has no tile, or is a folder of test data and `allow_test_data` is not set.
    pub fn open(places: &[PathBuf], cut: &Cut, allow_test_data: bool) -> Result<Self, TrainError> {
        let mut pool = Self { places: Vec::new(), ends: Vec::new() };
        for path in places {
            if let (Some(sign), false) = (test_data_at(path, &[]), allow_test_data) {
                return Err(DatasetError::TestData { folder: path.clone(), sign }.into());
            }
            let tiles = open_place(path, cut)?;
            pool.ends.push(pool.count() + tiles.count());
            pool.places.push(tiles);
        }
        match pool.count() {
            0 => Err(TrainError::Setting(
                "data.paths names no tiles: give folders of images, tar shards or surveys (`refcon pretrain METHOD DATA …`)".into(),
            )),
            _ => Ok(pool),
        }
    }

    /// How many tiles there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// What a message calls a tile.
    #[must_use]
    pub fn name(&self, tile: usize) -> String {
        let (place, tile) = self.place_of(tile);
        self.places[place].name(tile)
    }

    /// Reads a tile.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    ///
    /// # Panics
    /// If there is no such tile.
    pub fn read(&self, tile: usize) -> Result<GreyImage, TrainError> {
        let (place, tile) = self.place_of(tile);
        self.places[place].read(tile)
    }

    fn place_of(&self, tile: usize) -> (usize, usize) {
        let place = self.ends.partition_point(|&end| end <= tile);
        (place, tile - place.checked_sub(1).map_or(0, |before| self.ends[before]))
    }
}

fn open_place(path: &Path, cut: &Cut) -> Result<Box<dyn Tiles>, TrainError> {
    let shards = shards::tar_files(path)?;
    if !shards.is_empty() {
        return Ok(Box::new(Shards::open(shards)?));
    }
    let is_images = path.is_dir() && !path.join("zarr.json").exists();
    if is_images {
        return Ok(Box::new(Images::open(path)?));
    }
    Ok(Box::new(CutSurvey::open(path, cut)?))
}
