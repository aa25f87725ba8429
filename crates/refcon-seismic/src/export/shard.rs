//! Tar shards in WebDataset's layout: files of one key stand together, `KEY.png` and `KEY.json`.

use super::table::TileRow;
use super::{ExportError, MadeTile};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A shard that is being written, under a name of its own until it is whole.
#[derive(Debug)]
pub(super) struct Shard {
    name: String,
    path: PathBuf,
    partial: PathBuf,
    tar: Tar,
}

struct Tar(tar::Builder<BufWriter<File>>);

impl std::fmt::Debug for Tar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tar")
    }
}

/// The name of the `index`-th shard.
pub(super) fn name(index: usize) -> String {
    format!("shard-{index:06}.tar")
}

impl Shard {
    pub(super) fn create(folder: &Path, index: usize) -> Result<Self, ExportError> {
        let name = name(index);
        let path = folder.join(&name);
        let partial = folder.join(format!("{name}.partial"));
        let file = File::create(&partial).map_err(|source| ExportError::File {
            doing: "make",
            path: partial.clone(),
            source,
        })?;
        Ok(Self { name, path, partial, tar: Tar(tar::Builder::new(BufWriter::with_capacity(1 << 20, file))) })
    }

    /// Appends tiles and their rows.
    pub(super) fn append(
        mut self,
        tiles: Vec<MadeTile>,
        rows: &mut Vec<TileRow>,
    ) -> Result<Self, ExportError> {
        for MadeTile { mut row, png } in tiles {
            row.shard.clone_from(&self.name);
            let json = serde_json::to_vec(&row).map_err(io::Error::from);
            let written = json.and_then(|json| {
                append(&mut self.tar.0, &row.file, &png)?;
                append(&mut self.tar.0, &format!("{}.json", row.file.trim_end_matches(".png")), &json)
            });
            written.map_err(|source| self.failed(source))?;
            rows.push(row);
        }
        Ok(self)
    }

    /// Ends the shard and puts it in place.
    pub(super) fn close(mut self) -> Result<(), ExportError> {
        let finished = (|| {
            self.tar.0.finish()?;
            let file = self.tar.0.get_mut();
            file.flush()?;
            file.get_ref().sync_all()?;
            std::fs::rename(&self.partial, &self.path)
        })();
        finished.map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> ExportError {
        ExportError::File { doing: "write", path: self.path.clone(), source }
    }
}

/// Appends a file whose owner and times are nobody's, so that the same tiles make the same shard.
fn append(tar: &mut tar::Builder<BufWriter<File>>, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(0);
    tar.append_data(&mut header, name, bytes)
}
