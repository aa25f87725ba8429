//! `refcon encoders`: which encoders there are.

use crate::failure::Failure;
use crate::output::Output;
use clap::Args;
use refcon_encoders::{COMPACT, Published, inspect, published, texture};
use serde::Serialize;
use std::path::Path;

/// List the encoders: families, sizes, dimensions, parameters, accepted checkpoints
#[derive(Debug, Args)]
pub(crate) struct Encoders {}

/// A line of the list.
#[derive(Debug, Serialize)]
struct Entry {
    name: String,
    family: String,
    image_size: Option<usize>,
    dimension: usize,
    parameters: usize,
    checkpoints: String,
}

const NOTES: &str = "\
A checkpoint is a folder or a file: safetensors (single or in shards), .pth, .pt, .ckpt or .bin; f32, f16 or bf16; with the
names of Transformers, torchvision, timm or the authors' own code, inside another model's (Lightning, teacher) or alone.
Other sizes of these families open too. `refcon encoder inspect PATH` says what a checkpoint is.";

impl Encoders {
    #[expect(clippy::unused_self, reason = "every command runs by itself, also one without arguments")]
    pub(crate) fn run(&self, output: &Output) -> Result<(), Failure> {
        let compact = inspect(Path::new(COMPACT), None).map_err(Failure::other)?;
        let mut entries = vec![
            Entry {
                name: COMPACT.into(),
                family: compact.family.to_string(),
                image_size: Some(compact.preprocessing.crop() as usize),
                dimension: compact.dimension,
                parameters: compact.architecture.parameters(),
                checkpoints: "comes with the program".into(),
            },
            Entry {
                name: "texture".into(),
                family: "texture".into(),
                image_size: None,
                dimension: texture::DIMENSION,
                parameters: 0,
                checkpoints: "none needed".into(),
            },
        ];
        entries.extend(published().iter().map(Entry::of));
        let mut lines = vec![format!(
            "{:<15} {:<8} {:>6} {:>10} {:>11}  {}",
            "encoder", "family", "input", "components", "parameters", "checkpoints"
        )];
        lines.extend(entries.iter().map(|entry| {
            let input = entry.image_size.map_or("any".into(), |side| side.to_string());
            let parameters = match entry.parameters {
                0 => "0".into(),
                count => format!("{:.1} M", count as f64 / 1e6),
            };
            let Entry { name, family, dimension, checkpoints, .. } = entry;
            format!("{name:<15} {family:<8} {input:>6} {dimension:>10} {parameters:>11}  {checkpoints}")
        }));
        output.result(&format!("{}\n\n{NOTES}", lines.join("\n")), &entries)
    }
}

impl Entry {
    fn of(published: &Published) -> Self {
        Self {
            name: published.name.clone(),
            family: published.family.to_string(),
            image_size: Some(published.architecture.image_size),
            dimension: published.dimension(),
            parameters: published.architecture.parameters(),
            checkpoints: published.checkpoints.into(),
        }
    }
}
