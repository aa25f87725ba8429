//! Holding tiles out: a share of each class, whole groups at a time.

use super::{DatasetError, Groups, LabelledFolder, LabelledTile};
use crate::random::{Purpose, stream};
use rand::seq::SliceRandom;
use std::collections::BTreeMap;

/// Tiles that are trained on and tiles that are held out; no group is on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// Classes in alphabetical order.
    pub classes: Vec<String>,
    /// All tiles: those of the folder, sorted by name, then those that were added, in the order of their table.
    pub tiles: Vec<LabelledTile>,
    /// How many of them are the folder's.
    pub curated: usize,
    /// The group of each.
    pub groups: Vec<usize>,
    /// Numbers of the tiles that are trained on, in order.
    pub training: Vec<usize>,
    /// Numbers of those held out, in order.
    pub held_out: Vec<usize>,
}

impl Dataset {
    /// The class of a tile.
    #[must_use]
    pub fn class(&self, tile: usize) -> usize {
        self.tiles[tile].class
    }

    /// The name of a tile's class.
    #[must_use]
    pub fn class_name(&self, tile: usize) -> &str {
        &self.classes[self.class(tile)]
    }

    /// The tiles among `those`, class by class.
    #[must_use]
    pub fn by_class(&self, those: &[usize]) -> Vec<Vec<usize>> {
        let mut classes = vec![Vec::new(); self.classes.len()];
        for &tile in those {
            classes[self.class(tile)].push(tile);
        }
        classes
    }

    /// Classes of which nothing is held out although other classes have held-out tiles, each with its number of tiles: a class that is
    /// one group of near-duplicates, or too small.
    #[must_use]
    pub fn never_held_out(&self) -> Vec<(&str, usize)> {
        let (held_out, training) = (self.by_class(&self.held_out), self.by_class(&self.training));
        let without = |class: &usize| !self.held_out.is_empty() && held_out[*class].is_empty();
        (0..self.classes.len())
            .filter(without)
            .map(|class| (self.classes[class].as_str(), training[class].len()))
            .collect()
    }

    /// Tiles of the folder that are trained on: those that a person has labelled.
    #[must_use]
    pub fn curated_training(&self) -> &[usize] {
        let count = self.training.partition_point(|&tile| tile < self.curated);
        &self.training[..count]
    }
}

