//! FAISS's flat indices, by hand: the layout of `write_index` in FAISS 1.7 to 1.15 (`faiss/impl/index_write.cpp`).
//!
//! ```text
//! fourcc        "IxFI" (inner product) or "IxF2" (L2)
//! i32  d        components
//! i64  ntotal   vectors
//! i64  × 2      1 << 20, unused
//! u8   trained  1
//! i32  metric   0 inner product, 1 L2
//! u64           number of floats that follow
//! f32  …        vectors, one after the other
//! ```

use super::InterchangeError;
use crate::EncodedTiles;
use crate::files::write_whole;
use refcon_encoders::scale_to_length_one;
use std::io::{self, Write};
use std::path::Path;

/// A flat index of FAISS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlatIndex {
    /// `IndexFlatIP` of embeddings scaled to length 1: inner products are cosines.
    Cosine,
    /// `IndexFlatIP` of embeddings as they are.
    InnerProduct,
    /// `IndexFlatL2` of embeddings as they are; FAISS gives squared distances.
    L2,
}

const UNUSED: i64 = 1 << 20;

/// Writes the embeddings of all live tiles as an index that `faiss.read_index` opens. It answers with places in the order of ids, as
/// in [`write_table`](super::write_table).
///
/// # Errors
/// The file cannot be written.
pub fn write_faiss(tiles: &EncodedTiles, index: FlatIndex, path: &Path) -> Result<(), InterchangeError> {
    let rows = tiles.live().count() as u64;
    // A dimension of more than 2³¹ is none that an embedding has.
    let dimension = i32::try_from(tiles.dimension()).unwrap_or(i32::MAX);
    write_whole(path, |out| {
        let (name, metric) = match index {
            FlatIndex::Cosine | FlatIndex::InnerProduct => (b"IxFI", 0i32),
            FlatIndex::L2 => (b"IxF2", 1),
        };
        out.write_all(name)?;
        out.write_all(&dimension.to_le_bytes())?;
        out.write_all(&(rows as i64).to_le_bytes())?;
        out.write_all(&UNUSED.to_le_bytes())?;
        out.write_all(&UNUSED.to_le_bytes())?;
        out.write_all(&[1])?;
        out.write_all(&metric.to_le_bytes())?;
        out.write_all(&(rows * tiles.dimension() as u64).to_le_bytes())?;
        write_vectors(tiles, index == FlatIndex::Cosine, out)
    })?;
    Ok(())
}

/// The embeddings of live rows as little-endian floats.
fn write_vectors(tiles: &EncodedTiles, unit: bool, out: &mut dyn Write) -> io::Result<()> {
    let mut vector = vec![0.0; tiles.dimension()];
    let mut bytes = Vec::with_capacity(vector.len() * size_of::<f32>());
    for row in tiles.live().iter() {
        tiles.embedding_into(row, &mut vector);
        if unit {
            scale_to_length_one(&mut vector);
        }
        bytes.clear();
        vector.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
        out.write_all(&bytes)?;
    }
    Ok(())
}
