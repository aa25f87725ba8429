//! What stands in a training's configuration, section by section, each with its defaults.
//!
//! A section with a `kind` has the keys of that kind and no others: a key that the chosen kind would not read is an error.

use super::ConfigError;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The labelled tiles and how some of them are held out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Folder with one folder of tiles a class.
    pub train: Option<PathBuf>,
    /// CSV with a tile's path and its group (survey, line block, near-duplicates): groups are held out whole.
    pub groups: Option<PathBuf>,
    /// The column of `groups` that names the group.
    pub group_column: String,
    /// Share of each class that is held out for validation.
    pub validation_share: f64,
    /// CSV with the columns `path` and `label`: further tiles to train on, of the same classes, which are never held out.
    pub added: Option<PathBuf>,
}

/// Which tiles make a batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Sampling {
    /// An anchor, a tile of its class and a tile of another: every tile is an anchor once an epoch.
    Triplets {
        /// Triplets of a batch.
        #[serde(default = "batch_of_triplets")]
        batch: usize,
        /// Classes whose tiles are no anchors; they are negatives all the same.
        #[serde(default = "boring")]
        exclude_anchor_classes: Vec<String>,
    },
    /// Some tiles of each of some classes.
    Classes {
        /// Classes of a batch (all, where there are fewer).
        #[serde(default = "classes_of_a_batch")]
        classes: usize,
        /// Tiles of each (Hermans et al., arXiv 1703.07737).
        #[serde(default = "tiles_of_a_class")]
        tiles: usize,
    },
    /// Every tile once an epoch, in any order.
    Shuffled {
        /// Tiles of a batch.
        #[serde(default = "shuffled_batch")]
        batch: usize,
    },
}

/// What is done to a tile at random before it becomes the model's input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Augmentation {
    /// Nothing: the encoder's own preprocessing.
    None {},
    /// The challenge's: contrast, random resized crop, random autocontrast, random flip from left to right.
    Crops {
        /// Contrast factor; the encoder's own where it is left out.
        #[serde(default)]
        contrast: Option<f32>,
        /// Least and greatest share of the tile's area.
        #[serde(default = "crop_scale")]
        scale: [f64; 2],
        /// Least and greatest width over height.
        #[serde(default = "crop_ratio")]
        ratio: [f64; 2],
        /// Probability of autocontrast.
        #[serde(default = "half")]
        autocontrast: f64,
        /// Probability of a flip.
        #[serde(default = "half")]
        flip: f64,
    },
}

/// Which weights of the encoder are trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Tuning {
    /// None: the head alone, on embeddings that are made once.
    Head {},
    /// The last blocks, the last normalisation and what comes after them.
    LastBlocks {
        /// How many blocks.
        #[serde(default = "last_blocks")]
        blocks: usize,
    },
    /// Low-rank changes to the attention's weights (Hu et al., arXiv 2106.09685), added to the weights when the encoder is written.
    Lora {
        /// Rank.
        #[serde(default = "lora_rank")]
        rank: usize,
        /// The change is scaled by `alpha / rank`.
        #[serde(default = "lora_alpha")]
        alpha: f64,
    },
    /// All.
    Full {},
}

/// What is put on top of the encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum HeadChoice {
    /// The head that the encoder has, trained further; where it has none, `linear`.
    Auto {},
    /// Nothing; a head that the encoder has is taken off.
    None {},
    /// A new linear layer, in place of a head that the encoder has.
    Linear {
        /// Components that come out; as many as go in where it is left out.
        #[serde(default)]
        components: Option<usize>,
        /// Whether the layer starts at zero and the embedding is added to it: training starts from the encoder as it is, and weight
        /// decay pulls towards it.
        #[serde(default = "yes")]
        residual: bool,
    },
    /// Two new linear layers with GELU between them, in place of a head that the encoder has.
    Perceptron {
        /// Units between them.
        #[serde(default = "hidden_units")]
        hidden: usize,
        /// Components that come out; as many as go in where it is left out.
        #[serde(default)]
        components: Option<usize>,
        /// As for `linear`.
        #[serde(default = "no")]
        residual: bool,
    },
}

