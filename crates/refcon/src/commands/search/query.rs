//! What `refcon search` looks for: an image, a box, tiles.

use super::filters::{depths, times};
use crate::embedding::EncoderArguments;
use crate::failure::Failure;
use crate::survey::SurveyChoices;
use clap::{ArgGroup, Args};
use refcon_encoders::Encoder;
use refcon_image::{DecodeLimits, GreyImage};
use refcon_library::retrieval::feedback::Answers;
use refcon_library::retrieval::query::{BoxQuery, BoxQueryError};
use refcon_library::retrieval::results::page::Asked;
use refcon_library::retrieval::results::pictures::{Picture, PictureReader};
use refcon_library::retrieval::section_box::{Numbers, Positions, SectionBox};
use refcon_library::retrieval::selection::Excluded;
use refcon_library::store::{Source, SourceKind};
use refcon_library::{EncodedTiles, LibraryError, Snapshot, TileRecord};
use refcon_seismic::tiling::Normalisation;
use refcon_seismic::{Direction, Survey};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Percent of absolute amplitudes that are not clipped in a box of a survey that the library does not know, where the library's own
/// surveys have a clip each.
const CLIP_PERCENT: f64 = 99.0;

/// The query of the command line.
#[derive(Debug, Args)]
#[command(next_help_heading = "What to look for",
    group = ArgGroup::new("query").args(["image", "survey", "tile"]),
    group = ArgGroup::new("section").args(["inline", "crossline"]),
    group = ArgGroup::new("positions").args(["time", "depth"]))]
pub(super) struct QueryArguments {
    /// An image of a tile (PNG, TIFF, JPEG)
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,

    /// A box on a section of this survey (its path, or its name in the library), given by --inline or --crossline, --traces, and --time
    /// or --depth
    #[arg(long, value_name = "SURVEY", requires_all = ["section", "traces", "positions"])]
    survey: Option<PathBuf>,

    /// The box is on this inline (of a 2-D line: the number of the line)
    #[arg(long, value_name = "NUMBER", requires = "survey", allow_negative_numbers = true)]
    inline: Option<i32>,

    /// The box is on this crossline
    #[arg(long, value_name = "NUMBER", requires = "survey", allow_negative_numbers = true)]
    crossline: Option<i32>,

    /// The box's traces by the numbers on the axis, as in `300..430`: crosslines on an inline, inlines on a crossline
    #[arg(long, value_name = "FROM..TO", requires = "survey", allow_hyphen_values = true)]
    traces: Option<Numbers>,

    /// The box's times, as in `800..1200ms`
    #[arg(long, value_name = "FROM..TO[ms|s]", requires = "survey", value_parser = times, allow_hyphen_values = true)]
    time: Option<Positions>,

    /// The box's depths, as in `800..1200m`
    #[arg(long, value_name = "FROM..TO[m|km|ft]", requires = "survey", value_parser = depths, allow_hyphen_values = true)]
    depth: Option<Positions>,

    /// A tile of the library, by its number
    #[arg(long, value_name = "NUMBER")]
    tile: Option<u64>,

    /// Tiles of the library that show what you look for: alone, or to sharpen the query
    #[arg(long, value_name = "NUMBER,…", value_delimiter = ',')]
    like: Vec<u64>,

    /// Tiles of the library that do not show it
    #[arg(long, value_name = "NUMBER,…", value_delimiter = ',')]
    unlike: Vec<u64>,
}

