//! How long filters take: `cargo run --release -p refcon-library --example filter_rate -- [TILES] [DIMENSION]`
//!
//! Makes a library of tiles on the inlines of ten surveys in a folder of its own, then prints the median time of each filter, of the
//! whole search behind it, and how many tiles pass.

use refcon_encoders::{Embeddings, EncoderId};
use refcon_library::retrieval::feedback::Answers;
use refcon_library::retrieval::filter::Filter;
use refcon_library::retrieval::section_box::{Numbers, Positions};
use refcon_library::retrieval::selection::Selection;
use refcon_library::retrieval::{Search, SecondLook, search};
use refcon_library::{Library, NewTile, Place, TileRecord, Wait};
use refcon_seismic::{Direction, Domain, TileBox};
use std::error::Error;
use std::time::Instant;

const SURVEYS: usize = 10;
const TILES_A_LINE: usize = 50;
const TILES_AT_A_TIME: usize = 100_000;
const TRIES: usize = 21;
/// Traces and samples of a tile.
const SIZE: [usize; 2] = [118, 143];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let tiles = arguments.next().unwrap_or(Ok(1_000_000))?;
    let dimension = arguments.next().unwrap_or(Ok(768))?;
    let folder = tempfile::tempdir()?;
    let library = Library::create(folder.path())?;
    let encoder = EncoderId::new("random", &[]);
    let mut writer = library.writer(Wait::No)?;
    for first in (0..tiles).step_by(TILES_AT_A_TIME) {
        let some = first..(first + TILES_AT_A_TIME).min(tiles);
        let mut state = first as u64 + 1;
        let values = (0..some.len() * dimension).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        });
        let embeddings = Embeddings::new(encoder.clone(), dimension, values.collect())?;
        writer.append(some.map(tile).collect(), &embeddings)?;
    }
    let stored = library.snapshot()?.tiles(&encoder)?;
    let query = stored.embedding(tiles / 2);
    let lines = (tiles / SURVEYS / TILES_A_LINE) as i32;
    let survey = |name: &str| vec![name.to_owned()];
    let some_lines = Some(Numbers { from: 0, to: (lines / 20).max(1) - 1 });
    let region = "0,0 100000,0 100000,50 0,50".parse()?;
    println!("{:<44}{:>10}{:>12}{:>12}", "filter", "pass", "filter, ms", "search, ms");
    for (name, filter) in [
        ("none", Filter::default()),
        ("a survey", Filter { surveys: survey("s3"), ..Filter::default() }),
        (
            "a survey, a twentieth of its lines: 0.5 %",
            Filter { surveys: survey("s3"), lines: some_lines, ..Filter::default() },
        ),
        (
            "times, traces, direction",
            Filter {
                directions: vec![Direction::Inline],
                traces: Some(Numbers { from: 0, to: 100 }),
                positions: Some(Positions { from: 0.0, to: 500.0, domain: Some(Domain::Time) }),
                ..Filter::default()
            },
        ),
        ("a region", Filter { region: Some(region), ..Filter::default() }),
    ] {
        let passes = filter.rows(&stored)?.count();
        let filter_time = median(|| filter.rows(&stored).map(drop).map_err(Into::into))?;
        let wanted = Search {
            answers: Answers { query: Some(query.clone()), ..Answers::default() },
            filter,
            selection: Selection::nearest(10),
            second_look: SecondLook::None,
        };
        let search_time = median(|| search(&stored, &wanted).map(drop).map_err(Into::into))?;
        println!("{name:<44}{passes:>10}{filter_time:>12.2}{search_time:>12.2}");
    }
    Ok(())
}

/// Milliseconds.
fn median(mut work: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let mut times = Vec::with_capacity(TRIES);
    for _ in 0..TRIES {
        let started = Instant::now();
        work()?;
        times.push(started.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[TRIES / 2])
}

fn tile(number: usize) -> NewTile {
    let line = (number / SURVEYS / TILES_A_LINE) as i32;
    let along = number / SURVEYS % TILES_A_LINE;
    let [traces, samples] = SIZE;
    let (first_trace, first_sample) = (along % 10 * traces, along / 10 * samples);
    let crosslines = [first_trace, first_trace + traces - 1].map(|trace| trace as i32);
    let place = Place {
        direction: Direction::Inline,
        line,
        bounds: TileBox { first_trace, traces, first_sample, samples },
        inlines: [line; 2],
        crosslines,
        range: [first_sample, first_sample + samples - 1].map(|sample| sample as f64 * 4.0),
        domain: Domain::Time,
        corners: Some(crosslines.map(|crossline| [f64::from(crossline) * 12.5, f64::from(line) * 25.0])),
        grey: [-1.0, 1.0],
    };
    let survey = format!("s{}", number % SURVEYS);
    let (width, height) = (traces as u32, samples as u32);
    NewTile::from(TileRecord { survey, place: Some(place), ..TileRecord::of_image("", "", width, height) })
}
