//! What training leaves behind: an encoder's folder with its head, its card and what it was trained on.

use crate::encoder_file::{Base, ENCODER_FILE, EncoderFile};
use crate::export::{StoredAs, export, pretty, readable_by_all};
use crate::head::{HEAD_FILE, Head, HeadFile};
use crate::model::VisionTransformer;
use crate::{Encoder, ExportError, ModelCard, Pretrained, Texture};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// The encoder below a head.
#[derive(Debug, Clone, Copy)]
pub enum TrainedBase<'a> {
    /// The texture descriptor.
    Texture,
    /// A checkpoint's, and its model after training or as it was.
    Pretrained(&'a Pretrained, &'a VisionTransformer),
}

/// An encoder that was trained.
#[derive(Debug, Clone, Copy)]
pub struct Trained<'a> {
    /// What embeds.
    pub base: TrainedBase<'a>,
    /// What its embeddings go through, if anything.
    pub head: Option<&'a Head>,
    /// Folders of test data that it was trained on.
    pub test_data: &'a [String],
    /// Its card; for the texture descriptor the notes alone are used.
    pub card: &'a ModelCard,
}

impl Trained<'_> {
    /// Writes a folder that [`crate::open_encoder`] opens. It appears whole or not at all.
    ///
    /// # Errors
    /// When the folder exists, cannot be written, or Transformers has no class that computes what the model computes.
    pub fn write(&self, folder: &Path) -> Result<(), ExportError> {
        let io = |source| ExportError::Io { path: folder.into(), source };
        if folder.exists() {
            return Err(ExportError::Exists(folder.into()));
        }
        let parent = folder.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
        let scratch = tempfile::Builder::new().prefix(".encoder").tempdir_in(parent).map_err(io)?;
        let beside = scratch.path().join("encoder");
        self.write_parts(&beside).map_err(|error| match error {
            // The scratch folder's name means nothing to the reader.
            ExportError::Io { source, .. } => ExportError::Io { path: folder.into(), source },
            other => other,
        })?;
        fs::rename(&beside, folder).map_err(io)
    }

    fn write_parts(&self, folder: &Path) -> Result<(), ExportError> {
        let io = |source| ExportError::Io { path: folder.into(), source };
        match self.base {
            TrainedBase::Texture => {
                fs::create_dir(folder).map_err(io)?;
                readable_by_all(folder).map_err(io)?;
                fs::write(folder.join("README.md"), self.texture_card()).map_err(io)?;
            }
            TrainedBase::Pretrained(encoder, model) => {
                export(encoder, model, self.card, StoredAs::F32, folder)?;
            }
        }
        let mut file = EncoderFile::read(folder).map_err(|error| io(io::Error::other(error)))?;
        if let TrainedBase::Texture = self.base {
            file.base = Some(Base::Texture);
        }
        file.trained_on_test_data = self.test_data.to_vec();
        if let Some(head) = self.head {
            let base_hash = match self.base {
                TrainedBase::Texture => Some(Texture::new().id().hash().to_owned()),
                TrainedBase::Pretrained(..) => None,
            };
            file.head = Some(HeadFile { residual: head.sizes().residual, base_hash });
            fs::write(folder.join(HEAD_FILE), head_bytes(head).map_err(io)?).map_err(io)?;
        }
        fs::write(folder.join(ENCODER_FILE), pretty(&file)).map_err(io)
    }

    fn texture_card(&self) -> String {
        let sizes = self.head.map(|head| format!(", with a head of {:?} units on top", head.sizes().layers));
        format!(
            "# {}\n\nThe texture descriptor of refcon {}{}. refcon opens it with `--encoder` and this folder's path.\n\n{}\n",
            if self.card.title.is_empty() { "texture" } else { &self.card.title },
            env!("CARGO_PKG_VERSION"),
            sizes.unwrap_or_default(),
            self.card.notes.as_deref().unwrap_or_default()
        )
    }
}

fn head_bytes(head: &Head) -> io::Result<Vec<u8>> {
    let tensors = head.tensors();
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, _, elements)| elements.iter().flat_map(|value| value.to_le_bytes()).collect())
        .collect();
    let mut views = BTreeMap::new();
    for ((name, shape, _), bytes) in tensors.iter().zip(&bytes) {
        views.insert(
            name.clone(),
            TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(io::Error::other)?,
        );
    }
    safetensors::serialize(views, None).map_err(io::Error::other)
}
