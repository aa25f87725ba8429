//! What is trained: an encoder's model, low-rank changes to it, a head, and the proxies of a loss.

use crate::config::{Config, HeadChoice, LossChoice, Tuning};
use crate::error::TrainError;
use crate::random::{Purpose, stream};
use crate::tuning::Adapters;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;
use refcon_encoders::model::VisionTransformer;
use refcon_encoders::{Encoder, Head, HeadSizes, Pretrained, Texture, device};

/// The encoder that training starts from.
#[derive(Debug)]
pub enum Base {
    /// The texture descriptor, which has no weights.
    Texture(Texture),
    /// A checkpoint's.
    Pretrained(Box<Pretrained>),
}

impl Base {
    /// It as an encoder.
    #[must_use]
    pub fn encoder(&self) -> &dyn Encoder {
        match self {
            Self::Texture(texture) => texture,
            Self::Pretrained(pretrained) => &**pretrained,
        }
    }

    /// Where its network is trained: a head alone is too small for anything but the processor.
    #[must_use]
    pub fn device(&self, tuning: &Tuning) -> Device {
        match (self, tuning) {
            (
                Self::Pretrained(pretrained),
                Tuning::LastBlocks { .. } | Tuning::Lora { .. } | Tuning::Full {},
            ) => pretrained.device().clone(),
            _ => device::cpu().autodiff(),
        }
    }

    /// Blocks of its model; 0 without one.
    #[must_use]
    pub fn layers(&self) -> usize {
        match self {
            Self::Texture(_) => 0,
            Self::Pretrained(pretrained) => pretrained.architecture().layers,
        }
    }
}

/// The network. Parts that are not trained and not needed are not there.
#[derive(Module, Debug)]
pub struct Network {
    /// The encoder's model, where embeddings are not made once and for all.
    pub backbone: Option<VisionTransformer>,
    /// Low-rank changes to it.
    pub adapters: Option<Adapters>,
    /// What its embeddings go through.
    pub head: Option<Head>,
    /// Points that stand for classes, `[classes · centres, components]`; part of the loss and not of the encoder.
    pub proxies: Option<Param<Tensor<2>>>,
}

impl Network {
    /// The network of a configuration before the first step. `own` is the head that the encoder has.
    ///
    /// # Errors
    /// When the head's sizes do not fit the encoder.
    pub fn initial(
        config: &Config,
        base: &Base,
        own: Option<Head>,
        classes: usize,
    ) -> Result<Self, TrainError> {
        let device = base.device(&config.tuning);
        let components = base.encoder().dimension();
        let head = match (&config.head, own) {
            (HeadChoice::Auto {}, Some(own)) => Some(own),
            (choice, _) => initial_head(choice, components, config.seed, &device)?,
        };
        let embedded = head.as_ref().map_or(components, Head::dimension);
        let points = match &config.loss {
            LossChoice::ProxyAnchor { .. } => classes,
            LossChoice::SubCentreArcface { sub_centres, .. } => classes * sub_centres,
            _ => 0,
        };
        let proxies = (points > 0).then(|| initial_proxies(points, embedded, config.seed, &device));
        let (backbone, adapters) = match (base, &config.tuning) {
            (Base::Texture(_), _) | (_, Tuning::Head {}) => (None, None),
            (Base::Pretrained(pretrained), Tuning::Lora { rank, alpha }) => {
                let sizes = pretrained.architecture();
                let adapters =
                    Adapters::initial(sizes.layers, sizes.width, *rank, *alpha, config.seed, &device);
                (Some(pretrained.model().clone()), Some(adapters))
            }
            (Base::Pretrained(pretrained), Tuning::LastBlocks { .. } | Tuning::Full {}) => {
                (Some(pretrained.model().clone()), None)
            }
        };
        Ok(Self { backbone, adapters, head, proxies })
    }

    /// The encoder's model with the low-rank changes in its weights.
    #[must_use]
    pub fn model(&self) -> Option<VisionTransformer> {
        let model = self.backbone.clone()?;
        Some(match &self.adapters {
            Some(adapters) => adapters.onto(model),
            None => model,
        })
    }
}

fn initial_head(
    choice: &HeadChoice,
    inputs: usize,
    seed: u64,
    device: &Device,
) -> Result<Option<Head>, TrainError> {
    let (layers, residual) = match choice {
        HeadChoice::None {} => return Ok(None),
        HeadChoice::Auto {} => (vec![inputs], true),
        HeadChoice::Linear { components, residual } => (vec![components.unwrap_or(inputs)], *residual),
        HeadChoice::Perceptron { hidden, components, residual } => {
            (vec![*hidden, components.unwrap_or(inputs)], *residual)
        }
    };
    let sizes = HeadSizes { inputs, layers, residual };
    let wrong = |problem: String| {
        TrainError::Setting(format!("head: {problem}; residual: false allows other numbers of components"))
    };
    if let Some(problem) = sizes.problem() {
        return Err(wrong(problem));
    }
    let mut weights = Vec::new();
    let mut fan_in = inputs;
    for (layer, &units) in sizes.layers.iter().enumerate() {
        let mut draw = stream(seed, Purpose::Weights, [0, layer as u64]);
        // PyTorch's for linear layers; the last of a residual head starts at zero, so that the head changes nothing.
        let zero = residual && layer + 1 == sizes.layers.len();
        let bound = if zero { 0.0 } else { 1.0 / (fan_in as f32).sqrt() };
        let mut drawn =
            |count: usize| (0..count).map(|_| bound * (2.0 * draw.random::<f32>() - 1.0)).collect::<Vec<_>>();
        weights.push((drawn(units * fan_in), drawn(units)));
        fan_in = units;
    }
    Head::new(&sizes, weights, device).map(Some).map_err(wrong)
}

/// Normal, which gives directions of no preference.
fn initial_proxies(points: usize, components: usize, seed: u64, device: &Device) -> Param<Tensor<2>> {
    let mut draw = stream(seed, Purpose::Weights, [2, 0]);
    let normal = |_| {
        // Box and Muller's: a uniform of zero has no logarithm.
        let (radius, angle) = (1.0 - draw.random::<f64>(), draw.random::<f64>());
        ((-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()) as f32
    };
    let values: Vec<f32> = (0..points * components).map(normal).collect();
    Param::from_tensor(Tensor::from_data(TensorData::new(values, [points, components]), device))
}
