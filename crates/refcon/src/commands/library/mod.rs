//! `refcon library`: what is in a library, whether it is whole, and its upkeep.

mod interchange;

use crate::commands::score::counted;
use crate::commands::search::FilterArguments;
use crate::failure::Failure;
use crate::output::Output;
use clap::{Args, Subcommand};
use refcon_encoders::EncoderId;
use refcon_library::retrieval::filter::{Filter, FilterError};
use refcon_library::store::{CheckReport, Compaction, EncoderSummary, Source, SourceKind};
use refcon_library::{Library, LibraryError, Snapshot, Wait, Writer};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Libraries of tiles: what is in them, whether they are whole, removing, merging
#[derive(Debug, Args)]
pub(crate) struct LibraryCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What a library holds
    Info(Info),
    /// Read everything and compare it with what was written
    Check(Check),
    /// Merge fragments and drop the rows of removed tiles
    Compact(Compact),
    /// Take tiles out of a library
    Remove(Remove),
    /// Add embeddings that another program made
    Import(interchange::Import),
    /// Write tiles and embeddings for other programs
    Export(interchange::Export),
}

#[derive(Debug, Args)]
struct Info {
    /// The library's folder
    #[arg(value_name = "LIBRARY")]
    library: PathBuf,
}

#[derive(Debug, Args)]
struct Check {
    /// The library's folder
    #[arg(value_name = "LIBRARY")]
    library: PathBuf,

    /// Take damaged files out of the library; `refcon index` adds their tiles again
    #[arg(long)]
    repair: bool,
}

#[derive(Debug, Args)]
struct Compact {
    /// The library's folder
    #[arg(value_name = "LIBRARY")]
    library: PathBuf,

    /// Wait where another process writes to the library
    #[arg(long)]
    wait: bool,
}

#[derive(Debug, Args)]
struct Remove {
    /// The library's folder
    #[arg(value_name = "LIBRARY")]
    library: PathBuf,

    /// Remove the tiles of this survey, or folder of images, by its name in the library; `refcon index` reads it anew
    #[arg(long, value_name = "NAME")]
    survey: Option<String>,

    #[command(flatten)]
    filters: FilterArguments,

    /// Only tiles that this encoder embedded, by the beginning of its name or hash
    #[arg(long, value_name = "NAME|HASH")]
    encoder: Option<String>,

    /// Wait where another process writes to the library
    #[arg(long)]
    wait: bool,
}

impl LibraryCommand {
    pub(crate) fn run(&self, output: &Output) -> Result<(), Failure> {
        match &self.command {
            Command::Info(info) => info.run(output),
            Command::Check(check) => check.run(output),
            Command::Compact(compact) => compact.run(output),
            Command::Remove(remove) => remove.run(output),
            Command::Import(import) => import.run(output),
            Command::Export(export) => export.run(output),
        }
    }
}

impl Info {
    fn run(&self, output: &Output) -> Result<(), Failure> {
        let snapshot =
            Library::open(&self.library).and_then(|library| library.snapshot()).map_err(failure)?;
        let summary = Summary::of(&snapshot)?;
        output.result(&summary.text(), &summary)
    }
}

/// What a library holds, for `--json`.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    library: PathBuf,
    commit: u64,
    bytes: u64,
    tiles: usize,
    encoders: Vec<EncoderSummary>,
    surveys: BTreeMap<String, usize>,
    classes: BTreeMap<String, usize>,
    sources: &'a [Source],
    missing: Vec<serde_json::Value>,
}

impl<'a> Summary<'a> {
    fn of(snapshot: &'a Snapshot) -> Result<Self, Failure> {
        let encoders = snapshot.encoders();
        let (mut surveys, mut classes) = (BTreeMap::new(), BTreeMap::new());
        for summary in &encoders {
            let Ok(tiles) = snapshot.tiles(&summary.encoder) else { continue };
            for block in tiles.blocks() {
                let columns = block.columns().map_err(failure)?;
                for row in (0..block.rows()).filter(|row| tiles.live().contains(block.first_row() + row)) {
                    for (words, counts) in [(&columns.survey, &mut surveys), (&columns.class, &mut classes)] {
                        if let Some(word) = words.get(row) {
                            match counts.get_mut(word) {
                                Some(count) => *count += 1,
                                None => drop(counts.insert(word.to_owned(), 1)),
                            }
                        }
                    }
                }
            }
        }
        let missing = snapshot
            .missing()
            .iter()
            .map(|missing| json!({"file": missing.path, "tiles": missing.tiles, "problem": missing.problem}));
        Ok(Self {
            library: snapshot.folder().to_owned(),
            commit: snapshot.commit(),
            bytes: snapshot.bytes(),
            tiles: encoders.iter().map(|encoder| encoder.tiles).sum(),
            surveys,
            classes,
            sources: snapshot.sources(),
            missing: missing.collect(),
            encoders,
        })
    }

