//! An offline run of Weights & Biases: the folder that its client writes without a network, and that `wandb sync` uploads.
//!
//! ```text
//! offline-run-20260131_120000-brave-fox-1/
//!   run-brave-fox-1.wandb    records: header, run, files, history and summary of every step, exit
//!   files/refcon-config.json
//! ```
//!
//! Records are messages of `wandb_internal.proto` in LevelDB's log format
//! (<https://github.com/google/leveldb/blob/main/doc/log_format.md>), with CRC-32 over type and data and a header of seven bytes,
//! as `wandb/sdk/internal/datastore.py` of the client has it.

use super::TrackingError;
use super::protobuf::Message;
use crate::runs::Record;
use serde_json::{Map, Value, json};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What Weights & Biases is told of a run.
#[derive(Debug, Clone)]
pub struct WandbRun {
    /// Its id, unique in its project: letters, digits, `-`, `_`.
    pub id: String,
    /// The project that it belongs to.
    pub project: String,
    /// Its name for people.
    pub name: String,
    /// Its configuration.
    pub config: Map<String, Value>,
    /// When it started.
    pub started: SystemTime,
}

/// An offline run that grows.
#[derive(Debug)]
pub struct WandbOffline {
    folder: PathBuf,
    log: RecordLog,
    run: WandbRun,
    records: i64,
}

/// A file with the run's configuration, below `files`.
const CONFIG_FILE: &str = "refcon-config.json";

/// The oldest client that understands the records, as the client itself says it.
const MIN_CONSUMER: &str = "0.70.0";

/// Fields of `Record` and of the messages in it.
mod field {
    pub(super) const RECORD_NUMBER: u32 = 1;
    pub(super) const RECORD_HISTORY: u32 = 2;
    pub(super) const RECORD_SUMMARY: u32 = 3;
    pub(super) const RECORD_FILES: u32 = 6;
    pub(super) const RECORD_RUN: u32 = 17;
    pub(super) const RECORD_EXIT: u32 = 18;
    pub(super) const RECORD_HEADER: u32 = 21;
    pub(super) const RECORD_INFO: u32 = 200;
    pub(super) const INFO_STREAM_ID: u32 = 1;
    pub(super) const HEADER_VERSION_INFO: u32 = 1;
    pub(super) const VERSION_PRODUCER: u32 = 1;
    pub(super) const VERSION_MIN_CONSUMER: u32 = 2;
    pub(super) const RUN_ID: u32 = 1;
    pub(super) const RUN_PROJECT: u32 = 3;
    pub(super) const RUN_CONFIG: u32 = 4;
    pub(super) const RUN_DISPLAY_NAME: u32 = 8;
    pub(super) const RUN_START_TIME: u32 = 17;
    pub(super) const TIME_SECONDS: u32 = 1;
    pub(super) const TIME_NANOS: u32 = 2;
    pub(super) const CONFIG_UPDATE: u32 = 1;
    pub(super) const CONFIG_KEY: u32 = 1;
    pub(super) const FILES_FILE: u32 = 1;
    pub(super) const FILE_PATH: u32 = 1;
    pub(super) const FILE_POLICY: u32 = 2;
    /// `HistoryRecord.item` and `SummaryRecord.update`, and their nested key.
    pub(super) const ITEM: u32 = 1;
    pub(super) const ITEM_NESTED_KEY: u32 = 2;
    /// Of items of the configuration, the history and the summary.
    pub(super) const VALUE_JSON: u32 = 16;
    pub(super) const HISTORY_STEP: u32 = 2;
    pub(super) const STEP_NUMBER: u32 = 1;
    pub(super) const EXIT_CODE: u32 = 1;
    pub(super) const EXIT_RUNTIME: u32 = 3;
}

/// `FilesItem.PolicyType.END`: uploaded when the run has ended.
const AT_THE_END: i64 = 1;

