//! Taking up an export: what its journal says is done is looked for.

use super::journal::Journal;
use super::table::TileRow;
use super::{ExportError, TABLE, Work};
use crate::Direction;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Where a section (or a shard, with layouts that have them) begins: what is done before it.
#[derive(Debug, Clone, Copy)]
struct Start {
    sections: usize,
    table_bytes: u64,
    tiles: u64,
    shards: usize,
}

/// The journal, taken back to before the first section (or shard) of which a row or a file is missing, or empty.
pub(super) fn verified(
    mut journal: Journal,
    folder: &Path,
    table: &mut File,
    work: &[Work],
    names: &[String],
) -> Result<Journal, ExportError> {
    let path = folder.join(TABLE);
    let failed = |source| ExportError::File { doing: "read", path: path.clone(), source };
    table.seek(SeekFrom::Start(0)).map_err(failed)?;
    let sections: HashMap<(&str, Direction, i32), usize> = work
        .iter()
        .enumerate()
        .map(|(index, work)| ((names[work.source].as_str(), work.direction, work.line), index))
        .collect();
    let is_there = |name: &str| folder.join(name).metadata().is_ok_and(|file| file.len() > 0);
    let mut rows = csv::Reader::from_reader(table.take(journal.table_bytes)).into_deserialize::<TileRow>();
    let mut start = Start { sections: 0, table_bytes: 0, tiles: 0, shards: 0 };
    let (mut unit, mut tiles) = (None, 0);
    loop {
        let position = rows.reader().position().byte();
        let row = match rows.next() {
            Some(Ok(row)) => row,
            // The last row that is whole is the table's end.
            None if position == journal.table_bytes => return Ok(journal),
            None | Some(Err(_)) => break,
        };
        let Some(&section) = sections.get(&(row.survey.as_str(), row.direction, row.line)) else { break };
        let of = if row.shard.is_empty() { section.to_string() } else { row.shard.clone() };
        let is_new = unit.as_ref() != Some(&of);
        if is_new {
            let shards = start.shards + usize::from(unit.is_some() && !row.shard.is_empty());
            start = Start {
                sections: section,
                table_bytes: if tiles == 0 { 0 } else { position },
                tiles,
                shards,
            };
        }
        let missing =
            if row.shard.is_empty() { !is_there(&row.file) } else { is_new && !is_there(&row.shard) };
        if missing {
            break;
        }
        unit = Some(of);
        tiles += 1;
    }
    journal.sections_done = start.sections;
    journal.table_bytes = start.table_bytes;
    journal.tiles = start.tiles;
    journal.shards = start.shards;
    Ok(journal)
}
