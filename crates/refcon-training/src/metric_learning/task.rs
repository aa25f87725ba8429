//! Metric learning as a task of the loop.

use super::network::{Base, Network};
use crate::augmentation;
use crate::config::{Augmentation, Config, Distance, LossChoice, MiningChoice, Sampling, Tuning};
use crate::dataset::{Dataset, TileCache};
use crate::error::TrainError;
use crate::fit::{BatchLoss, Position, Task, over_devices, rows_on};
use crate::losses::triplet::{TripletRows, triplet, triplet_on_host};
use crate::losses::{ClassMasks, multi_similarity, proxy_anchor, sub_centre_arcface, supervised_contrastive};
use crate::mining::{Distances, batch_hard, distance_weighted, semi_hard};
use crate::random::{Purpose, stream};
use crate::retrieval::{Labelled, measures};
use crate::samplers::{Batch, Sampler};
use crate::triplets::Triplet;
use crate::tuning::{layer_rate, trains};
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use rand::seq::SliceRandom;
use rayon::prelude::*;
use refcon_encoders::model::VisionTransformer;
use refcon_encoders::{Encoder, Family, ModelCard, Pretrained, Trained, TrainedBase};
use refcon_image::GreyImage;
use std::path::Path;

/// Tiles that go through a model together where no gradients are wanted.
const TILES_AT_ONCE: usize = 32;

/// Fine-tuning by metric learning.
#[derive(Debug)]
pub struct MetricLearning {
    pub(super) config: Config,
    pub(super) base: Base,
    /// Where a model is trained, with gradients; it lies on the first.
    pub(super) devices: Vec<Device>,
    pub(super) dataset: Dataset,
    pub(super) cache: TileCache,
    pub(super) sampler: Sampler,
    pub(super) validation: Vec<Triplet>,
    /// Training tiles that held-out ones are searched in.
    pub(super) library: Vec<usize>,
    /// `[tiles, components]`, where embeddings are made once and for all.
    pub(super) embedded: Option<Vec<f32>>,
    pub(super) test_data: Vec<String>,
    /// The run's name, for the encoder's card.
    pub(super) title: String,
}

impl MetricLearning {
    /// Gives the encoder that will be written its title.
    pub fn set_title(&mut self, title: &str) {
        self.title = title.into();
    }

    /// The tiles.
    #[must_use]
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// The encoder that training starts from.
    #[must_use]
    pub fn base(&self) -> &Base {
        &self.base
    }

    /// Embeddings of tiles of a batch, `[tiles, components]`.
    fn embed_batch(&self, network: &Network, tiles: &[usize], at: Position) -> Result<Tensor<2>, TrainError> {
        match (&self.base, network.model()) {
            (Base::Pretrained(pretrained), Some(model)) => {
                let images = pretrained.input(&self.inputs(pretrained, tiles, Some(at))?);
                let embeddings = over_devices(&self.devices, &model, tiles.len(), |model, share, device| {
                    model.embed(rows_on(&images, share, device), pretrained.pooling())
                });
                Ok(network.head.as_ref().map_or(embeddings.clone(), |head| head.forward(embeddings)))
            }
            (base, _) => {
                let embeddings = match (&self.embedded, base) {
                    (Some(embedded), _) => rows_of(embedded, tiles, self.dataset.tiles.len()),
                    (None, Base::Pretrained(pretrained)) => {
                        let images = self.inputs(pretrained, tiles, Some(at))?;
                        embed_plainly(pretrained, &pretrained.model().valid(), &images)
                    }
                    (None, Base::Texture(texture)) => texture.embed(&self.whole_tiles(tiles)?)?,
                };
                let shape = [tiles.len(), self.base.encoder().dimension()];
                let device = self.base.device(&self.config.tuning);
                let embeddings = Tensor::from_data(TensorData::new(embeddings, shape), &device);
                Ok(network.head.as_ref().map_or(embeddings.clone(), |head| head.forward(embeddings)))
            }
        }
    }

