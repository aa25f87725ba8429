//! Surveys: one face over the files they come in.
//!
//! | source | recognised by | samples | read |
//! |---|---|---|---|
//! | SEG-Y, SU | anything else | see [`segy`](crate::segy) | [`SegyFile`] |
//! | NumPy volume `[inline, crossline, sample]` | `.npy` or its first bytes | `f4`, `f8`, `i1`–`i8`, `u1`–`u8`, both byte orders, C order | where it lies |
//! | NumPy section `[sample, trace]` | the same | the same, C and Fortran order | where it lies |
//! | raw volume or section | [`SurveyOptions::raw`] | any [`SampleFormat`](crate::segy::SampleFormat), both byte orders | where it lies |
//! | image: a section, rows are samples | `.png`, `.tif`, `.tiff`, `.jpg`, `.jpeg` or its first bytes | 8 and 16 bits, grey or colour; 32-bit float TIFF | decoded |
//! | folder of images: a volume, images are inlines | a folder with such files | the same, images of one size | an image at a time |
//! | Zarr v3 array, by dimension names, else as NumPy's | a folder with `zarr.json` | `float32`, `float64`, `int8`–`int64`, `uint8`–`uint64`; Blosc, Zstandard, gzip, checksums, transposed, sharded | the chunks needed |
//! | MDIO v1 data set, Zarr v3 group | the same | the same | the chunks needed |
//! | Zarr v2, MDIO before version 1 | `.zarray`, `.zgroup` | refused with a message | |
//!
//! Nothing is converted or loaded whole: a section reads its own samples (and short gaps between them) only.
//!
//! # Images
//!
//! A grey value `v` becomes the amplitude `(2 v − most) / most`, `most` being 255 or 65 535: black is −1, white 1, and 0
//! lies between the two middle greys. Colours become grey first (0.299 red + 0.587 green + 0.114 blue, ITU-R BT.601); floats
//! stay as they are. Images of a folder are ordered by name, numbers in it by value; where the last number of every name
//! exists and they are evenly spaced, they number the inlines, else [`ArrayAxes`] does, as it does with everything else.
//! Opening reads the header of every image. An inline then decodes one image, a crossline or a time slice every image of the
//! folder, one for each thread at a time.
//!
//! # Zarr and MDIO
//!
//! An MDIO data set says its line numbers, sample positions (in ms or m; other units are converted), the coordinates of its
//! bins, and which bins have a trace: sections hold zeros in the others, and [`Survey::traces`] leaves them out. Lines may
//! be numbered downwards but must be evenly spaced. [`Survey::zarr`] has units and attributes. Missing chunks hold the fill
//! value. All traces are read inline by inline, as many inlines at a time as a chunk is thick or fit into 256 MiB: beyond that
//! chunks are decoded several times.
//!
//! # Object stores
//!
//! [`Survey::open_in`] opens any of these in a store of the crate [`object_store`]. SEG-Y, SU, NumPy and raw files ask for
//! ranges of bytes, Zarr for chunks, images for whole files. Reads are cut as for a disk: of a SEG-Y file with
//! traces longer than some KiB, opening takes a request for each trace header, and a crossline one for each of its traces.

mod array;
mod error;
mod first_bytes;
mod frame;
mod images;
mod npy_header;
mod object_source;
mod options;
mod panel;
mod place;
mod source;
mod zarr;

pub use error::SurveyError;
pub use object_source::ObjectSource;
pub use options::{ArrayAxes, ArrayShape, RawArray, SurveyOptions};
pub(crate) use panel::Panel;
pub use zarr::ZarrMetadata;

use crate::segy::{ReadAt, SegyFile, TraceBlock};
use crate::{Direction, Geometry, LineAxis, Polarity, SampleAxis, Section, TileBox, TimeSlice};
use array::{ArrayFile, StoredArray};
use images::ImageStack;
use object_store::ObjectStore;
use place::Place;
use source::SurveySource;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A survey, open for reading. Several threads can read at a time.
#[derive(Debug)]
pub struct Survey {
    name: String,
    path: PathBuf,
    source: Box<dyn SurveySource>,
    epsg: Option<u32>,
    polarity: Option<Polarity>,
}