    fn text(&self) -> String {
        let mut lines = vec![format!(
            "{}: {}, {:.1} MB",
            self.library.display(),
            counted(self.tiles, "tile", "tiles"),
            self.bytes as f64 / 1e6
        )];
        for EncoderSummary { encoder, dimension, vectors, tiles, removed, fragments } in &self.encoders {
            let removed = if *removed > 0 { format!(", {removed} removed") } else { String::new() };
            lines.push(format!(
                "  encoder {encoder}: {} of {dimension} components ({}) in {}{removed}",
                counted(*tiles, "tile", "tiles"),
                format!("{vectors:?}").to_lowercase(),
                counted(*fragments, "fragment", "fragments"),
            ));
        }
        for source in self.sources {
            let what = match source.kind {
                SourceKind::Survey => "survey",
                SourceKind::Images => "images",
                SourceKind::Embeddings => "embeddings",
            };
            let state = match source.complete {
                true => String::new(),
                false => format!(", {} of {} done", source.units_done, source.units),
            };
            let path = source.path.display();
            lines.push(format!("  {what} {} by {}{state}: {path}", source.name, source.encoder));
        }
        for (what, counts) in [("survey", &self.surveys), ("class", &self.classes)] {
            lines.extend(
                counts
                    .iter()
                    .map(|(word, count)| format!("  {what} {word}: {}", counted(*count, "tile", "tiles"))),
            );
        }
        for missing in &self.missing {
            lines.push(format!(
                "  not searched: {} tiles; {}",
                missing["tiles"],
                missing["problem"].as_str().unwrap_or_default()
            ));
        }
        lines.join("\n")
    }
}

impl Check {
    fn run(&self, output: &Output) -> Result<(), Failure> {
        let library = Library::open(&self.library).map_err(failure)?;
        let total = library.snapshot().map_err(failure)?.bytes();
        let bar = output.progress("checking", total as usize);
        let report = library.check(&|bytes| bar.inc(bytes));
        bar.finish_and_clear();
        let report = report.map_err(failure)?;
        let lost: usize = report.damaged.iter().map(|damage| damage.tiles).sum();
        let mut text = text_of(&report);
        if self.repair && !report.damaged.is_empty() {
            let files: Vec<String> = report.damaged.iter().map(|damage| damage.file.clone()).collect();
            let removed = opened(&library, false, output)?.remove_damaged(&files).map_err(failure)?;
            text += &format!(
                "\n{} taken out of the library; index their sources again",
                counted(removed, "tile", "tiles")
            );
        }
        output.result(&text, &report)?;
        match report.damaged.first() {
            Some(first) if !self.repair => Err(Failure::input(format!(
                "damaged: {} of {}, with {}; the first: {}",
                counted(report.damaged.len(), "file", "files"),
                self.library.display(),
                counted(lost, "tile", "tiles"),
                first.problem
            ))),
            _ => Ok(()),
        }
    }
}

fn text_of(report: &CheckReport) -> String {
    let mut lines = vec![format!(
        "{} in {} are whole ({:.1} MB read)",
        counted(report.tiles, "tile", "tiles"),
        counted(report.fragments, "fragment", "fragments"),
        report.bytes as f64 / 1e6
    )];
    lines.extend(report.damaged.iter().map(|damage| damage.problem.clone()));
    if !report.left_over.is_empty() {
        let files = counted(report.left_over.len(), "file", "files");
        lines.push(format!("{files} of an interrupted writer; the next one removes them"));
    }
    lines.join("\n")
}

