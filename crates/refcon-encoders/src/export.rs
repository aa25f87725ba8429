//! An encoder as a folder that Transformers opens: `config.json`, `preprocessor_config.json`, `model.safetensors`, and a model
//! card; with `refcon-encoder.json`, so that refcon gives the same embeddings again.

use crate::encoder_file::{ENCODER_FILE, EncoderFile, Settled};
use crate::families::mae::{self, DecoderArchitecture};
use crate::families::names::{Naming, Source};
use crate::families::{clip, dinov2, vit};
use crate::model::{Activation, Architecture, Named, Pooling, Projection, VisionTransformer};
use crate::{Encoder, MaskedAutoencoder, Pretrained};
use half::bf16;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Why an encoder could not be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A file or folder cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something is there already.
    #[error("{} is there already; give a folder that is not", .0.display())]
    Exists(PathBuf),
    /// No model class of Transformers computes this.
    #[error("Transformers has no model for this encoder: {0}")]
    NotExpressible(&'static str),
    /// The model was opened for inference.
    #[error(
        "the model's weights were packed for inference; open it with them as they are (`Execution::F32`) to write it"
    )]
    Packed,
}

/// What type the weights' elements are written as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StoredAs {
    /// As they are.
    #[default]
    F32,
    /// Rounded to bf16: half the size.
    Bf16,
}

impl StoredAs {
    fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::F32 => ("F32", "float32"),
            Self::Bf16 => ("BF16", "bfloat16"),
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::F32 => size_of::<f32>(),
            Self::Bf16 => size_of::<bf16>(),
        }
    }
}

/// What the model card says beside what the model itself tells.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelCard {
    /// The model's name.
    pub title: String,
    /// What it was trained on, and under what licence that is.
    pub data: Option<String>,
    /// Name and value of each metric, and on what it was measured.
    pub metrics: Vec<(String, String)>,
    /// Polarity of the data it was trained on: which sign an increase of impedance has.
    pub polarity: Option<String>,
    /// Anything else.
    pub notes: Option<String>,
}

/// A model as Transformers knows it.
struct Layout {
    class: &'static str,
    model_type: &'static str,
    naming: Naming,
    sizes: Architecture,
}

/// Writes an encoder to a new folder. `model` is the encoder's own or the same after fine-tuning.
///
/// # Errors
/// When the folder exists, cannot be written, the weights are packed, or Transformers has no class that computes what this encoder computes.
pub fn export(
    encoder: &Pretrained,
    model: &VisionTransformer,
    card: &ModelCard,
    stored: StoredAs,
    folder: &Path,
) -> Result<(), ExportError> {
    if model.is_packed() {
        return Err(ExportError::Packed);
    }
    let (settled, sizes) = (encoder.settled(), encoder.architecture());
    let layout = layout(sizes, settled.pooling)?;
    let sources = layout.naming.sources(&layout.sizes);
    let mut files = vec![
        ("config.json", pretty(&config(&layout, None, stored))),
        ("preprocessor_config.json", pretty(&image_processor(settled))),
        (ENCODER_FILE, pretty(&encoder_file(settled, encoder))),
    ];
    files.push(("README.md", model_card(card, encoder, &layout)));
    write_folder(folder, &files, &sources, model.weights(), stored)
}

/// Writes a whole masked autoencoder, as Transformers' `ViTMAEForPreTraining`, to a new folder; `file` says how refcon is to use its
/// encoder, where that is not as usual.
///
/// # Errors
/// As [`export`].
pub fn export_masked_autoencoder(
    model: &MaskedAutoencoder,
    encoder: &Architecture,
    decoder: &DecoderArchitecture,
    file: Option<&EncoderFile>,
    folder: &Path,
) -> Result<(), ExportError> {
    if encoder.layer_scale || encoder.registers > 0 || encoder.norm_after_pooling {
        return Err(ExportError::NotExpressible(
            "a masked autoencoder with layer scale, registers or a late norm",
        ));
    }
    let sizes = Architecture { pooler: false, projection: None, ..encoder.clone() };
    let naming = Naming { names: &vit::NAMES, prefix: "vit.".into(), root: String::new() };
    let layout = Layout { class: "ViTMAEForPreTraining", model_type: "vit_mae", naming, sizes };
    let mut sources = layout.naming.sources(&layout.sizes);
    sources.extend(mae::TRANSFORMERS.sources("", decoder));
    let mut weights = model.encoder.weights();
    weights.extend(model.decoder.weights());
    let stored = StoredAs::F32;
    let mut files = vec![("config.json", pretty(&config(&layout, Some(decoder), stored)))];
    files.extend(file.map(|file| (ENCODER_FILE, pretty(file))));
    write_folder(folder, &files, &sources, weights, stored)
}

