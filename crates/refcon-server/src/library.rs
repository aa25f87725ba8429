//! The library that is searched, as its last commit left it.

use crate::app::Shared;
use crate::blocking::blocking;
use crate::error::{ApiError, ErrorBody};
use axum::Json;
use axum::extract::State;
use refcon_encoders::EncoderId;
use refcon_library::store::EncoderSummary;
use refcon_library::{EncodedTiles, Library, LibraryError, Snapshot};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The manifest is looked at again after this time: other programs may have added tiles.
const LOOKED_AT_EVERY: Duration = Duration::from_millis(500);

/// The library, and what was found in it last.
#[derive(Debug)]
pub(crate) struct OpenLibrary {
    library: Arc<Library>,
    encoder: EncoderId,
    latest: Mutex<(Instant, Arc<Current>)>,
}

/// What the library holds at one commit.
#[derive(Debug)]
pub(crate) struct Current {
    pub(crate) snapshot: Snapshot,
    /// The tiles that are searched; `None` where the encoder has embedded none yet.
    pub(crate) tiles: Option<EncodedTiles>,
    of_survey: BTreeMap<String, u64>,
    of_class: BTreeMap<String, u64>,
}

impl OpenLibrary {
    pub(crate) fn new(library: Library, encoder: EncoderId) -> Result<Self, LibraryError> {
        let current = Arc::new(Current::of(library.snapshot()?, &encoder)?);
        Ok(Self { library: Arc::new(library), encoder, latest: Mutex::new((Instant::now(), current)) })
    }

    pub(crate) fn library(&self) -> &Library {
        &self.library
    }

    /// The encoder whose embeddings are searched.
    pub(crate) fn encoder(&self) -> &EncoderId {
        &self.encoder
    }

    fn latest(&self) -> std::sync::MutexGuard<'_, (Instant, Arc<Current>)> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the library holds, as of half a second ago or less.
    pub(crate) async fn current(&self) -> Result<Arc<Current>, ApiError> {
        let known = {
            let latest = self.latest();
            if latest.0.elapsed() < LOOKED_AT_EVERY {
                return Ok(Arc::clone(&latest.1));
            }
            Arc::clone(&latest.1)
        };
        let (library, encoder) = (Arc::clone(&self.library), self.encoder.clone());
        let current = blocking(move || {
            let snapshot = library.snapshot()?;
            if snapshot.commit() == known.snapshot.commit()
                && snapshot.missing().len() == known.snapshot.missing().len()
            {
                return Ok(known);
            }
            Ok(Arc::new(Current::of(snapshot, &encoder)?))
        })
        .await?;
        *self.latest() = (Instant::now(), Arc::clone(&current));
        Ok(current)
    }
}

impl Current {
    fn of(snapshot: Snapshot, encoder: &EncoderId) -> Result<Self, LibraryError> {
        let tiles = match snapshot.tiles(encoder) {
            Ok(tiles) => Some(tiles),
            Err(LibraryError::NoSuchEncoder { .. }) => None,
            Err(error) => return Err(error),
        };
        let (mut of_survey, mut of_class) = (BTreeMap::new(), BTreeMap::new());
        if let Some(tiles) = &tiles {
            for block in tiles.blocks() {
                let columns = block.columns()?;
                for row in (0..block.rows()).filter(|row| tiles.live().contains(block.first_row() + row)) {
                    for (column, counts) in
                        [(&columns.survey, &mut of_survey), (&columns.class, &mut of_class)]
                    {
                        match column.get(row).map(|word| (word, counts.get_mut(word))) {
                            Some((_, Some(count))) => *count += 1,
                            Some((word, None)) => drop(counts.insert(word.to_owned(), 1)),
                            None => {}
                        }
                    }
                }
            }
        }
        Ok(Self { snapshot, tiles, of_survey, of_class })
    }

    /// Tiles of the survey that the library calls `name`.
    pub(crate) fn tiles_of(&self, name: &str) -> u64 {
        self.of_survey.get(name).copied().unwrap_or(0)
    }

