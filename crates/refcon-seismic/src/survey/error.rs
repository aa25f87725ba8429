//! What can go wrong with a survey.

use crate::segy::SegyError;
use crate::{Direction, TileBox};
use std::io;
use std::path::PathBuf;

/// An error of opening or reading a survey. Its message says what was being done, to which file, what was found, what
/// was expected, and what to try.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SurveyError {
    /// A SEG-Y or SU file cannot be read.
    #[error(transparent)]
    Segy(#[from] SegyError),
    /// The file could not be opened.
    #[error("cannot open {path}: {source}", path = .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Reading failed.
    #[error("cannot read {bytes} bytes at byte offset {offset} of {path}: {source}", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Where, counted from 0.
        offset: u64,
        /// How many bytes.
        bytes: usize,
        /// What the system said.
        source: io::Error,
    },
    /// The header of a `.npy` file cannot be understood.
    #[error("cannot read {path} as a NumPy array: {source}; expected a file that `numpy.save` wrote", path = .path.display())]
    NotNumpy {
        /// The file.
        path: PathBuf,
        /// What is wrong with the header.
        source: io::Error,
    },
    /// The array holds something else than plain numbers.
    #[error(
        "{path} holds values of type {found}, expected floats of 4 or 8 bytes or integers of 1, 2, 4 or 8 bytes: \
         convert it with `.astype(numpy.float32)`", path = .path.display()
    )]
    Type {
        /// The file.
        path: PathBuf,
        /// NumPy's description of the type.
        found: String,
    },
    /// A volume is stored with its first axis fastest.
    #[error(
        "{path} is a volume of shape {shape:?} in Fortran order, expected C order, so that traces lie together: convert \
         it with `numpy.ascontiguousarray`", path = .path.display()
    )]
    FortranOrder {
        /// The file.
        path: PathBuf,
        /// The shape its header gives.
        shape: Vec<u64>,
    },
    /// The array has the wrong number of axes, or an empty one.
    #[error(
        "{path} has shape {found:?}, expected a volume [inline, crossline, sample] or a section [sample, trace], no axis \
         empty", path = .path.display()
    )]
    Shape {
        /// The file.
        path: PathBuf,
        /// The shape that its header or the caller gives.
        found: Vec<u64>,
    },
    /// The array does not fit its file.
    #[error(
        "{path}: shape {shape:?} with {sample_bytes} bytes a sample from byte offset {offset} on needs {expected} bytes, \
         the file has {found}: {hint}", path = .path.display()
    )]
    Size {
        /// The file.
        path: PathBuf,
        /// The shape.
        shape: Vec<u64>,
        /// Bytes of a sample.
        sample_bytes: usize,
        /// Where the samples start.
        offset: u64,
        /// Bytes the file must have.
        expected: u128,
        /// Bytes it has.
        found: u64,
        /// What to try.
        hint: &'static str,
    },
    /// The axes given for an array make no sense.
    #[error("cannot number the lines and samples of {path}: {problem}", path = .path.display())]
    Axes {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
    },
    /// The survey has no such line.
    #[error("{path} has no {direction} {line}; its {direction}s are {first} to {last} by {step}", path = .path.display())]
    NoSuchLine {
        /// The file.
        path: PathBuf,
        /// The direction asked for.
        direction: Direction,
        /// The line asked for.
        line: i32,
        /// The first line there is.
        first: i32,
        /// The last line there is.
        last: i32,
        /// From one line to the next.
        step: i32,
    },
    /// A trace has no such sample.
    #[error("{path} has no sample {sample}; its samples are 0 to {last}", path = .path.display())]
    NoSuchSample {
        /// The file.
        path: PathBuf,
        /// The index asked for.
        sample: usize,
        /// The last index there is.
        last: usize,
    },
    /// A rectangle does not lie inside its section.
    #[error(
        "cannot cut samples {}+{} of traces {}+{} from {path}: its sections have {samples} samples and {traces} traces",
        .bounds.first_sample, .bounds.samples, .bounds.first_trace, .bounds.traces, path = .path.display()
    )]
    Outside {
        /// The file.
        path: PathBuf,
        /// The rectangle.
        bounds: TileBox,
        /// Samples of a section.
        samples: usize,
        /// Its traces.
        traces: usize,
    },
    /// A section was asked for what only a volume has.
    #[error("{path} is a 2-D section, which has no {what}; it can be read as inline {line}", path = .path.display())]
    NotAVolume {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        what: &'static str,
        /// The number of its only line.
        line: i32,
    },
    /// What was asked for does not fit into memory.
    #[error("cannot read {samples} samples of {path} at once: they do not fit into memory", path = .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Samples asked for.
        samples: u128,
    },
    /// A file is no image that can be read.
    #[error("cannot read {path} as an image: {problem}", path = .path.display())]
    Image {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
    },
    /// Images of a folder have different sizes.
    #[error(
        "cannot make a volume of images of different sizes: {first} has {} × {} pixels, {other} {} × {}; put images of one \
         size in the folder", .first_size[0], .first_size[1], .other_size[0], .other_size[1],
        first = .first.display(), other = .other.display()
    )]
    ImageSizes {
        /// The first image.
        first: PathBuf,
        /// Its width and height.
        first_size: [usize; 2],
        /// The first image of another size.
        other: PathBuf,
        /// Its width and height.
        other_size: [usize; 2],
    },
    /// A folder holds no survey.
    #[error(
        "{path} is a folder with neither images (PNG, TIFF, JPEG) nor a Zarr version 3 store or MDIO version 1 data set \
         (zarr.json) in it; give the path of a file or of such a folder", path = .path.display()
    )]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// A Zarr store or MDIO data set cannot be read.
    #[error("cannot read {path} as a Zarr store: {problem}", path = .path.display())]
    Zarr {
        /// The array or group.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
    },
    /// The dimensions of a Zarr array are not those of a survey.
    #[error(
        "{path} has the dimensions {found:?}, expected inline, crossline and time or depth of a volume, or cdp (or trace) \
         and time or depth of a section: pre-stack data must be stacked first, other names changed", path = .path.display()
    )]
    Dimensions {
        /// The array.
        path: PathBuf,
        /// The names of its dimensions.
        found: Vec<String>,
    },
    /// An address was given that cannot be opened by itself.
    #[error(
        "cannot open {path}: addresses starting with {scheme}:// are not supported, only paths and file:// addresses of this \
         machine; copy it here first (a program can open it from any store of the crate object_store)", path = .path.display()
    )]
    Scheme {
        /// The address.
        path: PathBuf,
        /// What it starts with.
        scheme: String,
    },
}
