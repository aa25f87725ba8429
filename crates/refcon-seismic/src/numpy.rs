//! NumPy `.npy` files of volumes, `[inline, crossline, sample]`.
//!
//! | array | type | order | read | written |
//! |---|---|---|---|---|
//! | amplitudes | 32-bit float, either byte order | C | [`read_volume`] | [`write_volume`], little-endian |
//! | labels | 8-bit unsigned | C | – | [`write_labels`] |

use crate::{Domain, LineAxis, SampleAxis, Volume};
use fs_err::File;
use npyz::{DType, Endianness, NpyFile, Order, TypeChar, WriterBuilder};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Values converted at a time.
const CHUNK: usize = 1 << 16;

/// Why a `.npy` file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum NumpyError {
    /// The file cannot be opened, or is no `.npy` file, or ends early.
    #[error("cannot read {path} as a NumPy array: {source}", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write {path}: {source}", path = .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The array has another type than 32-bit float.
    #[error("{path} holds values of type {found}, expected 32-bit floats: convert it with `.astype(numpy.float32)`", path = .path.display())]
    Type {
        /// The file.
        path: PathBuf,
        /// NumPy's description of the type.
        found: String,
    },
    /// The array is stored column by column.
    #[error("{path} is stored in Fortran order, expected C order: convert it with `numpy.ascontiguousarray`", path = .path.display())]
    Order {
        /// The file.
        path: PathBuf,
    },
    /// The array is not three-dimensional, or empty, or larger than its file.
    #[error("{path} has shape {found:?} in a file of {bytes} bytes, expected a non-empty [inline, crossline, sample] array that fits", path = .path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The shape its header gives.
        found: Vec<u64>,
        /// Size of the file.
        bytes: u64,
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

