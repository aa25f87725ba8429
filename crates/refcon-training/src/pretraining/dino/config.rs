//! The settings of DINO pretraining.

use crate::config::{ConfigError, OptimiserSettings, Schedule, Stopping, Tracking};
use crate::pretraining::config::{
    Common, ModelChoice, PretrainConfig, PretrainData, Views, at_least_1, not_negative, range, senseless,
    share,
};
use refcon_encoders::model::Pooling;
use serde::{Deserialize, Serialize};

/// Everything that DINO pretraining is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DinoConfig {
    /// [`Common::seed`].
    pub seed: u64,
    /// [`Common::device`].
    pub device: String,
    /// [`Common::precision`].
    pub precision: String,
    /// The tiles.
    pub data: PretrainData,
    /// What is trained.
    pub model: ModelChoice,
    /// What the encoder gives afterwards: `class`, `patch_mean` or `class_and_mean`.
    pub pooling: Pooling,
    /// What stands between the encoder and the losses.
    pub projector: ProjectorChoice,
    /// How the teacher follows the student, and what it says.
    pub teacher: TeacherChoice,
    /// Divides the student's logits.
    pub student_temperature: f64,
    /// How much each loss counts.
    pub weights: Weights,
    /// Which patches the student does not see.
    pub masking: Masking,
    /// Small crops beside the two large ones, whose size is the model's and whose share of a tile is that of `views`.
    pub local_crops: LocalCrops,
    /// What is done to crops at random.
    pub views: Views,
    /// Tiles of a batch.
    pub batch: usize,
    /// [`Common::optimiser`].
    pub optimiser: OptimiserSettings,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// When it ends.
    pub stopping: Stopping,
    /// Epochs between validations.
    pub validate_every_epochs: u64,
    /// [`Common::checkpoint_every_steps`].
    pub checkpoint_every_steps: u64,
    /// What the run's folder holds to be looked at.
    pub tracking: Tracking,
}

/// A perceptron of three layers, scaled to length 1, and its cosines with prototypes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectorChoice {
    /// Units of its first two layers.
    pub hidden: usize,
    /// Units of its third.
    pub bottleneck: usize,
    /// How many prototypes.
    pub prototypes: usize,
    /// Whether patches have one of their own.
    pub separate: bool,
    /// Epochs at the beginning in which the prototypes stay as they are.
    pub frozen_epochs: u64,
}

/// The teacher: a moving average of the student.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeacherChoice {
    /// What a step keeps of it, at the first and the last step; between them it goes as a cosine does.
    pub momentum: [f64; 2],
    /// Divides its logits, at the first step and after the warm-up.
    pub temperature: [f64; 2],
    /// Share of all steps in which the temperature goes evenly from the one to the other.
    pub warm_up: f64,
    /// What keeps it from saying the same of every tile.
    pub centring: Centring,
    /// What a step keeps of the centre.
    pub centre_momentum: f64,
}

/// What keeps a teacher from saying the same of every tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Centring {
    /// A moving average of its logits is taken away from them (Caron et al., arXiv 2104.14294).
    Centre,
    /// A batch is spread evenly over the prototypes (Caron et al., arXiv 2006.09882).
    SinkhornKnopp,
}

/// Factors of the losses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// Class tokens of one crop against those of another.
    pub dino: f64,
    /// Hidden patches against the same patches as the teacher sees them.
    pub ibot: f64,
    /// Spread of the class tokens.
    pub koleo: f64,
}

/// Which patches of the large crops are hidden from the student.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Masking {
    /// Share of the crops of which patches are hidden.
    pub crops: f64,
    /// Least and greatest share of such a crop's patches.
    pub patches: [f64; 2],
    /// Blocks, or any patches.
    pub shape: MaskShape,
}

/// The shape of what is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaskShape {
    /// Rectangles of any ratio of sides (Bao et al., `BEiT`, arXiv 2106.08254).
    Blocks,
    /// Each patch by itself.
    Random,
}

/// Small crops, which the student alone sees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalCrops {
    /// How many of each tile.
    pub count: usize,
    /// Side in pixels, a multiple of the patch.
    pub size: usize,
    /// Least and greatest share of the tile's area.
    pub scale: [f64; 2],
}

