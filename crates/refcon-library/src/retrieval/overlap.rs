//! When two tiles show one place of the ground.
//!
//! The rule: two tiles lie in the same place when they are of the same survey and direction, their lines are near each other
//! ([`Apart`]: the same line, lines whose numbers differ by so many, or that run so far apart on the map), and their
//! rectangles, laid into one section plane, overlap by at least a share ([`SamePlace::overlap`]: the area of their
//! intersection by that of their union).
//!
//! An inline tile and a crossline tile that cross are different views, not the same place. Tiles of which nothing is known
//! beyond their image are never in the same place.

use crate::{Place, TileRecord};
use refcon_seismic::TileBox;
use std::collections::HashMap;

/// Which tiles count as the same place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SamePlace {
    /// Least share of overlap, above 0 and at most 1.
    pub overlap: f64,
    /// How far apart their lines may run.
    pub apart: Apart,
}

/// How far apart lines may run that show the same place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Apart {
    /// Their numbers differ by at most so many; 0 is the same line.
    Lines(u32),
    /// They run at most so far apart on the map, in its unit. Where a tile's coordinates are not known: the same line.
    Distance(f64),
}

/// A quarter of the area on lines whose numbers differ by at most 10: what an interpreter would call one look at one thing.
impl Default for SamePlace {
    fn default() -> Self {
        Self { overlap: 0.25, apart: Apart::Lines(10) }
    }
}

impl SamePlace {
    /// Whether two tiles of one survey lie in the same place.
    #[must_use]
    pub fn holds(&self, a: &Place, b: &Place) -> bool {
        a.direction == b.direction && self.apart.near(a, b) && overlap(a.bounds, b.bounds) >= self.overlap
    }
}

impl Apart {
    fn near(self, a: &Place, b: &Place) -> bool {
        match self {
            Self::Lines(lines) => a.line.abs_diff(b.line) <= lines,
            Self::Distance(distance) => {
                a.line == b.line || lines_apart(a, b).is_some_and(|apart| apart <= distance)
            }
        }
    }
}

/// The distance between the parallel lines that two tiles of one direction lie on: from the middle of one tile to the line
/// through the other.
fn lines_apart(a: &Place, b: &Place) -> Option<f64> {
    let ([from, to], [c, d]) = (a.corners?, b.corners?);
    let along = [to[0] - from[0], to[1] - from[1]];
    let across = [(c[0] + d[0]) / 2.0 - from[0], (c[1] + d[1]) / 2.0 - from[1]];
    let length = along[0].hypot(along[1]);
    // A tile of one trace has no direction of its own.
    Some(if length > 0.0 {
        (along[0] * across[1] - along[1] * across[0]).abs() / length
    } else {
        across[0].hypot(across[1])
    })
}

/// Area of the intersection of two rectangles of one section plane by the area of their union, 0 to 1.
#[must_use]
pub fn overlap(a: TileBox, b: TileBox) -> f64 {
    let shared = |first: [usize; 2], second: [usize; 2]| {
        let end = (first[0] + first[1]).min(second[0] + second[1]);
        end.saturating_sub(first[0].max(second[0])) as f64
    };
    let both = shared([a.first_trace, a.traces], [b.first_trace, b.traces])
        * shared([a.first_sample, a.samples], [b.first_sample, b.samples]);
    let area = |tile: TileBox| tile.traces as f64 * tile.samples as f64;
    let either = area(a) + area(b) - both;
    if either > 0.0 { both / either } else { 0.0 }
}

/// Places that are taken: a tile in the same place as one of them is left out.
#[derive(Debug)]
pub struct TakenPlaces {
    rule: SamePlace,
    by_survey: HashMap<String, Vec<Place>>,
}

impl TakenPlaces {
    /// None taken yet.
    #[must_use]
    pub fn new(rule: SamePlace) -> Self {
        Self { rule, by_survey: HashMap::new() }
    }

