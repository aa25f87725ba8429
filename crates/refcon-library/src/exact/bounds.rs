//! From codes to bounds on scores: the arithmetic of the proof in the module's documentation.

use super::{CodedBlock, Metric};
use refcon_kernels::scan::{CODED_RANGE, QueryCode};

/// Half the distance from 1 to the next f32: what one rounding costs, relative to its result.
const ROUNDING: f64 = 1.0 / (1u64 << 24) as f64;

/// `Γ` of the proof: what rounding in f32 costs a score at most, relative to the product of the two lengths.
fn score_rounding(dimension: usize) -> f64 {
    (dimension / 16 + 64) as f64 * ROUNDING
}

/// Widens what is itself computed with a few roundings.
const WIDER: f64 = 1.0 + (1.0 / (1u64 << 18) as f64);

/// What bounds the scores of one query. Everything is in units of one step of its codes.
#[derive(Debug, Clone)]
pub(super) struct QueryBound {
    metric: Metric,
    /// One step of the codes.
    step: f64,
    /// `‖q‖²`.
    squared_norm: f64,
    /// Weight of a row's error.
    pub(super) error: f32,
    /// Weight of a row's norm.
    pub(super) norm: f32,
    /// Weight of a row's offset in its upper bound.
    pub(super) offset: f32,
    /// What is to be taken from an upper bound for the lower one, a row's offset times this: see [`QueryBound::lower`].
    offset_width: f32,
    /// What rounding costs whatever the row, in units of the score.
    constant: f64,
}

impl QueryBound {
    /// Bounds for a query of `dimension` components, prepared for `metric`.
    pub(super) fn new(metric: Metric, dimension: usize, query: &[f32], code: &QueryCode) -> Self {
        let rounding = score_rounding(dimension);
        let QueryCode { scale: step, error, norm } = *code;
        let squared_norm = query.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>();
        let (offset, offset_width, constant) = match metric {
            Metric::L2 => ((1.0 - 2.0 * rounding) / step, 4.0 * rounding / step, rounding * norm * norm),
            Metric::Cosine | Metric::InnerProduct => (0.0, 0.0, 0.0),
        };
        Self {
            metric,
            step,
            squared_norm,
            error: up(WIDER * norm / step),
            norm: up(WIDER * (error + rounding * (norm + error)) / step),
            offset: down(offset),
            offset_width: up(offset_width * WIDER),
            constant,
        }
    }

    /// The lower bound on a row's score that belongs to this upper bound, in steps; −∞ where nothing is known.
    pub(super) fn lower(&self, upper: f32, [error, norm, offset]: [f32; 3]) -> f32 {
        let [upper, error, norm, offset] = [upper, error, norm, offset].map(f64::from);
        let width = 2.0 * (f64::from(self.error) * error + f64::from(self.norm) * norm);
        let width = WIDER * (width + f64::from(self.offset_width) * offset) + self.constant / self.step;
        let lower = upper - width;
        // An infinity on either side means that the row is not coded.
        if lower.is_finite() { down(lower) } else { f32::NEG_INFINITY }
    }

    /// No row whose upper bound is below this can be as near as rows with at least this lower bound, in steps.
    pub(super) fn threshold_of_lower(&self, lower: f32) -> f32 {
        if lower == f32::NEG_INFINITY {
            return lower;
        }
        let score = f64::from(lower) * self.step;
        // The furthest that such a row can be, as a distance in f32, and back.
        let least = match self.metric {
            Metric::InnerProduct => score,
            Metric::Cosine => score - 8.0 * ROUNDING,
            Metric::L2 => score - 16.0 * ROUNDING * (self.squared_norm - 2.0 * score).abs(),
        };
        self.in_steps(least)
    }

    /// No row whose upper bound is below this can be at `distance` or nearer.
    pub(super) fn threshold_of_distance(&self, distance: f32) -> f32 {
        let distance = f64::from(distance);
        if distance == f64::INFINITY {
            return f32::NEG_INFINITY;
        }
        let least = match self.metric {
            Metric::InnerProduct => -distance,
            Metric::Cosine => 1.0 - distance - 8.0 * ROUNDING * (1.0 + distance.abs()),
            // Nothing is nearer than 0; what is asked for below that is found not to be there in f32.
            Metric::L2 => 0.5 * (self.squared_norm - distance.max(0.0).powi(2) * (1.0 + 16.0 * ROUNDING)),
        };
        self.in_steps(least)
    }

    fn in_steps(&self, score: f64) -> f32 {
        let slack = 4.0 * ROUNDING * (score.abs() + self.squared_norm * ROUNDING);
        down((score - self.constant - slack) / self.step)
    }
}

/// Whether codes of such a query say anything: not where its numbers are near the ends of what f32 can hold.
pub(super) fn can_be_bounded(query: &[f32]) -> bool {
    let largest = query.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    largest == 0.0 || (1.0 / CODED_RANGE..=CODED_RANGE).contains(&largest)
}

/// What a sieve takes of some rows, a column for each number.
#[derive(Debug, Clone, Default)]
pub(super) struct RowBounds {
    pub(super) scales: Vec<f32>,
    pub(super) errors: Vec<f32>,
    pub(super) norms: Vec<f32>,
    pub(super) offsets: Vec<f32>,
}

impl RowBounds {
    /// Takes in the numbers of some rows of a block, for this metric.
    pub(super) fn fill(&mut self, metric: Metric, block: &CodedBlock<'_>, rows: &[u32]) {
        for (column, of) in [
            (&mut self.scales, block.scales),
            (&mut self.errors, block.errors),
            (&mut self.norms, block.norms),
        ] {
            column.clear();
            match *rows {
                // All rows of a piece lie one after the other: a copy is as fast as memory.
                [first, .., last] if (last - first) as usize + 1 == rows.len() => {
                    column.extend_from_slice(&of[first as usize..=last as usize]);
                }
                _ => column.extend(rows.iter().map(|&row| of[row as usize])),
            }
        }
        self.offsets.clear();
        self.offsets.resize(rows.len(), 0.0);
        let errors = self.errors.iter_mut();
        let columns = self.scales.iter_mut().zip(errors).zip(&mut self.norms).zip(&mut self.offsets);
        for (((scale, error), norm), offset) in columns {
            let length = *norm;
            // Not less than the length of the vector, nor than that of what its codes stand for.
            *norm = length * WIDER as f32 + *error;
            match metric {
                Metric::InnerProduct => {}
                Metric::L2 => *offset = 0.5 * length * length,
                Metric::Cosine => {
                    // A vector of zeros has the score 0 with everything.
                    let per_length = if length == 0.0 { 0.0 } else { 1.0 / length };
                    *scale *= per_length;
                    *error *= per_length;
                    *norm *= per_length;
                }
            }
        }
    }
}

/// To f32, not less.
fn up(value: f64) -> f32 {
    let nearest = value as f32;
    if f64::from(nearest) < value { nearest.next_up() } else { nearest }
}

/// To f32, not more.
fn down(value: f64) -> f32 {
    let nearest = value as f32;
    if f64::from(nearest) > value { nearest.next_down() } else { nearest }
}
