//! The plane in which embeddings spread most.

use refcon_encoders::Embeddings;

/// Rounds of the iteration, at most; it ends when the plane no longer turns.
const ROUNDS: usize = 300;

/// The first two principal components (Pearson, On Lines and Planes of Closest Fit to Systems of Points in Space, 1901): for
/// each embedding its place on the plane, and the share of the variance that either axis holds.
///
/// The sign of an axis is such that its largest component is positive. Orthogonal iteration from a fixed start: the same
/// embeddings give the same places.
#[must_use]
pub fn principal_components(embeddings: &Embeddings) -> (Vec<[f64; 2]>, [f64; 2]) {
    let (count, dimension) = (embeddings.len(), embeddings.dimension());
    let mut mean = vec![0.0; dimension];
    for row in embeddings.rows() {
        row.iter().zip(&mut mean).for_each(|(value, sum)| *sum += f64::from(*value) / count as f64);
    }
    let centred: Vec<Vec<f64>> = embeddings
        .rows()
        .map(|row| row.iter().zip(&mean).map(|(value, mean)| f64::from(*value) - mean).collect())
        .collect();
    let total: f64 = centred.iter().map(|row| dot(row, row)).sum();

    let mut axes = start(dimension);
    for _ in 0..ROUNDS {
        let mut next = axes.clone().map(|axis| covariance_times(&centred, &axis));
        orthonormalise(&mut next);
        let turned: f64 = axes.iter().zip(&next).map(|(old, new)| 1.0 - dot(old, new).abs()).sum();
        axes = next;
        if turned < 1e-13 {
            break;
        }
    }
    for axis in &mut axes {
        let largest = axis.iter().copied().fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a });
        if largest < 0.0 {
            axis.iter_mut().for_each(|value| *value = -*value);
        }
    }
    let [first, second] = &axes;
    let places: Vec<[f64; 2]> = centred.iter().map(|row| [dot(row, first), dot(row, second)]).collect();
    let share = |axis: usize| {
        let along: f64 = places.iter().map(|place| place[axis].powi(2)).sum();
        if total > 0.0 { along / total } else { 0.0 }
    };
    let shares = [share(0), share(1)];
    (places, shares)
}

/// Two axes with no direction in favour.
fn start(dimension: usize) -> [Vec<f64>; 2] {
    let wave = |at: usize, pace: f64| 1.0 + 0.5 * (at as f64 * pace).sin();
    let mut axes = [0.7, 1.3].map(|pace| (0..dimension).map(|at| wave(at, pace)).collect::<Vec<f64>>());
    orthonormalise(&mut axes);
    axes
}

/// `Xᵀ X axis`.
fn covariance_times(rows: &[Vec<f64>], axis: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; axis.len()];
    for row in rows {
        let along = dot(row, axis);
        row.iter().zip(&mut sum).for_each(|(value, sum)| *sum += along * value);
    }
    sum
}

/// Gram–Schmidt; an axis of no length stays as it is.
fn orthonormalise(axes: &mut [Vec<f64>; 2]) {
    let [first, second] = axes;
    scale_to_length_one(first);
    let along = dot(first, second);
    second.iter_mut().zip(first.iter()).for_each(|(value, first)| *value -= along * first);
    scale_to_length_one(second);
}

fn scale_to_length_one(axis: &mut [f64]) {
    let length = dot(axis, axis).sqrt();
    if length > 1e-150 {
        axis.iter_mut().for_each(|value| *value /= length);
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use refcon_encoders::EncoderId;

    fn embeddings(dimension: usize, values: Vec<f32>) -> Embeddings {
        Embeddings::new(EncoderId::new("test", &[]), dimension, values).unwrap()
    }

    #[test]
    fn the_axes_are_those_of_the_spread_and_say_how_much_of_it_they_hold() {
        // Spread 9 along one axis, 4 along another, 1 along the third, around a far centre.
        let mut values = Vec::new();
        for (axis, spread) in [(1, 3.0), (0, 2.0), (2, 1.0)] {
            for sign in [-1.0, 1.0] {
                let mut row = [100.0f32, 50.0, -20.0];
                row[axis] += sign * spread;
                values.extend(row);
            }
        }
        let (places, shares) = principal_components(&embeddings(3, values));
        assert!((places[0][0] + 3.0).abs() < 1e-5 && places[0][1].abs() < 1e-5, "{places:?}");
        assert!((places[3][1] - 2.0).abs() < 1e-5, "{places:?}");
        assert!((shares[0] - 9.0 / 14.0).abs() < 1e-6 && (shares[1] - 4.0 / 14.0).abs() < 1e-6, "{shares:?}");
    }

    #[test]
    fn equal_embeddings_lie_in_one_place() {
        let (places, shares) = principal_components(&embeddings(2, [1.0, 2.0].repeat(5)));
        assert!(places.iter().flatten().all(|value| value.abs() < 1e-12));
        assert_eq!(shares, [0.0, 0.0]);
    }

    #[test]
    fn one_component_is_a_line() {
        let (places, shares) = principal_components(&embeddings(1, vec![0.0, 1.0, 5.0]));
        assert!((places[2][0] - 3.0).abs() < 1e-6 && places[2][1].abs() < 1e-6, "{places:?}");
        assert!((shares[0] - 1.0).abs() < 1e-9);
    }
}
