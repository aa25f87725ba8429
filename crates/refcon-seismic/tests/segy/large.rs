//! Files larger than memory.

use refcon_seismic::segy::{OpenOptions, ReadAt, SegyFile};
use refcon_seismic::{Direction, LineAxis};
use std::io;

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
