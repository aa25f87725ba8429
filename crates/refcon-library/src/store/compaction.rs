//! Fragments merged into fewer, without the rows of removed tiles.

use super::block::{Block, blocks};
use super::error::LibraryError;
use super::fragment_file::write_fragment;
use super::manifest::{FragmentEntry, Manifest};
use super::rows::{BatchMaker, NewTile, Row};
use super::schema::ROWS_A_BATCH;
use super::words::WordList;
use super::writer::{Writer, next_file};
use arrow_array::{Array, RecordBatch};
use std::collections::BTreeSet;
use std::ops::Range;

/// Rows of a fragment that are enough: 1 GB of 768 components.
const ENOUGH_ROWS: usize = 1 << 18;
/// Fragments of about one size that are merged by and by. Each row is then written again once for every eightfold growth.
const MERGED_AT: usize = 8;

/// Which fragments are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compaction {
    /// Neighbours up to 262 144 rows, and all with removed rows.
    Full,
    /// Where eight neighbours of about one size have gathered, which bounds the number of fragments while a library grows.
    Gathered,
}

/// What a compaction did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Compacted {
    /// Fragments that there were.
    pub fragments_before: usize,
    /// Fragments that there are.
    pub fragments: usize,
    /// Removed tiles whose rows are gone.
    pub removed: usize,
}

impl Writer {
    /// Merges fragments. Each merge is a commit of its own; ids, and what a search finds, stay the same.
    ///
    /// # Errors
    /// A fragment is damaged, or a file cannot be written. What was merged before stays merged.
    pub fn compact(&mut self, which: Compaction) -> Result<Compacted, LibraryError> {
        let removed = |manifest: &Manifest| -> usize {
            manifest.fragments.iter().map(|fragment| fragment.file.rows - fragment.live()).sum()
        };
        let before = (self.manifest.fragments.len(), removed(&self.manifest));
        while let Some(group) = self.next_group(which) {
            self.merge(&group)?;
        }
        Ok(Compacted {
            fragments_before: before.0,
            fragments: self.manifest.fragments.len(),
            removed: before.1 - removed(&self.manifest),
        })
    }

    /// Places of the next fragments to merge: neighbours in the list of their encoder.
    fn next_group(&self, which: Compaction) -> Option<Vec<usize>> {
        let fragments = &self.manifest.fragments;
        (0..self.manifest.encoders.len()).find_map(|encoder| {
            let places: Vec<usize> =
                (0..fragments.len()).filter(|&place| fragments[place].encoder == encoder).collect();
            let rows: Vec<usize> = places.iter().map(|&place| fragments[place].live()).collect();
            let group = match which {
                Compaction::Gathered => gathered(&rows),
                Compaction::Full => {
                    let marked = |index: usize| fragments[places[index]].tombstones.is_some();
                    full(&rows, marked)
                }
            };
            group.map(|group| places[group].to_vec())
        })
    }

    /// Replaces fragments by one with their live rows.
    fn merge(&mut self, group: &[usize]) -> Result<(), LibraryError> {
        let merged: Vec<FragmentEntry> =
            group.iter().map(|&place| self.manifest.fragments[place].clone()).collect();
        let (Some(first), Some(&at)) = (merged.first(), group.first()) else { return Ok(()) };
        let encoder = &self.manifest.encoders[first.encoder];
        let mut parts = Vec::new();
        for fragment in &merged {
            let (file, removed) = self.open_fragment(fragment)?;
            if file.checksum() != fragment.file.checksum {
                return Err(LibraryError::damaged(
                    file.path(),
                    "its checksum is not the one it was written with",
                ));
            }
            for block in blocks(&file, fragment.file.rows, encoder.dimension)? {
                let is_live = |row: &usize| !removed.contains(block.first_in_file + row);
                let live: Vec<usize> = (0..block.rows()).filter(is_live).collect();
                parts.push((block, live));
            }
        }
        let (mut surveys, mut classes) = (WordList::default(), WordList::default());
        for (block, _) in &parts {
            let columns = block.columns()?;
            columns.survey.words.iter().for_each(|word| surveys.add(word));
            columns.class.words.iter().for_each(|word| classes.add(word));
        }
        let maker = BatchMaker::new(encoder, surveys, classes);
        let mut manifest = self.manifest.clone();
        let name = next_file(&mut manifest, "");
        let mut batches =
            Merge { maker: &maker, parts: &parts, part: 0, row: 0, dimension: encoder.dimension };
        let file = write_fragment(&self.folder, &name, maker.schema(), &mut batches)?;
        let sources: BTreeSet<u32> =
            merged.iter().flat_map(|fragment| fragment.sources.iter().copied()).collect();
        let entry = FragmentEntry {
            file,
            encoder: first.encoder,
            first_id: first.first_id,
            last_id: merged.last().map_or(first.last_id, |last| last.last_id),
            sources: sources.into_iter().collect(),
            tombstones: None,
        };
        manifest.fragments[at] = entry;
        let mut place = 0;
        manifest.fragments.retain(|_| {
            place += 1;
            place - 1 == at || !group.contains(&(place - 1))
        });
        self.commit(manifest)
    }
}

