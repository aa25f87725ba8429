//! Whether the machine's fastest precision finds what f32 finds: nearest neighbours among real tiles.
//!
//! `cargo run --release -p refcon-encoders --example precision_agreement CHECKPOINT TILES [COUNT]`
//!
//! Embeds the first COUNT images (300) below the folder TILES in f32 and in the fastest tier, each a query for all others, and
//! prints the least cosine between the two embeddings of a tile, and how many of its ten nearest are the same.

use rayon::prelude::*;
use refcon_encoders::{Embeddings, Encoder, Execution, Precision, Pretrained, device};
use refcon_image::{DecodeLimits, GreyImage};
use std::error::Error;
use std::path::Path;

const NEAREST: usize = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [checkpoint, tiles, rest @ ..] = arguments.as_slice() else {
        return Err("usage: precision_agreement CHECKPOINT TILES [COUNT]".into());
    };
    let count = rest.first().map_or(Ok(300), |count| count.parse())?;
    let files = refcon_image::list(Path::new(tiles))?;
    // Spread over the whole folder, which is sorted by class.
    let step = (files.len() / count).max(1);
    let limits = DecodeLimits::default();
    let read = files.iter().step_by(step).take(count).map(|file| refcon_image::read(&file.path, &limits));
    let images: Vec<GreyImage> = read.collect::<Result<_, _>>()?;

    let fastest = Precision::Auto.on(&device::cpu())?;
    let embed = |execution| -> Result<Embeddings, Box<dyn Error>> {
        let encoder = Pretrained::open_on(Path::new(checkpoint), None, &device::cpu(), execution)?;
        let values = encoder.embed(&images)?;
        Ok(Embeddings::new(encoder.id().clone(), encoder.dimension(), values)?.normalised())
    };
    let (exact, rounded) = (embed(Execution::F32)?, embed(fastest)?);
    let cosine = exact.rows().zip(rounded.rows()).map(|(a, b)| dot(a, b)).fold(1.0, f64::min);
    let (exact, rounded) = (neighbours(&exact), neighbours(&rounded));
    let same = exact.iter().zip(&rounded).filter(|(a, b)| a == b).count();
    let shared: usize =
        exact.iter().zip(&rounded).map(|(a, b)| a.iter().filter(|near| b.contains(near)).count()).sum();
    println!(
        "{} tiles, {} against f32: least cosine {cosine:.6}; the same {NEAREST} nearest for {:.1} % of queries, {:.2} % of all \
         nearest are the same",
        images.len(),
        fastest.name(),
        100.0 * same as f64 / images.len() as f64,
        100.0 * shared as f64 / (NEAREST * images.len()) as f64
    );
    Ok(())
}

/// The nearest of each tile but itself, as a sorted list of their numbers.
fn neighbours(embeddings: &Embeddings) -> Vec<Vec<usize>> {
    let nearest = |query: usize| {
        let mut others: Vec<usize> = (0..embeddings.len()).filter(|&other| other != query).collect();
        let similarity = |other: &usize| dot(embeddings.row(query), embeddings.row(*other));
        others.sort_by(|a, b| similarity(b).total_cmp(&similarity(a)));
        others.truncate(NEAREST);
        others.sort_unstable();
        others
    };
    (0..embeddings.len()).into_par_iter().map(nearest).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}
