//! The challenge's triplets: an anchor, another tile of its class, and a tile of a class drawn among the others.

use crate::dataset::Dataset;
use crate::random::{Purpose, stream};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Numbers of three tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Triplet {
    /// The tile that the others are compared with.
    pub anchor: usize,
    /// Another tile of its class.
    pub positive: usize,
    /// A tile of another class.
    pub negative: usize,
}

/// Draws positive and negative for an anchor among `by_class`. An anchor that is alone in its class is its own positive.
///
/// # Panics
/// If every other class is empty.
#[must_use]
pub fn triplet_of(anchor: usize, class: usize, by_class: &[Vec<usize>], draw: &mut ChaCha8Rng) -> Triplet {
    let own: Vec<usize> = by_class[class].iter().copied().filter(|&tile| tile != anchor).collect();
    let positive = if own.is_empty() { anchor } else { own[draw.random_range(0..own.len())] };
    let others: Vec<&Vec<usize>> = by_class
        .iter()
        .enumerate()
        .filter(|(other, tiles)| *other != class && !tiles.is_empty())
        .map(|(_, t)| t)
        .collect();
    let negatives = others[draw.random_range(0..others.len())];
    Triplet { anchor, positive, negative: negatives[draw.random_range(0..negatives.len())] }
}

/// Tiles of `those` that are anchors: all but those of excluded classes.
#[must_use]
pub fn anchors(dataset: &Dataset, those: &[usize], excluded: &[String]) -> Vec<usize> {
    those.iter().copied().filter(|&tile| !excluded.contains(&dataset.classes[dataset.class(tile)])).collect()
}

/// The fixed triplets of a validation: one an anchor among the held-out tiles, drawn from the seed; none where those are of fewer than
/// two classes.
#[must_use]
pub fn validation_triplets(dataset: &Dataset, excluded: &[String], seed: u64) -> Vec<Triplet> {
    let by_class = dataset.by_class(&dataset.held_out);
    if by_class.iter().filter(|tiles| !tiles.is_empty()).count() < 2 {
        return Vec::new();
    }
    anchors(dataset, &dataset.held_out, excluded)
        .into_iter()
        .map(|anchor| {
            let mut draw = stream(seed, Purpose::ValidationTriplets, [anchor as u64, 0]);
            triplet_of(anchor, dataset.class(anchor), &by_class, &mut draw)
        })
        .collect()
}
