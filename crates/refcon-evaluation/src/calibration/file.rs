//! The calibration's file: JSON, to lie beside an encoder or a library.

use super::{Calibration, Logistic};
use refcon_library::files::{self, WriteError};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// What the file says it is.
const FORMAT: &str = "refcon-calibration";
const VERSION: u32 = 2;

/// Why a calibration could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CalibrationFileError {
    /// The file cannot be read.
    #[error("cannot read the calibration {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no calibration, or a damaged one.
    #[error(
        "{} is no calibration: {problem}; expected a file that `refcon evaluate --save-calibration` wrote",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

#[derive(Serialize, Deserialize)]
struct File<C> {
    format: String,
    version: u32,
    #[serde(flatten)]
    calibration: C,
}

impl Calibration {
    /// Reads a calibration file.
    ///
    /// # Errors
    /// When the file cannot be read, is none, is of another version, or holds what no fit gives.
    pub fn read(path: &Path) -> Result<Self, CalibrationFileError> {
        let format = |problem: String| CalibrationFileError::Format { path: path.into(), problem };
        let text =
            std::fs::read(path).map_err(|source| CalibrationFileError::Io { path: path.into(), source })?;
        let file: File<serde_json::Value> =
            serde_json::from_slice(&text).map_err(|error| format(error.to_string()))?;
        if file.format != FORMAT {
            return Err(format(format!("its format is {:?}, expected {FORMAT:?}", file.format)));
        }
        if file.version != VERSION {
            return Err(format(format!("it is of version {}, expected {VERSION}", file.version)));
        }
        let calibration: Self =
            serde_json::from_value(file.calibration).map_err(|error| format(error.to_string()))?;
        match calibration.unsoundness() {
            Some(problem) => Err(format(problem.into())),
            None => Ok(calibration),
        }
    }

    /// Writes the calibration file, whole or not at all.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), WriteError> {
        files::write_whole(path, |out| {
            let file = File { format: FORMAT.into(), version: VERSION, calibration: self };
            serde_json::to_writer_pretty(&mut *out, &file).map_err(io::Error::from)?;
            out.write_all(b"\n")
        })
    }

    /// What no fit gives.
    fn unsoundness(&self) -> Option<&'static str> {
        let weights = &self.score.weights;
        let is_finite = |model: &Logistic| {
            model.intercept.is_finite() && model.weights.iter().all(|weight| weight.is_finite())
        };
        let finite = is_finite(&self.score) && is_finite(&self.nearest) && self.nearest.weights.len() == 1;
        if !(0.0..=self.backgrounds[1]).contains(&self.backgrounds[0]) || !self.backgrounds[1].is_finite() {
            return Some("its backgrounds are no range of distances");
        }
        let [low, high] = self.bounds;
        if !(1..=2).contains(&weights.len()) || !finite || weights.iter().sum::<f64>() <= 0.0 {
            Some("its weights are none that make near tiles more probable than far ones")
        } else if self.curve.as_ref().is_some_and(|curve| !curve.is_sound()) {
            Some("its curve falls, or leaves 0 to 1")
        } else if !(0.0 <= low && low <= high && high <= 1.0) {
            Some("its bounds are no probabilities in order")
        } else {
            None
        }
    }
}
