//! The labelled set as a ZIP archive, made while it is sent.

use crate::app::Shared;
use crate::error::ApiError;
use crate::library::Current;
use crate::picture::png;
use crate::tiles::{TileView, picture_of, view_of};
use axum::body::{Body, Bytes};
use refcon_image::ColourMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Parts of the archive that wait to be sent.
const PARTS: usize = 8;

/// What was written and not sent yet.
#[derive(Debug, Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The archive as the body of an answer. Where a tile's picture cannot be had, the table says so; where the connection ends, so does
/// the work.
pub(super) fn stream(app: Shared, current: Arc<Current>) -> Body {
    let (send, parts) = mpsc::channel(PARTS);
    tokio::spawn(async move {
        if let Err(error) = write(&app, &current, &send).await {
            // The receiver sees an archive cut short, which no program takes for a whole one.
            drop(send.send(Err(error)).await);
        }
    });
    Body::from_stream(ReceiverStream::new(parts))
}

type Parts = mpsc::Sender<io::Result<Bytes>>;

async fn write(app: &Shared, current: &Arc<Current>, parts: &Parts) -> io::Result<()> {
    let written = Written::default();
    let mut archive = ZipWriter::new_stream(written.clone());
    // Pictures are compressed already.
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut table = String::from(
        "file,class,tile,survey,direction,line,first_inline,last_inline,first_crossline,last_crossline,from,to,unit\n",
    );
    for (tile, class) in app.labels.all() {
        let Some((view, png)) = labelled(app, current, tile).await.map_err(io::Error::other)? else {
            continue;
        };
        let file = png.as_ref().map(|_| format!("train/{class}/{}-{tile:08}.png", view.survey));
        if let (Some(file), Some(png)) = (&file, png) {
            archive.start_file(file.as_str(), options)?;
            archive.write_all(&png)?;
        }
        table.push_str(&row(file.as_deref().unwrap_or(""), &class, &view));
        send(&written, parts).await?;
    }
    archive.start_file("labels.csv", options)?;
    archive.write_all(table.as_bytes())?;
    archive.finish()?;
    send(&written, parts).await
}

async fn send(written: &Written, parts: &Parts) -> io::Result<()> {
    let bytes = written.take();
    parts.send(Ok(bytes.into())).await.map_err(|_| io::ErrorKind::BrokenPipe.into())
}

/// A labelled tile and its picture, where there is one; `None` where the tile is no longer in the library.
async fn labelled(
    app: &Shared,
    current: &Arc<Current>,
    tile: u64,
) -> Result<Option<(TileView, Option<Vec<u8>>)>, ApiError> {
    let Ok(row) = current.row_of(tile) else { return Ok(None) };
    let (record, picture) = picture_of(app, current, row).await?;
    // As the encoder saw it, so that training sees the same.
    let png = png(&picture, record.place.as_ref(), None, ColourMap::Grey);
    Ok(Some((view_of(app, record), png)))
}

/// A line of the table.
fn row(file: &str, class: &str, tile: &TileView) -> String {
    let mut fields = vec![quoted(file), quoted(class), tile.id.to_string(), quoted(&tile.survey_name)];
    match &tile.place {
        None => fields.extend(std::iter::repeat_n(String::new(), 9)),
        Some(place) => {
            let direction = refcon_seismic::Direction::from(place.direction).to_string();
            let numbers = [
                place.line,
                place.first_inline,
                place.last_inline,
                place.first_crossline,
                place.last_crossline,
            ];
            fields.push(direction);
            fields.extend(numbers.map(|number| number.to_string()));
            fields.extend([place.from, place.to].map(|position| position.to_string()));
            fields.push(place.unit.clone());
        }
    }
    fields.join(",") + "\n"
}

/// A field of a table as RFC 4180 has it. What a spreadsheet would take for a formula is text.
fn quoted(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@']) { "'" } else { "" };
    if guard.is_empty() && !text.contains([',', '"', '\n', '\r']) {
        return text.to_owned();
    }
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}
