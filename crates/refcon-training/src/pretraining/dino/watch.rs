//! Signs of collapse: a teacher that says the same of every tile, embeddings that are all the same.
//!
//! With `H` the entropy of what the teacher says of a tile and `H̄` that of the mean over a batch, `H̄ − H` is what a tile tells about the
//! prototype: nothing in both kinds of collapse, where all prototypes are alike (`H` is that of an even spread) and where one has
//! everything (`H̄` is zero) (Caron et al., arXiv 2104.14294, section 5.3).

use crate::losses::unit;
use burn::tensor::Tensor;
use std::sync::{Mutex, PoisonError};

/// A probability is never taken as smaller: zero has no logarithm.
const LEAST_PROBABILITY: f32 = 1e-30;

/// Below this share of what a batch could tell it tells nothing. One that
/// learned soundly told 0.0016 of it after 15 steps and 0.011 after 150.
const LEAST_INFORMATION: f64 = 0.001;

/// Fewer steps than this tell nothing of a training: one that has learned soundly is then still near the bound above.
pub(super) const STEPS_TO_TELL: u64 = 50;

/// Below this deviation all embeddings are the same.
const LEAST_DEVIATION: f64 = 0.02;

/// What a batch shows of the teacher.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Signs {
    /// Mean entropy of what it says of a tile, in nats.
    pub entropy: f64,
    /// Entropy of the mean of what it says, in nats.
    pub mean_entropy: f64,
    /// The most that [`Signs::information`] could be: the logarithm of the number of tiles or prototypes.
    pub most_information: f64,
    /// Standard deviation of the embeddings' components, scaled to length 1, as a share of that of vectors that point everywhere.
    pub deviation: f64,
}

impl Signs {
    /// The signs of a batch.
    ///
    /// - `targets`: what the teacher says, `[rows, prototypes]`, each row a distribution
    /// - `embeddings`: `[rows, width]`
    #[must_use]
    pub fn of(targets: &Tensor<2>, embeddings: &Tensor<2>) -> Self {
        let entropy = |shares: Tensor<2>| {
            let logarithms = shares.clone().clamp_min(LEAST_PROBABILITY).log();
            (shares * logarithms).sum_dim(1).mean().into_scalar::<f64>().abs()
        };
        let [rows, prototypes] = targets.dims();
        let width = embeddings.dims()[1];
        let unit = unit(embeddings.clone());
        let centred = unit.clone() - unit.mean_dim(0);
        let deviation = centred.square().mean_dim(0).sqrt().mean().into_scalar::<f64>();
        Self {
            entropy: entropy(targets.clone()),
            mean_entropy: entropy(targets.clone().mean_dim(0)),
            most_information: (rows.min(prototypes) as f64).ln(),
            deviation: deviation * (width as f64).sqrt(),
        }
    }

    /// What a tile tells about the prototype, in nats.
    #[must_use]
    pub fn information(&self) -> f64 {
        self.mean_entropy - self.entropy
    }

    /// By the names that they are recorded under, after `part`, which is `train` or `validation`.
    #[must_use]
    pub fn records(&self, part: &str) -> Vec<(String, f64)> {
        let named = [
            ("teacher_entropy", self.entropy),
            ("teacher_mean_entropy", self.mean_entropy),
            ("embedding_deviation", self.deviation),
        ];
        named.map(|(name, value)| (format!("{part}/{name}"), value)).into()
    }

    /// What is wrong, if anything.
    #[must_use]
    pub fn collapse(&self) -> Option<String> {
        let share = self.information() / self.most_information.max(f64::MIN_POSITIVE);
        let problem = match () {
            () if share < LEAST_INFORMATION => format!(
                "the teacher says nearly the same of every tile (its entropy is {:.3}, that of the mean over tiles {:.3})",
                self.entropy, self.mean_entropy
            ),
            () if self.deviation < LEAST_DEVIATION => format!(
                "the embeddings of all tiles are nearly the same (they deviate {:.4}, where 1 is everywhere)",
                self.deviation
            ),
            () => return None,
        };
        Some(format!("collapse: {problem}"))
    }

