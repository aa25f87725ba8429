//! How surveys are cut into tiles, on the command line.

use crate::failure::Failure;
use crate::output::Output;
use crate::survey::{SurveyChoices, check_unit};
use clap::{Args, ValueEnum};
use refcon_library::retrieval::section_box::Positions;
use refcon_seismic::export::LabelVolume;
use refcon_seismic::statistics::absolute_percentiles;
use refcon_seismic::tiling::{
    GridRule, Normalisation, PretrainingRule, SizeHistogram, TileRule, TileSelection, TileSize,
};
use refcon_seismic::{Direction, Survey};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Which tiles are cut from surveys, and how they become grey.
#[derive(Debug, Clone, Args)]
pub(crate) struct TilingChoices {
    /// How tiles are laid over a section
    #[arg(long, value_enum, default_value_t = Rule::Grid)]
    rule: Rule,

    /// Traces × samples of a tile
    #[arg(long, value_name = "WxH", default_value = "118x143")]
    size: Size,

    /// Grid: traces × samples from one tile to the next [default: the size]. Pretraining: the distance of corners
    /// [default: 100x126]
    #[arg(long, value_name = "WxH")]
    stride: Option<Size>,

    /// Pretraining: draw each tile's size from those of the images in this folder, instead of --size
    #[arg(long, value_name = "DIR")]
    sizes_from: Option<PathBuf>,

    /// Pretraining: tiles of each section, at most
    #[arg(long, default_value_t = 4, value_name = "N")]
    per_section: usize,

    /// Pretraining: another seed cuts other tiles
    #[arg(long, default_value_t = 42)]
    seed: u64,

    /// Which sections
    #[arg(long, value_enum, default_value_t = Directions::Both)]
    direction: Directions,

    /// Every n-th line only
    #[arg(long, default_value_t = 1, value_name = "N")]
    every: usize,

    /// Only samples from here to there, as in `400..1200`, `400..1200ms` or `2000..3000m`
    #[arg(long, value_name = "FROM..TO[ms|s|m|km|ft]", allow_hyphen_values = true)]
    window: Option<Positions>,

    /// Leave out tiles with a smaller share of live samples (finite and not 0)
    #[arg(long, default_value_t = 0.5, value_name = "SHARE", allow_negative_numbers = true)]
    min_live: f64,

    /// How amplitudes become grey
    #[arg(long, value_enum, default_value_t = Scale::MinMax)]
    normalise: Scale,

    /// For percentile and survey-percentile: percent of absolute amplitudes that are not clipped
    #[arg(long, default_value_t = 99.0, value_name = "PERCENT", allow_negative_numbers = true)]
    percent: f64,

    /// For z-score: standard deviations from grey to white
    #[arg(long, default_value_t = 3.0, value_name = "N", allow_negative_numbers = true)]
    deviations: f32,
}

/// Which classes tiles of surveys have.
#[derive(Debug, Clone, Args)]
pub(crate) struct LabelChoices {
    /// Label volume of a survey, of the same shape; given once for each survey, in their order
    #[arg(long, value_name = "LABELS")]
    sections_labels: Vec<PathBuf>,

    /// Names of labels, as in `3=Salt,4=Channel`; others are called label-N
    #[arg(long, value_name = "N=NAME,…", value_delimiter = ',', requires = "sections_labels")]
    label_names: Vec<LabelName>,

    /// Share of a tile's samples that a label needs; tiles with less are left out (`tile`) or have no class (`index`)
    #[arg(
        long,
        default_value_t = 0.5,
        value_name = "SHARE",
        requires = "sections_labels",
        allow_negative_numbers = true
    )]
    pub(crate) label_share: f64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Rule {
    /// Tiles of one size side by side; the last of a row is moved inside
    Grid,
    /// The challenge's: corners on a grid, a size drawn for each, a few tiles of each section
    Pretraining,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Directions {
    Inline,
    Crossline,
    Both,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Scale {
    /// From the tile's least to its greatest amplitude, as the challenge does
    MinMax,
    /// Around the tile's mean, in its standard deviations
    ZScore,
    /// Symmetric about 0, clipped at a percentile of the tile
    Percentile,
    /// Symmetric about 0, clipped at a percentile of the whole survey, which is read twice for that
    SurveyPercentile,
}

/// Traces × samples as the user writes them.
#[derive(Debug, Clone, Copy)]
struct Size(TileSize);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let sides: Result<Vec<usize>, _> = text.split('x').map(str::parse).collect();
        match sides.as_deref() {
            Ok(&[width, height]) => Ok(Self(TileSize { height, width })),
            _ => Err("expected traces × samples, as in 118x143".to_owned()),
        }
    }
}

/// A label and its name as the user writes them.
#[derive(Debug, Clone)]
struct LabelName(i32, String);

