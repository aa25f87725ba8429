//! The loop: what is to be done next, and what follows from its having been done.

use super::assignment::{assign, claims, confirmed};
use super::sheets::write_sheets;
use super::state::{write_json, write_text};
use super::{Ending, Find, FindReport, Found, Iteration, RoundDone, Step};
use crate::error::TrainError;
use crate::fit::checkpoint::Exact;
use crate::metric_learning::plan;
use refcon_encoders::Embeddings;
use refcon_image::TileFile;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::PathBuf;

/// Neighbours that are held in memory at once: 16 bytes each.
const HELD_NEIGHBOURS: usize = 4_000_000;

impl Iteration {
    /// What is to be done next.
    ///
    /// # Errors
    /// When a file of the iteration cannot be read or written, or a veto is misspelt.
    pub fn next_step(&mut self) -> Result<Step, TrainError> {
        let round = self.state.rounds.len();
        if let Some(ending) = self.state.ending {
            return Ok(Step::Done(ending));
        }
        if round == 0 || self.table(round).exists() {
            return Ok(Step::Train(round));
        }
        if !self.report(round).exists() {
            let tiles = self.unlabelled(round)?;
            return match tiles.is_empty() {
                true => self.end(Ending::NothingFound),
                false => Ok(Step::Find(self.what_to_find(round, tiles))),
            };
        }
        let added = self.added(round)?;
        if added == self.added_before(round)? {
            return self.end(Ending::NothingFound);
        }
        if self.config.iteration.review && self.state.shown < round {
            return Ok(Step::Review(round));
        }
        self.write_table(round, &added)?;
        Ok(Step::Train(round))
    }

    /// Takes down that a round has been trained, with the best value of its validation.
    ///
    /// # Errors
    /// When something cannot be written.
    pub fn trained(&mut self, round: usize, validation: Option<f64>) -> Result<(), TrainError> {
        let added = if round == 0 { 0 } else { self.added_to_table(round)? };
        let done = RoundDone { added, validation: validation.map(Exact) };
        let better = self.state.add(done, plan(&self.config.training).smaller_is_better);
        self.state.ending = match better {
            false => Some(Ending::NoImprovement),
            true => (round as u64 >= self.config.iteration.rounds).then_some(Ending::Rounds),
        };
        if better {
            // Before the round is taken down: one that is not is opened again (its labelled tiles read, its page drawn), found
            // trained, and published again.
            self.publish(round)?;
        }
        self.write_state()
    }

