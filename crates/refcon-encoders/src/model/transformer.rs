//! The model itself, in Burn: for training and inference, on every device.

use super::layers::{self, Activation, LayerNorm, Linear};
use super::positions::{self, PositionResize};
use super::{Architecture, Pooling};
use crate::execution::Execution;
use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor, TensorData};
use rayon::prelude::*;
use refcon_kernels::Tier;
use std::collections::BTreeMap;

/// Tokens that a thread takes through all layers together, on the processor: what a layer leaves is still in its second cache when the
/// next one comes, its memory is used again, and threads need not wait for each other at every product.
const TOKENS_A_PART: usize = 400;

/// A vision transformer (Dosovitskiy et al., arXiv 2010.11929, and what was built on it).
#[derive(Module, Debug)]
pub struct VisionTransformer {
    #[module(skip)]
    execution: Execution,
    patch_size: usize,
    patch_embedding: Linear,
    class_token: Param<Tensor<3>>,
    distillation_token: Option<Param<Tensor<3>>>,
    registers: Option<Param<Tensor<3>>>,
    positions: Param<Tensor<3>>,
    #[module(skip)]
    position_resize: PositionResize,
    norm_before_blocks: Option<LayerNorm>,
    blocks: Vec<Block>,
    norm: LayerNorm,
    norm_after_pooling: bool,
    pooler: Option<Linear>,
    projection: Option<Linear>,
}

/// A block: attention and perceptron, each behind a normalisation and added to what came in.
#[derive(Module, Debug)]
pub(crate) struct Block {
    heads: usize,
    norm_before_attention: LayerNorm,
    qkv: Linear,
    attention_output: Linear,
    attention_scale: Option<Param<Tensor<1>>>,
    norm_before_perceptron: LayerNorm,
    up: Linear,
    #[module(skip)]
    activation: Activation,
    down: Linear,
    perceptron_scale: Option<Param<Tensor<1>>>,
}

/// Where a model's weights come from: tensors by this crate's names ([`Architecture::parts`]), in PyTorch's layout.
pub(crate) trait Weights {
    /// Why a tensor could not be had.
    type Error;

    /// The elements of a part, in row-major order.
    fn part(&mut self, name: &str) -> Result<Vec<f32>, Self::Error>;
}

/// Makes layers from weights.
pub(crate) struct Loader<'a, W> {
    pub(crate) weights: &'a mut W,
    pub(crate) device: &'a Device,
    /// What the layers will be computed by.
    pub(crate) execution: Execution,
}

