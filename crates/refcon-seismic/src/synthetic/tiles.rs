//! Labelled tiles of a synthetic survey: queries and corpus, from different blocks of lines.

use super::SyntheticSurvey;
use super::classes::SeismicClass;
use super::random_fields::{Stream, stream};
use super::spec::{SyntheticError, SyntheticSpec};
use super::tile_rules::{LabelCounts, quality};
use crate::{Direction, TileBox};
use rand::seq::SliceRandom;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::ops::Range;

/// Smallest height and width of a tile.
const SMALLEST_TILE: usize = 8;
/// Candidate tiles to the height or width of one.
const CANDIDATES_PER_SIDE: usize = 12;

/// Which tiles to select.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TileRequest {
    /// Seed of the selection.
    pub seed: u64,
    /// Samples down.
    pub height: usize,
    /// Traces across.
    pub width: usize,
    /// Query tiles of each class.
    pub queries_per_class: usize,
    /// Corpus tiles of each class.
    pub corpus_per_class: usize,
    /// Lines that two tiles of one direction must be apart if they overlap by more than `max_overlap`; also how
    /// far apart query and corpus lines are.
    pub min_line_distance: usize,
    /// Share of a tile that may overlap with another on a line nearer than `min_line_distance`.
    pub max_overlap: f64,
    /// Share of the inlines, and of the crosslines, that is set aside for queries.
    pub query_share: f64,
}

impl Default for TileRequest {
    /// 96 samples × 96 traces; 4 queries and 20 corpus tiles of each class.
    fn default() -> Self {
        Self {
            seed: 1,
            height: 96,
            width: 96,
            queries_per_class: 4,
            corpus_per_class: 20,
            min_line_distance: 8,
            max_overlap: 0.3,
            query_share: 0.25,
        }
    }
}

impl TileRequest {
    /// Checks that tiles of this size fit into the sections of a survey, which need not be made for that.
    ///
    /// # Errors
    /// They are larger than its sections, or smaller than 8 × 8.
    pub fn check(&self, survey: &SyntheticSpec) -> Result<(), SyntheticError> {
        let (most_height, most_width) = (survey.samples, survey.inlines.min(survey.crosslines));
        let (height, width) = (self.height, self.width);
        if height.min(width) < SMALLEST_TILE || height > most_height || width > most_width {
            return Err(SyntheticError::TileSize { height, width, most_height, most_width });
        }
        Ok(())
    }
}

/// What a tile is selected for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// To search with.
    Query,
    /// To be found. It has no sample in common with a query tile.
    Corpus,
}

/// A tile and the class it was selected for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelledTile {
    /// What it shows.
    pub class: SeismicClass,
    /// What it was selected for.
    pub split: Split,
    /// Which way its section cuts the survey.
    pub direction: Direction,
    /// The number of its section's line.
    pub line: i32,
    /// Where it lies in its section.
    pub tile_box: TileBox,
}

/// A class of which the survey has fewer tiles than were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortfall {
    /// The class.
    pub class: SeismicClass,
    /// What the tiles were wanted for.
    pub split: Split,
    /// How many were asked for.
    pub asked: usize,
    /// How many there are.
    pub found: usize,
}

/// Selected tiles, by split and class, and what is missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TileSelection {
    /// The tiles: queries first, each split in the order of the classes.
    pub tiles: Vec<LabelledTile>,
    /// Every class and split with fewer tiles than asked for.
    pub shortfalls: Vec<Shortfall>,
}

/// A tile that shows its class well.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    class: SeismicClass,
    direction: Direction,
    line_index: usize,
    tile_box: TileBox,
    quality: f32,
}

/// The lines that corpus tiles come from; queries come from those at least `guard` lines outside.
struct CorpusLines {
    inlines: Range<usize>,
    crosslines: Range<usize>,
    guard: usize,
}

impl SyntheticSurvey {
    /// Labels along the line called `line`, `[samples, traces]` as in [`crate::Section`], or `None` where the volume has
    /// no such line.
    #[must_use]
    pub fn section_labels(&self, direction: Direction, line: i32) -> Option<Vec<u8>> {
        let axis = match direction {
            Direction::Inline => self.volume.inlines,
            Direction::Crossline => self.volume.crosslines,
        };
        axis.index_of(line).map(|index| self.labels_along(direction, index))
    }

