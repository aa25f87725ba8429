//! Whether a library is what was written: everything is read.

use super::block::Block;
use super::error::LibraryError;
use super::fragment_file::FragmentFile;
use super::manifest::{FRAGMENTS, FragmentEntry, Manifest};
use super::{Library, block, tombstones};
use rayon::prelude::*;
use refcon_encoders::EncoderId;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Fragments that are whole.
    pub fragments: usize,
    /// Tiles in them.
    pub tiles: usize,
    /// Bytes read.
    pub bytes: u64,
    /// Files that are not what was written.
    pub damaged: Vec<Damage>,
    /// Files that are no part of the library: a killed writer left them, or one that writes now has not committed them yet. The
    /// next writer removes them.
    pub left_over: Vec<String>,
}

/// A file that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// Its name in the folder of fragments.
    pub file: String,
    /// Tiles that cannot be searched.
    pub tiles: usize,
    /// Who embedded them.
    pub encoder: EncoderId,
    /// What is wrong.
    pub problem: String,
}

impl Library {
    /// Reads every file of the library and compares it with what was written: checksums, numbers of rows, ids in order and given once,
    /// codes that agree with the embeddings within their bounds. `observer` is told the bytes that have been read.
    ///
    /// # Errors
    /// The manifest cannot be read. Damaged fragments are no error but part of the report.
    pub fn check(&self, observer: &(dyn Fn(u64) + Sync)) -> Result<CheckReport, LibraryError> {
        let snapshot = self.snapshot()?;
        let manifest = snapshot.manifest();
        let checked: Vec<_> = manifest
            .fragments
            .iter()
            .map(|fragment| {
                let checked = self.check_fragment(manifest, fragment);
                observer(fragment.file.bytes + fragment.tombstones.as_ref().map_or(0, |file| file.bytes));
                (fragment, checked)
            })
            .collect();
        let whole = || checked.iter().filter(|(_, checked)| checked.is_ok()).map(|(fragment, _)| fragment);
        let damaged = checked.iter().filter_map(|(fragment, checked)| {
            let error = checked.as_ref().err()?;
            Some(Damage {
                file: fragment.file.name.clone(),
                tiles: fragment.live(),
                encoder: manifest.encoders[fragment.encoder].encoder.clone(),
                problem: error.with_advice(),
            })
        });
        let known: BTreeSet<&str> = manifest.files().map(|file| file.name.as_str()).collect();
        let entries = std::fs::read_dir(self.folder().join(FRAGMENTS)).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        Ok(CheckReport {
            fragments: whole().count(),
            tiles: whole().map(|fragment| fragment.live()).sum(),
            bytes: snapshot.bytes(),
            damaged: damaged.collect(),
            left_over: names.filter(|name| !known.contains(name.as_str())).collect(),
        })
    }

    fn check_fragment(&self, manifest: &Manifest, entry: &FragmentEntry) -> Result<(), LibraryError> {
        let file = Arc::new(FragmentFile::open(self.folder(), &entry.file)?);
        let damaged = |problem: String| Err(LibraryError::damaged(file.path(), problem));
        let (found, expected) = (file.checksum(), entry.file.checksum);
        if found != expected {
            return damaged(format!("its checksum is {found}, expected {expected}"));
        }
        if let Some(entry) = &entry.tombstones {
            let rows = tombstones::read(self.folder(), entry)?;
            if rows.len() != entry.rows || !rows.is_sorted_by(|one, next| one < next) {
                return damaged(format!("its removed rows in {} are out of order", entry.name));
            }
        }
        let blocks = block::blocks(&file, entry.file.rows, manifest.encoders[entry.encoder].dimension)?;
        let mut after = None;
        for block in &blocks {
            for &id in block.ids() {
                if after.is_some_and(|after| id <= after) || !(entry.first_id..=entry.last_id).contains(&id) {
                    return damaged(format!("the id {id} is out of order"));
                }
                after = Some(id);
            }
            // Decoding verifies strings and words.
            block.columns()?;
            block.thumbnails()?;
        }
        blocks.par_iter().try_for_each(|block| check_codes(block, file.path()))
    }
}

/// Whether each code lies as close to its embedding as it says.
fn check_codes(block: &Block, path: &Path) -> Result<(), LibraryError> {
    let mut vector = vec![0.0; block.dimension()];
    for (row, id) in block.ids().iter().enumerate() {
        block.embedding_into(row, &mut vector);
        if let Some(value) = vector.iter().find(|value| !value.is_finite()) {
            return Err(LibraryError::damaged(path, format!("the embedding of tile {id} holds {value}")));
        }
        if !block.stored_codes().agree(row, &vector) {
            let problem = format!("the code of tile {id} does not agree with its embedding");
            return Err(LibraryError::damaged(path, problem));
        }
    }
    Ok(())
}
