//! DINO pretraining as a task of the loop.

use super::config::DinoConfig;
use super::crops::{Crops, held_out_pairs};
use super::judging::{MEASURE, view_reciprocal_rank};
use super::losses;
use super::masks::Masks;
use super::network::DinoNetwork;
use super::start::encoder;
use super::teacher::{Of, Teacher, hidden_rows};
use super::watch::{STEPS_TO_TELL, Signs, Watch};
use crate::error::TrainError;
use crate::fit::{BatchLoss, Plan, Position, Task};
use crate::optimise::{Parameter, Parameters, prepared};
use crate::pretraining::config::PretrainConfig;
use crate::pretraining::pool::SplitPool;
use crate::pretraining::prepare::{Ground, PreparedPretraining, Pretraining};
use crate::random::{Purpose, stream};
use crate::runs::Method;
use crate::tuning::layer_rate;
use burn::tensor::{Tensor, TensorData};
use refcon_encoders::{ModelCard, Pretrained, Trained, TrainedBase};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

/// Held-out tiles that go through the model together.
const VALIDATION_BATCH: usize = 16;

/// Most held-out tiles among which a view is looked for.
const VIEWS_AMONG: usize = 256;

/// A student, its teacher and the tiles that it learns from.
#[derive(Debug)]
pub struct DinoPretraining {
    config: DinoConfig,
    tiles: SplitPool,
    /// What is trained, as it was: preprocessing, sizes, device.
    encoder: Pretrained,
    teacher: Teacher,
    watch: Watch,
    /// Steps in all.
    steps: u64,
    /// Collapses that nobody has been told of.
    messages: Vec<String>,
    /// Folders of test data among the tiles, or that the checkpoint was trained on.
    test_data: Vec<String>,
}

impl Pretraining for DinoPretraining {
    type Config = DinoConfig;

    const METHOD: Method = Method::Dino;

    fn prepare(
        mut config: DinoConfig,
        allow_test_data: bool,
    ) -> Result<PreparedPretraining<Self>, TrainError> {
        let ground = Ground::open(&mut config, allow_test_data)?;
        let (encoder, mut test_data) = encoder(&config, &ground)?;
        let Ground { tiles, tile_size, execution, test_data: among_tiles, .. } = ground;
        test_data.extend(among_tiles);
        test_data.sort();
        test_data.dedup();
        let network = DinoNetwork::initial(&encoder, &config.projector, config.seed)?;
        let network = prepared(network, &trains);
        let task = Self {
            teacher: Teacher::of(&network, &config.teacher, config.projector.prototypes),
            watch: Watch::new(config.collapse_advice()),
            steps: config.common().plan(MEASURE, false).steps(tiles.batches()),
            messages: Vec::new(),
            test_data: test_data.clone(),
            config: config.clone(),
            encoder,
            tiles,
        };
        let (data, precision) = (task.tiles.hash(), execution.name().to_owned());
        let notes = config.local_crops.coarser_than(tile_size).into_iter().collect();
        Ok(PreparedPretraining { config, task, network, data, precision, test_data, notes })
    }

    fn plan(&self) -> Plan {
        self.config.common().plan(MEASURE, false)
    }

    fn tiles(&self) -> [usize; 2] {
        self.tiles.counts()
    }

    fn sees(&self) -> String {
        let (side, local) = (self.encoder.architecture().image_size, &self.config.local_crops);
        match local.count {
            0 => format!("2 crops of {side} pixels of a tile"),
            count => format!("2 crops of {side} and {count} of {} pixels of a tile", local.size),
        }
    }
}

/// All but what an encoder has beyond its last normalisation.
fn trains(name: &str) -> bool {
    !["backbone.pooler.", "backbone.projection."].iter().any(|start| name.starts_with(start))
}

