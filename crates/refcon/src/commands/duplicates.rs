//! `refcon duplicates`: tiles that show nearly the same, and splits that they leak across.

use crate::commands::score;
use crate::failure::Failure;
use crate::output::Output;
use clap::Args;
use rayon::prelude::*;
use refcon_image::{DecodeLimits, TileFile};
use refcon_library::files;
use refcon_training::dataset::DatasetError;
use refcon_training::dataset::duplicates::{Pair, groups, pairs, signature};
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// Pairs that are printed before they are only counted.
const SHOWN: usize = 10;

/// Find tiles that show nearly the same
///
/// Tiles of neighbouring lines look alike to the pixel. Where one is trained on and the other is tested with, the test says nothing.
/// Two tiles are near-duplicates where the zero-shift correlation of their pixels is above the threshold; a group is what such pairs
/// connect. Pairs in two of the folders, or in two parts of a --split, are leaks.
#[derive(Debug, Args)]
pub(crate) struct Duplicates {
    /// Folders of tiles; with several, pairs in two of them are leaks
    #[arg(value_name = "DIR", required = true)]
    folders: Vec<PathBuf>,

    /// Correlation above which tiles count as near-duplicates, 0 to 1
    #[arg(long, value_name = "R", default_value_t = refcon_training::dataset::duplicates::USUAL_THRESHOLD)]
    threshold: f32,

    /// CSV with the columns file and part (a run's data.csv): pairs in two parts are leaks
    #[arg(long, value_name = "CSV")]
    split: Option<PathBuf>,

    /// Write `path`, `label` and `near_duplicate_group` of each tile, for `refcon train --groups`
    #[arg(long, short, value_name = "CSV")]
    output: Option<PathBuf>,
}

/// A tile of one of the folders.
struct Tile {
    file: TileFile,
    /// The folder, or the part of the split, that it belongs to.
    part: String,
}

/// What was found, for `--json`.
#[derive(Debug, Serialize)]
struct Found {
    tiles: usize,
    pairs: usize,
    groups: usize,
    largest_group: usize,
    leaks: Vec<Leak>,
}

/// Two near-duplicates on two sides.
#[derive(Debug, Serialize)]
struct Leak {
    first: String,
    second: String,
    correlation: f32,
}

impl Duplicates {
    pub(crate) fn run(&self, output: &Output) -> Result<(), Failure> {
        if !(0.0..1.0).contains(&self.threshold) {
            return Err(Failure::usage(format!("--threshold {}: expected 0 to 1", self.threshold)));
        }
        self.check_folders()?;
        if let Some(path) = &self.output {
            files::check_writable(path).map_err(Failure::output)?;
        }
        let tiles = self.tiles()?;
        let progress = output.progress("reading tiles", tiles.len());
        let signatures = tiles
            .par_iter()
            .map(|tile| {
                let image = refcon_image::read(&tile.file.path, &DecodeLimits::default())
                    .map_err(|error| Failure::input(DatasetError::from(error)))?;
                progress.inc(1);
                Ok(signature(&image))
            })
            .collect::<Result<Vec<_>, Failure>>()?;
        progress.finish_and_clear();
        let pairs = pairs(&signatures, self.threshold);
        let groups = groups(tiles.len(), &pairs);
        if let Some(path) = &self.output {
            write(path, &tiles, &groups)?;
        }
        let found = found(&tiles, &pairs, &groups);
        for leak in found.leaks.iter().take(SHOWN) {
            tracing::warn!("leak: {} and {} correlate by {:.3}", leak.first, leak.second, leak.correlation);
        }
        output.result(&found.text(), &found)
    }

    /// Makes sure that no tile is there twice: it would be a near-duplicate of itself, on two sides or on one.
    fn check_folders(&self) -> Result<(), Failure> {
        let real = |folder: &PathBuf| folder.canonicalize().unwrap_or_else(|_| folder.clone());
        for (at, folder) in self.folders.iter().enumerate() {
            let holds = |other: &&PathBuf| {
                let (a, b) = (real(folder), real(other));
                a.starts_with(&b) || b.starts_with(&a)
            };
            if let Some(other) = self.folders[..at].iter().find(holds) {
                return Err(Failure::usage(format!(
                    "{} and {} are the same folder, or one lies in the other; give each tile once",
                    other.display(),
                    folder.display()
                )));
            }
        }
        Ok(())
    }

    fn tiles(&self) -> Result<Vec<Tile>, Failure> {
        let mut tiles = Vec::new();
        for folder in &self.folders {
            let part = folder.display().to_string();
            let files = refcon_image::list(folder).map_err(Failure::input)?;
            tiles.extend(files.into_iter().map(|file| Tile { file, part: part.clone() }));
        }
        if let Some(path) = &self.split {
            let parts = parts(path)?;
            for tile in &mut tiles {
                tile.part = parts.get(&tile.file.name).cloned().unwrap_or_default();
            }
        }
        Ok(tiles)
    }
}

/// The part of each file of a split.
fn parts(path: &Path) -> Result<HashMap<String, String>, Failure> {
    #[derive(serde::Deserialize)]
    struct Row {
        file: String,
        part: String,
    }
    let wrong = |error: csv::Error| {
        Failure::input(format!("the split {}: {error}; expected the columns file and part", path.display()))
    };
    let mut reader = csv::Reader::from_path(path).map_err(wrong)?;
    reader.deserialize().map(|row| row.map(|Row { file, part }| (file, part)).map_err(wrong)).collect()
}

fn write(path: &Path, tiles: &[Tile], groups: &[usize]) -> Result<(), Failure> {
    let written = files::write_whole(path, |out| {
        let mut table = csv::Writer::from_writer(out);
        table.write_record(["path", "label", "near_duplicate_group"])?;
        for (tile, group) in tiles.iter().zip(groups) {
            let absolute = std::path::absolute(&tile.file.path)?;
            let label = tile.file.name.rsplit('/').nth(1).unwrap_or_default();
            table.write_record([absolute.to_string_lossy().as_ref(), label, &group.to_string()])?;
        }
        table.flush()
    });
    written.map_err(Failure::output)
}

fn found(tiles: &[Tile], pairs: &[Pair], groups: &[usize]) -> Found {
    let mut sizes: HashMap<usize, usize> = HashMap::new();
    groups.iter().for_each(|group| *sizes.entry(*group).or_default() += 1);
    let path = |tile: usize| tiles[tile].file.path.display().to_string();
    let leaks = pairs
        .iter()
        .filter(|pair| tiles[pair.first].part != tiles[pair.second].part)
        .map(|pair| Leak {
            first: path(pair.first),
            second: path(pair.second),
            correlation: pair.correlation,
        })
        .collect();
    Found {
        tiles: tiles.len(),
        pairs: pairs.len(),
        groups: groups.iter().collect::<BTreeSet<_>>().len(),
        largest_group: sizes.values().copied().max().unwrap_or(0),
        leaks,
    }
}

impl Found {
    fn text(&self) -> String {
        let leaks = match self.leaks.len() {
            0 => "no pair across a split".to_owned(),
            count => format!(
                "{} across a split: what is tested there was seen in training",
                score::counted(count, "pair", "pairs")
            ),
        };
        format!(
            "{}: {} of near-duplicates, {} (the largest of {}); {leaks}",
            score::counted(self.tiles, "tile", "tiles"),
            score::counted(self.pairs, "pair", "pairs"),
            score::counted(self.groups, "group", "groups"),
            self.largest_group
        )
    }
}
