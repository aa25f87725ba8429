//! From tokens to one embedding.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// What of a model's output becomes the embedding. Tokens are taken after the model's last normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// The normed class token: DINOv2's and CLIP's pooler output, ViT's and ViT-MAE's first token.
    Class,
    /// The output of the pooler (a linear layer and tanh on the class token), for a ViT that has one.
    Pooled,
    /// The output of the layer after the class token: CLIP's projection, a classifier's logits.
    Projected,
    /// The mean of the patch tokens.
    PatchMean,
    /// The class token, then the mean of the patch tokens.
    ClassAndMean,
    /// Generalised mean of the patch tokens with this power (Radenović et al., arXiv 1711.02512); negative components count as 0.
    Gem(f32),
}

/// Below this the generalised mean takes a component as this: a power of zero has no slope to train on.
const SMALLEST_IN_GEM: f32 = 1e-6;

impl Pooling {
    /// Components of the embedding of a model of this width, if the model is not projected.
    pub(crate) fn dimension(self, width: usize) -> usize {
        match self {
            Self::ClassAndMean => 2 * width,
            Self::Class | Self::Pooled | Self::Projected | Self::PatchMean | Self::Gem(_) => width,
        }
    }

    /// `[batch, tokens, width]` → `[batch, width]`, twice as wide for [`Pooling::ClassAndMean`]; `leading` tokens stand before
    /// the patches, the class token first. The pooler and the projection are the model's.
    #[must_use]
    pub fn pool(self, tokens: &Tensor<3>, leading: usize) -> Tensor<2> {
        let [batch, count, width] = tokens.dims();
        let class = || tokens.clone().narrow(1, 0, 1).reshape([batch, width]);
        let patches = || tokens.clone().narrow(1, leading, count - leading);
        let mean = |tokens: Tensor<3>| tokens.mean_dim(1).reshape([batch, width]);
        match self {
            Self::Class | Self::Pooled | Self::Projected => class(),
            Self::PatchMean => mean(patches()),
            Self::ClassAndMean => Tensor::cat(vec![class(), mean(patches())], 1),
            Self::Gem(power) => {
                mean(patches().clamp_min(SMALLEST_IN_GEM).powf_scalar(power)).powf_scalar(1.0 / power)
            }
        }
    }
}
