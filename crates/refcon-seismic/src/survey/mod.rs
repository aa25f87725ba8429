//! Surveys: one face over the files they come in.
//!
//! | source | recognised by | samples | read |
//! |---|---|---|---|
//! | SEG-Y, SU | anything else | see [`segy`](crate::segy) | [`SegyFile`] |
//! | NumPy volume `[inline, crossline, sample]` | `.npy` or its first bytes | `f4`, `f8`, `i1`–`i8`, `u1`–`u8`, both byte orders, C order | where it lies |
//! | NumPy section `[sample, trace]` | the same | the same, C and Fortran order | where it lies |
//! | raw volume or section | [`SurveyOptions::raw`] | any [`SampleFormat`](crate::segy::SampleFormat), both byte orders | where it lies |
//!
//! Nothing is converted or loaded whole: a section reads its own samples (and short gaps between them) only.

mod array;
mod error;
mod npy_header;
mod options;

pub use error::SurveyError;
pub use options::{ArrayAxes, ArrayShape, RawArray, SurveyOptions};

use crate::segy::{Container, FileSource, ReadAt, SegyFile, TraceBlock};
use crate::{Direction, Geometry, LineAxis, Polarity, SampleAxis, Section, TimeSlice};
use array::{ArrayFile, StoredArray};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// A survey, open for reading. Several threads can read at a time.
#[derive(Debug)]
pub struct Survey {
    name: String,
    path: PathBuf,
    source: Source,
    epsg: Option<u32>,
    polarity: Option<Polarity>,
}

#[derive(Debug)]
enum Source {
    Segy(Box<SegyFile>),
    Array(Box<ArrayFile>),
}

impl Survey {
    /// Opens the file at `path`, read-only; the [table](self) says what it is taken for.
    ///
    /// # Errors
    /// [`SurveyError`] where the file cannot be read, its samples are of a kind that is not read, or what `options` say
    /// does not fit it.
    pub fn open(path: &Path, options: &SurveyOptions) -> Result<Self, SurveyError> {
        let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let open = |source| SurveyError::Open { path: path.to_owned(), source };
        let file = FileSource::open(path).map_err(open)?;
        let stored = match &options.raw {
            Some(raw) => {
                array::check_size(path, raw, file.len(), true)?;
                Some(StoredArray { array: *raw, trace_by_trace: matches!(raw.shape, ArrayShape::Volume(_)) })
            }
            None if is_numpy(path, &file) => {
                let stored = npy_header::read(path, &file)?;
                array::check_size(path, &stored.array, file.len(), false)?;
                Some(stored)
            }
            None => None,
        };
        let source = match stored {
            Some(stored) => {
                Source::Array(Box::new(ArrayFile::new(path, Box::new(file), stored, &options.axes)?))
            }
            None => Source::Segy(Box::new(SegyFile::open(path, &options.segy)?)),
        };
        let (epsg, polarity) = (options.epsg, options.polarity);
        Ok(Self { name, path: path.to_owned(), source, epsg, polarity })
    }

    /// Its name: the file's, without folder and extension.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its file is, for people.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.source {
            Source::Segy(file) => match file.container() {
                Container::SegY => "SEG-Y",
                Container::Su => "SU",
            },
            Source::Array(_) => "array",
        }
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The SEG-Y or SU file behind it, where it is one: headers, formats, oddities.
    #[must_use]
    pub fn segy(&self) -> Option<&SegyFile> {
        match &self.source {
            Source::Segy(file) => Some(file),
            Source::Array(_) => None,
        }
    }

    /// The coordinate reference system given on opening.
    #[must_use]
    pub fn epsg(&self) -> Option<u32> {
        self.epsg.or_else(|| self.segy()?.epsg())
    }

    /// The polarity: as given on opening, else what a SEG-Y file's binary header says.
    #[must_use]
    pub fn polarity(&self) -> Option<Polarity> {
        self.polarity.or_else(|| self.segy()?.polarity())
    }

    /// The unit of X, Y and bin sizes, where a SEG-Y file says it: see [`SegyFile::map_unit`].
    #[must_use]
    pub fn map_unit(&self) -> Option<&'static str> {
        self.segy()?.map_unit()
    }

    /// How its traces are arranged.
    #[must_use]
    pub fn geometry(&self) -> &Geometry {
        match &self.source {
            Source::Segy(file) => file.geometry(),
            Source::Array(array) => array.geometry(),
        }
    }

    /// The samples of sections and slices: first position, interval, count.
    #[must_use]
    pub fn samples(&self) -> SampleAxis {
        match &self.source {
            Source::Segy(file) => file.samples(),
            Source::Array(array) => array.samples(),
        }
    }

    /// How many traces [`Survey::traces`] yields.
    #[must_use]
    pub fn trace_count(&self) -> u64 {
        match &self.source {
            Source::Segy(file) => file.trace_count(),
            Source::Array(array) => array.trace_count(),
        }
    }

    /// The numbers of the lines that can be read in a direction, or `None` where the survey has none.
    ///
    /// A 2-D line is its survey's only inline.
    #[must_use]
    pub fn lines(&self, direction: Direction) -> Option<LineAxis> {
        self.geometry().lines(direction)
    }

    /// Reads the section along the line called `line`: amplitudes `[samples, traces]`, zeros where there is no trace.
    ///
    /// # Errors
    /// There is no such line, the survey is pre-stack (see [`OpenOptions::prestack`](crate::segy::OpenOptions)), or
    /// reading fails.
    pub fn read_section(&self, direction: Direction, line: i32) -> Result<Section, SurveyError> {
        match &self.source {
            Source::Segy(file) => Ok(file.read_section(direction, line)?),
            Source::Array(array) => array.read_section(direction, line),
        }
    }

    /// Reads one sample of every trace of a volume, `[inlines, crosslines]`: the slice at index `sample`.
    ///
    /// # Errors
    /// The survey is no volume, is pre-stack or has no such sample, or reading fails.
    pub fn read_time_slice(&self, sample: usize) -> Result<TimeSlice, SurveyError> {
        match &self.source {
            Source::Segy(file) => Ok(file.read_time_slice(sample)?),
            Source::Array(array) => array.read_time_slice(sample),
        }
    }

    /// All traces in the order of the file, in blocks of some MiB; the samples of a block are `[traces, samples]`: the
    /// file's own, also where sections are longer (see [`SegyFile::samples`]).
    ///
    /// After an error, the next block may still be readable.
    pub fn traces(&self) -> Box<dyn Iterator<Item = Result<TraceBlock, SurveyError>> + '_> {
        match &self.source {
            Source::Segy(file) => Box::new(file.traces().map(|block| block.map_err(SurveyError::from))),
            Source::Array(array) => Box::new(array.traces()),
        }
    }
}

fn is_numpy(path: &Path, file: &dyn ReadAt) -> bool {
    let named = path.extension().and_then(OsStr::to_str).is_some_and(|e| e.eq_ignore_ascii_case("npy"));
    let mut first = [0; npy_header::MAGIC.len()];
    named || file.read_exact_at(&mut first, 0).is_ok_and(|()| &first == npy_header::MAGIC)
}
