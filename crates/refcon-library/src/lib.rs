//! From tiles to ranked matches: the library on disk, exact search, confidence, result files and the report page.

mod confidence;
pub mod exact;
pub mod files;
pub mod indexing;
pub mod interchange;
pub mod report;
pub mod retrieval;
mod row_set;
mod search;
pub mod store;
mod submission;
mod tile_record;

pub use confidence::challenge_confidence;
pub use exact::{Metric, Neighbour};
pub use row_set::RowSet;
pub use search::{SearchError, search};
pub use store::{EncodedTiles, Library, LibraryError, NewTile, Snapshot, VectorFormat, Wait, Writer};
pub use submission::{ReadSubmissionError, Submission, SubmittedMatch};
pub use tile_record::{Place, TileRecord};
