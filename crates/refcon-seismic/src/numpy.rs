//! Writing volumes as NumPy `.npy` files, `[inline, crossline, sample]`: amplitudes as little-endian 32-bit floats, labels as
//! bytes. [`Survey`](crate::Survey) reads them.

use crate::Volume;
use crate::whole_file::{create_beside, without_temporary_name};
use npyz::WriterBuilder;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Values converted at a time.
const CHUNK: usize = 1 << 16;

/// Why a `.npy` file cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum NumpyError {
    /// The file cannot be written.
    #[error("cannot write {path}: {source}", path = .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The values do not fill the shape they are said to have.
    #[error("{found} values cannot be written with shape {shape:?}")]
    Values {
        /// The shape.
        shape: [usize; 3],
        /// How many values there are.
        found: usize,
    },
}

/// Writes the amplitudes of `volume` as 32-bit little-endian floats, `[inline, crossline, sample]`, replacing `path` once
/// everything is written.
///
/// # Errors
/// The file cannot be written, or the volume's amplitudes do not fill its axes.
pub fn write_volume(path: &Path, volume: &Volume) -> Result<(), NumpyError> {
    let shape = [volume.inlines.count, volume.crosslines.count, volume.samples.count];
    write(path, shape, &volume.amplitudes, f32::to_le_bytes)
}

/// Writes a label volume of the shape `[inline, crossline, sample]`, replacing `path` once everything is written.
///
/// # Errors
/// The file cannot be written, or the labels do not fill the shape.
pub fn write_labels(path: &Path, shape: [usize; 3], labels: &[u8]) -> Result<(), NumpyError> {
    write(path, shape, labels, u8::to_le_bytes)
}

fn write<T, const BYTES: usize>(
    path: &Path,
    shape: [usize; 3],
    values: &[T],
    to_bytes: impl Fn(T) -> [u8; BYTES],
) -> Result<(), NumpyError>
where
    T: npyz::AutoSerialize + Copy,
{
    if shape.iter().try_fold(1_usize, |product, &length| product.checked_mul(length)) != Some(values.len()) {
        return Err(NumpyError::Values { shape, found: values.len() });
    }
    let failed = |source| NumpyError::Write { path: path.to_owned(), source: without_temporary_name(source) };
    let mut file = create_beside(path).map_err(failed)?;
    npyz::WriteOptions::new_header_only()
        .dtype(T::default_dtype())
        .shape(&shape.map(|length| length as u64))
        .writer(&mut file)
        .write_header_only()
        .map_err(failed)?;
    let mut bytes = Vec::with_capacity(BYTES * CHUNK);
    for chunk in values.chunks(CHUNK) {
        bytes.clear();
        bytes.extend(chunk.iter().flat_map(|&value| to_bytes(value)));
        file.write_all(&bytes).map_err(failed)?;
    }
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Domain, LineAxis, SampleAxis};

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn amplitudes_are_little_endian_floats_behind_a_numpy_header() -> Outcome {
        let lines = |count| LineAxis { first: 0, step: 1, count };
        let samples = SampleAxis { domain: Domain::Time, first: 0.0, interval: 4.0, count: 2 };
        let volume = Volume {
            inlines: lines(1),
            crosslines: lines(2),
            samples,
            amplitudes: vec![1.0, -2.0, 0.5, 0.0],
        };
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("volume.npy");
        write_volume(&path, &volume)?;
        let written = std::fs::read(&path)?;
        let content: Vec<u8> = volume.amplitudes.iter().flat_map(|a| a.to_le_bytes()).collect();
        assert!(written.ends_with(&content) && (written.len() - content.len()).is_multiple_of(64));
        let header = String::from_utf8_lossy(&written);
        assert!(header.contains("'<f4'") && header.contains("(1, 2, 2"), "{header}");
        assert_eq!(folder.path().read_dir()?.count(), 1, "no temporary file stays behind");
        Ok(())
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nowhere").join("labels.npy");
        let message = write_labels(&path, [1, 1, 1], &[0]).unwrap_err().to_string();
        assert!(message.contains("labels.npy: No such file") && !message.contains(".partial"), "{message}");
    }

    #[test]
    fn labels_are_bytes_behind_a_numpy_header() -> Outcome {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("labels.npy");
        write_labels(&path, [1, 2, 3], &[0, 1, 2, 3, 4, 7])?;
        let written = std::fs::read(&path)?;
        assert!(written.ends_with(&[0, 1, 2, 3, 4, 7]) && written.len() % 64 == 6, "{written:?}");
        let header = String::from_utf8_lossy(&written);
        assert!(header.contains("'|u1'") && header.contains("(1, 2, 3"), "{header}");
        assert!(matches!(write_labels(&path, [2, 2, 2], &[0; 7]), Err(NumpyError::Values { found: 7, .. })));
        Ok(())
    }
}