    /// The tiles that are searched.
    pub(crate) fn searched(&self) -> Result<&EncodedTiles, ApiError> {
        self.tiles.as_ref().ok_or_else(|| {
            ApiError::not_found("the library has no tiles of this encoder yet")
                .hint("index a survey, here or with `refcon index`")
        })
    }

    /// The row of the tile called `id`, unless it was removed.
    pub(crate) fn row_of(&self, id: u64) -> Result<usize, ApiError> {
        let tiles = self.searched()?;
        let row = tiles.row_of(id).filter(|&row| tiles.live().contains(row));
        row.ok_or_else(|| ApiError::not_found(format_args!("the library has no tile {id} of this encoder")))
    }

    /// Tiles that no search covers, since their files are damaged or gone.
    pub(crate) fn not_covered(&self) -> u64 {
        self.snapshot.missing().iter().map(|missing| missing.tiles as u64).sum()
    }
}

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(library))
}

/// What the library holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LibraryView {
    /// The name of its folder.
    pub folder_name: String,
    /// Tiles that are searched.
    pub tiles: u64,
    /// All encoders that it has embeddings of.
    pub encoders: Vec<EncoderView>,
    /// The one whose embeddings are searched.
    pub encoder: EncoderView,
    /// Tiles that are not searched, since their files are damaged or gone.
    pub not_covered: u64,
    /// Classes of its tiles, and how many tiles have each.
    pub classes: Vec<ClassCount>,
    /// Folders of images that some of its tiles came from.
    pub folders: Vec<FolderView>,
    /// Counts the changes of the library.
    pub commit: u64,
}

/// A folder of images that were added as tiles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FolderView {
    /// What requests call it.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Tiles that came from it, of the encoder that is searched.
    pub tiles: u64,
}

/// An encoder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EncoderView {
    /// Its name.
    pub name: String,
    /// What tells it from others of its name.
    pub hash: String,
    /// Components of an embedding.
    pub dimension: usize,
    /// Tiles that it embedded.
    pub tiles: u64,
}

/// A class and its tiles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClassCount {
    /// Its name.
    pub name: String,
    /// How many tiles have it.
    pub tiles: u64,
}

impl From<EncoderSummary> for EncoderView {
    fn from(EncoderSummary { encoder, dimension, tiles, .. }: EncoderSummary) -> Self {
        let (name, hash) = (encoder.name().to_owned(), encoder.hash().to_owned());
        Self { name, hash, dimension, tiles: tiles as u64 }
    }
}

/// What the library holds.
#[utoipa::path(get, path = "/api/library", tag = "library", responses(
    (status = 200, description = "The library", body = LibraryView),
    (status = 500, description = "It cannot be read", body = ErrorBody),
))]
async fn library(State(app): State<Shared>) -> Result<Json<LibraryView>, ApiError> {
    let current = app.library.current().await?;
    let searched = app.library.encoder();
    let encoders: Vec<EncoderView> = current.snapshot.encoders().into_iter().map(EncoderView::from).collect();
    let none_yet = || EncoderView {
        name: searched.name().to_owned(),
        hash: searched.hash().to_owned(),
        dimension: app.encoder.dimension(),
        tiles: 0,
    };
    let entries = {
        let (app, current) = (Arc::clone(&app), Arc::clone(&current));
        blocking(move || Ok(app.surveys.after_change(&current.snapshot))).await?
    };
    let folders = entries.iter().filter(|entry| entry.is_folder()).map(|entry| FolderView {
        id: entry.id.clone(),
        name: entry.name.clone(),
        tiles: current.tiles_of(&entry.name),
    });
    let folders = folders.collect();
    let folder = app.library.library().folder();
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    Ok(Json(LibraryView {
        folder_name: folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned(),
        tiles: current.tiles.as_ref().map_or(0, |tiles| tiles.live().count() as u64),
        encoder: encoders.iter().find(|view| view.hash == searched.hash()).cloned().unwrap_or_else(none_yet),
        encoders,
        not_covered: current.not_covered(),
        classes: current
            .of_class
            .iter()
            .map(|(name, &tiles)| ClassCount { name: name.clone(), tiles })
            .collect(),
        folders,
        commit: current.snapshot.commit(),
    }))
}
