//! One section: its tiles cut, made grey, encoded, and named.

use super::images::Images;
use super::table::TileRow;
use super::{ExportError, TileExport, TileLayout, Work, file_name, png};
use crate::survey::Panel;
use crate::tiling::{Normaliser, TileSize};
use std::io;

/// Tiles that cover so much of a section are cut from all of it; fewer are read each on their own.
const PANEL_COVERAGE: f64 = 0.15;

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
    /// `panel` is memory to work in.
    pub(super) fn cut(&self, work: Work, panel: &mut Panel) -> Result<CutSection, ExportError> {
        let Work { source, direction, line } = work;
        let (tiling, name, source) = (&self.tilings[source], &self.names[source], &self.sources[source]);
        let coverage = tiling.coverage(direction);
        let has_panel = coverage >= PANEL_COVERAGE && source.survey.read_panel(direction, line, panel)?;
        let section = match coverage >= 1.0 && !has_panel {
            true => Some(source.survey.read_section(direction, line)?),
            false => None,
        };
        let read = |bounds| {
            let of_section = || section.as_ref()?.cut(bounds);
            match if has_panel { panel.cut(bounds) } else { of_section() } {
                Some(amplitudes) => Ok(amplitudes),
                None => source.survey.read_tile(direction, line, bounds),
            }
        };
        let labels = source.labels.map(|labels| labels.under(source.survey, direction, line)).transpose()?;
        let mut normaliser = Normaliser::new(source.normalisation);
        let mut cut = CutSection::default();
        let mut images = Images::default();
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
                images.write(&self.folder.join(&file), &bytes, row.label.is_empty())?;
                bytes = Vec::new();
            }
            row.file = file;
            cut.tiles.push(MadeTile { row, png: bytes });
        }
        images.finish()?;
        Ok(cut)
    }
}