/// A distance between embeddings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distance {
    /// `‖a − b‖`.
    Euclidean,
    /// `1 − cos(a, b)`.
    Cosine,
}

/// What training makes small; formulas and sources are in [`crate::losses`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum LossChoice {
    /// Triplet margin.
    Triplet {
        /// Distance between embeddings.
        #[serde(default = "euclidean")]
        distance: Distance,
        /// How much further the negative has to be.
        #[serde(default = "margin")]
        margin: f64,
        /// Whether the negative's distance is the smaller one of those to anchor and positive.
        #[serde(default = "yes")]
        swap: bool,
    },
    /// Multi-similarity.
    MultiSimilarity {
        /// Sharpness of the positives' term.
        #[serde(default = "ms_alpha")]
        alpha: f64,
        /// Sharpness of the negatives' term.
        #[serde(default = "ms_beta")]
        beta: f64,
        /// Similarity that pairs are compared with.
        #[serde(default = "half")]
        base: f64,
    },
    /// Supervised contrastive.
    SupervisedContrastive {
        /// Divides the similarities.
        #[serde(default = "temperature")]
        temperature: f64,
    },
    /// `ProxyAnchor`.
    ProxyAnchor {
        /// Margin of the cosine.
        #[serde(default = "proxy_margin")]
        margin: f64,
        /// Sharpness.
        #[serde(default = "proxy_alpha")]
        alpha: f64,
        /// How many times as fast the proxies learn.
        #[serde(default = "proxy_rate")]
        proxy_rate: f64,
    },
    /// `ArcFace` with several centres a class.
    SubCentreArcface {
        /// Margin in degrees.
        #[serde(default = "arcface_margin")]
        margin: f64,
        /// Scale of the logits.
        #[serde(default = "arcface_scale")]
        scale: f64,
        /// Centres of a class.
        #[serde(default = "sub_centres")]
        sub_centres: usize,
        /// How many times as fast the centres learn.
        #[serde(default = "proxy_rate")]
        proxy_rate: f64,
    },
}

/// Which triplets of a batch the triplet loss sees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum MiningChoice {
    /// Those that were sampled.
    None {},
    /// For every anchor its furthest positive and its nearest negative.
    BatchHard {},
    /// Every triplet whose negative is further than its positive, but by less than the margin.
    SemiHard {},
    /// Negatives drawn so that their distances are spread evenly.
    DistanceWeighted {
        /// Distances below count as this.
        #[serde(default = "half")]
        cutoff: f64,
        /// Negatives further than this are not drawn.
        #[serde(default = "no_loss_beyond")]
        no_loss_beyond: f64,
    },
}

/// `AdamW` and what is around it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimiserSettings {
    /// Learning rate before the schedule.
    pub learning_rate: f64,
    /// Decoupled weight decay of weights with more than one axis.
    pub weight_decay: f64,
    /// Decay of the first moment.
    pub beta_1: f64,
    /// Decay of the second moment.
    pub beta_2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Greatest length of the gradient; longer ones are shortened.
    pub clip_norm: Option<f64>,
    /// Batches whose gradients make one step.
    pub accumulate: usize,
    /// Decay of a moving average of the weights; the average is validated and kept, where there is one.
    pub average: Option<f64>,
    /// Each block learns this many times as fast as the one after it.
    pub layer_decay: f64,
}

