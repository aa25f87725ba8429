//! Removing tiles: rows are marked in a file beside their fragment, and go when it is compacted.

use super::block::{Block, blocks};
use super::error::LibraryError;
use super::fragment_file::FragmentFile;
use super::manifest::{FragmentEntry, Manifest};
use super::snapshot::EncodedTiles;
use super::tombstones;
use super::writer::{Writer, next_file};
use crate::RowSet;
use std::sync::Arc;

/// What a source's fingerprint becomes when some of its tiles are lost.
const INCOMPLETE: &str = "tiles were lost";

impl Writer {
    /// Removes the tiles in `rows` of `tiles`, whichever snapshot these are of; returns how many that were.
    ///
    /// # Errors
    /// A fragment is damaged or a file cannot be written.
    ///
    /// # Panics
    /// When `rows` is of another number of rows than `tiles`.
    pub fn remove(&mut self, tiles: &EncodedTiles, rows: &RowSet) -> Result<u64, LibraryError> {
        assert_eq!(rows.rows(), tiles.rows(), "rows of other tiles");
        let ids: Vec<u64> = rows.iter().map(|row| tiles.id(row)).collect();
        let encoder = self.manifest.encoders.iter().position(|entry| entry.encoder == *tiles.encoder());
        let concerned = |fragment: &FragmentEntry| {
            let from = ids.partition_point(|&id| id < fragment.first_id);
            Some(fragment.encoder) == encoder && ids.get(from).is_some_and(|&id| id <= fragment.last_id)
        };
        let picked = |block: &Block| Ok(rows_of(block, &ids));
        let (manifest, removed) = self.without(self.manifest.clone(), &concerned, &picked)?;
        self.commit(manifest)?;
        Ok(removed)
    }

    /// Removes a source and all its tiles; returns how many these were.
    ///
    /// # Errors
    /// There is no such source, a fragment is damaged or a file cannot be written.
    pub fn remove_source(&mut self, source: u32) -> Result<u64, LibraryError> {
        let (manifest, removed) = self.without_source(source)?;
        self.commit(manifest)?;
        Ok(removed)
    }

    /// Forgets sources that were read and of which no tile is left, so that indexing reads them anew; returns how many.
    ///
    /// # Errors
    /// A fragment is damaged or the manifest cannot be written.
    pub fn forget_empty_sources(&mut self) -> Result<usize, LibraryError> {
        let mut empty = Vec::new();
        for source in self.manifest.sources.iter().filter(|source| source.units_done > 0) {
            if self.tiles_of_source(source.id)?.is_empty() {
                empty.push(source.id);
            }
        }
        if !empty.is_empty() {
            let mut manifest = self.manifest.clone();
            manifest.sources.retain(|source| !empty.contains(&source.id));
            self.commit(manifest)?;
        }
        Ok(empty.len())
    }

    /// Removes some tiles of a source; `ids` are ascending.
    pub(crate) fn remove_of_source(&mut self, source: u32, ids: &[u64]) -> Result<u64, LibraryError> {
        if ids.is_empty() {
            return Ok(0);
        }
        let concerned = |fragment: &FragmentEntry| fragment.sources.contains(&source);
        let picked = |block: &Block| Ok(rows_of(block, ids));
        let (manifest, removed) = self.without(self.manifest.clone(), &concerned, &picked)?;
        self.commit(manifest)?;
        Ok(removed)
    }

    /// Id, file and stamp of each tile of a source.
    pub(crate) fn tiles_of_source(
        &self,
        source: u32,
    ) -> Result<Vec<(u64, String, Option<u64>)>, LibraryError> {
        let mut tiles = Vec::new();
        for fragment in self.manifest.fragments.iter().filter(|fragment| fragment.sources.contains(&source)) {
            let (file, removed) = self.open_fragment(fragment)?;
            for block in blocks(&file, fragment.file.rows, self.dimension_of(fragment))? {
                let columns = block.columns()?;
                let live = |row: &usize| !removed.contains(block.first_in_file + row);
                let of_source = |row: &usize| columns.sources()[*row] == Some(source);
                let rows = (0..block.rows()).filter(live).filter(of_source);
                tiles.extend(
                    rows.map(|row| (block.ids()[row], columns.file(row).to_owned(), columns.stamps()[row])),
                );
            }
        }
        Ok(tiles)
    }

