//! Groups of near-duplicate tiles: those that must not stand on both sides of a split.

use csv::StringRecord;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

/// The near-duplicate group of tiles, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Groups {
    by_path: HashMap<String, u64>,
}

/// Why groups could not be read, or do not fit the tiles.
#[derive(Debug, thiserror::Error)]
pub enum GroupsError {
    /// The file cannot be read.
    #[error("cannot read the groups {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no CSV with the columns that are needed.
    #[error(
        "{}: {problem}; expected a CSV with the columns path (or file) and near_duplicate_group (or group), a whole number",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// What was found, and in which line.
        problem: String,
    },
    /// A tile has no group.
    #[error(
        "tile {tile} has no near-duplicate group ({known} tiles have one, such as {example}); are the two of one data set?"
    )]
    Unknown {
        /// The tile.
        tile: String,
        /// How many tiles have a group.
        known: usize,
        /// One of their names.
        example: String,
    },
}

impl Groups {
    /// Reads a CSV with the columns `path` or `file`, and `near_duplicate_group` or `group`, in any order.
    ///
    /// # Errors
    /// When the file cannot be read, a column is missing, a group is no whole number, or a tile is in two groups.
    pub fn read(path: &Path) -> Result<Self, GroupsError> {
        let format = |problem: String| GroupsError::Format { path: path.into(), problem };
        let file =
            std::fs::File::open(path).map_err(|source| GroupsError::Io { path: path.into(), source })?;
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
        let header = reader.headers().map_err(|error| format(error.to_string()))?.clone();
        let tile = column(&header, ["path", "file"]).map_err(format)?;
        let group = column(&header, ["near_duplicate_group", "group"]).map_err(format)?;
        let mut by_path = HashMap::new();
        for record in reader.records() {
            let record = record.map_err(|error| format(error.to_string()))?;
            let line = record.position().map_or(0, csv::Position::line);
            let number: u64 = record[group]
                .parse()
                .map_err(|_| format(format!("line {line}: group {:?}", &record[group])))?;
            let before = by_path.insert(record[tile].to_owned(), number);
            if let Some(before) = before.filter(|before| *before != number) {
                let tile = &record[tile];
                return Err(format(format!(
                    "line {line}: {tile} is in group {number}, further up in {before}"
                )));
            }
        }
        Ok(Self { by_path })
    }

    /// The group of each tile of `folder`, by the tiles' names below it. Paths of the file may begin with the folder's name.
    ///
    /// # Errors
    /// When a tile has no group.
    pub fn of_tiles(&self, folder: &Path, tiles: &[&str]) -> Result<Vec<u64>, GroupsError> {
        let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let prefix = whole.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let group = |&tile: &&str| {
            let found = self.by_path.get(&format!("{prefix}/{tile}")).or_else(|| self.by_path.get(tile));
            found.copied().ok_or_else(|| GroupsError::Unknown {
                tile: tile.to_owned(),
                known: self.by_path.len(),
                example: self.by_path.keys().min().cloned().unwrap_or_default(),
            })
        };
        tiles.iter().map(group).collect()
    }
}

fn column(header: &StringRecord, names: [&str; 2]) -> Result<usize, String> {
    header.iter().position(|title| names.contains(&title)).ok_or_else(|| {
        let found = header.iter().map(|title| format!("{title:?}")).collect::<Vec<_>>().join(", ");
        format!("no column {}, found {found}", names[0])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Groups, GroupsError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("groups.csv");
        std::fs::write(&path, text).unwrap();
        Groups::read(&path)
    }

    #[test]
    fn tiles_are_known_with_or_without_the_name_of_their_folder() {
        let groups =
            read("path,label,near_duplicate_group\ntrain/Salt/a.png,Salt,4\nSalt/b.png,Salt,5\n").unwrap();
        let folder = Path::new("/nowhere/train");
        assert_eq!(groups.of_tiles(folder, &["Salt/b.png", "Salt/a.png"]).unwrap(), [5, 4]);
        let message = groups.of_tiles(folder, &["Salt/c.png"]).unwrap_err().to_string();
        assert!(message.contains("Salt/c.png") && message.contains("such as Salt/b.png"), "{message}");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, says) in [
            ("path,label\na,b\n", "no column near_duplicate_group, found \"path\", \"label\""),
            ("file,group\na.png,x\n", "line 2: group \"x\""),
            ("file,group\na.png,1\na.png,2\n", "line 3: a.png is in group 2"),
        ] {
            let message = read(text).unwrap_err().to_string();
            assert!(message.contains(says), "{message}");
        }
    }
}