impl DinoPretraining {
    /// Measures of a group of held-out tiles.
    fn judge(&self, network: &DinoNetwork, group: Range<usize>) -> Result<Vec<(String, f64)>, TrainError> {
        let (mut embeddings, mut logits) = ([Vec::new(), Vec::new()], Vec::new());
        for first in group.clone().step_by(VALIDATION_BATCH) {
            let places = first..(first + VALIDATION_BATCH).min(group.end);
            let count = places.len();
            let views = held_out_pairs(places, &self.tiles, &self.config, &self.encoder)?;
            // On one of the pool's threads: from outside, each small product would wake the pool and wait for it.
            rayon::scope(|_| {
                let tokens = network.backbone.tokens(views);
                let pooled = self.config.pooling.pool(&tokens, network.backbone.leading_tokens());
                embeddings[0].push(pooled.clone().narrow(0, 0, count));
                embeddings[1].push(pooled.narrow(0, count, count));
                logits.push(network.projector.logits(DinoNetwork::class_tokens(&tokens), false));
            });
        }
        let [first, second] = embeddings.map(|parts| Tensor::cat(parts, 0));
        let [_, temperature] = self.config.teacher.temperature;
        let targets = self.teacher.targets(Tensor::cat(logits, 0), Of::Classes, temperature);
        let mut measures = vec![(MEASURE.to_owned(), view_reciprocal_rank(first.clone(), second.clone()))];
        measures.extend(Signs::of(&targets, &Tensor::cat(vec![first, second], 0)).records("validation"));
        Ok(measures)
    }
}

impl Task for DinoPretraining {
    type Network = DinoNetwork;

    fn trains(&self, name: &str) -> bool {
        trains(name)
    }

    fn rate(&self, name: &str) -> f64 {
        layer_rate(self.config.optimiser.layer_decay, self.encoder.architecture().layers, name)
    }

    fn batches(&self) -> usize {
        self.tiles.batches()
    }

    fn loss(&self, network: &DinoNetwork, at: Position) -> Result<BatchLoss, TrainError> {
        let DinoConfig { weights, teacher: choice, student_temperature, .. } = &self.config;
        let tiles = self.tiles.batch(at);
        let Crops { large, small } = Crops::of(&tiles, at.epoch, &self.tiles, &self.config, &self.encoder)?;
        let side = self.encoder.architecture().image_size / self.encoder.architecture().patch_size;
        let mut draw = stream(self.config.seed, Purpose::Masking, [at.epoch, at.batch]);
        let crops = 2 * tiles.len();
        let masks = Masks::draw(&self.config.masking, crops, side, &mut draw);

        let temperature = choice.temperature_at(at.step, self.steps);
        let seen = self.teacher.look(large.clone().inner(), &masks);
        let targets = self.teacher.targets(seen.class_logits.clone(), Of::Classes, temperature);
        self.teacher.note(&seen.class_logits, Of::Classes, at.batch);
        let signs = Signs::of(&targets, &seen.classes);
        self.watch.note(signs);

        let device = large.device();
        let frozen = at.epoch < self.config.projector.frozen_epochs;
        let tokens = if masks.places.is_empty() {
            network.backbone.tokens(large)
        } else {
            let hidden = TensorData::new(masks.hidden.clone(), [crops, side * side]);
            let hidden = Tensor::from_data(hidden, &device);
            network.backbone.tokens_with_hidden(large, hidden, network.mask_token.val())
        };
        let classes = DinoNetwork::class_tokens(&tokens);
        let logits = |images: Tensor<2>| network.projector.logits(images, frozen);
        let small = small.map(|small| logits(DinoNetwork::class_tokens(&network.backbone.tokens(small))));
        let targets = Tensor::from_inner(targets);
        let dino = losses::dino(logits(classes.clone()), small, &targets, *student_temperature);
        let mut terms = vec![("train/dino_loss", dino, weights.dino)];
        if let Some(patch_logits) = seen.patch_logits {
            let targets = self.teacher.targets(patch_logits.clone(), Of::Patches, temperature);
            self.teacher.note(&patch_logits, Of::Patches, at.batch);
            let hidden = hidden_rows(network.patches(&tokens), &masks);
            let logits = network.of_patches().logits(hidden, frozen);
            let of_patches = TensorData::new(masks.weights.clone(), [masks.weights.len(), 1]);
            let of_patches = Tensor::from_data(of_patches, &device);
            let ibot = losses::ibot(logits, Tensor::from_inner(targets), of_patches, *student_temperature);
            terms.push(("train/ibot_loss", ibot, weights.ibot));
        }
        // Crops of a tile are to be near each other: the term is for each crop's class tokens by themselves.
        let of_crops = [0, tiles.len()].map(|from| classes.clone().narrow(0, from, tiles.len()));
        if let [Some(first), Some(second)] = of_crops.map(losses::koleo) {
            terms.push(("train/koleo_loss", first + second, weights.koleo));
        }

        let mut parts = signs.records("train");
        parts.push(("train/teacher_temperature".into(), temperature));
        parts.push(("train/teacher_momentum".into(), choice.momentum_at(at.step, self.steps)));
        let mut sum = Tensor::zeros([1], &device);
        for (name, term, weight) in terms {
            parts.push((name.into(), term.clone().into_scalar::<f64>()));
            sum = sum + term.mul_scalar(weight);
        }
        Ok(BatchLoss { loss: Some(sum), files: self.tiles.names(&tiles), parts })
    }

