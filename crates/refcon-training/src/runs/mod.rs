//! Runs: a folder each, with everything that says what was trained, how, on what, and how it went.
//!
//! ```text
//! runs/quiet-salt-3/
//!   config.yml       every setting
//!   run.json         seed, hash of the data, encoder, code, device, precision, state
//!   data.csv         every tile, its part and its hash
//!   metrics.jsonl    one number a line
//!   run.lock         locked while it trains
//!   checkpoints/     last.safetensors (all that the next step depends on), best.safetensors (weights alone)
//!   best/            the best encoder so far, for --encoder
//!   report.html      curves, settings and how the best encoder does on the held-out tiles
//!   tensorboard/     the same numbers for TensorBoard; wandb/ for Weights & Biases, where `tracking` asks for it
//! ```

mod claim;
mod decisive;
mod folder;
mod list;
mod name;
mod records;

pub use decisive::Decisive;
pub use folder::{Facts, Method, Run, RunState, Settings, TRIAL};
pub use list::{RunSummary, list_runs};
pub use records::{Record, read_records};
