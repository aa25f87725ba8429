//! Search by example: a box on a section, a tile, an image, tiles that one likes and dislikes.

mod export;
mod filters;
mod question;
mod request;

pub(crate) use filters::FilterCache;
pub use request::{BoxRequest, FilterRequest, QueryRequest, SearchRequest};

use crate::app::Shared;
use crate::blocking::blocking;
use crate::error::{ApiError, ErrorBody};
use crate::extract::Body;
use crate::library::Current;
use crate::picture::png;
use crate::tiles::{PlaceView, TileView, view_of};
use crate::wording::word;
use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use question::Question;
use refcon_evaluation::calibration::{NotCalibrated, QueryCalibration};
use refcon_image::ColourMap;
use refcon_library::challenge_confidence;
use refcon_library::retrieval::results::{ConfidenceKind, Match, ranked};
use refcon_library::retrieval::selection::Selection;
use refcon_library::retrieval::{Found, Search, SecondLook, search_rows};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Instant;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(search)).merge(export::routes())
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SearchView {
    /// What was searched for.
    pub query: AskedView,
    /// The matches, nearest first.
    pub matches: Vec<MatchView>,
    /// Tiles of the library.
    pub tiles_searched: u64,
    /// Of them, those that passed the filters and were compared.
    pub tiles_passed: u64,
    /// Tiles passed over since a nearer match lies in the same place.
    pub same_place: u64,
    /// Tiles passed over since the query itself shows them, or their place.
    pub of_query: u64,
    /// Tiles passed over since their survey has enough matches.
    pub survey_full: u64,
    /// Tiles that were not compared since their files are damaged or gone.
    pub not_covered: u64,
    /// How the query became a vector: `query`, `means` of liked and disliked tiles, or `linear_model`.
    pub method: String,
    /// `calibrated`: a confidence is the probability that a match is of the query's class. `challenge`: confidences compare the matches
    /// of one answer with each other.
    pub confidence_kind: String,
    /// Why the server's calibration does not hold for this search; `null` where it holds, or the server has none.
    pub not_calibrated: Option<String>,
    /// How long it took.
    pub milliseconds: f64,
}

/// What was searched for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AskedView {
    /// In words.
    pub text: String,
    /// What the encoder saw, as a `data:` address of a PNG image; `null` where there is no picture.
    pub picture: Option<String>,
    /// Traces.
    pub width: Option<u32>,
    /// Samples.
    pub height: Option<u32>,
    /// Where it lies.
    pub place: Option<PlaceView>,
}

/// A match.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MatchView {
    /// From 1.
    pub rank: usize,
    /// The tile.
    pub tile: TileView,
    /// Cosine distance: 0 is the same direction, 2 the opposite.
    pub distance: f32,
    /// 0 to 1.
    pub confidence: Option<f32>,
    /// The address of its picture.
    pub thumbnail: String,
}

/// Finds the tiles that look like the query. Searches that come together are answered in one pass.
#[utoipa::path(post, path = "/api/search", tag = "search", request_body = SearchRequest, responses(
    (status = 200, description = "The matches", body = SearchView),
    (status = 400, description = "It cannot be searched for like that", body = ErrorBody),
    (status = 404, description = "There is no such survey, section or tile", body = ErrorBody),
    (status = 413, description = "The image is too large", body = ErrorBody),
    (status = 503, description = "As many searches wait as may wait; the header Retry-After says when to ask again", body = ErrorBody),
))]
async fn search(
    State(app): State<Shared>,
    Body(request): Body<SearchRequest>,
) -> Result<Json<SearchView>, ApiError> {
    let started = Instant::now();
    let answer = answer(&app, request).await?;
    blocking(move || {
        let Answer { question, found, confidence_kind, not_calibrated, confidences, current } = answer;
        let selected = &found.selected;
        let (same_place, of_query, survey_full) =
            (selected.same_place as u64, selected.of_query as u64, selected.survey_full as u64);
        let method = word(found.method);
        let query = asked(&question);
        let matches = ranked(found.selected.matches, |_| confidences);
        let matches = matches.into_iter().map(|found| match_view(&app, found)).collect();
        Ok(Json(SearchView {
            query,
            matches,
            tiles_searched: found.tiles as u64,
            tiles_passed: found.compared as u64,
            same_place,
            of_query,
            survey_full,
            not_covered: current.not_covered(),
            method,
            confidence_kind: word(confidence_kind),
            not_calibrated,
            milliseconds: started.elapsed().as_secs_f64() * 1000.0,
        }))
    })
    .await
}

