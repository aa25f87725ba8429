//! A checkpoint that has been opened and understood: whose tensors they are, which model they make, what they lack.

use crate::checkpoint::{Checkpoint, CheckpointError, Comparison, parse_json, read_text_if_there};
use crate::encoder_file::{ENCODER_FILE, EncoderFile, Settled};
use crate::execution::Execution;
use crate::families::config::Config;
use crate::families::mae::{Decoder, DecoderArchitecture, DecoderNames, decoder_names};
use crate::families::names::{Naming, Source};
use crate::families::{self, Family};
use crate::model::{Architecture, Pooling, VisionTransformer, Weights, positions};
use burn::tensor::Device;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

const CONFIG_FILE: &str = "config.json";

/// Attention heads of the published models, by width: the encoders', then the masked autoencoders' decoder's.
const USUAL_HEADS: [(usize, usize); 10] = [
    (192, 3),
    (384, 6),
    (512, 16),
    (768, 12),
    (1024, 16),
    (1152, 16),
    (1280, 16),
    (1408, 16),
    (1536, 24),
    (1664, 16),
];

/// An opened checkpoint. No weight has been read yet.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) family: Family,
    pub(crate) naming: Naming,
    /// The model that the tensors make.
    pub(crate) architecture: Architecture,
    /// What the encoder does around it.
    pub(crate) settled: Settled,
    /// `config.json`, empty where there is none.
    pub(crate) config_text: String,
    config: Config,
    encoder_file: EncoderFile,
    folder: PathBuf,
}

impl Opened {
    /// Opens and recognises a checkpoint; `forced` takes it as of a family that its names allow.
    ///
    /// # Errors
    /// When a file cannot be read or is damaged, no known encoder is in it, another family than `forced` is in it, its
    /// configuration contradicts its tensors, or its preprocessing does not fit the model.
    pub(crate) fn open(path: &Path, forced: Option<Family>) -> Result<Self, CheckpointError> {
        let checkpoint = Checkpoint::open(path)?;
        let folder = checkpoint.path().parent().unwrap_or(Path::new("")).to_owned();
        let config_path = folder.join(CONFIG_FILE);
        let config_text = read_text_if_there(&config_path)?.unwrap_or_default();
        let whole: Config = match config_text.as_str() {
            "" => Config::default(),
            text => parse_json(&config_path, text)?,
        };
        let encoder_file = EncoderFile::read(&folder)?;
        let mut detected = families::detect(&checkpoint)?;

        let said = whole.family().map_err(|problem| CheckpointError::config(&config_path, problem))?;
        let asked = [(forced, "asked for"), (encoder_file.family, ENCODER_FILE), (said, CONFIG_FILE)];
        if let Some((family, by)) = asked.into_iter().find_map(|(family, by)| Some((family?, by))) {
            let (found, library) = (detected.family, detected.naming.names.library);
            detected = detected.taken_as(family).ok_or_else(|| {
                CheckpointError::family(
                    checkpoint.path(),
                    format!("family {family} ({by}) was expected, but tensors such as {} are those of {library} (family {found})",
                        example(&checkpoint)),
                )
            })?;
        }
        let families::Detected { family, naming } = detected;

        let config = whole.vision().clone();
        let mut architecture = naming.architecture(&checkpoint, 1)?;
        config
            .complete(&mut architecture)
            .map_err(|problem| CheckpointError::config(&config_path, problem))?;
        let width = architecture.width;
        let heads = encoder_file.heads.or(config.heads()).or(usual_heads(width));
        architecture.heads = heads.ok_or_else(|| no_heads(&folder, "heads", width))?;
        if let Some(problem) = architecture.problem() {
            return Err(CheckpointError::config(&config_path, problem));
        }
        let settled = encoder_file
            .settle(&architecture, usual_pooling(&naming, &architecture))
            .map_err(|problem| CheckpointError::config(&folder.join(ENCODER_FILE), problem))?;
        Ok(Self {
            checkpoint,
            family,
            naming,
            architecture,
            settled,
            config_text,
            config,
            encoder_file,
            folder,
        })
    }

