//! A fragment as a file: written once, then mapped.

use super::error::LibraryError;
use super::manifest::{Checksum, FRAGMENTS, FileEntry};
use crate::files::{sync_folder, write_whole};
use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::{FileDecoder, read_footer_length};
use arrow_ipc::writer::FileWriter;
use arrow_ipc::{Block, convert::try_fb_to_schema, root_as_footer};
use arrow_schema::{Schema, SchemaRef};
use bytes::Bytes;
use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Footer length and the bytes `ARROW1`.
const TRAILER: usize = 10;

/// A fragment's file, open and its structure verified. The values of its rows are read when they are looked at.
#[derive(Debug)]
pub(super) struct FragmentFile {
    path: PathBuf,
    bytes: Buffer,
    schema: SchemaRef,
    version: arrow_ipc::MetadataVersion,
    dictionaries: Vec<Block>,
    batches: Vec<Block>,
}

/// Where the parts of an Arrow IPC file lie.
struct Layout {
    schema: SchemaRef,
    version: arrow_ipc::MetadataVersion,
    dictionaries: Vec<Block>,
    batches: Vec<Block>,
    footer: usize,
}

/// Writes a fragment of these batches and makes sure that it is on disk.
///
/// It is no part of the library until a manifest names it.
pub(super) fn write_fragment(
    folder: &Path,
    name: &str,
    schema: &Schema,
    batches: &mut dyn Iterator<Item = Result<RecordBatch, LibraryError>>,
) -> Result<FileEntry, LibraryError> {
    let fragments = folder.join(FRAGMENTS);
    let path = fragments.join(name);
    let (mut rows, mut failed, mut sum) = (0, None, (0, 0));
    let written = write_whole(&path, |out| {
        let summed = Summed { out, sum: 0, bytes: 0 };
        let mut writer = FileWriter::try_new(summed, schema).map_err(io_error)?;
        for batch in batches {
            match batch {
                Ok(batch) => {
                    rows += batch.num_rows();
                    writer.write(&batch).map_err(io_error)?;
                }
                Err(error) => {
                    failed = Some(error);
                    return Err(io::ErrorKind::InvalidData.into());
                }
            }
        }
        writer.finish().map_err(io_error)?;
        sum = (writer.get_ref().sum, writer.get_ref().bytes);
        Ok(())
    });
    match (failed, written) {
        (Some(error), _) => return Err(error),
        (None, written) => written?,
    }
    sync_folder(&fragments).map_err(LibraryError::file("write", &fragments))?;
    let bytes = content(&path).map_err(LibraryError::file("read", &path))?;
    let (_, structure) = layout(&bytes).map_err(|problem| LibraryError::damaged(&path, problem))?;
    let (checksum, length) = sum;
    Ok(FileEntry { name: name.to_owned(), rows, bytes: length, checksum: Checksum(checksum), structure })
}

/// What the system said, out of an error of Arrow's.
fn io_error(error: arrow_schema::ArrowError) -> io::Error {
    match error {
        arrow_schema::ArrowError::IoError(_, error) => error,
        other => io::Error::other(other),
    }
}

/// Counts and sums up what it passes on.
struct Summed<'a> {
    out: &'a mut (dyn Write + Send),
    sum: u32,
    bytes: u64,
}

