//! One section: its tiles cut, made grey, encoded, and named.

use super::table::TileRow;
use super::{ExportError, TileExport, TileLayout, Work, file_name, png};
use crate::tiling::{Normaliser, TileSize};
use std::collections::BTreeSet;
use std::io;
use std::path::Path;

/// A tile of a section, and its image where that goes into a shard.
#[derive(Debug)]
pub(super) struct MadeTile {
    pub(super) row: TileRow,
    pub(super) png: Vec<u8>,
}

/// The tiles of a section.
#[derive(Debug, Default)]
pub(super) struct CutSection {
    pub(super) tiles: Vec<MadeTile>,
    /// Tiles left out since no label has enough of them.
    pub(super) unlabelled: u64,
}

impl TileExport<'_> {
    /// Cuts a section; where images go into folders, writes them.
    pub(super) fn cut(&self, work: Work) -> Result<CutSection, ExportError> {
        let Work { source, direction, line } = work;
        let (tiling, name, source) = (&self.tilings[source], &self.names[source], &self.sources[source]);
        // A grid's tiles are all of a section; a few tiles are read each on their own.
        let section = match tiling.is_sparse() {
            true => None,
            false => Some(source.survey.read_section(direction, line)?),
        };
        let read = |bounds| match section.as_ref().and_then(|section| section.cut(bounds)) {
            Some(amplitudes) => Ok(amplitudes),
            None => source.survey.read_tile(direction, line, bounds),
        };
        let labels = source.labels.map(|labels| labels.under(source.survey, direction, line)).transpose()?;
        let mut normaliser = Normaliser::new(source.normalisation);
        let mut cut = CutSection::default();
        let mut folders = BTreeSet::new();
        for (number, found) in tiling.cut_tiles(direction, line, read).enumerate() {
            let (mut tile, mut grey) = found?;
            let label = match (source.labels, &labels) {
                (Some(volume), Some(labels)) => {
                    let majority = volume.majority(labels, tile.bounds)?;
                    let enough = majority.filter(|found| found.share >= self.settings.least_label_share);
                    if enough.is_none() {
                        cut.unlabelled += 1;
                        continue;
                    }
                    enough
                }
                _ => None,
            };
            tile.locate(source.survey)?;
            let ends = normaliser.normalise(&mut grey);
            let size = TileSize { height: tile.bounds.samples, width: tile.bounds.traces };
            let mut row = TileRow::new(&tile, ends, label);
            let start = row.start(source.survey.geometry());
            let file = match self.settings.layout {
                TileLayout::Images if row.label.is_empty() => {
                    format!("{name}/{direction}-{line}/{start}-{number}.png")
                }
                TileLayout::Images => {
                    format!("{}/{name}-{direction}-{line}-{start}-{number}.png", file_name(&row.label))
                }
                TileLayout::Shards { .. } => format!("{name}-{direction}-{line}-{start}-{number}.png"),
            };
            let mut bytes = Vec::with_capacity(grey.len());
            png::encode(&grey, size, &mut bytes).map_err(|error| ExportError::File {
                doing: "encode",
                path: self.folder.join(&file),
                source: io::Error::other(error),
            })?;
            if self.settings.layout == TileLayout::Images {
                let path = self.folder.join(&file);
                let folder = path.parent().unwrap_or(&self.folder).to_owned();
                if !folders.contains(&folder) {
                    let failed =
                        |source| ExportError::File { doing: "make the folder", path: folder.clone(), source };
                    std::fs::create_dir_all(&folder).map_err(failed)?;
                    folders.insert(folder);
                }
                write_image(&path, &bytes).map_err(|source| ExportError::File {
                    doing: "write",
                    path,
                    source,
                })?;
                bytes = Vec::new();
            }
            row.file = file;
            cut.tiles.push(MadeTile { row, png: bytes });
        }
        Ok(cut)
    }
}

/// Puts an image in place whole. Its temporary name is always the same, so that one a killed process left is replaced.
fn write_image(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let partial = path.with_extension("partial");
    std::fs::write(&partial, bytes)?;
    std::fs::rename(&partial, path)
}
