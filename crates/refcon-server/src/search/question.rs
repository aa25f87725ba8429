//! From what was asked to embeddings.

use super::request::{BoxRequest, QueryRequest, SearchRequest, numbers, positions};
use crate::app::Shared;
use crate::blocking::blocking;
use crate::error::ApiError;
use crate::library::Current;
use crate::surveys::{Entry, OpenSurvey};
use crate::tiles::picture_of;
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use refcon_image::{GreyImage, ReadImageError};
use refcon_library::TileRecord;
use refcon_library::retrieval::feedback::Answers;
use refcon_library::retrieval::query::{BoxQuery, BoxQueryError};
use refcon_library::retrieval::results::page::Asked;
use refcon_library::retrieval::results::pictures::Picture;
use refcon_library::retrieval::section_box::SectionBox;
use refcon_library::retrieval::selection::Excluded;
use refcon_seismic::tiling::Normalisation;
use std::path::Path;
use std::sync::Arc;

/// What is searched for.
pub(super) struct Question {
    /// In words.
    pub(super) text: String,
    pub(super) answers: Answers,
    pub(super) excluded: Excluded,
    /// What can be shown of it, what was drawn or chosen first.
    pub(super) shown: Vec<Asked>,
}

/// What a request asks for, embedded.
pub(super) async fn of(
    app: &Shared,
    current: &Arc<Current>,
    request: &SearchRequest,
) -> Result<Question, ApiError> {
    let mut question = Question {
        text: String::new(),
        answers: Answers::default(),
        excluded: Excluded::default(),
        shown: Vec::new(),
    };
    match &request.query {
        QueryRequest::Box(on) => question.add_box(app, current, on, request).await?,
        QueryRequest::Image { png_base64 } => question.add_image(app, png_base64).await?,
        QueryRequest::Tile { id } => {
            question.add_tile(app, current, *id, request).await?;
            question.text = format!("tile {id}");
        }
        QueryRequest::Examples { like, unlike, of_box } => {
            if let Some(on) = of_box {
                question.add_box(app, current, on, request).await?;
            }
            question.add_examples(current, like, unlike)?;
            if let (None, Some(&first)) = (of_box, like.first()) {
                question.show(app, current, first, "like").await?;
            }
        }
    }
    Ok(question)
}

impl Question {
    async fn add_box(
        &mut self,
        app: &Shared,
        current: &Arc<Current>,
        on: &BoxRequest,
        request: &SearchRequest,
    ) -> Result<(), ApiError> {
        let entry = app.surveys.by_id(&on.survey)?;
        let opened = entry.open().await?;
        let normalisation = normalisation(&entry, current);
        let on = SectionBox {
            direction: on.direction.into(),
            line: on.line,
            traces: numbers(on.traces),
            positions: positions(on.range)?,
        };
        let encoder = Arc::clone(&app.encoder);
        let (read, embedding) = blocking(move || {
            let read = read_box(&opened, on, normalisation)?;
            let embedding = encoder.embed(std::slice::from_ref(&read.image)).map_err(ApiError::internal)?;
            Ok((read, embedding))
        })
        .await?;
        self.text =
            format!("{} {} of {}, traces {}, {}", on.direction, on.line, entry.name, on.traces, on.positions);
        if request.exclude_same_place {
            self.excluded.places.push((entry.name.clone(), read.place.clone()));
        }
        self.answers.query = Some(embedding);
        self.shown.push(box_shown(&entry.name, read));
        Ok(())
    }

    async fn add_image(&mut self, app: &Shared, base64: &str) -> Result<(), ApiError> {
        // What the page's file reader makes begins with `data:image/png;base64,`.
        let base64 = base64.rsplit_once(',').map_or(base64, |(_, bytes)| bytes).trim();
        let bytes = STANDARD
            .decode(base64)
            .map_err(|error| ApiError::bad_request(format_args!("the image is not Base64: {error}")))?;
        let (encoder, limits) = (Arc::clone(&app.encoder), app.limits.image);
        let (image, embedding) = blocking(move || {
            let image = refcon_image::decode(Path::new("the image that was sent"), &bytes, &limits);
            let image = image.map_err(refused_image)?;
            let embedding = encoder.embed(std::slice::from_ref(&image)).map_err(ApiError::internal)?;
            Ok((image, embedding))
        })
        .await?;
        "an image".clone_into(&mut self.text);
        self.answers.query = Some(embedding);
        self.shown.push(image_shown(image));
        Ok(())
    }