/// A query, embedded, and the tiles it is compared with.
pub(super) struct Query {
    pub(super) tiles: EncodedTiles,
    /// In words.
    pub(super) title: String,
    pub(super) answers: Answers,
    /// What it shows of the library itself.
    pub(super) shown: Excluded,
    pub(super) embed_seconds: f64,
    /// What was drawn or given as a file.
    drawn: Option<Asked>,
    /// Tiles of the library, by row, and what each of them is.
    stored: Vec<(usize, &'static str)>,
}

/// A query that is no tile of the library.
struct Drawn {
    image: GreyImage,
    title: String,
    tile: TileRecord,
    picture: Picture,
}

impl QueryArguments {
    /// Reads the query, and finds out with which encoder's tiles it can be compared.
    pub(super) fn read(
        &self,
        snapshot: &Snapshot,
        encoder: &EncoderArguments,
        choices: &SurveyChoices,
    ) -> Result<Query, Failure> {
        if let Some(both) = self.like.iter().find(|id| self.unlike.contains(id)) {
            return Err(Failure::usage(format!(
                "tile {both} is given to --like and to --unlike; give it to one of them"
            )));
        }
        if self.image.is_none() && self.survey.is_none() && self.tile.is_none() && self.like.is_empty() {
            return Err(Failure::usage(
                "nothing says what to look for: give --image FILE, --survey SURVEY with a box, --tile NUMBER, or --like NUMBER,…",
            ));
        }
        let needs_encoder = self.image.is_some() || self.survey.is_some();
        let opened = if needs_encoder { Some(encoder.open()?) } else { None };
        let tiles = match &opened {
            Some(encoder) => snapshot.tiles(encoder.id()),
            // What was asked for by name must be what the tiles are compared by.
            None if encoder.is_chosen() => snapshot.tiles(encoder.open()?.id()),
            None => match snapshot.only_encoder() {
                // Only --encoder can say which one is meant.
                Err(LibraryError::SeveralEncoders { found, .. }) if !found.is_empty() => {
                    snapshot.tiles(encoder.open()?.id())
                }
                only => only.and_then(|only| snapshot.tiles(&only)),
            },
        };
        let mut query = Query {
            tiles: tiles.map_err(Failure::input)?,
            title: String::new(),
            answers: Answers::default(),
            shown: Excluded::default(),
            embed_seconds: 0.0,
            drawn: None,
            stored: Vec::new(),
        };
        if let Some(encoder) = opened {
            let drawn = match (&self.image, self.section_box()) {
                (Some(path), _) => query.image(snapshot, path)?,
                (None, Some((path, on))) => query.section_box(snapshot, path, on, choices)?,
                (None, None) => return Err(Failure::usage("the box is not complete")),
            };
            query.embed(drawn, &*encoder)?;
        }
        if let Some(id) = self.tile {
            let row = query.stored("--tile", "query", id)?;
            query.answers.query = Some(query.tiles.embedding(row));
            query.title = format!("like tile {id}");
        }
        for &id in &self.like {
            let row = query.stored("--like", "like", id)?;
            query.answers.liked.push(query.tiles.embedding(row));
        }
        for &id in &self.unlike {
            let row = query.stored("--unlike", "unlike", id)?;
            query.answers.disliked.push(query.tiles.embedding(row));
        }
        query.title = self.title(&query.title);
        Ok(query)
    }

    fn section_box(&self) -> Option<(&Path, SectionBox)> {
        let (direction, line) = match (self.inline, self.crossline) {
            (Some(line), _) => (Direction::Inline, line),
            (None, line) => (Direction::Crossline, line?),
        };
        let positions = self.time.or(self.depth)?;
        Some((self.survey.as_deref()?, SectionBox { direction, line, traces: self.traces?, positions }))
    }

    fn title(&self, query: &str) -> String {
        let numbers = |ids: &[u64]| ids.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        let tiles =
            |ids: &[u64]| format!("{} {}", if ids.len() == 1 { "tile" } else { "tiles" }, numbers(ids));
        let mut parts: Vec<String> = Vec::new();
        parts.extend((!query.is_empty()).then(|| query.to_owned()));
        parts.extend((!self.like.is_empty()).then(|| format!("like {}", tiles(&self.like))));
        parts.extend((!self.unlike.is_empty()).then(|| format!("unlike {}", tiles(&self.unlike))));
        parts.join(", ")
    }
}

impl Query {
    /// The tiles that were asked for, with their pictures.
    pub(super) fn asked(&self, reader: &mut PictureReader<'_>) -> Vec<Asked> {
        let stored = self.stored.iter().filter_map(|&(row, role)| {
            let tile = self.tiles.record(row).ok()?;
            let picture = reader.read(row, &tile);
            Some(Asked { role, name: None, tile, picture })
        });
        self.drawn.iter().cloned().chain(stored).collect()
    }

    fn embed(&mut self, drawn: Drawn, encoder: &dyn Encoder) -> Result<(), Failure> {
        let Drawn { image, title, tile, picture } = drawn;
        let started = Instant::now();
        self.answers.query = Some(encoder.embed(&[image]).map_err(Failure::other)?);
        self.embed_seconds = started.elapsed().as_secs_f64();
        let name = if tile.file.is_empty() { "box".to_owned() } else { tile.file.clone() };
        self.drawn = Some(Asked { role: "query", name: Some(name), tile, picture });
        self.title = title;
        Ok(())
    }

    /// The row of a tile of the library, which is then no match.
    fn stored(&mut self, option: &str, role: &'static str, id: u64) -> Result<usize, Failure> {
        let row = self.tiles.row_of(id).filter(|&row| self.tiles.live().contains(row));
        let Some(row) = row else {
            let last = self.tiles.rows().checked_sub(1).map_or(0, |row| self.tiles.id(row));
            return Err(Failure::usage(format!(
                "{option} {id}: the library has no such tile of encoder {}; its numbers go up to {last}",
                self.tiles.encoder()
            )));
        };
        let tile = self.tiles.record(row).map_err(Failure::input)?;
        self.shown.tiles.insert(id);
        self.shown.places.extend(tile.place.map(|place| (tile.survey, place)));
        self.stored.push((row, role));
        Ok(row)
    }