impl Default for DinoConfig {
    /// `DINOv2`'s choices, as small as a tiny model and one machine want them.
    fn default() -> Self {
        Self {
            seed: 42,
            device: "auto".into(),
            precision: "auto".into(),
            data: PretrainData::default(),
            model: ModelChoice::default(),
            pooling: Pooling::Class,
            projector: ProjectorChoice {
                hidden: 1024,
                bottleneck: 256,
                prototypes: 4096,
                separate: false,
                frozen_epochs: 1,
            },
            teacher: TeacherChoice {
                momentum: [0.996, 1.0],
                temperature: [0.04, 0.07],
                warm_up: 0.3,
                centring: Centring::SinkhornKnopp,
                centre_momentum: 0.9,
            },
            student_temperature: 0.1,
            weights: Weights { dino: 1.0, ibot: 1.0, koleo: 0.1 },
            masking: Masking { crops: 0.5, patches: [0.1, 0.5], shape: MaskShape::Blocks },
            local_crops: LocalCrops { count: 6, size: 96, scale: [0.05, 0.32] },
            views: Views::default(),
            batch: 64,
            optimiser: OptimiserSettings {
                learning_rate: 5e-4,
                weight_decay: 0.04,
                beta_1: 0.9,
                beta_2: 0.999,
                epsilon: 1e-8,
                clip_norm: Some(3.0),
                accumulate: 1,
                average: None,
                layer_decay: 1.0,
            },
            schedule: Schedule::WarmUpCosine { warm_up: 0.1, floor: 0.002 },
            stopping: Stopping { epochs: 100, patience: None, batches: None },
            validate_every_epochs: 1,
            checkpoint_every_steps: 100,
            tracking: Tracking::default(),
        }
    }
}

impl PretrainConfig for DinoConfig {
    const PRESETS: &'static [(&'static str, &'static str)] =
        &[("pretrain-dino-challenge", include_str!("../../../../../configs/pretrain-dino-challenge.yml"))];

    fn common(&self) -> Common<'_> {
        Common {
            seed: self.seed,
            device: &self.device,
            precision: &self.precision,
            data: &self.data,
            model: &self.model,
            views: &self.views,
            batch: self.batch,
            optimiser: &self.optimiser,
            schedule: &self.schedule,
            stopping: &self.stopping,
            validate_every_epochs: self.validate_every_epochs,
            checkpoint_every_steps: self.checkpoint_every_steps,
        }
    }

    fn files_mut(&mut self) -> (&mut PretrainData, &mut ModelChoice) {
        (&mut self.data, &mut self.model)
    }

    fn check_own(&self) -> Result<(), ConfigError> {
        if !matches!(self.pooling, Pooling::Class | Pooling::PatchMean | Pooling::ClassAndMean) {
            return senseless(
                "pooling is for other models, expected class, patch_mean or class_and_mean".into(),
            );
        }
        if self.optimiser.average.is_some() {
            return senseless("optimiser.average is set, expected none: the teacher is the average".into());
        }
        for (name, value) in [
            ("projector.hidden", self.projector.hidden),
            ("projector.bottleneck", self.projector.bottleneck),
            ("projector.prototypes", self.projector.prototypes),
        ] {
            at_least_1(name, value as u64)?;
        }
        for (name, value) in [
            ("weights.dino", self.weights.dino),
            ("weights.ibot", self.weights.ibot),
            ("weights.koleo", self.weights.koleo),
        ] {
            not_negative(name, value)?;
        }
        if self.weights.dino + self.weights.ibot == 0.0 {
            return senseless(
                "weights.dino and weights.ibot are 0, expected one above: nothing is learned".into(),
            );
        }
        self.check_teacher()?;
        self.check_crops()
    }
}

impl LocalCrops {
    /// A sentence where they are larger than a whole tile of `[width, height]` pixels.
    pub(super) fn coarser_than(&self, [width, height]: [usize; 2]) -> Option<String> {
        (self.count > 0 && self.size > width.min(height)).then(|| {
            format!(
                "small crops of {} pixels (local_crops.size) are larger than a whole tile of {width} × {height}: they are enlarged, cost \
                 the more time and show nothing finer; a size below {} is enough",
                self.size,
                width.min(height)
            )
        })
    }
}

impl DinoConfig {
    /// What may help against a collapse and is not set already.
    pub(super) fn collapse_advice(&self) -> String {
        let [_, temperature] = self.teacher.temperature;
        let centring = match self.teacher.centring {
            Centring::Centre => "teacher.centring=sinkhorn_knopp, ",
            Centring::SinkhornKnopp => "",
        };
        format!(
            "{centring}a teacher.temperature below {temperature}, an optimiser.learning_rate below {} or a batch larger than {}",
            self.optimiser.learning_rate, self.batch
        )
    }

