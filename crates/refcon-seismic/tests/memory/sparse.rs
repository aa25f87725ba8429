//! A sparse file of 200 GB: its headers are written, its samples are holes.

use refcon_seismic::segy::{OpenOptions, SegyFile};
use refcon_seismic::{Direction, LineAxis};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

const SAMPLES: u32 = 2_000_000;
const TRACE_BYTES: u64 = 240 + 4 * SAMPLES as u64;
const INLINES: i32 = 2500;
const CROSSLINES: i32 = 10;
/// What the program may take at its peak, MiB: one inline of 80 MB, as section and as it is read, and not more.
const PEAK_MIB: u64 = 512;

/// Writes the headers of a revision 2.1 file; the sample after each header is the trace's number.
fn write_headers(path: &Path) {
    let file = File::create(path).unwrap();
    file.set_len(3600 + INLINES as u64 * CROSSLINES as u64 * TRACE_BYTES).unwrap();
    let put = |offset: u64, value: &[u8]| file.write_all_at(value, offset).unwrap();
    put(0, &[0x40; 3200]);
    put(3216, &2000_u16.to_be_bytes());
    put(3224, &5_u16.to_be_bytes());
    put(3268, &SAMPLES.to_be_bytes());
    put(3296, &[1, 2, 3, 4]);
    put(3500, &[2, 1, 0, 1]);
    for trace in 0..INLINES * CROSSLINES {
        let mut header = [0; 244];
        header[116..118].copy_from_slice(&2000_u16.to_be_bytes());
        header[188..192].copy_from_slice(&(100 + trace / CROSSLINES).to_be_bytes());
        header[192..196].copy_from_slice(&(500 - trace % CROSSLINES).to_be_bytes());
        header[240..].copy_from_slice(&(trace as f32).to_be_bytes());
        put(3600 + trace as u64 * TRACE_BYTES, &header);
    }
}

/// The most memory that this process ever held, MiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() / 1024
}

#[test]
fn a_sparse_file_of_200_gb_is_read_in_half_a_gib() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sparse.sgy");
    write_headers(&path);
    assert!(std::fs::metadata(&path).unwrap().len() > 200_000_000_000);
    let before = peak();
    let index = folder.path().join("sparse.index");
    // What is larger than an index of this survey can be is not read to find out that it is none.
    File::create(&index).unwrap().set_len(8 << 30).unwrap();
    let options = OpenOptions { index: Some(index.clone()), ..OpenOptions::default() };
    let scanned = SegyFile::open(&path, &options).unwrap();
    let indexed = SegyFile::open(&path, &options).unwrap();
    assert!(std::fs::metadata(index).unwrap().len() < 1 << 20);
    let opened = peak();
    assert!(opened < before + 64, "opening took {before} to {opened} MiB");
    for file in [scanned, indexed] {
        let volume = file.geometry().volume().unwrap();
        assert_eq!(volume.inlines, LineAxis { first: 100, step: 1, count: INLINES as usize });
        assert_eq!(volume.crosslines, LineAxis { first: 500, step: -1, count: CROSSLINES as usize });
        assert_eq!((file.samples().count, volume.missing_bins()), (SAMPLES as usize, 0));
        let slice = file.read_time_slice(0).unwrap();
        assert!(slice.amplitudes.iter().enumerate().all(|(trace, &amplitude)| amplitude == trace as f32));
        assert!(file.read_time_slice(SAMPLES as usize - 1).unwrap().amplitudes.iter().all(|&a| a == 0.0));
        let section = file.read_section(Direction::Inline, 1100).unwrap();
        let width = CROSSLINES as usize;
        assert!((0..width).all(|trace| section.amplitudes[trace] == (10_000 + trace) as f32));
        assert!(section.amplitudes[width..].iter().all(|&amplitude| amplitude == 0.0));
    }
    println!("peak: {opened} MiB after opening, {} MiB after reading", peak());
    assert!(peak() < PEAK_MIB, "the peak is {} MiB", peak());
}
