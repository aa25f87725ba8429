//! `AdamW` for models that train on the processor: each parameter in one pass over its memory, in place.
//!
//! ```
//! use refcon_encoders::optimiser::AdamW;
//!
//! let optimiser = AdamW { weight_decay: 0.05, ..AdamW::default() }.init();
//! assert!(!optimiser.has_gradient_clipping());
//! ```

use crate::model::kernels::{adamw_step, keep_gradient, on_processor};
use burn::optim::{AdamWConfig, AdamWState, AdaptiveMomentumState, LearningRate, ModuleOptimizer, Optimizer};
use burn::tensor::{Device, Tensor};

/// Takes the memory of a gradient that is used up, for the gradients of the next step: new memory comes zeroed and page by page.
pub fn keep_memory(gradient: Vec<f32>) {
    keep_gradient(gradient);
}

/// `AdamW` (Loshchilov & Hutter, arXiv 1711.05101), as PyTorch computes it: the same as Burn's to rounding, and with the same record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamW {
    /// How much of the gradients' mean a step keeps.
    pub beta_1: f32,
    /// How much of the squared gradients' mean a step keeps.
    pub beta_2: f32,
    /// Added to the root of the squares' mean.
    pub epsilon: f32,
    /// Share of a weight that a step takes away, times the learning rate.
    pub weight_decay: f32,
}

impl Default for AdamW {
    /// PyTorch's: 0.9, 0.999, 1e-8 and 0.01.
    fn default() -> Self {
        Self { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8, weight_decay: 0.01 }
    }
}

impl AdamW {
    /// An optimiser of whole models.
    #[must_use]
    pub fn init(self) -> ModuleOptimizer {
        ModuleOptimizer::from(self)
    }

    /// Burn's own, for other devices.
    fn plain(self) -> burn::optim::AdamW {
        let config = AdamWConfig::new().with_beta_1(self.beta_1).with_beta_2(self.beta_2);
        config.with_epsilon(self.epsilon).with_weight_decay(self.weight_decay).build()
    }

    fn with_rate(self, rate: LearningRate) -> refcon_kernels::AdamW {
        refcon_kernels::AdamW {
            learning_rate: rate,
            beta_1: f64::from(self.beta_1),
            beta_2: f64::from(self.beta_2),
            epsilon: f64::from(self.epsilon),
            weight_decay: f64::from(self.weight_decay),
        }
    }
}

impl Optimizer for AdamW {
    type State<const D: usize> = AdamWState<D>;

    fn step<const D: usize>(
        &self,
        rate: LearningRate,
        weights: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<AdamWState<D>>,
    ) -> (Tensor<D>, Option<AdamWState<D>>) {
        let means = state.iter().flat_map(|state| [&state.momentum.moment_1, &state.momentum.moment_2]);
        if ![&weights, &gradient].into_iter().chain(means).all(on_processor) {
            return self.plain().step(rate, weights, gradient, state);
        }
        let (time, means) = match state {
            None => (1, None),
            Some(AdamWState { momentum: AdaptiveMomentumState { time, moment_1, moment_2, .. } }) => {
                (time + 1, Some([moment_1, moment_2]))
            }
        };
        let (weights, [mean, squares]) = adamw_step(self.with_rate(rate), time, weights, gradient, means);
        (weights, Some(AdamWState::new(AdaptiveMomentumState::new(time, mean, squares))))
    }

    fn to_device<const D: usize>(state: AdamWState<D>, device: &Device) -> AdamWState<D> {
        AdamWState::new(state.momentum.to_device(device))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Architecture, Pooling, VisionTransformer};
    use crate::{Execution, device};
    use burn::optim::GradientsParams;
    use burn::tensor::TensorData;

    /// The model after some steps, its optimiser written and read again after the second one.
    fn train(execution: Execution, optimiser: impl Fn() -> ModuleOptimizer) -> Vec<f32> {
        let device = device::cpu().autodiff();
        let sizes = Architecture::vit([16, 8], 1, 36, 2);
        let mut model = VisionTransformer::initial(&sizes, 1, &device, execution.for_training());
        let pixels: Vec<f32> = (0..3 * 16 * 16).map(|at| (at * 7919 % 1009) as f32 / 1008.0).collect();
        let images = Tensor::<4>::from_data(TensorData::new(pixels, [3, 1, 16, 16]), &device);
        let mut optimising = optimiser();
        for step in 0..4 {
            if step == 2 {
                optimising = optimiser().from_bytes(optimising.into_bytes().unwrap()).unwrap();
            }
            let loss = model.embed(images.clone(), Pooling::ClassAndMean).powf_scalar(3.0).sum();
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            let kept = (step == 1).then(|| model.clone());
            let before = kept.as_ref().map(|model| model.weights().take("blocks.1.up.weight"));
            model = optimising.step(1e-3, model, gradients);
            // Another holder of the weights keeps its own.
            assert_eq!(before, kept.map(|model| model.weights().take("blocks.1.up.weight")));
        }
        let mut weights = model.weights();
        let names = ["patch.weight", "patch.bias", "positions", "blocks.1.up.weight", "blocks.0.qkv.bias"];
        names.into_iter().flat_map(|name| weights.take(name).unwrap()).collect()
    }

    #[test]
    fn steps_are_burns_steps_whoever_laid_the_gradients_out() {
        let ours = AdamW { weight_decay: 0.05, ..AdamW::default() };
        let burns = AdamWConfig::new().with_epsilon(1e-8).with_weight_decay(0.05);
        let expected = train(Execution::PLAIN, || burns.init());
        for execution in [Execution::PLAIN, Execution::F32] {
            let found = train(execution, || ours.init());
            // A gradient that is zero but for rounding moves its weight by up to the learning rate.
            let apart = found.iter().zip(&expected).filter(|(a, b)| (*a - *b).abs() > 1e-5).count();
            assert!(apart * 100 <= found.len(), "{execution:?}: {apart} of {}", found.len());
        }
    }
}
