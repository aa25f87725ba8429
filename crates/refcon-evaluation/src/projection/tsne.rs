//! Exact t-SNE: neighbours stay neighbours, distances between groups mean little.

use super::principal_components;
use rayon::prelude::*;
use refcon_encoders::Embeddings;

/// Embeddings that [`tsne`] is meant for, at most: its work grows with their square.
pub const TSNE_TILES: usize = 2000;

/// Neighbours that an embedding listens to, about.
const PERPLEXITY: f64 = 30.0;
const ROUNDS: usize = 750;
/// Rounds in which embeddings attract each other more than they should, so that groups find each other.
const EARLY_ROUNDS: usize = 250;
const EARLY_EXAGGERATION: f64 = 12.0;

/// Each embedding's place on the plane, after van der Maaten & Hinton, Visualizing Data using t-SNE, 2008; exact, from the
/// principal components (Kobak & Berens, The art of using t-SNE for single-cell transcriptomics, 2019). The same embeddings
/// give the same places.
#[must_use]
pub fn tsne(embeddings: &Embeddings) -> Vec<[f64; 2]> {
    let count = embeddings.len();
    if count < 4 {
        return principal_components(embeddings).0;
    }
    let attraction = joint_probabilities(embeddings);
    let mut places = start(embeddings);
    let mut velocities = vec![[0.0; 2]; count];
    let mut gains = vec![[1.0f64; 2]; count];
    let pace = (count as f64 / EARLY_EXAGGERATION / 4.0).max(50.0);
    for round in 0..ROUNDS {
        let (exaggeration, momentum) =
            if round < EARLY_ROUNDS { (EARLY_EXAGGERATION, 0.5) } else { (1.0, 0.8) };
        let gradient = gradient(&places, &attraction, exaggeration);
        for tile in 0..count {
            for axis in 0..2 {
                let (slope, velocity) = (gradient[tile][axis], velocities[tile][axis]);
                let gain = &mut gains[tile][axis];
                // Jacobs' delta-bar-delta rule.
                *gain = if (slope > 0.0) == (velocity > 0.0) { (*gain * 0.8).max(0.01) } else { *gain + 0.2 };
                velocities[tile][axis] = momentum * velocity - pace * *gain * slope;
                places[tile][axis] += velocities[tile][axis];
            }
        }
    }
    places
}

/// The principal components, small enough that all are neighbours of all; equal embeddings a hair apart.
fn start(embeddings: &Embeddings) -> Vec<[f64; 2]> {
    let (mut places, _) = principal_components(embeddings);
    let spread = (places.iter().map(|place| place[0].powi(2)).sum::<f64>() / places.len() as f64).sqrt();
    let scale = if spread > 0.0 { 1e-4 / spread } else { 0.0 };
    for (tile, place) in places.iter_mut().enumerate() {
        let turn = tile as f64 * 2.399_963;
        *place = [place[0] * scale + 1e-7 * turn.cos(), place[1] * scale + 1e-7 * turn.sin()];
    }
    places
}

/// How much each pair attracts, `[count, count]`: sums to 1, symmetric.
fn joint_probabilities(embeddings: &Embeddings) -> Vec<f64> {
    let count = embeddings.len();
    let perplexity = PERPLEXITY.min((count - 1) as f64 / 3.0).max(1.0);
    let conditional: Vec<Vec<f64>> = (0..count)
        .into_par_iter()
        .map(|tile| {
            let own = embeddings.row(tile);
            let squared: Vec<f64> = embeddings
                .rows()
                .map(|row| row.iter().zip(own).map(|(a, b)| f64::from(a - b).powi(2)).sum())
                .collect();
            neighbour_probabilities(&squared, tile, perplexity.ln())
        })
        .collect();
    let mut joint = vec![0.0; count * count];
    for i in 0..count {
        for j in 0..count {
            joint[i * count + j] = (conditional[i][j] + conditional[j][i]) / (2.0 * count as f64);
        }
    }
    joint
}