    /// The mean of some.
    fn mean(some: &[Self]) -> Option<Self> {
        let mean = |value: fn(&Self) -> f64| some.iter().map(value).sum::<f64>() / some.len() as f64;
        (!some.is_empty()).then(|| Self {
            entropy: mean(|signs| signs.entropy),
            mean_entropy: mean(|signs| signs.mean_entropy),
            most_information: mean(|signs| signs.most_information),
            deviation: mean(|signs| signs.deviation),
        })
    }
}

/// Watches the batches of an epoch.
#[derive(Debug)]
pub(super) struct Watch {
    epoch: Mutex<Vec<Signs>>,
    warned: bool,
    /// What may help.
    advice: String,
}

impl Watch {
    pub(super) fn new(advice: String) -> Self {
        Self { epoch: Mutex::default(), warned: false, advice }
    }

    pub(super) fn note(&self, signs: Signs) {
        self.epoch.lock().unwrap_or_else(PoisonError::into_inner).push(signs);
    }

    /// At the end of an epoch: what is wrong with it, if that is new and the model has had time to learn something.
    pub(super) fn end_of_epoch(&mut self, has_learned: bool) -> Option<String> {
        let epoch = std::mem::take(self.epoch.get_mut().unwrap_or_else(PoisonError::into_inner));
        let problem = Signs::mean(&epoch).and_then(|signs| signs.collapse()).filter(|_| has_learned);
        let is_new = problem.is_some() && !self.warned;
        self.warned = problem.is_some();
        let advice = &self.advice;
        problem.filter(|_| is_new).map(|problem| format!("{problem}. It may recover; else try {advice}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::TensorData;
    use refcon_encoders::device;

    const ROWS: usize = 8;

    fn rows(value: impl Fn(usize, usize) -> f32) -> Tensor<2> {
        let values: Vec<f32> = (0..ROWS * ROWS).map(|at| value(at / ROWS, at % ROWS)).collect();
        Tensor::from_data(TensorData::new(values, [ROWS, ROWS]), &device::cpu())
    }

    fn own(row: usize, column: usize) -> f32 {
        f32::from(u8::from(row == column))
    }

    #[test]
    fn a_teacher_that_tells_tiles_apart_is_sound_and_both_kinds_of_collapse_are_not() {
        let all = (ROWS as f64).ln();
        let apart = Signs::of(&rows(own), &rows(own));
        assert!(apart.entropy.abs() < 1e-5 && (apart.mean_entropy - all).abs() < 1e-5, "{apart:?}");
        assert_eq!(apart.collapse(), None);
        let even = Signs::of(&rows(|_, _| 1.0 / ROWS as f32), &rows(own));
        assert!((even.entropy - all).abs() < 1e-5 && even.information().abs() < 1e-5, "{even:?}");
        let one = Signs::of(&rows(|_, column| own(0, column)), &rows(own));
        assert!(one.mean_entropy.abs() < 1e-5, "{one:?}");
        let same = Signs::of(&rows(own), &rows(|_, column| own(0, column)));
        assert!(same.deviation < 1e-5, "{same:?}");
        for (collapsed, says) in
            [(even, "the same of every tile"), (one, "the same of every tile"), (same, "embeddings")]
        {
            assert!(collapsed.collapse().unwrap().contains(says), "{collapsed:?}");
        }
    }

    #[test]
    fn directions_drawn_evenly_deviate_by_one() {
        let signs = Signs::of(
            &rows(own),
            &rows(|row, column| if row / 2 == column / 2 { 1.0 - 2.0 * (row % 2) as f32 } else { 0.0 }),
        );
        assert!((signs.deviation - 1.0).abs() < 1e-5, "{signs:?}");
    }

    #[test]
    fn a_collapse_is_told_once_until_it_is_over() {
        let [sound, collapsed] = [0.0, 1.0].map(|entropy| Signs {
            entropy,
            mean_entropy: 1.0,
            most_information: 2.0,
            deviation: 1.0,
        });
        let mut watch = Watch::new("a larger batch".into());
        let mut told = |signs, has_learned| {
            watch.note(signs);
            watch.end_of_epoch(has_learned).is_some()
        };
        let found = [
            told(collapsed, false),
            told(collapsed, true),
            told(collapsed, true),
            told(sound, true),
            told(collapsed, true),
        ];
        assert_eq!(found, [false, true, false, false, true]);
    }
}
