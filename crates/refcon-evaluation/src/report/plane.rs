//! Embeddings on a plane, with pictures of some of the tiles.

use super::chart::{colour, legend, place};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};

/// Embeddings on a plane.
#[derive(Debug, Clone)]
pub struct Plane {
    /// Headline, such as the method.
    pub title: String,
    /// What to know of it.
    pub note: String,
    /// The tiles.
    pub tiles: Vec<PlaneTile>,
}

/// A tile on a plane.
#[derive(Debug, Clone)]
pub struct PlaneTile {
    /// Where it lies, in any unit.
    pub place: [f64; 2],
    /// Its name.
    pub name: String,
    /// Its class, where one is known.
    pub class: Option<String>,
    /// Whether it is a query.
    pub is_query: bool,
    /// Its picture in small, as a PNG file.
    pub thumbnail: Vec<u8>,
}

/// Size of the drawing, of a thumbnail, and the space around.
const WIDTH: f64 = 1190.0;
const HEIGHT: f64 = 760.0;
const THUMBNAIL: f64 = 34.0;
const MARGIN: f64 = 30.0;

impl Plane {
    pub(super) fn drawn(&self) -> Markup {
        let mut classes: Vec<&str> = self.tiles.iter().filter_map(|tile| tile.class.as_deref()).collect();
        classes.sort_unstable();
        classes.dedup();
        let colour_of = |tile: &PlaneTile| {
            let number = tile.class.as_deref().and_then(|class| classes.binary_search(&class).ok());
            number.map_or_else(|| "colour-none".into(), colour)
        };
        let places = self.places();
        let pictured = spread(&places);
        html! {
            p.note { (self.note) }
            svg.plane viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(self.title) {
                @for ((tile, at), pictured) in self.tiles.iter().zip(&places).zip(&pictured) {
                    @if !pictured && !tile.is_query {
                        circle class={ "tile " (colour_of(tile)) } cx=(place(at[0])) cy=(place(at[1])) r="4.5" { (hint(tile)) }
                    }
                }
                @for ((tile, at), pictured) in self.tiles.iter().zip(&places).zip(&pictured) {
                    @if *pictured { (thumbnail(tile, *at, &colour_of(tile))) }
                }
                // Queries on top.
                @for ((tile, at), pictured) in self.tiles.iter().zip(&places).zip(&pictured) {
                    @if tile.is_query {
                        @let [x, y] = if *pictured { [at[0] + THUMBNAIL / 2.0, at[1] - THUMBNAIL / 2.0] } else { *at };
                        path class={ "asked " (colour_of(tile)) }
                            d=(format!("M{} {}l7 7l-7 7l-7 -7z", place(x), place(y - 7.0))) { (hint(tile)) }
                    }
                }
            }
            (legend(classes.iter().copied()))
            p.note { "Diamonds are queries. Pictures are shown where there is room for them." }
        }
    }

    /// In units of the drawing, in the proportions of the plane.
    fn places(&self) -> Vec<[f64; 2]> {
        let range = |axis: usize| {
            let values = self.tiles.iter().map(|tile| tile.place[axis]);
            values.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| {
                [low.min(value), high.max(value)]
            })
        };
        let (x, y) = (range(0), range(1));
        let room = |size: f64| size - 2.0 * MARGIN;
        let scale = (room(WIDTH) / (x[1] - x[0]).max(1e-12)).min(room(HEIGHT) / (y[1] - y[0]).max(1e-12));
        let middle = [f64::midpoint(x[0], x[1]), f64::midpoint(y[0], y[1])];
        let placed = |tile: &PlaneTile| {
            [
                WIDTH / 2.0 + (tile.place[0] - middle[0]) * scale,
                HEIGHT / 2.0 - (tile.place[1] - middle[1]) * scale,
            ]
        };
        self.tiles.iter().map(placed).collect()
    }
}

/// Which thumbnails can be shown without covering one another: first come, first served.
fn spread(places: &[[f64; 2]]) -> Vec<bool> {
    let mut shown: Vec<[f64; 2]> = Vec::new();
    places
        .iter()
        .map(|place| {
            let apart = |other: &[f64; 2]| {
                (place[0] - other[0]).abs() >= THUMBNAIL + 3.0
                    || (place[1] - other[1]).abs() >= THUMBNAIL + 3.0
            };
            let free = shown.iter().all(apart);
            if free {
                shown.push(*place);
            }
            free
        })
        .collect()
}

fn thumbnail(tile: &PlaneTile, at: [f64; 2], colour: &str) -> Markup {
    let source = format!("data:image/png;base64,{}", STANDARD.encode(&tile.thumbnail));
    let (x, y) = (place(at[0] - THUMBNAIL / 2.0), place(at[1] - THUMBNAIL / 2.0));
    html! {
        g class={ "thumbnail " (colour) } {
            image href=(source) x=(x) y=(y) width=(THUMBNAIL) height=(THUMBNAIL) {}
            rect x=(x) y=(y) width=(THUMBNAIL) height=(THUMBNAIL) rx="2" { (hint(tile)) }
        }
    }
}

fn hint(tile: &PlaneTile) -> Markup {
    html! { title { (tile.name) @if let Some(class) = &tile.class { ": " (class) } } }
}
