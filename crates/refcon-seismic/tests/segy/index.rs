//! The saved index of trace headers.

use crate::fixtures::*;
use refcon_seismic::segy::{HeaderField, OpenOptions, SegyFile, TraceLabel, WriteOptions};
use refcon_seismic::{Direction, Geometry};
use std::path::{Path, PathBuf};

struct Indexed {
    folder: tempfile::TempDir,
    options: OpenOptions,
}

impl Indexed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let labels: Vec<TraceLabel> = (0..20)
            .flat_map(|i| {
                (0..30)
                    .map(move |j| TraceLabel { position: grid().position(i, j), ..label(i as i32, j as i32) })
            })
            .filter(|label| label.inline + label.crossline != 20)
            .collect();
        std::fs::write(folder.path().join("survey.sgy"), file_of(&labels, &WriteOptions::default())).unwrap();
        let index = Some(folder.path().join("indices/survey.index"));
        Self { folder, options: OpenOptions { index, ..OpenOptions::default() } }
    }

    fn survey(&self) -> PathBuf {
        self.folder.path().join("survey.sgy")
    }

    fn index(&self) -> &Path {
        self.options.index.as_deref().unwrap()
    }

    fn open(&self) -> SegyFile {
        SegyFile::open(&self.survey(), &self.options).unwrap()
    }
}

fn assert_same(one: &SegyFile, other: &SegyFile) {
    assert_eq!(one.geometry(), other.geometry());
    assert_eq!(one.oddities(), other.oddities());
    assert_eq!(one.candidates(), other.candidates());
    assert_eq!(one.samples(), other.samples());
    assert!((0..one.trace_count()).all(|trace| one.numbers(trace) == other.numbers(trace)));
    for line in [0, 7, 19] {
        let read = |file: &SegyFile| file.read_section(Direction::Inline, line).unwrap();
        assert_eq!(read(one), read(other));
    }
}

#[test]
fn a_saved_index_gives_the_same_survey() {
    let survey = Indexed::new();
    let first = survey.open();
    let saved = std::fs::read(survey.index()).unwrap();
    assert!(saved.starts_with(b"RFCNSGYI"));
    // A mark in the index shows that it is what is read.
    let second = survey.open();
    assert_same(&first, &second);
    assert_eq!(std::fs::read(survey.index()).unwrap(), saved);
}

#[test]
fn the_index_is_read_instead_of_the_headers() {
    let survey = Indexed::new();
    let file = survey.open();
    let changed = std::fs::metadata(survey.survey()).unwrap().modified().unwrap();
    let mut bytes = std::fs::read(survey.survey()).unwrap();
    put(&mut bytes, 5, 189, 19);
    std::fs::write(survey.survey(), bytes).unwrap();
    let handle = std::fs::File::options().write(true).open(survey.survey()).unwrap();
    handle.set_modified(changed).unwrap();
    assert_eq!(survey.open().numbers(5), file.numbers(5));
}

#[test]
fn an_index_of_an_older_state_of_the_file_is_not_used() {
    let survey = Indexed::new();
    survey.open();
    let mut bytes = std::fs::read(survey.survey()).unwrap();
    bytes.truncate(FILE_HEADER + 300 * TRACE_BYTES);
    std::fs::write(survey.survey(), &bytes).unwrap();
    let file = survey.open();
    assert_eq!(file.trace_count(), 300);
    put(&mut bytes, 5, 189, 7);
    std::fs::write(survey.survey(), bytes).unwrap();
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    let handle = std::fs::File::options().write(true).open(survey.survey()).unwrap();
    handle.set_modified(later).unwrap();
    assert_eq!(survey.open().numbers(5), Some([7, 5]));
}

#[test]
fn an_index_for_other_options_is_not_used() {
    let survey = Indexed::new();
    survey.open();
    let options = OpenOptions { trace_number: Some(HeaderField::TRACE_IN_FILE), ..survey.options.clone() };
    let file = SegyFile::open(&survey.survey(), &options).unwrap();
    assert!(matches!(file.geometry(), Geometry::Line(_)));
    assert!(matches!(survey.open().geometry(), Geometry::Volume(_)));
}

#[test]
fn a_damaged_index_is_made_again() {
    let survey = Indexed::new();
    let file = survey.open();
    let saved = std::fs::read(survey.index()).unwrap();
    for place in (0..saved.len()).step_by(97) {
        let mut damaged = saved.clone();
        damaged[place] ^= 0x10;
        std::fs::write(survey.index(), &damaged).unwrap();
        assert_same(&file, &survey.open());
        std::fs::write(survey.index(), &saved[..place]).unwrap();
        assert_same(&file, &survey.open());
        assert_eq!(std::fs::read(survey.index()).unwrap(), saved);
    }
}

#[test]
fn an_index_that_cannot_be_saved_keeps_nobody_from_reading() {
    let survey = Indexed::new();
    let options = OpenOptions { index: Some(survey.survey().join("index")), ..OpenOptions::default() };
    let file = SegyFile::open(&survey.survey(), &options).unwrap();
    assert_eq!(told(&file, "The index could not be saved"), 1);
    assert_eq!(file.geometry(), survey.open().geometry());
}
