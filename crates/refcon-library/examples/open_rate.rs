//! How long a library takes to open, and what a search then keeps in memory.
//!
//! `cargo run --release -p refcon-library --example open_rate -- FOLDER [TILES] [COMPONENTS]`
//!
//! Makes a library of random unit vectors in FOLDER where there is none yet (4 GB for a million of 768 components), then opens it as a
//! new process would: the manifest, all fragments, and everything that a query needs before it starts.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use refcon_encoders::{Embeddings, EncoderId};
use refcon_library::exact::{Request, nearest};
use refcon_library::{Library, Metric, TileRecord, Wait};
use std::path::{Path, PathBuf};
use std::time::Instant;

const ROWS_A_FRAGMENT: usize = 1 << 16;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("give a folder")?);
    let tiles: usize = arguments.next().map_or(Ok(1_000_000), |tiles| tiles.parse())?;
    let components: usize = arguments.next().map_or(Ok(768), |components| components.parse())?;
    if Library::open(&folder).is_err() {
        make(&folder, tiles, components)?;
    }
    for run in 1..=3 {
        let started = Instant::now();
        let snapshot = Library::open(&folder)?.snapshot()?;
        let tiles = snapshot.tiles(&snapshot.only_encoder()?)?;
        let corpus = tiles.corpus()?;
        let opened = started.elapsed();
        let query = tiles.embedding(tiles.rows() / 2);
        let started = Instant::now();
        let found = nearest(&corpus, &query, &Request::best(10, Metric::Cosine))?;
        let searched = started.elapsed();
        let rows = tiles.rows();
        println!(
            "run {run}: {rows} tiles opened in {opened:.1?}, first query in {searched:.1?}, row {}, {} resident",
            found[0][0].row,
            resident()
        );
    }
    Ok(())
}

fn make(folder: &Path, tiles: usize, components: usize) -> Result<(), Box<dyn std::error::Error>> {
    let library = Library::create(folder)?;
    let mut writer = library.writer(Wait::No)?;
    let encoder = EncoderId::new("random", &[b"open_rate"]);
    let started = Instant::now();
    for first in (0..tiles).step_by(ROWS_A_FRAGMENT) {
        let rows = first..tiles.min(first + ROWS_A_FRAGMENT);
        let values: Vec<f32> = rows
            .clone()
            .into_par_iter()
            .flat_map_iter(|row| {
                let mut random = ChaCha8Rng::seed_from_u64(row as u64);
                (0..components).map(move |_| random.random_range(-1.0f32..1.0))
            })
            .collect();
        let embeddings = Embeddings::new(encoder.clone(), components, values)?.normalised();
        let records = rows.map(|row| TileRecord::of_image("random", &format!("{row}.png"), 118, 143).into());
        writer.append(records.collect(), &embeddings)?;
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("{tiles} tiles of {components} components written in {seconds:.1} s");
    Ok(())
}

/// What the process has in memory, mapped files included.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status.lines().filter(|line| line.starts_with("Rss") || line.starts_with("VmRSS"));
    let parts: Vec<String> =
        lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    parts.join(", ")
}
