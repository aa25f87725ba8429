//! DINO: a student learns to say of a crop what its teacher, an average of itself, says of another crop of the same tile.
//!
//! Caron et al., Emerging Properties in Self-Supervised Vision Transformers, ICCV 2021 (arXiv 2104.14294); Zhou et al., iBOT, ICLR 2022
//! (arXiv 2111.07832); Oquab et al., `DINOv2`, TMLR 2024 (arXiv 2304.07193).
//!
//! ```text
//! tile ─ views ─┬─ large crops ─┬─ Teacher ─ Centring ──────────── targets ─┐
//!               │               └─ masks ─┬─ DinoNetwork (student) ─ logits ┴─ losses ─ fit
//!               └─ small crops ───────────┘
//! ```

mod config;
mod crops;
mod judging;
pub mod losses;
mod masks;
mod network;
mod start;
mod task;
mod teacher;
mod watch;

pub use config::{
    Centring, DinoConfig, LocalCrops, MaskShape, Masking, ProjectorChoice, TeacherChoice, Weights,
};
pub use judging::{MEASURE, view_reciprocal_rank};
pub use network::{DinoNetwork, Projector};
pub use task::DinoPretraining;
pub use watch::Signs;