/// The class of Transformers that computes what the encoder computes, and the architecture as that class has it.
fn layout(sizes: &Architecture, pooling: Pooling) -> Result<Layout, ExportError> {
    if sizes.norm_after_pooling {
        return Err(ExportError::NotExpressible("it normalises after pooling"));
    }
    let patch_bias = true;
    if sizes.norm_before_blocks {
        let class = match sizes.projection {
            Some(_) => "CLIPVisionModelWithProjection",
            None => "CLIPVisionModel",
        };
        let naming = Naming { names: &clip::NAMES, prefix: "vision_model.".into(), root: String::new() };
        return Ok(Layout { class, model_type: "clip_vision_model", naming, sizes: sizes.clone() });
    }
    let is_dinov2 = sizes.layer_scale || sizes.registers > 0 || sizes.activation == Activation::SwiGlu;
    match (is_dinov2, sizes.distillation_token) {
        (true, true) => {
            Err(ExportError::NotExpressible("it has a distillation token and layer scale or registers"))
        }
        (true, false) => {
            let sizes = Architecture {
                layer_scale: true,
                positioned_tokens: 1,
                patch_bias,
                pooler: false,
                projection: None,
                ..sizes.clone()
            };
            let (class, model_type) = match sizes.registers {
                0 => ("Dinov2Model", "dinov2"),
                _ => ("Dinov2WithRegistersModel", "dinov2_with_registers"),
            };
            Ok(Layout { class, model_type, naming: Naming::bare(&dinov2::NAMES), sizes })
        }
        (false, true) => {
            let sizes = Architecture { positioned_tokens: 2, patch_bias, projection: None, ..sizes.clone() };
            Ok(Layout { class: "DeiTModel", model_type: "deit", naming: Naming::bare(&vit::NAMES), sizes })
        }
        (false, false) => {
            let sizes = Architecture { positioned_tokens: 1, patch_bias, ..sizes.clone() };
            match (pooling, sizes.projection) {
                (Pooling::Projected, Some(projection)) => {
                    let projection = Some(Projection { bias: true, ..projection });
                    let naming = Naming { names: &vit::NAMES, prefix: "vit.".into(), root: String::new() };
                    let sizes = Architecture { projection, pooler: false, ..sizes };
                    Ok(Layout { class: "ViTForImageClassification", model_type: "vit", naming, sizes })
                }
                _ => {
                    let sizes = Architecture { projection: None, ..sizes };
                    Ok(Layout {
                        class: "ViTModel",
                        model_type: "vit",
                        naming: Naming::bare(&vit::NAMES),
                        sizes,
                    })
                }
            }
        }
    }
}

fn config(layout: &Layout, decoder: Option<&DecoderArchitecture>, stored: StoredAs) -> Value {
    let sizes = &layout.sizes;
    let mut config = json!({
        "architectures": [layout.class],
        "model_type": layout.model_type,
        "image_size": sizes.image_size,
        "patch_size": sizes.patch_size,
        "num_channels": sizes.channels,
        "hidden_size": sizes.width,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.heads,
        "hidden_act": match sizes.activation {
            Activation::QuickGelu => "quick_gelu",
            Activation::Gelu | Activation::SwiGlu => "gelu",
        },
        "layer_norm_eps": sizes.layer_norm_eps,
        "torch_dtype": stored.name().1,
    });
    if layout.model_type.starts_with("dinov2") {
        let gated = sizes.activation == Activation::SwiGlu;
        config["use_swiglu_ffn"] = gated.into();
        config["qkv_bias"] = sizes.qkv_bias.into();
        // The gated perceptron is two thirds as wide as the ratio says.
        let hidden = if gated { sizes.perceptron_width * 3 / 2 } else { sizes.perceptron_width };
        config["mlp_ratio"] = match hidden % sizes.width {
            0 => (hidden / sizes.width).into(),
            _ => (hidden as f64 / sizes.width as f64).into(),
        };
        if sizes.registers > 0 {
            config["num_register_tokens"] = sizes.registers.into();
        }
    } else {
        config["intermediate_size"] = sizes.perceptron_width.into();
        if layout.model_type == "clip_vision_model" {
            if let Some(projection) = sizes.projection {
                config["projection_dim"] = projection.width.into();
            }
        } else {
            config["qkv_bias"] = sizes.qkv_bias.into();
            if let Some(projection) = sizes.projection {
                config["num_labels"] = projection.width.into();
            }
        }
    }
    if let Some(decoder) = decoder {
        config["decoder_hidden_size"] = decoder.blocks.width.into();
        config["decoder_num_hidden_layers"] = decoder.blocks.layers.into();
        config["decoder_num_attention_heads"] = decoder.blocks.heads.into();
        config["decoder_intermediate_size"] = decoder.blocks.perceptron_width.into();
        config["norm_pix_loss"] = decoder.normalised_patches.into();
    }
    config
}