    fn image(&mut self, snapshot: &Snapshot, path: &Path) -> Result<Drawn, Failure> {
        let image = refcon_image::read(path, &DecodeLimits::default()).map_err(Failure::input)?;
        self.exclude_file(snapshot, path)?;
        let file = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        // Images have sides of 31 bits at most.
        let tile = TileRecord::of_image("", &file, image.width() as u32, image.height() as u32);
        let title = format!("like {file}");
        Ok(Drawn { title, tile, picture: Picture::Image(image.clone()), image })
    }

    /// An image that is in the library itself finds itself first, which tells nobody anything.
    fn exclude_file(&mut self, snapshot: &Snapshot, path: &Path) -> Result<(), Failure> {
        let Ok(whole) = path.canonicalize() else { return Ok(()) };
        let encoder = self.tiles.encoder().clone();
        let folders = snapshot.sources().iter().filter(|source| source.kind == SourceKind::Images);
        for source in folders.filter(|source| source.encoder == encoder) {
            let Ok(name) = whole.strip_prefix(&source.path) else { continue };
            let name = name.to_string_lossy().replace('\\', "/");
            for block in self.tiles.blocks() {
                let columns = block.columns().map_err(Failure::input)?;
                let same =
                    |row: &usize| columns.sources()[*row] == Some(source.id) && columns.file(*row) == name;
                self.shown.tiles.extend((0..block.rows()).filter(same).map(|row| block.ids()[row]));
            }
        }
        Ok(())
    }

    fn section_box(
        &mut self,
        snapshot: &Snapshot,
        path: &Path,
        on: SectionBox,
        choices: &SurveyChoices,
    ) -> Result<Drawn, Failure> {
        // A survey's name in the library stands for where it lay.
        let named = || snapshot.sources().iter().find(|source| path.as_os_str() == source.name.as_str());
        let path = match named() {
            Some(source) if !path.exists() && !source.path.exists() => {
                return Err(Failure::input(format!(
                    "the survey {} was indexed from {}, which is not there now; put it back, or give where it is with --survey",
                    source.name,
                    source.path.display()
                )));
            }
            Some(source) if !path.exists() => &source.path,
            _ => path,
        };
        let survey = choices.open(path)?;
        let source = self.source(snapshot, &survey);
        let normalisation = self.normalisation(snapshot, source, survey.name());
        let BoxQuery { amplitudes, image, place } =
            BoxQuery::read(&survey, on, normalisation).map_err(|error| match error {
                BoxQueryError::Outside(_) => Failure::usage(error),
                _ => Failure::input(error),
            })?;
        let name = source.map_or_else(|| survey.name().to_owned(), |source| source.name.clone());
        if source.is_some() {
            self.shown.places.push((name.clone(), place.clone()));
        }
        let title = format!(
            "like the box on {name}, {} {}, traces {}, {}",
            on.direction, on.line, on.traces, on.positions
        );
        let picture = Picture::Amplitudes { values: amplitudes, traces: image.width(), from_image: false };
        // A section's sides are counted in 32 bits.
        let (width, height) = (image.width() as u32, image.height() as u32);
        let tile =
            TileRecord { survey: name, place: Some(place), ..TileRecord::of_image("", "", width, height) };
        Ok(Drawn { image, title, tile, picture })
    }

    /// The library's source that is this survey: by where it lies, else by its name.
    fn source<'a>(&self, snapshot: &'a Snapshot, survey: &Survey) -> Option<&'a Source> {
        let whole = survey.path().canonicalize().ok();
        let of_encoder = || {
            let surveys = snapshot.sources().iter().filter(|source| source.kind == SourceKind::Survey);
            surveys.filter(|source| source.encoder == *self.tiles.encoder())
        };
        let same_file = of_encoder().find(|source| Some(&source.path) == whole.as_ref());
        same_file.or_else(|| of_encoder().find(|source| source.name == survey.name()))
    }

    /// How a box becomes grey: as its survey's tiles in the library did; else as those of the library's first survey did.
    fn normalisation(&self, snapshot: &Snapshot, source: Option<&Source>, survey: &str) -> Normalisation {
        let of = |source: &Source| source.survey.as_ref().map(|access| access.normalisation);
        if let Some(normalisation) = source.and_then(of) {
            return normalisation;
        }
        let mut others = snapshot.sources().iter().filter(|other| other.encoder == *self.tiles.encoder());
        match others.find_map(of) {
            // The clip of one survey says nothing about another's amplitudes.
            Some(Normalisation::Clip { .. }) => {
                tracing::warn!(
                    "{survey} is not in the library, whose surveys are clipped at an amplitude of their own; the box is clipped at its \
                     own percentile {CLIP_PERCENT}"
                );
                Normalisation::SymmetricPercentile { percent: CLIP_PERCENT }
            }
            Some(normalisation) => normalisation,
            None => Normalisation::MinMax,
        }
    }
}
