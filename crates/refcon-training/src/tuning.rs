//! Which weights of a network are trained, how fast each, and low-rank changes to weights that stay as they are.

use crate::config::Tuning;
use crate::random::{Purpose, stream};
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;
use refcon_encoders::model::VisionTransformer;

/// Whether a weight is trained, by its place in a [`crate::metric_learning::Network`] whose backbone has `layers` blocks.
#[must_use]
pub fn trains(tuning: &Tuning, layers: usize, fixed_positions: bool, name: &str) -> bool {
    let Some(place) = name.strip_prefix("backbone.") else { return true };
    match tuning {
        Tuning::Head {} | Tuning::Lora { .. } => false,
        Tuning::Full {} => !(fixed_positions && place == "positions"),
        Tuning::LastBlocks { blocks } => match block_of(place) {
            Some(block) => block + blocks >= layers,
            None => ["norm.", "pooler.", "projection."].iter().any(|end| place.starts_with(end)),
        },
    }
}

/// How many times as fast as the last block a weight learns: `decay` to the power of the blocks after it (Bao et al., arXiv 2106.08254).
/// What stands before the blocks counts as a block before the first; heads and proxies learn at the full rate.
#[must_use]
pub fn layer_rate(decay: f64, layers: usize, name: &str) -> f64 {
    let Some(place) = name.strip_prefix("backbone.") else { return 1.0 };
    let depth = match block_of(place) {
        Some(block) => block + 1,
        None if ["norm.", "pooler.", "projection."].iter().any(|end| place.starts_with(end)) => layers,
        None => 0,
    };
    decay.powi((layers - depth.min(layers)) as i32)
}

fn block_of(place: &str) -> Option<usize> {
    place.strip_prefix("blocks.")?.split('.').next()?.parse().ok()
}

/// Low-rank changes to the queries', keys' and values' weights of every block (Hu et al., arXiv 2106.09685): `W + α/r · A B`.
#[derive(Module, Debug)]
pub struct Adapters {
    layers: Vec<Adapter>,
    scale: f64,
}

/// The change of one weight.
#[derive(Module, Debug)]
struct Adapter {
    /// `[inputs, rank]`, random.
    down: Param<Tensor<2>>,
    /// `[rank, outputs]`, zero before training.
    up: Param<Tensor<2>>,
}

impl Adapters {
    /// Changes of nothing, for blocks of this width.
    #[must_use]
    pub fn initial(layers: usize, width: usize, rank: usize, alpha: f64, seed: u64, device: &Device) -> Self {
        let bound = 1.0 / (width as f32).sqrt();
        let layers = (0..layers).map(|layer| {
            let mut draw = stream(seed, Purpose::Weights, [1, layer as u64]);
            let down = (0..width * rank).map(|_| bound * (2.0 * draw.random::<f32>() - 1.0)).collect();
            let tensor = |values: Vec<f32>, shape| {
                Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), device))
            };
            Adapter {
                down: tensor(down, [width, rank]),
                up: tensor(vec![0.0; rank * 3 * width], [rank, 3 * width]),
            }
        });
        Self { layers: layers.collect(), scale: alpha / rank as f64 }
    }

    /// The model with the changes added to its weights.
    #[must_use]
    pub fn onto(&self, model: VisionTransformer) -> VisionTransformer {
        model.map(&mut Adding { path: Vec::new(), adapters: self })
    }
}

struct Adding<'a> {
    path: Vec<String>,
    adapters: &'a Adapters,
}

impl ModuleMapper for Adding<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let place = self.path.join(".");
        let adapter = block_of(&place).filter(|_| place.ends_with(".qkv.weight"));
        let Some(Adapter { down, up }) = adapter.and_then(|block| self.adapters.layers.get(block)) else {
            return param;
        };
        let (id, weight, _) = param.consume();
        let change = down.val().matmul(up.val()).mul_scalar(self.adapters.scale);
        let shape = weight.dims();
        Param::initialized(id, weight + change.reshape(shape))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_blocks_are_those_nearest_to_the_embedding() {
        let last = Tuning::LastBlocks { blocks: 2 };
        let trained = |name| trains(&last, 12, false, name);
        assert!(
            trained("backbone.blocks.10.qkv.weight")
                && trained("backbone.norm.gamma")
                && trained("head.layers.0.weight")
        );
        assert!(!trained("backbone.blocks.9.qkv.weight") && !trained("backbone.positions"));
        assert!(!trains(&Tuning::Full {}, 12, true, "backbone.positions"));
    }

    #[test]
    fn earlier_blocks_learn_more_slowly() {
        let rate = |name| layer_rate(0.5, 2, name);
        assert_eq!([rate("backbone.positions"), rate("backbone.blocks.0.up.bias")], [0.25, 0.5]);
        assert_eq!(
            [rate("backbone.blocks.1.up.bias"), rate("backbone.norm.gamma"), rate("proxies")],
            [1.0, 1.0, 1.0]
        );
    }
}
