//! Embeddings on a plane, to be looked at: principal components, and t-SNE.

mod principal;
mod tsne;

pub use principal::principal_components;
pub use tsne::{TSNE_TILES, tsne};
