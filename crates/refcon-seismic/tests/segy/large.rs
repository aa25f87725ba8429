//! Files larger than memory.

use crate::fixtures::{file_of, grid_labels, time_axis};
use refcon_seismic::segy::{OpenOptions, ReadAt, SegyFile, SegyWriter, WriteOptions};
use refcon_seismic::{Direction, LineAxis, SampleAxis};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const TRACE_BYTES: u64 = 240 + 4 * SAMPLES;
const SAMPLES: u64 = 30_000;
const CROSSLINES: u64 = 1000;
const INLINES: u64 = 1660;

/// A regular survey of 200 GB that nobody wrote: its bytes are made up as they are read. Every sample of a trace is the
/// trace's crossline number.
#[derive(Debug)]
struct MadeUpSurvey;

impl MadeUpSurvey {
    fn trace_header(trace: u64) -> [u8; 240] {
        let mut header = [0; 240];
        let mut put = |byte: usize, value: &[u8]| header[byte - 1..][..value.len()].copy_from_slice(value);
        let (inline, crossline) = (100 + (trace / CROSSLINES) as i32, 500 - (trace % CROSSLINES) as i32);
        put(115, &(SAMPLES as u16).to_be_bytes());
        put(117, &2000_u16.to_be_bytes());
        put(189, &inline.to_be_bytes());
        put(193, &crossline.to_be_bytes());
        header
    }

    fn byte(position: u64) -> u8 {
        if position < 3600 {
            return match position {
                3216 => 2000_u16.to_be_bytes()[0],
                3217 => 2000_u16.to_be_bytes()[1],
                3220 => (SAMPLES as u16).to_be_bytes()[0],
                3221 => (SAMPLES as u16).to_be_bytes()[1],
                3225 => 5,
                _ => 0,
            };
        }
        let (trace, inside) = ((position - 3600) / TRACE_BYTES, (position - 3600) % TRACE_BYTES);
        if inside < 240 {
            return Self::trace_header(trace)[inside as usize];
        }
        (500.0 - (trace % CROSSLINES) as f32).to_be_bytes()[inside as usize % 4]
    }
}

impl ReadAt for MadeUpSurvey {
    fn len(&self) -> u64 {
        3600 + INLINES * CROSSLINES * TRACE_BYTES
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        if offset + buffer.len() as u64 > self.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // Whole trace headers are what a scan reads: make those quickly.
        if buffer.len() == 240 && offset >= 3600 && (offset - 3600).is_multiple_of(TRACE_BYTES) {
            buffer.copy_from_slice(&Self::trace_header((offset - 3600) / TRACE_BYTES));
            return Ok(());
        }
        for (byte, position) in buffer.iter_mut().zip(offset..) {
            *byte = Self::byte(position);
        }
        Ok(())
    }
}

/// A file that counts the bytes read from it.
#[derive(Debug)]
struct Counting {
    bytes: Vec<u8>,
    read: Arc<AtomicUsize>,
}

impl ReadAt for Counting {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.read.fetch_add(buffer.len(), Ordering::Relaxed);
        self.bytes.read_exact_at(buffer, offset)
    }
}

#[test]
fn lines_and_slices_read_only_what_they_need() {
    const LONG: usize = 4000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.sgy");
    let axis = SampleAxis { count: LONG, ..time_axis() };
    let mut writer = SegyWriter::create(&path, axis, &WriteOptions::default()).unwrap();
    for label in grid_labels(&(1..=20).collect::<Vec<_>>(), &(1..=30).collect::<Vec<_>>()) {
        writer.write_trace(&label, &[1.0; LONG]).unwrap();
    }
    writer.finish().unwrap();
    let read = Arc::new(AtomicUsize::new(0));
    let source = Counting { bytes: std::fs::read(&path).unwrap(), read: Arc::clone(&read) };
    let file = SegyFile::from_source("counting", Box::new(source), &OpenOptions::default()).unwrap();
    let trace_bytes = 240 + 4 * LONG;
    let opening = read.swap(0, Ordering::Relaxed);
    assert!(opening < 600 * trace_bytes / 10, "opening read {opening} bytes");
    file.read_section(Direction::Inline, 7).unwrap();
    assert_eq!(read.swap(0, Ordering::Relaxed), 30 * trace_bytes);
    file.read_section(Direction::Crossline, 7).unwrap();
    assert_eq!(read.swap(0, Ordering::Relaxed), 20 * trace_bytes);
    file.read_time_slice(2000).unwrap();
    assert_eq!(read.swap(0, Ordering::Relaxed), 600 * 4);
    file.read_trace(33, &mut [0.0; LONG]).unwrap();
    assert_eq!(read.swap(0, Ordering::Relaxed), trace_bytes);
}

#[cfg(target_os = "linux")]
#[test]
fn files_are_opened_for_reading_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("survey.sgy");
    let bytes = file_of(&grid_labels(&[1, 2], &[1, 2, 3]), &WriteOptions::default());
    std::fs::write(&path, &bytes).unwrap();
    let changed = std::fs::metadata(&path).unwrap().modified().unwrap();
    let file = SegyFile::open(&path, &OpenOptions::default()).unwrap();
    let mut handles = 0;
    for handle in std::fs::read_dir("/proc/self/fd").unwrap().flatten() {
        if std::fs::read_link(handle.path()).is_ok_and(|target| target == path) {
            let name = handle.file_name().into_string().unwrap();
            let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{name}")).unwrap();
            let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
            // The last two bits say how a file may be used; 0 is reading only.
            assert_eq!(i64::from_str_radix(flags.trim(), 8).unwrap() & 3, 0);
            handles += 1;
        }
    }
    assert_eq!(handles, 1);
    file.read_section(Direction::Inline, 1).unwrap();
    drop(file);
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), changed);
}

#[test]
fn a_survey_of_200_gb_opens_and_reads() {
    assert!(MadeUpSurvey.len() > 199_000_000_000);
    let file = SegyFile::from_source("200 GB", Box::new(MadeUpSurvey), &OpenOptions::default()).unwrap();
    let volume = file.geometry().volume().unwrap();
    assert_eq!(volume.inlines, LineAxis { first: 100, step: 1, count: INLINES as usize });
    assert_eq!(volume.crosslines, LineAxis { first: 500, step: -1, count: CROSSLINES as usize });
    assert_eq!(volume.missing_bins(), 0);
    let slice = file.read_time_slice(29_999).unwrap();
    assert_eq!(slice.amplitudes[CROSSLINES as usize * 7 + 3], 497.0);
    let mut trace = vec![0.0; SAMPLES as usize];
    file.read_trace(file.trace_count() - 1, &mut trace).unwrap();
    assert!(trace.iter().all(|&amplitude| amplitude == -499.0));
    assert_eq!(file.lines(Direction::Crossline), Some(volume.crosslines));
}
