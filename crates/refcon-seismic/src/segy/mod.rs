//! SEG-Y (revisions 0, 1, 2.0, 2.1) and SU: reading files as they are in the world, and writing them.
//!
//! [`SegyFile::open`] finds out what a file is, reads its trace headers once and arranges its traces; sections, time
//! slices and traces are then read from where they lie. Where a file breaks the rules or its headers disagree, the
//! file's [`oddities`](SegyFile::oddities) say what was found and what was decided. [`write_volume`] and [`SegyWriter`]
//! write.
//!
//! | of the specification | read | written |
//! |---|---|---|
//! | textual header in EBCDIC or ASCII | yes, told apart | yes |
//! | extended textual headers, counted or up to `((SEG: EndText))` | yes | no |
//! | sample formats | all but 4, see [`SampleFormat`] | the same |
//! | big- and little-endian | yes, told apart | yes |
//! | byte order of swapped pairs (revision 2) | refused with a message | no |
//! | trace header extensions (revision 2) | the first (`SEG00001`): coordinates, sample count and interval, see [`TraceHeaderExtension`]; others skipped | the first |
//! | delay recording times that differ | one axis for all traces, see [`SegyFile::samples`] | no |
//! | traces of different lengths | refused with a message | no |
//! | data trailer stanzas (revision 2) | skipped | no |
//! | pre-stack gathers | refused, or stacked on request | yes |

mod arrange;
mod binary_header;
mod byte_order;
mod delays;
mod detect;
mod error;
mod format_check;
mod ibm;
mod index;
mod layout;
mod oddity;
mod options;
mod positions;
mod reader;
mod runs;
mod sample_format;
mod scan;
mod sections;
mod shifted;
mod slices;
mod source;
mod text_file;
mod text_header;
mod trace_extension;
mod trace_header;
mod trace_length;
mod writer;

pub use arrange::Gathers;
pub use binary_header::{BINARY_HEADER_BYTES, BinaryHeader, MeasurementSystem, Revision};
pub use byte_order::ByteOrder;
pub use detect::{GeometryCandidate, NumberFields};
pub use error::SegyError;
pub use ibm::{ibm_from_f32, ibm_to_f32};
pub use oddity::{Oddity, OddityKind};
pub use options::{Container, OpenOptions, Prestack};
pub use positions::PositionSource;
pub use reader::SegyFile;
pub use sample_format::SampleFormat;
pub use sections::TraceBlock;
pub use source::{FileSource, ReadAt};
pub use text_header::{TEXT_HEADER_BYTES, TextEncoding, TextHeader};
pub use trace_extension::TraceHeaderExtension;
pub use trace_header::{FieldKind, HeaderField, TRACE_HEADER_BYTES, TraceHeader};
pub use writer::{SegyWriter, TraceLabel, WriteOptions, write_volume};
