//! Tiles of surveys as files: images in folders or tar shards, and a table that says where each of them lies.
//!
//! ```text
//! DIR/tiles.csv                               a row a tile: see [`TileRow`]
//! DIR/tiles.json                              what has been done, so that the same export goes on where it stopped
//! DIR/F3/inline-110/crossline-512-400ms-3.png without labels: a folder a section
//! DIR/Salt/F3-inline-110-crossline-512-400ms-3.png   with labels: a folder a class
//! DIR/shard-000000.tar                        or shards in WebDataset's layout: KEY.png and KEY.json a tile
//! ```
//!
//! Sections are cut in parallel and committed in order, so the table of an export that was killed and resumed is the same,
//! byte for byte, as that of one that ran through. Images appear under their names when they are whole. A committed tile
//! whose image is gone or empty when the export is resumed (as after a power failure) is made again.

mod error;
mod images;
mod journal;
mod labels;
mod png;
mod resume;
mod section;
mod shard;
mod table;
mod words;

pub use error::ExportError;
pub use journal::difference;
pub use labels::{LabelVolume, Majority};
pub use table::TileRow;

use crate::survey::Panel;
use crate::tiling::{Normalisation, TileRule, TileSelection, Tiling};
use crate::{Direction, Survey};
use journal::Journal;
use rayon::prelude::*;
use section::MadeTile;
use serde::Serialize;
use serde_json::{Value, json};
use shard::Shard;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, UNIX_EPOCH};

/// The table's name in the folder.
pub const TABLE: &str = "tiles.csv";
/// Held while an export runs.
const LOCK: &str = "tiles.lock";
/// Amplitudes of the sections that are worked on together, about: 256 MiB.
const AMPLITUDES_AT_A_TIME: usize = 64 << 20;
/// Sections a thread may get of those.
const SECTIONS_A_THREAD: usize = 8;
/// Images are committed about so often.
const COMMITTED_EVERY: Duration = Duration::from_millis(200);

/// How tiles are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TileLayout {
    /// PNG images in folders.
    Images,
    /// Tar files of about so many tiles, whole sections each.
    Shards {
        /// Tiles from which on a shard is full; at least 1.
        tiles: usize,
    },
}

/// What is written of each survey.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExportSettings {
    /// Which sections.
    pub selection: TileSelection,
    /// Which rectangles of them.
    pub rule: TileRule,
    /// How they are stored.
    pub layout: TileLayout,
    /// With labels: tiles whose most frequent label has a smaller share of their samples are left out. 0 to 1.
    pub least_label_share: f64,
}

/// A survey to cut, and how.
#[derive(Debug, Clone, Copy)]
pub struct ExportSource<'a> {
    /// The survey.
    pub survey: &'a Survey,
    /// Labels of its samples: each tile gets its most frequent one.
    pub labels: Option<&'a LabelVolume>,
    /// How its amplitudes become grey.
    pub normalisation: Normalisation,
}

/// How far an export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ExportProgress {
    /// Sections that are done.
    pub sections_done: usize,
    /// All of them.
    pub sections: usize,
    /// Tiles of the sections that are done.
    pub tiles: u64,
    /// Tiles left out since they have no label, or one with too small a share; of this run only.
    pub unlabelled: u64,
}

/// An export, begun or taken up again.
#[derive(Debug)]
pub struct TileExport<'a> {
    folder: PathBuf,
    settings: ExportSettings,
    sources: &'a [ExportSource<'a>],
    tilings: Vec<Tiling>,
    /// What each survey is called here: no two alike, no character that a file name cannot have.
    names: Vec<String>,
    work: Vec<Work>,
    journal: Journal,
    table: File,
    unlabelled: u64,
    lost: u64,
    /// Kept open: its lock goes with the process.
    _lock: File,
}

/// A section to cut.
#[derive(Debug, Clone, Copy)]
struct Work {
    source: usize,
    direction: Direction,
    line: i32,
}

