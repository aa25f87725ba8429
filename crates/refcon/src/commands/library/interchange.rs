//! `refcon library import` and `export`: other programs' files.

use super::{encoders_named, failure, opened};
use crate::commands::score::counted;
use crate::destination;
use crate::embedding::{EncoderArguments, family};
use crate::failure::Failure;
use crate::output::Output;
use clap::{Args, ValueEnum};
use refcon_encoders::{DeviceChoice, EncoderId, Family, Precision};
use refcon_library::interchange::{
    FlatIndex, InterchangeError, import_npy, write_faiss, write_npy, write_parquet, write_table,
};
use refcon_library::{Library, Snapshot, VectorFormat};
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct Import {
    /// The library's folder, made where it is not there
    #[arg(value_name = "LIBRARY")]
    library: PathBuf,

    /// The embeddings: NumPy, floats of 32 or 64 bits, [tiles, components]
    #[arg(long, value_name = "FILE.npy")]
    embeddings: PathBuf,

    /// What is known of each, a line a tile: CSV with a column `file`; `survey`, `class`, `direction`, `line` and others as `export`
    /// writes them
    #[arg(long, value_name = "FILE.csv")]
    table: PathBuf,

    /// What embedded them, if it is no encoder of refcon: a name that tells it from others
    #[arg(long, value_name = "NAME", conflicts_with_all = ["encoder", "family"], required_unless_present = "encoder")]
    made_by: Option<String>,

    /// What embedded them: `texture` or a checkpoint, so that `refcon search` can embed queries alike
    #[arg(long, value_name = "NAME|PATH")]
    encoder: Option<String>,

    /// Take the checkpoint as of this family
    #[arg(long, value_parser = family, requires = "encoder")]
    family: Option<Family>,

    /// Store embeddings as 16-bit floats (only for an encoder that is new in the library)
    #[arg(long)]
    half: bool,

    /// Wait where another process writes to the library
    #[arg(long)]
    wait: bool,
}

#[derive(Debug, Args)]
pub(super) struct Export {
    /// The library's folder
    #[arg(value_name = "LIBRARY")]
    library: PathBuf,

    /// The file to write: .parquet (all in one), .npy, or .faiss (a flat index); beside the last two NAME.csv says which row is which
    /// tile
    #[arg(long, short, value_name = "FILE.parquet|FILE.npy|FILE.faiss")]
    output: PathBuf,

    /// Tiles that this encoder embedded, by the beginning of its name or hash [default: the library's only one]
    #[arg(long, value_name = "NAME|HASH")]
    encoder: Option<String>,

    /// .faiss: what the index measures. Cosine and inner product give an `IndexFlatIP`, for the cosine of vectors scaled to length 1
    #[arg(long, value_enum, default_value_t = Measure::Cosine)]
    metric: Measure,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Measure {
    Cosine,
    InnerProduct,
    L2,
}

impl Import {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let encoder = match (&self.made_by, &self.encoder) {
            (Some(name), _) => EncoderId::new(name, &[b"imported", name.as_bytes()]),
            (None, encoder) => {
                let encoder = EncoderArguments {
                    encoder: encoder.clone(),
                    family: self.family,
                    device: DeviceChoice::default(),
                    precision: Precision::default(),
                };
                encoder.open()?.id().clone()
            }
        };
        let library = Library::open_or_create(&self.library).map_err(failure)?;
        let mut writer = opened(&library, self.wait, output)?;
        let vectors = if self.half { VectorFormat::F16 } else { VectorFormat::F32 };
        let imported = import_npy(&mut writer, &encoder, &self.embeddings, &self.table, vectors);
        let imported = imported.map_err(interchange_failure)?;
        let text = match imported.unchanged {
            true => format!("{}: unchanged", imported.name),
            false => format!(
                "{}: {} by {encoder}",
                imported.name,
                counted(imported.tiles as usize, "tile", "tiles")
            ),
        };
        output.result(&text, &imported)
    }
}

impl Export {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let library = Library::open(&self.library).map_err(failure)?;
        let snapshot = library.snapshot().map_err(failure)?;
        let encoder = match &self.encoder {
            None => snapshot.only_encoder().map_err(failure)?,
            Some(named) => encoder_named(&snapshot, named)?,
        };
        let tiles = snapshot.tiles(&encoder).map_err(failure)?;
        let extension = self.output.extension().and_then(|extension| extension.to_str());
        let table = match extension {
            Some("npy" | "faiss") => Some(destination::table_beside(&self.output)?),
            _ => None,
        };
        destination::check([Some(&self.output), table.as_ref()].into_iter().flatten(), [])?;
        let written = match extension {
            Some("parquet") => write_parquet(&tiles, &self.output),
            Some("npy") => write_npy(&tiles, &self.output),
            Some("faiss") => {
                let index = match self.metric {
                    Measure::Cosine => FlatIndex::Cosine,
                    Measure::InnerProduct => FlatIndex::InnerProduct,
                    Measure::L2 => FlatIndex::L2,
                };
                write_faiss(&tiles, index, &self.output)
            }
            _ => {
                return Err(Failure::usage(format!(
                    "{}: give a name that ends in .parquet, .npy or .faiss",
                    self.output.display()
                )));
            }
        };
        written.map_err(interchange_failure)?;
        if let Some(table) = &table {
            write_table(&tiles, table).map_err(interchange_failure)?;
        }
        for missing in snapshot.missing() {
            tracing::warn!("left out {} tiles: {}", missing.tiles, missing.problem);
        }
        let count = tiles.live().count();
        let mut text = format!("{}: {} by {encoder}", self.output.display(), counted(count, "tile", "tiles"));
        if let Some(table) = &table {
            text += &format!("\ntable: {}", table.display());
        }
        let result = json!({"output": self.output, "table": table, "tiles": count, "encoder": encoder});
        output.result(&text, &result)
    }
}

/// The encoder whose name or hash begins so.
fn encoder_named(snapshot: &Snapshot, named: &str) -> Result<EncoderId, Failure> {
    let meant = encoders_named(snapshot, named)?;
    match meant.as_slice() {
        [one] => Ok(one.clone()),
        several => {
            let several: Vec<String> = several.iter().map(ToString::to_string).collect();
            Err(Failure::input(format!("--encoder {named}: which of {}?", several.join(", "))))
        }
    }
}

fn interchange_failure(error: InterchangeError) -> Failure {
    match error {
        InterchangeError::Library(error) => failure(error),
        InterchangeError::Write(error) => Failure::output(error),
        error => Failure::input(error),
    }
}
