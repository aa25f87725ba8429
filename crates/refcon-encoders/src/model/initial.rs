//! Weights to start training from, where there is no checkpoint.

use super::{Architecture, Part, VisionTransformer, Weights};
use crate::execution::Execution;
use crate::families::mae::{Decoder, DecoderArchitecture, MaskedAutoencoder};
use burn::tensor::Device;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;
use std::convert::Infallible;

/// Standard deviation of weights and tokens, as ViT, `BEiT` and MAE have it.
const SPREAD: f32 = 0.02;

/// What layer scale starts at (Touvron et al., Going deeper with Image Transformers, arXiv 2103.17239).
const LAYER_SCALE: f32 = 1e-5;

impl VisionTransformer {
    /// A model with random weights, the same for the same seed: normal with a standard deviation of 0.02, cut at two of them; biases
    /// are zero, normalisations pass what comes in.
    #[must_use]
    pub fn initial(sizes: &Architecture, seed: u64, device: &Device, execution: Execution) -> Self {
        let mut weights = Initial::new(&sizes.parts(), seed, Scheme::Normal);
        match Self::load(sizes, &mut weights, device, execution) {
            Ok(model) => model,
            Err(never) => match never {},
        }
    }
}

impl MaskedAutoencoder {
    /// A masked autoencoder with random weights as its authors draw them: linear layers uniform with Glorot's width, tokens normal,
    /// positions sines and cosines, which stay fixed.
    #[must_use]
    pub fn initial(
        encoder: &Architecture,
        decoder: &DecoderArchitecture,
        seed: u64,
        device: &Device,
        execution: Execution,
    ) -> Self {
        let side = |sizes: &Architecture| sizes.image_size / sizes.patch_size;
        let scheme = Scheme::Glorot { grid: side(encoder) };
        let mut weights = Initial::new(&[encoder.parts(), decoder.parts()].concat(), seed, scheme);
        let encoder = VisionTransformer::load(encoder, &mut weights, device, execution);
        let decoder = Decoder::load(decoder, &mut weights, device, execution);
        match (encoder, decoder) {
            (Ok(encoder), Ok(decoder)) => Self { encoder, decoder }.with_fixed_positions(),
            (Err(never), _) | (_, Err(never)) => match never {},
        }
    }
}

/// How linear layers and positions start.
#[derive(Debug, Clone, Copy)]
enum Scheme {
    /// All normal.
    Normal,
    /// Uniform within √(6 / (inputs + outputs)) (Glorot & Bengio 2010), positions on a square grid as sines and cosines.
    Glorot {
        /// Patches along a side.
        grid: usize,
    },
}

/// Draws each part when it is asked for, from a stream of numbers of its own.
struct Initial {
    parts: HashMap<String, (u64, Vec<usize>)>,
    seed: u64,
    scheme: Scheme,
}

impl Initial {
    fn new(parts: &[Part], seed: u64, scheme: Scheme) -> Self {
        let parts = parts.iter().zip(0..).map(|(part, at)| (part.name.clone(), (at, part.shape.clone())));
        Self { parts: parts.collect(), seed, scheme }
    }
}

impl Weights for Initial {
    type Error = Infallible;

    fn part(&mut self, name: &str) -> Result<Vec<f32>, Infallible> {
        let Some((stream, shape)) = self.parts.get(name) else { return Ok(Vec::new()) };
        let count = shape.iter().product();
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(*stream);
        let is_norm = shape.len() == 1 && name.ends_with(".weight");
        Ok(match self.scheme {
            _ if name.ends_with(".bias") => vec![0.0; count],
            _ if is_norm => vec![1.0; count],
            _ if name.ends_with("_scale") => vec![LAYER_SCALE; count],
            Scheme::Glorot { grid } if name.ends_with("positions") => {
                let width = shape.last().copied().unwrap_or(0);
                sines_and_cosines(count / width.max(1) - grid * grid, grid, width)
            }
            Scheme::Glorot { .. } if name.ends_with(".weight") => {
                let [outputs, inputs] = [shape[0], count / shape[0]];
                let most = (6.0 / (inputs + outputs) as f32).sqrt();
                (0..count).map(|_| random.random_range(-most..=most)).collect()
            }
            Scheme::Normal | Scheme::Glorot { .. } => {
                (0..count).map(|_| SPREAD * normal(&mut random)).collect()
            }
        })
    }
}

/// A normally distributed number, at most 2 from zero, by Box and Muller's method.
fn normal(random: &mut ChaCha8Rng) -> f32 {
    loop {
        let radius = (-2.0 * (1.0 - random.random::<f32>()).ln()).sqrt();
        let value = radius * (std::f32::consts::TAU * random.random::<f32>()).cos();
        if value.abs() <= 2.0 {
            return value;
        }
    }
}

/// Positions of a square grid, `[leading + grid², width]`: half of the components tell the column, half the row, each as sines and
/// cosines of falling frequency; leading tokens have zeros.
fn sines_and_cosines(leading: usize, grid: usize, width: usize) -> Vec<f32> {
    let quarter = width / 4;
    let mut positions = vec![0.0; (leading + grid * grid) * width];
    for (at, token) in positions.chunks_exact_mut(width.max(1)).skip(leading).enumerate() {
        for (half, place) in [at % grid, at / grid].into_iter().enumerate() {
            for frequency in 0..quarter {
                let angle = place as f64 / 10_000f64.powf(frequency as f64 / quarter as f64);
                token[2 * half * quarter + frequency] = angle.sin() as f32;
                token[(2 * half + 1) * quarter + frequency] = angle.cos() as f32;
            }
        }
    }
    positions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device;

    #[test]
    fn the_same_seed_gives_the_same_model_and_another_one_another() {
        let sizes = Architecture::vit([16, 8], 1, 32, 2);
        let weights = |seed| {
            let model = VisionTransformer::initial(&sizes, seed, &device::cpu(), Execution::F32);
            model.weights().take("blocks.1.up.weight").unwrap()
        };
        assert_eq!(weights(1), weights(1));
        assert_ne!(weights(1), weights(2));
        let spread = weights(1).iter().map(|w| w * w).sum::<f32>() / weights(1).len() as f32;
        // Cut at two standard deviations, a normal distribution keeps 0.774 of its variance.
        assert!((spread / (SPREAD * SPREAD) - 0.774).abs() < 0.06, "{spread}");
    }

    /// The first tokens of `get_2d_sincos_pos_embed(8, 2, cls_token=True)` of the method's own code.
    #[test]
    fn a_masked_autoencoder_s_positions_are_its_authors() {
        let positions = sines_and_cosines(1, 2, 8);
        let (sine, cosine) = (1f32.sin(), 1f32.cos());
        let (slow_sine, slow_cosine) = (0.01f32.sin(), 0.01f32.cos());
        assert_eq!(positions[..8], [0.0; 8]);
        assert_eq!(positions[8..16], [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0]);
        assert_eq!(positions[16..24], [sine, slow_sine, cosine, slow_cosine, 0.0, 0.0, 1.0, 1.0]);
        assert_eq!(positions[24..32], [0.0, 0.0, 1.0, 1.0, sine, slow_sine, cosine, slow_cosine]);
    }
}
