//! Embeds stored model inputs, for comparing with another implementation.
//!
//! `embed_pixels CHECKPOINT PIXELS OUT BATCH`: reads `[BATCH, channels, image_size, image_size]` little-endian f32 from PIXELS and
//! writes `[BATCH, dimension]` to OUT. `tests/golden/full_size.py` runs it.

use refcon_encoders::{Encoder, Pretrained};
use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [checkpoint, pixels, out, batch] = arguments.as_slice() else {
        return Err("usage: embed_pixels CHECKPOINT PIXELS OUT BATCH".into());
    };
    let started = Instant::now();
    let encoder = Pretrained::open(Path::new(checkpoint))?;
    let opened = started.elapsed();
    let pixels: Vec<f32> =
        fs::read(pixels)?.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    let started = Instant::now();
    let embeddings = encoder.embed_pixels(pixels, batch.parse()?);
    println!("{}: opened in {opened:.1?}, embedded in {:.1?}", encoder.id(), started.elapsed());
    let bytes: Vec<u8> = embeddings.iter().flat_map(|value| value.to_le_bytes()).collect();
    fs::write(out, bytes)?;
    Ok(())
}