    /// Takes a place of a survey.
    pub fn take(&mut self, survey: &str, place: Place) {
        match self.by_survey.get_mut(survey) {
            Some(places) => places.push(place),
            None => {
                self.by_survey.insert(survey.to_owned(), vec![place]);
            }
        }
    }

    /// Whether a tile lies in a place that is taken.
    #[must_use]
    pub fn holds(&self, tile: &TileRecord) -> bool {
        let taken = self.by_survey.get(&tile.survey);
        tile.place
            .as_ref()
            .zip(taken)
            .is_some_and(|(place, taken)| taken.iter().any(|other| self.rule.holds(other, place)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retrieval::fixtures::place;
    use proptest::prelude::*;
    use refcon_seismic::Direction;

    fn tile_box(values: [usize; 4]) -> TileBox {
        let [first_trace, traces, first_sample, samples] = values;
        TileBox { first_trace, traces, first_sample, samples }
    }

    proptest! {
        #[test]
        fn overlap_is_what_counting_cells_gives(
            a in (0usize..12, 0usize..8, 0usize..12, 0usize..8),
            b in (0usize..12, 0usize..8, 0usize..12, 0usize..8),
        ) {
            let (a, b) = (tile_box(a.into()), tile_box(b.into()));
            let holds = |t: TileBox, x: usize, y: usize| {
                (t.first_trace..t.first_trace + t.traces).contains(&x)
                    && (t.first_sample..t.first_sample + t.samples).contains(&y)
            };
            let cells = || (0..20).flat_map(|x| (0..20).map(move |y| (x, y)));
            let both = cells().filter(|&(x, y)| holds(a, x, y) && holds(b, x, y)).count();
            let either = cells().filter(|&(x, y)| holds(a, x, y) || holds(b, x, y)).count();
            let expected = if either == 0 { 0.0 } else { both as f64 / either as f64 };
            prop_assert_eq!(overlap(a, b), expected);
            prop_assert_eq!(overlap(a, b), overlap(b, a));
        }

        #[test]
        fn the_same_place_is_the_same_from_both_sides(
            lines in (0i32..40, 0i32..40), first in (0usize..60, 0usize..60), apart in 0.0f64..500.0,
        ) {
            let (a, b) = (place(Direction::Inline, lines.0, first.0, 0), place(Direction::Inline, lines.1, first.1, 0));
            for apart in [Apart::Lines(apart as u32 / 25), Apart::Distance(apart)] {
                let rule = SamePlace { overlap: 0.3, apart };
                prop_assert_eq!(rule.holds(&a, &b), rule.holds(&b, &a));
                prop_assert!(rule.holds(&a, &a));
            }
        }
    }

    #[test]
    fn neighbouring_lines_count_by_number_or_by_distance_and_crossing_ones_never() {
        // The fixture's lines run 25 m apart.
        let (a, b) = (place(Direction::Inline, 100, 40, 40), place(Direction::Inline, 104, 40, 40));
        let rule = |apart| SamePlace { overlap: 0.5, apart };
        assert!(rule(Apart::Lines(4)).holds(&a, &b) && !rule(Apart::Lines(3)).holds(&a, &b));
        assert!(rule(Apart::Distance(100.0)).holds(&a, &b) && !rule(Apart::Distance(99.0)).holds(&a, &b));
        let crossing = place(Direction::Crossline, 100, 40, 40);
        assert!(!rule(Apart::Lines(1000)).holds(&a, &crossing));
        let elsewhere = place(Direction::Inline, 100, 40, 400);
        assert!(!rule(Apart::Lines(0)).holds(&a, &elsewhere));
    }

    #[test]
    fn without_coordinates_a_distance_means_the_same_line() {
        let mut places = [place(Direction::Inline, 100, 0, 0), place(Direction::Inline, 101, 0, 0)];
        places.iter_mut().for_each(|place| place.corners = None);
        let rule = SamePlace { overlap: 0.5, apart: Apart::Distance(1000.0) };
        assert!(rule.holds(&places[0], &places[0]) && !rule.holds(&places[0], &places[1]));
    }
}