    fn labels_along(&self, direction: Direction, index: usize) -> Vec<u8> {
        let (samples, crosslines) = (self.volume.samples.count, self.volume.crosslines.count);
        let (traces, first, step) = match direction {
            Direction::Inline => (crosslines, index * crosslines * samples, samples),
            Direction::Crossline => (self.volume.inlines.count, index * samples, crosslines * samples),
        };
        let mut labels = vec![0; samples * traces];
        for trace in 0..traces {
            let column = &self.labels[first + trace * step..][..samples];
            for (sample, &label) in column.iter().enumerate() {
                labels[sample * traces + trace] = label;
            }
        }
        labels
    }

    /// Selects tiles in which the class's feature fills the tile (packages) or its middle (channels, faults, the edges of
    /// salt), on inlines and crosslines alike.
    ///
    /// Queries come from a block of inlines at one edge of the survey and a block of crosslines at another, corpus tiles
    /// from the other lines; corpus tiles that cross a query tile are passed over, so that the two have no sample in
    /// common. The edges are those that yield the most tiles. Where nothing is asked for one of the splits, the other
    /// has the whole survey.
    ///
    /// # Errors
    /// The tiles are larger than the survey's sections, or smaller than 8 × 8.
    pub fn labelled_tiles(&self, request: &TileRequest) -> Result<TileSelection, SyntheticError> {
        request.check(&self.spec)?;
        let (inlines, crosslines) = (self.volume.inlines.count, self.volume.crosslines.count);
        let mut candidates = self.candidates(request);
        candidates.shuffle(&mut stream(request.seed, Stream::Tiles, 0));
        // Coarse steps of quality, so that chance and not the last percent decides between good ones.
        candidates.sort_by_key(|candidate| Reverse((candidate.quality * 10.0) as u32));
        let selections = corpus_lines(inlines, crosslines, request)
            .into_iter()
            .map(|lines| self.select(&candidates, &lines, request))
            .enumerate();
        // Rather fewer tiles than a class without any.
        let worth = |selection: &TileSelection| {
            let missing = selection.shortfalls.iter().filter(|shortfall| shortfall.found == 0).count();
            (Reverse(missing), selection.tiles.len())
        };
        let most = selections.max_by_key(|(place, selection)| (worth(selection), Reverse(*place)));
        Ok(most.map(|(_, selection)| selection).unwrap_or_default())
    }

    fn candidates(&self, request: &TileRequest) -> Vec<Candidate> {
        // Lines exactly as far apart as selected tiles must be can be packed without gaps.
        let line_step = request.min_line_distance.max(1);
        let lines =
            |direction, count: usize| (0..count).step_by(line_step).map(move |index| (direction, index));
        let sections: Vec<(Direction, usize)> = lines(Direction::Inline, self.volume.inlines.count)
            .chain(lines(Direction::Crossline, self.volume.crosslines.count))
            .collect();
        sections
            .par_iter()
            .flat_map_iter(|&(direction, line_index)| self.candidates_along(direction, line_index, request))
            .collect()
    }

    fn candidates_along(
        &self,
        direction: Direction,
        line_index: usize,
        request: &TileRequest,
    ) -> Vec<Candidate> {
        let labels = self.labels_along(direction, line_index);
        let samples = self.volume.samples.count;
        let traces = labels.len() / samples;
        let counts = LabelCounts::of(&labels, traces);
        let steps =
            |size: usize, count: usize| (0..=count - size).step_by((size / CANDIDATES_PER_SIDE).max(1));
        let mut candidates = Vec::new();
        for first_sample in steps(request.height, samples) {
            for first_trace in steps(request.width, traces) {
                let tile_box =
                    TileBox { first_trace, traces: request.width, first_sample, samples: request.height };
                candidates.extend(SeismicClass::ALL.into_iter().filter_map(|class| {
                    let quality = quality(class, &counts, tile_box)?;
                    Some(Candidate { class, direction, line_index, tile_box, quality })
                }));
            }
        }
        candidates
    }

    fn select(&self, candidates: &[Candidate], lines: &CorpusLines, request: &TileRequest) -> TileSelection {
        let mut chosen: Vec<Candidate> = Vec::new();
        let mut selection = TileSelection::default();
        for (split, asked) in
            [(Split::Query, request.queries_per_class), (Split::Corpus, request.corpus_per_class)]
        {
            let queries = chosen.clone();
            let fits = |candidate: &&Candidate| {
                lines.split_of(candidate) == Some(split)
                    && !queries.iter().any(|query| crosses(candidate, query))
            };
            let fitting: Vec<&Candidate> = candidates.iter().filter(fits).collect();
            for class in SeismicClass::ALL {
                let found = choose(&fitting, class, asked, request, &mut chosen);
                selection.tiles.extend(chosen[chosen.len() - found..].iter().map(|tile| LabelledTile {
                    class,
                    split,
                    direction: tile.direction,
                    line: match tile.direction {
                        Direction::Inline => self.volume.inlines.number(tile.line_index),
                        Direction::Crossline => self.volume.crosslines.number(tile.line_index),
                    },
                    tile_box: tile.tile_box,
                }));
                if found < asked {
                    selection.shortfalls.push(Shortfall { class, split, asked, found });
                }
            }
        }
        selection
    }
}