    fn check_teacher(&self) -> Result<(), ConfigError> {
        let TeacherChoice { momentum, temperature, warm_up, centre_momentum, .. } = self.teacher;
        for value in [momentum[0], momentum[1], warm_up] {
            if !(0.0..=1.0).contains(&value) {
                return senseless(format!("teacher.momentum and teacher.warm_up: {value}, expected 0 to 1"));
            }
        }
        share("teacher.centre_momentum", centre_momentum)?;
        for value in [temperature[0], temperature[1], self.student_temperature] {
            if !(value.is_finite() && value > 0.0) {
                return senseless(format!(
                    "teacher.temperature and student_temperature: {value}, expected a positive number"
                ));
            }
        }
        Ok(())
    }

    fn check_crops(&self) -> Result<(), ConfigError> {
        let LocalCrops { count, size, scale } = self.local_crops;
        if count > 0 {
            at_least_1("local_crops.size", size as u64)?;
        }
        // A checkpoint's patches are its own, and known once it is open.
        if count > 0 && self.model.start.is_none() && !size.is_multiple_of(self.model.patch_size) {
            return senseless(format!(
                "local_crops.size is {size}, expected a multiple of model.patch_size, {}",
                self.model.patch_size
            ));
        }
        range("local_crops.scale", scale)?;
        range("masking.patches", self.masking.patches)?;
        share("masking.patches", self.masking.patches[1])?;
        match self.masking.crops {
            crops if (0.0..=1.0).contains(&crops) => Ok(()),
            crops => senseless(format!("masking.crops is {crops}, expected 0 to 1")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_s_recipe_is_two_crops_a_thousand_prototypes_and_no_schedule_of_the_teacher() {
        let [(_, text)] = DinoConfig::PRESETS else { panic!("one recipe") };
        let config = DinoConfig::parse(text, &[]).unwrap();
        assert_eq!((config.local_crops.count, config.projector.prototypes), (0, 1000));
        assert_eq!(config.teacher.momentum, [0.994, 0.994]);
        assert_eq!((config.teacher.temperature, config.teacher.centring), ([0.07, 0.07], Centring::Centre));
        assert_eq!(DinoConfig::parse(&config.to_yaml(), &[]).unwrap(), config);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_would() {
        let refused = |text: &str| DinoConfig::parse(text, &[]).unwrap_err().to_string();
        assert!(refused("teacher: {centring: sinkhorn}").contains("sinkhorn_knopp"));
        assert!(refused("teacher: {temprature: 1}").contains("did you mean `temperature`?"));
        assert!(refused("local_crops: {size: 90}").contains("multiple of model.patch_size"));
        assert!(refused("{local_crops: {size: 0}, model: {start: x}}").contains("at least 1"));
        assert!(refused("optimiser: {average: 0.9}").contains("the teacher is the average"));
        assert!(refused("pooling: pooled").contains("class_and_mean"));
        assert!(refused("weights: {dino: 0, ibot: 0}").contains("nothing is learned"));
        assert!(refused("masking: {patches: [0.1, 1.0]}").contains("less than 1"));
        assert_eq!(DinoConfig::parse("local_crops: {count: 0, size: 90}", &[]).unwrap().local_crops.count, 0);
    }

    #[test]
    fn against_a_collapse_nothing_is_advised_that_is_set_already() {
        let advice = |text: &str| DinoConfig::parse(text, &[]).unwrap().collapse_advice();
        assert!(
            advice("teacher: {centring: centre}").starts_with("teacher.centring=sinkhorn_knopp, a teacher")
        );
        let default = advice("");
        assert_eq!(
            default,
            "a teacher.temperature below 0.07, an optimiser.learning_rate below 0.0005 or a batch larger than 64"
        );
    }

    #[test]
    fn crops_larger_than_a_whole_tile_are_told_with_both_sizes() {
        let crops = |count| LocalCrops { count, size: 96, scale: [0.05, 0.32] };
        let note = crops(6).coarser_than([80, 64]).unwrap();
        assert!(
            note.contains("96 pixels") && note.contains("80 × 64") && note.contains("below 64"),
            "{note}"
        );
        assert_eq!((crops(6).coarser_than([118, 143]), crops(0).coarser_than([80, 64])), (None, None));
    }
}
