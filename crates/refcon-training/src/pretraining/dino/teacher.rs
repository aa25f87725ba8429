//! The teacher: a moving average of the student, and what keeps it from saying the same of every tile.

use super::config::{Centring, TeacherChoice};
use super::losses::{centred, move_centre, sinkhorn_knopp};
use super::masks::Masks;
use super::network::DinoNetwork;
use crate::optimise::{Parameter, Parameters, move_average};
use burn::module::Module;
use burn::tensor::{Int, Tensor, TensorData};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Rounds in which a batch is spread over the prototypes, as in `DINOv2`.
const ROUNDS: usize = 3;

/// What the state's names of weights begin with.
const WEIGHTS: &str = "teacher.";

/// What logits are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Of {
    Classes,
    Patches,
}

impl Of {
    /// The centre's name in the state.
    fn name(self) -> &'static str {
        match self {
            Self::Classes => "centre.classes",
            Self::Patches => "centre.patches",
        }
    }
}

/// A teacher between two steps.
#[derive(Debug)]
pub(super) struct Teacher {
    choice: TeacherChoice,
    /// Without gradients, with `weights` in it.
    network: DinoNetwork,
    weights: Parameters,
    centres: BTreeMap<Of, Vec<f32>>,
    /// Mean logits of the batches of the step that is under way, by batch: a centre moves once a step.
    seen: Mutex<BTreeMap<(Of, u64), Vec<f32>>>,
}

/// What the teacher's network makes of crops, without gradients.
#[derive(Debug)]
pub(super) struct Seen {
    /// Class tokens, `[crops, width]`.
    pub(super) classes: Tensor<2>,
    /// Their logits, `[crops, prototypes]`.
    pub(super) class_logits: Tensor<2>,
    /// Logits of the patches that are hidden from the student, `[hidden, prototypes]`, if there are any.
    pub(super) patch_logits: Option<Tensor<2>>,
}

impl Teacher {
    /// A teacher that is what the student is, whose weights ask for gradients where they are trained.
    pub(super) fn of(student: &DinoNetwork, choice: &TeacherChoice, prototypes: usize) -> Self {
        Self {
            choice: choice.clone(),
            network: student.valid(),
            weights: Parameters::of(student),
            centres: [Of::Classes, Of::Patches].map(|of| (of, vec![0.0; prototypes])).into(),
            seen: Mutex::default(),
        }
    }

    /// Its weights, by the student's names.
    pub(super) fn weights(&self) -> &Parameters {
        &self.weights
    }

    /// Looks at whole crops, `[crops, channels, side, side]`, without gradients.
    pub(super) fn look(&self, crops: Tensor<4>, masks: &Masks) -> Seen {
        let tokens = self.network.backbone.tokens(crops);
        let classes = DinoNetwork::class_tokens(&tokens);
        let patch_logits = (!masks.places.is_empty()).then(|| {
            let hidden = hidden_rows(self.network.patches(&tokens), masks);
            self.network.of_patches().logits(hidden, false)
        });
        Seen { class_logits: self.network.projector.logits(classes.clone(), false), classes, patch_logits }
    }

    /// What it says: distributions over the prototypes, `[rows, prototypes]` twice.
    pub(super) fn targets(&self, logits: Tensor<2>, of: Of, temperature: f64) -> Tensor<2> {
        match self.choice.centring {
            Centring::SinkhornKnopp => sinkhorn_knopp(logits, temperature, ROUNDS),
            Centring::Centre => {
                let centre = self.centres.get(&of).cloned().unwrap_or_default();
                let shape = [1, centre.len()];
                let centre = Tensor::from_data(TensorData::new(centre, shape), &logits.device());
                centred(logits, centre, temperature)
            }
        }
    }

    /// Notes the logits of a batch, which move the centre after the step.
    pub(super) fn note(&self, logits: &Tensor<2>, of: Of, batch: u64) {
        if self.choice.centring == Centring::Centre {
            let mean = logits.clone().mean_dim(0).into_data().iter::<f32>().collect();
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert((of, batch), mean);
        }
    }

    /// Moves towards the student's weights after step `step` of `steps`, and the centres towards what was noted.
    pub(super) fn follow(&mut self, student: &Parameters, step: u64, steps: u64) {
        // On one of the pool's threads: from outside, each weight would wake the pool and wait for it.
        rayon::scope(|_| {
            move_average(&mut self.weights, student, self.choice.momentum_at(step, steps));
            self.network = self.weights.put_into(self.network.clone());
        });
        let seen = std::mem::take(self.seen.get_mut().unwrap_or_else(PoisonError::into_inner));
        for (&of, centre) in &mut self.centres {
            let means: Vec<&Vec<f32>> =
                seen.iter().filter(|((noted, _), _)| *noted == of).map(|(_, mean)| mean).collect();
            move_centre(centre, &means, self.choice.centre_momentum as f32);
        }
    }

    /// What the next step depends on.
    pub(super) fn state(&self) -> BTreeMap<String, Parameter> {
        let weights =
            self.weights.0.iter().map(|(name, weight)| (format!("{WEIGHTS}{name}"), weight.clone()));
        let centres = self.centres.iter().map(|(of, centre)| {
            (of.name().to_owned(), Parameter { shape: vec![centre.len()], values: centre.clone() })
        });
        weights.chain(centres).collect()
    }

    /// Takes back what [`Teacher::state`] gave.
    pub(super) fn restore(&mut self, mut state: BTreeMap<String, Parameter>) {
        for (of, centre) in &mut self.centres {
            if let Some(saved) = state.remove(of.name()) {
                *centre = saved.values;
            }
        }
        for (name, weight) in &mut self.weights.0 {
            if let Some(saved) = state.remove(&format!("{WEIGHTS}{name}")) {
                *weight = saved;
            }
        }
        self.network = self.weights.put_into(self.network.clone());
    }
}

/// Rows of the patches that are hidden, of the patches of all crops one after the other.
pub(super) fn hidden_rows(patches: Tensor<2>, masks: &Masks) -> Tensor<2> {
    let count = masks.places.len();
    let places = TensorData::new(masks.places.clone(), [count]);
    let places = Tensor::<1, Int>::from_data(places, &patches.device());
    patches.select(0, places)
}

impl TeacherChoice {
    /// What step `step` of `steps` keeps of the teacher.
    #[must_use]
    pub fn momentum_at(&self, step: u64, steps: u64) -> f64 {
        let [first, last] = self.momentum;
        let done = step as f64 / steps.max(1) as f64;
        last + (first - last) * 0.5 * (1.0 + (std::f64::consts::PI * done).cos())
    }

    /// The temperature of step `step` of `steps`.
    #[must_use]
    pub fn temperature_at(&self, step: u64, steps: u64) -> f64 {
        let [first, last] = self.temperature;
        let rising = (steps as f64 * self.warm_up).round();
        if step as f64 >= rising { last } else { first + (last - first) * step as f64 / rising }
    }
}

#[cfg(test)]
mod tests {
    use crate::pretraining::dino::DinoConfig;

    #[test]
    fn momentum_goes_as_a_cosine_and_temperature_evenly() {
        let teacher = DinoConfig::default().teacher;
        let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found}");
        close(teacher.momentum_at(0, 100), 0.996);
        close(teacher.momentum_at(50, 100), 0.998);
        close(teacher.momentum_at(100, 100), 1.0);
        close(teacher.temperature_at(0, 100), 0.04);
        close(teacher.temperature_at(15, 100), 0.055);
        close(teacher.temperature_at(30, 100), 0.07);
        close(teacher.temperature_at(99, 100), 0.07);
    }
}