/// Adds up to `asked` of the candidates of `class` to `chosen`, inlines and crosslines in turn, and returns how many.
fn choose(
    candidates: &[&Candidate],
    class: SeismicClass,
    asked: usize,
    request: &TileRequest,
    chosen: &mut Vec<Candidate>,
) -> usize {
    let along = |direction| {
        candidates
            .iter()
            .filter(move |candidate| candidate.class == class && candidate.direction == direction)
    };
    let mut queues = [along(Direction::Inline), along(Direction::Crossline)];
    let before = chosen.len();
    let mut turn = 0;
    let mut idle = 0;
    while chosen.len() - before < asked && idle < queues.len() {
        let apart = |candidate: &&&Candidate| chosen.iter().all(|other| far_apart(candidate, other, request));
        match queues[turn].find(apart) {
            Some(candidate) => {
                chosen.push(**candidate);
                idle = 0;
            }
            None => idle += 1,
        }
        turn = 1 - turn;
    }
    chosen.len() - before
}

/// Whether two tiles show different places: another direction, a distant line, or another part of the section.
fn far_apart(one: &Candidate, other: &Candidate, request: &TileRequest) -> bool {
    one.direction != other.direction
        || one.line_index.abs_diff(other.line_index) >= request.min_line_distance
        || overlap(one.tile_box, other.tile_box) <= request.max_overlap
}

/// The share of a tile that another of the same size covers.
fn overlap(one: TileBox, other: TileBox) -> f64 {
    let traces = one.traces.saturating_sub(one.first_trace.abs_diff(other.first_trace));
    let samples = one.samples.saturating_sub(one.first_sample.abs_diff(other.first_sample));
    (traces * samples) as f64 / (one.traces * one.samples) as f64
}

/// Whether two tiles of different directions have samples in common.
fn crosses(one: &Candidate, other: &Candidate) -> bool {
    let (a, b) = (one.tile_box, other.tile_box);
    let traces = |tile: TileBox| tile.first_trace..tile.first_trace + tile.traces;
    let deep = a.first_sample < b.first_sample + b.samples && b.first_sample < a.first_sample + a.samples;
    one.direction != other.direction
        && traces(a).contains(&other.line_index)
        && traces(b).contains(&one.line_index)
        && deep
}

/// The corpus lines for query blocks along each pair of edges; all of them, or none, where one of the splits is not asked
/// for.
fn corpus_lines(inlines: usize, crosslines: usize, request: &TileRequest) -> Vec<CorpusLines> {
    let guard = request.min_line_distance;
    if request.queries_per_class == 0 {
        return vec![CorpusLines { inlines: 0..inlines, crosslines: 0..crosslines, guard }];
    }
    if request.corpus_per_class == 0 {
        return vec![CorpusLines { inlines: 0..0, crosslines: 0..0, guard: 0 }];
    }
    let beside = |count: usize, first_edge: bool| {
        let strip = ((count as f64 * request.query_share) as usize).saturating_add(guard).min(count);
        if first_edge { strip..count } else { 0..count - strip }
    };
    [(true, true), (true, false), (false, true), (false, false)]
        .map(|(first_inline, first_crossline)| CorpusLines {
            inlines: beside(inlines, first_inline),
            crosslines: beside(crosslines, first_crossline),
            guard,
        })
        .into()
}

impl CorpusLines {
    /// What `candidate` may be used for: nothing where its line lies close outside the corpus lines.
    fn split_of(&self, candidate: &Candidate) -> Option<Split> {
        let lines = match candidate.direction {
            Direction::Inline => &self.inlines,
            Direction::Crossline => &self.crosslines,
        };
        let line = candidate.line_index;
        if lines.contains(&line) {
            return Some(Split::Corpus);
        }
        let clear = line + self.guard < lines.start + 1 || line >= lines.end.saturating_add(self.guard);
        clear.then_some(Split::Query)
    }
}
