//! `refcon embed`: embeddings of images, for other programs.

use crate::commands::score;
use crate::destination;
use crate::embedding::{EmbeddingStream, EncoderArguments, tiles_of};
use crate::failure::Failure;
use crate::output::Output;
use clap::Args;
use npyz::WriterBuilder;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use refcon_encoders::Encoder;
use refcon_library::files::{self, WriteError};
use serde::Serialize;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Rows of a Parquet file that are kept together.
const ROWS_A_GROUP: usize = 8192;

/// Embed images, for use in other programs
///
/// Reads every image below the folder and writes one vector an image, in the order of their names.
#[derive(Debug, Args)]
pub(crate) struct Embed {
    /// Folder of images (PNG, TIFF, JPEG)
    #[arg(value_name = "IMAGES")]
    images: PathBuf,

    #[command(flatten)]
    encoder: EncoderArguments,

    /// The file to write. .parquet: a row an image, with the columns `file` and `embedding` (a list of 32-bit floats); .npy:
    /// 32-bit floats `[images, components]`, with the files of the rows beside it as NAME.csv
    #[arg(long, short, value_name = "FILE.parquet|FILE.npy")]
    output: PathBuf,

    /// Stop at the first image that cannot be read, instead of skipping it
    #[arg(long)]
    strict: bool,
}

/// What was done, for `--json`.
#[derive(Debug, Serialize)]
struct Embedded {
    encoder: String,
    encoder_hash: String,
    /// What the encoder computed in.
    tier: &'static str,
    images: usize,
    components: usize,
    skipped: Vec<String>,
    embeddings: PathBuf,
    names: Option<PathBuf>,
    seconds: f64,
}

impl Embed {
    pub(crate) fn run(&self, output: &Output) -> Result<(), Failure> {
        let names = match self.output.extension().and_then(|extension| extension.to_str()) {
            Some("parquet") => None,
            Some("npy") => Some(destination::table_beside(&self.output)?),
            _ => {
                return Err(Failure::usage(format!(
                    "{}: embeddings are written as Parquet or NumPy files; give a name that ends in .parquet or .npy",
                    self.output.display()
                )));
            }
        };
        destination::check([Some(&self.output), names.as_ref()].into_iter().flatten(), [])?;
        let encoder = self.encoder.open()?;
        let files = tiles_of(&self.images)?;
        let started = Instant::now();
        let stream = EmbeddingStream {
            files: &files,
            folder: &self.images,
            encoder: &*encoder,
            strict: self.strict,
            what: "embedding",
        };
        let (images, skipped) = match &names {
            None => self.write_parquet(stream, output)?,
            Some(names) => self.write_npy(names, stream, output)?,
        };
        let result = Embedded {
            encoder: encoder.id().name().into(),
            encoder_hash: encoder.id().hash().into(),
            tier: encoder.tier(),
            images,
            components: encoder.dimension(),
            skipped,
            embeddings: self.output.clone(),
            names,
            seconds: started.elapsed().as_secs_f64(),
        };
        output.result(&result.text(), &result)
    }

    fn write_parquet(
        &self,
        stream: EmbeddingStream<'_>,
        output: &Output,
    ) -> Result<(usize, Vec<String>), Failure> {
        let encoder = stream.encoder;
        whole(&self.output, |out| {
            let cannot = |error: parquet::errors::ParquetError| self.cannot_write(error);
            let mut file = ParquetFile::begin(out, encoder).map_err(cannot)?;
            let skipped = stream.run(output, |tiles, values| {
                file.add(tiles.iter().map(|tile| tile.name.as_str()), values).map_err(cannot)
            })?;
            Ok((file.finish().map_err(cannot)?, skipped))
        })
    }

    /// The header of a NumPy file says how many rows there are, which is known at the end: until then the numbers wait in a file
    /// without a name.
    fn write_npy(
        &self,
        names: &Path,
        stream: EmbeddingStream<'_>,
        output: &Output,
    ) -> Result<(usize, Vec<String>), Failure> {
        let components = stream.encoder.dimension();
        let folder = self.output.parent().filter(|folder| !folder.as_os_str().is_empty());
        let cannot = |error: io::Error| self.cannot_write(error);
        let values = tempfile::tempfile_in(folder.unwrap_or(Path::new("."))).map_err(cannot)?;
        let mut values = BufWriter::new(values);
        let (images, skipped) = whole(names, |out| {
            let unnamed = |error: csv::Error| {
                Failure::output(WriteError { path: names.into(), source: io::Error::other(error) })
            };
            let mut table = csv::Writer::from_writer(out);
            table.write_record(["row", "file"]).map_err(unnamed)?;
            let mut row = 0;
            let skipped = stream.run(output, |tiles, embedded| {
                for tile in tiles {
                    table.write_record([&row.to_string(), &tile.name]).map_err(unnamed)?;
                    row += 1;
                }
                embedded.iter().try_for_each(|value| values.write_all(&value.to_le_bytes())).map_err(cannot)
            })?;
            table.flush().map_err(|error| unnamed(error.into()))?;
            Ok((row, skipped))
        })?;
        let mut values = values.into_inner().map_err(|error| cannot(error.into_error()))?;
        values.rewind().map_err(cannot)?;
        let written = files::write_whole(&self.output, |out| {
            let shape = [images as u64, components as u64];
            let header = npyz::WriteOptions::<f32>::new().default_dtype().shape(&shape);
            let mut writer = header.writer(out).begin_nd()?;
            let mut row = vec![0; components * size_of::<f32>()];
            let mut values = BufReader::new(&mut values);
            for _ in 0..images {
                values.read_exact(&mut row)?;
                let (numbers, _) = row.as_chunks();
                writer.extend(numbers.iter().map(|&bytes| f32::from_le_bytes(bytes)))?;
            }
            writer.finish()
        });
        written.map_err(Failure::output)?;
        Ok((images, skipped))
    }