impl WandbOffline {
    /// A new offline run in `folder`, which is made where it is missing.
    ///
    /// # Errors
    /// When the id would not make a file name, there is such a run already, or the files cannot be made.
    pub fn create(folder: &Path, run: &WandbRun) -> Result<Self, TrackingError> {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        if !(1..=64).contains(&run.id.len()) || !run.id.chars().all(plain) {
            return Err(TrackingError::RunId { id: run.id.clone() });
        }
        let folder = folder.join(format!("offline-run-{}-{}", date_and_time(run.started), run.id));
        let files = folder.join("files");
        std::fs::create_dir_all(&files).map_err(TrackingError::io("make the folder", &files))?;
        let config = files.join(CONFIG_FILE);
        let text = serde_json::to_vec_pretty(&run.config).unwrap_or_default();
        std::fs::write(&config, text).map_err(TrackingError::io("write", &config))?;

        let log = RecordLog::create(&folder.join(format!("run-{}.wandb", run.id)))?;
        let mut offline = Self { folder, log, run: run.clone(), records: 0 };
        offline.write(field::RECORD_HEADER, &header())?;
        offline.write(field::RECORD_RUN, &run_record(run))?;
        let file = Message::new().text(field::FILE_PATH, CONFIG_FILE).integer(field::FILE_POLICY, AT_THE_END);
        offline.write(field::RECORD_FILES, &Message::new().message(field::FILES_FILE, &file))?;
        offline.log.flush()?;
        Ok(offline)
    }

    /// The folder for `wandb sync`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Adds the numbers of a step, done at the time `at`: one row of the history.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn record(&mut self, at: SystemTime, same_step: &[Record]) -> Result<(), TrackingError> {
        let Some(last) = same_step.last() else { return Ok(()) };
        let step = i64::try_from(last.step).unwrap_or(i64::MAX);
        let numbers = same_step.iter().map(|record| (record.name.as_str(), number(record.value)));
        let clock = [
            ("epoch", number(last.epoch)),
            ("_timestamp", json!(since(UNIX_EPOCH, at).as_secs_f64())),
            ("_runtime", json!(since(self.run.started, at).as_secs_f64())),
            ("_step", json!(step)),
        ];
        let items = numbers.chain(clock).fold(Message::new(), |items, (name, value)| {
            let item =
                Message::new().text(field::ITEM_NESTED_KEY, name).text(field::VALUE_JSON, &value.to_string());
            items.message(field::ITEM, &item)
        });
        self.write(field::RECORD_SUMMARY, &items)?;
        let step = Message::new().integer(field::STEP_NUMBER, step);
        self.write(field::RECORD_HISTORY, &items.message(field::HISTORY_STEP, &step))
    }

    /// Hands what was added to the system.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn flush(&mut self) -> Result<(), TrackingError> {
        self.log.flush()
    }

    /// Says that the run was over at the time `at`; 0 is success. A run that never says so is one that crashed.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn finish(mut self, exit_code: i32, at: SystemTime) -> Result<(), TrackingError> {
        let seconds = since(self.run.started, at).as_secs();
        let exit = Message::new()
            .integer(field::EXIT_CODE, exit_code.into())
            .integer(field::EXIT_RUNTIME, i64::try_from(seconds).unwrap_or(i64::MAX));
        self.write(field::RECORD_EXIT, &exit)?;
        self.log.flush()
    }

    fn write(&mut self, kind: u32, message: &Message) -> Result<(), TrackingError> {
        self.records += 1;
        let info = Message::new().text(field::INFO_STREAM_ID, &self.run.id);
        let record = Message::new()
            .integer(field::RECORD_NUMBER, self.records)
            .message(kind, message)
            .message(field::RECORD_INFO, &info);
        self.log.append(&record.into_bytes())
    }
}