impl Compact {
    fn run(&self, output: &Output) -> Result<(), Failure> {
        let library = Library::open(&self.library).map_err(failure)?;
        let compacted = opened(&library, self.wait, output)?.compact(Compaction::Full).map_err(failure)?;
        let text = format!(
            "{} instead of {}; {} gone",
            counted(compacted.fragments, "fragment", "fragments"),
            compacted.fragments_before,
            counted(compacted.removed, "removed tile", "removed tiles")
        );
        output.result(&text, &compacted)
    }
}

impl Remove {
    fn run(&self, output: &Output) -> Result<(), Failure> {
        let library = Library::open(&self.library).map_err(failure)?;
        let mut writer = opened(&library, self.wait, output)?;
        let snapshot = library.snapshot().map_err(failure)?;
        let meant = self.encoder.as_deref().map(|named| encoders_named(&snapshot, named)).transpose()?;
        let is_meant = |encoder: &EncoderId| meant.as_ref().is_none_or(|meant| meant.contains(encoder));
        let filter = self.filters.filter()?;
        if self.survey.is_none() && filter == Filter::default() {
            return Err(Failure::usage(
                "which tiles? Give --survey, or filters such as --in-class; `--help` lists them",
            ));
        }
        let (mut removed, mut problem) = (0, None);
        if let (Some(survey), true) = (&self.survey, filter == Filter::default()) {
            let meant = |source: &&Source| source.name == *survey && is_meant(&source.encoder);
            for source in snapshot.sources().iter().filter(meant) {
                removed += writer.remove_source(source.id).map_err(failure)?;
            }
        }
        for summary in snapshot.encoders() {
            if is_meant(&summary.encoder) {
                let tiles = snapshot.tiles(&summary.encoder).map_err(failure)?;
                let mut filter = filter.clone();
                filter.surveys.extend(self.survey.clone());
                match filter.rows(&tiles) {
                    Ok(rows) => removed += writer.remove(&tiles, &rows).map_err(failure)?,
                    Err(FilterError::Empty { .. } | FilterError::NoTiles) => {}
                    Err(FilterError::Library(error)) => return Err(failure(error)),
                    // Another encoder's tiles may have the survey or class.
                    Err(unknown) => problem = Some(unknown),
                }
            }
        }
        if let Some(problem) = problem.filter(|_| removed == 0) {
            return Err(Failure::usage(problem));
        }
        let mut text = format!(
            "{} removed; `refcon library compact` frees their room",
            counted(removed as usize, "tile", "tiles")
        );
        if removed > 0 && filter != Filter::default() {
            writer.forget_empty_sources().map_err(failure)?;
            text +=
                "\n`refcon index` does not bring them back, unless nothing is left of their survey or folder";
        }
        output.result(&text, &json!({"removed": removed}))
    }
}

/// The encoders of a library whose name or hash begins so, at least one.
fn encoders_named(snapshot: &Snapshot, named: &str) -> Result<Vec<EncoderId>, Failure> {
    let known: Vec<EncoderId> = snapshot.encoders().into_iter().map(|summary| summary.encoder).collect();
    let is_meant = |id: &&EncoderId| id.name().starts_with(named) || id.hash().starts_with(named);
    let meant: Vec<EncoderId> = known.iter().filter(is_meant).cloned().collect();
    if meant.is_empty() {
        let known: Vec<String> = known.iter().map(ToString::to_string).collect();
        let known = if known.is_empty() { "none".into() } else { known.join(", ") };
        return Err(Failure::input(format!(
            "--encoder {named}: no encoder of the library is called so; it has {known}"
        )));
    }
    Ok(meant)
}

/// A writer; where another process writes and the user wants to wait, says who it is.
pub(crate) fn opened(library: &Library, wait: bool, output: &Output) -> Result<Writer, Failure> {
    let mut tell = |holder: &str| output.step(&format!("waiting for {holder}"));
    library.writer(if wait { Wait::Yes(&mut tell) } else { Wait::No }).map_err(failure)
}

/// What kind of failure a library's error is, for the exit code.
pub(crate) fn failure(error: LibraryError) -> Failure {
    match error {
        LibraryError::File { doing: "write" | "make the folder" | "lock", .. }
        | LibraryError::Busy { .. }
        | LibraryError::Occupied { .. } => Failure::output(error),
        _ => Failure::input(error),
    }
}
