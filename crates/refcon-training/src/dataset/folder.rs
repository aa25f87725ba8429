//! A folder with one folder of tiles a class.

use super::DatasetError;
use refcon_image::{TileFile, list};
use std::path::{Path, PathBuf};

/// A tile and its class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledTile {
    /// The file; its name starts with the class.
    pub file: TileFile,
    /// Number of its class in [`LabelledFolder::classes`].
    pub class: usize,
}

/// The tiles of a labelled folder, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledFolder {
    /// The folder.
    pub folder: PathBuf,
    /// Classes in alphabetical order.
    pub classes: Vec<String>,
    /// All tiles.
    pub tiles: Vec<LabelledTile>,
}

impl LabelledFolder {
    /// Lists a folder; what lies deeper than the class folders belongs to the class.
    ///
    /// # Errors
    /// When it cannot be listed, or tiles lie outside class folders.
    pub fn open(folder: &Path) -> Result<Self, DatasetError> {
        let files = list(folder)?;
        let mut classes: Vec<String> = Vec::new();
        let mut tiles = Vec::with_capacity(files.len());
        for file in files {
            let Some((class, _)) = file.name.split_once('/') else {
                let problem = format!("{} lies in no class's folder", file.name);
                return Err(DatasetError::Layout { folder: folder.into(), problem });
            };
            let number = match classes.iter().position(|known| known == class) {
                Some(number) => number,
                None => {
                    classes.push(class.to_owned());
                    classes.len() - 1
                }
            };
            tiles.push(LabelledTile { class: number, file });
        }
        let mut order: Vec<usize> = (0..classes.len()).collect();
        order.sort_by_key(|&number| &classes[number]);
        let mut place = vec![0; classes.len()];
        for (rank, &number) in order.iter().enumerate() {
            place[number] = rank;
        }
        tiles.iter_mut().for_each(|tile| tile.class = place[tile.class]);
        let classes = order.into_iter().map(|number| classes[number].clone()).collect();
        Ok(Self { folder: folder.into(), classes, tiles })
    }
}
