//! Embeddings as an array of NumPy's.

use super::InterchangeError;
use crate::EncodedTiles;
use crate::files::write_whole;
use npyz::WriterBuilder;
use std::path::Path;

/// Writes the embeddings of all live tiles, f32 `[tiles, components]`, in the order of their ids.
///
/// # Errors
/// The file cannot be written.
pub fn write_npy(tiles: &EncodedTiles, path: &Path) -> Result<(), InterchangeError> {
    let shape = [tiles.live().count() as u64, tiles.dimension() as u64];
    write_whole(path, |out| {
        let options = npyz::WriteOptions::new().default_dtype().shape(&shape);
        let mut writer = options.writer(out).begin_nd()?;
        for row in tiles.live().iter() {
            writer.extend(tiles.embedding(row))?;
        }
        writer.finish()
    })?;
    Ok(())
}
