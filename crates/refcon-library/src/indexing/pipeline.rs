//! Reading on one side of a bounded queue, embedding and committing on the other.

use super::{IndexError, IndexOptions, IndexProgress};
use crate::store::{Compaction, NewTile, Progress, Writer};
use rayon::prelude::*;
use refcon_encoders::{Embeddings, Encoder};
use refcon_image::GreyImage;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

/// Tiles that are embedded together: enough for every thread.
const TILES_A_BATCH: usize = 64;
/// Tiles that are committed together, at most about.
const TILES_A_COMMIT: usize = 16_384;
/// Batches of units that may wait to be embedded.
const BATCHES_WAITING: usize = 2;

/// A tile and its image.
pub(super) type Cut = (NewTile, GreyImage);

/// A section or an image, read.
pub(super) struct Unit {
    pub(super) tiles: Vec<Cut>,
    /// Why it could not be read.
    pub(super) skipped: Option<String>,
}

/// Sections or images in their order.
pub(super) trait Units: Sync {
    fn count(&self) -> usize;
    /// How many are read at a time: enough for every thread, few enough to hold.
    fn at_a_time(&self) -> usize;
    fn read(&self, unit: usize) -> Result<Unit, IndexError>;
}

/// A source whose reading goes on.
pub(super) struct Run<'a> {
    pub(super) source: u32,
    pub(super) name: &'a str,
    /// The first unit to read.
    pub(super) from: usize,
    /// Units that were read before those that [`Units`] counts.
    pub(super) before: usize,
    /// Units skipped by earlier runs.
    pub(super) skipped_before: usize,
    pub(super) tiles_before: u64,
}

/// What a run did.
pub(super) struct Done {
    pub(super) tiles: u64,
    pub(super) skipped: Vec<String>,
    pub(super) flow: ControlFlow<()>,
}

/// Reads, embeds and commits the units that are left.
pub(super) fn run(
    run: &Run<'_>,
    units: &dyn Units,
    writer: &mut Writer,
    encoder: &dyn Encoder,
    options: &IndexOptions,
    observer: &mut dyn FnMut(&IndexProgress<'_>) -> ControlFlow<()>,
) -> Result<Done, IndexError> {
    std::thread::scope(|scope| {
        let (send, receive) = sync_channel(BATCHES_WAITING);
        scope.spawn(move || read_all(units, run.from, &send));
        // Dropped when this ends, however it does: the reader then stops at its next batch.
        let receive = receive;
        let mut embedding = Embedding::new(run, units, writer, encoder, options);
        embedding.take_all(&receive, observer)
    })
}

type Batch = Result<Vec<Unit>, IndexError>;

fn read_all(units: &dyn Units, from: usize, send: &SyncSender<Batch>) {
    let mut next = from;
    while next < units.count() {
        let end = units.count().min(next + units.at_a_time());
        let batch: Batch = (next..end).into_par_iter().map(|unit| units.read(unit)).collect();
        let failed = batch.is_err();
        if send.send(batch).is_err() || failed {
            return;
        }
        next = end;
    }
}

/// What has been read, embedded, and not yet committed.
struct Embedding<'a> {
    run: &'a Run<'a>,
    units: usize,
    writer: &'a mut Writer,
    encoder: &'a dyn Encoder,
    options: &'a IndexOptions,
    /// Read, with how many units these are.
    waiting: Vec<Cut>,
    units_read: usize,
    /// Embedded.
    tiles: Vec<NewTile>,
    values: Vec<f32>,
    units_embedded: usize,
    skipped: Vec<String>,
    embedded: u64,
    committed: u64,
    last_commit: Instant,
}

impl<'a> Embedding<'a> {
    fn new(
        run: &'a Run<'a>,
        units: &dyn Units,
        writer: &'a mut Writer,
        encoder: &'a dyn Encoder,
        options: &'a IndexOptions,
    ) -> Self {
        Self {
            run,
            units: units.count(),
            writer,
            encoder,
            options,
            waiting: Vec::new(),
            units_read: run.from,
            tiles: Vec::new(),
            values: Vec::new(),
            units_embedded: run.from,
            skipped: Vec::new(),
            embedded: 0,
            committed: 0,
            last_commit: Instant::now(),
        }
    }

    fn take_all(
        &mut self,
        receive: &Receiver<Batch>,
        observer: &mut dyn FnMut(&IndexProgress<'_>) -> ControlFlow<()>,
    ) -> Result<Done, IndexError> {
        let mut flow = ControlFlow::Continue(());
        for batch in receive {
            for Unit { tiles, skipped } in batch? {
                self.waiting.extend(tiles);
                self.skipped.extend(skipped);
                self.units_read += 1;
                if self.waiting.len() >= TILES_A_BATCH {
                    self.embed()?;
                    flow = self.tell(observer);
                    self.commit_if_due()?;
                }
                if flow.is_break() {
                    break;
                }
            }
            if flow.is_break() {
                break;
            }
        }
        if flow.is_continue() {
            self.embed()?;
        }
        self.commit()?;
        if flow.is_continue() {
            flow = self.tell(observer);
        }
        if self.units_embedded == self.units {
            self.writer.finish_source(self.progress())?;
        }
        Ok(Done { tiles: self.committed, skipped: std::mem::take(&mut self.skipped), flow })
    }

    fn embed(&mut self) -> Result<(), IndexError> {
        let (tiles, images): (Vec<NewTile>, Vec<GreyImage>) =
            std::mem::take(&mut self.waiting).into_iter().unzip();
        for images in images.chunks(TILES_A_BATCH) {
            self.values.extend(self.encoder.embed(images)?);
        }
        self.embedded += tiles.len() as u64;
        self.tiles.extend(tiles);
        self.units_embedded = self.units_read;
        Ok(())
    }

    fn commit_if_due(&mut self) -> Result<(), IndexError> {
        let due =
            self.last_commit.elapsed() >= self.options.commit_every || self.tiles.len() >= TILES_A_COMMIT;
        if due { self.commit() } else { Ok(()) }
    }

    fn commit(&mut self) -> Result<(), IndexError> {
        self.last_commit = Instant::now();
        let tiles = std::mem::take(&mut self.tiles);
        if tiles.is_empty() {
            return Ok(());
        }
        let values = std::mem::take(&mut self.values);
        let embeddings = Embeddings::new(self.encoder.id().clone(), self.encoder.dimension(), values)?;
        let count = tiles.len() as u64;
        let ids = self.writer.append_units(tiles, &embeddings, self.progress())?;
        self.committed += count;
        tracing::info!(
            "committed {} tiles of {}, ids {} to {}",
            self.committed,
            self.run.name,
            ids.start,
            ids.end
        );
        self.writer.compact(Compaction::Gathered)?;
        Ok(())
    }

    fn progress(&self) -> Progress {
        Progress {
            source: self.run.source,
            units_done: self.run.before + self.units_embedded,
            skipped: self.run.skipped_before + self.skipped.len(),
        }
    }

    fn tell(&self, observer: &mut dyn FnMut(&IndexProgress<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
        observer(&IndexProgress {
            source: self.run.name,
            units_done: self.run.before + self.units_embedded,
            units: self.run.before + self.units,
            embedded: self.run.tiles_before + self.embedded,
            committed: self.run.tiles_before + self.committed,
        })
    }
}
