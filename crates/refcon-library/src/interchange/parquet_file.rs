//! A library as one Parquet file.

use super::InterchangeError;
use super::table::TableRow;
use crate::EncodedTiles;
use crate::files::write_whole;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

/// Rows of a Parquet file that are kept together.
const ROWS_A_GROUP: usize = 8192;

const SCHEMA: &str = "message tiles {
    required int64 id (INTEGER(64, false));
    required binary survey (STRING);
    required binary file (STRING);
    optional binary class (STRING);
    required int32 width;
    required int32 height;
    optional binary direction (STRING);
    optional int32 line;
    optional int32 first_trace;
    optional int32 first_sample;
    optional int32 first_inline;
    optional int32 last_inline;
    optional int32 first_crossline;
    optional int32 last_crossline;
    optional double start;
    optional double end;
    optional binary domain (STRING);
    optional double first_x;
    optional double first_y;
    optional double last_x;
    optional double last_y;
    optional double black;
    optional double white;
    required group embedding (LIST) { repeated group list { required float element; } }
}";
const VALUES: &str = "embedding.list.element";

/// Writes all live tiles, a row each, in the order of their ids. The encoder stands in the file's metadata.
///
/// # Errors
/// A fragment is damaged, or the file cannot be written.
pub fn write_parquet(tiles: &EncodedTiles, path: &Path) -> Result<(), InterchangeError> {
    let entry = |key: &str, value: &str| KeyValue::new(key.into(), value.to_owned());
    let properties = WriterProperties::builder()
        .set_created_by(concat!("refcon ", env!("CARGO_PKG_VERSION")).into())
        .set_key_value_metadata(Some(vec![
            entry("refcon.encoder", tiles.encoder().name()),
            entry("refcon.encoder_hash", tiles.encoder().hash()),
        ]))
        // Hardly two components are equal.
        .set_column_dictionary_enabled(VALUES.into(), false)
        .build();
    let mut failed = None;
    let written = write_whole(path, |out| {
        let schema = Arc::new(parse_message_type(SCHEMA)?);
        let mut file = SerializedFileWriter::new(out, schema, Arc::new(properties))?;
        let live: Vec<usize> = tiles.live().iter().collect();
        for rows in live.chunks(ROWS_A_GROUP) {
            let records: Result<Vec<_>, _> = rows.iter().map(|&row| tiles.record(row)).collect();
            let records = match records {
                Ok(records) => records,
                Err(error) => {
                    failed = Some(error);
                    return Err(io::ErrorKind::InvalidData.into());
                }
            };
            let lines: Vec<TableRow> = records.iter().map(|tile| TableRow::new(0, tile)).collect();
            let mut vectors = vec![0.0; rows.len() * tiles.dimension()];
            for (&row, into) in rows.iter().zip(vectors.chunks_exact_mut(tiles.dimension())) {
                tiles.embedding_into(row, into);
            }
            let mut group = file.next_row_group()?;
            write_group(&mut group, &lines, &vectors, tiles.dimension())?;
            group.close()?;
        }
        file.close()?;
        Ok(())
    });
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(written?),
    }
}

/// One column after the other, in the order of the schema.
fn write_group<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    lines: &[TableRow],
    vectors: &[f32],
    dimension: usize,
) -> io::Result<()> {
    let text = |of: fn(&TableRow) -> Option<&str>| {
        Values::Text(lines.iter().map(|line| of(line).map(Into::into)).collect())
    };
    let number = |of: fn(&TableRow) -> Option<i32>| Values::Number(lines.iter().map(of).collect());
    let position = |of: fn(&TableRow) -> Option<f64>| Values::Position(lines.iter().map(of).collect());
    let columns = [
        // Parquet keeps the bits; the schema says that they are unsigned.
        Values::Id(lines.iter().map(|line| line.id.unwrap_or(0) as i64).collect()),
        text(|line| Some(&line.survey)),
        text(|line| Some(&line.file)),
        text(|line| line.class.as_deref()),
        number(|line| line.width.map(|width| width as i32)),
        number(|line| line.height.map(|height| height as i32)),
        text(|line| {
            line.direction.map(|direction| match direction {
                refcon_seismic::Direction::Inline => "inline",
                refcon_seismic::Direction::Crossline => "crossline",
            })
        }),
        number(|line| line.line),
        number(|line| line.first_trace.map(|trace| trace as i32)),
        number(|line| line.first_sample.map(|sample| sample as i32)),
        number(|line| line.first_inline),
        number(|line| line.last_inline),
        number(|line| line.first_crossline),
        number(|line| line.last_crossline),
        position(|line| line.start),
        position(|line| line.end),
        text(|line| {
            line.domain.map(|domain| match domain {
                refcon_seismic::Domain::Time => "time",
                refcon_seismic::Domain::Depth => "depth",
                refcon_seismic::Domain::DepthFeet => "depth_ft",
            })
        }),
        position(|line| line.first_x),
        position(|line| line.first_y),
        position(|line| line.last_x),
        position(|line| line.last_y),
        position(|line| line.black),
        position(|line| line.white),
    ];
    for values in columns {
        let mut column = group.next_column()?.ok_or_else(unfilled)?;
        values.write(column.untyped())?;
        column.close()?;
    }
    let mut column = group.next_column()?.ok_or_else(unfilled)?;
    let ColumnWriter::FloatColumnWriter(writer) = column.untyped() else { return Err(unfilled()) };
    // A list begins where the repetition level is 0.
    let repeated: Vec<i16> = (0..vectors.len()).map(|at| i16::from(at % dimension != 0)).collect();
    writer.write_batch(vectors, Some(&vec![1; vectors.len()]), Some(&repeated))?;
    column.close()?;
    Ok(())
}

fn unfilled() -> io::Error {
    io::Error::other("the schema and its columns disagree")
}

/// The values of a column; a required one has all of them.
enum Values {
    Id(Vec<i64>),
    Text(Vec<Option<ByteArray>>),
    Number(Vec<Option<i32>>),
    Position(Vec<Option<f64>>),
}

impl Values {
    fn write(self, column: &mut ColumnWriter<'_>) -> io::Result<()> {
        match (self, column) {
            (Self::Id(values), ColumnWriter::Int64ColumnWriter(writer)) => {
                writer.write_batch(&values, None, None)?;
            }
            (Self::Text(values), ColumnWriter::ByteArrayColumnWriter(writer)) => {
                let (present, defined) = present(values);
                writer.write_batch(&present, Some(&defined), None)?;
            }
            (Self::Number(values), ColumnWriter::Int32ColumnWriter(writer)) => {
                let (present, defined) = present(values);
                writer.write_batch(&present, Some(&defined), None)?;
            }
            (Self::Position(values), ColumnWriter::DoubleColumnWriter(writer)) => {
                let (present, defined) = present(values);
                writer.write_batch(&present, Some(&defined), None)?;
            }
            _ => return Err(unfilled()),
        }
        Ok(())
    }
}

/// The values that are there, and for each row whether it has one. Levels of a required column are not looked at.
fn present<T>(values: Vec<Option<T>>) -> (Vec<T>, Vec<i16>) {
    let defined = values.iter().map(|value| i16::from(value.is_some())).collect();
    (values.into_iter().flatten().collect(), defined)
}
