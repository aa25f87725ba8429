//! Vectors to search among: made once, kept as raw little-endian f32.

use crate::Failure;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// How vectors lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spread {
    /// Components drawn on their own, scaled to length 1: all about at right angles.
    Random,
    /// Around a thousand directions, at a cosine of about 0.8 to others of their own.
    Clustered,
}

/// Directions around which clustered vectors lie.
const CLUSTERS: u64 = 1000;
/// Length of what is added to a direction.
const SCATTER: f32 = 0.5;
/// Vectors made at a time.
const ROWS_A_PART: usize = 8192;
/// What the numbers of queries, and of directions, start from: no corpus has so many vectors.
const FIRST_QUERY: u64 = 1 << 40;
const FIRST_DIRECTION: u64 = 1 << 41;

impl Spread {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Spread::Random => "random",
            Spread::Clustered => "clustered",
        }
    }

    /// A file of `rows` vectors in `folder`, made where it is missing.
    pub(crate) fn file(self, folder: &Path, rows: usize, dimension: usize) -> Result<PathBuf, Failure> {
        let path = folder.join(format!("vectors-{}-{rows}-{dimension}.f32", self.name()));
        if path.exists() {
            return Ok(path);
        }
        eprintln!("making {}", path.display());
        fs_err::create_dir_all(folder)?;
        let partial = path.with_extension("partial");
        let mut file = BufWriter::new(fs_err::File::create(&partial)?);
        for first in (0..rows).step_by(ROWS_A_PART) {
            let count = ROWS_A_PART.min(rows - first);
            let values = self.vectors(first as u64, count, dimension);
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            file.write_all(&bytes)?;
        }
        file.into_inner()?.sync_all()?;
        fs_err::rename(&partial, &path)?;
        Ok(path)
    }

    /// Vectors to search for: none of them in a file.
    pub(crate) fn queries(self, count: usize, dimension: usize) -> Vec<f32> {
        self.vectors(FIRST_QUERY, count, dimension)
    }

    /// The vectors from number `first` on, as they stand in a file.
    pub(crate) fn vectors(self, first: u64, count: usize, dimension: usize) -> Vec<f32> {
        let mut values = vec![0.0; count * dimension];
        values.par_chunks_mut(dimension).enumerate().for_each(|(at, vector)| {
            let number = first + at as u64;
            unit_vector(number, vector);
            if self == Spread::Clustered {
                let mut direction = vec![0.0; dimension];
                unit_vector(FIRST_DIRECTION + number % CLUSTERS, &mut direction);
                vector.iter_mut().zip(direction).for_each(|(value, along)| *value = along + SCATTER * *value);
                refcon_encoders::scale_to_length_one(vector);
            }
        });
        values
    }
}

/// The vector of this number: nearly normal components, scaled to length 1.
fn unit_vector(number: u64, vector: &mut [f32]) {
    let mut random = ChaCha8Rng::seed_from_u64(number);
    for value in vector.iter_mut() {
        let bits = random.next_u64();
        // Four uniform numbers added up.
        *value = (0..4).map(|part| (bits >> (16 * part)) as u16 as f32 / 65536.0 - 0.5).sum();
    }
    refcon_encoders::scale_to_length_one(vector);
}

/// Reads the first `count` values of a file.
pub(crate) fn read_values(path: &Path, count: usize) -> Result<Vec<f32>, Failure> {
    const BYTES_AT_A_TIME: usize = 1 << 20;
    let mut file = fs_err::File::open(path)?;
    let mut values = Vec::with_capacity(count);
    let mut bytes = vec![0; BYTES_AT_A_TIME];
    while values.len() < count {
        let wanted = BYTES_AT_A_TIME.min(4 * (count - values.len()));
        file.read_exact(&mut bytes[..wanted])?;
        values.extend(bytes[..wanted].as_chunks().0.iter().map(|&value| f32::from_le_bytes(value)));
    }
    Ok(values)
}

/// Writes values as they are read back by [`read_values`].
pub(crate) fn write_values(path: &Path, values: &[f32]) -> Result<(), Failure> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Ok(fs_err::write(path, bytes)?)
}
