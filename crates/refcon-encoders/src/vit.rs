//! The Vision Transformer as Transformers' `ViTModel` has it (pre-norm blocks, exact GELU, optional pooler).
//!
//! Dosovitskiy et al., An Image is Worth 16x16 Words, ICLR 2021 (arXiv 2010.11929). A checkpoint is a folder with
//! `config.json` and `model.safetensors`, such as Transformers' `save_pretrained` writes, of a `ViTModel` or of a
//! `ViTForImageClassification`, whose head is not used.

use crate::checkpoint::{Checkpoint, CheckpointError, Expected};
use burn::module::{Module, Param};
use burn::nn::{LayerNorm, LayerNormConfig, Linear};
use burn::tensor::activation::gelu;
use burn::tensor::module::attention;
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Device, Tensor, TensorData};
use serde::Deserialize;

/// The architecture, as `config.json` describes it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct VitConfig {
    /// Side of the square input, in pixels.
    pub image_size: usize,
    /// Side of a square patch, in pixels.
    pub patch_size: usize,
    /// Input channels.
    #[serde(rename = "num_channels")]
    pub channels: usize,
    /// Components of a token.
    #[serde(rename = "hidden_size")]
    pub width: usize,
    /// Transformer blocks.
    #[serde(rename = "num_hidden_layers")]
    pub layers: usize,
    /// Attention heads of a block.
    #[serde(rename = "num_attention_heads")]
    pub heads: usize,
    /// Hidden units of a block's perceptron.
    #[serde(rename = "intermediate_size")]
    pub perceptron_width: usize,
    /// Added to the variance in layer normalisation.
    pub layer_norm_eps: f64,
    /// Whether queries, keys and values have a bias.
    #[serde(default = "yes")]
    pub qkv_bias: bool,
    /// The perceptron's activation; `gelu` is the one that is known.
    pub hidden_act: String,
}

fn yes() -> bool {
    true
}

/// Largest value of any size in a configuration: an order of magnitude above the largest published model.
const LARGEST_SIZE: usize = 1 << 16;

impl VitConfig {
    /// Says what does not fit together, if anything.
    pub(crate) fn problem(&self) -> Option<String> {
        let sizes = [
            ("image_size", self.image_size),
            ("patch_size", self.patch_size),
            ("num_channels", self.channels),
            ("hidden_size", self.width),
            ("num_hidden_layers", self.layers),
            ("num_attention_heads", self.heads),
            ("intermediate_size", self.perceptron_width),
        ];
        if let Some((name, found)) = sizes.into_iter().find(|(_, size)| !(1..=LARGEST_SIZE).contains(size)) {
            return Some(format!("{name} is {found}, expected 1 to {LARGEST_SIZE}"));
        }
        if !self.image_size.is_multiple_of(self.patch_size) {
            return Some(format!(
                "image_size {} is not a multiple of patch_size {}",
                self.image_size, self.patch_size
            ));
        }
        if !self.width.is_multiple_of(self.heads) {
            return Some(format!(
                "hidden_size {} is not a multiple of num_attention_heads {}",
                self.width, self.heads
            ));
        }
        if !(self.layer_norm_eps > 0.0 && self.layer_norm_eps < 1.0) {
            return Some(format!(
                "layer_norm_eps is {}, expected a small positive number",
                self.layer_norm_eps
            ));
        }
        (self.hidden_act != "gelu").then(|| format!("hidden_act is {}, expected gelu", self.hidden_act))
    }

    fn patches(&self) -> usize {
        (self.image_size / self.patch_size).pow(2)
    }
}

/// A Vision Transformer.
#[derive(Module, Debug)]
pub struct Vit {
    patch_size: usize,
    patch_embedding: Linear,
    class_token: Param<Tensor<3>>,
    positions: Param<Tensor<3>>,
    blocks: Vec<Block>,
    norm: LayerNorm,
    pooler: Option<Linear>,
}

#[derive(Module, Debug)]
struct Block {
    heads: usize,
    norm_before_attention: LayerNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    norm_before_perceptron: LayerNorm,
    up: Linear,
    down: Linear,
}

