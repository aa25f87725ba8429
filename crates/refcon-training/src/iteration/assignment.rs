//! Which unlabelled tile gets which label.

use crate::error::TrainError;
use refcon_encoders::Embeddings;
use refcon_library::{Metric, Neighbour, search};
use std::num::NonZeroUsize;

/// A labelled tile's claim to an unlabelled one: it shall have the same label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Claim {
    /// Number of the labelled tile that asks.
    pub query: usize,
    /// Number of the unlabelled tile.
    pub tile: usize,
    /// Cosine distance between them.
    pub distance: f32,
}

/// The claims of every query: its nearest `most` tiles further than `band.0` and no further than `band.1`. Tiles nearer than the band
/// do not count towards `most`.
///
/// - `held`: neighbours that are held in memory at once, about: where embeddings collapse, every query would ask for every tile
///
/// # Errors
/// When embeddings are of different encoders.
pub(super) fn claims(
    queries: &Embeddings,
    tiles: &Embeddings,
    names: &[&str],
    most: usize,
    band: (f32, f32),
    held: usize,
) -> Result<Vec<Claim>, TrainError> {
    let mut claims = Vec::new();
    let mut asking: Vec<usize> = (0..queries.len()).collect();
    let mut wanted = most;
    // A query whose nearest tiles are duplicates asks for twice as many, until it has enough, has left the band, or has seen all.
    while !asking.is_empty() && !names.is_empty() {
        let mut again = Vec::new();
        for block in asking.chunks((held / wanted.min(names.len())).max(1)) {
            let found = nearest(&rows(queries, block)?, tiles, names, wanted)?;
            for (&query, found) in block.iter().zip(&found) {
                let within = |near: &&Neighbour| near.distance > band.0 && near.distance <= band.1;
                let enough = found.iter().filter(within).count() >= most;
                let seen_all = found.len() < wanted || wanted >= names.len();
                if enough || seen_all || found.last().is_some_and(|last| last.distance > band.1) {
                    let own = found.iter().filter(within).take(most);
                    claims.extend(own.map(|near| Claim { query, tile: near.row, distance: near.distance }));
                } else {
                    again.push(query);
                }
            }
        }
        asking = again;
        wanted *= 2;
    }
    Ok(claims)
}

/// The claims to tiles whose nearest query has the label of the one that asks.
///
/// # Errors
/// When embeddings are of different encoders.
pub(super) fn confirmed(
    claims: Vec<Claim>,
    queries: &Embeddings,
    query_names: &[&str],
    labels: &[usize],
    tiles: &Embeddings,
) -> Result<Vec<Claim>, TrainError> {
    let mut claimed: Vec<usize> = claims.iter().map(|claim| claim.tile).collect();
    claimed.sort_unstable();
    claimed.dedup();
    if claimed.is_empty() {
        return Ok(claims);
    }
    let nearest = nearest(&rows(tiles, &claimed)?, queries, query_names, 1)?;
    let label_near = |tile: usize| {
        let place = claimed.binary_search(&tile).ok()?;
        Some(labels[nearest[place].first()?.row])
    };
    Ok(claims.into_iter().filter(|claim| label_near(claim.tile) == Some(labels[claim.query])).collect())
}

/// One claim a tile at most: the nearest query's; of equally near ones the one with the smaller name. In the order of the tiles.
#[must_use]
pub fn assign(mut claims: Vec<Claim>, query_names: &[&str]) -> Vec<Claim> {
    claims.sort_by(|a, b| {
        let nearer = a.distance.total_cmp(&b.distance);
        a.tile.cmp(&b.tile).then(nearer).then_with(|| query_names[a.query].cmp(query_names[b.query]))
    });
    claims.dedup_by_key(|claim| claim.tile);
    claims
}

fn nearest(
    queries: &Embeddings,
    corpus: &Embeddings,
    names: &[&str],
    most: usize,
) -> Result<Vec<Vec<Neighbour>>, TrainError> {
    let most = NonZeroUsize::new(most.min(names.len())).unwrap_or(NonZeroUsize::MIN);
    search(queries, corpus, names, most, Metric::Cosine)
        .map_err(|error| TrainError::Setting(format!("searching the unlabelled tiles: {error}")))
}