impl<'a> TileExport<'a> {
    /// Begins to write tiles of `sources` to `folder`, which is made where it is not there, or takes up the export in it.
    ///
    /// # Errors
    /// The settings make no sense or fit a survey in no line, labels do not fit their survey, or the folder holds
    /// something else, another export, or cannot be written.
    pub fn open(
        folder: &Path,
        settings: &ExportSettings,
        sources: &'a [ExportSource<'a>],
    ) -> Result<Self, ExportError> {
        check(settings, sources)?;
        let names = names(sources);
        let tilings = sources
            .iter()
            .zip(&names)
            .map(|(ExportSource { survey, .. }, name)| {
                Tiling::new(
                    name,
                    survey.geometry(),
                    survey.samples(),
                    &settings.selection,
                    settings.rule.clone(),
                )
            })
            .collect::<Result<Vec<Tiling>, _>>()?;
        refuse_large_tiles(settings, &names, &tilings)?;
        let work: Vec<Work> = tilings
            .iter()
            .enumerate()
            .flat_map(|(source, tiling)| {
                tiling.sections().map(move |(direction, line)| Work { source, direction, line })
            })
            .collect();
        let made_with = made_with(settings, sources);
        let file = |doing, path: &Path, source| ExportError::File { doing, path: path.to_owned(), source };
        let found = Journal::read(folder)?;
        if found.is_none() {
            let occupied = fs::read_dir(folder).is_ok_and(|mut entries| {
                entries.any(|entry| entry.is_ok_and(|entry| entry.file_name() != LOCK))
            });
            if occupied {
                let journal = journal::JOURNAL;
                return Err(ExportError::Occupied { folder: folder.to_owned(), journal });
            }
            fs::create_dir_all(folder).map_err(|error| file("make the folder", folder, error))?;
        }
        let lock = lock(folder)?;
        let journal = match found.filter(|journal| journal.sections_done > 0) {
            Some(journal) => {
                journal.check(folder, &made_with)?;
                journal
            }
            None => {
                let journal = Journal::new(made_with, work.len());
                journal.write(folder, false)?;
                journal
            }
        };
        let table_path = folder.join(TABLE);
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let mut table = options.open(&table_path).map_err(|error| file("open", &table_path, error))?;
        let committed = journal.tiles;
        let journal = resume::verified(journal, folder, &mut table, &work, &names)?;
        let lost = committed - journal.tiles;
        table
            .set_len(journal.table_bytes)
            .and_then(|()| table.seek(SeekFrom::End(0)))
            .map_err(|error| file("write", &table_path, error))?;
        Ok(Self {
            folder: folder.to_owned(),
            settings: settings.clone(),
            sources,
            tilings,
            names,
            work,
            journal,
            table,
            unlabelled: 0,
            lost,
            _lock: lock,
        })
    }

    /// Tiles that were written earlier and are made again, since the file of one is missing or empty, or its row is: that
    /// one's section and all after it.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> ExportProgress {
        ExportProgress {
            sections_done: self.journal.sections_done,
            sections: self.journal.sections,
            tiles: self.journal.tiles,
            unlabelled: self.unlabelled,
        }
    }

    /// Writes all tiles that are still to be written; tells `observer` now and then how far it is.
    ///
    /// # Errors
    /// A section cannot be read, or a file cannot be written. What was done before stays, and the export can be taken up
    /// again.
    pub fn run(&mut self, observer: &mut dyn FnMut(ExportProgress)) -> Result<ExportProgress, ExportError> {
        let mut rows = Vec::new();
        let mut shard: Option<Shard> = None;
        let mut next = self.journal.sections_done;
        let mut tiles = 0;
        let mut committed = Instant::now();
        while next < self.work.len() {
            let batch = next..(next + self.sections_at_a_time(next)).min(self.work.len());
            let made: Result<Vec<_>, ExportError> = self.work[batch.clone()]
                .par_iter()
                .map_init(Panel::default, |panel, &work| self.cut(work, panel))
                .collect();
            for cut in made? {
                next += 1;
                self.unlabelled += cut.unlabelled;
                tiles += cut.tiles.len() as u64;
                match self.settings.layout {
                    TileLayout::Images => rows.extend(cut.tiles.into_iter().map(|tile| tile.row)),
                    TileLayout::Shards { .. } if cut.tiles.is_empty() => {}
                    TileLayout::Shards { tiles: full } => {
                        let open = match shard.take() {
                            Some(open) => open,
                            None => Shard::create(&self.folder, self.journal.shards)?,
                        };
                        let open = open.append(cut.tiles, &mut rows)?;
                        if rows.len() < full {
                            shard = Some(open);
                        } else {
                            open.close()?;
                            self.journal.shards += 1;
                            self.commit(&mut rows, next, tiles, true)?;
                            tiles = 0;
                        }
                    }
                }
            }
            let progress = self.progress();
            observer(ExportProgress { sections_done: next, tiles: progress.tiles + tiles, ..progress });
            let is_due = committed.elapsed() >= COMMITTED_EVERY;
            if self.settings.layout == TileLayout::Images && is_due {
                self.commit(&mut rows, next, tiles, false)?;
                tiles = 0;
                committed = Instant::now();
            }
        }
        if let Some(shard) = shard {
            shard.close()?;
            self.journal.shards += 1;
        }
        self.commit(&mut rows, next, tiles, true)?;
        Ok(self.progress())
    }

    /// Makes `rows` part of the table, and everything before section `next` done.
    fn commit(
        &mut self,
        rows: &mut Vec<TileRow>,
        next: usize,
        tiles: u64,
        durably: bool,
    ) -> Result<(), ExportError> {
        let path = self.folder.join(TABLE);
        let failed = |source| ExportError::File { doing: "write", path: path.clone(), source };
        let mut writer =
            csv::WriterBuilder::new().has_headers(self.journal.table_bytes == 0).from_writer(Vec::new());
        for row in rows.drain(..) {
            writer.serialize(row).map_err(|error| failed(error.into()))?;
        }
        let bytes = writer.into_inner().map_err(|error| failed(error.into_error()))?;
        self.table.write_all(&bytes).map_err(failed)?;
        if durably {
            self.table.sync_all().map_err(failed)?;
        }
        self.journal.table_bytes += bytes.len() as u64;
        self.journal.sections_done = next;
        self.journal.tiles += tiles;
        self.journal.write(&self.folder, durably)
    }

    /// How many sections from the `next` on are worked on together: enough for every thread, few enough to hold.
    fn sections_at_a_time(&self, next: usize) -> usize {
        let survey = self.sources[self.work[next].source].survey;
        let traces = [Direction::Inline, Direction::Crossline]
            .map(|direction| survey.geometry().traces(direction).map_or(1, |traces| traces.count));
        let section = survey.samples().count * traces[0].max(traces[1]);
        (AMPLITUDES_AT_A_TIME / section.max(1)).clamp(1, SECTIONS_A_THREAD * rayon::current_num_threads())
    }
}

