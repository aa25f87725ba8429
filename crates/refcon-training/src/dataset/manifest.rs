//! What a training was given: every tile with its hash and its part.

use super::{Dataset, DatasetError};
use rayon::prelude::*;
use refcon_image::TileFile;
use sha2::{Digest, Sha256};

/// A table of every tile, and one hash over all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// CSV: file, label, part (`training`, `held_out` or `added`), group, SHA-256 of the file.
    pub csv: String,
    /// The first 32 hex digits of the table's SHA-256.
    pub hash: String,
}

impl Manifest {
    /// Reads every file once.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn of(dataset: &Dataset) -> Result<Self, DatasetError> {
        let files: Vec<&TileFile> = dataset.tiles.iter().map(|tile| &tile.file).collect();
        let hashes = file_hashes(&files)?;
        let mut held = vec![false; dataset.tiles.len()];
        dataset.held_out.iter().for_each(|&tile| held[tile] = true);
        let mut table = csv::Writer::from_writer(Vec::new());
        let titles = ["file", "label", "part", "group", "sha256"].map(str::to_owned);
        let rows = dataset.tiles.iter().zip(&hashes).enumerate().map(|(number, (tile, hash))| {
            let part = match held[number] {
                true => "held_out",
                false if number >= dataset.curated => "added",
                false => "training",
            };
            let label = &dataset.classes[tile.class];
            [
                tile.file.name.clone(),
                label.clone(),
                part.into(),
                dataset.groups[number].to_string(),
                hash.clone(),
            ]
        });
        for row in std::iter::once(titles).chain(rows) {
            // Nothing of this can fail: it goes to memory.
            let _ = table.write_record(&row);
        }
        let bytes = table.into_inner().unwrap_or_default();
        let hash = hex(&Sha256::digest(&bytes))[..32].to_owned();
        Ok(Self { csv: String::from_utf8_lossy(&bytes).into_owned(), hash })
    }
}

/// The SHA-256 of each file, as hex digits.
pub(crate) fn file_hashes(files: &[&TileFile]) -> Result<Vec<String>, DatasetError> {
    let hash = |file: &&TileFile| {
        let path = &file.path;
        let bytes = std::fs::read(path).map_err(|source| DatasetError::Io { path: path.clone(), source })?;
        Ok(hex(&Sha256::digest(bytes)))
    };
    files.par_iter().map(hash).collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
