//! What learns: an encoder, what stands for hidden patches, and projectors onto prototypes. The teacher is another of the same.

use super::config::ProjectorChoice;
use crate::error::TrainError;
use crate::losses::unit;
use crate::random::{Purpose, stream};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;
use refcon_encoders::model::VisionTransformer;
use refcon_encoders::operations::product;
use refcon_encoders::{Execution, Head, HeadSizes, Pretrained};

/// Standard deviation of the perceptron's weights before training.
const SPREAD: f32 = 0.02;

/// Student or teacher.
#[derive(Module, Debug)]
pub struct DinoNetwork {
    /// The encoder's model.
    pub backbone: VisionTransformer,
    /// Stands for a hidden patch, `[1, 1, width]`.
    pub mask_token: Param<Tensor<3>>,
    /// Of class tokens, and of patches where those have none of their own.
    pub projector: Projector,
    /// Of patches.
    pub patch_projector: Option<Projector>,
}

/// A perceptron whose output is scaled to length 1, and prototypes that are: logits are cosines.
#[derive(Module, Debug)]
pub struct Projector {
    perceptron: Head,
    /// One a row, of any length, `[prototypes, bottleneck]`.
    prototypes: Param<Tensor<2>>,
}

impl DinoNetwork {
    /// The network before the first step, on the encoder's device.
    ///
    /// # Errors
    /// When the projector's sizes make none.
    pub fn initial(encoder: &Pretrained, choice: &ProjectorChoice, seed: u64) -> Result<Self, TrainError> {
        let (width, device) = (encoder.architecture().width, encoder.device());
        let projector = |number| {
            let projector = Projector::initial(choice, width, [seed, number], device)?;
            Ok::<_, TrainError>(projector.computed_by(encoder.model().execution()))
        };
        Ok(Self {
            backbone: encoder.model().clone(),
            mask_token: Param::from_tensor(Tensor::zeros([1, 1, width], device)),
            projector: projector(0)?,
            patch_projector: choice.separate.then(|| projector(1)).transpose()?,
        })
    }

    /// What patches go through.
    #[must_use]
    pub fn of_patches(&self) -> &Projector {
        self.patch_projector.as_ref().unwrap_or(&self.projector)
    }

    /// The class tokens, `[images, tokens, width]` → `[images, width]`.
    #[must_use]
    pub fn class_tokens(tokens: &Tensor<3>) -> Tensor<2> {
        let [images, _, width] = tokens.dims();
        tokens.clone().narrow(1, 0, 1).reshape([images, width])
    }

    /// The patches of all images one after the other, `[images, tokens, width]` → `[images · patches, width]`.
    #[must_use]
    pub fn patches(&self, tokens: &Tensor<3>) -> Tensor<2> {
        let [images, count, width] = tokens.dims();
        let leading = self.backbone.leading_tokens();
        let patches = count - leading;
        tokens.clone().narrow(1, leading, patches).reshape([images * patches, width])
    }
}

impl Projector {
    /// From parts: the perceptron, and prototypes of any length, `[prototypes, bottleneck]`.
    #[must_use]
    pub fn new(perceptron: Head, prototypes: Tensor<2>) -> Self {
        Self { perceptron, prototypes: Param::from_tensor(prototypes) }
    }

    /// Random weights as the authors draw them: normal ones for the perceptron, prototypes as PyTorch's linear layers.
    fn initial(
        choice: &ProjectorChoice,
        width: usize,
        [seed, number]: [u64; 2],
        device: &Device,
    ) -> Result<Self, TrainError> {
        let ProjectorChoice { hidden, bottleneck, prototypes, .. } = *choice;
        let sizes = HeadSizes { inputs: width, layers: vec![hidden, hidden, bottleneck], residual: false };
        let mut draw = stream(seed, Purpose::Weights, [3, number]);
        let mut inputs = width;
        let mut layers = Vec::new();
        for &units in &sizes.layers {
            let normal = (0..inputs * units).map(|_| SPREAD * crate::random::normal(&mut draw)).collect();
            layers.push((normal, vec![0.0; units]));
            inputs = units;
        }
        let bound = 1.0 / (bottleneck as f32).sqrt();
        let directions: Vec<f32> =
            (0..prototypes * bottleneck).map(|_| bound * (2.0 * draw.random::<f32>() - 1.0)).collect();
        let perceptron = Head::new(&sizes, layers, device)
            .map_err(|problem| TrainError::Setting(format!("projector: {problem}")))?;
        let directions = TensorData::new(directions, [prototypes, bottleneck]);
        Ok(Self::new(perceptron, Tensor::from_data(directions, device)))
    }

    /// The same, computed otherwise than in f32.
    fn computed_by(self, execution: Execution) -> Self {
        Self { perceptron: self.perceptron.computed_by(execution), ..self }
    }

    /// Cosines with the prototypes; where these are `frozen`, they get no gradient.
    ///
    /// `[rows, width]` → `[rows, prototypes]`
    #[must_use]
    pub fn logits(&self, tokens: Tensor<2>, frozen: bool) -> Tensor<2> {
        let prototypes = self.prototypes.val();
        let prototypes = if frozen { prototypes.detach() } else { prototypes };
        let directions = unit(self.perceptron.forward(tokens));
        product(directions, unit(prototypes).transpose(), self.perceptron.execution())
    }
}
