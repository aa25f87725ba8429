//! The library's embeddings in two dimensions: their first two principal components.

use crate::app::Shared;
use crate::blocking::{Once, blocking};
use crate::error::{ApiError, ErrorBody};
use crate::library::Current;
use axum::Json;
use axum::extract::State;
use rayon::prelude::*;
use refcon_library::EncodedTiles;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Tiles that are shown, at most.
const POINTS: usize = 20_000;
/// Tiles that the components are computed from, at most.
const FITTED: usize = 4096;
/// Steps of the power iteration; it ends earlier where nothing changes any more.
const STEPS: usize = 100;
/// Change of a component's direction that is none.
const STILL: f64 = 1e-9;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(projection))
}

/// Tiles on a map of how alike they look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProjectionView {
    /// `pca`: the first two principal components of the embeddings, scaled to length 1.
    pub method: String,
    /// Tiles of the library.
    pub tiles: u64,
    /// The tiles that are shown: all, or every so-manieth.
    pub points: Vec<PointView>,
}

/// A tile on the map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PointView {
    /// The tile.
    pub id: u64,
    /// First component.
    pub x: f32,
    /// Second component.
    pub y: f32,
    /// Its label, else its class in the library.
    pub class: Option<String>,
    /// Its survey's id.
    pub survey: String,
}

/// Rows and their places.
type Placed = Arc<Vec<(usize, [f32; 2])>>;

/// The projection of the last commit that was asked for.
#[derive(Debug, Default)]
pub(crate) struct Projections(Mutex<Option<(u64, Arc<Once<Placed>>)>>);

impl Projections {
    async fn of(&self, current: &Arc<Current>) -> Result<Placed, ApiError> {
        let commit = current.snapshot.commit();
        let once = {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match &*kept {
                Some((of, once)) if *of == commit => Arc::clone(once),
                _ => Arc::clone(&kept.insert((commit, Arc::new(Once::new()))).1),
            }
        };
        let current = Arc::clone(current);
        once.get(move || Ok(Arc::new(place(current.searched()?)))).await
    }
}

/// The library's tiles on a plane; tiles that look alike lie close.
#[utoipa::path(get, path = "/api/projection", tag = "library", responses(
    (status = 200, description = "The map", body = ProjectionView),
    (status = 404, description = "There are no tiles", body = ErrorBody),
    (status = 500, description = "The library cannot be read", body = ErrorBody),
))]
async fn projection(State(app): State<Shared>) -> Result<Json<ProjectionView>, ApiError> {
    let current = app.library.current().await?;
    current.searched()?;
    let placed = app.projections.of(&current).await?;
    blocking(move || {
        let tiles = current.searched()?;
        let labels = app.labels.all();
        let mut points = Vec::with_capacity(placed.len());
        for &(row, [x, y]) in placed.iter() {
            let record = tiles.record(row)?;
            let class = labels.get(&record.id).cloned().or(record.class);
            points.push(PointView { id: record.id, x, y, class, survey: app.surveys.id_of(&record.survey) });
        }
        Ok(Json(ProjectionView { method: "pca".into(), tiles: tiles.live().count() as u64, points }))
    })
    .await
}

/// Every so-manieth row, at most so many.
fn spread(rows: &[usize], most: usize) -> Vec<usize> {
    let step = rows.len().div_ceil(most.max(1)).max(1);
    rows.iter().copied().step_by(step).collect()
}

fn place(tiles: &EncodedTiles) -> Vec<(usize, [f32; 2])> {
    let live: Vec<usize> = tiles.live().iter().collect();
    let shown = spread(&live, POINTS);
    let unit = |row: usize| {
        let mut vector = tiles.embedding(row);
        let length = vector.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
        if length > 0.0 {
            vector.iter_mut().for_each(|value| *value = (f64::from(*value) / length) as f32);
        }
        vector
    };
    let sample: Vec<Vec<f32>> = spread(&shown, FITTED).into_par_iter().map(unit).collect();
    let mean = mean(&sample, tiles.dimension());
    let components = components(&sample, &mean);
    let on = |vector: &[f32], component: &[f64]| {
        vector
            .iter()
            .zip(&mean)
            .zip(component)
            .map(|((&value, mean), axis)| (f64::from(value) - mean) * axis)
            .sum::<f64>()
    };
    let placed = |row: usize| {
        let vector = unit(row);
        (row, [on(&vector, &components[0]) as f32, on(&vector, &components[1]) as f32])
    };
    shown.into_par_iter().map(placed).collect()
}