impl Survey {
    /// Opens the file or folder at `path`, which may be a `file://` address, read-only; the [table](self) says what it is
    /// taken for.
    ///
    /// # Errors
    /// [`SurveyError`] where it cannot be read, its samples are of a kind that is not read, or what `options` say does not
    /// fit it.
    pub fn open(path: &Path, options: &SurveyOptions) -> Result<Self, SurveyError> {
        Self::at(&Place::of(path)?, options)
    }

    /// As [`Survey::open`], of the object or folder at `path` in an object store. No index of trace headers is read or
    /// saved there.
    ///
    /// # Errors
    /// As [`Survey::open`].
    pub fn open_in(
        store: Arc<dyn ObjectStore>,
        path: &str,
        options: &SurveyOptions,
    ) -> Result<Self, SurveyError> {
        let parsed = object_source::parsed(path);
        let path = parsed.map_err(|source| SurveyError::Open { path: PathBuf::from(path), source })?;
        Self::at(&Place::Stored { store, path }, options)
    }

    fn at(place: &Place, options: &SurveyOptions) -> Result<Self, SurveyError> {
        let path = place.shown();
        let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let source = match place.open() {
            Ok(file) => open_file(place, file, options)?,
            // A raw array is a file, whatever a folder may hold.
            Err(error) if options.raw.is_none() && place.may_be_folder(&error) => {
                open_folder(place, options, error)?
            }
            Err(source) => return Err(SurveyError::Open { path, source }),
        };
        Ok(Self { name, path, source, epsg: options.epsg, polarity: options.polarity })
    }

    /// Its name: the file's, without folder and extension.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is read from, for people.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.source.kind()
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The SEG-Y or SU file behind it, where it is one: headers, formats, oddities.
    #[must_use]
    pub fn segy(&self) -> Option<&SegyFile> {
        self.source.segy()
    }

    /// What the metadata of the Zarr store or MDIO data set behind it say, where it is one: units and attributes.
    #[must_use]
    pub fn zarr(&self) -> Option<&ZarrMetadata> {
        self.source.zarr()
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

    /// The unit of X, Y and bin sizes, where a SEG-Y file (see [`SegyFile::map_unit`]) or an MDIO data set says it.
    #[must_use]
    pub fn map_unit(&self) -> Option<&str> {
        match self.segy() {
            Some(segy) => segy.map_unit(),
            None => self.zarr()?.coordinate_unit.as_deref(),
        }
    }

    /// How its traces are arranged.
    #[must_use]
    pub fn geometry(&self) -> &Geometry {
        self.source.geometry()
    }

    /// Which bins of a volume have a trace, inline by inline (of a 2-D line, which numbers along it); `None` where all have one.
    /// Sections and slices hold zeros in the others.
    #[must_use]
    pub fn live_bins(&self) -> Option<Vec<bool>> {
        self.source.live_bins()
    }

    /// The samples of sections and slices: first position, interval, count.
    #[must_use]
    pub fn samples(&self) -> SampleAxis {
        self.source.samples()
    }

    /// How many traces [`Survey::traces`] yields.
    #[must_use]
    pub fn trace_count(&self) -> u64 {
        self.source.trace_count()
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
        self.source.read_section(direction, line)
    }

    /// Reads a rectangle of the section along the line called `line`: amplitudes `[bounds.samples, bounds.traces]`, as
    /// [`Section::cut`] gives them. Of a SEG-Y file or an array only the traces of the rectangle are read.
    ///
    /// # Errors
    /// [`SurveyError::Outside`] where the rectangle does not lie inside the section; else as [`Survey::read_section`].
    pub fn read_tile(
        &self,
        direction: Direction,
        line: i32,
        bounds: TileBox,
    ) -> Result<Vec<f32>, SurveyError> {
        let traces = self.geometry().traces(direction).map_or(0, |traces| traces.count);
        if !bounds.is_inside(self.samples().count, traces) {
            let (path, samples) = (self.path.clone(), self.samples().count);
            return Err(SurveyError::Outside { path, bounds, samples, traces });
        }
        self.source.read_tile(direction, line, bounds)
    }

    /// Reads a whole section into `panel` where that is cheap, which it says; see [`SurveySource::read_panel`].
    pub(crate) fn read_panel(
        &self,
        direction: Direction,
        line: i32,
        panel: &mut Panel,
    ) -> Result<bool, SurveyError> {
        self.source.read_panel(direction, line, panel)
    }

    /// Reads one sample of every trace of a volume, `[inlines, crosslines]`: the slice at index `sample`.
    ///
    /// # Errors
    /// The survey is no volume, is pre-stack or has no such sample, or reading fails.
    pub fn read_time_slice(&self, sample: usize) -> Result<TimeSlice, SurveyError> {
        self.source.read_time_slice(sample)
    }

    /// All traces in the order of the file (of a Zarr store: inline by inline), in blocks of some MiB (of images: an image
    /// a block); the samples of a block are `[traces, samples]`: the file's own, also where sections are longer (see
    /// [`SegyFile::samples`]).
    ///
    /// After an error, the next block may still be readable.
    pub fn traces(&self) -> Box<dyn Iterator<Item = Result<TraceBlock, SurveyError>> + '_> {
        self.source.traces()
    }
}

