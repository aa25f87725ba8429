//! `refcon synth`: a synthetic survey with its label volume.

use crate::failure::Failure;
use crate::labelled_tiles::CutTile;
use crate::output::Output;
use crate::survey::Position;
use clap::Args;
use rayon::prelude::*;
use refcon_seismic::numpy;
use refcon_seismic::segy::{self, WriteOptions};
use refcon_seismic::synthetic::{SeismicClass, SyntheticSpec, SyntheticSurvey, TileRequest, generate};
use refcon_seismic::{BinGrid, Domain, Volume, absolute_percentile};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Make a synthetic survey with its label volume
///
/// A reflectivity model with folds, faults, a salt body, channels, wedges, bright, chaotic and transparent packages,
/// convolved with a Ricker wavelet, with band-limited noise. The same seed gives the same survey. The labels are a volume
/// of the same shape; each value is one of the eight classes of the challenge, which are listed at the end.
#[derive(Debug, Args)]
pub(crate) struct Synth {
    /// The volume to write: .sgy or .segy (SEG-Y revision 1), or .npy (NumPy, [inline, crossline, sample], 32-bit floats).
    /// The labels go beside it, as NAME-labels, in the same format
    #[arg(long, short, value_name = "FILE.sgy|FILE.npy")]
    output: PathBuf,

    /// Replace a survey and labels of these names
    #[arg(long)]
    replace: bool,

    #[command(flatten)]
    survey: SurveyArguments,

    #[command(flatten)]
    tiles: TilesArguments,
}

/// Labelled tiles of the survey, as for training.
#[derive(Debug, Args)]
struct TilesArguments {
    /// Also cut tiles that show a class each into DIR/CLASS, as `refcon train` takes them. Tiles of other seeds may be there already
    #[arg(long, value_name = "DIR")]
    tiles: Option<PathBuf>,

    /// Most tiles of each class
    #[arg(long, default_value_t = 20, value_name = "N", requires = "tiles")]
    tiles_per_class: usize,

    /// Side of a tile, in samples and traces
    #[arg(long, default_value_t = 96, value_name = "N", requires = "tiles")]
    tile_side: usize,
}

/// What the user may choose about a survey.
#[derive(Debug, Args)]
pub(crate) struct SurveyArguments {
    /// Each seed is another geology
    #[arg(long, default_value_t = SyntheticSpec::default().seed)]
    pub(crate) seed: u64,

    /// Number of inlines, at least 64
    #[arg(long, default_value_t = SyntheticSpec::default().inlines, value_name = "N")]
    inlines: usize,

    /// Number of crosslines, at least 64
    #[arg(long, default_value_t = SyntheticSpec::default().crosslines, value_name = "N")]
    crosslines: usize,

    /// Samples in a trace, at least 128
    #[arg(long, default_value_t = SyntheticSpec::default().samples, value_name = "N")]
    samples: usize,

    /// Sample interval, ms
    #[arg(long, default_value_t = SyntheticSpec::default().interval_ms, value_name = "MS", value_parser = milliseconds,
        allow_hyphen_values = true)]
    interval: f64,

    /// Peak frequency of the Ricker wavelet, Hz
    #[arg(long, default_value_t = SyntheticSpec::default().peak_frequency_hz, value_name = "HZ", allow_negative_numbers = true)]
    frequency: f64,

    /// Amplitude of the signal over that of the noise (root mean square); `inf` for no noise
    #[arg(long, default_value_t = SyntheticSpec::default().signal_to_noise, value_name = "RATIO", allow_negative_numbers = true)]
    signal_to_noise: f64,
}

/// A time, with or without its unit.
fn milliseconds(text: &str) -> Result<f64, String> {
    match text.parse()? {
        Position { value, domain: None | Some(Domain::Time) } => Ok(value),
        Position { .. } => Err("expected a time, as in 4, 4ms or 0.004s".to_owned()),
    }
}

