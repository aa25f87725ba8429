//! `refcon encoder`: look at a checkpoint, write it for Transformers, or make a new one.

use crate::commands::score;
use crate::embedding::{EncoderArguments, WITHOUT_WEIGHTS, is_without_weights};
use crate::failure::Failure;
use crate::output::Output;
use clap::{Args, Subcommand};
use refcon_encoders::checkpoint::ElementType;
use refcon_encoders::model::{Architecture, Pooling};
use refcon_encoders::{
    Encoder, EncoderFile, Execution, Inspection, ModelCard, Pretrained, StoredAs, device, export, inspect,
};
use refcon_image::Preprocessing;
use serde::Serialize;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Look at a checkpoint, write it as a folder that Transformers opens, or make a new one
#[derive(Debug, Args)]
pub(crate) struct EncoderCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Inspect(Inspect),
    Export(Export),
    New(New),
}

/// Say what a checkpoint is, what maps where, what is missing or left over
///
/// No weight is read, and nothing that stands in a pickle is run.
#[derive(Debug, Args)]
struct Inspect {
    /// A weights' file, an index of shards, or a folder with one of them
    path: PathBuf,

    /// Take it as of this family, where its tensors' names fit several
    #[arg(long, value_parser = crate::embedding::family)]
    family: Option<refcon_encoders::Family>,

    /// Also print each of the model's tensors with its place in the file
    #[arg(long)]
    tensors: bool,
}

/// Write a checkpoint as a folder that Transformers opens
///
/// Its configurations, weights (safetensors) and a model card, and refcon-encoder.json, with which refcon gives the same
/// embeddings from it again.
#[derive(Debug, Args)]
struct Export {
    #[command(flatten)]
    encoder: EncoderArguments,

    /// The folder to write; it must not be there yet
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,

    /// Write the weights rounded to bf16: half the size
    #[arg(long)]
    bf16: bool,

    /// Leave away the head on top of the model, as after a training that only needed it for its loss
    #[arg(long)]
    without_head: bool,

    /// Join the texture descriptor to the model's embedding, with this share (above 0, below 1) in what a cosine says
    #[arg(long, value_name = "SHARE")]
    texture_share: Option<f32>,

    /// Title of the model card [default: the encoder's name]
    #[arg(long, default_value = "")]
    title: String,

    /// What the model was trained on, and under what licence that is
    #[arg(long, value_name = "TEXT")]
    data: Option<String>,

    /// A metric for the card, such as `--metric "mAP on F3=0.96"`; may be given several times
    #[arg(long = "metric", value_name = "NAME=VALUE", value_parser = metric)]
    metrics: Vec<(String, String)>,

    /// Polarity of the training data, such as "an increase of impedance is a positive number"
    #[arg(long, value_name = "TEXT")]
    polarity: Option<String>,

    /// Anything else for the card
    #[arg(long, value_name = "TEXT")]
    notes: Option<String>,
}

/// Write a vision transformer with random weights, to train from scratch
#[derive(Debug, Args)]
struct New {
    /// Components of a token; 192 is ViT-Ti's, 384 ViT-S's, 768 ViT-B's
    #[arg(long, default_value_t = 192)]
    width: usize,

    /// Blocks
    #[arg(long, default_value_t = 12)]
    layers: usize,

    /// Side of a patch, in pixels
    #[arg(long, default_value_t = 16)]
    patch: usize,

    /// Side of the input, in pixels; tiles are resized so that their shorter side fills it
    #[arg(long, default_value_t = 224)]
    side: u32,

    /// Contrast of the preprocessing; 1 changes nothing
    #[arg(long, default_value_t = 1.0)]
    contrast: f32,

    /// The embedding: `class` or `patch_mean`
    #[arg(long, default_value = "class", value_parser = ["class", "patch_mean"])]
    pooling: String,

    /// The weights follow from it
    #[arg(long, default_value_t = 42)]
    seed: u64,

    /// The folder to write; it must not be there yet
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,
}

fn metric(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.trim().into(), value.trim().into()))
}

/// What was exported, for `--json`.
#[derive(Debug, Serialize)]
struct Exported {
    encoder: String,
    encoder_hash: String,
    folder: PathBuf,
}

impl EncoderCommand {
    pub(crate) fn run(&self, output: &Output) -> Result<(), Failure> {
        match &self.action {
            Action::Inspect(inspect) => inspect.run(output),
            Action::Export(export) => export.run(output),
            Action::New(new) => new.run(output),
        }
    }
}

impl Inspect {
    fn run(&self, output: &Output) -> Result<(), Failure> {
        if is_without_weights(&self.path) {
            return Err(Failure::usage(WITHOUT_WEIGHTS));
        }
        let found = inspect(&self.path, self.family).map_err(Failure::input)?;
        output.result(&self.text(&found), &as_json(&found))?;
        match found.is_whole() {
            true => Ok(()),
            false => Err(Failure::input(format!(
                "{} cannot be loaded: {} missing, {} of another shape or type, {} not expected",
                found.path.display(),
                score::counted(found.missing.len(), "tensor", "tensors"),
                found.misshapen.len(),
                found.unexpected.len()
            ))),
        }
    }

