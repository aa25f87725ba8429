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
        let column_of = |names: &[&str]| header.iter().position(|title| names.contains(&title.trim()));
        let titles = || header.iter().collect::<Vec<_>>().join(", ");
        let path_column = column_of(&["path", "file"]).ok_or_else(|| {
            problem(format!("found the columns {}, expected one named path or file", titles()))
        })?;
        let group_column = column_of(&[column])
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
                by_path.insert(place(&root.join(field(path_column))), group);
            }
            rows += 1;
        }
        Ok(Self { path: table.into(), by_path, groups: groups.len(), rows })
    }

    /// The group of a file, if the table has it.
    #[must_use]
    pub fn group_of(&self, file: &Path) -> Option<usize> {
        self.by_path.get(&place(file)).copied()
    }
}

/// Where a file lies, by which tiles and rows are compared: behind all links, since a table may name it by one and a training by another.
/// Of one that is not there, the path without `.` and `..`.
fn place(file: &Path) -> PathBuf {
    file.canonicalize().unwrap_or_else(|_| normal(file))
}

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

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_tile_is_known_by_its_path_through_a_link_and_by_its_real_one() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("store")).unwrap();
        std::fs::write(at("store/a.png"), "").unwrap();
        std::os::unix::fs::symlink(at("store"), at("tiles")).unwrap();
        for named in ["tiles/a.png", "store/a.png", "./tiles/../store/a.png"] {
            std::fs::write(at("groups.csv"), format!("path,group\nnot/there.png,x\n{named},y\n")).unwrap();
            let table = GroupTable::read(&at("groups.csv"), "group", &[]).unwrap();
            let groups = ["tiles/a.png", "store/a.png", "not/there.png", "b.png"]
                .map(|file| table.group_of(&at(file)));
            assert_eq!(groups, [Some(1), Some(1), Some(0), None], "{named}");
        }
    }
}
