//! Images in tar files: where each lies is looked up once, and read from there.

use super::Tiles;
use crate::dataset::DatasetError;
use crate::error::TrainError;
use refcon_image::{DecodeLimits, GreyImage};
use refcon_seismic::segy::{FileSource, ReadAt};
use std::fs::File;
use std::path::{Path, PathBuf};

/// An image of a shard.
#[derive(Debug, Clone, Copy)]
struct Entry {
    shard: u32,
    offset: u64,
    bytes: u32,
}

/// The images of some tar files. Sixteen bytes a tile are kept.
#[derive(Debug)]
pub(super) struct Shards {
    paths: Vec<PathBuf>,
    files: Vec<FileSource>,
    entries: Vec<Entry>,
}

/// The tar files that `path` is or holds, by name.
pub(super) fn tar_files(path: &Path) -> Result<Vec<PathBuf>, TrainError> {
    let is_tar =
        |path: &Path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tar"));
    if !path.is_dir() {
        return Ok(if is_tar(path) { vec![path.into()] } else { Vec::new() });
    }
    let failed = |source| TrainError::Read { path: path.into(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if is_tar(&path) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

impl Shards {
    pub(super) fn open(paths: Vec<PathBuf>) -> Result<Self, TrainError> {
        let mut shards = Self { paths: Vec::new(), files: Vec::new(), entries: Vec::new() };
        for path in paths {
            let failed = |source| TrainError::Read { path: path.clone(), source };
            let file = File::open(&path).map_err(failed)?;
            let mut archive = tar::Archive::new(&file);
            for entry in archive.entries_with_seek().map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let is_image = entry.path().is_ok_and(|name| refcon_image::is_image_name(&name));
                let most = DecodeLimits::default().max_file_bytes();
                if is_image && entry.header().entry_type().is_file() && entry.size() <= most {
                    let bytes = u32::try_from(entry.size()).unwrap_or(u32::MAX);
                    let shard = shards.files.len() as u32;
                    shards.entries.push(Entry { shard, offset: entry.raw_file_position(), bytes });
                }
            }
            shards.files.push(FileSource::open(&path).map_err(failed)?);
            shards.paths.push(path);
        }
        Ok(shards)
    }
}

impl Tiles for Shards {
    fn count(&self) -> usize {
        self.entries.len()
    }

    fn name(&self, tile: usize) -> String {
        let Entry { shard, offset, .. } = self.entries[tile];
        format!("{} at byte {offset}", self.paths[shard as usize].display())
    }

    fn read(&self, tile: usize) -> Result<GreyImage, TrainError> {
        let Entry { shard, offset, bytes } = self.entries[tile];
        let mut read = vec![0; bytes as usize];
        let path = &self.paths[shard as usize];
        let failed = |source| TrainError::Read { path: path.clone(), source };
        self.files[shard as usize].read_exact_at(&mut read, offset).map_err(failed)?;
        let name = PathBuf::from(self.name(tile));
        Ok(refcon_image::decode(&name, &read, &DecodeLimits::default()).map_err(DatasetError::from)?)
    }
}
