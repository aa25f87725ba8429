//! Real surveys, where their folder is there (see [`field_data`]).

use crate::fixtures::field_data;
use refcon_seismic::segy::{OpenOptions, SegyFile};
use refcon_seismic::{Direction, Survey, SurveyOptions};

#[test]
fn a_segy_survey_reads_as_its_file_does() {
    let Some(path) = field_data("segy/f3.sgy") else { return };
    let survey = Survey::open(&path, &SurveyOptions::default()).unwrap();
    let file = SegyFile::open(&path, &OpenOptions::default()).unwrap();
    assert_eq!(survey.name(), "f3");
    assert!(survey.segy().is_some());
    assert_eq!(survey.geometry(), file.geometry());
    assert_eq!(survey.samples(), file.samples());
    for direction in [Direction::Inline, Direction::Crossline] {
        assert_eq!(survey.lines(direction), file.lines(direction));
        let line = survey.lines(direction).unwrap().last();
        assert_eq!(
            survey.read_section(direction, line).unwrap(),
            file.read_section(direction, line).unwrap()
        );
    }
    assert_eq!(survey.read_time_slice(3).unwrap(), file.read_time_slice(3).unwrap());
    let traces: u64 =
        survey.traces().map(|block| block.unwrap()).map(|b| (b.amplitudes.len() / b.samples) as u64).sum();
    assert_eq!(traces, survey.trace_count());
}

#[test]
fn the_f3_sections_open_as_2d_lines() {
    let Some(path) = field_data("f3-sections/crossline-61.npy") else { return };
    let survey = Survey::open(&path, &SurveyOptions::default()).unwrap();
    let section = survey.read_section(Direction::Inline, 0).unwrap();
    assert_eq!((section.samples.count, section.traces.count), (338, 951));
    // Neighbouring samples of a trace are alike, as those of an array read in the wrong order are not.
    let (mut alike, mut power) = (0.0, 0.0);
    for (row, next) in section.amplitudes.chunks(951).zip(section.amplitudes.chunks(951).skip(1)) {
        for (&a, &b) in row.iter().zip(next) {
            alike += f64::from(a * b);
            power += f64::from(a * a);
        }
    }
    assert!(alike / power > 0.5, "{}", alike / power);
}