    async fn add_tile(
        &mut self,
        app: &Shared,
        current: &Arc<Current>,
        id: u64,
        request: &SearchRequest,
    ) -> Result<(), ApiError> {
        self.answers.query = Some(current.searched()?.embedding(current.row_of(id)?));
        self.excluded.tiles.insert(id);
        let tile = self.show(app, current, id, "query").await?;
        if request.exclude_same_place
            && let Some(place) = tile.place
        {
            self.excluded.places.push((tile.survey, place));
        }
        Ok(())
    }

    /// Liked tiles may be among the matches, disliked ones not.
    fn add_examples(&mut self, current: &Current, like: &[u64], unlike: &[u64]) -> Result<(), ApiError> {
        let tiles = current.searched()?;
        let embeddings = |ids: &[u64]| -> Result<Vec<Vec<f32>>, ApiError> {
            ids.iter().map(|&id| Ok(tiles.embedding(current.row_of(id)?))).collect()
        };
        self.answers.liked = embeddings(like)?;
        self.answers.disliked = embeddings(unlike)?;
        self.excluded.tiles.extend(unlike);
        let examples = format!("{} liked and {} disliked tiles", like.len(), unlike.len());
        self.text = if self.text.is_empty() { examples } else { format!("{}, {examples}", self.text) };
        Ok(())
    }

    async fn show(
        &mut self,
        app: &Shared,
        current: &Arc<Current>,
        id: u64,
        role: &'static str,
    ) -> Result<TileRecord, ApiError> {
        let (tile, picture) = picture_of(app, current, current.row_of(id)?).await?;
        self.shown.push(Asked { role, name: None, tile: tile.clone(), picture });
        Ok(tile)
    }
}

fn read_box(opened: &OpenSurvey, on: SectionBox, normalisation: Normalisation) -> Result<BoxQuery, ApiError> {
    BoxQuery::read(&opened.survey, on, normalisation).map_err(|error| match error {
        BoxQueryError::Outside(_) => ApiError::bad_request(error),
        BoxQueryError::Survey(_) | BoxQueryError::Size(_) => ApiError::internal(error),
    })
}

/// How a box becomes grey: as the survey's own tiles did; a survey that is not in the library, as those of the first survey that is.
fn normalisation(entry: &Entry, current: &Current) -> Normalisation {
    let of_library = || current.snapshot.sources().iter().find_map(|source| source.survey.as_ref());
    entry.access().or_else(of_library).map_or(Normalisation::MinMax, |access| access.normalisation)
}

fn refused_image(error: ReadImageError) -> ApiError {
    match error {
        ReadImageError::TooLarge { .. } | ReadImageError::FileTooLong { .. } => {
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, error)
        }
        _ => ApiError::bad_request(error),
    }
}

fn box_shown(survey: &str, BoxQuery { amplitudes, place, .. }: BoxQuery) -> Asked {
    let bounds = place.bounds;
    // Both sides come from a section, whose samples and traces are counted in 32 bits.
    let (width, height) = (bounds.traces as u32, bounds.samples as u32);
    let mut tile = TileRecord::of_image(survey, "", width, height);
    tile.place = Some(place);
    let picture = Picture::Amplitudes { values: amplitudes, traces: bounds.traces, from_image: false };
    Asked { role: "query", name: Some("box".into()), tile, picture }
}

fn image_shown(image: GreyImage) -> Asked {
    let tile = TileRecord::of_image("", "", image.width() as u32, image.height() as u32);
    Asked { role: "query", name: Some("image".into()), tile, picture: Picture::Image(image) }
}
