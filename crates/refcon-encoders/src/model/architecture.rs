//! What tells one vision transformer from another: sizes and the few choices in which the families differ.

use super::Activation;
use super::positions::PositionResize;

/// Largest value of any size: an order of magnitude above the largest published model.
const LARGEST_SIZE: usize = 1 << 16;

/// A vision transformer's sizes and choices.
#[derive(Debug, Clone, PartialEq)]
pub struct Architecture {
    /// Side of the square input, in pixels.
    pub image_size: usize,
    /// Side of a square patch, in pixels.
    pub patch_size: usize,
    /// Input channels.
    pub channels: usize,
    /// Components of a token.
    pub width: usize,
    /// Transformer blocks.
    pub layers: usize,
    /// Attention heads of a block.
    pub heads: usize,
    /// Hidden units of a block's perceptron, after its activation.
    pub perceptron_width: usize,
    /// The perceptron's activation.
    pub activation: Activation,
    /// Added to the variance in layer normalisation.
    pub layer_norm_eps: f64,
    /// Whether queries, keys and values have a bias.
    pub qkv_bias: bool,
    /// Whether the patch embedding has a bias.
    pub patch_bias: bool,
    /// Whether a distillation token follows the class token.
    pub distillation_token: bool,
    /// Register tokens, which follow the class token and have no position.
    pub registers: usize,
    /// Tokens before the patches that have a position: 0, 1 (class) or 2 (class, distillation).
    pub positioned_tokens: usize,
    /// Whether each branch of a block ends in a learned scale.
    pub layer_scale: bool,
    /// Whether the tokens are normalised before the first block.
    pub norm_before_blocks: bool,
    /// Whether the last normalisation comes after pooling instead of before it.
    pub norm_after_pooling: bool,
    /// Whether there is a pooler: a linear layer and tanh, on the class token.
    pub pooler: bool,
    /// The layer after pooling, if any: CLIP's projection, a classifier's logits.
    pub projection: Option<Projection>,
    /// How the positions are resampled for another image size.
    pub position_resize: PositionResize,
}

/// The layer after pooling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Projection {
    /// Components of its output.
    pub width: usize,
    /// Whether it has a bias.
    pub bias: bool,
}

impl Architecture {
    /// The original vision transformer (Dosovitskiy et al., arXiv 2010.11929) of any width and depth: heads of 64 components, a
    /// perceptron four times as wide, nothing after the last normalisation.
    #[must_use]
    pub fn vit([image_size, patch_size]: [usize; 2], channels: usize, width: usize, layers: usize) -> Self {
        Self {
            image_size,
            patch_size,
            channels,
            width,
            layers,
            heads: (width / 64).max(1),
            perceptron_width: 4 * width,
            activation: Activation::Gelu,
            layer_norm_eps: 1e-6,
            qkv_bias: true,
            patch_bias: true,
            distillation_token: false,
            registers: 0,
            positioned_tokens: 1,
            layer_scale: false,
            norm_before_blocks: false,
            norm_after_pooling: false,
            pooler: false,
            projection: None,
            position_resize: PositionResize::Bicubic,
        }
    }

    /// Says what does not fit together, if anything.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
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
        let eps = self.layer_norm_eps;
        (!(eps > 0.0 && eps < 1.0))
            .then(|| format!("layer_norm_eps is {eps}, expected a small positive number"))
    }

    /// Patches of an image.
    #[must_use]
    pub fn patches(&self) -> usize {
        (self.image_size / self.patch_size).pow(2)
    }

    /// Tokens before the patches.
    #[must_use]
    pub fn leading_tokens(&self) -> usize {
        1 + usize::from(self.distillation_token) + self.registers
    }

    /// Numbers in the whole model.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.parts().iter().map(|part| part.shape.iter().product::<usize>()).sum()
    }

    /// Every tensor of the model, by the name that this crate gives it, in PyTorch's layout.
    #[must_use]
    pub fn parts(&self) -> Vec<Part> {
        let width = self.width;
        let mut parts = Parts::default();
        parts.add("patch.weight", &[width, self.channels, self.patch_size, self.patch_size]);
        if self.patch_bias {
            parts.add("patch.bias", &[width]);
        }
        parts.add("class_token", &[1, 1, width]);
        if self.distillation_token {
            parts.add("distillation_token", &[1, 1, width]);
        }
        if self.registers > 0 {
            parts.add("registers", &[1, self.registers, width]);
        }
        parts.add("positions", &[1, self.positioned_tokens + self.patches(), width]);
        if self.norm_before_blocks {
            parts.norm("norm_before_blocks", width);
        }
        for layer in 0..self.layers {
            parts.block(&format!("blocks.{layer}."), self);
        }
        parts.norm("norm", width);
        if self.pooler {
            parts.linear("pooler", width, width, true);
        }
        if let Some(projection) = self.projection {
            parts.linear("projection", width, projection.width, projection.bias);
        }
        parts.0
    }
}

/// A tensor of a model: this crate's name for it and its shape in PyTorch's layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Such as `blocks.3.qkv.weight`.
    pub name: String,
    /// Length of each axis.
    pub shape: Vec<usize>,
}

/// A list of parts that is being made.
#[derive(Debug, Default)]
pub(crate) struct Parts(pub(crate) Vec<Part>);

impl Parts {
    pub(crate) fn add(&mut self, name: impl Into<String>, shape: &[usize]) {
        self.0.push(Part { name: name.into(), shape: shape.to_vec() });
    }

    pub(crate) fn linear(&mut self, name: &str, inputs: usize, outputs: usize, bias: bool) {
        self.add(format!("{name}.weight"), &[outputs, inputs]);
        if bias {
            self.add(format!("{name}.bias"), &[outputs]);
        }
    }

    pub(crate) fn norm(&mut self, name: &str, width: usize) {
        self.add(format!("{name}.weight"), &[width]);
        self.add(format!("{name}.bias"), &[width]);
    }

    /// A block of `sizes`, an architecture of which only the blocks matter.
    pub(crate) fn block(&mut self, prefix: &str, sizes: &Architecture) {
        let (width, hidden) = (sizes.width, sizes.perceptron_width);
        self.norm(&format!("{prefix}norm_before_attention"), width);
        self.linear(&format!("{prefix}qkv"), width, 3 * width, sizes.qkv_bias);
        self.linear(&format!("{prefix}attention_output"), width, width, true);
        self.norm(&format!("{prefix}norm_before_perceptron"), width);
        self.linear(&format!("{prefix}up"), width, hidden * sizes.activation.widening(), true);
        self.linear(&format!("{prefix}down"), hidden, width, true);
        if sizes.layer_scale {
            self.add(format!("{prefix}attention_scale"), &[width]);
            self.add(format!("{prefix}perceptron_scale"), &[width]);
        }
    }
}
