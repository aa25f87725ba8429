//! Surveys, sections and tiles; the synthetic survey generator.

mod amplitude;
mod axis;
mod bin_grid;
pub mod export;
mod geometry;
pub mod numpy;
mod section;
pub mod segy;
pub mod statistics;
pub mod survey;
pub mod synthetic;
pub mod tiling;
mod volume;
mod whole_file;

pub use amplitude::absolute_percentile;
pub use axis::{Domain, LineAxis, SampleAxis};
pub use bin_grid::{BinGrid, BinGridFit, PlacedBin};
pub use geometry::{Geometry, LineGeometry, LineNumbering, Polarity, VolumeGeometry};
pub use section::{Direction, Section, TileBox, TimeSlice};
pub use survey::{Survey, SurveyError, SurveyOptions};
pub use volume::Volume;
