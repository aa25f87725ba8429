//! What stands between the exact engine and a person.
//!
//! ```text
//! a box, an image, tiles one likes ─ feedback ─ vector ─┐
//!                              filter ─ rows to look at ┴ exact ranking ─ rerank ─ selection ─ matches ─ results
//! ```
//!
//! | what a person wants | where |
//! |---|---|
//! | a box on a section, by the numbers on its axes | [`section_box`], [`query`] |
//! | tiles like these, unlike those | [`feedback`] |
//! | only these surveys, lines, times, classes, this area | [`filter`], [`region`] |
//! | no ten hits of one place, not the place of the query, not all from one survey | [`overlap`], [`selection`] |
//! | a second look at the best | [`rerank`] |
//! | all of it in one call | [`search`](search()) |
//! | tables, files, pages | [`results`] |

pub mod feedback;
pub mod filter;
#[cfg(test)]
mod fixtures;
pub mod overlap;
pub mod query;
pub mod region;
pub mod rerank;
pub mod results;
mod search;
pub mod section_box;
pub mod selection;

pub use search::{Found, RetrievalError, Search, SecondLook, search, search_rows};
