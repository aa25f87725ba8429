//! Seeded randomness: independent streams, and smooth fields over the map and over the volume.
//!
//! Only `+ − × ÷` and square roots are used (here and in the whole generator), which IEEE 754 rounds alike
//! everywhere: that is what makes a seed's survey the same on every platform.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The parts of the geology; each draws from a stream of its own, so that a change to one leaves the others alone.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stream {
    Structure = 1,
    Architecture,
    Layers,
    Chaos,
    Channels,
    Faults,
    Salt,
    Tiles,
    /// The first of the noise's streams, one an inline: always the last here.
    Noise,
}

/// The generator of one part of the survey called `seed`; `offset` is 0 but for the noise.
pub(super) fn stream(seed: u64, part: Stream, offset: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(part as u64 + offset);
    rng
}

/// A value between `low` and `high`.
pub(super) fn between(rng: &mut ChaCha8Rng, low: f64, high: f64) -> f64 {
    low + (high - low) * rng.random::<f64>()
}

/// −1 or 1.
pub(super) fn sign(rng: &mut ChaCha8Rng) -> f64 {
    if rng.random::<bool>() { 1.0 } else { -1.0 }
}

/// Rises from 0 to 1 as `t` does, level at both ends.
pub(super) fn smoothstep(t: f64) -> f64 {
    let t = t.clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// A wave of period 1 made of parabolas: close to sin(2πt), and exact arithmetic.
pub(super) fn wave(t: f64) -> f64 {
    let t = t - t.floor();
    if t < 0.5 { 16.0 * t * (0.5 - t) } else { -16.0 * (t - 0.5) * (1.0 - t) }
}

/// The quadratic B-spline's three weights at `position`, and the index of the first node they belong to.
fn spline(position: f64, nodes: usize) -> (usize, [f64; 3]) {
    // The node nearest to `position`, kept one away from either end: past them a field goes on as a parabola's rim.
    let nearest = (position + 0.5).floor().clamp(1.0, (nodes - 2) as f64);
    let t = (position - nearest).clamp(-0.5, 0.5);
    let weights = [0.5 * (0.5 - t) * (0.5 - t), 0.75 - t * t, 0.5 * (0.5 + t) * (0.5 + t)];
    (nearest as usize - 1, weights)
}

fn nodes_over(extent: f64, spacing: f64) -> usize {
    (extent / spacing).ceil() as usize + 4
}

/// The spread of uniform random nodes shrinks as the spline averages them: this brings it back to about ±1.
const NODE_SPREAD: f64 = 2.0;

fn draw_nodes(rng: &mut ChaCha8Rng, count: usize) -> Vec<f64> {
    (0..count).map(|_| between(rng, -NODE_SPREAD, NODE_SPREAD)).collect()
}

/// A smooth random field over the map, mostly within ±1.
#[derive(Debug)]
pub(super) struct MapField {
    spacing: f64,
    rows: usize,
    columns: usize,
    nodes: Vec<f64>,
}

impl MapField {
    /// A field over `extent` traces that changes over about `spacing` traces.
    pub(super) fn draw(rng: &mut ChaCha8Rng, extent: [f64; 2], spacing: f64) -> Self {
        let [rows, columns] = extent.map(|extent| nodes_over(extent, spacing));
        Self { spacing, rows, columns, nodes: draw_nodes(rng, rows * columns) }
    }

    pub(super) fn at(&self, [x, y]: [f64; 2]) -> f64 {
        let (row, row_weights) = spline(x / self.spacing + 1.5, self.rows);
        let (column, column_weights) = spline(y / self.spacing + 1.5, self.columns);
        let mut value = 0.0;
        for (i, row_weight) in row_weights.iter().enumerate() {
            let nodes = &self.nodes[(row + i) * self.columns + column..][..3];
            for (node, column_weight) in nodes.iter().zip(column_weights) {
                value += row_weight * column_weight * node;
            }
        }
        value
    }
}

/// A smooth random field over the volume, mostly within ±1; read one column at a time.
#[derive(Debug)]
pub(super) struct VolumeField {
    spacing: [f64; 2],
    shape: [usize; 3],
    first: f64,
    nodes: Vec<f64>,
}

/// A [`VolumeField`] along one column.
#[derive(Debug)]
pub(super) struct ColumnField {
    spacing: f64,
    first: f64,
    nodes: Vec<f64>,
}

impl VolumeField {
    /// A field over `extent` traces and from `first` to `last` downwards, that changes over about `spacing`
    /// (traces, then samples).
    pub(super) fn draw(
        rng: &mut ChaCha8Rng,
        extent: [f64; 2],
        [first, last]: [f64; 2],
        spacing: [f64; 2],
    ) -> Self {
        let shape = [
            nodes_over(extent[0], spacing[0]),
            nodes_over(extent[1], spacing[0]),
            nodes_over(last - first, spacing[1]),
        ];
        Self { spacing, shape, first, nodes: draw_nodes(rng, shape.iter().product()) }
    }

    pub(super) fn column(&self, [x, y]: [f64; 2]) -> ColumnField {
        let (row, row_weights) = spline(x / self.spacing[0] + 1.5, self.shape[0]);
        let (column, column_weights) = spline(y / self.spacing[0] + 1.5, self.shape[1]);
        let depth = self.shape[2];
        let mut nodes = vec![0.0; depth];
        for (i, row_weight) in row_weights.iter().enumerate() {
            for (j, column_weight) in column_weights.iter().enumerate() {
                let weight = row_weight * column_weight;
                let start = ((row + i) * self.shape[1] + column + j) * depth;
                for (sum, node) in nodes.iter_mut().zip(&self.nodes[start..start + depth]) {
                    *sum += weight * node;
                }
            }
        }
        ColumnField { spacing: self.spacing[1], first: self.first, nodes }
    }
}

impl ColumnField {
    pub(super) fn at(&self, z: f64) -> f64 {
        let (first, weights) = spline((z - self.first) / self.spacing + 1.5, self.nodes.len());
        let nodes = &self.nodes[first..][..3];
        weights[0] * nodes[0] + weights[1] * nodes[1] + weights[2] * nodes[2]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_has_no_jumps_and_is_not_flat() {
        let mut rng = stream(5, Stream::Structure, 0);
        let field = MapField::draw(&mut rng, [100.0, 80.0], 20.0);
        let row: Vec<f64> = (0..800).map(|step| field.at([37.3, f64::from(step) * 0.1])).collect();
        let steepest = row.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f64::max);
        let spread =
            row.iter().fold(f64::MIN, |a, &b| a.max(b)) - row.iter().fold(f64::MAX, |a, &b| a.min(b));
        assert!(steepest < 0.03, "a step of 0.005 spacings changed the field by {steepest}");
        assert!(spread > 0.3, "{spread}");
    }

    #[test]
    fn streams_of_one_seed_differ() {
        let draw = |part| stream(1, part, 0).random::<u64>();
        assert_ne!(draw(Stream::Faults), draw(Stream::Salt));
    }
}
