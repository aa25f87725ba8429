//! The unlabelled tiles, without those that would spoil the validation or teach nothing.

use super::IterationConfig;
use crate::dataset::{Dataset, DatasetError, GroupTable, file_hashes, test_data_above, test_data_at};
use crate::error::TrainError;
use crate::metric_learning::absolute;
use refcon_image::{TileFile, list};
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashSet};

/// Unlabelled tiles that may be given a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// The tiles, sorted by name.
    pub tiles: Vec<TileFile>,
    /// Tiles that were left out as copies: of labelled ones, byte for byte, or other names of a file of the pool.
    pub copies: usize,
    /// Tiles that were left out since a held-out tile is of their near-duplicate group.
    pub near_held_out: usize,
    /// Tiles that the groups' table, where there is one, does not name: nothing says what they are near-duplicates of.
    pub ungrouped: usize,
    /// Hash over names and bytes of all of them, and of the labelled tiles.
    pub hash: String,
}

impl Pool {
    /// Lists the unlabelled tiles and reads each file once. The setting's path becomes absolute.
    ///
    /// # Errors
    /// When the folder is not set, cannot be read, or looks like test data (unless that is allowed).
    pub fn open(
        config: &mut IterationConfig,
        labelled: &Dataset,
        allow_test_data: bool,
    ) -> Result<Self, TrainError> {
        let Some(folder) = config.iteration.unlabelled.as_deref().map(absolute) else {
            return Err(TrainError::Setting(
                "iteration.unlabelled is not set: --unlabelled names the folder of tiles without labels"
                    .into(),
            ));
        };
        let files = list(&folder).map_err(DatasetError::from)?;
        let folders = files.iter().filter_map(|file| Some(file.name.rsplit_once('/')?.0));
        let inside: BTreeSet<&str> = folders.flat_map(|folders| folders.split('/')).collect();
        let inside: Vec<String> = inside.into_iter().map(str::to_owned).collect();
        // What is found in it will be asked the same as added tiles.
        let sign = test_data_above(&folder, usize::MAX).or_else(|| test_data_at(&folder, &inside));
        if let (Some(sign), false) = (sign, allow_test_data) {
            return Err(DatasetError::TestData { folder, sign }.into());
        }
        let data = &config.training.data;
        let groups = match &data.groups {
            None => None,
            Some(table) => Some(GroupTable::read(table, &data.group_column, &[&folder])?),
        };
        let held_out: HashSet<usize> = labelled.held_out.iter().map(|&tile| labelled.groups[tile]).collect();
        let labelled: Vec<&TileFile> = labelled.tiles.iter().map(|tile| &tile.file).collect();
        let labelled_hashes = file_hashes(&labelled)?;
        let hashes = file_hashes(&files.iter().collect::<Vec<_>>())?;
        let mut all = Sha256::new();
        let both = labelled.iter().copied().zip(&labelled_hashes).chain(files.iter().zip(&hashes));
        both.for_each(|(file, hash)| all.update(format!("{}\n{hash}\n", file.name)));
        let hash = crate::dataset::hex(&all.finalize())[..32].to_owned();
        let known: HashSet<&String> = labelled_hashes.iter().collect();
        let mut pool =
            Self { tiles: Vec::with_capacity(files.len()), copies: 0, near_held_out: 0, ungrouped: 0, hash };
        let mut places = HashSet::new();
        for (file, hash) in files.into_iter().zip(&hashes) {
            let group = groups.as_ref().and_then(|groups| groups.group_of(&file.path));
            // A file that has two names would be added twice.
            let place = file.path.canonicalize().unwrap_or_else(|_| file.path.clone());
            if known.contains(hash) || !places.insert(place) {
                pool.copies += 1;
            } else if group.is_some_and(|group| held_out.contains(&group)) {
                pool.near_held_out += 1;
            } else {
                pool.ungrouped += usize::from(groups.is_some() && group.is_none());
                pool.tiles.push(file);
            }
        }
        config.iteration.unlabelled = Some(folder);
        Ok(pool)
    }

    /// The tile of a name.
    #[must_use]
    pub fn tile(&self, name: &str) -> Option<&TileFile> {
        let place = self.tiles.binary_search_by(|tile| tile.name.as_str().cmp(name)).ok()?;
        self.tiles.get(place)
    }
}
