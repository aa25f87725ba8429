//! Real files, whose contents another reader (segyio) wrote down in `manifest.json`.
//!
//! The files are not in the repository. Their folder is `shared/data` beside the checkout, or what the environment
//! variable `REFCON_TEST_DATA` says.

use refcon_seismic::segy::{ByteOrder, OpenOptions, SegyFile};
use refcon_seismic::{Direction, Domain, Geometry};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

fn segy_folder() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("REFCON_TEST_DATA").map_or(beside, PathBuf::from).join("segy");
    if folder.join("manifest.json").is_file() {
        return Some(folder);
    }
    println!("skipped: no test data in {} (set REFCON_TEST_DATA)", folder.display());
    None
}

fn manifest(folder: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("manifest.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn integers(value: &Value) -> Vec<i64> {
    value.as_array().unwrap().iter().map(|number| number.as_i64().unwrap()).collect()
}

struct Statistics {
    hash: String,
    least: f32,
    most: f32,
    mean: f64,
}

fn statistics(file: &SegyFile) -> Statistics {
    let mut hash = Sha256::new();
    let (mut least, mut most, mut sum, mut count) = (f32::INFINITY, f32::NEG_INFINITY, 0.0, 0_u64);
    let mut next = 0;
    for block in file.traces() {
        let block = block.unwrap();
        assert_eq!(block.first_trace, next);
        next += (block.amplitudes.len() / block.samples) as u64;
        for amplitude in block.amplitudes {
            hash.update(amplitude.to_le_bytes());
            least = least.min(amplitude);
            most = most.max(amplitude);
            sum += f64::from(amplitude);
            count += 1;
        }
    }
    assert_eq!(next, file.trace_count());
    let hash = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Statistics { hash, least, most, mean: sum / count as f64 }
}

#[test]
fn every_file_reads_to_its_manifest_values_and_hash() {
    let Some(folder) = segy_folder() else { return };
    let files = manifest(&folder);
    assert!(files.len() >= 18);
    for expected in files {
        let name = expected["file"].as_str().unwrap();
        let file = SegyFile::open(&folder.join(name), &OpenOptions::default()).unwrap();
        let order = if expected["endian"] == "little" { ByteOrder::Little } else { ByteOrder::Big };
        assert_eq!(u64::from(file.format().code()), expected["format"].as_u64().unwrap(), "{name}");
        assert_eq!(file.byte_order(), order, "{name}");
        assert_eq!(file.trace_count(), expected["ntr"].as_u64().unwrap(), "{name}");
        let samples = file.samples();
        assert_eq!(samples.domain, Domain::Time, "{name}");
        assert_eq!(samples.count as u64, expected["ns"].as_u64().unwrap(), "{name}");
        assert_eq!(samples.interval * 1000.0, expected["dt_us"].as_f64().unwrap(), "{name}");
        assert_eq!(samples.first, expected["t0"].as_f64().unwrap(), "{name}");
        let texts = file.extended_text_headers().unwrap();
        assert_eq!(texts.len() as u64, expected["ext"].as_u64().unwrap(), "{name}");
        let found = statistics(&file);
        assert_eq!(found.hash, expected["sha256_f32le"].as_str().unwrap(), "{name}");
        assert_eq!(f64::from(found.least), expected["min"].as_f64().unwrap(), "{name}");
        assert_eq!(f64::from(found.most), expected["max"].as_f64().unwrap(), "{name}");
        // The reference mean was summed in single precision.
        assert!((found.mean - expected["mean"].as_f64().unwrap()).abs() < 0.01, "{name}");
    }
}

#[test]
fn line_numbers_are_found_without_being_told_where() {
    let Some(folder) = segy_folder() else { return };
    for expected in manifest(&folder) {
        let name = expected["file"].as_str().unwrap();
        let file = SegyFile::open(&folder.join(name), &OpenOptions::default()).unwrap();
        let Geometry::Volume(volume) = file.geometry() else {
            panic!("{name} is a volume, not {:?}", file.geometry())
        };
        for (axis, key) in [(volume.inlines, "il"), (volume.crosslines, "xl")] {
            let found = [i64::from(axis.first), i64::from(axis.last()), axis.count as i64];
            assert_eq!(found.to_vec(), integers(&expected[key]), "{name} {key}");
        }
        let offsets = expected.get("offs").and_then(Value::as_u64).unwrap_or(1);
        assert_eq!(file.gathers().is_some(), offsets > 1, "{name}");
    }
}

#[test]
fn sections_and_slices_hold_the_samples_of_their_traces() {
    let Some(folder) = segy_folder() else { return };
    for name in ["F3_very_small.sgy", "f3.sgy", "f3-inlines-110-111.sgy", "small-lsb.sgy", "f3-withdead.sgy"]
    {
        let file = SegyFile::open(&folder.join(name), &OpenOptions::default()).unwrap();
        let volume = file.geometry().volume().unwrap().clone();
        let samples = file.samples().count;
        let mut cube = vec![0.0; volume.inlines.count * volume.crosslines.count * samples];
        for trace in 0..file.trace_count() {
            let [inline, crossline] = file.numbers(trace).unwrap();
            let i = volume.inlines.index_of(inline).unwrap();
            let j = volume.crosslines.index_of(crossline).unwrap();
            let start = (i * volume.crosslines.count + j) * samples;
            file.read_trace(trace, &mut cube[start..start + samples]).unwrap();
        }
        let at = |i: usize, j: usize, k: usize| cube[(i * volume.crosslines.count + j) * samples + k];
        for i in 0..volume.inlines.count {
            let section = file.read_section(Direction::Inline, volume.inlines.number(i)).unwrap();
            assert_eq!(section.traces, volume.crosslines);
            for (place, &amplitude) in section.amplitudes.iter().enumerate() {
                let (k, j) = (place / section.traces.count, place % section.traces.count);
                assert_eq!(amplitude, at(i, j, k), "{name} inline {i}");
            }
        }
        for j in (0..volume.crosslines.count).step_by(17) {
            let section = file.read_section(Direction::Crossline, volume.crosslines.number(j)).unwrap();
            for (place, &amplitude) in section.amplitudes.iter().enumerate() {
                let (k, i) = (place / section.traces.count, place % section.traces.count);
                assert_eq!(amplitude, at(i, j, k), "{name} crossline {j}");
            }
        }
        for k in [0, samples / 2, samples - 1] {
            let slice = file.read_time_slice(k).unwrap();
            assert_eq!(slice.position, file.samples().position(k));
            for (bin, &amplitude) in slice.amplitudes.iter().enumerate() {
                let (i, j) = (bin / volume.crosslines.count, bin % volume.crosslines.count);
                assert_eq!(amplitude, at(i, j, k), "{name} sample {k}");
            }
        }
    }
}

#[test]
fn the_f3_grid_has_bins_of_25_metres() {
    let Some(folder) = segy_folder() else { return };
    let file = SegyFile::open(&folder.join("f3-inlines-110-111.sgy"), &OpenOptions::default()).unwrap();
    let grid = file.geometry().volume().unwrap().grid.unwrap();
    for size in grid.bin_size() {
        assert!((size - 25.0).abs() < 0.1, "{grid:?}");
    }
}