/// What was asked, and what was found.
struct Answer {
    question: Question,
    found: Found,
    confidence_kind: ConfidenceKind,
    /// Why the server's calibration does not hold.
    not_calibrated: Option<String>,
    /// One a match.
    confidences: Vec<f32>,
    current: Arc<Current>,
}

/// Searches, if there is room for another search.
async fn answer(app: &Shared, request: SearchRequest) -> Result<Answer, ApiError> {
    request.check(&app.limits)?;
    let permit = Arc::clone(&app.searches).try_acquire_owned();
    let permit = permit.map_err(|_| ApiError::busy("as many searches wait as may wait"))?;
    let current = app.library.current().await?;
    current.searched()?;
    let question = question::of(app, &current, &request).await?;
    let app = Arc::clone(app);
    blocking(move || {
        // Given back when the search ends, also where nobody waits for it any more.
        let _permit = permit;
        let tiles = current.searched()?;
        let filter = request.filters.filter(&app, tiles)?;
        let rows = app.filters.rows(&current, &filter)?;
        let calibration = app.calibration.as_ref();
        let calibrated = calibration
            .map(|calibration| QueryCalibration::new(calibration, &question.answers, tiles, &rows));
        let within = within(&request, calibrated.as_ref())?;
        let not_calibrated =
            calibrated.as_ref().and_then(|calibrated| calibrated.as_ref().err()).map(ToString::to_string);
        let calibrated = calibrated.and_then(Result::ok);
        let selection = Selection {
            count: request.k,
            within,
            same_place: request.suppress_overlap.then(Default::default),
            per_survey: request.per_survey,
            excluded: question.excluded.clone(),
        };
        let search =
            Search { answers: question.answers.clone(), filter, selection, second_look: SecondLook::None };
        let only = (rows.count() < tiles.rows()).then_some(&rows);
        let found = search_rows(tiles, &search, &rows, |vector, count| {
            let mut nearest = app.scans.nearest(tiles, vector, count, only)?;
            if let Some(within) = within {
                nearest.truncate(nearest.partition_point(|neighbour| neighbour.distance <= within));
            }
            Ok::<_, ApiError>(nearest)
        })?;
        let distances: Vec<f32> = found.selected.matches.iter().map(|found| found.distance).collect();
        let (confidence_kind, confidences) = match calibrated {
            Some(calibrated) => (ConfidenceKind::Calibrated, calibrated.confidences(&distances)),
            None => (ConfidenceKind::Challenge, challenge_confidence(&distances)),
        };
        Ok(Answer { question, found, confidence_kind, not_calibrated, confidences, current })
    })
    .await
}

/// The greatest distance of a match: as asked for, and near enough for the confidence asked for.
fn within(
    request: &SearchRequest,
    calibrated: Option<&Result<QueryCalibration<'_>, NotCalibrated>>,
) -> Result<Option<f32>, ApiError> {
    let Some(least) = request.min_confidence else { return Ok(request.within) };
    match calibrated {
        Some(Ok(calibrated)) => Ok(Some(calibrated.within(least, request.within))),
        Some(Err(why)) => Err(ApiError::bad_request(format_args!("min_confidence: {why}"))),
        None => Err(ApiError::bad_request("min_confidence: this server's confidences are not calibrated")
            .hint("start it with --calibration, a file that `refcon evaluate --save-calibration` writes")),
    }
}

fn asked(question: &Question) -> AskedView {
    let shown = question.shown.first();
    let place = shown.and_then(|shown| shown.tile.place.as_ref());
    let png = shown.and_then(|shown| png(&shown.picture, place, None, ColourMap::Grey));
    AskedView {
        text: question.text.clone(),
        picture: png.map(|png| format!("data:image/png;base64,{}", STANDARD.encode(png))),
        width: shown.map(|shown| shown.tile.width),
        height: shown.map(|shown| shown.tile.height),
        place: place.map(PlaceView::from),
    }
}

fn match_view(app: &Shared, found: Match) -> MatchView {
    MatchView {
        rank: found.rank,
        thumbnail: format!("/api/tiles/{}/picture.png", found.tile.id),
        tile: view_of(app, found.tile),
        distance: found.distance,
        confidence: Some(found.confidence),
    }
}