    /// Preprocessed tiles; augmented at a position, as they are without one.
    fn inputs(
        &self,
        pretrained: &Pretrained,
        tiles: &[usize],
        at: Option<Position>,
    ) -> Result<Vec<GreyImage>, TrainError> {
        let images = self.cache.tiles(&self.dataset, tiles)?;
        let none = Augmentation::None {};
        let augmentation = if at.is_some() { &self.config.augmentation } else { &none };
        let batch = at.map_or([0, 0], |at| [at.epoch, at.batch]);
        Ok(images
            .par_iter()
            .enumerate()
            .map(|(place, tile)| {
                let place = [batch[0], (batch[1] << 32) | place as u64];
                let mut draw = stream(self.config.seed, Purpose::Augmentation, place);
                augmentation::input(augmentation, pretrained.preprocessing(), tile, &mut draw)
            })
            .collect())
    }

    fn whole_tiles(&self, tiles: &[usize]) -> Result<Vec<GreyImage>, TrainError> {
        Ok(self.cache.tiles(&self.dataset, tiles)?.iter().map(|tile| GreyImage::clone(tile)).collect())
    }

    /// Embeddings of tiles as the trained encoder will give them, row by row.
    fn embed_all(&self, network: &Network, tiles: &[usize]) -> Result<Vec<f32>, TrainError> {
        let model = network.model();
        let mut values = Vec::new();
        for block in tiles.chunks(TILES_AT_ONCE) {
            let embeddings = match (&self.base, &model, &self.embedded) {
                (_, None, Some(embedded)) => rows_of(embedded, block, self.dataset.tiles.len()),
                // Its texture descriptor sees tiles as they are.
                (Base::Pretrained(joined), None, None) if joined.texture_share().is_some() => {
                    joined.embed(&self.whole_tiles(block)?)?
                }
                (Base::Pretrained(pretrained), model, _) => {
                    let images = self.inputs(pretrained, block, None)?;
                    let frozen;
                    let model = match model {
                        Some(model) => model,
                        None => {
                            frozen = pretrained.model().valid();
                            &frozen
                        }
                    };
                    embed_plainly(pretrained, model, &images)
                }
                (Base::Texture(texture), ..) => texture.embed(&self.whole_tiles(block)?)?,
            };
            match &network.head {
                None => values.extend(embeddings),
                Some(head) => {
                    let device = self.base.device(&self.config.tuning).inner();
                    let shape = [block.len(), self.base.encoder().dimension()];
                    let embeddings = Tensor::from_data(TensorData::new(embeddings, shape), &device);
                    values.extend(head.forward(embeddings).into_data().iter::<f32>());
                }
            }
        }
        Ok(values)
    }

    /// Embeddings of every tile by the encoder that training starts from.
    pub(super) fn embed_once(&self) -> Result<Vec<f32>, TrainError> {
        let nothing = Network { backbone: None, adapters: None, head: None, proxies: None };
        let tiles: Vec<usize> = (0..self.dataset.tiles.len()).collect();
        self.embed_all(&nothing, &tiles)
    }

    /// The loss of a batch's embeddings.
    fn loss_of(
        &self,
        network: &Network,
        batch: &Batch,
        embeddings: Tensor<2>,
        at: Position,
    ) -> Option<Tensor<1>> {
        let count = embeddings.dims()[0];
        if let (LossChoice::Triplet { distance, margin, swap }, Batch::Triplets(triplets)) =
            (&self.config.loss, batch)
        {
            let third = triplets.len();
            let rows = TripletRows {
                anchors: (0..third).collect(),
                positives: (third..2 * third).collect(),
                negatives: (2 * third..count).collect(),
            };
            return Some(triplet(embeddings, &rows, *distance, *margin, *swap));
        }
        let classes: Vec<usize> = batch.tiles().iter().map(|&tile| self.dataset.class(tile)).collect();
        let masks = || ClassMasks::new(&classes, self.dataset.classes.len(), &embeddings.device());
        let proxies = network.proxies.as_ref().map(burn::module::Param::val);
        match (&self.config.loss, proxies) {
            (LossChoice::Triplet { distance, margin, swap }, _) => {
                let rows = self.mined(&classes, &embeddings, *distance, *margin, at);
                (!rows.is_empty()).then(|| triplet(embeddings, &rows, *distance, *margin, *swap))
            }
            (LossChoice::MultiSimilarity { alpha, beta, base }, _) => {
                Some(multi_similarity(embeddings.clone(), &masks(), *alpha, *beta, *base))
            }
            (LossChoice::SupervisedContrastive { temperature }, _) => {
                supervised_contrastive(embeddings.clone(), &masks(), *temperature)
            }
            (LossChoice::ProxyAnchor { margin, alpha, .. }, Some(proxies)) => {
                Some(proxy_anchor(embeddings.clone(), proxies, &masks(), *margin, *alpha))
            }
            (LossChoice::SubCentreArcface { margin, scale, .. }, Some(centres)) => {
                Some(sub_centre_arcface(embeddings.clone(), centres, &masks(), margin.to_radians(), *scale))
            }
            (LossChoice::ProxyAnchor { .. } | LossChoice::SubCentreArcface { .. }, None) => None,
        }
    }

