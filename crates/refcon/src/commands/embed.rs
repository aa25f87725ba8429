//! `refcon embed`: embeddings of images, for other programs.

use crate::embedding::{EmbeddedFolder, EncoderArguments, embed_folder};
use crate::failure::Failure;
use crate::output::Output;
use clap::Args;
use npyz::WriterBuilder;
use refcon_library::files;
use serde::Serialize;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

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

    /// The file to write: .npy, 32-bit floats `[images, components]`, with the names of the rows beside it as NAME.csv
    #[arg(long, short, value_name = "FILE.npy")]
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
    names: PathBuf,
    seconds: f64,
}

impl Embed {
    pub(crate) fn run(&self, output: &Output) -> Result<(), Failure> {
        if self.output.extension().is_none_or(|extension| extension != "npy") {
            return Err(Failure::usage(format!(
                "{}: embeddings are written as NumPy files; give a name that ends in .npy",
                self.output.display()
            )));
        }
        let names = self.output.with_extension("csv");
        files::check_writable(&self.output).map_err(Failure::output)?;
        files::check_writable(&names).map_err(Failure::output)?;
        let encoder = self.encoder.open()?;
        let started = Instant::now();
        let embedded = embed_folder(&self.images, &*encoder, self.strict, "embedding", output)?;
        let seconds = started.elapsed().as_secs_f64();

        write_names(&names, &embedded)?;
        files::write_whole(&self.output, |out| write_npy(out, &embedded)).map_err(Failure::output)?;
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
        let text = format!(
            "{} images embedded by {} ({}) in {:.2} s ({} skipped)\nembeddings: {}\nnames:      {}",
            result.images,
            result.encoder,
            result.tier,
            result.seconds,
            result.skipped.len(),
            result.embeddings.display(),
            result.names.display()
        );
        output.result(&text, &result)
    }
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