fn header() -> Message {
    let version = Message::new()
        .text(field::VERSION_PRODUCER, concat!("refcon ", env!("CARGO_PKG_VERSION")))
        .text(field::VERSION_MIN_CONSUMER, MIN_CONSUMER);
    Message::new().message(field::HEADER_VERSION_INFO, &version)
}

fn run_record(run: &WandbRun) -> Message {
    let config = run.config.iter().fold(Message::new(), |config, (key, value)| {
        let item = Message::new().text(field::CONFIG_KEY, key).text(field::VALUE_JSON, &value.to_string());
        config.message(field::CONFIG_UPDATE, &item)
    });
    let started = since(UNIX_EPOCH, run.started);
    let start_time = Message::new()
        .integer(field::TIME_SECONDS, i64::try_from(started.as_secs()).unwrap_or(i64::MAX))
        .integer(field::TIME_NANOS, started.subsec_nanos().into());
    Message::new()
        .text(field::RUN_ID, &run.id)
        .text(field::RUN_PROJECT, &run.project)
        .message(field::RUN_CONFIG, &config)
        .text(field::RUN_DISPLAY_NAME, &run.name)
        .message(field::RUN_START_TIME, &start_time)
}

/// Weights & Biases spells numbers that JSON has not as these texts.
fn number(value: f64) -> Value {
    if value.is_nan() {
        json!("NaN")
    } else if value.is_infinite() {
        json!(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else {
        json!(value)
    }
}

fn since(from: SystemTime, to: SystemTime) -> Duration {
    to.duration_since(from).unwrap_or_default()
}

/// `YYYYMMDD_HHMMSS`, UTC.
fn date_and_time(time: SystemTime) -> String {
    let seconds = since(UNIX_EPOCH, time).as_secs();
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    // Howard Hinnant, chrono-Compatible Low-Level Date Algorithms: years from March, eras of 400 years.
    let from_march = days + 719_468;
    let (era, of_era) = (from_march / 146_097, from_march % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}{month:02}{day:02}_{hour:02}{minute:02}{second:02}")
}

/// A file of records in LevelDB's log format.
#[derive(Debug)]
struct RecordLog {
    path: PathBuf,
    file: BufWriter<File>,
    /// Bytes written.
    length: usize,
}

/// A block, and what stands before each part of a record: checksum, length, type.
const BLOCK: usize = 32_768;
const PART_HEADER: usize = 7;

/// What the file begins with: identifier, magic number, version.
const FILE_HEADER: [u8; 7] = [b':', b'W', b'&', b'B', 0xe1, 0xbe, 0];

/// Types of parts.
const FULL: u8 = 1;
const FIRST: u8 = 2;
const MIDDLE: u8 = 3;
const LAST: u8 = 4;

impl RecordLog {
    fn create(path: &Path) -> Result<Self, TrackingError> {
        let file = File::create_new(path).map_err(TrackingError::io("make the run file", path))?;
        let mut log = Self { path: path.into(), file: BufWriter::new(file), length: 0 };
        log.write(&FILE_HEADER).map_err(TrackingError::io("write", path))?;
        Ok(log)
    }

    fn append(&mut self, record: &[u8]) -> Result<(), TrackingError> {
        self.append_parts(record).map_err(TrackingError::io("write", &self.path))
    }

    /// Writes a record in parts that do not cross from a block into the next.
    fn append_parts(&mut self, mut record: &[u8]) -> io::Result<()> {
        let mut first = true;
        loop {
            let mut room = BLOCK - self.length % BLOCK;
            if room < PART_HEADER {
                self.write(&[0; PART_HEADER][..room])?;
                room = BLOCK;
            }
            let (part, rest) = record.split_at(record.len().min(room - PART_HEADER));
            let kind = match (first, rest.is_empty()) {
                (true, true) => FULL,
                (true, false) => FIRST,
                (false, false) => MIDDLE,
                (false, true) => LAST,
            };
            let mut checksum = crc32fast::Hasher::new();
            checksum.update(&[kind]);
            checksum.update(part);
            self.write(&checksum.finalize().to_le_bytes())?;
            // A part is shorter than a block, which is shorter than 64 KiB.
            self.write(&(part.len() as u16).to_le_bytes())?;
            self.write(&[kind])?;
            self.write(part)?;
            if rest.is_empty() {
                return Ok(());
            }
            (record, first) = (rest, false);
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.length += bytes.len();
        Ok(())
    }

    fn flush(&mut self) -> Result<(), TrackingError> {
        self.file.flush().map_err(TrackingError::io("write", &self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The records of a log, read as the client's `DataStore` reads them.
    fn records(bytes: &[u8]) -> Vec<Vec<u8>> {
        assert_eq!(bytes[..7], FILE_HEADER);
        let (mut at, mut found, mut open) = (7, Vec::new(), Vec::new());
        while at < bytes.len() {
            let room = BLOCK - at % BLOCK;
            if room < PART_HEADER {
                assert!(bytes[at..at + room].iter().all(|byte| *byte == 0));
                at += room;
            }
            let length = usize::from(u16::from_le_bytes([bytes[at + 4], bytes[at + 5]]));
            assert!(at % BLOCK + PART_HEADER + length <= BLOCK);
            let kind_and_data = &bytes[at + 6..][..1 + length];
            assert_eq!(bytes[at..at + 4], crc32fast::hash(kind_and_data).to_le_bytes());
            open.extend(&kind_and_data[1..]);
            if matches!(kind_and_data[0], FULL | LAST) {
                found.push(std::mem::take(&mut open));
            }
            at += PART_HEADER + length;
        }
        found
    }

    proptest! {
        #[test]
        fn records_of_any_length_come_back(
            lengths in proptest::collection::vec(
                prop_oneof![0usize..200, BLOCK - 40..BLOCK + 40, 2 * BLOCK - 40..2 * BLOCK + 40], 0..8,
            ),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("run.wandb");
            let mut log = RecordLog::create(&path).unwrap();
            let written: Vec<Vec<u8>> = lengths.iter().map(|&length| vec![length as u8; length]).collect();
            written.iter().for_each(|record| log.append(record).unwrap());
            log.flush().unwrap();
            prop_assert_eq!(records(&std::fs::read(&path).unwrap()), written);
        }
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "19700101_000000"),
            (951_782_399, "20000228_235959"),
            (951_868_799, "20000229_235959"),
            (4_107_542_400, "21000301_000000"),
            (1_767_225_599, "20251231_235959"),
        ] {
            assert_eq!(date_and_time(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn a_run_is_a_header_the_run_and_a_row_a_step() {
        let folder = tempfile::tempdir().unwrap();
        let config = json!({"learning_rate": 0.1});
        let run = WandbRun {
            id: "brave-fox-1".into(),
            project: "refcon".into(),
            name: "brave fox".into(),
            config: config.as_object().unwrap().clone(),
            started: UNIX_EPOCH,
        };
        let mut offline = WandbOffline::create(folder.path(), &run).unwrap();
        for (step, value) in [(1, 0.5), (2, f64::NAN)] {
            let record = Record { step, epoch: 0.5, name: "train/loss".into(), value, seconds: 0.0 };
            offline.record(UNIX_EPOCH, &[record]).unwrap();
        }
        let path = offline.folder().join("run-brave-fox-1.wandb");
        offline.finish(0, UNIX_EPOCH).unwrap();
        // Header, run, files, two times summary and history, exit.
        assert_eq!(records(&std::fs::read(path).unwrap()).len(), 8);
        assert!(WandbOffline::create(folder.path(), &run).is_err(), "the run is there");
        let odd = WandbRun { id: "../x".into(), ..run };
        let message = WandbOffline::create(folder.path(), &odd).unwrap_err().to_string();
        assert!(message.contains("\"../x\""), "{message}");
    }
}