fn mean(sample: &[Vec<f32>], dimension: usize) -> Vec<f64> {
    let mut mean = vec![0.0; dimension];
    for vector in sample {
        mean.iter_mut().zip(vector).for_each(|(mean, &value)| *mean += f64::from(value));
    }
    mean.iter_mut().for_each(|mean| *mean /= sample.len().max(1) as f64);
    mean
}

/// The first two principal components, by power iteration on both at once; the second is kept at a right angle to the first. The
/// largest part of each is positive, so that the map is the same each time.
fn components(sample: &[Vec<f32>], mean: &[f64]) -> [Vec<f64>; 2] {
    let dimension = mean.len();
    // Any two directions that no data is likely to be at a right angle to.
    let start = |turn: f64| -> Vec<f64> { (0..dimension).map(|at| (1.0 + at as f64 * turn).sin()).collect() };
    let mut axes = [start(0.7), start(1.9)];
    straighten(&mut axes);
    for _ in 0..STEPS {
        let mut next = covariance_times(sample, mean, &axes);
        straighten(&mut next);
        let change: f64 = (0..2).map(|k| 1.0 - dot(&axes[k], &next[k]).abs()).sum();
        axes = next;
        if change < STILL {
            break;
        }
    }
    for axis in &mut axes {
        let largest = axis
            .iter()
            .copied()
            .fold(0.0, |largest: f64, part| if part.abs() > largest.abs() { part } else { largest });
        if largest < 0.0 {
            axis.iter_mut().for_each(|part| *part = -*part);
        }
    }
    axes
}

/// `Σ (v − mean) ((v − mean) · axis)` for both axes.
fn covariance_times(sample: &[Vec<f32>], mean: &[f64], axes: &[Vec<f64>; 2]) -> [Vec<f64>; 2] {
    const VECTORS_A_TASK: usize = 256;
    let part = |vectors: &[Vec<f32>]| {
        let mut sums = [vec![0.0; mean.len()], vec![0.0; mean.len()]];
        for vector in vectors {
            let centred: Vec<f64> =
                vector.iter().zip(mean).map(|(&value, mean)| f64::from(value) - mean).collect();
            for (sum, axis) in sums.iter_mut().zip(axes) {
                let along = dot(&centred, axis);
                sum.iter_mut().zip(&centred).for_each(|(sum, value)| *sum += along * value);
            }
        }
        sums
    };
    // Collected and added in order, so that the sums do not depend on the number of threads.
    let parts: Vec<[Vec<f64>; 2]> = sample.par_chunks(VECTORS_A_TASK).map(part).collect();
    let mut total = [vec![0.0; mean.len()], vec![0.0; mean.len()]];
    for part in &parts {
        for (total, part) in total.iter_mut().zip(part) {
            total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
        }
    }
    total
}

/// Gram and Schmidt's: both of length 1, the second at a right angle to the first.
fn straighten(axes: &mut [Vec<f64>; 2]) {
    let [first, second] = axes;
    normalise(first);
    let shared = dot(first, second);
    second.iter_mut().zip(first.iter()).for_each(|(second, first)| *second -= shared * first);
    normalise(second);
}

fn normalise(axis: &mut [f64]) {
    let length = dot(axis, axis).sqrt();
    if length > 0.0 {
        axis.iter_mut().for_each(|part| *part /= length);
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_those_that_the_points_were_spread_along() {
        // Spread 3 along (0.6, 0.8, 0), 1 along (−0.8, 0.6, 0), nothing along the third axis.
        let axes = [[0.6, 0.8, 0.0], [-0.8, 0.6, 0.0]];
        let sample: Vec<Vec<f32>> = (0..400)
            .map(|at| {
                let (a, b) = (3.0 * (at as f64 * 0.37).sin(), (at as f64 * 1.13).cos());
                (0..3).map(|k| (5.0 + a * axes[0][k] + b * axes[1][k]) as f32).collect()
            })
            .collect();
        let found = components(&sample, &mean(&sample, 3));
        for (found, expected) in found.iter().zip(axes) {
            assert!(dot(found, &expected).abs() > 0.999, "{found:?}");
        }
        assert!(dot(&found[0], &found[1]).abs() < 1e-9);
    }

    #[test]
    fn points_are_spread_evenly_over_the_rows() {
        let rows: Vec<usize> = (0..10).collect();
        assert_eq!(spread(&rows, 20), rows);
        assert_eq!(spread(&rows, 4), [0, 3, 6, 9]);
        assert!(spread(&[], 4).is_empty());
    }
}