impl Write for Summed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.sum = crc32c::crc32c_append(self.sum, &bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl FragmentFile {
    /// Opens the file of `entry`.
    ///
    /// # Errors
    /// It is not there, is not as long as it was, or its structure is not what was written.
    pub(super) fn open(folder: &Path, entry: &FileEntry) -> Result<Self, LibraryError> {
        let path = folder.join(FRAGMENTS).join(&entry.name);
        let file = File::open(&path).map_err(LibraryError::file("open", &path))?;
        let length = file.metadata().map_err(LibraryError::file("open", &path))?.len();
        if length != entry.bytes {
            let problem = format!("it has {length} bytes, expected {}", entry.bytes);
            return Err(LibraryError::damaged(&path, problem));
        }
        let bytes = content_of(&file).map_err(LibraryError::file("read", &path))?;
        let (layout, structure) = layout(&bytes).map_err(|problem| LibraryError::damaged(&path, problem))?;
        if structure != entry.structure {
            let problem =
                format!("the checksum of its structure is {structure}, expected {}", entry.structure);
            return Err(LibraryError::damaged(&path, problem));
        }
        let Layout { schema, version, dictionaries, batches, .. } = layout;
        Ok(Self { path, bytes, schema, version, dictionaries, batches })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(super) fn batch_count(&self) -> usize {
        self.batches.len()
    }

    /// The checksum of the whole file.
    pub(super) fn checksum(&self) -> Checksum {
        Checksum(crc32c::crc32c(&self.bytes))
    }

    /// Some columns of a batch, where they lie in the file.
    ///
    /// # Errors
    /// The values are none that such columns can have.
    pub(super) fn columns(&self, batch: usize, columns: Vec<usize>) -> Result<RecordBatch, LibraryError> {
        let damaged = |problem: &dyn ToString| LibraryError::damaged(&self.path, problem.to_string());
        let mut decoder = FileDecoder::new(Arc::clone(&self.schema), self.version).with_projection(columns);
        for block in &self.dictionaries {
            decoder.read_dictionary(block, &self.part(block)).map_err(|error| damaged(&error))?;
        }
        let block = &self.batches[batch];
        let decoded = decoder.read_record_batch(block, &self.part(block)).map_err(|error| damaged(&error))?;
        decoded.ok_or_else(|| damaged(&"a batch is empty"))
    }

    fn part(&self, block: &Block) -> Buffer {
        let Range { start, end } = range(block);
        self.bytes.slice_with_length(start, end - start)
    }
}

/// A file's bytes: mapped, or read where that cannot be.
fn content(path: &Path) -> io::Result<Buffer> {
    content_of(&File::open(path)?)
}

fn content_of(file: &File) -> io::Result<Buffer> {
    match refcon_kernels::map_file(file) {
        Ok(map) => Ok(Bytes::from_owner(map).into()),
        Err(_) => {
            let mut bytes = Vec::new();
            io::Read::read_to_end(&mut &*file, &mut bytes)?;
            Ok(Buffer::from_vec(bytes))
        }
    }
}

/// The bytes of a block; both ends were checked when its file's layout was read.
fn range(block: &Block) -> Range<usize> {
    let start = block.offset() as usize;
    start..start + block.metaDataLength() as usize + block.bodyLength() as usize
}

/// Where the parts of a file lie, and the checksum of everything but the values of the rows.
fn layout(bytes: &[u8]) -> Result<(Layout, Checksum), String> {
    let trailer = bytes.len().checked_sub(TRAILER).ok_or("it is too short for an Arrow file")?;
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let length: [u8; TRAILER] = bytes[trailer..].try_into().map_err(|error| text(&error))?;
    let length = read_footer_length(length).map_err(|error| text(&error))?;
    let footer_start = trailer.checked_sub(length).ok_or("its footer is longer than the file")?;
    let footer = root_as_footer(&bytes[footer_start..trailer]).map_err(|error| text(&error))?;
    let schema = footer.schema().ok_or("its footer holds no schema")?;
    let schema = try_fb_to_schema(schema).map_err(|error| text(&error))?;
    let layout = Layout {
        schema: Arc::new(schema),
        version: footer.version(),
        dictionaries: footer
            .dictionaries()
            .map(|blocks| blocks.iter().copied().collect())
            .unwrap_or_default(),
        batches: footer.recordBatches().map(|blocks| blocks.iter().copied().collect()).unwrap_or_default(),
        footer: footer_start,
    };
    let sum = structure(bytes, &layout)?;
    Ok((layout, sum))
}

/// The checksum of the schema at the beginning, of dictionaries, of the heads of batches, and of the footer.
fn structure(bytes: &[u8], layout: &Layout) -> Result<Checksum, String> {
    let blocks = || layout.dictionaries.iter().chain(&layout.batches);
    for block in blocks() {
        let parts = [block.offset(), i64::from(block.metaDataLength()), block.bodyLength()];
        let end = parts.iter().try_fold(0i64, |end, &part| end.checked_add(part).filter(|_| part >= 0));
        if end.is_none_or(|end| end as u64 > layout.footer as u64) || block.metaDataLength() < HEAD {
            return Err("a batch lies outside the file".into());
        }
    }
    let first = blocks().map(|block| range(block).start).min().unwrap_or(layout.footer);
    let mut sum = crc32c::crc32c(&bytes[..first]);
    for block in &layout.dictionaries {
        sum = crc32c::crc32c_append(sum, &bytes[range(block)]);
    }
    for block in &layout.batches {
        let start = range(block).start;
        sum = crc32c::crc32c_append(sum, &bytes[start..start + block.metaDataLength() as usize]);
    }
    Ok(Checksum(crc32c::crc32c_append(sum, &bytes[layout.footer..])))
}

/// Bytes before a message: a marker and its length.
const HEAD: i32 = 8;
