//! Adding to a library.

use super::error::LibraryError;
use super::fragment_file::write_fragment;
use super::lock::WriterLock;
use super::manifest::{EncoderEntry, FRAGMENTS, FragmentEntry, Manifest, VectorFormat};
use super::rows::{BatchMaker, NewTile, Row};
use super::schema::ROWS_A_BATCH;
use super::source::{NewSource, Source};
use super::words::WordList;
use super::{Wait, is_temporary};
use refcon_encoders::{Embeddings, EncoderId};
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The right to write to a library. Every change is one commit: it is there whole, or not at all.
#[derive(Debug)]
pub struct Writer {
    pub(super) folder: PathBuf,
    pub(super) manifest: Manifest,
    _lock: WriterLock,
}

/// How far the reading of a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The source.
    pub source: u32,
    /// Sections or files that have been read with these tiles, in their order.
    pub units_done: usize,
    /// Of them, those that could not be used.
    pub skipped: usize,
}

impl Writer {
    pub(super) fn open(folder: &Path, wait: Wait<'_>) -> Result<Self, LibraryError> {
        let lock = WriterLock::take(folder, wait)?;
        let writer = Self { folder: folder.to_owned(), manifest: Manifest::read(folder)?, _lock: lock };
        writer.clean_up();
        Ok(writer)
    }

