//! TensorBoard's event files: TFRecords of `Event` messages
//! (<https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/event.proto>).

use super::TrackingError;
use super::protobuf::Message;
use crate::runs::Record;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// An event file that grows. TensorBoard shows it while it is written.
#[derive(Debug)]
pub struct TensorBoard {
    path: PathBuf,
    file: BufWriter<File>,
}

/// Fields of `Event`, of `Summary` and of `Summary.Value`.
mod field {
    pub(super) const EVENT_WALL_TIME: u32 = 1;
    pub(super) const EVENT_STEP: u32 = 2;
    pub(super) const EVENT_FILE_VERSION: u32 = 3;
    pub(super) const EVENT_SUMMARY: u32 = 5;
    pub(super) const SUMMARY_VALUE: u32 = 1;
    pub(super) const VALUE_TAG: u32 = 1;
    pub(super) const VALUE_SIMPLE_VALUE: u32 = 2;
}

impl TensorBoard {
    /// A new event file in `folder`, which is made where it is missing. TensorBoard shows all files of a folder as
    /// one run.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn create(folder: &Path, started: SystemTime) -> Result<Self, TrackingError> {
        std::fs::create_dir_all(folder).map_err(TrackingError::io("make the folder", folder))?;
        let nanoseconds = started.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        let (seconds, rest) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
        let path = folder.join(format!("events.out.tfevents.{seconds}.{rest:09}.refcon"));
        let file = File::create_new(&path).map_err(TrackingError::io("make the event file", &path))?;
        let mut board = Self { path, file: BufWriter::new(file) };
        let version = Message::new()
            .double(field::EVENT_WALL_TIME, seconds_of(started))
            .text(field::EVENT_FILE_VERSION, "brain.Event:2");
        board.write(&version.into_bytes())?;
        board.flush()?;
        Ok(board)
    }

    /// The event file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds the numbers of a step, done at the time `at`.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn record(&mut self, at: SystemTime, same_step: &[Record]) -> Result<(), TrackingError> {
        let Some(first) = same_step.first() else { return Ok(()) };
        let summary = same_step.iter().fold(Message::new(), |summary, record| {
            let value = Message::new()
                .text(field::VALUE_TAG, &record.name)
                .float(field::VALUE_SIMPLE_VALUE, record.value as f32);
            summary.message(field::SUMMARY_VALUE, &value)
        });
        let event = Message::new()
            .double(field::EVENT_WALL_TIME, seconds_of(at))
            .integer(field::EVENT_STEP, i64::try_from(first.step).unwrap_or(i64::MAX))
            .message(field::EVENT_SUMMARY, &summary);
        self.write(&event.into_bytes())
    }

    fn write(&mut self, record: &[u8]) -> Result<(), TrackingError> {
        self.file.write_all(&framed(record)).map_err(TrackingError::io("write", &self.path))
    }

    /// Hands what was added to the system.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn flush(&mut self) -> Result<(), TrackingError> {
        self.file.flush().map_err(TrackingError::io("write", &self.path))
    }
}

fn seconds_of(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// A TFRecord: length, its checksum, the record, its checksum
/// (<https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details>).
fn framed(record: &[u8]) -> Vec<u8> {
    let length = (record.len() as u64).to_le_bytes();
    let mut framed = length.to_vec();
    framed.extend(masked_checksum(&length).to_le_bytes());
    framed.extend(record);
    framed.extend(masked_checksum(record).to_le_bytes());
    framed
}

/// CRC-32C, rotated and moved so that a checksum over checksums keeps its worth.
fn masked_checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_record_of_a_file_is_the_version_as_tensorflow_frames_it() {
        let folder = tempfile::tempdir().unwrap();
        let board = TensorBoard::create(folder.path(), UNIX_EPOCH).unwrap();
        let bytes = std::fs::read(board.path()).unwrap();
        // 24 bytes long; the checksum of that length is in every file that TensorFlow has ever written.
        assert_eq!(bytes[..12], [24, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22]);
        assert!(bytes[12..].windows(13).any(|window| window == b"brain.Event:2"));
        assert_eq!(bytes.len(), 8 + 4 + 24 + 4);
    }

    #[test]
    fn numbers_of_one_step_are_one_record() {
        let folder = tempfile::tempdir().unwrap();
        let mut board = TensorBoard::create(folder.path(), UNIX_EPOCH).unwrap();
        let record = |name: &str| Record { step: 1, epoch: 0.0, name: name.into(), value: 0.5, seconds: 0.0 };
        board.record(UNIX_EPOCH, &[record("a"), record("b")]).unwrap();
        board.record(UNIX_EPOCH, &[record("a")]).unwrap();
        board.flush().unwrap();
        let bytes = std::fs::read(board.path()).unwrap();
        let mut rest = bytes.as_slice();
        let mut records = 0;
        while let Some((length, after)) = rest.split_first_chunk::<8>() {
            let record = &after[4..][..u64::from_le_bytes(*length) as usize];
            assert!(rest.starts_with(&framed(record)));
            rest = &rest[framed(record).len()..];
            records += 1;
        }
        assert_eq!((records, rest.len()), (3, 0));
    }
}
