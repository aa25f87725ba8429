//! Labels of tiles, from a label volume.

use super::ExportError;
use crate::{Direction, Section, Survey, TileBox};
use std::collections::BTreeMap;

/// A volume (or section) of labels that lies over a survey: a whole number for each of its samples.
#[derive(Debug)]
pub struct LabelVolume {
    labels: Survey,
    names: BTreeMap<i32, String>,
}

/// The most frequent label of a tile.
#[derive(Debug, Clone, PartialEq)]
pub struct Majority {
    /// The label's name.
    pub name: String,
    /// Its share of the tile's samples, 0 to 1.
    pub share: f64,
}

impl LabelVolume {
    /// Labels read from `labels`, named by `names`; a label without a name is called `label-` and its number.
    #[must_use]
    pub fn new(labels: Survey, names: BTreeMap<i32, String>) -> Self {
        Self { labels, names }
    }

    /// Where the labels come from.
    #[must_use]
    pub fn survey(&self) -> &Survey {
        &self.labels
    }

    /// The names of labels.
    #[must_use]
    pub fn names(&self) -> &BTreeMap<i32, String> {
        &self.names
    }

    /// Checks that the labels have as many lines and samples as `survey`. Their numbers may differ: arrays count from 0.
    ///
    /// # Errors
    /// [`ExportError::LabelShape`].
    pub fn check(&self, survey: &Survey) -> Result<(), ExportError> {
        let (found, expected) = (shape(&self.labels), shape(survey));
        if found == expected {
            return Ok(());
        }
        Err(ExportError::LabelShape {
            labels: self.labels.path().display().to_string(),
            survey: survey.path().display().to_string(),
            found,
            expected,
        })
    }

    /// The labels under a section of `survey`, whose shape was checked.
    ///
    /// # Errors
    /// The labels cannot be read.
    pub fn under(&self, survey: &Survey, direction: Direction, line: i32) -> Result<Section, ExportError> {
        let index = survey.lines(direction).and_then(|lines| lines.index_of(line));
        let labelled = self.labels.lines(direction).zip(index).map(|(lines, index)| lines.number(index));
        Ok(self.labels.read_section(direction, labelled.unwrap_or(line))?)
    }

    /// The label that most samples of the tile have, the smaller of two equally frequent ones. Samples that are NaN have
    /// none. `None` where no sample has one.
    ///
    /// # Errors
    /// [`ExportError::NoLabel`].
    pub fn majority(&self, labels: &Section, bounds: TileBox) -> Result<Option<Majority>, ExportError> {
        let mut counts = BTreeMap::<i32, usize>::new();
        for value in labels.cut(bounds).unwrap_or_default() {
            if value.is_nan() {
                continue;
            }
            let label = value as i32;
            if label as f32 != value {
                let section = (labels.direction, labels.line);
                let name = self.labels.path().display().to_string();
                return Err(ExportError::NoLabel { labels: name, section, found: value });
            }
            *counts.entry(label).or_default() += 1;
        }
        let most = counts.into_iter().rev().max_by_key(|&(_, count)| count);
        Ok(most.map(|(label, count)| Majority {
            name: self.names.get(&label).cloned().unwrap_or_else(|| format!("label-{label}")),
            share: count as f64 / (bounds.samples * bounds.traces).max(1) as f64,
        }))
    }
}

/// Lines and samples of a survey in words.
fn shape(survey: &Survey) -> String {
    let count = |direction| survey.lines(direction).map_or(0, |lines| lines.count);
    let samples = survey.samples().count;
    match survey.geometry().line() {
        Some(line) => format!("a section of {} traces with {samples} samples", line.traces.count),
        None => format!(
            "{} inlines, {} crosslines and {samples} samples",
            count(Direction::Inline),
            count(Direction::Crossline)
        ),
    }
}
