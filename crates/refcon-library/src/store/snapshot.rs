//! What a library held at one commit. Later commits do not change it.

use super::block::{Block, blocks};
use super::error::LibraryError;
use super::fragment_file::FragmentFile;
use super::manifest::{FragmentEntry, Manifest, VectorFormat};
use super::source::Source;
use super::tombstones;
use crate::RowSet;
use crate::exact;
use crate::tile_record::TileRecord;
use arrow_array::Array;
use refcon_encoders::EncoderId;
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a library held at one commit. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Snapshot {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    manifest: Manifest,
    /// Of each encoder of the manifest.
    tiles: Vec<EncodedTiles>,
    missing: Vec<MissingFragment>,
    /// By name, for the next snapshot.
    fragments: HashMap<String, Fragment>,
}

/// A fragment that is open.
#[derive(Debug, Clone)]
struct Fragment {
    blocks: Vec<Block>,
}

/// A fragment that cannot be used. The tiles in it are not searched.
#[derive(Debug, Clone)]
pub struct MissingFragment {
    /// The file.
    pub path: PathBuf,
    /// Tiles that it held.
    pub tiles: usize,
    /// Who embedded them.
    pub encoder: EncoderId,
    /// What is wrong with it.
    pub problem: String,
}

/// What a library holds of an encoder.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct EncoderSummary {
    /// The encoder.
    pub encoder: EncoderId,
    /// Components of an embedding.
    pub dimension: usize,
    /// How embeddings are stored.
    pub vectors: VectorFormat,
    /// Tiles.
    pub tiles: usize,
    /// Rows of removed tiles that still take room.
    pub removed: usize,
    /// Files.
    pub fragments: usize,
}

impl Snapshot {
    /// Opens every fragment that `manifest` names; those that `earlier` has are taken from it.
    pub(super) fn open(folder: &Path, manifest: Manifest, earlier: Option<&Self>) -> Self {
        let known = earlier.map(|earlier| &earlier.inner.fragments);
        let mut fragments = HashMap::new();
        let mut missing = Vec::new();
        let mut tiles: Vec<EncodedTiles> = Vec::new();
        for (number, entry) in manifest.encoders.iter().enumerate() {
            let mut found = Vec::new();
            for fragment in manifest.fragments.iter().filter(|fragment| fragment.encoder == number) {
                let name = &fragment.file.name;
                let opened = match known.and_then(|known| known.get(name)) {
                    Some(fragment) => Ok(fragment.clone()),
                    None => Fragment::open(folder, fragment, entry.dimension),
                };
                let opened = opened.and_then(|opened| Ok((opened, removed(folder, fragment)?)));
                match opened {
                    Ok((opened, removed)) => {
                        fragments.insert(name.clone(), opened.clone());
                        found.push((opened, removed));
                    }
                    Err(error) => missing.push(MissingFragment {
                        path: folder.join(super::manifest::FRAGMENTS).join(name),
                        tiles: fragment.live(),
                        encoder: entry.encoder.clone(),
                        problem: error.with_advice(),
                    }),
                }
            }
            tiles.push(EncodedTiles::of(&entry.encoder, entry.dimension, found));
        }
        Self { inner: Arc::new(Inner { folder: folder.to_owned(), manifest, tiles, missing, fragments }) }
    }

    pub(super) fn manifest(&self) -> &Manifest {
        &self.inner.manifest
    }

