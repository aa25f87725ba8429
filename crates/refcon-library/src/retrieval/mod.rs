//! What stands between the exact engine and a person: queries, filters, feedback, re-ranking, one match a place, results.

pub mod feedback;
#[cfg(test)]
mod fixtures;
pub mod overlap;
pub mod region;
pub mod rerank;
pub mod section_box;
pub mod selection;
