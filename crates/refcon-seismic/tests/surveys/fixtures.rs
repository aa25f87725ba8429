//! Small arrays, written byte by byte.

use refcon_seismic::segy::{ByteOrder, SampleFormat};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder that lasts as long as the test, and a file in it.
pub(crate) struct Scratch {
    folder: TempDir,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// A `.npy` file of version 1.
pub(crate) fn npy(descr: &str, fortran: bool, shape: &[usize], content: &[u8]) -> Vec<u8> {
    let fortran = if fortran { "True" } else { "False" };
    let lengths: String = shape.iter().map(|length| format!("{length}, ")).collect();
    let header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': ({lengths}), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(content);
    bytes
}

/// A type of NumPy, the format it is read as, and how whole numbers are written in it.
pub(crate) struct NumpyType {
    pub(crate) descr: &'static str,
    pub(crate) format: SampleFormat,
    pub(crate) byte_order: ByteOrder,
    pub(crate) write: fn(i16) -> Vec<u8>,
}

/// The types that the tests write.
pub(crate) const NUMPY_TYPES: [NumpyType; 8] = [
    numpy_type("<f4", SampleFormat::Float32, ByteOrder::Little, |v| f32::from(v).to_le_bytes().to_vec()),
    numpy_type(">f4", SampleFormat::Float32, ByteOrder::Big, |v| f32::from(v).to_be_bytes().to_vec()),
    numpy_type("<f8", SampleFormat::Float64, ByteOrder::Little, |v| f64::from(v).to_le_bytes().to_vec()),
    numpy_type(">f8", SampleFormat::Float64, ByteOrder::Big, |v| f64::from(v).to_be_bytes().to_vec()),
    numpy_type("<i2", SampleFormat::Int16, ByteOrder::Little, |v| v.to_le_bytes().to_vec()),
    numpy_type(">i2", SampleFormat::Int16, ByteOrder::Big, |v| v.to_be_bytes().to_vec()),
    numpy_type("|i1", SampleFormat::Int8, ByteOrder::Little, |v| vec![v as u8]),
    numpy_type("|u1", SampleFormat::UInt8, ByteOrder::Little, |v| vec![v as u8]),
];

const fn numpy_type(
    descr: &'static str,
    format: SampleFormat,
    byte_order: ByteOrder,
    write: fn(i16) -> Vec<u8>,
) -> NumpyType {
    NumpyType { descr, format, byte_order, write }
}

/// The folder of real data, or `None` with a line that says so.
pub(crate) fn field_data(file: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let path = std::env::var_os("REFCON_TEST_DATA").map_or(beside, PathBuf::from).join(file);
    if path.is_file() {
        return Some(path);
    }
    println!("skipped: no {} (set REFCON_TEST_DATA)", path.display());
    None
}