impl<W: Weights> Loader<'_, W> {
    /// A loader of layers that are not rounded where weights are packed.
    fn in_f32(&mut self) -> Loader<'_, W> {
        let packs = self.execution.packs_for().is_some();
        let execution = if packs { Execution::in_tier(Tier::F32) } else { self.execution };
        Loader { weights: self.weights, device: self.device, execution }
    }

    pub(crate) fn tensor<const D: usize>(
        &mut self,
        name: &str,
        shape: [usize; D],
    ) -> Result<Tensor<D>, W::Error> {
        let values = self.weights.part(name)?;
        Ok(self.tensor_of(values, shape))
    }

    fn tensor_of<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values, shape), self.device)
    }

    pub(crate) fn param<const D: usize>(
        &mut self,
        name: &str,
        shape: [usize; D],
    ) -> Result<Param<Tensor<D>>, W::Error> {
        Ok(Param::from_tensor(self.tensor(name, shape)?))
    }

    pub(crate) fn linear(
        &mut self,
        name: &str,
        inputs: usize,
        outputs: usize,
        bias: bool,
    ) -> Result<Linear, W::Error> {
        let weight = self.weights.part(&format!("{name}.weight"))?;
        let bias = bias.then(|| self.tensor(&format!("{name}.bias"), [outputs])).transpose()?;
        Ok(match self.execution.packs_for() {
            Some(tier) => Linear::packed(tier, &weight, outputs, bias),
            None => Linear::new(self.tensor_of(weight, [outputs, inputs]), bias),
        })
    }

    /// The last layer of a block's branch, and its scale. Where weights are packed, the scale becomes part of them.
    fn end_of_branch(
        &mut self,
        name: &str,
        inputs: usize,
        outputs: usize,
        scale: Option<String>,
    ) -> Result<(Linear, Option<Param<Tensor<1>>>), W::Error> {
        let Some(scale) = scale else { return Ok((self.linear(name, inputs, outputs, true)?, None)) };
        let Some(tier) = self.execution.packs_for() else {
            return Ok((self.linear(name, inputs, outputs, true)?, Some(self.param(&scale, [outputs])?)));
        };
        let scale = self.weights.part(&scale)?;
        let mut weight = self.weights.part(&format!("{name}.weight"))?;
        let mut bias = self.weights.part(&format!("{name}.bias"))?;
        for ((row, bias), scale) in weight.chunks_exact_mut(inputs).zip(&mut bias).zip(scale) {
            row.iter_mut().for_each(|value| *value *= scale);
            *bias *= scale;
        }
        let bias = self.tensor_of(bias, [outputs]);
        Ok((Linear::packed(tier, &weight, outputs, Some(bias)), None))
    }

    pub(crate) fn norm(&mut self, name: &str, width: usize, eps: f64) -> Result<LayerNorm, W::Error> {
        let gamma = self.tensor(&format!("{name}.weight"), [width])?;
        let beta = self.tensor(&format!("{name}.bias"), [width])?;
        Ok(LayerNorm::new(gamma, beta, eps))
    }

    pub(crate) fn block(&mut self, prefix: &str, sizes: &Architecture) -> Result<Block, W::Error> {
        let (width, hidden, eps) = (sizes.width, sizes.perceptron_width, sizes.layer_norm_eps);
        let name = |part: &str| format!("{prefix}{part}");
        let scale = |part: &str| sizes.layer_scale.then(|| name(part));
        let (attention_output, attention_scale) =
            self.end_of_branch(&name("attention_output"), width, width, scale("attention_scale"))?;
        let (down, perceptron_scale) =
            self.end_of_branch(&name("down"), hidden, width, scale("perceptron_scale"))?;
        Ok(Block {
            heads: sizes.heads,
            norm_before_attention: self.norm(&name("norm_before_attention"), width, eps)?,
            qkv: self.linear(&name("qkv"), width, 3 * width, sizes.qkv_bias)?,
            attention_output,
            attention_scale,
            norm_before_perceptron: self.norm(&name("norm_before_perceptron"), width, eps)?,
            up: self.linear(&name("up"), width, hidden * sizes.activation.widening(), true)?,
            activation: sizes.activation,
            down,
            perceptron_scale,
        })
    }
}

impl VisionTransformer {
    /// Makes the model from weights, one tensor at a time.
    pub(crate) fn load<W: Weights>(
        sizes: &Architecture,
        weights: &mut W,
        device: &Device,
        execution: Execution,
    ) -> Result<Self, W::Error> {
        let mut loader = Loader { weights, device, execution };
        let (width, eps) = (sizes.width, sizes.layer_norm_eps);
        let pixels = sizes.channels * sizes.patch_size.pow(2);
        let distillation = sizes.distillation_token;
        Ok(Self {
            execution,
            patch_size: sizes.patch_size,
            patch_embedding: loader.in_f32().linear("patch", pixels, width, sizes.patch_bias)?,
            class_token: loader.param("class_token", [1, 1, width])?,
            distillation_token: distillation
                .then(|| loader.param("distillation_token", [1, 1, width]))
                .transpose()?,
            registers: (sizes.registers > 0)
                .then(|| loader.param("registers", [1, sizes.registers, width]))
                .transpose()?,
            positions: loader.param("positions", [1, sizes.positioned_tokens + sizes.patches(), width])?,
            position_resize: sizes.position_resize,
            norm_before_blocks: sizes
                .norm_before_blocks
                .then(|| loader.norm("norm_before_blocks", width, eps))
                .transpose()?,
            blocks: (0..sizes.layers)
                .map(|layer| loader.block(&format!("blocks.{layer}."), sizes))
                .collect::<Result<_, _>>()?,
            norm: loader.norm("norm", width, eps)?,
            norm_after_pooling: sizes.norm_after_pooling,
            pooler: sizes.pooler.then(|| loader.linear("pooler", width, width, true)).transpose()?,
            projection: match sizes.projection {
                Some(projection) => {
                    Some(loader.linear("projection", width, projection.width, projection.bias)?)
                }
                None => None,
            },
        })
    }

