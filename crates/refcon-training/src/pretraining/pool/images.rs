//! Images of a folder.

use super::Tiles;
use crate::dataset::DatasetError;
use crate::error::TrainError;
use refcon_image::{DecodeLimits, GreyImage, TileFile};
use std::path::Path;

/// The images of a folder and its subfolders.
#[derive(Debug)]
pub(super) struct Images {
    files: Vec<TileFile>,
}

impl Images {
    pub(super) fn open(folder: &Path) -> Result<Self, TrainError> {
        Ok(Self { files: refcon_image::list(folder).map_err(DatasetError::from)? })
    }
}

impl Tiles for Images {
    fn count(&self) -> usize {
        self.files.len()
    }

    fn name(&self, tile: usize) -> String {
        self.files[tile].path.display().to_string()
    }

    fn read(&self, tile: usize) -> Result<GreyImage, TrainError> {
        let read = refcon_image::read(&self.files[tile].path, &DecodeLimits::default());
        Ok(read.map_err(DatasetError::from)?)
    }
}