    /// Where tiles come from, up to the last commit.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.manifest.sources
    }

    /// Says how embeddings of a new encoder are to be stored; without it they are stored as they are.
    ///
    /// # Errors
    /// The library has the encoder with another dimension. A format other than the one it has is not taken up: fragments of an
    /// encoder are all of one.
    pub fn add_encoder(
        &mut self,
        encoder: &EncoderId,
        dimension: usize,
        vectors: VectorFormat,
    ) -> Result<(), LibraryError> {
        self.encoder_entry(encoder, dimension, vectors).map(|_| ())
    }

    /// Adds tiles and their embeddings, one each; returns their ids.
    ///
    /// # Errors
    /// They are not as many as embeddings, these have another dimension than those of the same encoder, or cannot be stored.
    pub fn append(
        &mut self,
        tiles: Vec<NewTile>,
        embeddings: &Embeddings,
    ) -> Result<Range<u64>, LibraryError> {
        self.append_rows(tiles, embeddings, None)
    }

    /// Begins to read a source, as a commit; returns its number. With `instead_of`, that source and its tiles go in the same commit; the
    /// second number is that of these tiles.
    ///
    /// # Errors
    /// There is no such source, or the manifest cannot be written.
    pub fn begin_source(
        &mut self,
        source: NewSource,
        instead_of: Option<u32>,
    ) -> Result<(u32, u64), LibraryError> {
        let (mut manifest, removed) = match instead_of {
            Some(old) => self.without_source(old)?,
            None => (self.manifest.clone(), 0),
        };
        let id = manifest.next_source;
        manifest.next_source += 1;
        manifest.sources.push(source.begun(id));
        self.commit(manifest)?;
        Ok((id, removed))
    }

    /// Says that a source is no longer what it was: it is to be read again, and its tiles stay.
    ///
    /// # Errors
    /// There is no such source, or the manifest cannot be written.
    pub fn change_source(
        &mut self,
        source: u32,
        fingerprint: &str,
        units: usize,
    ) -> Result<(), LibraryError> {
        let mut manifest = self.manifest.clone();
        let changed = self.advance(&mut manifest, Progress { source, units_done: 0, skipped: 0 })?;
        (changed.fingerprint, changed.units, changed.complete) = (fingerprint.to_owned(), units, false);
        self.commit(manifest)
    }

    /// Adds tiles of a source, and says in the same commit how far it has been read.
    ///
    /// # Errors
    /// As [`Writer::append`]; or there is no such source.
    pub fn append_units(
        &mut self,
        tiles: Vec<NewTile>,
        embeddings: &Embeddings,
        progress: Progress,
    ) -> Result<Range<u64>, LibraryError> {
        self.append_rows(tiles, embeddings, Some(progress))
    }

    /// Says that the whole of a source has been read.
    ///
    /// # Errors
    /// There is no such source, or the manifest cannot be written.
    pub fn finish_source(&mut self, progress: Progress) -> Result<(), LibraryError> {
        let mut manifest = self.manifest.clone();
        self.advance(&mut manifest, progress)?.complete = true;
        self.commit(manifest)
    }

    fn append_rows(
        &mut self,
        tiles: Vec<NewTile>,
        embeddings: &Embeddings,
        progress: Option<Progress>,
    ) -> Result<Range<u64>, LibraryError> {
        if tiles.len() != embeddings.len() {
            return Err(LibraryError::Unequal { tiles: tiles.len(), embeddings: embeddings.len() });
        }
        for (tile, NewTile { record, .. }) in tiles.iter().enumerate() {
            let bounds = record.place.as_ref().map(|place| place.bounds);
            if bounds.is_some_and(|bounds| {
                (bounds.traces, bounds.samples) != (record.width as usize, record.height as usize)
            }) {
                let problem = "its image is not as large as its rectangle of the section".into();
                return Err(LibraryError::Tile { tile, problem });
            }
        }
        let number =
            self.encoder_entry(embeddings.encoder(), embeddings.dimension(), VectorFormat::default())?;
        let encoder = self.manifest.encoders[number].clone();
        let mut manifest = self.manifest.clone();
        if let Some(progress) = progress {
            self.advance(&mut manifest, progress)?;
        }
        let first = manifest.next_tile;
        manifest.next_tile += tiles.len() as u64;
        let ids = first..manifest.next_tile;
        if !tiles.is_empty() {
            let source = progress.map(|progress| progress.source);
            let rows: Vec<Row> = tiles
                .into_iter()
                .zip(ids.clone())
                .map(|(mut tile, id)| {
                    tile.record.id = id;
                    Row { tile, source }
                })
                .collect();
            let entry = self.write_rows(&mut manifest, number, &encoder, &rows, embeddings)?;
            manifest.fragments.push(entry);
        }
        self.commit(manifest)?;
        Ok(ids)
    }

    fn write_rows(
        &self,
        manifest: &mut Manifest,
        number: usize,
        encoder: &EncoderEntry,
        rows: &[Row],
        embeddings: &Embeddings,
    ) -> Result<FragmentEntry, LibraryError> {
        let (mut surveys, mut classes) = (WordList::default(), WordList::default());
        for row in rows {
            surveys.add(&row.tile.record.survey);
            row.tile.record.class.iter().for_each(|class| classes.add(class));
        }
        let maker = BatchMaker::new(encoder, surveys, classes);
        let values = embeddings.values();
        let parts = rows.chunks(ROWS_A_BATCH).zip(values.chunks(ROWS_A_BATCH * encoder.dimension));
        let mut batches = parts.map(|(rows, values)| maker.batch(rows, values));
        let name = next_file(manifest, "");
        let file = write_fragment(&self.folder, &name, maker.schema(), &mut batches)?;
        Ok(FragmentEntry {
            file,
            encoder: number,
            first_id: rows.first().map_or(0, |row| row.tile.record.id),
            last_id: rows.last().map_or(0, |row| row.tile.record.id),
            sources: rows.iter().filter_map(|row| row.source).collect::<BTreeSet<_>>().into_iter().collect(),
            tombstones: None,
        })
    }

    /// The place of an encoder in the manifest, where it is added if it is new.
    fn encoder_entry(
        &mut self,
        encoder: &EncoderId,
        dimension: usize,
        vectors: VectorFormat,
    ) -> Result<usize, LibraryError> {
        let encoders = &mut self.manifest.encoders;
        match encoders.iter().position(|entry| entry.encoder == *encoder) {
            Some(number) if encoders[number].dimension == dimension => Ok(number),
            Some(number) => Err(LibraryError::OtherDimension {
                encoder: encoder.clone(),
                found: dimension,
                expected: encoders[number].dimension,
            }),
            None => {
                encoders.push(EncoderEntry { encoder: encoder.clone(), dimension, vectors });
                Ok(encoders.len() - 1)
            }
        }
    }

    fn advance<'m>(
        &self,
        manifest: &'m mut Manifest,
        progress: Progress,
    ) -> Result<&'m mut Source, LibraryError> {
        let Progress { source, units_done, skipped } = progress;
        let found = manifest.sources.iter_mut().find(|known| known.id == source);
        let found = found
            .ok_or_else(|| LibraryError::NoSuchSource { folder: self.folder.clone(), source_id: source })?;
        (found.units_done, found.skipped) = (units_done, skipped);
        Ok(found)
    }

    /// Makes a changed manifest the library's, then removes the files that it no longer names.
    pub(super) fn commit(&mut self, mut manifest: Manifest) -> Result<(), LibraryError> {
        manifest.commit(&self.folder)?;
        let kept: BTreeSet<&str> = manifest.files().map(|file| file.name.as_str()).collect();
        for file in self.manifest.files().filter(|file| !kept.contains(file.name.as_str())) {
            remove_quietly(&self.folder.join(FRAGMENTS).join(&file.name));
        }
        self.manifest = manifest;
        Ok(())
    }

    /// Removes what killed writers left: files that no manifest names.
    fn clean_up(&self) {
        let kept: BTreeSet<&str> = self.manifest.files().map(|file| file.name.as_str()).collect();
        let names = |folder: &Path| -> Vec<String> {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
        };
        let fragments = self.folder.join(FRAGMENTS);
        for name in names(&fragments).into_iter().filter(|name| !kept.contains(name.as_str())) {
            remove_quietly(&fragments.join(name));
        }
        for name in names(&self.folder).into_iter().filter(|name| is_temporary(name)) {
            remove_quietly(&self.folder.join(name));
        }
    }
}

/// The name of the next file in the folder of fragments.
pub(super) fn next_file(manifest: &mut Manifest, kind: &str) -> String {
    let number = manifest.next_file;
    manifest.next_file += 1;
    format!("{number:08}{kind}.arrow")
}

/// Removes a file that is no part of the library. Where that fails (on Windows while someone reads it), the next writer tries again.
fn remove_quietly(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::debug!("cannot remove {} yet: {error}", path.display());
    }
}