    /// The embedding of images.
    ///
    /// # Shapes
    /// - `images`: `[batch, channels, image_size, image_size]`
    /// - returns `[batch, dimension]`, as wide as `pooling` and the model make it
    ///
    /// # Panics
    /// If `pooling` asks for a pooler or a projection that the model does not have.
    #[must_use]
    pub fn embed(&self, images: Tensor<4>, pooling: Pooling) -> Tensor<2> {
        let [batch, _, height, width] = images.dims();
        let tokens = height * width / self.patch_size.pow(2) + self.leading_tokens();
        let part = (TOKENS_A_PART / tokens.max(1)).max(1);
        if self.execution.packs_for().is_none() || batch <= part {
            return self.embed_together(images, pooling);
        }
        let parts = images.split(part, 0).into_par_iter().with_max_len(1);
        Tensor::cat(parts.map(|part| self.embed_together(part, pooling)).collect(), 0)
    }

    fn embed_together(&self, images: Tensor<4>, pooling: Pooling) -> Tensor<2> {
        let tokens = self.tokens(images);
        let pooled = pooling.pool(&tokens, self.leading_tokens());
        let how = self.execution;
        let pooled =
            if self.norm_after_pooling { layers::layer_norm(&self.norm, pooled, how) } else { pooled };
        let with = |layer: &Option<Linear>, what: &str| match layer {
            Some(layer) => layers::linear(layer, pooled.clone(), how),
            None => panic!("the model has no {what}"),
        };
        match pooling {
            Pooling::Pooled => with(&self.pooler, "pooler").tanh(),
            Pooling::Projected => with(&self.projection, "projection"),
            _ => pooled,
        }
    }

    /// The tokens after the last normalisation (before it, where that comes after pooling): class token, distillation token,
    /// registers, patches row by row. For images of another size than `image_size` the positions are resampled.
    ///
    /// # Shapes
    /// - `images`: `[batch, channels, side, side]`, `side` a multiple of the patch size
    /// - returns `[batch, tokens, width]`
    #[must_use]
    pub fn tokens(&self, images: Tensor<4>) -> Tensor<3> {
        let patches = self.positioned_patches(images);
        self.encode(patches)
    }

    /// As [`VisionTransformer::tokens`], where `token` stands for the patches that are hidden, at their positions (Bao et al., `BEiT`,
    /// arXiv 2106.08254).
    ///
    /// # Shapes
    /// - `images`: `[batch, channels, side, side]`
    /// - `hidden`: `[batch, patches]`, 1 where a patch is hidden, else 0
    /// - `token`: `[1, 1, width]`
    /// - returns `[batch, tokens, width]`
    #[must_use]
    pub fn tokens_with_hidden(&self, images: Tensor<4>, hidden: Tensor<2>, token: Tensor<3>) -> Tensor<3> {
        let patches = self.embedded_patches(images);
        let [batch, count, _] = patches.dims();
        let hidden = hidden.reshape([batch, count, 1]);
        let seen = hidden.clone().neg().add_scalar(1.0);
        self.encode(patches * seen + token * hidden + self.positions_for(count))
    }

    /// What computes it.
    #[must_use]
    pub fn execution(&self) -> Execution {
        self.execution
    }