    fn cannot_write(&self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
        Failure::output(WriteError { path: self.output.clone(), source: io::Error::other(error) })
    }
}

/// Writes a file whole or not at all, where more can go wrong than writing.
fn whole<T>(
    path: &Path,
    content: impl FnOnce(&mut (dyn Write + Send)) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut done = None;
    let written = files::write_whole(path, |out| {
        let result = content(out);
        let failed = result.is_err();
        done = Some(result);
        if failed { Err(io::Error::other("there is nothing to write")) } else { Ok(()) }
    });
    match (done, written) {
        (Some(Ok(_)) | None, Err(error)) => Err(Failure::output(error)),
        (Some(result), _) => result,
        (None, Ok(())) => unreachable!("a file without its content"),
    }
}

impl Embedded {
    fn text(&self) -> String {
        let mut lines = vec![
            format!(
                "{} embedded by {} ({}) in {:.2} s ({} skipped)",
                score::counted(self.images, "image", "images"),
                self.encoder,
                self.tier,
                self.seconds,
                self.skipped.len()
            ),
            format!("embeddings: {}", self.embeddings.display()),
        ];
        lines.extend(self.names.iter().map(|names| format!("names:      {}", names.display())));
        lines.join("\n")
    }
}

/// One row an image; the encoder stands in the file's metadata.
struct ParquetFile<'a> {
    file: SerializedFileWriter<&'a mut (dyn Write + Send)>,
    components: usize,
    /// Of the group that is not written yet.
    names: Vec<ByteArray>,
    values: Vec<f32>,
    rows: usize,
}

impl<'a> ParquetFile<'a> {
    fn begin(out: &'a mut (dyn Write + Send), encoder: &dyn Encoder) -> parquet::errors::Result<Self> {
        const SCHEMA: &str = "message embeddings {
            required binary file (STRING);
            required group embedding (LIST) { repeated group list { required float element; } }
        }";
        const VALUES: &str = "embedding.list.element";
        let entry = |key: &str, value: &str| KeyValue::new(key.into(), value.to_owned());
        let properties = WriterProperties::builder()
            .set_created_by(concat!("refcon ", env!("CARGO_PKG_VERSION")).into())
            .set_key_value_metadata(Some(vec![
                entry("refcon.encoder", encoder.id().name()),
                entry("refcon.encoder_hash", encoder.id().hash()),
                entry("refcon.tier", encoder.tier()),
            ]))
            // Hardly two components are equal.
            .set_column_dictionary_enabled(VALUES.into(), false)
            .build();
        let schema = Arc::new(parse_message_type(SCHEMA)?);
        let file = SerializedFileWriter::new(out, schema, Arc::new(properties))?;
        Ok(Self { file, components: encoder.dimension(), names: Vec::new(), values: Vec::new(), rows: 0 })
    }

    fn add<'n>(
        &mut self,
        names: impl Iterator<Item = &'n str>,
        values: Vec<f32>,
    ) -> parquet::errors::Result<()> {
        self.names.extend(names.map(ByteArray::from));
        self.values.extend(values);
        if self.names.len() >= ROWS_A_GROUP { self.write_group() } else { Ok(()) }
    }

    fn write_group(&mut self) -> parquet::errors::Result<()> {
        let (names, values) = (std::mem::take(&mut self.names), std::mem::take(&mut self.values));
        self.rows += names.len();
        // A list begins where the repetition level is 0.
        let repeated: Vec<i16> = (0..values.len()).map(|at| i16::from(at % self.components != 0)).collect();
        let defined = vec![1; values.len()];
        let mut group = self.file.next_row_group()?;
        while let Some(mut column) = group.next_column()? {
            match column.untyped() {
                ColumnWriter::ByteArrayColumnWriter(writer) => writer.write_batch(&names, None, None)?,
                ColumnWriter::FloatColumnWriter(writer) => {
                    writer.write_batch(&values, Some(&defined), Some(&repeated))?
                }
                _ => unreachable!("the schema has a column that nothing fills"),
            };
            column.close()?;
        }
        group.close()?;
        Ok(())
    }

    /// Writes what is left; gives the number of rows.
    fn finish(mut self) -> parquet::errors::Result<usize> {
        if !self.names.is_empty() {
            self.write_group()?;
        }
        self.file.close()?;
        Ok(self.rows)
    }
}