    fn mined(
        &self,
        classes: &[usize],
        embeddings: &Tensor<2>,
        distance: Distance,
        margin: f64,
        at: Position,
    ) -> TripletRows {
        let [count, components] = embeddings.dims();
        let mut values: Vec<f32> = embeddings.clone().detach().inner().into_data().iter::<f32>().collect();
        match &self.config.mining {
            MiningChoice::None {} => TripletRows::default(),
            MiningChoice::BatchHard {} => batch_hard(&Distances::of(&values, count, distance), classes),
            MiningChoice::SemiHard {} => semi_hard(&Distances::of(&values, count, distance), classes, margin),
            MiningChoice::DistanceWeighted { cutoff, no_loss_beyond } => {
                for row in values.chunks_exact_mut(components) {
                    let length = row.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt().max(1e-12);
                    row.iter_mut().for_each(|value| *value = (f64::from(*value) / length) as f32);
                }
                let distances = Distances::of(&values, count, Distance::Euclidean);
                let mut draw = stream(self.config.seed, Purpose::Mining, [at.epoch, at.batch]);
                distance_weighted(&distances, classes, components, [*cutoff, *no_loss_beyond], &mut draw)
            }
        }
    }
}

impl Task for MetricLearning {
    type Network = Network;

    fn trains(&self, name: &str) -> bool {
        let fixed = matches!(&self.base, Base::Pretrained(pretrained) if pretrained.family() == Family::Mae);
        trains(&self.config.tuning, self.base.layers(), fixed, name)
    }

    fn rate(&self, name: &str) -> f64 {
        match &self.config.loss {
            LossChoice::ProxyAnchor { proxy_rate, .. } | LossChoice::SubCentreArcface { proxy_rate, .. }
                if name == "proxies" =>
            {
                *proxy_rate
            }
            _ => layer_rate(self.config.optimiser.layer_decay, self.base.layers(), name),
        }
    }

    fn batches(&self) -> usize {
        self.sampler.batches(&self.dataset)
    }

    fn loss(&self, network: &Network, at: Position) -> Result<BatchLoss, TrainError> {
        let batch = self.sampler.batch(&self.dataset, self.config.seed, at.epoch, at.batch as usize);
        let tiles = batch.tiles();
        let embeddings = self.embed_batch(network, &tiles, at)?;
        let loss = self.loss_of(network, &batch, embeddings, at);
        let files = tiles.iter().map(|&tile| self.dataset.tiles[tile].file.name.clone()).collect();
        Ok(BatchLoss { loss, files, parts: Vec::new() })
    }

    fn validate(&self, network: &Network) -> Result<Vec<(String, f64)>, TrainError> {
        let held_out = &self.dataset.held_out;
        if held_out.is_empty() {
            return Ok(Vec::new());
        }
        let labelled = |tiles: &[usize], values: Vec<f32>| Labelled {
            values,
            classes: tiles.iter().map(|&tile| self.dataset.class_name(tile).to_owned()).collect(),
        };
        let queries = labelled(held_out, self.embed_all(network, held_out)?);
        let library = labelled(&self.library, self.embed_all(network, &self.library)?);
        let mut found = measures(&queries, &library)?;
        if !self.validation.is_empty() {
            let (distance, margin, swap) = match self.config.loss {
                LossChoice::Triplet { distance, margin, swap } => (distance, margin, swap),
                _ => (Distance::Cosine, 1.0, true),
            };
            let place = |tile: usize| held_out.binary_search(&tile).unwrap_or(0);
            let mut rows = TripletRows::default();
            self.validation
                .iter()
                .for_each(|t| rows.push(place(t.anchor), place(t.positive), place(t.negative)));
            let components = queries.values.len() / held_out.len();
            let embedding = |row: usize| queries.values[row * components..][..components].to_vec();
            found.push((
                "validation/triplet_loss".into(),
                triplet_on_host(embedding, &rows, distance, margin, swap),
            ));
        }
        Ok(found)
    }

