//! The REST API of a tile library, and the page on it.
//!
//! ```text
//! request → what every answer carries (security::headers) → who may ask (security::guard) → limits → handler → library, surveys, jobs
//! ```
//!
//! [`Server::open`] opens everything and binds; [`Server::run`] answers until it is told to stop. `GET /api/docs` documents each address,
//! from the same types that the handlers use.
//!
//! Threads: requests are answered on the runtime's; whatever takes a disk or a processor runs on threads for blocking work and on
//! rayon's; one thread scans the library for all searches, one does the jobs.

mod app;
mod batching;
mod blocking;
mod error;
mod extract;
mod jobs;
mod labels;
mod library;
mod limits;
mod pages;
mod picture;
mod projection;
mod runs;
mod search;
mod sections;
mod security;
mod server;
mod surveys;
mod tiles;
mod wording;

pub use app::SessionRequest;
pub use error::ErrorBody;
pub use jobs::{IndexRequest, JobRequest, JobState, JobView, TrainRequest};
pub use labels::{LabelRequest, LabelView, LabelsError};
pub use library::{ClassCount, EncoderView, FolderView, LibraryView};
pub use limits::Limits;
pub use pages::has_page;
pub use projection::{PointView, ProjectionView};
pub use runs::{BestView, MetricView, RunView};
pub use search::{AskedView, BoxRequest, FilterRequest, MatchView, QueryRequest, SearchRequest, SearchView};
pub use sections::{Cut, HorizontalAxis, SectionView, TILE_SIZE, VerticalAxis};
pub use security::{Token, TokenError};
pub use server::{DrawReport, ServeError, Server, ServerOptions, TlsFiles, Training, serve};
pub use surveys::{Axis, Clip, GeometryView, OptionsOf, Samples, SurveyView};
pub use tiles::{PlaceView, SectionDirection, TileView};
