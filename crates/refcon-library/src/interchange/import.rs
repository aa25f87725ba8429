//! Embeddings that another program made.

use super::InterchangeError;
use super::table::TableRow;
use crate::indexing;
use crate::store::{NewSource, Progress, SourceKind, Writer};
use crate::{NewTile, VectorFormat};
use npyz::{DType, NpyFile, Order, TypeChar};
use refcon_encoders::{Embeddings, EncoderId};
use serde::Serialize;
use serde_json::json;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// Tiles that are committed together, and so held in memory.
const TILES_AT_A_TIME: usize = 16_384;

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportSummary {
    /// What the source is called in the library.
    pub name: String,
    /// Tiles added.
    pub tiles: u64,
    /// Tiles removed, since the files had been imported before and have changed.
    pub removed: u64,
    /// Whether the same files are in the library already.
    pub unchanged: bool,
}

/// Adds the vectors of a NumPy file, `[tiles, components]`, with the lines of a CSV table ([`TableRow`]), as embeddings of `encoder`.
///
/// Files that were imported before are skipped where they have not changed, else what they gave is replaced.
///
/// # Errors
/// A file cannot be read, is of another form, they are not equally long, or the library cannot be written.
pub fn import_npy(
    writer: &mut Writer,
    encoder: &EncoderId,
    embeddings: &Path,
    table: &Path,
    vectors: VectorFormat,
) -> Result<ImportSummary, InterchangeError> {
    let print = |path: &Path| indexing::fingerprint_of(path).map_err(|error| unreadable(path, &error));
    let fingerprint = format!("{}-{}", print(embeddings)?, print(table)?);
    let whole = embeddings.canonicalize().unwrap_or_else(|_| embeddings.to_owned());
    // A manifest is text.
    let path = PathBuf::from(whole.to_string_lossy().into_owned());
    let name = embeddings
        .file_stem()
        .map_or_else(|| "embeddings".into(), |name| name.to_string_lossy().into_owned());
    let known = writer.sources().iter().find(|known| known.path == path && known.encoder == *encoder);
    if known.is_some_and(|known| known.complete && known.fingerprint == fingerprint) {
        return Ok(ImportSummary { name, tiles: 0, removed: 0, unchanged: true });
    }
    let known = known.map(|known| known.id);

    let open = |path: &Path| File::open(path).map(BufReader::new).map_err(|error| unreadable(path, &error));
    let array = NpyFile::new(open(embeddings)?).map_err(|error| unreadable(embeddings, &error))?;
    let (&[rows, dimension], Order::C) = (array.shape(), array.order()) else {
        let problem = format!("its shape is {:?}, expected [tiles, components] in C order", array.shape());
        return Err(unreadable(embeddings, &problem));
    };
    let dimension = usize::try_from(dimension).unwrap_or(usize::MAX);
    check_table(table, rows)?;
    let mut lines = csv::Reader::from_reader(open(table)?).into_deserialize::<TableRow>();
    let mut values = floats(array).map_err(|problem| unreadable(embeddings, &problem))?;

    writer.add_encoder(encoder, dimension, vectors)?;
    let new = NewSource {
        kind: SourceKind::Embeddings,
        name: name.clone(),
        path,
        encoder: encoder.clone(),
        fingerprint,
        made_with: json!({"table": table.to_string_lossy()}),
        survey: None,
        units: usize::try_from(rows).unwrap_or(usize::MAX),
    };
    let (source, removed) = writer.begin_source(new, known)?;
    let read = Rows { source, name: &name, rows, dimension, embeddings, table };
    if let Err(error) = read.append(writer, encoder, &mut values, &mut lines) {
        // What cannot be imported whole is not imported at all.
        writer.remove_source(source)?;
        return Err(error);
    }
    Ok(ImportSummary { name, tiles: rows, removed, unchanged: false })
}

/// What is imported.
struct Rows<'a> {
    source: u32,
    name: &'a str,
    rows: u64,
    dimension: usize,
    embeddings: &'a Path,
    table: &'a Path,
}

impl Rows<'_> {
    fn append(
        &self,
        writer: &mut Writer,
        encoder: &EncoderId,
        values: &mut Floats,
        lines: &mut dyn Iterator<Item = Result<TableRow, csv::Error>>,
    ) -> Result<(), InterchangeError> {
        let progress = |done: u64| {
            let units_done = usize::try_from(done).unwrap_or(usize::MAX);
            Progress { source: self.source, units_done, skipped: 0 }
        };
        let mut done = 0;
        while done < self.rows {
            let count = (self.rows - done).min(TILES_AT_A_TIME as u64) as usize;
            let some: Result<Vec<f32>, _> =
                values.by_ref().take(count.saturating_mul(self.dimension)).collect();
            let some = some.map_err(|error| unreadable(self.embeddings, &error))?;
            let embedded = Embeddings::new(encoder.clone(), self.dimension, some)
                .map_err(|error| unreadable(self.embeddings, &error))?;
            let tiles: Result<Vec<TableRow>, _> = (&mut *lines).take(count).collect();
            let tiles: Vec<TableRow> = tiles.map_err(|error| unreadable(self.table, &error))?;
            if tiles.len() != count {
                return Err(unreadable(self.table, &"it was changed while it was read"));
            }
            let tiles = tiles.iter().map(|line| NewTile::from(line.tile(self.name))).collect();
            done += count as u64;
            writer.append_units(tiles, &embedded, progress(done))?;
        }
        Ok(writer.finish_source(progress(done))?)
    }
}

/// Whether every line of a table can be read, and there are as many as embeddings: nothing is replaced by half an import.
fn check_table(table: &Path, rows: u64) -> Result<(), InterchangeError> {
    let lines = csv::Reader::from_path(table).map_err(|error| unreadable(table, &error))?;
    let mut found = 0;
    for line in lines.into_deserialize::<TableRow>() {
        line.map_err(|error| unreadable(table, &error))?;
        found += 1;
    }
    if found != rows {
        let problem = format!("it has {found} lines for {rows} embeddings, expected one each");
        return Err(unreadable(table, &problem));
    }
    Ok(())
}

fn unreadable(path: &Path, problem: &dyn ToString) -> InterchangeError {
    InterchangeError::Read { path: path.to_owned(), problem: problem.to_string() }
}

type Floats = Box<dyn Iterator<Item = std::io::Result<f32>>>;

/// The values of an array of floats, as 32-bit floats.
fn floats(array: NpyFile<BufReader<File>>) -> Result<Floats, String> {
    let DType::Plain(kind) = array.dtype() else { return Err("it holds records, expected floats".into()) };
    let found = kind.to_string();
    let unread = |error: npyz::DTypeError| error.to_string();
    match (kind.type_char(), kind.num_bytes()) {
        (TypeChar::Float, Some(4)) => Ok(Box::new(array.data::<f32>().map_err(unread)?)),
        (TypeChar::Float, Some(8)) => {
            let values = array.data::<f64>().map_err(unread)?;
            Ok(Box::new(values.map(|value| value.map(|value| value as f32))))
        }
        _ => Err(format!("its values are {found}, expected floats of 32 or 64 bits")),
    }
}