impl SurveyArguments {
    /// What is to be made, which can be.
    pub(crate) fn spec(&self) -> Result<SyntheticSpec, Failure> {
        let spec = SyntheticSpec {
            seed: self.seed,
            inlines: self.inlines,
            crosslines: self.crosslines,
            samples: self.samples,
            interval_ms: self.interval,
            peak_frequency_hz: self.frequency,
            signal_to_noise: self.signal_to_noise,
        };
        spec.validate().map_err(Failure::usage)?;
        Ok(spec)
    }

    pub(crate) fn generate(&self) -> Result<SyntheticSurvey, Failure> {
        generate(&self.spec()?).map_err(Failure::usage)
    }
}

/// Lines that two tiles are apart that overlap by more than [`MOST_OVERLAP`]: nearer than for a test, since tiles that resemble each
/// other do not make training easier than it is.
const LINES_APART: usize = 4;
const MOST_OVERLAP: f64 = 0.5;

/// Percent of amplitudes that tiles show without clipping.
const CLIP_PERCENT: f64 = 99.0;

#[derive(Debug, Clone, Copy)]
enum Format {
    Segy,
    Numpy,
}

impl Synth {
    pub(crate) fn run(&self, output: &Output) -> Result<(), Failure> {
        let format = format_of(&self.output)?;
        let labels_path = beside(&self.output, "-labels");
        if self.tiles.tiles.is_some() {
            self.tiles.request(self.survey.seed).check(&self.survey.spec()?).map_err(Failure::usage)?;
        }
        for path in [&self.output, &labels_path] {
            if path.exists() && !self.replace {
                return Err(Failure::output(format!(
                    "cannot write {}: it is there already; give another name with -o, remove it, or say --replace",
                    path.display()
                )));
            }
            refcon_library::files::check_writable(path).map_err(Failure::output)?;
        }
        output.step("making the survey");
        let survey = self.survey.generate()?;
        output.step("writing it");
        write(&survey, format, &self.output, &labels_path)?;
        let tiles = self.tiles.write(&survey, output)?;
        let shares = shares(&survey);
        let mut text = summary(&survey, &self.output, &labels_path, &shares);
        let mut result = result(self, &labels_path, &shares);
        if let (Some(folder), Some(count)) = (&self.tiles.tiles, tiles) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "tiles: {count} in {}", folder.display());
            result["tiles"] = json!({"folder": folder, "count": count});
        }
        output.result(&text, &result)
    }
}

impl TilesArguments {
    /// Which tiles are to be cut.
    fn request(&self, seed: u64) -> TileRequest {
        TileRequest {
            seed,
            height: self.tile_side,
            width: self.tile_side,
            queries_per_class: 0,
            corpus_per_class: self.tiles_per_class,
            min_line_distance: LINES_APART,
            max_overlap: MOST_OVERLAP,
            query_share: 0.0,
        }
    }

    /// How many tiles were written, where any were asked for.
    fn write(&self, survey: &SyntheticSurvey, output: &Output) -> Result<Option<usize>, Failure> {
        let Some(folder) = &self.tiles else { return Ok(None) };
        output.step("cutting tiles");
        let selection = survey.labelled_tiles(&self.request(survey.spec.seed)).map_err(Failure::usage)?;
        let clip = absolute_percentile(&survey.volume.amplitudes, CLIP_PERCENT);
        let tiles = CutTile::all(survey, &selection.tiles, clip)?;
        let folder_of = |cut: &CutTile| folder.join(cut.tile.class.name());
        for cut in &tiles {
            let folder = folder_of(cut);
            std::fs::create_dir_all(&folder)
                .map_err(|error| Failure::output(format!("cannot make {}: {error}", folder.display())))?;
        }
        tiles.into_par_iter().try_for_each(|mut cut| {
            cut.name = format!("seed-{}-{}", survey.spec.seed, cut.name);
            cut.write(&folder_of(&cut))
        })?;
        Ok(Some(selection.tiles.len()))
    }
}

fn format_of(path: &Path) -> Result<Format, Failure> {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    match extension.as_deref() {
        Some("sgy" | "segy") => Ok(Format::Segy),
        Some("npy") => Ok(Format::Numpy),
        _ => Err(Failure::usage(format!(
            "{}: expected a name that ends in .sgy, .segy or .npy",
            path.display()
        ))),
    }
}