/// Reads a volume of 32-bit floats, `[inline, crossline, sample]`.
///
/// A `.npy` file knows nothing of its survey: lines are numbered from 0, the first sample lies at 0, and `interval` (in the
/// unit of `domain`) is taken on trust.
///
/// # Errors
/// The file cannot be read, or its array is of another type, order or shape.
pub fn read_volume(path: &Path, domain: Domain, interval: f64) -> Result<Volume, NumpyError> {
    let path = path.to_owned();
    let failed = |source| NumpyError::Read { path: path.clone(), source };
    let file = File::open(&path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    let npy = NpyFile::new(BufReader::new(file)).map_err(failed)?;
    let endianness = match npy.dtype() {
        DType::Plain(plain) if plain.type_char() == TypeChar::Float && plain.num_bytes() == Some(4) => {
            plain.endianness()
        }
        other => return Err(NumpyError::Type { path, found: other.descr() }),
    };
    let shape = npy.shape().to_vec();
    let fits = |count: u64| count > 0 && count.checked_mul(4).is_some_and(|size| size <= bytes);
    let count = shape.iter().try_fold(1_u64, |product, &length| product.checked_mul(length));
    let lengths: Option<Vec<usize>> = shape.iter().map(|&length| usize::try_from(length).ok()).collect();
    let (Some(count), Some(&[inlines, crosslines, samples])) =
        (count.filter(|&count| fits(count)), lengths.as_deref())
    else {
        return Err(NumpyError::Shape { path, found: shape, bytes });
    };
    if npy.order() == Order::Fortran {
        return Err(NumpyError::Order { path });
    }
    let amplitudes = read_floats(npy.into_inner(), count as usize, endianness).map_err(failed)?;
    let lines = |count| LineAxis { first: 0, step: 1, count };
    let samples = SampleAxis { domain, first: 0.0, interval, count: samples };
    Ok(Volume { inlines: lines(inlines), crosslines: lines(crosslines), samples, amplitudes })
}

fn read_floats(mut reader: impl Read, count: usize, endianness: Endianness) -> io::Result<Vec<f32>> {
    let convert = match endianness {
        Endianness::Big => f32::from_be_bytes,
        Endianness::Little | Endianness::Irrelevant => f32::from_le_bytes,
    };
    let mut values = Vec::with_capacity(count);
    let mut buffer = vec![0; 4 * CHUNK];
    while values.len() < count {
        let bytes = &mut buffer[..4 * CHUNK.min(count - values.len())];
        reader.read_exact(bytes)?;
        values.extend(bytes.as_chunks().0.iter().map(|&four| convert(four)));
    }
    Ok(values)
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
    let failed = |source| NumpyError::Write { path: path.to_owned(), source };
    let mut file = temporary_file_beside(path).map_err(failed)?;
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

/// A temporary file in the folder of `path`, so that renaming it to `path` never copies.
fn temporary_file_beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    // Temporary files are private; what comes of this one is as open as any file the user makes.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    fn volume_of(shape: [usize; 3], amplitudes: Vec<f32>) -> Volume {
        let lines = |count| LineAxis { first: 0, step: 1, count };
        let samples = SampleAxis { domain: Domain::Time, first: 0.0, interval: 4.0, count: shape[2] };
        Volume { inlines: lines(shape[0]), crosslines: lines(shape[1]), samples, amplitudes }
    }

    /// A `.npy` file of version 1 with the header and the content given.
    fn npy(header: &str, content: &[u8]) -> Result<NamedTempFile, io::Error> {
        let mut file = NamedTempFile::new()?;
        file.write_all(b"\x93NUMPY\x01\x00")?;
        file.write_all(&(header.len() as u16).to_le_bytes())?;
        file.write_all(header.as_bytes())?;
        file.write_all(content)?;
        Ok(file)
    }

    proptest! {
        #[test]
        fn a_written_volume_reads_back_bit_for_bit(
            (inlines, crosslines, samples, bits) in (1..6_usize, 1..6_usize, 1..9_usize).prop_flat_map(|(i, c, s)| {
                (Just(i), Just(c), Just(s), proptest::collection::vec(any::<u32>(), i * c * s))
            })
        ) {
            let volume = volume_of([inlines, crosslines, samples], bits.iter().map(|&bits| f32::from_bits(bits)).collect());
            let folder = tempfile::tempdir()?;
            let path = folder.path().join("volume.npy");
            write_volume(&path, &volume)?;
            let read = read_volume(&path, Domain::Time, 4.0)?;
            prop_assert_eq!((read.inlines, read.crosslines, read.samples), (volume.inlines, volume.crosslines, volume.samples));
            let read_bits: Vec<u32> = read.amplitudes.iter().map(|amplitude| amplitude.to_bits()).collect();
            prop_assert_eq!(read_bits, bits);
            prop_assert_eq!(folder.path().read_dir()?.count(), 1, "no temporary file stays behind");
        }
    }

    #[test]
    fn labels_are_bytes_behind_a_numpy_header() -> Outcome {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("labels.npy");
        write_labels(&path, [1, 2, 3], &[0, 1, 2, 3, 4, 7])?;
        let written = fs_err::read(&path)?;
        assert!(written.ends_with(&[0, 1, 2, 3, 4, 7]) && written.len() % 64 == 6, "{written:?}");
        let header = String::from_utf8_lossy(&written);
        assert!(header.contains("'|u1'") && header.contains("(1, 2, 3"), "{header}");
        assert!(matches!(write_labels(&path, [2, 2, 2], &[0; 7]), Err(NumpyError::Values { found: 7, .. })));
        Ok(())
    }

    #[test]
    fn big_endian_floats_are_read() -> Outcome {
        let file = npy(
            "{'descr': '>f4', 'fortran_order': False, 'shape': (1, 1, 2), }\n",
            &[0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0],
        )?;
        assert_eq!(read_volume(file.path(), Domain::Depth, 5.0)?.amplitudes, [1.0, -2.0]);
        Ok(())
    }

    #[test]
    fn what_is_no_float_volume_is_refused_with_a_way_out() -> Outcome {
        let refused = |header: &str, content: &[u8]| -> Result<String, io::Error> {
            let file = npy(header, content)?;
            Ok(read_volume(file.path(), Domain::Time, 4.0)
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default())
        };
        let doubles = refused("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1, 1), }\n", &[0; 8])?;
        assert!(doubles.contains("astype(numpy.float32)"), "{doubles}");
        let fortran = refused("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2, 1), }\n", &[0; 8])?;
        assert!(fortran.contains("ascontiguousarray"), "{fortran}");
        let flat = refused("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }\n", &[0; 8])?;
        assert!(flat.contains("[2, 1]"), "{flat}");
        let huge =
            refused("{'descr': '<f4', 'fortran_order': False, 'shape': (99999, 99999, 999), }\n", &[0; 8])?;
        assert!(huge.contains("99999"), "{huge}");
        let short = refused("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 8), }\n", &[0; 16])?;
        assert!(short.contains("cannot read"), "{short}");
        assert!(refused("not a dict", &[])?.contains("cannot read"));
        Ok(())
    }
}
