//! The labelled set as a ZIP archive, made while it is sent.

use super::{Labelled, labelled};
use crate::app::Shared;
use crate::library::Current;
use crate::tiles::TileView;
use axum::body::{Body, Bytes};
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
        let found = labelled(app, current, tile, &class).await.map_err(io::Error::other)?;
        let Some(Labelled { view, picture }) = found else { continue };
        let mut file = String::new();
        if let Some((name, png)) = picture {
            archive.start_file(name.as_str(), options)?;
            archive.write_all(&png)?;
            file = name;
        }
        table.push_str(&row(&file, &class, &view));
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
