//! Filters: which tiles a search may look at. They are told from the columns of the library before anything is compared.

use super::region::Region;
use super::section_box::{Numbers, Positions};
use crate::store::{Block, Columns, Words};
use crate::{EncodedTiles, LibraryError, RowSet};
use rayon::prelude::*;
use refcon_seismic::{Direction, Domain};
use std::collections::BTreeSet;

/// What a tile must be to be looked at; what is empty or `None` asks for nothing. Tiles of which no place is known pass no
/// condition on places.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Filter {
    /// Of one of these surveys.
    pub surveys: Vec<String>,
    /// Of none of these surveys.
    pub not_surveys: Vec<String>,
    /// On a section that runs in one of these directions.
    pub directions: Vec<Direction>,
    /// On a line with a number in the range: of its own section, an inline's or a crossline's.
    pub lines: Option<Numbers>,
    /// With a trace in the range: crosslines on an inline, inlines on a crossline.
    pub traces: Option<Numbers>,
    /// With a sample in the range; where its unit was said, only tiles of that unit.
    pub positions: Option<Positions>,
    /// Of one of these classes.
    pub classes: Vec<String>,
    /// With a point in the region.
    pub region: Option<Region>,
}

/// Why no tile can be looked at.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// The library could not be read.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// The library has no such survey.
    #[error("the library has no survey {asked:?}; it has {}", listed(found))]
    NoSurvey {
        /// The survey asked for.
        asked: String,
        /// Those it has.
        found: Vec<String>,
    },
    /// No tile has such a class.
    #[error("the library has no tile of class {asked:?}; it has {}", listed(found))]
    NoClass {
        /// The class asked for.
        asked: String,
        /// Those it has.
        found: Vec<String>,
    },
    /// No tile passes.
    #[error("no tile passes the filters: {tiles} tiles, of which {}{}", told(passed), coordinates(bounds))]
    Empty {
        /// Tiles of the library.
        tiles: usize,
        /// What each condition asks for, and how many tiles pass it alone.
        passed: Vec<(String, usize)>,
        /// Least and greatest X and Y of the tiles, where a region let none pass.
        bounds: Option<[[f64; 2]; 2]>,
    },
    /// The library is empty.
    #[error("the library has no tiles left that this encoder embedded; add some with `refcon index`")]
    NoTiles,
}

const MOST_LISTED: usize = 12;

fn listed(names: &[String]) -> String {
    match names.len() {
        0 => "none".into(),
        1..=MOST_LISTED => names.join(", "),
        more => format!("{} and {} more", names[..MOST_LISTED].join(", "), more - MOST_LISTED),
    }
}

fn told(passed: &[(String, usize)]) -> String {
    let each = passed.iter().map(|(condition, tiles)| format!("{tiles} {condition}"));
    each.collect::<Vec<_>>().join(", ")
}

fn coordinates(bounds: &Option<[[f64; 2]; 2]>) -> String {
    bounds.map_or(String::new(), |[[x, y], [to_x, to_y]]| {
        format!("; the tiles lie at X {x:.0} to {to_x:.0} and Y {y:.0} to {to_y:.0}")
    })
}