    /// The manifest without a source and its tiles, and how many these are.
    pub(super) fn without_source(&self, source: u32) -> Result<(Manifest, u64), LibraryError> {
        let mut manifest = self.manifest.clone();
        let before = manifest.sources.len();
        manifest.sources.retain(|known| known.id != source);
        if manifest.sources.len() == before {
            return Err(LibraryError::NoSuchSource { folder: self.folder.clone(), source_id: source });
        }
        let picked = |block: &Block| {
            let sources = block.columns()?.sources().iter().enumerate();
            Ok(sources.filter(|(_, of)| **of == Some(source)).map(|(row, _)| row).collect())
        };
        self.without(manifest, &|fragment| fragment.sources.contains(&source), &picked)
    }

    /// Takes fragments that cannot be used out of the library, with the tiles in them; returns how many tiles. Their sources count
    /// as changed, so that indexing reads them again.
    ///
    /// # Errors
    /// The manifest cannot be written.
    pub fn remove_damaged(&mut self, files: &[String]) -> Result<usize, LibraryError> {
        let mut manifest = self.manifest.clone();
        let is_damaged = |fragment: &FragmentEntry| {
            let tombstones = fragment.tombstones.as_ref().map(|file| &file.name);
            files.contains(&fragment.file.name) || tombstones.is_some_and(|name| files.contains(name))
        };
        let damaged: Vec<FragmentEntry> =
            manifest.fragments.iter().filter(|fragment| is_damaged(fragment)).cloned().collect();
        manifest.fragments.retain(|fragment| !is_damaged(fragment));
        for source in &mut manifest.sources {
            if damaged.iter().any(|fragment| fragment.sources.contains(&source.id)) {
                source.fingerprint = INCOMPLETE.into();
                source.complete = false;
            }
        }
        self.commit(manifest)?;
        Ok(damaged.iter().map(FragmentEntry::live).sum())
    }

    /// `manifest` without the rows that `picked` names of each block of the fragments concerned.
    fn without(
        &self,
        mut manifest: Manifest,
        concerned: &dyn Fn(&FragmentEntry) -> bool,
        picked: &dyn Fn(&Block) -> Result<Vec<usize>, LibraryError>,
    ) -> Result<(Manifest, u64), LibraryError> {
        let mut removed = 0;
        let mut kept = Vec::with_capacity(manifest.fragments.len());
        for mut fragment in std::mem::take(&mut manifest.fragments) {
            if !concerned(&fragment) {
                kept.push(fragment);
                continue;
            }
            let before = fragment.live();
            let rows = self.removed_rows(&fragment, picked)?;
            removed += (rows.len() + before - fragment.file.rows) as u64;
            if rows.len() == fragment.file.rows {
                continue;
            }
            if fragment.file.rows - rows.len() < before {
                let name = next_file(&mut manifest, "-removed");
                fragment.tombstones = Some(tombstones::write(&self.folder, &name, &rows)?);
            }
            kept.push(fragment);
        }
        manifest.fragments = kept;
        Ok((manifest, removed))
    }

    /// The rows of a fragment that are removed or picked, ascending.
    fn removed_rows(
        &self,
        fragment: &FragmentEntry,
        picked: &dyn Fn(&Block) -> Result<Vec<usize>, LibraryError>,
    ) -> Result<Vec<u32>, LibraryError> {
        let (file, mut removed) = self.open_fragment(fragment)?;
        for block in blocks(&file, fragment.file.rows, self.dimension_of(fragment))? {
            picked(&block)?.into_iter().for_each(|row| removed.insert(block.first_in_file + row));
        }
        // A fragment has fewer rows than 2³².
        Ok(removed.iter().map(|row| row as u32).collect())
    }

    fn dimension_of(&self, fragment: &FragmentEntry) -> usize {
        self.manifest.encoders[fragment.encoder].dimension
    }

    /// The file of a fragment, and its removed rows.
    pub(super) fn open_fragment(
        &self,
        fragment: &FragmentEntry,
    ) -> Result<(Arc<FragmentFile>, RowSet), LibraryError> {
        let file = Arc::new(FragmentFile::open(&self.folder, &fragment.file)?);
        let rows = fragment.file.rows;
        let mut removed = RowSet::none(rows);
        if let Some(entry) = &fragment.tombstones {
            let found = tombstones::read(&self.folder, entry)?.into_iter().map(|row| row as usize);
            found.filter(|&row| row < rows).for_each(|row| removed.insert(row));
        }
        Ok((file, removed))
    }
}

/// The rows of a block whose ids are among `ids`, which are ascending.
fn rows_of(block: &Block, ids: &[u64]) -> Vec<usize> {
    let rows = block.ids().iter().enumerate();
    rows.filter(|(_, id)| ids.binary_search(id).is_ok()).map(|(row, _)| row).collect()
}