impl Vit {
    /// The tokens after the last normalisation, class token first.
    ///
    /// # Shapes
    /// - `images`: `[batch, channels, image_size, image_size]`
    /// - returns `[batch, 1 + patches, width]`
    #[must_use]
    pub fn tokens(&self, images: Tensor<4>) -> Tensor<3> {
        let patches = self.patch_embedding.forward(patches(images, self.patch_size));
        let [batch, _, width] = patches.dims();
        let class = self.class_token.val().expand([batch, 1, width]);
        let mut tokens = Tensor::cat(vec![class, patches], 1) + self.positions.val();
        for block in &self.blocks {
            tokens = block.forward(tokens);
        }
        self.norm.forward(tokens)
    }

    /// The embedding: the pooler's output where the checkpoint has a pooler, else the normed class token.
    ///
    /// # Shapes
    /// - `images`: `[batch, channels, image_size, image_size]`
    /// - returns `[batch, width]`
    #[must_use]
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let tokens = self.tokens(images);
        let [batch, _, width] = tokens.dims();
        let class = tokens.slice([0..batch, 0..1, 0..width]).reshape([batch, width]);
        match &self.pooler {
            Some(pooler) => pooler.forward(class).tanh(),
            None => class,
        }
    }
}

impl Block {
    fn forward(&self, tokens: Tensor<3>) -> Tensor<3> {
        let normed = self.norm_before_attention.forward(tokens.clone());
        let [batch, count, width] = normed.dims();
        let head = width / self.heads;
        let split = |linear: &Linear| {
            linear.forward(normed.clone()).reshape([batch, count, self.heads, head]).swap_dims(1, 2)
        };
        let (query, key, value) = (split(&self.query), split(&self.key), split(&self.value));
        let attended = attention(query, key, value, None, None, AttentionModuleOptions::default());
        let tokens = tokens + self.output.forward(attended.swap_dims(1, 2).reshape([batch, count, width]));

        let normed = self.norm_before_perceptron.forward(tokens.clone());
        tokens + self.down.forward(gelu(self.up.forward(normed)))
    }
}

/// Cuts images into patches, each flattened as a convolution's weight is: `[channel, row, column]`.
///
/// `[batch, channels, height, width]` → `[batch, patches, channels · size²]`
fn patches(images: Tensor<4>, size: usize) -> Tensor<3> {
    let [batch, channels, height, width] = images.dims();
    let (down, across) = (height / size, width / size);
    images.reshape([batch, channels, down, size, across, size]).permute([0, 2, 4, 1, 3, 5]).reshape([
        batch,
        down * across,
        channels * size * size,
    ])
}

/// Reads the weights of `config` from a checkpoint in Transformers' naming.
///
/// # Errors
/// When a tensor is missing, left over, of another shape, not finite, or cannot be read.
pub(crate) fn load(
    config: &VitConfig,
    checkpoint: &mut Checkpoint,
    device: &Device,
) -> Result<Vit, CheckpointError> {
    let names = checkpoint.names();
    // A ViTForImageClassification keeps the encoder under `vit.`, and a head beside it.
    let prefix = if names.iter().any(|name| name.starts_with("vit.")) { "vit." } else { "" };
    let has_pooler = names.iter().any(|name| name.starts_with(&format!("{prefix}pooler.")));
    checkpoint.check(&expected(config, prefix, has_pooler), |name| {
        !prefix.is_empty() && name.starts_with("classifier.")
    })?;

    let mut weights = Weights { checkpoint, device, prefix };
    let (width, patch) = (config.width, config.patch_size);
    let patch_inputs = config.channels * patch * patch;
    let patch_embedding =
        weights.linear("embeddings.patch_embeddings.projection", patch_inputs, width, true)?;
    let class_token = Param::from_tensor(weights.tensor("embeddings.cls_token", [1, 1, width])?);
    let positions = weights.tensor("embeddings.position_embeddings", [1, config.patches() + 1, width])?;
    let blocks =
        (0..config.layers).map(|layer| load_block(config, &mut weights, layer)).collect::<Result<_, _>>()?;
    Ok(Vit {
        patch_size: patch,
        patch_embedding,
        class_token,
        positions: Param::from_tensor(positions),
        blocks,
        norm: weights.layer_norm("layernorm", config)?,
        pooler: if has_pooler { Some(weights.linear("pooler.dense", width, width, true)?) } else { None },
    })
}