    /// What is missing, misshapen or left over.
    pub(crate) fn comparison(&self) -> Comparison {
        let expected = self.naming.expected(&self.architecture);
        self.checkpoint.compare(&expected, |name| self.naming.unneeded(name))
    }

    /// Loads the encoder as it is run: for this input size and these channels.
    ///
    /// # Errors
    /// When tensors are missing, misshapen, left over or not finite.
    pub(crate) fn load(
        &mut self,
        device: &Device,
        execution: Execution,
    ) -> Result<VisionTransformer, CheckpointError> {
        let run_as = self.settled.run_as(&self.architecture);
        self.load_for(&run_as, device, execution)
    }

    /// Loads the encoder for images of the size and channels that the checkpoint was trained on.
    ///
    /// # Errors
    /// As [`Opened::load`].
    pub(crate) fn load_as_stored(
        &mut self,
        device: &Device,
        execution: Execution,
    ) -> Result<VisionTransformer, CheckpointError> {
        self.load_for(&self.architecture.clone(), device, execution)
    }

    fn load_for(
        &mut self,
        run_as: &Architecture,
        device: &Device,
        execution: Execution,
    ) -> Result<VisionTransformer, CheckpointError> {
        let expected = self.naming.expected(&self.architecture);
        self.checkpoint.check(&expected, |name| self.naming.unneeded(name))?;
        let sources = self.naming.sources(&self.architecture);
        let mut weights = CheckpointWeights::new(&mut self.checkpoint, sources, &self.architecture, run_as);
        VisionTransformer::load(run_as, &mut weights, device, execution)
    }

    /// The decoder's architecture, for a checkpoint of a whole masked autoencoder.
    ///
    /// # Errors
    /// When the checkpoint has no decoder, or it cannot be told how many heads that has.
    pub(crate) fn decoder_architecture(&self) -> Result<DecoderArchitecture, CheckpointError> {
        let (names, root) = (self.decoder_names()?, &self.naming.root);
        let mut sizes = names.architecture(root, &self.checkpoint, &self.architecture, 1)?;
        sizes.normalised_patches = self.config.normalises_patches();
        let width = sizes.blocks.width;
        let heads = self.encoder_file.decoder_heads.or(self.config.decoder_heads()).or(usual_heads(width));
        sizes.blocks.heads = heads.ok_or_else(|| no_heads(&self.folder, "decoder_heads", width))?;
        match sizes.blocks.problem() {
            None => Ok(sizes),
            Some(problem) => Err(CheckpointError::config(
                &self.folder.join(CONFIG_FILE),
                format!("its decoder: {problem}"),
            )),
        }
    }

    /// Loads the decoder, for images of the size that the checkpoint was trained on.
    ///
    /// # Errors
    /// When tensors are missing, misshapen or not finite.
    pub(crate) fn load_decoder(
        &mut self,
        device: &Device,
        execution: Execution,
    ) -> Result<Decoder, CheckpointError> {
        let sizes = self.decoder_architecture()?;
        let sources = self.decoder_names()?.sources(&self.naming.root, &sizes);
        let expected: Vec<_> = sources.iter().flat_map(|source| source.pieces.clone()).collect();
        self.checkpoint.check(&expected, |_| true)?;
        let same = &self.architecture;
        let mut weights = CheckpointWeights::new(&mut self.checkpoint, sources, same, same);
        Decoder::load(&sizes, &mut weights, device, execution)
    }

    fn decoder_names(&self) -> Result<&'static DecoderNames, CheckpointError> {
        decoder_names(&self.naming).ok_or_else(|| {
            CheckpointError::family(
                self.checkpoint.path(),
                format!(
                    "it is a {}, expected a masked autoencoder with its decoder",
                    self.naming.names.library
                ),
            )
        })
    }
}

