//! `refcon demo`: the main job on a survey that the program makes itself.

use crate::commands::predict::{Confidence, MatchCount, Metric, Predict};
use crate::commands::score::{ScoreTable, counted};
use crate::commands::synth::{SurveyArguments, write_segy};
use crate::embedding::EncoderArguments;
use crate::failure::Failure;
use crate::labelled_tiles::CutTile;
use crate::output::Output;
use crate::section_picture::{Look, Scale};
use clap::Args;
use rayon::prelude::*;
use refcon_evaluation::Gold;
use refcon_image::figure::{Canvas, class_gallery};
use refcon_image::{ClassTiles, ColourMap};
use refcon_library::{Submission, files};
use refcon_seismic::synthetic::{SeismicClass, Split, SyntheticSurvey, TileRequest};
use refcon_seismic::{Direction, absolute_percentile};
use serde_json::json;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

/// Percent of amplitudes that are shown without clipping.
const CLIP_PERCENT: f64 = 99.0;

/// Tiles of each class in the picture of the classes, and matches of each query in the report.
const TILES_IN_GALLERY: usize = 6;
const MATCHES_IN_REPORT: usize = 5;

/// Says that a folder is a demo's, and may be replaced by the next one.
const MARKER: &str = "MADE-BY-REFCON-DEMO.txt";
const MARKER_TEXT: &str = "refcon demo made this folder and replaces what is in it when it runs again.\n";

/// Try everything on a synthetic survey: make it, cut tiles, find look-alikes, score them, write a report
///
/// Needs nothing but this program. Writes a folder with the survey (SEG-Y), a picture of it, query and corpus tiles, their
/// true classes, the results (every query's ranking of the whole corpus) and the report.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Folder to write; an earlier demo in it is replaced
    #[arg(long, short, value_name = "DIR", default_value = "refcon-demo")]
    output: PathBuf,

    #[command(flatten)]
    encoder: EncoderArguments,

    #[command(flatten)]
    survey: SurveyArguments,
}

impl Demo {
    pub(crate) fn run(&self, output: &Output) -> Result<(), Failure> {
        let folder = &self.output;
        let request = TileRequest { seed: self.survey.seed, ..TileRequest::default() };
        let too_small = |error: &dyn Display| {
            Failure::usage(format!("{error}; give the demo more --inlines, --crosslines or --samples"))
        };
        request.check(&self.survey.spec()?).map_err(|error| too_small(&error))?;
        prepare(folder)?;
        output.step("making a synthetic survey");
        let survey = self.survey.generate()?;
        write_segy(&survey, &folder.join("survey.sgy"))?;
        let clip = absolute_percentile(&survey.volume.amplitudes, CLIP_PERCENT);
        let picture = section_picture(&survey, clip)?;
        picture.write_png(&folder.join("section.png")).map_err(Failure::output)?;

        output.step("cutting tiles");
        let selection = survey.labelled_tiles(&request).map_err(|error| too_small(&error))?;
        for missing in &selection.shortfalls {
            let (class, split) = (missing.class.name(), missing.split);
            tracing::info!("{class}: {} of {} {split:?} tiles", missing.found, missing.asked);
        }
        let tiles = CutTile::all(&survey, &selection.tiles, clip)?;
        tiles.par_iter().try_for_each(|cut| cut.write(&folder.join(part(cut.tile.split))))?;
        write_gold(&tiles, &folder.join("gold.csv"))?;
        gallery(&tiles).write_png(&folder.join("classes.png")).map_err(Failure::output)?;

        output.step("finding look-alikes");
        let predict = Predict {
            query: folder.join("query"),
            corpus: folder.join("corpus"),
            k: MatchCount::All,
            output: folder.join("results.json"),
            report: Some(folder.join("report.html")),
            report_matches: MATCHES_IN_REPORT,
            table: None,
            encoder: self.encoder.clone(),
            metric: Metric::Cosine,
            confidence: Confidence::Challenge,
            calibration: None,
            gold: Some(folder.join("gold.csv")),
            strict: true,
        };
        let prediction = predict.predict(output)?;

        let gold = Gold::read(&folder.join("gold.csv")).map_err(Failure::input)?;
        let results = Submission::read(&predict.output).map_err(Failure::input)?;
        let scores = ScoreTable::new(&results, &gold).map_err(Failure::input)?;
        let text = format!(
            "{}\n{} compared with {} of a synthetic survey. In {}:\n  \
             survey.sgy    the survey, SEG-Y\n  section.png   a section of it\n  classes.png   tiles of each class\n  \
             query, corpus the tiles, and gold.csv their classes\n  results.json  each query's ranking of the corpus\n\n\
             report: {}\n",
            scores.text(),
            counted(prediction.queries, "query tile", "query tiles"),
            counted(prediction.corpus, "corpus tile", "corpus tiles"),
            folder.display(),
            folder.join("report.html").display(),
        );
        let result = json!({
            "folder": folder,
            "report": folder.join("report.html"),
            "results": predict.output,
            "queries": prediction.queries,
            "corpus": prediction.corpus,
            "scores": scores.json(),
        });
        output.result(&text, &result)
    }
}

