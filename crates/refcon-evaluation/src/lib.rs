//! How good a retrieval is: the challenge's score and the field's retrieval metrics, with bootstrap intervals.
//!
//! ```text
//! results.json ─┐
//!               ├─ judge → outcomes (one a query) ─ evaluate → Evaluation: overall, macro, per class
//! gold.csv ─────┘
//! ```

mod bootstrap;
mod evaluation;
mod gold;
mod metric;
mod outcome;

pub use bootstrap::Interval;
pub use evaluation::{ClassEstimates, Estimate, Evaluation, evaluate};
pub use gold::{Gold, GoldError};
pub use metric::Metric;
pub use outcome::{JudgeError, Outcome, judge};
