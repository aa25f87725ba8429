//! Iterative training: fine-tune on the labelled tiles, let them label the unlabelled tiles that lie nearest to them, fine-tune again on
//! both, as long as the validation gets better.
//!
//! ```text
//! train/<class>/ ─ round 0 ─ encoder ─┬─ embed ─ exact search ─ assign ─ found/round-1.json, pictures ─ vetoes ─┐
//! unlabelled/ ────────────── pool ────┘                                                                        │
//!                            round 1 ◄──────────────────────────────────────────────── found/round-1.csv ◄─────┘
//! ```
//!
//! An [`Iteration`] is a folder, and says what is to be done next ([`Iteration::next_step`]); whoever asks it trains and embeds. Every answer
//! follows from files that are written whole, so that an iteration that is killed goes on to the same end:
//!
//! ```text
//! iteration/
//!   config.yml               every setting
//!   iteration.json           the rounds that are done, and how it ended
//!   vetoes.csv               tiles that must not be added, written by a person
//!   rounds/round-N/          the run of a round
//!   found/round-N.json       what a round found: label, file, distance, and the tile that it is like
//!   found/round-N-M.png      pictures of it
//!   found/round-N.csv        what the round is trained on beside the labelled tiles
//!   best/                    the encoder of the best round
//! ```
//!
//! The held-out tiles are the same in every round. They neither ask nor are they asked for: a tile of the pool that is a copy of a
//! labelled tile, or of a held-out tile's near-duplicate group, is left out from the beginning.

mod assignment;
mod config;
mod folder;
mod pool;
mod purity;
mod sheets;
mod state;
mod steps;
mod vetoes;

pub use assignment::{Claim, assign};
pub use config::{IterationConfig, IterationSettings};
pub use folder::{Find, FindReport, Found, Iteration, Step};
pub use pool::Pool;
pub use purity::Purity;
pub use state::{Ending, RoundDone};
pub use vetoes::read_vetoes;

use crate::dataset::DatasetError;
use crate::error::TrainError;
use std::io;
use std::path::Path;

fn write_error(path: &Path) -> impl FnOnce(io::Error) -> TrainError + '_ {
    move |source| TrainError::Write { path: path.into(), source }
}

fn damaged(path: &Path, problem: &impl ToString) -> TrainError {
    TrainError::Damaged { path: path.into(), problem: problem.to_string() }
}

/// Reads a text file.
fn read_text(path: &Path) -> Result<String, TrainError> {
    std::fs::read_to_string(path).map_err(|source| DatasetError::Io { path: path.into(), source }.into())
}
