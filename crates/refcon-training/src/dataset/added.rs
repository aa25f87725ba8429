//! Tiles to train on beside those of the labelled folder: found by an iteration, or by hand.

use super::{Dataset, DatasetError, GroupTable, LabelledTile, test_data_above};
use refcon_image::TileFile;
use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

impl Dataset {
    /// Adds the tiles of a table to those that are trained on: a CSV with the columns `path` (relative to the table's folder) and
    /// `label`. None of them is ever held out, so that validations stay what they were.
    ///
    /// # Errors
    /// When the table cannot be read, names a label that the folder has not, a tile twice or one of the folder's, or a tile of a
    /// held-out tile's group.
    pub fn add(&mut self, table: &Path, groups: Option<&GroupTable>) -> Result<(), DatasetError> {
        let problem = |problem: String| DatasetError::Added { path: table.into(), problem };
        let mut reader = csv::Reader::from_path(table).map_err(|error| problem(error.to_string()))?;
        let header = reader.headers().map_err(|error| problem(error.to_string()))?.clone();
        let column = |name: &str| {
            let titles = || header.iter().collect::<Vec<_>>().join(", ");
            let place = header.iter().position(|title| title.trim() == name);
            place.ok_or_else(|| problem(format!("found the columns {}, expected one named {name}", titles())))
        };
        let (path_column, label_column) = (column("path")?, column("label")?);
        let beside = table.parent().unwrap_or(Path::new(""));
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.into());
        let mut known: HashSet<PathBuf> = self.tiles.iter().map(|tile| real(&tile.file.path)).collect();
        let held_out: HashSet<usize> = self.held_out.iter().map(|&tile| self.groups[tile]).collect();
        let mut alone = self.groups.iter().max().map_or(0, |&largest| largest + 1);
        for record in reader.records() {
            let record = record.map_err(|error| problem(error.to_string()))?;
            let field = |at: usize| record.get(at).unwrap_or_default();
            let (name, label) = (field(path_column), field(label_column));
            let Some(class) = self.classes.iter().position(|class| class == label) else {
                let classes = self.classes.join(", ");
                return Err(problem(format!("{name} has the label {label:?}, expected one of {classes}")));
            };
            let path = beside.join(name);
            if !known.insert(real(&path)) {
                return Err(problem(format!("{name} is there already; expected each tile once")));
            }
            let group = groups.and_then(|groups| groups.group_of(&path));
            if group.is_some_and(|group| held_out.contains(&group)) {
                return Err(problem(format!("{name} is a near-duplicate of a tile that is held out")));
            }
            self.groups.push(group.unwrap_or(alone));
            alone += usize::from(group.is_none());
            self.training.push(self.tiles.len());
            self.tiles.push(LabelledTile { file: TileFile { name: name.into(), path }, class });
        }
        Ok(())
    }

    /// The first folder of added tiles that looks like test data, by any name of its path, and what gives it away.
    #[must_use]
    pub fn added_test_data(&self) -> Option<(PathBuf, String)> {
        let added = &self.tiles[self.curated..];
        let folders: BTreeSet<&Path> = added.iter().filter_map(|tile| tile.file.path.parent()).collect();
        folders.into_iter().find_map(|folder| Some((folder.to_owned(), test_data_above(folder, usize::MAX)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Groups, LabelledFolder, split};
    use super::*;
    use std::fs;

    /// Two classes of five tiles each, one of each held out, and a table of groups.
    fn dataset(folder: &Path) -> (Dataset, GroupTable) {
        let mut table = String::from("path,near_duplicate_group\n");
        for class in ["a", "b"] {
            fs::create_dir_all(folder.join("train").join(class)).unwrap();
            for n in 0..5 {
                let name = format!("train/{class}/{n}.png");
                fs::write(folder.join(&name), "").unwrap();
                table += &format!("{name},{class}{n}\n");
            }
        }
        fs::write(folder.join("groups.csv"), &table).unwrap();
        let tiles = LabelledFolder::open(&folder.join("train")).unwrap();
        let groups =
            GroupTable::read(&folder.join("groups.csv"), "near_duplicate_group", &[&tiles.folder]).unwrap();
        let of_tiles = Groups::of(&groups, &tiles).unwrap();
        let dataset = split(tiles, &of_tiles, 0.2, 1).unwrap();
        // A tile of the pool beside each, of the same group.
        for class in ["a", "b"] {
            (0..5).for_each(|n| table += &format!("pool/{class}{n}.png,{class}{n}\n"));
        }
        fs::write(folder.join("groups.csv"), &table).unwrap();
        let groups = GroupTable::read(&folder.join("groups.csv"), "near_duplicate_group", &[]).unwrap();
        (dataset, groups)
    }

    fn added(rows: &str) -> Result<(Dataset, Dataset), String> {
        let folder = tempfile::tempdir().unwrap();
        let (before, groups) = dataset(folder.path());
        let table = folder.path().join("added.csv");
        fs::write(&table, format!("path,label\n{rows}")).unwrap();
        let mut after = before.clone();
        after.add(&table, Some(&groups)).map_err(|error| error.to_string())?;
        Ok((before, after))
    }

    /// A tile of the pool whose group is, or is not, that of a held-out one.
    fn pool_tile(of_held_out: bool) -> String {
        let folder = tempfile::tempdir().unwrap();
        let (dataset, _) = dataset(folder.path());
        let those = if of_held_out { &dataset.held_out } else { &dataset.training };
        let tile = &dataset.tiles[those[0]].file.name;
        format!("pool/{}", tile.replace('/', ""))
    }

    #[test]
    fn added_tiles_are_trained_on_and_change_nothing_of_the_validation() {
        let (before, after) = added(&format!("{},b\nelsewhere/x.png,a\n", pool_tile(false))).unwrap();
        assert_eq!(after.held_out, before.held_out);
        assert_eq!(after.curated_training(), before.training);
        assert_eq!(after.training.len(), before.training.len() + 2);
        assert_eq!((after.class(10), after.class(11)), (1, 0));
        assert_eq!(after.tiles[..10], before.tiles);
    }

    #[test]
    fn a_near_duplicate_of_a_held_out_tile_a_tile_twice_and_a_new_label_are_refused() {
        let says = |rows: &str| added(rows).unwrap_err();
        assert!(
            says(&format!("{},a\n", pool_tile(true))).contains("near-duplicate of a tile that is held out")
        );
        assert!(says("x.png,a\n./x.png,a\nx.png,b\n").contains("there already"));
        assert!(says("train/a/0.png,a\n").contains("there already"));
        assert!(says("x.png,c\n").contains("expected one of a, b"));
    }
}
