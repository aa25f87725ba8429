//! From a ranking to the matches that a person wants to see.
//!
//! Suppression needs more candidates than it keeps. So the ranking is asked for more and more of its beginning until enough
//! tiles survive, or there are no more. Since an exact ranking's beginning does not depend on how much of it is asked for,
//! the outcome is the one of going through the complete ranking.

use super::overlap::{SamePlace, TakenPlaces};
use crate::{Neighbour, Place, TileRecord};
use std::collections::{HashMap, HashSet};

/// What a result list may hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// Matches, at most.
    pub count: usize,
    /// Greatest distance of a match.
    pub within: Option<f32>,
    /// Of tiles in the same place only the nearest stays; `None`: all of them stay.
    pub same_place: Option<SamePlace>,
    /// Matches of one survey, at most.
    pub per_survey: Option<usize>,
    /// Tiles that are no matches.
    pub excluded: Excluded,
}

/// Tiles that are no matches: what the query itself shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Excluded {
    /// Tiles by their number.
    pub tiles: HashSet<u64>,
    /// Places, each with its survey; tiles in the same place are left out.
    pub places: Vec<(String, Place)>,
    /// When a tile is in the same place as one of them.
    pub rule: SamePlace,
}

/// A match: a tile and how far it is from the query.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectedTile {
    /// The tile.
    pub tile: TileRecord,
    /// Its row in the library.
    pub row: usize,
    /// Its distance to the query.
    pub distance: f32,
}

/// The matches, and what was passed over for them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selected {
    /// The matches, nearest first.
    pub matches: Vec<SelectedTile>,
    /// Tiles passed over since a nearer match lies in the same place.
    pub same_place: usize,
    /// Tiles passed over since the query itself shows them, or their place.
    pub of_query: usize,
    /// Tiles passed over since their survey has enough matches.
    pub survey_full: usize,
}

/// Candidates asked for at first, where any may be passed over.
const FIRST_CANDIDATES: usize = 64;
/// How many times more candidates are asked for each time.
const GROWTH: usize = 4;

impl Selection {
    /// The `count` nearest, whatever and wherever they are.
    #[must_use]
    pub fn nearest(count: usize) -> Self {
        Self { count, within: None, same_place: None, per_survey: None, excluded: Excluded::default() }
    }

    /// Whether a candidate may be passed over for a further one.
    fn passes_over(&self) -> bool {
        let Excluded { tiles, places, .. } = &self.excluded;
        self.same_place.is_some() || self.per_survey.is_some() || !tiles.is_empty() || !places.is_empty()
    }

    /// The matches from a ranking of `candidates` tiles: `nearest(n)` gives its first `n`, nearest first, and `tile` what is
    /// known of a row.
    ///
    /// # Errors
    /// Those of `nearest` and `tile`.
    pub fn choose<E>(
        &self,
        candidates: usize,
        mut nearest: impl FnMut(usize) -> Result<Vec<Neighbour>, E>,
        mut tile: impl FnMut(usize) -> Result<TileRecord, E>,
    ) -> Result<Selected, E> {
        let mut choice = Choice::new(self);
        let mut asked = self.count.min(candidates);
        if self.passes_over() {
            asked = asked.saturating_mul(2).max(FIRST_CANDIDATES).min(candidates);
        }
        let mut seen = 0;
        while self.count > 0 && asked > 0 {
            let ranking = nearest(asked)?;
            let found = ranking.len();
            for neighbour in ranking.into_iter().skip(seen) {
                if choice.is_full() || self.within.is_some_and(|within| neighbour.distance > within) {
                    return Ok(choice.selected);
                }
                choice.offer(neighbour, tile(neighbour.row)?);
            }
            if choice.is_full() || found < asked || asked >= candidates {
                break;
            }
            seen = found;
            asked = asked.saturating_mul(GROWTH).min(candidates);
        }
        Ok(choice.selected)
    }
}

/// A choice on its way down the ranking.
struct Choice<'a> {
    selection: &'a Selection,
    selected: Selected,
    taken: Option<TakenPlaces>,
    of_query: TakenPlaces,
    by_survey: HashMap<String, usize>,
}

impl<'a> Choice<'a> {
    fn new(selection: &'a Selection) -> Self {
        let mut of_query = TakenPlaces::new(selection.excluded.rule);
        for (survey, place) in &selection.excluded.places {
            of_query.take(survey, place.clone());
        }
        let taken = selection.same_place.map(TakenPlaces::new);
        Self { selection, selected: Selected::default(), taken, of_query, by_survey: HashMap::new() }
    }

    fn is_full(&self) -> bool {
        self.selected.matches.len() >= self.selection.count
    }