/// Holds out about `share` of each class: groups in an order drawn from the seed, each whole, until a class has enough, which may be
/// half as much again. A group of several classes counts for each of them.
///
/// # Errors
/// When a class would have fewer than two tiles left, or fewer than two classes are there.
pub fn split(
    folder: LabelledFolder,
    groups: &Groups,
    share: f64,
    seed: u64,
) -> Result<Dataset, DatasetError> {
    let LabelledFolder { folder, classes, tiles } = folder;
    if classes.len() < 2 {
        let found = classes.first().map_or("none", String::as_str);
        return Err(DatasetError::Layout {
            folder,
            problem: format!("found one class ({found}), needed at least two"),
        });
    }
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (tile, &group) in groups.of_tile.iter().enumerate() {
        members.entry(group).or_default().push(tile);
    }
    let mut wanted: Vec<usize> = vec![0; classes.len()];
    tiles.iter().for_each(|tile| wanted[tile.class] += 1);
    let all = wanted.clone();
    wanted.iter_mut().for_each(|count| *count = (*count as f64 * share).round() as usize);

    let mut order: Vec<&Vec<usize>> = members.values().collect();
    order.shuffle(&mut stream(seed, Purpose::Split, [0, 0]));
    let mut held = vec![false; tiles.len()];
    let mut have = vec![0; classes.len()];
    for group in order {
        let mut counts = vec![0; classes.len()];
        group.iter().for_each(|&tile| counts[tiles[tile].class] += 1);
        // A group goes whole, and only where no class gets far more than it needs.
        let fits = (0..classes.len()).all(|class| {
            let most = wanted[class] + wanted[class] / 2;
            counts[class] == 0 || (have[class] < wanted[class] && have[class] + counts[class] <= most)
        });
        if fits {
            group.iter().for_each(|&tile| held[tile] = true);
            (0..classes.len()).for_each(|class| have[class] += counts[class]);
        }
    }
    for (class, name) in classes.iter().enumerate() {
        let left = all[class] - have[class];
        if left < 2 {
            return Err(DatasetError::TooFew(format!(
                "class {name} has {} tiles, {left} of them to train on after the split; expected at least 2",
                all[class]
            )));
        }
    }
    let numbers = |out: bool| (0..tiles.len()).filter(|&tile| held[tile] == out).collect();
    let (training, held_out) = (numbers(false), numbers(true));
    let curated = tiles.len();
    Ok(Dataset { classes, groups: groups.of_tile.clone(), training, held_out, curated, tiles })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use refcon_image::TileFile;
    use std::path::PathBuf;

    fn folder(counts: &[usize]) -> LabelledFolder {
        let tiles = counts.iter().enumerate().flat_map(|(class, &count)| {
            (0..count).map(move |number| LabelledTile {
                file: TileFile { name: format!("{class}/{number}.png"), path: PathBuf::new() },
                class,
            })
        });
        let classes = (0..counts.len()).map(|class| class.to_string()).collect();
        LabelledFolder { folder: PathBuf::from("train"), classes, tiles: tiles.collect() }
    }

    #[test]
    fn single_tiles_are_held_out_by_the_exact_share_of_each_class() {
        let dataset = split(folder(&[20, 10]), &Groups::apart(30), 0.2, 42).unwrap();
        let held = dataset.by_class(&dataset.held_out);
        assert_eq!((held[0].len(), held[1].len(), dataset.training.len()), (4, 2, 24));
        assert_eq!(dataset, split(folder(&[20, 10]), &Groups::apart(30), 0.2, 42).unwrap());
        assert_ne!(dataset, split(folder(&[20, 10]), &Groups::apart(30), 0.2, 43).unwrap());
    }

    #[test]
    fn a_class_that_is_one_group_is_never_held_out_and_said_so() {
        let of_tile: Vec<usize> = (0..20).chain(std::iter::repeat_n(20, 10)).collect();
        let dataset = split(folder(&[20, 10]), &Groups { of_tile, ungrouped: 0 }, 0.2, 42).unwrap();
        assert_eq!(dataset.never_held_out(), [("1", 10)]);
        let apart = split(folder(&[20, 10]), &Groups::apart(30), 0.2, 42).unwrap();
        assert_eq!(apart.never_held_out(), []);
    }

    #[test]
    fn one_class_or_a_class_of_one_tile_is_refused_by_name() {
        let says = |counts: &[usize]| {
            split(folder(counts), &Groups::apart(counts.iter().sum()), 0.2, 1).unwrap_err().to_string()
        };
        assert!(says(&[5]).contains("at least two"));
        assert!(says(&[5, 1]).contains("class 1 has 1 tiles"));
    }

    proptest! {
        #[test]
        fn no_group_is_on_both_sides(seed in 0u64..50, share in 0.1f64..0.5, sizes in prop::collection::vec(1usize..5, 12..30)) {
            let of_tile: Vec<usize> = sizes.iter().enumerate().flat_map(|(group, &size)| vec![group; size]).collect();
            let count = of_tile.len();
            let groups = Groups { of_tile, ungrouped: 0 };
            if let Ok(dataset) = split(folder(&[count / 2, count - count / 2]), &groups, share, seed) {
                for &out in &dataset.held_out {
                    for &within in &dataset.training {
                        prop_assert_ne!(dataset.groups[out], dataset.groups[within]);
                    }
                }
                prop_assert_eq!(dataset.training.len() + dataset.held_out.len(), count);
            }
        }
    }
}