/// `survey.sgy` → `survey-labels.sgy`
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(suffix);
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

fn write(survey: &SyntheticSurvey, format: Format, path: &Path, labels_path: &Path) -> Result<(), Failure> {
    match format {
        Format::Numpy => {
            let volume = &survey.volume;
            let shape = [volume.inlines.count, volume.crosslines.count, volume.samples.count];
            numpy::write_volume(path, volume).map_err(Failure::output)?;
            numpy::write_labels(labels_path, shape, &survey.labels).map_err(Failure::output)
        }
        Format::Segy => {
            write_segy(survey, path)?;
            let labels = Volume {
                amplitudes: survey.labels.iter().map(|&label| f32::from(label)).collect(),
                ..survey.volume.clone()
            };
            let mut description = vec![format!("LABELS OF {}", file_name(path))];
            description.extend(SeismicClass::ALL.map(|class| format!("{} {}", class.label(), class.name())));
            segy::write_volume(labels_path, &labels, &options(description)).map_err(Failure::output)
        }
    }
}

/// Writes the amplitudes as SEG-Y, with lines on a map grid and a textual header that says what they are.
pub(crate) fn write_segy(survey: &SyntheticSurvey, path: &Path) -> Result<(), Failure> {
    let description = vec![
        format!("SYNTHETIC SURVEY, SEED {}, MADE BY REFCON {}", survey.spec.seed, env!("CARGO_PKG_VERSION")),
        format!("RICKER WAVELET, PEAK FREQUENCY {} HZ", survey.spec.peak_frequency_hz),
    ];
    segy::write_volume(path, &survey.volume, &options(description)).map_err(Failure::output)
}

fn options(description: Vec<String>) -> WriteOptions {
    WriteOptions { description, grid: Some(grid()), ..WriteOptions::default() }
}

/// A map position for a survey that lies nowhere.
const ORIGIN: [f64; 2] = [500_000.0, 6_000_000.0];
/// Metres between inlines and between crosslines.
const BIN_SIZE: [f64; 2] = [25.0, 12.5];
/// Direction in which inlines run, degrees clockwise from north: turned, as real surveys are.
const AZIMUTH: f64 = 30.0;

fn grid() -> BinGrid {
    let (east, north) = AZIMUTH.to_radians().sin_cos();
    BinGrid {
        origin: ORIGIN,
        inline_step: [BIN_SIZE[0] * north, -BIN_SIZE[0] * east],
        crossline_step: [BIN_SIZE[1] * east, BIN_SIZE[1] * north],
    }
}

/// The share of the volume that each class has.
fn shares(survey: &SyntheticSurvey) -> Vec<(SeismicClass, f64)> {
    let mut counts = [0usize; SeismicClass::ALL.len()];
    for &label in &survey.labels {
        counts[usize::from(label)] += 1;
    }
    let total = survey.labels.len() as f64;
    SeismicClass::ALL
        .iter()
        .map(|&class| (class, counts[usize::from(class.label())] as f64 / total))
        .collect()
}

fn summary(survey: &SyntheticSurvey, path: &Path, labels: &Path, shares: &[(SeismicClass, f64)]) -> String {
    let volume = &survey.volume;
    let mut text = format!(
        "survey: {} ({} inlines × {} crosslines × {} samples of {} ms)\nlabels: {}\n",
        path.display(),
        volume.inlines.count,
        volume.crosslines.count,
        volume.samples.count,
        volume.samples.interval,
        labels.display()
    );
    for (class, share) in shares {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {} {:<22} {:>5.1} %", class.label(), class.name(), 100.0 * share);
    }
    text
}

fn result(synth: &Synth, labels: &Path, shares: &[(SeismicClass, f64)]) -> Value {
    let classes: Map<String, Value> = shares
        .iter()
        .map(|(class, share)| (class.name().into(), json!({"label": class.label(), "share": share})))
        .collect();
    json!({"survey": synth.output, "labels": labels, "seed": synth.survey.seed, "classes": classes})
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}
