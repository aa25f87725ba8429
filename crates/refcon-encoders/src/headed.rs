//! An encoder with a head, and opening whatever encoder a folder holds.

use crate::checkpoint::{CheckpointError, folder_of};
use crate::encoder_file::{Base, ENCODER_FILE, EncoderFile};
use crate::execution::Execution;
use crate::families::Family;
use crate::head::{HEAD_FILE, Head};
use crate::{EncodeError, Encoder, EncoderId, Pretrained, Texture, device};
use burn::tensor::{Device, Tensor, TensorData};
use refcon_image::GreyImage;
use std::path::Path;

/// An encoder and the head that its embeddings go through.
pub struct Headed {
    id: EncoderId,
    base: Box<dyn Encoder>,
    head: Head,
}

impl Headed {
    /// Puts a head, which lies on the processor, on top of an encoder.
    ///
    /// # Errors
    /// When the head is for embeddings of another length.
    pub fn new(base: Box<dyn Encoder>, head: Head) -> Result<Self, String> {
        let sizes = head.sizes();
        if sizes.inputs != base.dimension() {
            return Err(format!(
                "the head is for embeddings of {} components, and {} gives {}",
                sizes.inputs,
                base.id(),
                base.dimension()
            ));
        }
        Ok(Self { id: Self::id_of(base.id(), &head), base, head })
    }

    /// The identity that an encoder has with a head on top.
    #[must_use]
    pub fn id_of(base: &EncoderId, head: &Head) -> EncoderId {
        let mut weights = Vec::new();
        for (name, _, elements) in head.tensors() {
            weights.extend(name.bytes());
            weights.extend(elements.iter().flat_map(|value| value.to_le_bytes()));
        }
        let parts = [base.hash().as_bytes(), &weights, &[u8::from(head.sizes().residual)]];
        EncoderId::new(format!("{}+head", base.name()), &parts)
    }
}

impl Encoder for Headed {
    fn id(&self) -> &EncoderId {
        &self.id
    }

    fn dimension(&self) -> usize {
        self.head.dimension()
    }

    fn tier(&self) -> &'static str {
        self.base.tier()
    }

    fn embed(&self, tiles: &[GreyImage]) -> Result<Vec<f32>, EncodeError> {
        let embeddings = TensorData::new(self.base.embed(tiles)?, [tiles.len(), self.base.dimension()]);
        let embeddings = self.head.forward(Tensor::from_data(embeddings, &device::cpu()));
        let values: Vec<f32> = embeddings.into_data().iter::<f32>().collect();
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(values),
            Some(at) => Err(EncodeError::NotFinite {
                encoder: self.id.clone(),
                tile: at / self.dimension(),
                value: values[at].to_string(),
            }),
        }
    }
}

/// Opens the encoder of a folder or a weights' file: a checkpoint ([`Pretrained::open_on`]), or what `refcon train` wrote, which may be
/// a head on a checkpoint or on the texture descriptor.
///
/// # Errors
/// As [`Pretrained::open_on`]; and when the head's file is missing or damaged, or is for another encoder than the one below it.
pub fn open_encoder(
    path: &Path,
    family: Option<Family>,
    device: &Device,
    execution: Execution,
) -> Result<Box<dyn Encoder>, CheckpointError> {
    let folder = folder_of(path);
    let base: Box<dyn Encoder> = match EncoderFile::read(folder)?.base {
        Some(Base::Texture) => Box::new(Texture::new()),
        None => Box::new(Pretrained::open_on(path, family, device, execution)?),
    };
    let Some(head) = open_head(path, &*base, &device::cpu())? else { return Ok(base) };
    let headed = Headed::new(base, head)
        .map_err(|problem| CheckpointError::config(&folder.join(HEAD_FILE), problem))?;
    Ok(Box::new(headed))
}

/// The head that the encoder of a folder or a weights' file has on top of `base`, the encoder without it; none where it has none.
///
/// # Errors
/// When the head's file is missing or damaged, or is for another encoder than `base`.
pub fn open_head(path: &Path, base: &dyn Encoder, device: &Device) -> Result<Option<Head>, CheckpointError> {
    let folder = folder_of(path);
    let Some(said) = EncoderFile::read(folder)?.head else { return Ok(None) };
    if let Some(hash) = said.base_hash.as_deref().filter(|hash| *hash != base.id().hash()) {
        let problem = format!(
            "its head was trained on the embeddings of {} {hash}, and this refcon's are {}; train it again",
            base.id().name(),
            base.id().hash()
        );
        return Err(CheckpointError::config(&folder.join(ENCODER_FILE), problem));
    }
    let head = Head::open(folder, &said, device)?;
    let (inputs, components) = (head.sizes().inputs, base.dimension());
    if inputs != components {
        let problem =
            format!("it is for embeddings of {inputs} components, and {} gives {components}", base.id());
        return Err(CheckpointError::config(&folder.join(HEAD_FILE), problem));
    }
    Ok(Some(head))
}