    fn offer(&mut self, Neighbour { row, distance }: Neighbour, tile: TileRecord) {
        let of_survey = self.by_survey.get(&tile.survey).copied().unwrap_or(0);
        if self.selection.excluded.tiles.contains(&tile.id) || self.of_query.holds(&tile) {
            self.selected.of_query += 1;
        } else if self.selection.per_survey.is_some_and(|most| of_survey >= most) {
            self.selected.survey_full += 1;
        } else if self.taken.as_ref().is_some_and(|taken| taken.holds(&tile)) {
            self.selected.same_place += 1;
        } else {
            if let Some((taken, place)) = self.taken.as_mut().zip(tile.place.as_ref()) {
                taken.take(&tile.survey, place.clone());
            }
            self.by_survey.insert(tile.survey.clone(), of_survey + 1);
            self.selected.matches.push(SelectedTile { tile, row, distance });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retrieval::fixtures::{place, tile};
    use crate::retrieval::overlap::Apart;
    use proptest::prelude::*;
    use refcon_seismic::Direction;
    use std::convert::Infallible;

    /// What the rules say, told plainly over the complete ranking.
    fn by_definition(selection: &Selection, ranking: &[Neighbour], tiles: &[TileRecord]) -> Vec<u64> {
        let same = |rule: SamePlace, a: &TileRecord, survey: &str, b: &Place| {
            a.survey == survey && a.place.as_ref().is_some_and(|a| rule.holds(b, a))
        };
        let excluded = &selection.excluded;
        let mut kept: Vec<&TileRecord> = Vec::new();
        for near in ranking {
            let tile = &tiles[near.row];
            let asked = excluded.tiles.contains(&tile.id)
                || excluded.places.iter().any(|(survey, place)| same(excluded.rule, tile, survey, place));
            let full = selection
                .per_survey
                .is_some_and(|most| kept.iter().filter(|kept| kept.survey == tile.survey).count() >= most);
            let doubled = selection.same_place.is_some_and(|rule| {
                kept.iter().any(|kept| same(rule, tile, &kept.survey, kept.place.as_ref().unwrap()))
            });
            let far = selection.within.is_some_and(|within| near.distance > within);
            if !asked && !full && !doubled && !far && kept.len() < selection.count {
                kept.push(tile);
            }
        }
        kept.iter().map(|tile| tile.id).collect()
    }

    proptest! {
        #[test]
        fn asking_for_more_and_more_equals_suppressing_over_the_complete_ranking(
            spots in prop::collection::vec((0usize..3, 0i32..25, 0usize..120, 0usize..120, 0u32..50), 1..400),
            count in 0usize..30,
            lines in prop::option::of(0u32..12),
            per_survey in prop::option::of(1usize..6),
            within in prop::option::of(0.0f32..1.0),
            asked in prop::option::of(0usize..400),
        ) {
            let tiles: Vec<TileRecord> = spots.iter().enumerate().map(|(id, &(survey, line, trace, sample, _))| {
                tile(id as u64, ["a", "b", "c"][survey], Some(place(Direction::Inline, line, trace, sample)))
            }).collect();
            let mut ranking: Vec<Neighbour> = spots.iter().enumerate()
                .map(|(row, spot)| Neighbour { row, distance: spot.4 as f32 / 50.0 }).collect();
            ranking.sort_by(|a, b| a.distance.total_cmp(&b.distance).then(a.row.cmp(&b.row)));
            let mut excluded = Excluded { rule: SamePlace { overlap: 0.1, apart: Apart::Lines(3) }, ..Excluded::default() };
            if let Some(asked) = asked.and_then(|at| tiles.get(at)) {
                excluded.tiles.insert(asked.id);
                excluded.places.push((asked.survey.clone(), asked.place.clone().unwrap()));
            }
            let same_place = lines.map(|lines| SamePlace { overlap: 0.25, apart: Apart::Lines(lines) });
            let selection = Selection { count, within, same_place, per_survey, excluded };
            let selected = selection.choose(
                tiles.len(),
                |n| Ok::<_, Infallible>(ranking[..n.min(ranking.len())].to_vec()),
                |row| Ok(tiles[row].clone()),
            ).unwrap();
            let ids: Vec<u64> = selected.matches.iter().map(|found| found.tile.id).collect();
            prop_assert_eq!(ids, by_definition(&selection, &ranking, &tiles));
        }
    }

    #[test]
    fn no_more_is_asked_for_than_needed() {
        let mut asked = Vec::new();
        let mut choose = |selection: Selection| {
            asked.clear();
            let ranking = |n: usize| {
                asked.push(n);
                Ok::<_, Infallible>((0..n).map(|row| Neighbour { row, distance: row as f32 }).collect())
            };
            selection.choose(10_000, ranking, |row| Ok(tile(row as u64, "a", None))).unwrap();
            asked.clone()
        };
        assert_eq!(choose(Selection::nearest(10)), [10]);
        assert_eq!(choose(Selection { per_survey: Some(10), ..Selection::nearest(10) }), [64]);
        // One survey only, of which 5 are wanted: the end of the ranking has to be seen.
        assert_eq!(choose(Selection { per_survey: Some(5), ..Selection::nearest(10) }).last(), Some(&10_000));
        assert_eq!(choose(Selection::nearest(0)), [0; 0]);
    }

    #[test]
    fn what_was_passed_over_is_counted_by_its_reason() {
        let at = |line| Some(place(Direction::Inline, line, 0, 0));
        let tiles = [tile(0, "a", at(0)), tile(1, "a", at(1)), tile(2, "a", at(100)), tile(3, "a", at(101))];
        let excluded = Excluded {
            tiles: HashSet::from([0]),
            places: vec![("a".into(), at(0).unwrap())],
            ..Excluded::default()
        };
        let same_place = Some(SamePlace::default());
        let selection = Selection { same_place, excluded, ..Selection::nearest(4) };
        let ranking = |n: usize| {
            Ok::<_, Infallible>((0..n.min(4)).map(|row| Neighbour { row, distance: row as f32 }).collect())
        };
        let selected = selection.choose(4, ranking, |row| Ok(tiles[row].clone())).unwrap();
        assert_eq!(selected.matches.iter().map(|found| found.tile.id).collect::<Vec<_>>(), [2]);
        assert_eq!((selected.of_query, selected.same_place, selected.survey_full), (2, 1, 0));
    }
}
