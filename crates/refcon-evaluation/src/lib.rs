//! How good a retrieval is: the challenge's score and the field's retrieval metrics, with bootstrap intervals, and
//! confidences that mean something.
//!
//! ```text
//! results.json ─┐
//!               ├─ judge → outcomes (one a query) ─ evaluate → Evaluation: overall, macro, per class
//! gold.csv ─────┘              │
//! labelled embeddings ─ rank_labelled → rankings ─ fit_calibration → Calibration: distance → probability
//! ```
//!
//! | question | answer |
//! |---|---|
//! | how good is the ranking | [`Metric`]: P@k, R@k, hit@k, R-precision, mAP, MAP@R, MRR, nDCG, weighted accuracy |
//! | which classes are mistaken for which | [`Confusion`] |
//! | do the confidences mean what they say | [`calibration::Reliability`], with the expected calibration error |
//! | is anything like the query there at all | [`calibration::area_under_roc`], [`calibration::PrecisionThreshold`] |
//! | what do the embeddings look like | [`projection`]: principal components, t-SNE |
//! | all of it, to be looked at | [`report::Report`] |

mod bootstrap;
pub mod calibration;
mod confusion;
mod evaluation;
mod gold;
mod groups;
mod labelled;
mod metric;
mod outcome;
pub mod projection;
pub mod report;

pub use bootstrap::Interval;
pub use calibration::{Calibration, fit_calibration};
pub use confusion::{ClassAgreement, Confusion};
pub use evaluation::{ClassEstimates, Estimate, Evaluation, evaluate, mean_over_queries};
pub use gold::{Gold, GoldError};
pub use groups::{Groups, GroupsError};
pub use labelled::{LabelledEmbeddings, LabelledError, Ranking, rank_labelled};
pub use metric::Metric;
pub use outcome::{JudgeError, Outcome, judge};