    /// Tokens that stand before the patches.
    #[must_use]
    pub fn leading_tokens(&self) -> usize {
        let registers = self.registers.as_ref().map_or(0, |registers| registers.dims()[1]);
        1 + usize::from(self.distillation_token.is_some()) + registers
    }

    /// The embedded patches with their positions.
    ///
    /// `[batch, channels, height, width]` → `[batch, patches, width]`
    pub(crate) fn positioned_patches(&self, images: Tensor<4>) -> Tensor<3> {
        let patches = self.embedded_patches(images);
        let count = patches.dims()[1];
        patches + self.positions_for(count)
    }

    /// As [`VisionTransformer::positioned_patches`], of some patches alone: `chosen` are their numbers in their image, `[batch, some]`.
    ///
    /// `[batch, channels, height, width]` → `[batch, some, width]`
    pub(crate) fn some_positioned_patches(&self, images: Tensor<4>, chosen: Tensor<2, Int>) -> Tensor<3> {
        let pixels = patches(images, self.patch_size);
        let [batch, count, values] = pixels.dims();
        let some = chosen.dims()[1];
        let positions = self.positions_for(count);
        let width = positions.dims()[2];
        let positions = positions.reshape([count, width]).select(0, chosen.clone().reshape([batch * some]));
        let numbers = Tensor::<1, Int>::arange(0..batch as i64, (&pixels.device(), chosen.dtype()));
        let images = numbers.mul_scalar(count as i64);
        let rows = (chosen + images.reshape([batch, 1])).reshape([batch * some]);
        let pixels = pixels.reshape([batch * count, values]).select(0, rows).reshape([batch, some, values]);
        let embedded = layers::linear(&self.patch_embedding, pixels, self.execution);
        embedded + positions.reshape([batch, some, width])
    }

    fn embedded_patches(&self, images: Tensor<4>) -> Tensor<3> {
        layers::linear(&self.patch_embedding, patches(images, self.patch_size), self.execution)
    }

    /// Positions of the patches of a square image, `[1, patches, width]`.
    fn positions_for(&self, patches: usize) -> Tensor<3> {
        let (positions, stored) = (self.positions.val(), self.patch_positions());
        let leading = positions.dims()[1] - stored;
        positions::resampled(positions.narrow(1, leading, stored), patches.isqrt(), self.position_resize)
    }

    /// Runs the blocks over patches that have their positions, all of them or those that a mask leaves.
    ///
    /// `[batch, patches, width]` → `[batch, leading + patches, width]`
    pub(crate) fn encode(&self, patches: Tensor<3>) -> Tensor<3> {
        let [batch, _, width] = patches.dims();
        let mut leading = self.class_token.val();
        if let Some(distillation) = &self.distillation_token {
            leading = Tensor::cat(vec![leading, distillation.val()], 1);
        }
        let count = leading.dims()[1];
        // Where the leading tokens have no positions, those are part of the tokens.
        if self.positions.dims()[1] > self.patch_positions() {
            leading = leading + self.positions.val().narrow(1, 0, count);
        }
        if let Some(registers) = &self.registers {
            leading = Tensor::cat(vec![leading, registers.val()], 1);
        }
        let count = leading.dims()[1];
        let mut tokens = Tensor::cat(vec![leading.expand([batch, count, width]), patches], 1);
        if let Some(norm) = &self.norm_before_blocks {
            tokens = layers::layer_norm(norm, tokens, self.execution);
        }
        for block in &self.blocks {
            tokens = block.forward(tokens, self.execution);
        }
        if self.norm_after_pooling { tokens } else { layers::layer_norm(&self.norm, tokens, self.execution) }
    }

    /// The same with positions that training does not change.
    pub(crate) fn with_fixed_positions(self) -> Self {
        Self { positions: self.positions.set_require_grad(false), ..self }
    }

    /// Whether the weights are packed for inference: such a model cannot be written.
    pub(crate) fn is_packed(&self) -> bool {
        self.execution.packs_for().is_some()
    }