    fn write_encoder(&self, network: &Network, folder: &Path) -> Result<(), TrainError> {
        let frozen;
        let base = match (&self.base, network.model()) {
            (Base::Texture(_), _) => TrainedBase::Texture,
            (Base::Pretrained(pretrained), Some(model)) => {
                frozen = model;
                TrainedBase::Pretrained(pretrained, &frozen)
            }
            (Base::Pretrained(pretrained), None) => TrainedBase::Pretrained(pretrained, pretrained.model()),
        };
        let card = ModelCard {
            title: self.title.clone(),
            data: Some(format!(
                "Fine-tuned on {} tiles of the classes {}.",
                self.dataset.training.len(),
                self.dataset.classes.join(", ")
            )),
            notes: Some(self.notes()),
            ..ModelCard::default()
        };
        let trained = Trained { base, head: network.head.as_ref(), test_data: &self.test_data, card: &card };
        Ok(trained.write(folder)?)
    }
}

impl MetricLearning {
    fn notes(&self) -> String {
        let test_data = match self.test_data.as_slice() {
            [] => String::new(),
            folders => format!(
                "\n\n**It was trained on test data ({}): what it scores on those says nothing.**",
                folders.join(", ")
            ),
        };
        format!("The settings of its training:\n\n```yaml\n{}```{test_data}", self.config.to_yaml())
    }
}

fn rows_of(embedded: &[f32], tiles: &[usize], of: usize) -> Vec<f32> {
    let components = embedded.len() / of;
    tiles.iter().flat_map(|&tile| &embedded[tile * components..][..components]).copied().collect()
}

/// Embeddings by a model without gradients.
fn embed_plainly(pretrained: &Pretrained, model: &VisionTransformer, images: &[GreyImage]) -> Vec<f32> {
    let embeddings =
        rayon::scope(|_| model.embed(pretrained.input(images).inner(), pretrained.pooling()).into_data());
    embeddings.iter::<f32>().collect()
}

/// The training tiles that held-out ones are searched in: at most `most` of each class, drawn from the seed, in order. Added tiles are
/// left out: their labels may be wrong, and trainings with and without them are to be judged by the same numbers.
#[must_use]
pub fn library(dataset: &Dataset, most: Option<usize>, seed: u64) -> Vec<usize> {
    let curated = dataset.curated_training();
    let Some(most) = most else { return curated.to_vec() };
    let mut draw = stream(seed, Purpose::Library, [0, 0]);
    let mut chosen = Vec::new();
    for mut class in dataset.by_class(curated) {
        class.shuffle(&mut draw);
        chosen.extend(class.into_iter().take(most));
    }
    chosen.sort_unstable();
    chosen
}

/// The sampler of a configuration.
pub(super) fn sampler(config: &Config, dataset: &Dataset) -> Sampler {
    match &config.sampling {
        Sampling::Triplets { batch, exclude_anchor_classes } => Sampler::Triplets {
            anchors: crate::triplets::anchors(dataset, &dataset.training, exclude_anchor_classes),
            batch: *batch,
        },
        Sampling::Classes { classes, tiles } => Sampler::Classes { classes: *classes, tiles: *tiles },
        Sampling::Shuffled { batch } => Sampler::Shuffled { batch: *batch },
    }
}

/// Whether embeddings can be made once and for all.
pub(super) fn embeds_once(config: &Config) -> bool {
    config.tuning == (Tuning::Head {}) && config.augmentation == (Augmentation::None {})
}