/// Makes the folder and its two folders of tiles, empty. A folder that holds anything but an earlier demo is left alone.
fn prepare(folder: &Path) -> Result<(), Failure> {
    let cannot = |path: &Path, error| Failure::output(format!("cannot prepare {}: {error}", path.display()));
    let marker = folder.join(MARKER);
    if folder.is_file() {
        let problem = "it is a file; give the name of a folder with -o";
        return Err(Failure::output(format!("cannot write the demo to {}: {problem}", folder.display())));
    }
    let occupied = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if occupied && !marker.exists() {
        let problem = "it is not empty and no earlier demo; give another folder with -o";
        return Err(Failure::output(format!("cannot write the demo to {}: {problem}", folder.display())));
    }
    for split in [Split::Query, Split::Corpus] {
        let tiles = folder.join(part(split));
        if tiles.exists() {
            fs::remove_dir_all(&tiles).map_err(|error| cannot(&tiles, error))?;
        }
        fs::create_dir_all(&tiles).map_err(|error| cannot(&tiles, error))?;
    }
    files::write_whole(&marker, |out| out.write_all(MARKER_TEXT.as_bytes())).map_err(Failure::output)
}

/// The folder of the tiles of a split.
fn part(split: Split) -> &'static str {
    match split {
        Split::Query => "query",
        Split::Corpus => "corpus",
    }
}

fn write_gold(tiles: &[CutTile], path: &Path) -> Result<(), Failure> {
    let written = files::write_whole(path, |out| {
        let mut table = csv::Writer::from_writer(out);
        table.write_record(["part", "file", "label"])?;
        for cut in tiles {
            let part = match cut.tile.split {
                Split::Query => "query",
                Split::Corpus => "image_corpus",
            };
            table.write_record([part, &cut.name, cut.tile.class.name()])?;
        }
        table.flush()
    });
    written.map_err(Failure::output)
}

/// The first tiles of each class, as `refcon show classes` draws them.
fn gallery(tiles: &[CutTile]) -> Canvas {
    let classes: Vec<ClassTiles> = SeismicClass::ALL
        .iter()
        .map(|class| {
            let of_class: Vec<&CutTile> = tiles.iter().filter(|cut| cut.tile.class == *class).collect();
            let shown = of_class.iter().take(TILES_IN_GALLERY).map(|cut| cut.image.clone()).collect();
            ClassTiles { name: class.name().into(), count: of_class.len(), tiles: shown }
        })
        .collect();
    class_gallery("Synthetic survey: tiles of each class", &classes)
}

/// The inline with most salt in it.
fn section_picture(survey: &SyntheticSurvey, clip: f32) -> Result<Canvas, Failure> {
    let volume = &survey.volume;
    let inline_size = volume.crosslines.count * volume.samples.count;
    let salt = |labels: &[u8]| labels.iter().filter(|&&label| label == SeismicClass::Salt.label()).count();
    let per_inline: Vec<usize> = survey.labels.chunks_exact(inline_size).map(salt).collect();
    let index = (0..per_inline.len()).max_by_key(|&inline| per_inline[inline]).unwrap_or(0);
    let line = volume.inlines.number(index);
    let title = format!("Synthetic survey, seed {}, inline {line}", survey.spec.seed);
    // The line is one of the volume's.
    let section = volume.section(Direction::Inline, line).unwrap_or_else(|| unreachable!("inline {line}"));
    let look = Look { title: &title, scale: Scale::symmetric(clip), colours: ColourMap::Grey };
    look.section("Crossline", section, false)
}