    /// Takes down that a person has been shown what was found for a round.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn shown(&mut self, round: usize) -> Result<(), TrainError> {
        self.state.shown = round;
        self.write_state()
    }

    /// Gives unlabelled tiles labels, and writes down which, with pictures. `queries` and `tiles` are those asked for that could be read,
    /// with their embeddings.
    ///
    /// # Errors
    /// When embeddings do not belong together, a tile cannot be read, or something cannot be written.
    pub fn find(
        &self,
        round: usize,
        queries: (&[TileFile], &Embeddings),
        tiles: (&[TileFile], &Embeddings),
    ) -> Result<FindReport, TrainError> {
        let settings = &self.config.iteration;
        let names = |files: &[TileFile]| files.iter().map(|file| file.name.clone()).collect::<Vec<String>>();
        let (query_names, tile_names) = (names(queries.0), names(tiles.0));
        let query_names: Vec<&str> = query_names.iter().map(String::as_str).collect();
        let tile_names: Vec<&str> = tile_names.iter().map(String::as_str).collect();
        let classes: HashMap<&str, usize> =
            self.labelled.tiles.iter().map(|tile| (tile.file.name.as_str(), tile.class)).collect();
        let labels: Vec<usize> =
            query_names.iter().map(|name| classes.get(name).copied().unwrap_or_default()).collect();
        let band = (settings.duplicate_threshold as f32, settings.curated_threshold as f32);
        let mut claims = claims(queries.1, tiles.1, &tile_names, settings.neighbours, band, HELD_NEIGHBOURS)?;
        if settings.mutual {
            claims = confirmed(claims, queries.1, &query_names, &labels, tiles.1)?;
        }
        let won = assign(claims, &query_names);
        let found: Vec<Found> = won
            .iter()
            .map(|claim| Found {
                label: self.labelled.classes[labels[claim.query]].clone(),
                file: tile_names[claim.tile].into(),
                distance: claim.distance,
                query: query_names[claim.query].into(),
            })
            .collect();
        let files = won.iter().map(|claim| [&queries.0[claim.query], &tiles.0[claim.tile]]);
        let title = format!("Round {round}: tiles found");
        let picture = |number| self.picture(round, number);
        let pictures = write_sheets(&title, found.iter().zip(files).collect(), picture)?;
        let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
        let encoder = queries.1.encoder();
        let report = FindReport {
            round,
            encoder: [encoder.name().into(), encoder.hash().into()],
            queries: queries.0.len(),
            searched: tiles.0.len(),
            copies_left_out: self.pool.copies,
            near_held_out_left_out: self.pool.near_held_out,
            pictures: pictures.iter().filter_map(name).collect(),
            found,
        };
        write_json(&self.report(round), &report)?;
        Ok(report)
    }

    fn end(&mut self, ending: Ending) -> Result<Step, TrainError> {
        self.state.ending = Some(ending);
        self.write_state()?;
        Ok(Step::Done(ending))
    }

    fn what_to_find(&self, round: usize, tiles: Vec<TileFile>) -> Find {
        let training = self.labelled.curated_training().iter();
        Find {
            round,
            encoder: self.best_encoder(),
            queries: training.map(|&tile| self.labelled.tiles[tile].file.clone()).collect(),
            tiles,
        }
    }

    /// Tiles of the pool that have no label yet and may be given one.
    fn unlabelled(&self, round: usize) -> Result<Vec<TileFile>, TrainError> {
        let vetoed = self.vetoed()?;
        let mut known: BTreeSet<String> = BTreeSet::new();
        for before in 1..round {
            known.extend(self.found(before)?.into_iter().flat_map(|report| report.found).map(|f| f.file));
        }
        let free = |tile: &&TileFile| !vetoed.contains(&tile.name) && !known.contains(&tile.name);
        Ok(self.pool.tiles.iter().filter(free).cloned().collect())
    }

    /// Labels of all tiles found up to a round and not vetoed.
    fn added(&self, round: usize) -> Result<BTreeMap<String, String>, TrainError> {
        let vetoed = self.vetoed()?;
        let mut added = BTreeMap::new();
        for round in 1..=round {
            let found = self.found(round)?.into_iter().flat_map(|report| report.found);
            added.extend(found.filter(|f| !vetoed.contains(&f.file)).map(|found| (found.file, found.label)));
        }
        Ok(added)
    }

    /// Labels of the tiles that the round before was trained on beside the labelled ones.
    fn added_before(&self, round: usize) -> Result<BTreeMap<String, String>, TrainError> {
        if round <= 1 {
            return Ok(BTreeMap::new());
        }
        self.table_rows(round - 1)
    }

    fn added_to_table(&self, round: usize) -> Result<usize, TrainError> {
        Ok(self.table_rows(round)?.len())
    }

    fn table_rows(&self, round: usize) -> Result<BTreeMap<String, String>, TrainError> {
        let path = self.table(round);
        let damaged = |error: csv::Error| super::damaged(&path, &error);
        let mut reader = csv::Reader::from_path(&path).map_err(damaged)?;
        reader.deserialize::<Row>().map(|row| row.map(|row| (row.file, row.label)).map_err(damaged)).collect()
    }

    fn write_table(&self, round: usize, added: &BTreeMap<String, String>) -> Result<(), TrainError> {
        let row = |(file, label): (&String, &String)| {
            let tile = self.pool.tile(file).ok_or_else(|| {
                let problem = format!("{file} is none of the unlabelled tiles");
                super::damaged(&self.report(round), &problem)
            })?;
            Ok(Row { path: tile.path.clone(), label: label.clone(), file: file.clone() })
        };
        let rows: Vec<Row> = added.iter().map(row).collect::<Result<_, TrainError>>()?;
        let path = self.table(round);
        let table = table_of(&rows).map_err(|source| TrainError::Write { path: path.clone(), source })?;
        write_text(&path, &table)
    }
}

fn table_of(rows: &[Row]) -> io::Result<String> {
    let mut table = csv::Writer::from_writer(Vec::new());
    for row in rows {
        let told = |error| io::Error::other(format!("{}: {error}", row.path.display()));
        table.serialize(row).map_err(told)?;
    }
    let bytes = table.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// A row of the table that a round is trained on.
#[derive(serde::Serialize, serde::Deserialize)]
struct Row {
    path: PathBuf,
    label: String,
    file: String,
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    #[test]
    fn a_path_that_no_table_can_hold_is_an_error_and_no_row_less() {
        let row = |path: PathBuf| Row { path, label: "salt".into(), file: "a.png".into() };
        let plain = table_of(&[row("/tiles/a.png".into())]).unwrap();
        assert_eq!(plain, "path,label,file\n/tiles/a.png,salt,a.png\n");
        let odd = PathBuf::from(std::ffi::OsString::from_vec(b"/\xff/a.png".to_vec()));
        assert!(table_of(&[row("/tiles/a.png".into()), row(odd)]).unwrap_err().to_string().contains("a.png"));
    }
}