    /// How well views of held-out tiles are found, and the signs of collapse: of the teacher.
    fn validate(&self, network: &DinoNetwork) -> Result<Vec<(String, f64)>, TrainError> {
        let [_, held_out] = self.tiles.counts();
        // One tile is always found.
        if held_out < 2 {
            return Ok(Vec::new());
        }
        let group = held_out.div_ceil(held_out.div_ceil(VIEWS_AMONG));
        let mut sums: Vec<(String, f64)> = Vec::new();
        for first in (0..held_out).step_by(group) {
            let places = first..(first + group).min(held_out);
            let share = places.len() as f64 / held_out as f64;
            for (at, (name, value)) in self.judge(network, places)?.into_iter().enumerate() {
                match sums.get_mut(at) {
                    Some((_, sum)) => *sum += share * value,
                    None => sums.push((name, share * value)),
                }
            }
        }
        Ok(sums)
    }

    fn write_encoder(&self, network: &DinoNetwork, folder: &Path) -> Result<(), TrainError> {
        let card = ModelCard {
            data: Some(format!("Pretrained by DINO on {} tiles without labels.", self.tiles.counts()[0])),
            notes: Some(format!("The settings of its training:\n\n```yaml\n{}```", self.config.to_yaml())),
            ..ModelCard::default()
        };
        let base = TrainedBase::Pretrained(&self.encoder, &network.backbone);
        Ok(Trained { base, head: None, test_data: &self.test_data, card: &card }.write(folder)?)
    }

    fn judged(&self) -> Option<&Parameters> {
        Some(self.teacher.weights())
    }

    fn after_step(&mut self, weights: &Parameters, at: Position) {
        self.teacher.follow(weights, at.step.saturating_sub(1), self.steps);
        let plan = self.plan();
        if at.batch == plan.batches(self.tiles.batches()) {
            // In the first epochs and steps a sound teacher may say little too.
            let has_learned =
                at.epoch > 0 && at.step >= STEPS_TO_TELL && plan.schedule.has_warmed_up(at.step, self.steps);
            if let Some(problem) = self.watch.end_of_epoch(has_learned) {
                self.messages.push(format!("epoch {}: {problem}", at.epoch + 1));
            }
        }
    }

    fn messages(&mut self) -> Vec<String> {
        let mut messages = self.tiles.messages();
        messages.append(&mut self.messages);
        messages
    }

    fn state(&self) -> BTreeMap<String, Parameter> {
        self.teacher.state()
    }

    fn restore(&mut self, state: BTreeMap<String, Parameter>) {
        self.teacher.restore(state);
    }
}