fn check(settings: &ExportSettings, sources: &[ExportSource<'_>]) -> Result<(), ExportError> {
    let found = settings.least_label_share;
    if !(0.0..=1.0).contains(&found) {
        return Err(ExportError::LabelShare { found });
    }
    if settings.layout == (TileLayout::Shards { tiles: 0 }) {
        return Err(ExportError::EmptyShards);
    }
    if sources.is_empty() {
        return Err(ExportError::NoSurveys);
    }
    sources
        .iter()
        .filter_map(|source| Some((source.labels?, source.survey)))
        .try_for_each(|(labels, survey)| labels.check(survey))
}

/// Refuses tiles that no section of any survey has room for.
fn refuse_large_tiles(
    settings: &ExportSettings,
    names: &[String],
    tilings: &[Tiling],
) -> Result<(), ExportError> {
    let largest: Option<Vec<[usize; 2]>> = tilings.iter().map(Tiling::too_small).collect();
    let (Some(largest), TileRule::Grid(grid)) = (largest, &settings.rule) else { return Ok(()) };
    let sections: Vec<String> = names
        .iter()
        .zip(largest)
        .map(|(name, [traces, samples])| format!("{traces} traces × {samples} samples of {name}"))
        .collect();
    Err(ExportError::LargeTiles {
        width: grid.size.width,
        height: grid.size.height,
        sections: sections.join(", "),
    })
}

/// Everything that the tiles depend on.
fn made_with(settings: &ExportSettings, sources: &[ExportSource<'_>]) -> Value {
    let state = |survey: &Survey| {
        let metadata = fs::metadata(survey.path()).ok();
        let changed = metadata.as_ref().and_then(|metadata| metadata.modified().ok());
        json!({
            "path": survey.path().canonicalize().unwrap_or_else(|_| survey.path().to_owned()),
            "bytes": metadata.map(|metadata| metadata.len()),
            "changed": changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map(|age| age.as_secs_f64()),
            "geometry": survey.geometry(),
            "samples": survey.samples(),
        })
    };
    let surveys = sources.iter().map(|source| {
        json!({
            "survey": state(source.survey),
            "normalisation": source.normalisation,
            "labels": source.labels.map(|labels| json!({"survey": state(labels.survey()), "names": labels.names()})),
        })
    });
    json!({"settings": settings, "surveys": surveys.collect::<Vec<_>>()})
}

/// Names for the surveys in file names: their own, numbered where two are alike.
fn names(sources: &[ExportSource<'_>]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(sources.len());
    for source in sources {
        let name = file_name(source.survey.name());
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|name| !names.contains(name));
        names.push(free.unwrap_or(name));
    }
    names
}

/// `name` with a line for every character that is not safe in a file name on every system, or ends a shard's key.
fn file_name(name: &str) -> String {
    let safe: String =
        name.chars().map(|c| if c.is_alphanumeric() || "-_ ".contains(c) { c } else { '_' }).collect();
    if safe.trim().is_empty() { "_".to_owned() } else { safe.trim().to_owned() }
}

fn lock(folder: &Path) -> Result<File, ExportError> {
    let path = folder.join(LOCK);
    let failed = |source| ExportError::File { doing: "open", path: path.clone(), source };
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(ExportError::Busy { folder: folder.to_owned() }),
        Err(fs::TryLockError::Error(source)) => Err(failed(source)),
    }
}
