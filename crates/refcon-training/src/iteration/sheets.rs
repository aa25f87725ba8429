//! Pictures of what a round found, for a person to look through.

use super::Found;
use crate::dataset::DatasetError;
use crate::error::TrainError;
use rayon::prelude::*;
use refcon_image::figure::{Pair, PairGroup, pairs};
use refcon_image::{DecodeLimits, GreyImage, TileFile, read};
use std::path::PathBuf;

/// Pairs of tiles on a picture: few enough to be scrolled through and held in memory.
const PAIRS_A_PICTURE: usize = 120;

/// Draws every found tile beside the labelled tile that it is like, label by label, nearest first, and writes the pictures to `picture(1)`,
/// `picture(2)`, …; beside each of `found` stand the two files, the labelled tile's first.
pub(super) fn write_sheets(
    title: &str,
    mut found: Vec<(&Found, [&TileFile; 2])>,
    picture: impl Fn(usize) -> PathBuf,
) -> Result<Vec<PathBuf>, TrainError> {
    found.sort_by(|(a, _), (b, _)| {
        a.label.cmp(&b.label).then(a.distance.total_cmp(&b.distance)).then(a.file.cmp(&b.file))
    });
    let pictures = found.len().div_ceil(PAIRS_A_PICTURE);
    let mut written = Vec::new();
    for (number, block) in found.chunks(PAIRS_A_PICTURE).enumerate() {
        let images: Vec<[GreyImage; 2]> = block
            .par_iter()
            .map(|(_, [query, tile])| {
                let limits = DecodeLimits::default();
                Ok([read(&query.path, &limits)?, read(&tile.path, &limits)?])
            })
            .collect::<Result<_, DatasetError>>()?;
        let mut groups: Vec<PairGroup> = Vec::new();
        for ((found, _), images) in block.iter().zip(images) {
            let pair = Pair {
                images,
                captions: [format!("{:.4}  {}", found.distance, found.file), format!("like {}", found.query)],
            };
            match groups.last_mut().filter(|group| group.name == found.label) {
                Some(group) => group.pairs.push(pair),
                None => groups.push(PairGroup { name: found.label.clone(), pairs: vec![pair] }),
            }
        }
        let subtitle = format!(
            "picture {} of {pictures}; left the labelled tile, right the tile that is given its label, below their cosine distance",
            number + 1
        );
        let path = picture(number + 1);
        pairs(title, &subtitle, &groups)
            .write_png(&path)
            .map_err(|error| TrainError::Write { path: error.path, source: error.cause })?;
        written.push(path);
    }
    Ok(written)
}