/// The first run of neighbours that have gathered, of which each has so many rows.
fn gathered(rows: &[usize]) -> Option<Range<usize>> {
    let size = |rows: usize| rows.max(1).ilog(MERGED_AT);
    let run = |start: usize| start..start + MERGED_AT;
    (0..(rows.len() + 1).saturating_sub(MERGED_AT)).map(run).find(|run| {
        let sizes = rows[run.clone()].iter().map(|&rows| size(rows));
        let total: usize = rows[run.clone()].iter().sum();
        sizes.clone().all(|found| Some(found) == sizes.clone().next()) && total <= ENOUGH_ROWS
    })
}

/// The first run of neighbours that fit into one fragment, or the first one with removed rows.
fn full(rows: &[usize], marked: impl Fn(usize) -> bool) -> Option<Range<usize>> {
    let mut start = 0;
    while start < rows.len() {
        let mut total = rows[start];
        let mut end = start + 1;
        while end < rows.len() && total + rows[end] <= ENOUGH_ROWS {
            total += rows[end];
            end += 1;
        }
        if end - start > 1 || marked(start) {
            return Some(start..end);
        }
        start = end;
    }
    None
}

/// The live rows of some blocks, in batches.
struct Merge<'a> {
    maker: &'a BatchMaker<'a>,
    parts: &'a [(Block, Vec<usize>)],
    part: usize,
    row: usize,
    dimension: usize,
}

impl Iterator for Merge<'_> {
    type Item = Result<RecordBatch, LibraryError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut rows = Vec::new();
        let mut embeddings = Vec::new();
        while let Some((block, live)) = self.parts.get(self.part)
            && rows.len() < ROWS_A_BATCH
        {
            let end = live.len().min(self.row + ROWS_A_BATCH - rows.len());
            if let Err(error) = take(block, &live[self.row..end], self.dimension, &mut rows, &mut embeddings)
            {
                self.part = self.parts.len();
                return Some(Err(error));
            }
            self.row = end;
            if end == live.len() {
                (self.part, self.row) = (self.part + 1, 0);
            }
        }
        (!rows.is_empty()).then(|| self.maker.batch(&rows, &embeddings))
    }
}

fn take(
    block: &Block,
    live: &[usize],
    dimension: usize,
    rows: &mut Vec<Row>,
    embeddings: &mut Vec<f32>,
) -> Result<(), LibraryError> {
    let (columns, images) = (block.columns()?, block.thumbnails()?);
    for &row in live {
        let thumbnail = images.is_valid(row).then(|| images.value(row).to_vec());
        let tile = NewTile { record: columns.record(row), thumbnail, stamp: columns.stamps()[row] };
        rows.push(Row { tile, source: columns.sources()[row] });
        let start = embeddings.len();
        embeddings.resize(start + dimension, 0.0);
        block.embedding_into(row, &mut embeddings[start..]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_neighbours_of_one_size_are_merged_and_a_big_one_is_left_alone() {
        assert_eq!(gathered(&[10; 7]), None);
        assert_eq!(gathered(&[5000, 10, 10, 10, 10, 10, 10, 10, 12]), Some(1..9));
        assert_eq!(gathered(&[ENOUGH_ROWS; 9]), None);
        let mut rows: Vec<usize> = Vec::new();
        let mut written = 0;
        for _ in 0..10_000 {
            rows.push(10);
            while let Some(run) = gathered(&rows) {
                let total: usize = rows[run.clone()].iter().sum();
                written += total;
                rows.splice(run, [total]);
            }
            assert!(rows.len() < 64, "{rows:?}");
        }
        assert!(written < 6 * 100_000, "{written}");
    }

    #[test]
    fn a_full_compaction_leaves_fragments_that_do_not_fit_together() {
        let none = |_| false;
        assert_eq!(full(&[10, ENOUGH_ROWS, 3, 4], none), Some(2..4));
        assert_eq!(full(&[10, ENOUGH_ROWS, 7], none), None);
        assert_eq!(full(&[10, ENOUGH_ROWS, 7], |index| index == 1), Some(1..2));
    }
}