/// A Gaussian around `tile`, as wide as makes the entropy that of the perplexity, found by bisection.
fn neighbour_probabilities(squared: &[f64], tile: usize, entropy: f64) -> Vec<f64> {
    let others = || squared.iter().enumerate().filter(|(other, _)| *other != tile);
    let nearest = others().map(|(_, distance)| *distance).fold(f64::INFINITY, f64::min);
    let mean = others().map(|(_, distance)| distance - nearest).sum::<f64>() / (squared.len() - 1) as f64;
    let mut probabilities = vec![0.0; squared.len()];
    let (mut low, mut high, mut precision) = (0.0, f64::INFINITY, 1.0 / mean.max(1e-12));
    for _ in 0..60 {
        let (mut sum, mut weighted) = (0.0, 0.0);
        for (other, distance) in others() {
            let probability = (-precision * (distance - nearest)).exp();
            probabilities[other] = probability;
            sum += probability;
            weighted += precision * (distance - nearest) * probability;
        }
        probabilities.iter_mut().for_each(|probability| *probability /= sum);
        let found = sum.ln() + weighted / sum;
        if (found - entropy).abs() < 1e-6 {
            break;
        }
        // Too many neighbours: narrower.
        if found > entropy {
            low = precision;
        } else {
            high = precision;
        }
        precision = if high.is_finite() { f64::midpoint(low, high) } else { precision * 2.0 };
    }
    probabilities
}

/// Of the Kullback–Leibler divergence, with attraction exaggerated.
fn gradient(places: &[[f64; 2]], attraction: &[f64], exaggeration: f64) -> Vec<[f64; 2]> {
    let count = places.len();
    let affinity = |a: &[f64; 2], b: &[f64; 2]| 1.0 / (1.0 + (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2));
    // Without the affinity of each to itself, which is 1.
    let sums: Vec<f64> = places
        .par_iter()
        .map(|own| places.iter().map(|place| affinity(own, place)).sum::<f64>() - 1.0)
        .collect();
    let total = sums.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    places
        .par_iter()
        .zip(attraction.par_chunks_exact(count))
        .map(|(own, attraction)| {
            places.iter().zip(attraction).fold([0.0; 2], |sum, (place, attraction)| {
                let near = affinity(own, place);
                let pull = 4.0 * (exaggeration * attraction - near / total) * near;
                [sum[0] + pull * (own[0] - place[0]), sum[1] + pull * (own[1] - place[1])]
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use refcon_encoders::EncoderId;

    #[test]
    fn groups_stay_together_and_the_result_is_the_same_every_time() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let values = (0..90).flat_map(|tile| {
            let mut row = [0.0f32; 8];
            row.iter_mut().for_each(|value| *value = random.random::<f32>() * 0.4);
            row[tile % 3] += 1.0;
            row
        });
        let embeddings = Embeddings::new(EncoderId::new("test", &[]), 8, values.collect()).unwrap();
        let places = tsne(&embeddings);
        assert_eq!(places, tsne(&embeddings));
        let distance = |a: usize, b: usize| (places[a][0] - places[b][0]).hypot(places[a][1] - places[b][1]);
        for tile in 0..90 {
            let nearest = (0..90)
                .filter(|&other| other != tile)
                .min_by(|&a, &b| distance(tile, a).total_cmp(&distance(tile, b)));
            assert_eq!(nearest.unwrap() % 3, tile % 3, "{tile}");
        }
    }

    #[test]
    fn a_few_or_equal_embeddings_have_finite_places() {
        for count in [1, 3, 4, 12] {
            let embeddings =
                Embeddings::new(EncoderId::new("test", &[]), 2, [1.0, 2.0].repeat(count)).unwrap();
            let places = tsne(&embeddings);
            assert!(
                places.len() == count && places.iter().flatten().all(|value| value.is_finite()),
                "{places:?}"
            );
        }
    }
}