fn load_block(config: &VitConfig, weights: &mut Weights<'_>, layer: usize) -> Result<Block, CheckpointError> {
    let (width, hidden) = (config.width, config.perceptron_width);
    let name = |part: &str| format!("encoder.layer.{layer}.{part}");
    Ok(Block {
        heads: config.heads,
        norm_before_attention: weights.layer_norm(&name("layernorm_before"), config)?,
        query: weights.linear(&name("attention.attention.query"), width, width, config.qkv_bias)?,
        key: weights.linear(&name("attention.attention.key"), width, width, config.qkv_bias)?,
        value: weights.linear(&name("attention.attention.value"), width, width, config.qkv_bias)?,
        output: weights.linear(&name("attention.output.dense"), width, width, true)?,
        norm_before_perceptron: weights.layer_norm(&name("layernorm_after"), config)?,
        up: weights.linear(&name("intermediate.dense"), width, hidden, true)?,
        down: weights.linear(&name("output.dense"), hidden, width, true)?,
    })
}

/// Every tensor that a checkpoint of `config` holds, under Transformers' names.
fn expected(config: &VitConfig, prefix: &str, has_pooler: bool) -> Vec<Expected> {
    let (width, hidden, patch) = (config.width, config.perceptron_width, config.patch_size);
    let mut expected = Vec::new();
    let mut add = |name: String, shape: &[usize]| {
        expected.push(Expected { name: format!("{prefix}{name}"), shape: shape.to_vec() });
    };
    add("embeddings.cls_token".into(), &[1, 1, width]);
    add("embeddings.position_embeddings".into(), &[1, config.patches() + 1, width]);
    add("embeddings.patch_embeddings.projection.weight".into(), &[width, config.channels, patch, patch]);
    add("embeddings.patch_embeddings.projection.bias".into(), &[width]);
    for layer in 0..config.layers {
        let mut linear = |part: &str, inputs: usize, outputs: usize, bias: bool| {
            add(format!("encoder.layer.{layer}.{part}.weight"), &[outputs, inputs]);
            if bias {
                add(format!("encoder.layer.{layer}.{part}.bias"), &[outputs]);
            }
        };
        for part in ["query", "key", "value"] {
            linear(&format!("attention.attention.{part}"), width, width, config.qkv_bias);
        }
        linear("attention.output.dense", width, width, true);
        linear("intermediate.dense", width, hidden, true);
        linear("output.dense", hidden, width, true);
        for norm in ["layernorm_before", "layernorm_after"] {
            add(format!("encoder.layer.{layer}.{norm}.weight"), &[width]);
            add(format!("encoder.layer.{layer}.{norm}.bias"), &[width]);
        }
    }
    add("layernorm.weight".into(), &[width]);
    add("layernorm.bias".into(), &[width]);
    if has_pooler {
        add("pooler.dense.weight".into(), &[width, width]);
        add("pooler.dense.bias".into(), &[width]);
    }
    expected
}

/// Reads layers by name. [`Checkpoint::check`] has already compared every shape.
struct Weights<'a> {
    checkpoint: &'a mut Checkpoint,
    device: &'a Device,
    prefix: &'a str,
}

impl Weights<'_> {
    fn tensor<const D: usize>(
        &mut self,
        name: &str,
        shape: [usize; D],
    ) -> Result<Tensor<D>, CheckpointError> {
        let values = self.checkpoint.read(&format!("{}{name}", self.prefix))?;
        Ok(Tensor::from_data(TensorData::new(values, shape), self.device))
    }

    /// A linear layer. PyTorch keeps `[outputs, inputs]`, Burn `[inputs, outputs]`.
    fn linear(
        &mut self,
        name: &str,
        inputs: usize,
        outputs: usize,
        bias: bool,
    ) -> Result<Linear, CheckpointError> {
        let weight = self.tensor(&format!("{name}.weight"), [outputs, inputs])?;
        let bias = match bias {
            true => Some(Param::from_tensor(self.tensor(&format!("{name}.bias"), [outputs])?)),
            false => None,
        };
        Ok(Linear { weight: Param::from_tensor(weight.transpose()), bias })
    }

    fn layer_norm(&mut self, name: &str, config: &VitConfig) -> Result<LayerNorm, CheckpointError> {
        let mut norm =
            LayerNormConfig::new(config.width).with_epsilon(config.layer_norm_eps).init(self.device);
        norm.gamma = Param::from_tensor(self.tensor(&format!("{name}.weight"), [config.width])?);
        norm.beta = Some(Param::from_tensor(self.tensor(&format!("{name}.bias"), [config.width])?));
        Ok(norm)
    }
}
