//! What a checkpoint is, without loading it.

use crate::checkpoint::{CheckpointError, ElementType};
use crate::families::{self, Family};
use crate::model::{Architecture, Pooling};
use crate::opened::Opened;
use refcon_image::Preprocessing;
use std::path::{Path, PathBuf};

/// What a checkpoint is and what of it is used.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// The weights' file, or the index of the shards.
    pub path: PathBuf,
    /// The short name, such as `clip-l14`.
    pub name: String,
    /// The family.
    pub family: Family,
    /// Whose names the tensors have.
    pub library: &'static str,
    /// What stands before those names.
    pub prefix: String,
    /// The model that the tensors make.
    pub architecture: Architecture,
    /// Whether a masked autoencoder's decoder is in the file too.
    pub has_decoder: bool,
    /// Types of the elements of the tensors that are used.
    pub elements: Vec<ElementType>,
    /// From a tile to the model's input.
    pub preprocessing: Preprocessing,
    /// What of the model's output becomes the embedding.
    pub pooling: Pooling,
    /// The share of the texture descriptor, where it is joined to the model's embedding.
    pub texture_share: Option<f32>,
    /// Components of an embedding.
    pub dimension: usize,
    /// Each of the model's tensors, and where it lies in the file: several pieces where the file keeps them apart.
    pub mapping: Vec<(String, Vec<String>)>,
    /// Needed and not in the file; of another shape or type than needed, with found and expected.
    pub missing: Vec<String>,
    /// In the file, of another shape or type than needed, with found and expected.
    pub misshapen: Vec<String>,
    /// In the file and of no known use; the checkpoint would be refused.
    pub unexpected: Vec<String>,
    /// In the file and not needed to embed an image: heads, decoders, text towers, optimisers.
    pub unneeded: Vec<String>,
}

impl Inspection {
    /// Whether the checkpoint can be loaded, as far as names, shapes and types tell.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.misshapen.is_empty() && self.unexpected.is_empty()
    }
}

/// Looks at a checkpoint; `family` as in [`crate::Pretrained::open_on`]. No weight is read.
///
/// # Errors
/// When the checkpoint cannot be read or is damaged, its names are of no known encoder or another family's, or configuration
/// and tensors contradict each other.
pub fn inspect(path: &Path, family: Option<Family>) -> Result<Inspection, CheckpointError> {
    let opened = Opened::open(path, family)?;
    let comparison = opened.comparison();
    let sources = opened.naming.sources(&opened.architecture);
    let used: Vec<&str> =
        sources.iter().flat_map(|source| &source.pieces).map(|piece| piece.name.as_str()).collect();
    let tensors = opened.checkpoint.tensors();
    let mut elements = Vec::new();
    for facts in used.iter().filter_map(|name| tensors.get(*name)) {
        if !elements.contains(&facts.element) {
            elements.push(facts.element.clone());
        }
    }
    let known: std::collections::HashSet<&str> = used.iter().copied().collect();
    let unneeded =
        tensors.keys().filter(|name| !known.contains(name.as_str()) && opened.naming.unneeded(name));
    Ok(Inspection {
        path: opened.checkpoint.path().into(),
        name: families::short_name(opened.family, &opened.architecture),
        family: opened.family,
        library: opened.naming.names.library,
        prefix: opened.naming.prefix.clone(),
        has_decoder: opened.decoder_architecture().is_ok(),
        elements,
        preprocessing: opened.settled.preprocessing,
        pooling: opened.settled.pooling,
        texture_share: opened.settled.texture_share,
        dimension: opened.settled.dimension(&opened.architecture),
        unneeded: unneeded.cloned().collect(),
        mapping: sources
            .into_iter()
            .map(|source| {
                let pieces = source.pieces.into_iter().map(|piece| piece.name).collect();
                (source.part.name, pieces)
            })
            .collect(),
        missing: comparison.missing,
        misshapen: comparison.misshapen,
        unexpected: comparison.left_over,
        architecture: opened.architecture,
    })
}