fn rows(embeddings: &Embeddings, rows: &[usize]) -> Result<Embeddings, TrainError> {
    let values = rows.iter().flat_map(|&row| embeddings.row(row)).copied().collect();
    Embeddings::new(embeddings.encoder().clone(), embeddings.dimension(), values)
        .map_err(|error| TrainError::Setting(format!("searching the unlabelled tiles: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use refcon_encoders::EncoderId;
    use std::collections::HashSet;

    /// More neighbours than any of these tests has.
    const HELD: usize = 1000;

    /// Unit vectors at angles, in degrees.
    fn at(angles: &[f64]) -> Embeddings {
        let values =
            angles.iter().map(|angle| angle.to_radians()).flat_map(|a| [a.cos() as f32, a.sin() as f32]);
        Embeddings::new(EncoderId::new("test", &[]), 2, values.collect()).unwrap()
    }

    /// Cosine distance of an angle in degrees.
    fn distance(angle: f64) -> f32 {
        (1.0 - angle.to_radians().cos()) as f32
    }

    fn pairs(claims: &[Claim]) -> Vec<(usize, usize)> {
        claims.iter().map(|claim| (claim.query, claim.tile)).collect()
    }

    #[test]
    fn duplicates_and_far_tiles_are_left_alone_and_do_not_use_up_the_neighbours() {
        let (queries, tiles) = (at(&[0.0]), at(&[0.0, 1.0, 10.0, 15.0, 20.0, 60.0]));
        let names = ["a", "b", "c", "d", "e", "f"];
        let band = (distance(2.0), distance(30.0));
        let found = |most| pairs(&claims(&queries, &tiles, &names, most, band, HELD).unwrap());
        assert_eq!(found(1), [(0, 2)]);
        assert_eq!(found(2), [(0, 2), (0, 3)]);
        assert_eq!(found(9), [(0, 2), (0, 3), (0, 4)]);
        let nothing = claims(&queries, &tiles, &names, 3, (distance(61.0), distance(80.0)), HELD).unwrap();
        assert_eq!(nothing, []);
    }

    #[test]
    fn a_tile_that_two_labels_claim_gets_the_nearest_querys() {
        let claim = |query, tile, distance| Claim { query, tile, distance };
        let names = ["salt/b.png", "fault/a.png", "fault/z.png"];
        let won = assign(vec![claim(0, 7, 0.05), claim(1, 7, 0.04), claim(2, 3, 0.09)], &names);
        assert_eq!(won, [claim(2, 3, 0.09), claim(1, 7, 0.04)]);
        // Equally near: the smaller name, whatever the order of the claims.
        for claims in [[claim(0, 1, 0.05), claim(1, 1, 0.05)], [claim(1, 1, 0.05), claim(0, 1, 0.05)]] {
            assert_eq!(pairs(&assign(claims.to_vec(), &names)), [(1, 1)]);
        }
    }

    #[test]
    fn a_claim_is_confirmed_by_the_label_of_the_tiles_own_nearest_query() {
        // Both queries ask for the tile at 20°; the one at 25° has another tile nearer by.
        let (queries, tiles) = (at(&[0.0, 25.0]), at(&[20.0, 26.0]));
        let (query_names, names) = (["q0", "q1"], ["t0", "t1"]);
        let asked = claims(&queries, &tiles, &names, 1, (0.0, 1.0), HELD).unwrap();
        assert_eq!(pairs(&asked), [(0, 0), (1, 1)]);
        let of = |labels: &[usize]| {
            pairs(&confirmed(asked.clone(), &queries, &query_names, labels, &tiles).unwrap())
        };
        assert_eq!(of(&[0, 1]), [(1, 1)]);
        assert_eq!(of(&[1, 1]), [(0, 0), (1, 1)]);
    }

    proptest! {
        #[test]
        fn no_tile_has_two_labels_and_claims_are_those_of_a_plain_scan(
            queries in prop::collection::vec(0.0f64..90.0, 1..8),
            tiles in prop::collection::vec(0.0f64..90.0, 0..20),
            most in 1usize..5,
            held in 0usize..40,
        ) {
            let names: Vec<String> = (0..tiles.len()).map(|n| format!("{n:03}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let query_names: Vec<String> = (0..queries.len()).map(|n| format!("{n:03}")).collect();
            let query_names: Vec<&str> = query_names.iter().map(String::as_str).collect();
            let band = (distance(3.0), distance(25.0));
            let found = claims(&at(&queries), &at(&tiles), &names, most, band, held).unwrap();
            for (query, angle) in queries.iter().enumerate() {
                let near = |tile: &usize| distance(angle - tiles[*tile]);
                let margin = 1e-6;
                // Distances at the edge of the band may fall on either side of it in f32.
                prop_assume!((0..tiles.len()).all(|tile| (near(&tile) - band.0).abs() > margin && (near(&tile) - band.1).abs() > margin));
                let mut within: Vec<usize> = (0..tiles.len()).filter(|tile| near(tile) > band.0 && near(tile) <= band.1).collect();
                within.sort_by(|a, b| near(a).total_cmp(&near(b)));
                let own: Vec<usize> = found.iter().filter(|claim| claim.query == query).map(|claim| claim.tile).collect();
                prop_assert_eq!(own.len(), within.len().min(most));
                if let (Some(furthest), Some(&next)) = (own.iter().map(near).max_by(f32::total_cmp), within.get(own.len())) {
                    prop_assert!(furthest <= near(&next) + margin);
                }
            }
            let won = assign(found.clone(), &query_names);
            let claimed: HashSet<usize> = found.iter().map(|claim| claim.tile).collect();
            prop_assert_eq!(won.len(), claimed.len());
            for claim in &won {
                prop_assert!(found.iter().filter(|other| other.tile == claim.tile).all(|other| claim.distance <= other.distance));
            }
        }
    }
}