    /// Positions that belong to patches: the largest square among all.
    fn patch_positions(&self) -> usize {
        self.positions.dims()[1].isqrt().pow(2)
    }

    /// Every tensor by this crate's name, for writing.
    pub(crate) fn weights(&self) -> Named {
        let mut named = Named::default();
        named.linear("patch", &self.patch_embedding);
        named.add("class_token", self.class_token.val());
        if let Some(token) = &self.distillation_token {
            named.add("distillation_token", token.val());
        }
        if let Some(registers) = &self.registers {
            named.add("registers", registers.val());
        }
        named.add("positions", self.positions.val());
        if let Some(norm) = &self.norm_before_blocks {
            named.norm("norm_before_blocks", norm);
        }
        for (layer, block) in self.blocks.iter().enumerate() {
            named.block(&format!("blocks.{layer}."), block);
        }
        named.norm("norm", &self.norm);
        if let Some(pooler) = &self.pooler {
            named.linear("pooler", pooler);
        }
        if let Some(projection) = &self.projection {
            named.linear("projection", projection);
        }
        named
    }
}

impl Block {
    /// `[batch, tokens, width]` → the same
    pub(crate) fn forward(&self, tokens: Tensor<3>, how: Execution) -> Tensor<3> {
        let normed = layers::layer_norm(&self.norm_before_attention, tokens.clone(), how);
        let attended = layers::attention(layers::linear(&self.qkv, normed, how), self.heads, how);
        let scale = self.attention_scale.as_ref();
        let tokens = layers::linear_onto(&self.attention_output, scale, attended, tokens, how);

        let normed = layers::layer_norm(&self.norm_before_perceptron, tokens.clone(), how);
        let scale = self.perceptron_scale.as_ref();
        layers::perceptron([&self.up, &self.down], self.activation, scale, normed, tokens, how)
    }
}

/// A model's tensors by this crate's names, each copied out in PyTorch's layout only when it is asked for.
#[derive(Default)]
pub(crate) struct Named(BTreeMap<String, Box<dyn FnOnce() -> Vec<f32>>>);

impl Named {
    /// The elements of a tensor, row-major; none if there is no such tensor or it has been taken.
    pub(crate) fn take(&mut self, name: &str) -> Option<Vec<f32>> {
        self.0.remove(name).map(|elements| elements())
    }

    /// These tensors and those.
    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(crate) fn add<const D: usize>(&mut self, name: impl Into<String>, tensor: Tensor<D>) {
        let elements = move || tensor.into_data().iter::<f32>().collect();
        self.0.insert(name.into(), Box::new(elements));
    }

    pub(crate) fn linear(&mut self, name: &str, layer: &Linear) {
        if let Some(weight) = layer.weight() {
            self.add(format!("{name}.weight"), weight);
        }
        if let Some(bias) = layer.bias() {
            self.add(format!("{name}.bias"), bias);
        }
    }

    pub(crate) fn norm(&mut self, name: &str, norm: &LayerNorm) {
        self.add(format!("{name}.weight"), norm.gamma.val());
        self.add(format!("{name}.bias"), norm.beta.val());
    }

    pub(crate) fn block(&mut self, prefix: &str, block: &Block) {
        self.norm(&format!("{prefix}norm_before_attention"), &block.norm_before_attention);
        self.linear(&format!("{prefix}qkv"), &block.qkv);
        self.linear(&format!("{prefix}attention_output"), &block.attention_output);
        self.norm(&format!("{prefix}norm_before_perceptron"), &block.norm_before_perceptron);
        self.linear(&format!("{prefix}up"), &block.up);
        self.linear(&format!("{prefix}down"), &block.down);
        for (name, scale) in
            [("attention_scale", &block.attention_scale), ("perceptron_scale", &block.perceptron_scale)]
        {
            if let Some(scale) = scale {
                self.add(format!("{prefix}{name}"), scale.val());
            }
        }
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
