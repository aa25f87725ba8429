//! A checkpoint in several safetensors files: `model.safetensors.index.json` says which tensor lies in which.

use super::safetensors::SafetensorsFile;
use super::{CheckpointError, read_text};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

/// The part of the index that is read.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// Opens every shard that the index names.
///
/// # Errors
/// When the index cannot be read or names a file outside its folder, a shard is missing or damaged, or does not hold a tensor
/// that the index places in it.
pub(crate) fn open(index_path: &Path) -> Result<Vec<SafetensorsFile>, CheckpointError> {
    let problem = |problem: String| CheckpointError::Shards { path: index_path.into(), problem };
    let index: Index = serde_json::from_str(&read_text(index_path)?)
        .map_err(|error| problem(format!("no index of shards: {error}")))?;
    let names: BTreeSet<&str> = index.weight_map.values().map(String::as_str).collect();
    let folder = index_path.parent().unwrap_or(Path::new(""));
    let mut shards = Vec::new();
    for &name in &names {
        let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        if !inside {
            return Err(problem(format!("shard {name:?} lies outside the index's folder")));
        }
        let mut placed =
            index.weight_map.iter().filter(|(_, shard)| *shard == name).map(|(tensor, _)| tensor);
        let path = folder.join(name);
        if !path.is_file() {
            let tensor = placed.next().map_or("", String::as_str);
            return Err(problem(format!(
                "shard {name} is missing (one of {}); it holds {tensor} and {} more",
                names.len(),
                placed.count()
            )));
        }
        let shard = SafetensorsFile::open(&path)?;
        let held = shard.tensors();
        if let Some(tensor) = placed.find(|tensor| !held.contains_key(*tensor)) {
            return Err(problem(format!(
                "tensor {tensor} should be in shard {name}, which holds {} others",
                held.len()
            )));
        }
        shards.push(shard);
    }
    Ok(shards)
}