    fn text(&self, found: &Inspection) -> String {
        let sizes = &found.architecture;
        let elements = found.elements.iter().map(element_name).collect::<Vec<_>>().join(", ");
        let mut lines = vec![
            format!("file        {}", found.path.display()),
            format!("encoder     {} (family {})", found.name, found.family),
            format!("names       {}{}", found.library, prefix(found)),
            format!(
                "model       {:.1} M parameters in {elements}; {} of width {}, {}, patches of {} pixels",
                sizes.parameters() as f64 / 1e6,
                score::counted(sizes.layers, "block", "blocks"),
                sizes.width,
                score::counted(sizes.heads, "head", "heads"),
                sizes.patch_size
            ),
            format!(
                "input       {} channels of {} pixels; trained on {} pixels",
                sizes.channels,
                found.preprocessing.crop(),
                sizes.image_size
            ),
            format!(
                "embedding   {} components, pooling {}{}",
                found.dimension,
                json!(found.pooling),
                joined(found)
            ),
        ];
        if found.has_decoder {
            lines.push("decoder     a masked autoencoder's".into());
        }
        for (what, tensors) in [
            ("missing", &found.missing),
            ("misshapen", &found.misshapen),
            ("unexpected", &found.unexpected),
            ("not needed", &found.unneeded),
        ] {
            lines.push(format!("{what:<11} {}", listed(tensors)));
        }
        if self.tensors {
            lines.extend(
                found.mapping.iter().map(|(part, pieces)| format!("  {part:<40} {}", pieces.join(" + "))),
            );
        }
        lines.join("\n")
    }
}

fn joined(found: &Inspection) -> String {
    let joined = |share: f32| format!("; joined with the texture descriptor, whose share is {share}");
    found.texture_share.map(joined).unwrap_or_default()
}

fn prefix(found: &Inspection) -> String {
    if found.prefix.is_empty() { String::new() } else { format!(", after `{}`", found.prefix) }
}

fn element_name(element: &ElementType) -> String {
    match element {
        ElementType::F32 => "f32".into(),
        ElementType::F16 => "f16".into(),
        ElementType::Bf16 => "bf16".into(),
        ElementType::Other(name) => name.clone(),
    }
}

/// The first of a list of tensors, and how many there are.
fn listed(tensors: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = tensors.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match tensors.len() {
        0 => "none".into(),
        count if count > SHOWN => format!("{count}: {shown}, …"),
        count => format!("{count}: {shown}"),
    }
}

fn as_json(found: &Inspection) -> serde_json::Value {
    let sizes = &found.architecture;
    json!({
        "path": found.path,
        "encoder": found.name,
        "family": found.family,
        "names": found.library,
        "prefix": found.prefix,
        "parameters": sizes.parameters(),
        "image_size": sizes.image_size,
        "patch_size": sizes.patch_size,
        "channels": sizes.channels,
        "width": sizes.width,
        "layers": sizes.layers,
        "heads": sizes.heads,
        "elements": found.elements.iter().map(element_name).collect::<Vec<_>>(),
        "pooling": found.pooling,
        "texture_share": found.texture_share,
        "dimension": found.dimension,
        "has_decoder": found.has_decoder,
        "missing": found.missing,
        "misshapen": found.misshapen,
        "unexpected": found.unexpected,
        "not_needed": found.unneeded,
        "tensors": found.mapping.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
    })
}

impl Export {
    fn run(&self, output: &Output) -> Result<(), Failure> {
        let mut encoder = self.encoder.open_weights()?;
        if let Some(share) = self.texture_share {
            encoder = encoder.joined_with_texture(share).map_err(Failure::usage)?;
        }
        let folder = Path::new(self.encoder.name());
        if !self.without_head && EncoderFile::read(folder).is_ok_and(|file| file.head.is_some()) {
            return Err(Failure::input(format!(
                "{} has a head, which no model class of Transformers computes; refcon opens the folder as it is, and \
                 --without-head writes what is below it",
                folder.display()
            )));
        }
        let card = ModelCard {
            title: self.title.clone(),
            data: self.data.clone(),
            metrics: self.metrics.clone(),
            polarity: self.polarity.clone(),
            notes: self.notes.clone(),
        };
        let stored = if self.bf16 { StoredAs::Bf16 } else { StoredAs::F32 };
        export(&encoder, encoder.model(), &card, stored, &self.output).map_err(Failure::output)?;
        let exported = Exported {
            encoder: encoder.id().name().into(),
            encoder_hash: encoder.id().hash().into(),
            folder: self.output.clone(),
        };
        output.result(&text(&exported), &exported)
    }
}

impl New {
    fn run(&self, output: &Output) -> Result<(), Failure> {
        let preprocessing =
            Preprocessing::new(self.contrast, self.side, self.side).map_err(Failure::usage)?;
        let pooling = if self.pooling == "class" { Pooling::Class } else { Pooling::PatchMean };
        let file = EncoderFile {
            preprocessing: Some(preprocessing),
            pooling: Some(pooling),
            ..EncoderFile::default()
        };
        let sizes = Architecture::vit([self.side as usize, self.patch], 1, self.width, self.layers);
        let initial = Pretrained::initial(&sizes, &file, self.seed, &device::cpu(), Execution::F32);
        let encoder = initial.map_err(Failure::usage)?;
        let card = ModelCard {
            notes: Some("Random weights: nothing was learned yet.".into()),
            ..ModelCard::default()
        };
        export(&encoder, encoder.model(), &card, StoredAs::F32, &self.output).map_err(Failure::output)?;
        let exported = Exported {
            encoder: encoder.id().name().into(),
            encoder_hash: encoder.id().hash().into(),
            folder: self.output.clone(),
        };
        output.result(&text(&exported), &exported)
    }
}

fn text(exported: &Exported) -> String {
    let file = |name: &str| Path::new(&exported.folder).join(name).display().to_string();
    format!(
        "{} written to {}; its card is {}",
        exported.encoder,
        exported.folder.display(),
        file("README.md")
    )
}