/// One thing that a filter asks for.
#[derive(Debug, Clone, Copy)]
enum Condition<'a> {
    Surveys(&'a [String]),
    NotSurveys(&'a [String]),
    Directions(&'a [Direction]),
    Lines(Numbers),
    Traces(Numbers),
    Positions(Positions),
    Classes(&'a [String]),
    Region(&'a Region),
}

impl Filter {
    /// The rows of the tiles that pass, none of them removed.
    ///
    /// # Errors
    /// The library has no such survey or class, no tile passes (the message says how many pass each condition), or a file of the
    /// library is damaged.
    pub fn rows(&self, tiles: &EncodedTiles) -> Result<RowSet, FilterError> {
        self.check_names(tiles)?;
        let conditions = self.conditions();
        let rows = passing(tiles, &conditions)?;
        if rows.count() > 0 {
            return Ok(rows);
        }
        let live = tiles.live().count();
        if live == 0 {
            return Err(FilterError::NoTiles);
        }
        let alone =
            |condition: &Condition<'_>| Ok((condition.told(), passing(tiles, &[*condition])?.count()));
        let passed = conditions.iter().map(alone).collect::<Result<Vec<_>, LibraryError>>()?;
        let nowhere = conditions
            .iter()
            .zip(&passed)
            .any(|(condition, passed)| matches!(condition, Condition::Region(_)) && passed.1 == 0);
        let bounds = if nowhere { bounds(tiles)? } else { None };
        Err(FilterError::Empty { tiles: live, passed, bounds })
    }

    fn conditions(&self) -> Vec<Condition<'_>> {
        fn some<T>(list: &[T]) -> Option<&[T]> {
            (!list.is_empty()).then_some(list)
        }
        [
            some(&self.surveys).map(Condition::Surveys),
            some(&self.not_surveys).map(Condition::NotSurveys),
            some(&self.directions).map(Condition::Directions),
            self.lines.map(Condition::Lines),
            self.traces.map(Condition::Traces),
            self.positions.map(Condition::Positions),
            some(&self.classes).map(Condition::Classes),
            self.region.as_ref().map(Condition::Region),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// A name that nothing has is a mistake in writing, not a wish for nothing.
    fn check_names(&self, tiles: &EncodedTiles) -> Result<(), FilterError> {
        let words = |column: fn(&Columns) -> &Words| -> Result<Vec<String>, LibraryError> {
            let mut words = BTreeSet::new();
            for block in tiles.blocks() {
                words.extend(column(block.columns()?).words.iter().filter(|word| !word.is_empty()).cloned());
            }
            Ok(words.into_iter().collect())
        };
        if !self.surveys.is_empty() || !self.not_surveys.is_empty() {
            let found = words(|columns| &columns.survey)?;
            if let Some(asked) =
                self.surveys.iter().chain(&self.not_surveys).find(|name| !found.contains(name))
            {
                return Err(FilterError::NoSurvey { asked: asked.clone(), found });
            }
        }
        if !self.classes.is_empty() {
            let found = words(|columns| &columns.class)?;
            if let Some(asked) = self.classes.iter().find(|name| !found.contains(name)) {
                return Err(FilterError::NoClass { asked: asked.clone(), found });
            }
        }
        Ok(())
    }
}

/// The live rows that pass every condition.
fn passing(tiles: &EncodedTiles, conditions: &[Condition<'_>]) -> Result<RowSet, LibraryError> {
    if conditions.is_empty() {
        return Ok(tiles.live().clone());
    }
    let of_block = |block: &Block| -> Result<Vec<bool>, LibraryError> {
        let columns = block.columns()?;
        let mut passes = vec![true; block.rows()];
        conditions.iter().for_each(|condition| condition.narrow(columns, &mut passes));
        Ok(passes)
    };
    let blocks = tiles.blocks().par_iter().map(of_block).collect::<Result<Vec<_>, _>>()?;
    let mut rows = RowSet::none(tiles.rows());
    for (block, passes) in tiles.blocks().iter().zip(blocks) {
        let passing = passes.iter().enumerate().filter(|(_, passes)| **passes);
        passing.for_each(|(row, _)| rows.insert(block.first_row() + row));
    }
    rows.intersect(tiles.live());
    Ok(rows)
}

/// Least and greatest X and Y of all tiles that have any.
fn bounds(tiles: &EncodedTiles) -> Result<Option<[[f64; 2]; 2]>, LibraryError> {
    let (mut least, mut greatest) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
    for block in tiles.blocks() {
        let columns = block.columns()?;
        for (axis, ends) in
            [[&columns.first_x, &columns.last_x], [&columns.first_y, &columns.last_y]].iter().enumerate()
        {
            // `min` and `max` pass over the NaN of tiles without coordinates.
            for value in ends.iter().flat_map(|values| values.iter()) {
                least[axis] = least[axis].min(*value);
                greatest[axis] = greatest[axis].max(*value);
            }
        }
    }
    Ok((least[0] <= greatest[0]).then_some([least, greatest]))
}

const INLINE: i8 = 0;
const CROSSLINE: i8 = 1;
const NO_PLACE: i8 = -1;

impl Condition<'_> {
    /// What it asks for, after a number of tiles.
    fn told(&self) -> String {
        match self {
            Self::Surveys(names) => format!("are of survey {}", names.join(" or ")),
            Self::NotSurveys(names) => format!("are not of survey {}", names.join(" or ")),
            Self::Directions(directions) => {
                let names: Vec<String> = directions.iter().map(ToString::to_string).collect();
                format!("run along an {}", names.join(" or a "))
            }
            Self::Lines(numbers) => format!("are on lines {numbers}"),
            Self::Traces(numbers) => format!("have traces in {numbers}"),
            Self::Positions(positions) => format!("have samples in {positions}"),
            Self::Classes(names) => format!("are of class {}", names.join(" or ")),
            Self::Region(_) => "touch the region".into(),
        }
    }

    /// Clears the mark of each row that does not pass.
    fn narrow(&self, columns: &Columns, passes: &mut [bool]) {
        match self {
            Self::Surveys(names) => {
                narrow_words(&columns.survey, passes, |word| names.iter().any(|n| n == word));
            }
            Self::NotSurveys(names) => {
                narrow_words(&columns.survey, passes, |word| !names.iter().any(|n| n == word));
            }
            Self::Classes(names) => {
                narrow_words(&columns.class, passes, |word| names.iter().any(|n| n == word));
            }
            Self::Directions(directions) => {
                let wanted = |direction| directions.contains(&direction);
                let (inlines, crosslines) = (wanted(Direction::Inline), wanted(Direction::Crossline));
                for (passes, &direction) in passes.iter_mut().zip(columns.direction.iter()) {
                    *passes &= (inlines && direction == INLINE) || (crosslines && direction == CROSSLINE);
                }
            }
            Self::Lines(numbers) => {
                let rows = passes.iter_mut().zip(columns.line.iter().zip(columns.direction.iter()));
                for (passes, (&line, &direction)) in rows {
                    *passes &= direction != NO_PLACE && (numbers.from <= line) & (line <= numbers.to);
                }
            }
            Self::Traces(numbers) => {
                let overlaps = |a: i32, b: i32| a.min(b) <= numbers.to && numbers.from <= a.max(b);
                for (row, passes) in passes.iter_mut().enumerate().filter(|(_, passes)| **passes) {
                    *passes = match columns.direction[row] {
                        INLINE => overlaps(columns.first_crossline[row], columns.last_crossline[row]),
                        CROSSLINE => overlaps(columns.first_inline[row], columns.last_inline[row]),
                        _ => false,
                    };
                }
            }
            Self::Positions(positions) => {
                let domain = positions.domain.map(|domain| match domain {
                    Domain::Time => 0,
                    Domain::Depth => 1,
                    Domain::DepthFeet => 2,
                });
                let rows = passes.iter_mut().zip(columns.start.iter().zip(columns.end.iter()));
                for ((passes, (&start, &end)), &found) in rows.zip(columns.domain.iter()) {
                    *passes &= found != NO_PLACE
                        && domain.is_none_or(|domain| domain == found)
                        && (start <= positions.to) & (positions.from <= end);
                }
            }
            Self::Region(region) => {
                for (row, passes) in passes.iter_mut().enumerate().filter(|(_, passes)| **passes) {
                    let first = [columns.first_x[row], columns.first_y[row]];
                    let last = [columns.last_x[row], columns.last_y[row]];
                    // Without a place the columns hold 0 or NaN.
                    *passes = columns.direction[row] != NO_PLACE
                        && [first, last].iter().flatten().all(|value| value.is_finite())
                        && region.meets(first, last);
                }
            }
        }
    }
}

/// Asks each word once, and each row for its word.
fn narrow_words(column: &Words, passes: &mut [bool], wanted: impl Fn(&str) -> bool) {
    let words: Vec<bool> = column.words.iter().map(|word| wanted(word)).collect();
    // A row without a word is of no survey and no class.
    let without = wanted("");
    for (passes, &key) in passes.iter_mut().zip(column.keys.iter()) {
        *passes &= usize::try_from(key).map_or(without, |key| words.get(key).copied().unwrap_or(without));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retrieval::fixtures::{library, place, tile};
    use crate::{Place, TileRecord};
    use proptest::prelude::*;

    /// Told tile by tile from its record, as the documentation says it.
    fn by_definition(filter: &Filter, tile: &TileRecord) -> bool {
        let placed = |wanted: &dyn Fn(&Place) -> bool| tile.place.as_ref().is_some_and(wanted);
        let along = |place: &Place| match place.direction {
            Direction::Inline => place.crosslines,
            Direction::Crossline => place.inlines,
        };
        (filter.surveys.is_empty() || filter.surveys.contains(&tile.survey))
            && !filter.not_surveys.contains(&tile.survey)
            && (filter.classes.is_empty()
                || tile.class.as_ref().is_some_and(|class| filter.classes.contains(class)))
            && (filter.directions.is_empty() || placed(&|place| filter.directions.contains(&place.direction)))
            && filter.lines.is_none_or(|lines| placed(&|place| (lines.from..=lines.to).contains(&place.line)))
            && filter.traces.is_none_or(|traces| {
                placed(&|place| {
                    let [a, b] = along(place);
                    (a.min(b)..=a.max(b)).any(|number| (traces.from..=traces.to).contains(&number))
                })
            })
            && filter.positions.is_none_or(|asked| {
                placed(&|place| {
                    asked.domain.is_none_or(|domain| domain == place.domain)
                        && place.range[0] <= asked.to
                        && asked.from <= place.range[1]
                })
            })
            && filter
                .region
                .as_ref()
                .is_none_or(|region| placed(&|place| place.corners.is_some_and(|[a, b]| region.meets(a, b))))
    }

    fn tiles() -> Vec<TileRecord> {
        let mut tiles = Vec::new();
        for id in 0..240_usize {
            let direction = if id % 3 == 0 { Direction::Crossline } else { Direction::Inline };
            let mut at = place(direction, 100 + (id * 7 % 50) as i32, id * 11 % 300, id * 13 % 400);
            if id % 4 == 0 {
                at.domain = Domain::Depth;
            }
            if id % 10 == 3 {
                at.corners = None;
            }
            let mut tile =
                tile(id as u64, ["F3", "Parihaka", "images"][id % 5 / 2], (id % 9 != 0).then_some(at));
            tile.class = [None, Some("Salt"), Some("Fault")][id % 7 / 3].map(str::to_owned);
            tiles.push(tile);
        }
        tiles
    }

    fn numbers() -> impl Strategy<Value = Option<Numbers>> {
        prop::option::of((0i32..350, 0i32..80).prop_map(|(from, length)| Numbers { from, to: from + length }))
    }

    #[test]
    fn a_filter_passes_just_the_tiles_that_its_documentation_says() {
        let all = tiles();
        let (_folder, stored) = library(&all);
        let names = || prop::collection::vec(prop::sample::select(vec!["F3", "Parihaka", "images"]), 0..2);
        let strategy = (
            names(),
            names(),
            prop::collection::vec(prop::sample::select(vec![Direction::Inline, Direction::Crossline]), 0..2),
            numbers(),
            numbers(),
            prop::option::of((0.0f64..1500.0, 0.0f64..400.0, prop::option::of(prop::bool::ANY))),
            prop::collection::vec(prop::sample::select(vec!["Salt", "Fault"]), 0..2),
            prop::option::of((0.0f64..4000.0, 2000.0f64..4000.0, 100.0f64..2000.0)),
        );
        let mut runner = prop::test_runner::TestRunner::default();
        let outcome =
            runner.run(&strategy, |(surveys, not, directions, lines, traces, positions, classes, square)| {
                let strings = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
                let filter = Filter {
                    surveys: strings(surveys),
                    not_surveys: strings(not),
                    directions,
                    lines,
                    traces,
                    positions: positions.map(|(from, length, depth)| Positions {
                        from,
                        to: from + length,
                        domain: depth.map(|depth| if depth { Domain::Depth } else { Domain::Time }),
                    }),
                    classes: strings(classes),
                    region: square.map(|(x, y, side)| {
                        Region::new(vec![vec![vec![
                            [x, y],
                            [x + side, y],
                            [x + side, y + side],
                            [x, y + side],
                        ]]])
                        .unwrap()
                    }),
                };
                let expected: Vec<usize> = all
                    .iter()
                    .enumerate()
                    .filter(|(_, tile)| by_definition(&filter, tile))
                    .map(|(row, _)| row)
                    .collect();
                match filter.rows(&stored) {
                    Ok(rows) => prop_assert_eq!(rows.iter().collect::<Vec<_>>(), expected),
                    Err(FilterError::Empty { tiles, passed, .. }) => {
                        prop_assert!(expected.is_empty() && tiles == all.len() && !passed.is_empty());
                    }
                    Err(other) => prop_assert!(false, "{}", other),
                }
                Ok(())
            });
        outcome.unwrap();
    }

    #[test]
    fn a_name_that_nothing_has_and_a_filter_that_nothing_passes_say_what_there_is() {
        let (_folder, stored) = library(&tiles());
        let message = |filter: Filter| filter.rows(&stored).unwrap_err().to_string();
        let survey = |name: &str| vec![name.to_owned()];
        let unknown = message(Filter { surveys: survey("f3"), ..Filter::default() });
        assert_eq!(unknown, "the library has no survey \"f3\"; it has F3, Parihaka, images");
        let unknown = message(Filter { classes: survey("Channel"), ..Filter::default() });
        assert!(unknown.contains("no tile of class \"Channel\"; it has Fault, Salt"), "{unknown}");
        let lines = Some(Numbers { from: 900, to: 950 });
        let empty = message(Filter { surveys: survey("F3"), lines, ..Filter::default() });
        assert_eq!(
            empty,
            "no tile passes the filters: 240 tiles, of which 96 are of survey F3, 0 are on lines 900..950"
        );
        let degrees = Some("4.0,52.0 5.0,52.0 5.0,53.0".parse().unwrap());
        let elsewhere = message(Filter { region: degrees, ..Filter::default() });
        assert!(
            elsewhere.contains("0 touch the region; the tiles lie at X 12 to 4350 and Y 225 to 7825"),
            "{elsewhere}"
        );
    }
}
