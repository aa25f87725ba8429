//! From embeddings to ranked matches: exact search, confidence, result files and the report page.

mod confidence;
pub mod files;
pub mod report;
mod search;
mod submission;

pub use confidence::challenge_confidence;
pub use search::{Metric, Neighbour, SearchError, search};
pub use submission::{ReadSubmissionError, Submission, SubmittedMatch};
