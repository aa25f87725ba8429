//! Tiles that are predicted with are never trained on, whatever their folder's name.

use super::config::PipelineConfig;
use std::path::{Path, PathBuf};

/// Whether no tile of the folders that are predicted with is trained on; else says which is.
pub(super) fn never_trained_on(config: &PipelineConfig, tested: [&Path; 2]) -> Result<(), String> {
    let training = &config.training;
    let folders = [
        ("data.train", &training.training.data.train),
        ("iteration.unlabelled", &training.iteration.unlabelled),
    ];
    for (key, folder) in folders {
        let Some(folder) = folder else { continue };
        for tested in tested {
            let (inside, around) = (real(folder), real(tested));
            if inside.starts_with(&around) || around.starts_with(&inside) {
                return Err(format!(
                    "{key} is {} and predict has {}, one inside the other; what is predicted with is never trained on",
                    folder.display(),
                    tested.display()
                ));
            }
        }
    }
    let Some(table) = &training.training.data.added else { return Ok(()) };
    let tested = tested.map(real);
    let added = added(table).map_err(|error| format!("data.added, {}: {error}", table.display()))?;
    match added.into_iter().find(|tile| tested.iter().any(|tested| real(tile).starts_with(tested))) {
        Some(tile) => Err(format!(
            "data.added, {}, names {}, which predict has too; what is predicted with is never trained on",
            table.display(),
            tile.display()
        )),
        None => Ok(()),
    }
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.into())
}

/// The tiles of a table of added ones; whether it makes sense otherwise is for the training to say.
fn added(table: &Path) -> Result<Vec<PathBuf>, csv::Error> {
    let beside = table.parent().unwrap_or(Path::new(""));
    let mut reader = csv::Reader::from_path(table)?;
    let Some(column) = reader.headers()?.iter().position(|title| title.trim() == "path") else {
        return Ok(Vec::new());
    };
    reader.records().map(|record| Ok(beside.join(record?.get(column).unwrap_or_default()))).collect()
}