impl FromStr for LabelName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts =
            text.split_once('=').and_then(|(label, name)| Some((label.trim().parse().ok()?, name.trim())));
        parts
            .filter(|(_, name)| !name.is_empty())
            .map(|(label, name)| Self(label, name.to_owned()))
            .ok_or_else(|| "expected a whole number and a name, as in 3=Salt".to_owned())
    }
}

impl TilingChoices {
    /// Which rectangles of a section.
    pub(crate) fn rule(&self) -> Result<TileRule, Failure> {
        if let (Rule::Grid, Some(folder)) = (self.rule, &self.sizes_from) {
            return Err(Failure::usage(format!(
                "--sizes-from {}: a grid has tiles of one size; give --rule pretraining too, or --size",
                folder.display()
            )));
        }
        let Size(size) = self.size;
        let stride = self.stride.map(|Size(stride)| stride);
        Ok(match self.rule {
            Rule::Grid => {
                let TileSize { height: down, width: across } = stride.unwrap_or(size);
                TileRule::Grid(GridRule { size, down, across })
            }
            Rule::Pretraining => {
                let sizes = match &self.sizes_from {
                    Some(folder) => sizes_in(folder)?,
                    None => SizeHistogram::of_sizes([size]).map_err(Failure::usage)?,
                };
                let mut rule = PretrainingRule::of_challenge(sizes, self.seed);
                rule.per_section = self.per_section;
                if let Some(TileSize { height, width }) = stride {
                    (rule.down, rule.across) = (height, width);
                }
                TileRule::Pretraining(rule)
            }
        })
    }

    /// Which sections.
    pub(crate) fn selection(&self) -> TileSelection {
        let directions = match self.direction {
            Directions::Inline => vec![Direction::Inline],
            Directions::Crossline => vec![Direction::Crossline],
            Directions::Both => vec![Direction::Inline, Direction::Crossline],
        };
        let window = self.window.map(|Positions { from, to, .. }| [from, to]);
        TileSelection { directions, every: self.every, window, minimum_live_fraction: self.min_live }
    }

    /// How amplitudes of `survey` become grey. What was said of it in units that it does not have is refused.
    pub(crate) fn normalisation(&self, survey: &Survey, output: &Output) -> Result<Normalisation, Failure> {
        if let Some(window) = self.window {
            check_unit(&format!("--window {window}"), window.domain, survey.samples().domain)?;
        }
        let percent = self.percent;
        if !(0.0..=100.0).contains(&percent) {
            return Err(Failure::usage(format!("--percent {percent}: expected 0 to 100")));
        }
        if self.deviations.is_nan() || self.deviations <= 0.0 {
            return Err(Failure::usage(format!("--deviations {}: expected more than 0", self.deviations)));
        }
        Ok(match self.normalise {
            Scale::MinMax => Normalisation::MinMax,
            Scale::ZScore => Normalisation::ZScore { deviations: self.deviations },
            Scale::Percentile => Normalisation::SymmetricPercentile { percent },
            Scale::SurveyPercentile => {
                let progress = output.progress("reading amplitudes", 2 * survey.trace_count() as usize);
                let clips = absolute_percentiles(survey, &[percent], &mut |traces| progress.inc(traces));
                progress.finish_and_clear();
                let clips = clips.map_err(Failure::input)?;
                Normalisation::Clip { amplitude: clips.first().copied().unwrap_or(0.0) }
            }
        })
    }
}

impl LabelChoices {
    /// Whether there are any.
    pub(crate) fn are_given(&self) -> bool {
        !self.sections_labels.is_empty()
    }

    /// The label volumes of so many surveys: none, or one for each.
    pub(crate) fn open(&self, surveys: usize, choices: &SurveyChoices) -> Result<Vec<LabelVolume>, Failure> {
        let given = self.sections_labels.len();
        if given != 0 && given != surveys {
            return Err(Failure::usage(format!(
                "{given} label volumes for {surveys} surveys: give --sections-labels once for each survey, in their order"
            )));
        }
        let names: BTreeMap<i32, String> =
            self.label_names.iter().map(|LabelName(label, name)| (*label, name.clone())).collect();
        let labels = self.sections_labels.iter();
        labels.map(|path| Ok(LabelVolume::new(choices.open(path)?, names.clone()))).collect()
    }
}

/// The sizes of the images in a folder and its subfolders.
fn sizes_in(folder: &Path) -> Result<SizeHistogram, Failure> {
    let files = refcon_image::list(folder).map_err(Failure::input)?;
    let limits = refcon_image::DecodeLimits::default();
    let sizes = files.iter().map(|file| {
        let (width, height) = refcon_image::size_of(&file.path, &limits).map_err(Failure::input)?;
        Ok(TileSize { height: height as usize, width: width as usize })
    });
    let sizes = sizes.collect::<Result<Vec<TileSize>, Failure>>()?;
    SizeHistogram::of_sizes(sizes).map_err(Failure::input)
}
