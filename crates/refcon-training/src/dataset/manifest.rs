//! What a training was given: every tile with its hash and its part.

use super::{Dataset, DatasetError, LabelledTile};
use rayon::prelude::*;
use refcon_image::TileFile;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::path::Path;

const TRAINING: &str = "training";
const HELD_OUT: &str = "held_out";
const ADDED: &str = "added";

/// A row of the table, as far as it is read again.
#[derive(Debug, Deserialize)]
struct Row {
    file: String,
    label: String,
    part: String,
    group: usize,
}

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
                true => HELD_OUT,
                false if number >= dataset.curated => ADDED,
                false => TRAINING,
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

impl Dataset {
    /// The tiles of a table that [`Manifest::of`] made, which lie in `folder`; those that were added, whose labels may be wrong, are left
    /// out. No tile is looked at.
    ///
    /// # Errors
    /// When the table cannot be read or is none.
    pub fn of_manifest(table: &Path, folder: &Path) -> Result<Self, DatasetError> {
        let text = std::fs::read(table).map_err(|source| DatasetError::Io { path: table.into(), source })?;
        let rows = csv::Reader::from_reader(text.as_slice()).into_deserialize();
        let rows: Vec<Row> = rows
            .collect::<Result<_, _>>()
            .map_err(|error| DatasetError::Manifest { path: table.into(), problem: error.to_string() })?;
        let rows: Vec<Row> = rows.into_iter().filter(|row| row.part != ADDED).collect();
        let mut classes: Vec<String> = rows.iter().map(|row| row.label.clone()).collect();
        classes.sort_unstable();
        classes.dedup();
        let numbers = |held: bool| {
            (0..rows.len()).filter(|&row| (rows[row].part == HELD_OUT) == held).collect::<Vec<_>>()
        };
        let (training, held_out) = (numbers(false), numbers(true));
        let groups = rows.iter().map(|row| row.group).collect();
        let tiles = rows.into_iter().map(|row| LabelledTile {
            class: classes.partition_point(|class| *class < row.label),
            file: TileFile { path: folder.join(&row.file), name: row.file },
        });
        let tiles: Vec<LabelledTile> = tiles.collect();
        Ok(Self { curated: tiles.len(), tiles, classes, groups, training, held_out })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Groups, LabelledFolder, split};

    #[test]
    fn a_dataset_comes_back_from_its_table() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("train");
        for name in ["b/1.png", "b/2.png", "b/3.png", "a/1.png", "a/2.png", "a/3,4.png"] {
            std::fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
            std::fs::write(folder.join(name), name).unwrap();
        }
        let tiles = LabelledFolder::open(&folder).unwrap();
        let dataset = split(tiles, &Groups::apart(6), 0.3, 42).unwrap();
        let table = scratch.path().join("data.csv");
        std::fs::write(&table, Manifest::of(&dataset).unwrap().csv).unwrap();
        assert_eq!(Dataset::of_manifest(&table, &folder).unwrap(), dataset);
        std::fs::write(&table, "file,label\nx,y\n").unwrap();
        assert!(Dataset::of_manifest(&table, &folder).unwrap_err().to_string().contains("data.csv"));
    }
}