/// What the embedding is where the encoder's file does not say: what the model's authors use.
fn usual_pooling(naming: &Naming, model: &Architecture) -> Pooling {
    let is_logits_of_a_classifier =
        [families::vit::NAMES.library, families::timm::NAMES.library].contains(&naming.names.library);
    match () {
        () if model.norm_after_pooling => Pooling::PatchMean,
        () if model.pooler => Pooling::Pooled,
        () if model.projection.is_some() && !is_logits_of_a_classifier => Pooling::Projected,
        () => Pooling::Class,
    }
}

fn usual_heads(width: usize) -> Option<usize> {
    USUAL_HEADS.iter().find(|(of, _)| *of == width).map(|(_, heads)| *heads)
}

fn no_heads(folder: &Path, field: &str, width: usize) -> CheckpointError {
    let problem = format!(
        "nothing says how many attention heads a model of width {width} has; expected Transformers' {CONFIG_FILE} beside the \
         weights, or \"{field}\" in {ENCODER_FILE}"
    );
    CheckpointError::config(&folder.join(ENCODER_FILE), problem)
}

/// A tensor's name that shows whose names they are.
fn example(checkpoint: &Checkpoint) -> &str {
    let telling = |name: &&String| name.contains(".0.") && name.ends_with("weight");
    let names = checkpoint.tensors();
    names.keys().find(telling).or(names.keys().next()).map_or("", String::as_str)
}

/// Reads a model's parts from a checkpoint under the names that the tensors have there, and fits them to another input.
struct CheckpointWeights<'a> {
    checkpoint: &'a mut Checkpoint,
    sources: HashMap<String, Source>,
    stored: &'a Architecture,
    run_as: &'a Architecture,
}

impl<'a> CheckpointWeights<'a> {
    fn new(
        checkpoint: &'a mut Checkpoint,
        sources: Vec<Source>,
        stored: &'a Architecture,
        run_as: &'a Architecture,
    ) -> Self {
        let sources = sources.into_iter().map(|source| (source.part.name.clone(), source)).collect();
        Self { checkpoint, sources, stored, run_as }
    }
}

impl Weights for CheckpointWeights<'_> {
    type Error = CheckpointError;

    fn part(&mut self, name: &str) -> Result<Vec<f32>, CheckpointError> {
        let mut values = Vec::new();
        for piece in self.sources.get(name).into_iter().flat_map(|source| &source.pieces) {
            let read = self.checkpoint.read(&piece.name)?;
            if values.is_empty() { values = read } else { values.extend(read) }
        }
        Ok(match name {
            "patch.weight" => {
                let pixels = self.stored.patch_size.pow(2);
                with_channels(values, self.stored.channels, self.run_as.channels, pixels)
            }
            "positions" => {
                let grid = |sizes: &Architecture| sizes.image_size / sizes.patch_size;
                let (leading, width) = (self.stored.positioned_tokens, self.stored.width);
                let (from, to) = (grid(self.stored), grid(self.run_as));
                positions::resize(&values, leading, width, from, to, self.stored.position_resize)
            }
            _ => values,
        })
    }
}

/// A patch embedding for another number of channels, which gives for equal channels what the old one gave: the sum of the
/// channels' weights for one, or an equal share of one's for each of several.
fn with_channels(weight: Vec<f32>, from: usize, to: usize, pixels: usize) -> Vec<f32> {
    if from == to {
        return weight;
    }
    let mut changed = Vec::with_capacity(weight.len() / from * to);
    for filter in weight.chunks_exact(from * pixels) {
        let sum = |at: usize| filter.iter().skip(at).step_by(pixels).map(|&w| f64::from(w)).sum::<f64>();
        let share: Vec<f32> = (0..pixels).map(|at| (sum(at) / to as f64) as f32).collect();
        (0..to).for_each(|_| changed.extend(&share));
    }
    changed
}
