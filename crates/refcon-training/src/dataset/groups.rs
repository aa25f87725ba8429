//! Which tiles belong together: a table of paths and groups.

use super::{DatasetError, LabelledFolder};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The group of each tile of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    /// A number a tile, in the folder's order; tiles of one group have the same. Tiles that the table leaves out have one of their own.
    pub of_tile: Vec<usize>,
    /// Tiles that the table leaves out.
    pub ungrouped: usize,
}

impl Groups {
    /// Every tile by itself.
    #[must_use]
    pub fn apart(tiles: usize) -> Self {
        Self { of_tile: (0..tiles).collect(), ungrouped: tiles }
    }

    /// The groups of a folder's tiles by a table.
    ///
    /// # Errors
    /// When the table names none of them.
    pub fn of(table: &GroupTable, tiles: &LabelledFolder) -> Result<Self, DatasetError> {
        let mut ungrouped = 0;
        let of_tile: Vec<usize> = tiles
            .tiles
            .iter()
            .map(|tile| {
                table.group_of(&tile.file.path).unwrap_or_else(|| {
                    ungrouped += 1;
                    table.groups + ungrouped
                })
            })
            .collect();
        if ungrouped == of_tile.len() {
            let problem = format!(
                "none of its {} paths is a tile of {}; expected paths relative to the table or to that folder",
                table.rows,
                tiles.folder.display()
            );
            return Err(DatasetError::Groups { path: table.path.clone(), problem });
        }
        Ok(Self { of_tile, ungrouped })
    }
}

/// A table of files and their groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupTable {
    path: PathBuf,
    by_path: HashMap<PathBuf, usize>,
    groups: usize,
    rows: usize,
}

impl GroupTable {
    /// Reads `table`, a CSV with the columns `path` (or `file`) and `column`. Paths are relative to the table's folder or to one of
    /// `roots`.
    ///
    /// # Errors
    /// When it cannot be read or lacks a column.
    pub fn read(table: &Path, column: &str, roots: &[&Path]) -> Result<Self, DatasetError> {
        let problem = |problem: String| DatasetError::Groups { path: table.into(), problem };
        let mut reader = csv::Reader::from_path(table).map_err(|error| problem(error.to_string()))?;
        let header = reader.headers().map_err(|error| problem(error.to_string()))?.clone();
        let place = |names: &[&str]| header.iter().position(|title| names.contains(&title.trim()));
        let titles = || header.iter().collect::<Vec<_>>().join(", ");
        let path_column = place(&["path", "file"]).ok_or_else(|| {
            problem(format!("found the columns {}, expected one named path or file", titles()))
        })?;
        let group_column = place(&[column])
            .ok_or_else(|| problem(format!("found the columns {}, expected one named {column}", titles())))?;
        let beside = table.parent().unwrap_or(Path::new(""));
        let mut groups: HashMap<String, usize> = HashMap::new();
        let (mut by_path, mut rows) = (HashMap::new(), 0);
        for record in reader.records() {
            let record = record.map_err(|error| problem(error.to_string()))?;
            let field = |at: usize| record.get(at).unwrap_or_default();
            let next = groups.len();
            let group = *groups.entry(field(group_column).to_owned()).or_insert(next);
            for root in roots.iter().copied().chain([beside]) {
                by_path.insert(normal(&root.join(field(path_column))), group);
            }
            rows += 1;
        }
        Ok(Self { path: table.into(), by_path, groups: groups.len(), rows })
    }

    /// The group of a file, if the table has it.
    #[must_use]
    pub fn group_of(&self, file: &Path) -> Option<usize> {
        self.by_path.get(&normal(file)).copied()
    }
}

/// The path without `.` and `..`, absolute: files are compared by it and need not exist.
fn normal(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.into());
    let mut parts = PathBuf::new();
    for part in absolute.components() {
        match part {
            std::path::Component::ParentDir => {
                parts.pop();
            }
            std::path::Component::CurDir => {}
            other => parts.push(other),
        }
    }
    parts
}
