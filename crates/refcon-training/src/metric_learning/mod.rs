//! Fine-tuning by metric learning: tiles of one class close together, tiles of others apart.
//!
//! [`Network`] is what is trained, [`MetricLearning`] the task that the loop ([`crate::fit`]) runs, [`prepare`] makes both from a
//! configuration, [`begin_run`] the run's folder.

mod begin;
mod network;
mod prepare;
mod task;

pub use begin::{RunPlace, begin_run};
pub use network::{Base, Network};
pub(crate) use prepare::absolute;
pub use prepare::{Prepared, ReadTiles, plan, prepare, read_tiles, started_from};
pub use task::{MetricLearning, library};
