//! `refcon embed`: embeddings of images, for other programs.

use crate::commands::score;
use crate::embedding::{EmbeddedFolder, EncoderArguments, embed_folder};
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
use refcon_library::files;
use serde::Serialize;
use std::io::{self, Write};
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
            Some("npy") => Some(self.output.with_extension("csv")),
            _ => {
                return Err(Failure::usage(format!(
                    "{}: embeddings are written as Parquet or NumPy files; give a name that ends in .parquet or .npy",
                    self.output.display()
                )));
            }
        };
        for path in [Some(&self.output), names.as_ref()].into_iter().flatten() {
            files::check_writable(path).map_err(Failure::output)?;
        }
        let encoder = self.encoder.open()?;
        let started = Instant::now();
        let embedded = embed_folder(&self.images, &*encoder, self.strict, "embedding", output)?;
        let seconds = started.elapsed().as_secs_f64();

        let written = match &names {
            None => files::write_whole(&self.output, |out| write_parquet(out, &embedded, encoder.tier())),
            Some(names) => {
                write_names(names, &embedded)?;
                files::write_whole(&self.output, |out| write_npy(out, &embedded))
            }
        };
        written.map_err(Failure::output)?;
        let result = Embedded {
            encoder: encoder.id().name().into(),
            encoder_hash: encoder.id().hash().into(),
            tier: encoder.tier(),
            images: embedded.tiles.len(),
            components: encoder.dimension(),
            skipped: embedded.skipped,
            embeddings: self.output.clone(),
            names,
            seconds,
        };
        output.result(&result.text(), &result)
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
fn write_parquet(out: &mut (dyn Write + Send), embedded: &EmbeddedFolder, tier: &str) -> io::Result<()> {
    const SCHEMA: &str = "message embeddings {
        required binary file (STRING);
        required group embedding (LIST) { repeated group list { required float element; } }
    }";
    const VALUES: &str = "embedding.list.element";
    let (embeddings, components) = (&embedded.embeddings, embedded.embeddings.dimension());
    let encoder = embeddings.encoder();
    let entry = |key: &str, value: &str| KeyValue::new(key.into(), value.to_owned());
    let properties = WriterProperties::builder()
        .set_created_by(concat!("refcon ", env!("CARGO_PKG_VERSION")).into())
        .set_key_value_metadata(Some(vec![
            entry("refcon.encoder", encoder.name()),
            entry("refcon.encoder_hash", encoder.hash()),
            entry("refcon.tier", tier),
        ]))
        // Hardly two components are equal.
        .set_column_dictionary_enabled(VALUES.into(), false)
        .build();
    let mut file =
        SerializedFileWriter::new(out, Arc::new(parse_message_type(SCHEMA)?), Arc::new(properties))?;
    let rows: Vec<&[f32]> = embeddings.rows().collect();
    for (names, rows) in embedded.names().chunks(ROWS_A_GROUP).zip(rows.chunks(ROWS_A_GROUP)) {
        let names: Vec<ByteArray> = names.iter().map(|name| ByteArray::from(*name)).collect();
        let values: Vec<f32> = rows.concat();
        // A list begins where the repetition level is 0.
        let repeated: Vec<i16> = (0..values.len()).map(|at| i16::from(at % components != 0)).collect();
        let defined = vec![1; values.len()];
        let mut group = file.next_row_group()?;
        while let Some(mut column) = group.next_column()? {
            match column.untyped() {
                ColumnWriter::ByteArrayColumnWriter(writer) => writer.write_batch(&names, None, None)?,
                ColumnWriter::FloatColumnWriter(writer) => {
                    writer.write_batch(&values, Some(&defined), Some(&repeated))?
                }
                _ => return Err(io::Error::other("the schema has a column that nothing fills")),
            };
            column.close()?;
        }
        group.close()?;
    }
    file.close()?;
    Ok(())
}

fn write_npy(out: &mut dyn Write, embedded: &EmbeddedFolder) -> io::Result<()> {
    let (rows, components) = (embedded.embeddings.len(), embedded.embeddings.dimension());
    let shape = [rows as u64, components as u64];
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(out).begin_nd()?;
    for row in embedded.embeddings.rows() {
        writer.extend(row.iter().copied())?;
    }
    writer.finish()
}

/// Which row is which image.
fn write_names(path: &Path, embedded: &EmbeddedFolder) -> Result<(), Failure> {
    let written = files::write_whole(path, |out| {
        let mut table = csv::Writer::from_writer(out);
        table.write_record(["row", "file"])?;
        for (row, name) in embedded.names().iter().enumerate() {
            table.write_record([&row.to_string(), *name])?;
        }
        table.flush()
    });
    written.map_err(Failure::output)
}