fn open_file(
    place: &Place,
    file: Box<dyn ReadAt>,
    options: &SurveyOptions,
) -> Result<Box<dyn SurveySource>, SurveyError> {
    let path = place.shown();
    let stored = match &options.raw {
        Some(raw) => {
            array::check_size(&path, raw, file.len(), true)?;
            StoredArray { array: *raw, trace_by_trace: matches!(raw.shape, ArrayShape::Volume(_)) }
        }
        None if is_numpy(&path, file.as_ref()) => {
            let stored = npy_header::read(&path, file.as_ref())?;
            array::check_size(&path, &stored.array, file.len(), false)?;
            stored
        }
        None if is_image(&path, file.as_ref()) => {
            return Ok(Box::new(ImageStack::section(place.clone(), file.as_ref(), &options.axes)?));
        }
        None => {
            return Ok(Box::new(match place {
                Place::Local(path) => SegyFile::open(path, &options.segy)?,
                Place::Stored { .. } => {
                    SegyFile::from_source(path.display().to_string(), file, &options.segy)?
                }
            }));
        }
    };
    Ok(Box::new(ArrayFile::new(&path, file, stored, &options.axes)?))
}

/// Opens what lies in a folder; `no_file` is what was said when it was opened as a file.
fn open_folder(
    place: &Place,
    options: &SurveyOptions,
    no_file: io::Error,
) -> Result<Box<dyn SurveySource>, SurveyError> {
    // First, because it needs no list of the folder, which not every store gives.
    if let Some(survey) = zarr::open(place, &options.axes)? {
        return Ok(Box::new(survey));
    }
    let path = place.shown();
    let failed = |source| SurveyError::Open { path: path.clone(), source };
    let children = place.children().map_err(failed)?;
    if children.is_empty() && no_file.kind() == io::ErrorKind::NotFound {
        return Err(failed(no_file));
    }
    match ImageStack::volume(place, children.files, &options.axes)? {
        Some(images) => Ok(Box::new(images)),
        None => Err(SurveyError::Folder { path }),
    }
}

fn is_numpy(path: &Path, file: &dyn ReadAt) -> bool {
    let named = path.extension().and_then(OsStr::to_str).is_some_and(|e| e.eq_ignore_ascii_case("npy"));
    let mut first = [0; npy_header::MAGIC.len()];
    named || file.read_exact_at(&mut first, 0).is_ok_and(|()| &first == npy_header::MAGIC)
}

fn is_image(path: &Path, file: &dyn ReadAt) -> bool {
    path.file_name().and_then(OsStr::to_str).is_some_and(images::is_named_image)
        || images::looks_like_an_image(file)
}