/// Resize, crop, scaling and normalisation in the words of Transformers' image processors, which have none for contrast.
fn image_processor(settled: &Settled) -> Value {
    let (preprocessing, crop) = (&settled.preprocessing, settled.preprocessing.crop());
    const BICUBIC: u32 = 3;
    json!({
        "image_processor_type": "CLIPImageProcessor",
        "do_convert_rgb": settled.channels == 3,
        "do_resize": true,
        "size": {"shortest_edge": preprocessing.resize_shorter_side()},
        "resample": BICUBIC,
        "do_center_crop": true,
        "crop_size": {"height": crop, "width": crop},
        "do_rescale": true,
        "rescale_factor": 1.0 / 255.0,
        "do_normalize": settled.normalises_pixels(),
        "image_mean": settled.mean,
        "image_std": settled.std,
    })
}

fn encoder_file(settled: &Settled, encoder: &Pretrained) -> EncoderFile {
    EncoderFile {
        preprocessing: Some(settled.preprocessing),
        mean: settled.mean.clone(),
        std: settled.std.clone(),
        pooling: Some(settled.pooling),
        normalise: settled.normalise,
        texture_share: settled.texture_share,
        heads: Some(encoder.architecture().heads),
        ..EncoderFile::default()
    }
}

fn model_card(card: &ModelCard, encoder: &Pretrained, layout: &Layout) -> String {
    let (settled, sizes) = (encoder.settled(), &layout.sizes);
    let not_said = "not said";
    let or_not_said = |text: &Option<String>| text.clone().unwrap_or_else(|| not_said.into());
    let metrics = match card.metrics.as_slice() {
        [] => not_said.to_owned(),
        metrics => {
            let rows: String =
                metrics.iter().map(|(name, value)| format!("| {name} | {value} |\n")).collect();
            format!("| metric | value |\n|---|---|\n{rows}")
        }
    };
    let pooling = serde_json::to_string(&settled.pooling).unwrap_or_default();
    let normalisation = match settled.normalises_pixels() {
        true => format!("then minus {:?}, divided by {:?}, channel by channel", settled.mean, settled.std),
        false => "no mean and standard deviation".into(),
    };
    let preprocessing = &settled.preprocessing;
    let title = if card.title.is_empty() { encoder.id().name() } else { &card.title };
    let notes = card.notes.as_ref().map(|notes| format!("\n## Notes\n\n{notes}\n")).unwrap_or_default();
    format!(
        "---\nlibrary_name: transformers\npipeline_tag: image-feature-extraction\ntags: [seismic, image-retrieval]\n---\n\n\
         # {title}\n\n\
         An encoder of seismic tiles, written by refcon {version}. Transformers opens it as `{class}`; refcon with \
         `--encoder` and this folder's path.\n\n\
         | | |\n|---|---|\n\
         | family | {family} |\n\
         | model | {name}, {parameters} parameters, {layers} blocks of width {width}, patches of {patch} pixels |\n\
         | made from | {id} |\n\
         | embedding | {joined}pooling {pooling}, {dimension} components{unit} |\n\n\
         ## Data\n\n{data}\n\n\
         ## Metrics\n\n{metrics}\n\n\
         ## Normalisation\n\n\
         A tile is grey, 0 to 1. Contrast ×{contrast} about its mean, clamped to 0 to 1 (Transformers' image processor does \
         not do this: do it first); shorter side {shorter} pixels, bicubic with antialiasing; centre crop {crop}; {channels} \
         equal channels; {normalisation}.\n\n\
         ## Polarity\n\n{polarity}\n{notes}",
        version = env!("CARGO_PKG_VERSION"),
        class = layout.class,
        family = encoder.family(),
        name = encoder.id().name(),
        parameters = sizes.parameters(),
        layers = sizes.layers,
        width = sizes.width,
        patch = sizes.patch_size,
        id = encoder.id(),
        dimension = encoder.dimension(),
        joined = settled.texture_share.map(joined_with).unwrap_or_default(),
        unit = if settled.normalise { ", scaled to length 1" } else { "" },
        data = or_not_said(&card.data),
        contrast = preprocessing.contrast(),
        shorter = preprocessing.resize_shorter_side(),
        crop = preprocessing.crop(),
        channels = settled.channels,
        polarity = or_not_said(&card.polarity),
    )
}

