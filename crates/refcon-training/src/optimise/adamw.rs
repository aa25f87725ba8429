//! `AdamW`: adaptive moments with decoupled weight decay (Loshchilov & Hutter, arXiv 1711.05101), as `torch.optim.AdamW` computes it.

use super::{Gradients, Parameters};
use crate::config::OptimiserSettings;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Elements that a thread takes at a time.
const BLOCK: usize = 1 << 14;

/// The moments of one weight.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Moments {
    /// Moving average of the gradient.
    pub first: Vec<f32>,
    /// Moving average of its square.
    pub second: Vec<f32>,
    /// Steps in which it had a gradient.
    pub steps: u64,
}

/// The optimiser: its settings and the moments of every weight.
#[derive(Debug, Clone, PartialEq)]
pub struct AdamW {
    settings: OptimiserSettings,
    /// By the weights' names.
    pub moments: BTreeMap<String, Moments>,
}

impl AdamW {
    /// Before the first step.
    #[must_use]
    pub fn new(settings: &OptimiserSettings) -> Self {
        Self { settings: settings.clone(), moments: BTreeMap::new() }
    }

    /// One step. `rate` gives each weight's learning rate by its name. Weights of one axis (biases, norms) do not decay.
    pub fn step(&mut self, parameters: &mut Parameters, gradients: &Gradients, rate: &dyn Fn(&str) -> f64) {
        let OptimiserSettings { weight_decay, beta_1, beta_2, epsilon, .. } = self.settings;
        for (name, gradient) in &gradients.0 {
            let Some(parameter) = parameters.0.get_mut(name) else { continue };
            let moments = self.moments.entry(name.clone()).or_insert_with(|| Moments {
                first: vec![0.0; gradient.len()],
                second: vec![0.0; gradient.len()],
                steps: 0,
            });
            moments.steps += 1;
            let rate = rate(name);
            let decays = parameter.shape.iter().filter(|&&length| length > 1).count() > 1;
            let kept = if decays { (1.0 - rate * weight_decay) as f32 } else { 1.0 };
            let steps = moments.steps as f64;
            let size = (rate / (1.0 - beta_1.powf(steps))) as f32;
            let root = (1.0 - beta_2.powf(steps)).sqrt() as f32;
            let (b1, b2, epsilon) = (beta_1 as f32, beta_2 as f32, epsilon as f32);
            let (rest_1, rest_2) = ((1.0 - beta_1) as f32, (1.0 - beta_2) as f32);
            let weights = parameter.values.par_chunks_mut(BLOCK).zip(gradient.par_chunks(BLOCK));
            let averages = moments.first.par_chunks_mut(BLOCK).zip(moments.second.par_chunks_mut(BLOCK));
            weights.zip(averages).for_each(|((weights, gradient), (first, second))| {
                let places = weights.iter_mut().zip(gradient).zip(first.iter_mut().zip(second));
                for ((weight, &gradient), (first, second)) in places {
                    *first = b1 * *first + rest_1 * gradient;
                    *second = b2 * *second + rest_2 * gradient * gradient;
                    *weight = *weight * kept - size * *first / (second.sqrt() / root + epsilon);
                }
            });
        }
    }
}

/// Moves an average of weights towards them: `average ← decay · average + (1 − decay) · weight`.
pub fn move_average(average: &mut Parameters, weights: &Parameters, decay: f64) {
    let (kept, rest) = (decay as f32, (1.0 - decay) as f32);
    for (name, parameter) in &weights.0 {
        if let Some(average) = average.0.get_mut(name) {
            let pairs = average.values.par_chunks_mut(BLOCK).zip(parameter.values.par_chunks(BLOCK));
            pairs.for_each(|(average, weights)| {
                average
                    .iter_mut()
                    .zip(weights)
                    .for_each(|(average, weight)| *average = kept * *average + rest * weight);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::optimise::Parameter;

    /// `torch.optim.AdamW([w], lr=0.1, weight_decay=0.01)` on w = [[1, −2], [3, 0.5]] with gradient = w, three steps.
    #[test]
    fn three_steps_are_those_of_pytorch() {
        let settings = OptimiserSettings { learning_rate: 0.1, ..Config::default().optimiser };
        let values = vec![1.0, -2.0, 3.0, 0.5];
        let mut parameters = Parameters::default();
        parameters.0.insert("w".into(), Parameter { shape: vec![2, 2], values });
        let mut adamw = AdamW::new(&settings);
        for _ in 0..3 {
            let gradients = Gradients([("w".to_owned(), parameters.0["w"].values.clone())].into());
            adamw.step(&mut parameters, &gradients, &|_| 0.1);
        }

        for (found, expected) in parameters.0["w"].values.iter().zip(EXPECTED) {
            assert!((found - expected).abs() < 2e-6, "{:?}", parameters.0["w"].values);
        }
    }

    const EXPECTED: [f32; 4] = [0.698_911_2, -1.694_944_6, 2.691_703_6, 0.203_712_4];
}
