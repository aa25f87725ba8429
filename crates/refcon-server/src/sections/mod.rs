//! Sections as the viewer needs them: tiles of amplitudes at any zoom, or one picture.

mod cache;
mod handlers;
mod picture;
mod pyramid;
mod reading;

pub(crate) use cache::SectionCache;
pub(crate) use handlers::{Colours, checked_clip, routes};
pub use handlers::{HorizontalAxis, SectionView, VerticalAxis};
pub(crate) use picture::coloured;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Samples and traces of a tile of the viewer.
pub const TILE_SIZE: usize = 256;

/// Which way a section cuts its survey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// Along an inline, or along a 2-D line.
    Inline,
    /// Along a crossline.
    Crossline,
    /// A time or depth slice; its "line" is its time or depth.
    Slice,
}