    /// The library's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.inner.folder
    }

    /// Counts the commits that led to it.
    #[must_use]
    pub fn commit(&self) -> u64 {
        self.inner.manifest.commit
    }

    /// The encoders whose embeddings the library holds.
    #[must_use]
    pub fn encoders(&self) -> Vec<EncoderSummary> {
        let manifest = &self.inner.manifest;
        let summary = |number: usize| {
            let entry = &manifest.encoders[number];
            let fragments = || manifest.fragments.iter().filter(move |fragment| fragment.encoder == number);
            let tiles = fragments().map(FragmentEntry::live).sum();
            let rows: usize = fragments().map(|fragment| fragment.file.rows).sum();
            EncoderSummary {
                encoder: entry.encoder.clone(),
                dimension: entry.dimension,
                vectors: entry.vectors,
                tiles,
                removed: rows - tiles,
                fragments: fragments().count(),
            }
        };
        (0..manifest.encoders.len()).map(summary).filter(|summary| summary.fragments > 0).collect()
    }

    /// Where tiles come from.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.inner.manifest.sources
    }

    /// Names of surveys and folders that other encoders have embedded, and this one has not.
    #[must_use]
    pub fn only_by_others(&self, encoder: &EncoderId) -> Vec<String> {
        let (own, others): (Vec<&Source>, Vec<&Source>) =
            self.sources().iter().partition(|source| source.encoder == *encoder);
        let lacks = |name: &&String| own.iter().all(|source| source.name != **name);
        let names: BTreeSet<&String> = others.iter().map(|source| &source.name).filter(lacks).collect();
        names.into_iter().cloned().collect()
    }

    /// Fragments that cannot be used; a search does not cover their tiles.
    #[must_use]
    pub fn missing(&self) -> &[MissingFragment] {
        &self.inner.missing
    }

    /// Bytes of all files of the library but the manifest.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.inner.manifest.files().map(|file| file.bytes).sum()
    }

    /// The tiles that `encoder` embedded.
    ///
    /// # Errors
    /// There are none, and the message names the encoders that there are; or none of their files can be read.
    pub fn tiles(&self, encoder: &EncoderId) -> Result<EncodedTiles, LibraryError> {
        let found = self.inner.tiles.iter().find(|tiles| tiles.encoder() == encoder && tiles.rows() > 0);
        let missing = || self.inner.missing.iter().find(|missing| missing.encoder == *encoder);
        found.cloned().ok_or_else(|| match missing() {
            Some(first) => {
                LibraryError::AllDamaged { encoder: encoder.clone(), first: first.problem.clone() }
            }
            None => LibraryError::NoSuchEncoder {
                folder: self.inner.folder.clone(),
                asked: encoder.clone(),
                found: self.encoders().into_iter().map(|summary| summary.encoder).collect(),
            },
        })
    }

    /// The encoder of all tiles.
    ///
    /// # Errors
    /// There are several, or the library is empty.
    pub fn only_encoder(&self) -> Result<EncoderId, LibraryError> {
        let mut found: Vec<EncoderId> = self.encoders().into_iter().map(|summary| summary.encoder).collect();
        match (found.len(), found.pop()) {
            (1, Some(only)) => Ok(only),
            (_, last) => {
                found.extend(last);
                Err(LibraryError::SeveralEncoders { folder: self.inner.folder.clone(), found })
            }
        }
    }
}

fn removed(folder: &Path, fragment: &FragmentEntry) -> Result<Vec<u32>, LibraryError> {
    fragment.tombstones.as_ref().map_or(Ok(Vec::new()), |entry| tombstones::read(folder, entry))
}

impl Fragment {
    fn open(folder: &Path, entry: &FragmentEntry, dimension: usize) -> Result<Self, LibraryError> {
        let file = Arc::new(FragmentFile::open(folder, &entry.file)?);
        let blocks = blocks(&file, entry.file.rows, dimension)?;
        Ok(Self { blocks })
    }
}

/// The tiles that one encoder embedded. Rows are in the order of their ids, so that of equal distances the lower row has the lower
/// id. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EncodedTiles {
    inner: Arc<EncodedInner>,
}

#[derive(Debug)]
struct EncodedInner {
    encoder: EncoderId,
    dimension: usize,
    blocks: Vec<Block>,
    rows: usize,
    live: RowSet,
}

