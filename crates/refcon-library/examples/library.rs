//! A library from scratch: make one, add tiles, filter, search, read again.
//!
//! `cargo run -p refcon-library --example library`

use refcon_encoders::{Embeddings, EncoderId};
use refcon_library::exact::{Request, nearest};
use refcon_library::{Library, Metric, NewTile, RowSet, TileRecord, Wait};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let scratch = tempfile::tempdir()?;
    let library = Library::create(&scratch.path().join("library"))?;

    // Embeddings know who made them; a library keeps those of several encoders apart.
    let encoder = EncoderId::new("three numbers", &[b"version 1"]);
    let vectors = [[1.0f32, 0.0, 0.0], [0.9, 0.1, 0.0], [0.0, 1.0, 0.2], [0.1, 0.0, 1.0]];
    let embeddings = Embeddings::new(encoder.clone(), 3, vectors.concat())?;
    let tiles: Vec<NewTile> = ["salt-1.png", "salt-2.png", "fault-1.png", "channel-1.png"]
        .map(|file| {
            let mut tile = TileRecord::of_image("examples", file, 118, 143);
            tile.class = file.split('-').next().map(str::to_owned);
            NewTile::from(tile)
        })
        .into();
    let ids = library.writer(Wait::No)?.append(tiles, &embeddings)?;
    println!("added tiles {} to {}", ids.start, ids.end - 1);

    // A snapshot stays what it is, whatever is added or removed meanwhile.
    let snapshot = library.snapshot()?;
    let tiles = snapshot.tiles(&encoder)?;

    // Everything but salt, and only tiles that were not removed.
    let mut wanted = RowSet::none(tiles.rows());
    for block in tiles.blocks() {
        let columns = block.columns()?;
        let rows = (0..block.rows()).filter(|&row| columns.class.get(row) != Some("salt"));
        rows.for_each(|row| wanted.insert(block.first_row() + row));
    }
    wanted.intersect(tiles.live());

    let corpus = tiles.corpus()?;
    for (what, rows) in [("of all tiles", tiles.live()), ("without salt", &wanted)] {
        let request = Request { rows: Some(rows), ..Request::best(2, Metric::Cosine) };
        println!("nearest to (1, 0, 0) {what}:");
        for found in nearest(&corpus, &[1.0, 0.0, 0.0], &request)?.concat() {
            let tile = tiles.record(found.row)?;
            println!("  {:.3}  {} (tile {})", found.distance, tile.file, tile.id);
        }
    }
    Ok(())
}
