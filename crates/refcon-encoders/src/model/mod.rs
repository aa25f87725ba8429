//! The vision transformer that every family shares.
//!
//! Pre-norm blocks with attention over all tokens and a perceptron. The families differ in what [`Architecture`] lists; each
//! family's own names for the same tensors are told from the checkpoint ([`crate::inspect`] lists them).

mod architecture;
mod initial;
pub(crate) mod kernels;
pub(crate) mod layers;
mod pooling;
pub(crate) mod positions;
mod transformer;

pub(crate) use architecture::Parts;
pub use architecture::{Architecture, Part, Projection};
pub use layers::Activation;
pub use pooling::Pooling;
pub use positions::PositionResize;
pub use transformer::VisionTransformer;
pub(crate) use transformer::{Block, Loader, Named, Weights};