impl EncodedTiles {
    fn of(encoder: &EncoderId, dimension: usize, fragments: Vec<(Fragment, Vec<u32>)>) -> Self {
        let mut blocks = Vec::new();
        let mut removed = Vec::new();
        let mut rows = 0;
        for (fragment, tombstones) in fragments {
            removed.extend(tombstones.into_iter().map(|row| rows + row as usize));
            for mut block in fragment.blocks {
                block.first_row = rows;
                rows += block.rows();
                blocks.push(block);
            }
        }
        let mut live = RowSet::all(rows);
        removed.into_iter().filter(|&row| row < rows).for_each(|row| live.remove(row));
        let encoder = encoder.clone();
        Self { inner: Arc::new(EncodedInner { encoder, dimension, blocks, rows, live }) }
    }

    /// Whether both are the same rows of the same commit.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Who embedded them.
    #[must_use]
    pub fn encoder(&self) -> &EncoderId {
        &self.inner.encoder
    }

    /// Components of an embedding.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.inner.dimension
    }

    /// How many rows there are, with those of removed tiles.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.inner.rows
    }

    /// The rows whose tiles were not removed.
    #[must_use]
    pub fn live(&self) -> &RowSet {
        &self.inner.live
    }

    /// The rows in pieces, in their order.
    #[must_use]
    pub fn blocks(&self) -> &[Block] {
        &self.inner.blocks
    }

    /// The id of a row's tile.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn id(&self, row: usize) -> u64 {
        let block = self.block_of(row);
        block.ids()[row - block.first_row]
    }

    /// The row of the tile called `id`, live or not.
    #[must_use]
    pub fn row_of(&self, id: u64) -> Option<usize> {
        let blocks = self.blocks();
        let after = blocks.partition_point(|block| block.ids().first().is_some_and(|&first| first <= id));
        let block = blocks.get(after.checked_sub(1)?)?;
        block.ids().binary_search(&id).ok().map(|row| block.first_row + row)
    }

    /// All that is known of a row's tile.
    ///
    /// # Errors
    /// Its file is damaged.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn record(&self, row: usize) -> Result<TileRecord, LibraryError> {
        let block = self.block_of(row);
        Ok(block.columns()?.record(row - block.first_row))
    }

    /// A row's embedding.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn embedding(&self, row: usize) -> Vec<f32> {
        let mut embedding = vec![0.0; self.dimension()];
        self.embedding_into(row, &mut embedding);
        embedding
    }

    /// Writes a row's embedding into `into`.
    ///
    /// # Panics
    /// When there is no such row, or `into` is not as long as an embedding.
    pub fn embedding_into(&self, row: usize, into: &mut [f32]) {
        let block = self.block_of(row);
        block.embedding_into(row - block.first_row, into);
    }

    /// The image of a row's tile, PNG, where the library keeps it.
    ///
    /// # Errors
    /// Its file is damaged.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn thumbnail(&self, row: usize) -> Result<Option<Vec<u8>>, LibraryError> {
        let block = self.block_of(row);
        let (images, row) = (block.thumbnails()?, row - block.first_row);
        Ok(images.is_valid(row).then(|| images.value(row).to_vec()))
    }

    /// What the exact search takes.
    ///
    /// # Errors
    /// A file is damaged.
    pub fn corpus(&self) -> Result<exact::Corpus<'_>, LibraryError> {
        let blocks = self.blocks().iter().map(Block::codes).collect::<Result<_, _>>()?;
        exact::Corpus::new(self.dimension(), blocks, self).map_err(|error| {
            let path = self.blocks().first().map_or(PathBuf::new(), |block| block.file().path().to_owned());
            LibraryError::damaged(&path, error.to_string())
        })
    }

    fn block_of(&self, row: usize) -> &Block {
        assert!(row < self.rows(), "row {row} of {}", self.rows());
        &self.blocks()[self.blocks().partition_point(|block| block.first_row <= row) - 1]
    }
}

/// The embeddings where they lie in the files.
impl exact::Vectors for EncodedTiles {
    fn read(&self, rows: &[usize], into: &mut [f32]) -> io::Result<()> {
        for (&row, into) in rows.iter().zip(into.chunks_exact_mut(self.dimension())) {
            self.embedding_into(row, into);
        }
        Ok(())
    }
}
