//! Tiles that are images already.

use super::IndexError;
use super::fingerprint;
use super::pipeline::{Unit, Units};
use crate::store::NewTile;
use crate::tile_record::TileRecord;
use refcon_image::figure::encode_png;
use refcon_image::{DecodeLimits, TileFile};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::PathBuf;

/// A folder of images (PNG, TIFF, JPEG), with its subfolders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFolder {
    /// The folder.
    pub folder: PathBuf,
    /// An image's class is the subfolder that it lies in, as in `train/Salt/0001.png`.
    pub classes_from_folders: bool,
    /// An image that cannot be read is an error, instead of being skipped.
    pub strict: bool,
}

/// Images that are decoded together.
const AT_A_TIME: usize = 64;

impl ImageFolder {
    pub(super) fn made_with(&self) -> Value {
        json!({"classes_from_folders": self.classes_from_folders})
    }
}

/// The images of a folder, and what tells whether each has changed.
pub(super) struct Listed {
    pub(super) files: Vec<TileFile>,
    pub(super) stamps: Vec<u64>,
    pub(super) fingerprint: String,
}

impl Listed {
    pub(super) fn of(folder: &ImageFolder) -> Result<Self, IndexError> {
        let files = refcon_image::list(&folder.folder)?;
        let (fingerprint, stamps) = fingerprint::of_images(&files)?;
        Ok(Self { files, stamps, fingerprint })
    }

    /// Of the tiles in the library, `(id, file, stamp)`, those whose image is gone or has changed; and the places of the images that
    /// are to be read.
    pub(super) fn compare<'t>(
        &self,
        tiles: impl Iterator<Item = (u64, &'t str, Option<u64>)>,
    ) -> (Vec<u64>, Vec<usize>) {
        let places: HashMap<&str, usize> =
            self.files.iter().enumerate().map(|(place, file)| (file.name.as_str(), place)).collect();
        let mut known = vec![false; self.files.len()];
        let mut stale = Vec::new();
        for (id, file, stamp) in tiles {
            match places.get(file) {
                Some(&place) if stamp == Some(self.stamps[place]) && !known[place] => known[place] = true,
                _ => stale.push(id),
            }
        }
        (stale, (0..known.len()).filter(|&place| !known[place]).collect())
    }
}

/// The images of a folder that are to be read.
pub(super) struct Images<'a> {
    pub(super) source: &'a ImageFolder,
    pub(super) name: &'a str,
    pub(super) listed: &'a Listed,
    /// Their places in the list.
    pub(super) wanted: Vec<usize>,
    pub(super) thumbnails: bool,
}

impl Units for Images<'_> {
    fn count(&self) -> usize {
        self.wanted.len()
    }

    fn at_a_time(&self) -> usize {
        AT_A_TIME
    }

    fn read(&self, unit: usize) -> Result<Unit, IndexError> {
        let place = self.wanted[unit];
        let file = &self.listed.files[place];
        let image = match refcon_image::read(&file.path, &DecodeLimits::default()) {
            Ok(image) => image,
            Err(error) if self.source.strict => return Err(error.into()),
            Err(error) => return Ok(Unit { tiles: Vec::new(), skipped: Some(error.to_string()) }),
        };
        // Images have sides of 31 bits at most.
        let (width, height) = (image.width() as u32, image.height() as u32);
        let mut record = TileRecord::of_image(self.name, &file.name, width, height);
        let folder = file.name.rsplit_once('/').map(|(folder, _)| folder);
        let class = folder.map(|folder| folder.rsplit('/').next().unwrap_or(folder));
        record.class = class.filter(|_| self.source.classes_from_folders).map(str::to_owned);
        let thumbnail = self.thumbnails.then(|| encode_png(&image));
        let tile = NewTile { record, thumbnail, stamp: Some(self.listed.stamps[place]) };
        Ok(Unit { tiles: vec![(tile, image)], skipped: None })
    }
}
