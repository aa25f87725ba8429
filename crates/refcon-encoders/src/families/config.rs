//! Transformers' `config.json`: what the tensors do not say (heads, activation, epsilon), and a check on what they do.

use super::Family;
use crate::model::{Activation, Architecture};
use serde::Deserialize;

/// The part of a configuration that describes an image encoder. Transformers leaves out what is a class's default.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Config {
    pub(crate) model_type: Option<String>,
    image_size: Option<usize>,
    patch_size: Option<usize>,
    num_channels: Option<usize>,
    hidden_size: Option<usize>,
    num_hidden_layers: Option<usize>,
    num_attention_heads: Option<usize>,
    intermediate_size: Option<usize>,
    layer_norm_eps: Option<f64>,
    hidden_act: Option<String>,
    num_register_tokens: Option<usize>,
    use_swiglu_ffn: Option<bool>,
    decoder_num_attention_heads: Option<usize>,
    norm_pix_loss: Option<bool>,
    vision_config: Option<Box<Config>>,
}

impl Config {
    /// The configuration of the image encoder, which in a model of two towers is one inside.
    pub(crate) fn vision(&self) -> &Self {
        self.vision_config.as_deref().unwrap_or(self)
    }

    /// The family that it names, if one does.
    pub(crate) fn family(&self) -> Result<Option<Family>, String> {
        match &self.model_type {
            None => Ok(None),
            Some(model_type) => Family::of_model_type(model_type).map(Some).ok_or_else(|| {
                format!(
                    "model_type is {model_type:?}, expected \"vit\", \"vit_mae\", \"dinov2\", \"dinov2_with_registers\", \
                     \"clip\" or \"clip_vision_model\""
                )
            }),
        }
    }

    /// Attention heads: as written, else the class's default.
    pub(crate) fn heads(&self) -> Option<usize> {
        self.num_attention_heads.or(self.model_type.as_ref().map(|_| 12))
    }

    /// Attention heads of a masked autoencoder's decoder, likewise.
    /// Whether a masked autoencoder was trained to rebuild normalised patches.
    pub(crate) fn normalises_patches(&self) -> bool {
        self.norm_pix_loss.unwrap_or(false)
    }

    pub(crate) fn decoder_heads(&self) -> Option<usize> {
        self.decoder_num_attention_heads.or(self.model_type.as_ref().map(|_| 16))
    }

    /// Takes over what the tensors do not say, and says what contradicts them.
    pub(crate) fn complete(&self, sizes: &mut Architecture) -> Result<(), String> {
        let swiglu = sizes.activation == Activation::SwiGlu;
        let said_and_found = [
            ("patch_size", self.patch_size, sizes.patch_size),
            ("num_channels", self.num_channels, sizes.channels),
            ("hidden_size", self.hidden_size, sizes.width),
            ("num_hidden_layers", self.num_hidden_layers, sizes.layers),
            ("intermediate_size", self.intermediate_size, sizes.perceptron_width),
            ("num_register_tokens", self.num_register_tokens, sizes.registers),
            ("use_swiglu_ffn", self.use_swiglu_ffn.map(usize::from), usize::from(swiglu)),
        ];
        if let (Some(image), Some(patch)) = (self.image_size, self.patch_size)
            && (patch == 0 || !image.is_multiple_of(patch))
        {
            return Err(format!("image_size {image} is not a multiple of patch_size {patch}"));
        }
        for (name, said, found) in said_and_found {
            if let Some(said) = said.filter(|&said| said != found) {
                return Err(format!("{name} is {said}, but the tensors' is {found}"));
            }
        }
        if let Some(said) = self.image_size.filter(|&said| said != sizes.image_size) {
            return Err(format!(
                "image_size is {said}, but the positions are those of an image of {} pixels",
                sizes.image_size
            ));
        }
        if let Some(eps) = self.layer_norm_eps {
            sizes.layer_norm_eps = eps;
        }
        match self.hidden_act.as_deref() {
            None => {}
            Some("gelu") if !swiglu => sizes.activation = Activation::Gelu,
            Some("quick_gelu") if !swiglu => sizes.activation = Activation::QuickGelu,
            Some("gelu" | "silu") => {}
            Some(other) => return Err(format!("hidden_act is {other}, expected gelu or quick_gelu")),
        }
        Ok(())
    }
}