fn joined_with(share: f32) -> String {
    format!(
        "the texture descriptor (√{share} × its {} components, which refcon adds and Transformers does not know), then √{} × the \
         model's, each scaled to length 1 before: ",
        crate::texture::DIMENSION,
        1.0 - share
    )
}

/// Writes everything beside the folder's place and then renames it, so that there is never half an export.
fn write_folder(
    folder: &Path,
    texts: &[(&str, String)],
    sources: &[Source],
    weights: Named,
    stored: StoredAs,
) -> Result<(), ExportError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| ExportError::Io { path, source }
    };
    if folder.exists() {
        return Err(ExportError::Exists(folder.into()));
    }
    let parent = match folder.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let beside = tempfile::Builder::new().prefix(".export").tempdir_in(parent).map_err(io(parent))?;
    for (name, text) in texts {
        fs::write(beside.path().join(name), text).map_err(io(&folder.join(name)))?;
    }
    let weights_path = folder.join("model.safetensors");
    let written = File::create(beside.path().join("model.safetensors"))
        .and_then(|file| write_safetensors(BufWriter::new(file), sources, weights, stored));
    written.map_err(io(&weights_path))?;
    readable_by_all(beside.path()).map_err(io(folder))?;
    let beside = beside.keep();
    fs::rename(&beside, folder).map_err(|source| {
        // What could not be renamed would stay behind; that it cannot be removed either adds nothing to the error.
        let _ = fs::remove_dir_all(&beside);
        ExportError::Io { path: folder.into(), source }
    })
}

/// A scratch folder belongs to its maker alone; an export is a folder like any other.
#[cfg(unix)]
pub(crate) fn readable_by_all(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
pub(crate) fn readable_by_all(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Header, then one tensor after the other: the file is never in memory as a whole.
fn write_safetensors(
    mut out: impl Write,
    sources: &[Source],
    mut weights: Named,
    stored: StoredAs,
) -> io::Result<()> {
    let mut header = serde_json::Map::new();
    header.insert("__metadata__".into(), json!({"format": "pt"}));
    let mut end = 0;
    for piece in sources.iter().flat_map(|source| &source.pieces) {
        let bytes = piece.shape.iter().product::<usize>() * stored.bytes();
        header.insert(
            piece.name.clone(),
            json!({"dtype": stored.name().0, "shape": piece.shape, "data_offsets": [end, end + bytes]}),
        );
        end += bytes;
    }
    let mut header = serde_json::to_vec(&header)?;
    // Padded, so that the tensors begin at a multiple of 8 bytes.
    header.resize(header.len().next_multiple_of(8), b' ');
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(&header)?;
    for Source { part, .. } in sources {
        let count = part.shape.iter().product();
        let mut values = weights.take(&part.name).unwrap_or_else(|| absent(&part.name, count));
        if part.name == "positions" && values.len() < count {
            // Positions of patches alone: the class token's is none.
            values.splice(..0, std::iter::repeat_n(0.0, count - values.len()));
        }
        if values.len() != count {
            let problem = format!("{} has {} elements, expected {:?}", part.name, values.len(), part.shape);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
        for value in values {
            match stored {
                StoredAs::F32 => out.write_all(&value.to_le_bytes())?,
                StoredAs::Bf16 => out.write_all(&bf16::from_f32(value).to_le_bytes())?,
            }
        }
    }
    out.flush()
}

/// What a tensor that Transformers has and the model has not must be, to change nothing.
fn absent(part: &str, count: usize) -> Vec<f32> {
    let neutral = if part.ends_with("_scale") { 1.0 } else { 0.0 };
    vec![neutral; count]
}

pub(crate) fn pretty(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}