/// How the learning rate changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// Not at all.
    Constant {},
    /// Halved when the validation has not got better for some time.
    HalveOnPlateau {
        /// Validations without improvement before it is halved.
        #[serde(default = "plateau_patience")]
        patience: u64,
    },
    /// Rises evenly, then falls as a cosine does (Loshchilov & Hutter, arXiv 1608.03983).
    WarmUpCosine {
        /// Share of all steps in which it rises.
        #[serde(default = "warm_up")]
        warm_up: f64,
        /// Share of the learning rate that is left at the end.
        #[serde(default = "zero")]
        floor: f64,
    },
}

/// What decides which weights are the best ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// The triplet loss of fixed triplets of held-out tiles; smaller is better.
    TripletLoss,
    /// Mean average precision at R of held-out tiles among the training tiles.
    MapAtR,
    /// Share of hits among the first R.
    RPrecision,
    /// Share of hits among the nearest.
    PrecisionAt1,
}

/// How training is judged while it runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validation {
    /// Epochs between validations.
    pub every_epochs: u64,
    /// What decides.
    pub choose_by: Criterion,
    /// Training tiles of a class that the held-out tiles are searched in, at most; all where it is left out.
    pub library_tiles: Option<usize>,
}

/// When training ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stopping {
    /// Epochs at most.
    pub epochs: u64,
    /// Validations without improvement before it ends; never early where it is left out.
    pub patience: Option<u64>,
    /// Batches of an epoch at most.
    pub batches: Option<usize>,
}

impl Stopping {
    /// Whether there is anything to train before it ends.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let batches = self.batches.map_or(1, |most| most as u64);
        match [("epochs", self.epochs), ("batches", batches)].into_iter().find(|(_, most)| *most == 0) {
            Some((key, _)) => Err(ConfigError::Senseless(format!(
                "stopping.{key} is 0, expected at least 1: nothing would be trained"
            ))),
            None => Ok(()),
        }
    }
}

/// What a run's folder holds for people and for other programs to look at; nothing of it needs an account or a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tracking {
    /// A page at the end, `report.html`: it embeds every held-out and training tile once more.
    pub report: bool,
    /// An event file for `TensorBoard`: `tensorboard --logdir runs`.
    pub tensorboard: bool,
    /// An offline run for Weights & Biases: `wandb sync runs/NAME/wandb/offline-run-*`.
    pub wandb: bool,
}

impl Default for Tracking {
    fn default() -> Self {
        Self { report: true, tensorboard: true, wandb: false }
    }
}

fn batch_of_triplets() -> usize {
    16
}
fn boring() -> Vec<String> {
    vec!["Boring".into()]
}
fn classes_of_a_batch() -> usize {
    4
}
fn tiles_of_a_class() -> usize {
    8
}
fn shuffled_batch() -> usize {
    32
}
fn crop_scale() -> [f64; 2] {
    [0.08, 1.0]
}
fn crop_ratio() -> [f64; 2] {
    [3.0 / 4.0, 4.0 / 3.0]
}
fn half() -> f64 {
    0.5
}
fn last_blocks() -> usize {
    2
}
fn lora_rank() -> usize {
    8
}
fn lora_alpha() -> f64 {
    16.0
}
fn yes() -> bool {
    true
}
fn no() -> bool {
    false
}
fn hidden_units() -> usize {
    256
}
fn euclidean() -> Distance {
    Distance::Euclidean
}
fn margin() -> f64 {
    1.0
}
fn ms_alpha() -> f64 {
    2.0
}
fn ms_beta() -> f64 {
    50.0
}
fn temperature() -> f64 {
    0.1
}
fn proxy_margin() -> f64 {
    0.1
}
fn proxy_alpha() -> f64 {
    32.0
}
fn proxy_rate() -> f64 {
    100.0
}
fn arcface_margin() -> f64 {
    28.6
}
fn arcface_scale() -> f64 {
    64.0
}
fn sub_centres() -> usize {
    3
}
fn no_loss_beyond() -> f64 {
    1.4
}
fn plateau_patience() -> u64 {
    5
}
fn warm_up() -> f64 {
    0.05
}
fn zero() -> f64 {
    0.0
}
